package zqt

import (
	"encoding/json"
	"strings"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

const exampleAccount = `{
	"system": "zqt", "base_url": "http://127.0.0.1:8080/", "app": {"id": "zqtong_gov_app_client", "name": "政企消息"},
	"token": {"env": "ZQT_TOKEN"}, "limits": {"rate": "50/s"},
	"senders": {"统计局": {"userid": "1154fcc5-58fb-4eb5-ab0e-5ffb95cfc20a", "usertype": "government",
		"orgid": "d2eeee46-440c-4102-a71b-2770cd865198", "deptid": "0ccaea9f-3a2c-4140-90ec-8496752967bd"}}}`

const exampleChannel = `{"type": "zqt.message", "target": "gov", "from": "统计局"}`

const exampleContent = `{
	"title": "[环科园(新街街道)]  环科园第四次全国经济普查单位清查补充登记公告",
	"body": {"file": "content/census.html"}, "sender": "宜兴人民政府", "category": "通知公告", "level": "一般",
	"push": false, "sms": false, "needs_reply": false,
	"attachments": [{"name": "附件1", "path": "www.path.com"}, {"name": "附件2", "path": "www.path.com"}],
	"redirect": {"pc": "http://xxx", "app": "ZQT_xx/#/detail?id=xxx"}, "ext": {"test": "测试扩展"},
	"display_recipient": {"org": "org-1", "tags": ["c-1", "c-2"], "companies": ["t-1", "t-2"], "contact_types": ["t-1", "t-2"]}}`

func testAccount(text string) campaign.Account {
	return campaign.Account{
		Name: "gov", System: "zqt", NotAccepted: []int{529},
		Raw: campaign.Raw{Pointer: "/profiles/test/targets/gov", JSON: json.RawMessage(text)},
	}
}

func testCampaign(channel, content string) *campaign.Campaign {
	return &campaign.Campaign{
		Name:    "census",
		Channel: campaign.Channel{Type: Channel, Target: "gov", Raw: campaign.Raw{Pointer: "/channel", JSON: json.RawMessage(channel)}},
		Content: campaign.Content{
			Raw:   campaign.Raw{Pointer: "/content", JSON: json.RawMessage(content)},
			Files: map[string]string{"content/census.html": "<div class='show_content'>消息正文</div>"},
		},
	}
}

func openTarget(t testing.TB, account, channel, content string) targets.Target {
	t.Helper()
	a, problems := System{}.Account(testAccount(account))
	if a == nil {
		t.Fatalf("account: %v", problems)
	}
	target, problems := a.Target(testCampaign(channel, content))
	if target == nil {
		t.Fatalf("campaign: %v", problems)
	}
	return target
}

// sources are a campaign's texts as they stand, for campaigns without templates.
func sources(target targets.Target) []string {
	var texts []string
	for _, text := range target.Layout().Texts {
		texts = append(texts, text.Source)
	}
	return texts
}

var company = campaign.Recipient{Row: 2, Cells: []string{
	"2fb5c7c3-6841-4b15-9c4d-b2e807b792e5", "2", "ad0f56d2-4c5a-4b02-9127-6db8cc099820", ""}}

// with replaces a part of a document, which must be there.
func with(t testing.TB, document, old, new string) string {
	t.Helper()
	if !strings.Contains(document, old) {
		t.Fatalf("the document has no %s", old)
	}
	return strings.Replace(document, old, new, 1)
}
