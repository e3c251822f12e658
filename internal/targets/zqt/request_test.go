package zqt

import (
	"fmt"
	"strings"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

const leastContent = `{"title": "t", "body": "b", "sender": "s", "category": "公共公示", "level": "紧急"}`

func requestBody(t testing.TB, target targets.Target, texts []string, recipients ...campaign.Recipient) string {
	t.Helper()
	request, err := target.Request(targets.Message{Texts: texts, Recipients: recipients}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(request.Body)
}

// What a campaign does not give is not sent.
func TestLeastRequest(t *testing.T) {
	from := `{"type": "zqt.message", "target": "gov", "from": {"userid": "u", "usertype": "企业", "orgid": "o"}}`
	target := openTarget(t, exampleAccount, from, leastContent)
	got := requestBody(t, target, sources(target), campaign.Recipient{Row: 2, Cells: []string{"a", "1", "b", "c", "extra"}}, company)
	want := `{"sendData":{"appid":"zqtong_gov_app_client","appname":"政企消息","title":"t","body":"b","msgtype":0,` +
		`"params":{"sender":"s","msgcategory":"公共公示","msglevel":"紧急"}},` +
		`"from":{"userid":"u","usertype":2,"orgid":"o"},` +
		`"to":[{"userid":"a","usertype":1,"orgid":"b","deptid":"c"},` +
		`{"userid":"2fb5c7c3-6841-4b15-9c4d-b2e807b792e5","usertype":2,"orgid":"ad0f56d2-4c5a-4b02-9127-6db8cc099820","deptid":""}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Integers stay integers and the odd strings stay strings.
func TestOptionalValues(t *testing.T) {
	for given, want := range map[string]string{
		`"push": true`:         `,"msgtype":0,"needpush":1,"params":{`,
		`"push": false`:        `,"msgtype":0,"needpush":0,"params":{`,
		`"sms": true`:          `,"needsms":"1"}`,
		`"sms": false`:         `,"needsms":"0"}`,
		`"needs_reply": true`:  `,"needreply":"1"}`,
		`"needs_reply": false`: `,"needreply":"0"}`,
		`"attachments": []`:    `,"hasatt":"0","msgcategory"`,
		`"attachments": [{"name": "a'b", "path": "C:\\d\n"}]`:      `,"hasatt":"1","attfiles":"[{'name':'a\\'b','path':'C:\\\\d\\n'}]","msgcategory"`,
		`"display_recipient": {"org": "o"}`:                        `,"recipient":"{'orgId':'o','esNameList':[],'companyIdList':[],'linkmenTypeList':[]}","msgcategory"`,
		`"display_recipient": {"tags": ["\"", "x"]}`:               `,"recipient":"{'orgId':'','esNameList':['\\\"','x'],'companyIdList':[],'linkmenTypeList':[]}","msgcategory"`,
		`"redirect": {"app": "a"}`:                                 `,"redirect_app":"a"}`,
		`"redirect": {"pc": "p"}`:                                  `,"redirect_pc":"p"}`,
		`"redirect": {}`:                                           `"msglevel":"紧急"}`,
		`"ext": {}`:                                                `,"body":"b","extMap":{},"msgtype"`,
		`"ext": {"z": "1", "a\"": [true, null, 1.50, {"k": "v"}]}`: `,"extMap":{"a\"":[true,null,1.50,{"k":"v"}],"z":"1"},"msgtype"`,
		`"push": null, "ext": null`:                                `,"body":"b","msgtype":0,"params"`,
	} {
		target := openTarget(t, exampleAccount, exampleChannel, with(t, leastContent, `"title"`, given+`, "title"`))
		got := requestBody(t, target, sources(target), company)
		if !strings.Contains(got, want) {
			t.Errorf("%s: no %s in %s", given, want, got)
		}
		decode(t, []byte(got))
	}
}

func TestLayout(t *testing.T) {
	content := with(t, exampleContent, `{"test": "测试扩展"}`, `{"z": "Z", "a~/": ["A", {"k": "K"}], "n": 1}`)
	layout := openTarget(t, exampleAccount, exampleChannel, content).Layout()
	want := []string{
		"/content/title plain required", "/content/body html required content/census.html",
		"/content/ext/a~0~1/0 plain", "/content/ext/a~0~1/1/k plain", "/content/ext/z plain",
		"/content/redirect/pc url", "/content/redirect/app url",
	}
	var got []string
	for _, text := range layout.Texts {
		line := text.Pointer + " " + map[targets.Escape]string{targets.Plain: "plain", targets.HTML: "html", targets.URL: "url"}[text.Escape]
		if text.Required {
			line += " required"
		}
		if text.File != "" {
			line += " " + text.File
		}
		got = append(got, line)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if source := layout.Texts[1].Source; source != "<div class='show_content'>消息正文</div>" {
		t.Errorf("body is %q", source)
	}
	if layout.Groups || strings.Join(layout.Identity, " ") != "userid orgid" || layout.Fields[0].Name != "userid" {
		t.Errorf("layout %+v", layout)
	}
}

// Texts come to their places in the order of the layout.
func TestTextsInTheirPlaces(t *testing.T) {
	target := openTarget(t, exampleAccount, exampleChannel, exampleContent)
	texts := []string{"T\"1", "<p>\u2028</p>", "E", "P", "A"}
	got := requestBody(t, target, texts, company)
	for _, want := range []string{`"title":"T\"1"`, "\"body\":\"<p>\u2028</p>\"", `"extMap":{"test":"E"}`, `"redirect_pc":"P"`, `"redirect_app":"A"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func TestUserType(t *testing.T) {
	parse := fields[1].Parse
	for text, want := range map[string]string{
		"government": "1", "Government": "1", "政府": "1", "1": "1", " 2 ": "2", "企业": "2", "enterprise": "2",
		"": "", "3": "", "01": "", "governmental": "", "政": "",
	} {
		got, err := parse(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q, %v", text, got, err)
		}
		if err != nil && text != "" && strings.Contains(err.Error(), "\""+text) {
			t.Errorf("the error quotes a cell: %v", err)
		}
	}
}

// A recipient that no document allows gives an error that names its row and
// quotes nothing of it.
func TestWrongRecipients(t *testing.T) {
	target := openTarget(t, exampleAccount, exampleChannel, leastContent)
	for cells, want := range map[string]string{
		"u|2|o":       "row 7 has 3 values where 4 are needed",
		"|2|o|":       "row 7 lacks userid or orgid",
		"u|2||":       "row 7 lacks userid or orgid",
		"u|企业|o|":     "row 7 has a usertype that is neither 1 nor 2",
		"u|1}|o|":     "row 7 has a usertype that is neither 1 nor 2",
		"u\xff|2|o|":  "row 7: userid is not valid UTF-8",
		"u|2|\xc3|":   "row 7: orgid is not valid UTF-8",
		"u|2|o|\x80d": "row 7: deptid is not valid UTF-8",
	} {
		r := campaign.Recipient{Row: 7, Cells: strings.Split(cells, "|")}
		_, err := target.Request(targets.Message{Texts: sources(target), Recipients: []campaign.Recipient{company, r}}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", cells, err, want)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	target := openTarget(b, exampleAccount, exampleChannel, exampleContent)
	m := targets.Message{Texts: sources(target)}
	for i := range 100 {
		m.Recipients = append(m.Recipients, campaign.Recipient{Row: int64(i + 2), Cells: []string{
			fmt.Sprintf("2fb5c7c3-6841-4b15-9c4d-%012d", i), "2", fmt.Sprintf("ad0f56d2-4c5a-4b02-9127-%012d", i), "", "宜兴某公司"}})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := target.Request(m, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/recipient")
}
