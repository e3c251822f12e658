package zqt

import (
	"fmt"
	"strings"
	"testing"

	"campaign/internal/campaign"
)

func lines(problems []campaign.Problem) string {
	var all []string
	for _, p := range problems {
		line := fmt.Sprintf("%s: %s [%s]", p.Pointer, p.Message, p.Rule)
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		all = append(all, line)
	}
	return strings.Join(all, "\n")
}

func TestAccountProblems(t *testing.T) {
	const at = "/profiles/test/targets/gov"
	address := `"base_url": "http://127.0.0.1:8080/"`
	for _, c := range []struct{ old, new, want string }{
		{address, `"environment": "zhuoyi-tset"`, at + `/environment: there is no environment "zhuoyi-tset" [unknown-environment] (did you mean "zhuoyi-test"?)`},
		{address, `"environment": "production"`, at + `/environment: there is no environment "production" [unknown-environment] (known are anke-test, jiangsu, jiangsu-test, yixing, yixing-extranet, yixing-extranet-vpn, yixing-test, zhuoyi, zhuoyi-test)`},
		{address, `"environment": 1`, at + `/environment: must be text [type]`},
		{address, `"environment": "zhuoyi", ` + address, at + `/base_url: environment and base_url both say where the account is [conflict] (keep one of them)`},
		{address, `"environment": "zhuoyi", "route_prefix": "/x"`, at + `/route_prefix: the environment has its own route prefix [conflict] (use base_url to give another one)`},
		{address, `"x": 1`, at + `: neither environment nor base_url says where the account is [required] (for example environment: zhuoyi-test)`},
		{address, `"base_url": ""`, at + `/base_url: is empty [url] (write an address such as https://gateway.example.org)`},
		{address, `"base_url": "gateway.example.org"`, at + `/base_url: is not an http or https address [url] (write it whole, for example https://gateway.example.org)`},
		{address, `"base_url": "ftp://gateway.example.org"`, at + `/base_url: is not an http or https address [url] (write it whole, for example https://gateway.example.org)`},
		{address, `"base_url": "http://:80"`, at + `/base_url: is not an http or https address [url] (write it whole, for example https://gateway.example.org)`},
		{address, `"base_url": "http://user:hunter2@h"`, at + `/base_url: must not hold a user name or password [url] (give secrets as {env: NAME} or {file: PATH})`},
		{address, `"base_url": "http://h/?a"`, at + `/base_url: must end with the path [url] (leave out what follows ? or #)`},
		{address, `"base_url": "http://h/#"`, at + `/base_url: must end with the path [url] (leave out what follows ? or #)`},
		{address, address + `, "route_prefix": "AGCS_zqc"`, at + `/route_prefix: must be a path such as /AGCS_zqc, or "" for none [route-prefix]`},
		{address, address + `, "route_prefix": "/a b"`, at + `/route_prefix: must be a path such as /AGCS_zqc, or "" for none [route-prefix]`},
		{address, address + `, "route_prefix": "//h/x"`, at + `/route_prefix: must be a path such as /AGCS_zqc, or "" for none [route-prefix]`},
		{address, address + `, "route_prefix": "/a?b"`, at + `/route_prefix: must be a path such as /AGCS_zqc, or "" for none [route-prefix]`},
		{`"app": {`, `"other": {`, at + `: "app" is missing [required]`},
		{`"id": "zqtong_gov_app_client", `, ``, at + `/app: "id" is missing [required]`},
		{`"政企消息"`, `" "`, at + `/app/name: must not be empty [empty]`},
		{`"token"`, `"tokn"`, at + `: "token" is missing [required]`},
		{`{"env": "ZQT_TOKEN"}`, `"hunter2"`, at + `/token: a secret must not stand in this file [secret-in-file] (say where it comes from: {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT]})`},
		{`"usertype": "government"`, `"usertype": "govt"`, at + `/senders/统计局/usertype: usertype is neither government (政府) nor enterprise (企业) [usertype]`},
		{`"usertype": "government"`, `"usertype": 3`, at + `/senders/统计局/usertype: usertype is neither government (政府) nor enterprise (企业) [usertype]`},
		{`"usertype": "government"`, `"usertype": true`, at + `/senders/统计局/usertype: must be a whole number [type]`},
		{`"usertype": "government",`, ``, at + `/senders/统计局: "usertype" is missing [required]`},
		{`"统计局": {`, `"a/b~": {"orgid": "", "userid": "u", "usertype": 1}, "统计局": {`, at + `/senders/a~1b~0/orgid: must not be empty [empty]`},
	} {
		account, problems := System{}.Account(testAccount(with(t, exampleAccount, c.old, c.new)))
		if got := lines(problems); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.new, got, c.want)
		}
		if account != nil {
			t.Errorf("%s: there is an account", c.new)
		}
		if strings.Contains(lines(problems), "hunter2") {
			t.Errorf("%s: the problem holds a secret", c.new)
		}
	}
}

func TestCampaignProblems(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"from": "统计局"`, `"from": "统计居"`, `/channel/from: account "gov" has no sender "统计居" [unknown-sender] (did you mean "统计局"?)`},
		{`"from": "统计局"`, `"from": "市民中心"`, `/channel/from: account "gov" has no sender "市民中心" [unknown-sender] (known are 统计局)`},
		{`"from": "统计局"`, `"from": 5`, `/channel/from: must be text [type]`},
		{`, "from": "统计局"`, ``, `/channel: "from" is missing [required]`},
		{`"from": "统计局"`, `"from": {"userid": "u", "usertype": 1}`, `/channel/from: "orgid" is missing [required]`},
		{`"title"`, `"titel"`, `/content: "title" is missing [required]`},
		{`{"file": "content/census.html"}`, `"content/census.html"`, `/content/body: the body would be the words "content/census.html" [body-is-file-name] (to send the file's text write body: {file: content/census.html})`},
		{`{"file": "content/census.html"}`, `{"file": "content/other.html"}`, `/content/body/file: file "content/other.html" was not read [no-file]`},
		{`{"file": "content/census.html"}`, `{}`, `/content/body: "file" is missing [required]`},
		{`"宜兴人民政府"`, `" "`, `/content/sender: must not be empty [empty]`},
		{`"通知公告"`, `"通知"`, `/content/category: "通知" is not one of 公共公示 新闻通知 政策公示 会议通知 通知公告 [category] (did you mean "会议通知"?)`},
		{`"一般"`, `"高"`, `/content/level: "高" is not one of 紧急 重要 普通 一般 [level] (known are 一般, 普通, 紧急, 重要)`},
		{`"push": false`, `"push": 1`, `/content/push: must be true or false [type]`},
		{`{"name": "附件1", "path": "www.path.com"}`, `{"name": "附件1"}`, `/content/attachments/0: "path" is missing [required]`},
		{`"tags": ["c-1", "c-2"]`, `"tags": ["c-1", 2]`, `/content/display_recipient/tags/1: must be text [type]`},
		{`{"test": "测试扩展"}`, `[1]`, `/content/ext: must be a mapping [type]`},
	} {
		channel, content := exampleChannel, exampleContent
		if strings.Contains(channel, c.old) {
			channel = with(t, channel, c.old, c.new)
		} else {
			content = with(t, content, c.old, c.new)
		}
		account, _ := System{}.Account(testAccount(exampleAccount))
		target, problems := account.Target(testCampaign(channel, content))
		if got := lines(problems); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.new, got, c.want)
		}
		if target != nil {
			t.Errorf("%s: there is a target", c.new)
		}
	}
}

func TestAccountWithoutSenders(t *testing.T) {
	text := exampleAccount[:strings.Index(exampleAccount, `"senders"`)] + `"x": 1}`
	account, _ := System{}.Account(testAccount(text))
	_, problems := account.Target(testCampaign(exampleChannel, exampleContent))
	want := `/channel/from: account "gov" has no sender "统计局" [unknown-sender] (the account has no senders: add it there, or give userid, usertype and orgid here)`
	if got := lines(problems); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// All problems come at once.
func TestAllProblemsAtOnce(t *testing.T) {
	account, _ := System{}.Account(testAccount(exampleAccount))
	_, problems := account.Target(testCampaign(`{"from": "x"}`, `{"title": 1, "push": "yes", "level": "一"}`))
	if len(problems) != 7 {
		t.Errorf("%d problems:\n%s", len(problems), lines(problems))
	}
}

func TestBodiesThatAreNoFileNames(t *testing.T) {
	for text, want := range map[string]bool{
		"census.html": true, "content/a.HTM": true, "通知.md": true, "see census.html": false, "<a>.html": false, "hello": false, "v1.2": false, "": false,
	} {
		if got := looksLikeFile(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
