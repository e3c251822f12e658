package chuanbo

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Every field of the table, in its order.
func TestAllFields(t *testing.T) {
	target := openTarget(t, exampleAccount, Notification,
		`{"message_type": "应急", "section": 91, "directive": 9007199254740993}`,
		`{"name": "n", "tag": "t", "title": "T", "text": "C", "icon": "I", "link": {"type": "notice", "content": "L"}}`)
	texts := []string{"N", "L\r\n", "标题", "正文 --campaign-"}
	request, err := target.Request(targets.Message{Texts: texts, Recipients: groupsOf("144", " 145 ", "007")}, connect)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"connectNo=made-up-connect-no", "name=N", "section_id=91", "chuanbo_type_id=38", "chuanbo_directive_id=9007199254740993",
		"notify_way=1", "task_tag=t", "link_type=4", "link_content=L\r\n", "chuanbo_group=144,145,7", "push_icon=I",
		"push_title=标题", "push_content=正文 --campaign-",
	}
	if diff := cmp.Diff(want, parts(t, request)); diff != "" {
		t.Errorf("want (-), got (+)\n%s", diff)
	}
}

func TestLayout(t *testing.T) {
	for _, e := range examples {
		target := openTarget(t, exampleAccount, e.kind, `{"message_type": 38}`, e.content)
		layout := target.Layout()
		want := map[string][]targets.Text{
			Notification: {{Pointer: "/content/name"}, {Pointer: "/content/title"}, {Pointer: "/content/text"}},
			SMS:          {{Pointer: "/content/name"}, {Pointer: "/content/text", Limit: 70}},
			Voice:        {{Pointer: "/content/name"}, {Pointer: "/content/text", Limit: 500}},
		}[e.kind]
		for i := range layout.Texts {
			if layout.Texts[i].Source == "" || !layout.Texts[i].Required {
				t.Errorf("%s: text %+v", e.kind, layout.Texts[i])
			}
			layout.Texts[i].Source, layout.Texts[i].Required = "", false
		}
		if diff := cmp.Diff(want, layout.Texts); diff != "" {
			t.Errorf("%s: want (-), got (+)\n%s", e.kind, diff)
		}
		if !layout.Groups || layout.Identity != nil {
			t.Errorf("%s: %+v", e.kind, layout)
		}
	}
}

func TestAccountProblems(t *testing.T) {
	const at = "/profiles/test/targets/media"
	for _, c := range []struct{ old, new, want string }{
		{`"base_url": "http://127.0.0.1:8080", `, ``, at + `: "base_url" is missing [required]`},
		{`"connect_no": {"env": "CHUANBO_CONNECT_NO"}, `, ``, at + `: "connect_no" is missing [required]`},
		{`{"env": "CHUANBO_CONNECT_NO"}`, `{"oauth2": {"token_url": "http://h/t", "client_id": "i", "client_secret": {"env": "S"}}}`,
			at + `/connect_no: a connectNo is handed over, no token endpoint gives it [credential] (use env, file or command)`},
		{`"section": 90`, `"section": 0`, at + `/section: must be a number from 1 [id]`},
		{`"section": 90`, `"section": "90"`, at + `/section: must be a whole number [type]`},
		{`"section": 90`, `"section": 90.5`, at + `/section: must be a whole number [type]`},
		{`{"应急": 38}`, `{"应急": null}`, at + `/message_types: "应急" is missing [required]`},
		{`{"应急": 38}`, `[38]`, at + `/message_types: must be a mapping [type]`},
		{`{"宜兴发布": 50}`, `{"宜兴发布": -50}`, at + `/signatures/宜兴发布: must be a number from 1 [id]`},
		{`"section"`, `"tag_field": "tags", "section"`, at + `/tag_field: must be task_tag or tag [choice]`},
		{`"section"`, `"group_list_params": "header", "section"`, at + `/group_list_params: must be body or query [choice]`},
	} {
		account, problems := System{}.Account(testAccount(with(t, exampleAccount, c.old, c.new)))
		if got := lines(problems); got != c.want || account != nil {
			t.Errorf("%s:\ngot  %s\nwant %s", c.new, got, c.want)
		}
	}
}

func TestCampaignProblems(t *testing.T) {
	const channel = `{"type": "x", "message_type": "应急"}`
	const text = `"text": "C"`
	for _, c := range []struct{ kind, channel, content, want string }{
		{"zqt.message", channel, `{}`, `/channel/type: target "media" is a chuanbo account: it cannot send zqt.message [channel] (choose another target, or a type of 传播通)`},
		{SMS, `{}`, `{"name": "n", "signature": 1, "text": "C"}`, `/channel: "message_type" is missing [required]`},
		{SMS, `{"message_type": "应及"}`, `{"name": "n", "signature": 1, "text": "C"}`, `/channel/message_type: account "media" has no message type "应及" [unknown-message-type] (did you mean "应急"?)`},
		{SMS, `{"message_type": 0}`, `{"name": "n", "signature": 1, "text": "C"}`, `/channel/message_type: must be a number from 1 [id]`},
		{SMS, channel, `{"name": "n", "signature": "宜兴", "text": "C"}`, `/content/signature: account "media" has no signature "宜兴" [unknown-signature] (did you mean "宜兴发布"?)`},
		{SMS, channel, `{"name": "n", "text": "C"}`, `/content: "signature" is missing [required]`},
		{SMS, channel, `{"name": "n", "signature": 1}`, `/content: "text" is missing [required]`},
		{Voice, channel, `{"name": "n"}`, `/content: "text" is missing [required]`},
		{Voice, channel, `{"text": "C"}`, `/content: "name" is missing [required]`},
		{Voice, channel, `{"name": "n", "tag": "标签标签标签标签标", ` + text + `}`, `/content/tag: has 9 characters, at most 8 go [too-long]`},
		{Voice, channel, `{"name": "n", "tag": "", ` + text + `}`, `/content/tag: must not be empty [empty]`},
		{Notification, channel, `{"name": "n", ` + text + `}`, `/content: "title" is missing [required]`},
		{Notification, channel, `{"name": "n", "title": "T", "icon": "", ` + text + `}`, `/content/icon: must not be empty [empty]`},
		{Notification, channel, `{"name": "n", "title": "T", "link": {"type": "url", "content": "x"}, ` + text + `}`, `/content/link/type: must be article or notice [choice]`},
		{Notification, channel, `{"name": "n", "title": "T", "link": {"type": "article"}, ` + text + `}`, `/content/link: "content" is missing [required]`},
		{Notification, channel, `{"name": "n", "title": "T", "link": "x", ` + text + `}`, `/content/link: must be a mapping with type and content [type]`},
		{Notification, `{"message_type": 38, "directive": -1}`, `{"name": "n", "title": "T", ` + text + `}`, `/channel/directive: must be a number from 1 [id]`},
	} {
		target, problems := openAccount(t, exampleAccount).Target(testCampaign(c.kind, c.channel, c.content))
		if got := lines(problems); got != c.want || target != nil {
			t.Errorf("%s %s:\ngot  %s\nwant %s", c.channel, c.content, got, c.want)
		}
	}
	bare := `{"base_url": "http://127.0.0.1:1", "connect_no": {"env": "N"}}`
	_, problems := openAccount(t, bare).Target(testCampaign(Voice, channel, `{"name": "n", "text": "C"}`))
	want := `/channel: "section" is missing [required] (give it here or in account "media")` + "\n" +
		`/channel/message_type: account "media" has no message type "应急" [unknown-message-type] (the account names none: add it there, or give its number here)`
	if got := lines(problems); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWrongGroups(t *testing.T) {
	target := openTarget(t, exampleAccount, Voice, `{"message_type": 38}`, `{"name": "n", "text": "C"}`)
	for _, c := range []struct {
		ids  []string
		want string
	}{
		{nil, "no user groups"},
		{[]string{"144", "x"}, "user group 2 of the campaign: its id is not a user group's number"},
		{[]string{"1,2"}, "user group 1 of the campaign: its id is not"},
		{[]string{"0"}, "user group 1 of the campaign: its id is not"},
		{[]string{"144", "145", "0144"}, "user group 144 is in the message twice"},
	} {
		_, err := target.Request(targets.Message{Texts: sources(target), Recipients: groupsOf(c.ids...)}, connect)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.ids, err, c.want)
		}
	}
}

// Any values survive the form, and the boundary occurs in none of them.
func TestForm(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.SliceOfN(rapid.String(), 1, 5).Draw(rt, "values")
		var list []field
		var want []string
		for i, value := range values {
			name := string(rune('a' + i))
			list = append(list, field{name: name, value: value})
			want = append(want, name+"="+value)
		}
		// What an earlier request used as its boundary may come back as a text.
		mark := boundary(list)
		list = append(list, field{name: "z", value: "\r\n--" + mark + "--\r\n", secret: true})
		want = append(want, "z="+list[len(list)-1].value)
		request := form(http.MethodPost, "http://127.0.0.1/", list)
		if used := boundary(list); used == mark || occurs(used, list) {
			rt.Fatalf("boundary %s occurs in a value", used)
		}
		if diff := cmp.Diff(want, parts(t, request)); diff != "" {
			rt.Fatalf("want (-), got (+)\n%s", diff)
		}
	})
}

// A plan shows the boundary that a run uses: the secret does not go into it.
func TestBoundaryWithoutSecret(t *testing.T) {
	target := openTarget(t, exampleAccount, Voice, `{"message_type": 38}`, `{"name": "n", "text": "C"}`)
	m := targets.Message{Texts: sources(target), Recipients: groupsOf("1")}
	var kinds []string
	for _, secret := range []string{"$CHUANBO_CONNECT_NO", "another"} {
		request, err := target.Request(m, targets.Secrets{connectNo: campaign.NewSecret(secret)})
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, request.Header.Get("Content-Type"))
	}
	m.Texts = []string{"n", "D"}
	other, err := target.Request(m, connect)
	if err != nil {
		t.Fatal(err)
	}
	if kinds[0] != kinds[1] || other.Header.Get("Content-Type") == kinds[0] {
		t.Errorf("boundaries %q and %s", kinds, other.Header.Get("Content-Type"))
	}
}

func TestJudge(t *testing.T) {
	target := openTarget(t, exampleAccount, Voice, `{"message_type": 38}`, `{"name": "n", "text": "C"}`)
	const json = "application/json"
	for body, want := range map[string]map[int]string{
		`{"code":0,"message":"success"}`: {200: "accepted |", 201: "unknown unexpected-answer: HTTP 201, application/json, 30 bytes|",
			400: "unknown unexpected-answer: HTTP 400, application/json, 30 bytes|", 429: "unknown unexpected-answer: HTTP 429, application/json, 30 bytes|"},
		`{"code":0,"message":"","data":{"id": 7}}`:     {200: `accepted |{"id":7}`},
		`{"code":0,"message":"ok","data":"push-7"}`:    {200: "accepted |push-7"},
		`{"code":1001,"message":"标签\n过长"}`:             {200: "rejected refused: code 1001: 标签 过长|", 400: "rejected refused: code 1001: 标签 过长|", 429: "deferred too-many-requests: HTTP 429|", 529: "deferred not-accepted: HTTP 529|"},
		`{"code":-1,"message":""}`:                     {200: "rejected refused: code -1: no reason given|", 403: "rejected refused: code -1: no reason given|", 408: "unknown unexpected-answer: HTTP 408, application/json, 24 bytes|", 500: "unknown unexpected-answer: HTTP 500, application/json, 24 bytes|"},
		`{"code":"0","message":"success"}`:             {200: "unknown unexpected-answer: HTTP 200, application/json, 32 bytes|"},
		`{"code":0,"message":null}`:                    {200: "unknown unexpected-answer: HTTP 200, application/json, 25 bytes|"},
		`{"code":0}`:                                   {200: "unknown unexpected-answer: HTTP 200, application/json, 10 bytes|"},
		`{"code":1}`:                                   {200: "unknown unexpected-answer: HTTP 200, application/json, 10 bytes|"},
		`{"code":0,"code":0,"message":"success"}`:      {200: "unknown unexpected-answer: HTTP 200, application/json, 39 bytes|"},
		`{"Code":0,"Message":"success"}`:               {200: "unknown unexpected-answer: HTTP 200, application/json, 30 bytes|"},
		`{"code":99999999999999999999,"message":"no"}`: {200: "unknown unexpected-answer: HTTP 200, application/json, 44 bytes|"},
	} {
		for status, line := range want {
			v := target.Judge(targets.Answer{Status: status, Header: http.Header{"Content-Type": {json}}, Body: []byte(body)})
			if got := v.Outcome.String() + " " + v.Reason + "|" + v.Ref; got != line || v.Status != status {
				t.Errorf("HTTP %d %s:\ngot  %s\nwant %s", status, body, got, line)
			}
		}
	}
}

func TestGroupPage(t *testing.T) {
	request, err := openAccount(t, exampleAccount).GroupPage(1, 5, connect)
	if err != nil {
		t.Fatal(err)
	}
	want := documentedGroupList(t)
	if diff := cmp.Diff(want, parts(t, request)); diff != "" || request.Method != "GET" || request.URL != "http://127.0.0.1:8080/openapi/chuanbo/group_list" {
		t.Errorf("%s %s: document (-) and request (+) differ:\n%s", request.Method, request.URL, diff)
	}
	query := openAccount(t, with(t, exampleAccount, `"section"`, `"group_list_params": "query", "section"`))
	request, err = query.GroupPage(2, 10, targets.Secrets{connectNo: campaign.NewSecret("a&b c")})
	if err != nil {
		t.Fatal(err)
	}
	if request.URL != "http://127.0.0.1:8080/openapi/chuanbo/group_list?connectNo=a%26b+c&current=2&size=10" || request.Body != nil || request.Method != "GET" {
		t.Errorf("%s %s %q", request.Method, request.URL, request.Body)
	}
	for _, page := range [][2]int{{0, 5}, {1, 0}, {-1, -1}} {
		if _, err := query.GroupPage(page[0], page[1], connect); err == nil {
			t.Errorf("page %v is asked for", page)
		}
	}
	if _, err := query.GroupPage(1, 5, nil); err == nil || !strings.Contains(err.Error(), "connect_no") {
		t.Errorf("without the secret: %v", err)
	}
}

// documentedGroupList is the document's example of 一、获取用户组.
func documentedGroupList(t *testing.T) []string {
	all := document(t, "curl --location --request GET 'https://precms.tmuyun.com/openapi/chuanbo/group_list' \\")
	all, _, _ = strings.Cut(all, "\n\n")
	var fields []string
	for _, line := range strings.Split(all, "\n")[1:] {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "--form '"), " \\")
		fields = append(fields, strings.ReplaceAll(strings.TrimSuffix(line, "'"), `"`, ""))
	}
	if len(fields) != 3 {
		t.Fatalf("read %q", fields)
	}
	return fields
}

func TestGroups(t *testing.T) {
	a := openAccount(t, exampleAccount)
	text := document(t, "json\n{\n    \"code\": 0,\n    \"message\": \"success\",\n    \"data\": {")
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "json\n"), "\n\n")
	groups, total, err := a.Groups(targets.Answer{Status: 200, Body: []byte(text)})
	want := []campaign.Group{{ID: 144, Title: "xx选择标签", Department: "xxx", Type: "tags"}}
	if diff := cmp.Diff(want, groups); diff != "" || total != 77 || err != nil {
		t.Errorf("total %d, %v, document (-) and groups (+):\n%s", total, err, diff)
	}

	typed := `{"code":0,"message":"","data":{"list":{"records":[{"id":"7","title":"t","type":1,"pnum":"1200","status":1},{"id":8,"type":"3","pnum":null}],"total":"2"}}}`
	groups, total, err = a.Groups(targets.Answer{Status: 200, Body: []byte(typed)})
	want = []campaign.Group{{ID: 7, Title: "t", Type: "imported", People: 1200}, {ID: 8}}
	if diff := cmp.Diff(want, groups); diff != "" || total != 2 || err != nil {
		t.Errorf("total %d, %v\n%s", total, err, diff)
	}

	groups, total, err = a.Groups(targets.Answer{Status: 200, Body: []byte(`{"code":0,"message":"","data":{"list":{"records":[],"total":0}}}`)})
	if len(groups) != 0 || total != 0 || err != nil {
		t.Errorf("an empty page: %v %d %v", groups, total, err)
	}
}

func TestGroupsErrors(t *testing.T) {
	a := openAccount(t, exampleAccount)
	page := func(list string) string { return `{"code":0,"message":"","data":{"list":` + list + `}}` }
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{200, `{"code":401,"message":"connectNo错误"}`, "did not list its user groups: refused: code 401: connectNo错误"},
		{502, `<html>`, "did not list its user groups: unexpected-answer: HTTP 502, no content type, 6 bytes"},
		{500, `{"code":5,"message":"x"}`, "unexpected-answer: HTTP 500"},
		{404, page(`{"records":[],"total":0}`), "unexpected-answer: HTTP 404"},
		{200, `{"code":0,"message":""}`, "has no data.list.records"},
		{200, page(`[]`), "has no data.list.records"},
		{200, page(`{"records":null,"total":1}`), "has no data.list.records"},
		{200, page(`{"records":[1],"total":1}`), "has no data.list.records"},
		{200, page(`{"records":[]}`), "has no total"},
		{200, page(`{"records":[],"total":-1}`), "has no total"},
		{200, page(`{"records":[{"id":1},{"id":"x"}],"total":2}`), "record 2: its id is not a number from 1"},
		{200, page(`{"records":[{"id":1.5}],"total":1}`), "record 1: its id is not a number from 1"},
		{200, page(`{"records":[null],"total":1}`), "record 1: its id is not a number from 1"},
		{200, page(`{"records":[{"id":1,"pnum":"many"}],"total":1}`), "the pnum of group 1 is not a number of people"},
		{200, page(`{"records":[{"id":1,"pnum":-1}],"total":1}`), "the pnum of group 1 is not a number of people"},
	} {
		groups, _, err := a.Groups(targets.Answer{Status: c.status, Body: []byte(c.body)})
		if err == nil || !strings.Contains(err.Error(), c.want) || groups != nil {
			t.Errorf("HTTP %d %s: %v %v, want %s", c.status, c.body, groups, err, c.want)
		}
	}
}

func TestParseGroup(t *testing.T) {
	for text, want := range map[string]string{"144": "144", " 7 ": "7", "007": "7", "0": "", "-1": "", "1.0": "", "1e3": "", "": "", "99999999999999999999": ""} {
		if got, err := parseGroup(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	if !slices.Equal(System{}.Channels(), []string{Notification, SMS, Voice}) {
		t.Error("channels")
	}
}

func TestTextFromFile(t *testing.T) {
	a := openAccount(t, exampleAccount)
	c := &campaign.Campaign{
		Channel: campaign.Channel{Type: SMS, Raw: campaign.Raw{Pointer: "/channel", JSON: []byte(`{"type": "chuanbo.sms", "target": "media", "message_type": 38}`)}},
		Content: campaign.Content{
			Raw:   campaign.Raw{Pointer: "/content", JSON: []byte(`{"name": "n", "signature": 50, "text": {"file": "content/a.txt"}}`)},
			Files: map[string]string{"content/a.txt": "明日停水\n"},
		},
	}
	got, problems := a.Target(c)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := targets.Text{Pointer: "/content/text", File: "content/a.txt", Source: "明日停水", Required: true, Limit: smsLimit}
	if diff := cmp.Diff(want, got.Layout().Texts[1]); diff != "" {
		t.Error(diff)
	}
	c.Content.Files = nil
	if _, problems := a.Target(c); len(problems) != 1 || problems[0].Rule != "no-file" || problems[0].Pointer != "/content/text/file" {
		t.Errorf("a file that was not read: %+v", problems)
	}
}
