package chuanbo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/targets"
	"campaign/internal/targets/targettest"
)

const exampleAccount = `{
	"system": "chuanbo", "base_url": "http://127.0.0.1:8080", "connect_no": {"env": "CHUANBO_CONNECT_NO"}, "section": 90,
	"message_types": {"应急": 38}, "signatures": {"宜兴发布": 50}, "headers": {"x-tenant-id": "6"}}`

func testAccount(text string) campaign.Account {
	return campaign.Account{
		Name: "media", System: "chuanbo", NotAccepted: []int{529},
		Raw: campaign.Raw{Pointer: "/profiles/test/targets/media", JSON: json.RawMessage(text)},
	}
}

func testCampaign(kind, channel, content string) *campaign.Campaign {
	return &campaign.Campaign{
		Name:    kind,
		Channel: campaign.Channel{Type: kind, Target: "media", Raw: campaign.Raw{Pointer: "/channel", JSON: json.RawMessage(channel)}},
		Content: campaign.Content{Raw: campaign.Raw{Pointer: "/content", JSON: json.RawMessage(content)}},
	}
}

func openAccount(t testing.TB, text string) *account {
	t.Helper()
	a, problems := System{}.Account(testAccount(text))
	if a == nil {
		t.Fatalf("account: %v", problems)
	}
	return a.(*account)
}

func openTarget(t testing.TB, account, kind, channel, content string) targets.Target {
	t.Helper()
	target, problems := openAccount(t, account).Target(testCampaign(kind, channel, content))
	if target == nil {
		t.Fatalf("campaign: %v", problems)
	}
	return target
}

func sources(target targets.Target) []string {
	var texts []string
	for _, text := range target.Layout().Texts {
		texts = append(texts, text.Source)
	}
	return texts
}

func groupsOf(ids ...string) []campaign.Recipient {
	var all []campaign.Recipient
	for i, id := range ids {
		all = append(all, campaign.Recipient{Row: int64(i + 1), Cells: []string{id, "xx选择标签"}})
	}
	return all
}

var connect = targets.Secrets{connectNo: campaign.NewSecret("made-up-connect-no")}

// parts reads a multipart body with the standard library: one line a field.
func parts(t testing.TB, r targets.Request) []string {
	t.Helper()
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		t.Fatalf("%s: %v", media, err)
	}
	var lines []string
	reader := multipart.NewReader(bytes.NewReader(r.Body), parameters["boundary"])
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		value, err := io.ReadAll(part)
		if err != nil || len(part.Header) != 1 || part.FileName() != "" {
			t.Fatalf("%v %v", part.Header, err)
		}
		lines = append(lines, part.FormName()+"="+string(value))
	}
}

// documented reads the fields of an example's curl command: each stands in
// double quotes, which curl takes away.
func documented(t testing.TB, title string) []string {
	t.Helper()
	section := document(t, title)
	section, _, _ = strings.Cut(section, "\n\n请求")
	section, _, _ = strings.Cut(section, "\n\n返回")
	var lines []string
	for _, match := range regexp.MustCompile(`--form '(\w+)="([^']*)"'`).FindAllStringSubmatch(section, -1) {
		lines = append(lines, match[1]+"="+match[2])
	}
	return lines
}

// document is the document's text behind the last occurrence of a line.
func document(t testing.TB, title string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/examples.txt")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndex(string(text), title+"\n")
	if at < 0 {
		t.Fatalf("the document has no %q", title)
	}
	return string(text)[at:]
}

func sorted(lines []string) map[string]bool {
	set := map[string]bool{}
	for _, line := range lines {
		set[line] = true
	}
	return set
}

var examples = []struct {
	title, kind, content string
	fields               int
}{
	{"请求示例-系统通知", Notification, `{"name": "gateway-系统通知", "tag": "标签标签标签标签", "title": "1111", "text": "2222",
		"icon": "https://preimg.tmuyun.com/assets/20240910/1725947597162_66dfdecd37fa3d4d774fc6f8.png"}`, 10},
	{"请求示例-推送短信", SMS, `{"name": "gateway-短信通知", "tag": "标签标签标签标签", "signature": "宜兴发布", "text": "123123"}`, 9},
	{"请求示例-推送语音", Voice, `{"name": "gateway-语音消息", "tag": "标签标签标签标签", "text": "333333"}`, 8},
}

// The document's three curl commands, field for field. Their tag of 16
// characters is over its own table's limit: half of it is sent, as task_tag, or
// as tag when the account says so (upstream, decisions).
func TestDocumentExamples(t *testing.T) {
	const channel = `{"target": "media", "message_type": "应急"}`
	for _, e := range examples {
		want := documented(t, e.title)
		if len(want) != e.fields {
			t.Fatalf("%s: read %d fields: %q", e.title, len(want), want)
		}
		for _, name := range []string{"task_tag", "tag"} {
			target := openTarget(t, with(t, exampleAccount, `"section"`, `"tag_field": "`+name+`", "section"`), e.kind, channel, e.content)
			request, err := target.Request(targets.Message{Texts: sources(target), Recipients: groupsOf("123")}, connect)
			if err != nil {
				t.Fatal(err)
			}
			shorter := sorted(want)
			if !shorter["tag=标签标签标签标签标签标签标签标签"] {
				t.Fatalf("%s: the example has another tag: %q", e.title, want)
			}
			delete(shorter, "tag=标签标签标签标签标签标签标签标签")
			shorter[name+"=标签标签标签标签"] = true
			got := parts(t, request)
			if diff := cmp.Diff(shorter, sorted(got)); diff != "" || len(got) != e.fields {
				t.Errorf("%s: document (-) and request (+) differ:\n%s", e.title, diff)
			}
			if request.Method != "POST" || request.URL != "http://127.0.0.1:8080/openapi/chuanbo/push_create" {
				t.Errorf("%s %s", request.Method, request.URL)
			}
		}
	}
}

func TestConformance(t *testing.T) {
	success := []byte(document(t, "返回示例"))
	success = success[bytes.IndexByte(success, '{'):]
	success = success[:bytes.IndexByte(success, '}')+1]
	var samples []targettest.Sample
	for _, e := range examples {
		content := with(t, e.content, `"name"`, `"link": {"type": "article", "content": "12"}, "name"`)
		c := testCampaign(e.kind, `{"target": "media", "message_type": 38, "section": 91, "directive": 7}`, content)
		target, problems := openAccount(t, exampleAccount).Target(c)
		if target == nil {
			t.Fatal(problems)
		}
		samples = append(samples, targettest.Sample{Campaign: c, Message: targets.Message{Texts: sources(target), Recipients: groupsOf("123", "144")}})
	}
	refused := []byte(`{"code": 1001, "message": "标签过长"}`)
	withData := []byte(`{"code": 0, "message": "success", "data": {"id": 12}}`)
	targettest.Run(t, targettest.Fixture{
		System:    System{},
		Account:   testAccount(exampleAccount),
		Samples:   samples,
		Successes: []targets.Answer{{Status: 200, Body: success}, {Status: 200, Body: withData}},
		Refusals: []targets.Answer{{Status: 200, Body: refused}, {Status: 400, Body: refused}, {Status: 401, Body: refused},
			{Status: 200, Body: []byte(`{"code": -1, "message": "", "data": null}`)}},
		Decisive: []string{"code", "message"},
	})
}

// with replaces a part of a document, which must be there.
func with(t testing.TB, document, old, new string) string {
	t.Helper()
	if !strings.Contains(document, old) {
		t.Fatalf("the document has no %s", old)
	}
	return strings.Replace(document, old, new, 1)
}

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
