package main

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/targets/zqt"
)

// The documents' own examples, written as files that a user writes, come out of
// the program as the requests that the documents show.

const documentTargets = `version: 1
project: document-0001
targets:
  gov:
    system: zqt
    environment: zhuoyi-test
    app: {id: zqtong_gov_app_client, name: 政企消息}
    token: {env: ZQT_TOKEN}
    senders:
      统计局: {userid: 1154fcc5-58fb-4eb5-ab0e-5ffb95cfc20a, usertype: government, orgid: d2eeee46-440c-4102-a71b-2770cd865198, deptid: 0ccaea9f-3a2c-4140-90ec-8496752967bd}
  media:
    system: chuanbo
    base_url: https://precms.tmuyun.com
    connect_no: {env: CHUANBO_CONNECT_NO}
    section: 90
    message_types: {应急: 38}
    signatures: {宜兴发布: 50}
`

const documentMessage = `version: 1
name: census
channel: {type: zqt.message, target: gov, from: 统计局}
content:
  title: "[环科园(新街街道)]  环科园第四次全国经济普查单位清查补充登记公告"
  body: "<div class='show_content'>消息正文</div>"
  sender: 宜兴人民政府
  category: 通知公告
  level: 一般
  push: false
  sms: false
  needs_reply: false
  attachments: [{name: 附件1, path: www.path.com}, {name: 附件2, path: www.path.com}]
  redirect: {pc: "http://xxx", app: "ZQT_xx/#/detail?id=xxx"}
  ext: {test: 测试扩展}
  display_recipient: {org: org-1, tags: [c-1, c-2], companies: [t-1, t-2], contact_types: [t-1, t-2]}
recipients:
  list: [{userid: 2fb5c7c3-6841-4b15-9c4d-b2e807b792e5, usertype: enterprise, orgid: ad0f56d2-4c5a-4b02-9127-6db8cc099820}]
`

// documentPush is the three pushes; their tag is at most 8 characters long.
var documentPush = map[string]string{
	"请求示例-系统通知": `channel: {type: chuanbo.notification, target: media, message_type: 应急}
content:
  name: gateway-系统通知
  tag: 标签标签标签标签
  title: "1111"
  text: "2222"
  icon: https://preimg.tmuyun.com/assets/20240910/1725947597162_66dfdecd37fa3d4d774fc6f8.png
`,
	"请求示例-推送短信": `channel: {type: chuanbo.sms, target: media, message_type: 应急}
content: {name: gateway-短信通知, tag: 标签标签标签标签, signature: 宜兴发布, text: "123123"}
`,
	"请求示例-推送语音": `channel: {type: chuanbo.voice, target: media, message_type: 应急}
content: {name: gateway-语音消息, tag: 标签标签标签标签, text: "333333"}
`,
}

// plannedUpstream plans a project of one campaign and gives its only request.
func plannedUpstream(t *testing.T, targets, file string) plannedRequest {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"targets.yaml": targets, "a.yaml": file} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs strings.Builder
	if code := run([]string{"plan", "--project", dir, "--requests", "--format", "json"}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var got struct{ Plans []planned }
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Plans) != 1 || len(got.Plans[0].Upstream) != 1 {
		t.Fatalf("not one request: %s", out.String())
	}
	return got.Plans[0].Upstream[0]
}

// quoted is the part of a document between two marks.
func quoted(t *testing.T, file, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndex(string(text), from)
	if at < 0 {
		t.Fatalf("%s has no %q", file, from)
	}
	part, _, found := strings.Cut(string(text)[at+len(from):], to)
	if !found {
		t.Fatalf("%s has no %q behind %q", file, to, from)
	}
	return part
}

func TestDocumentMessage(t *testing.T) {
	request := plannedUpstream(t, documentTargets, documentMessage)
	if request.Method != http.MethodPost || request.URL != "https://test-gateway.eazytec-cloud.com/AGCS_zqc/v3_1/msgcenter/send" {
		t.Errorf("%s %s", request.Method, request.URL)
	}
	want := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer $ZQT_TOKEN"}}
	if diff := cmp.Diff(want, request.Header); diff != "" {
		t.Error(diff)
	}
	// Of the two redirect_app of the example the second one counts, as JSON readers take it.
	example := quoted(t, "../../internal/targets/zqt/testdata/example.txt", "示例\n", "•")
	var documented, sent any
	if err := json.Unmarshal([]byte(example), &documented); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(request.Body), &sent); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(documented, sent); diff != "" {
		t.Errorf("the document (-), the request (+)\n%s", diff)
	}
}

func TestDocumentPushes(t *testing.T) {
	field := regexp.MustCompile(`--form '(\w+)="([^']*)"'`)
	for title, file := range documentPush {
		t.Run(title, func(t *testing.T) {
			request := plannedUpstream(t, documentTargets, "version: 1\nname: push\n"+file+"recipients: {groups: [123]}\n")
			if request.Method != http.MethodPost || request.URL != "https://precms.tmuyun.com/openapi/chuanbo/push_create" {
				t.Errorf("%s %s", request.Method, request.URL)
			}
			documented := map[string]string{}
			for _, m := range field.FindAllStringSubmatch(quoted(t, "../../internal/targets/chuanbo/testdata/examples.txt", title+"\n", "\n\n"), -1) {
				documented[m[1]] = m[2]
			}
			if len(documented) == 0 {
				// the command stands behind a line "Plain"
				t.Fatal("the document's command was not found")
			}
			// Decisions of upstream/README.md: the tag goes as task_tag, at most 8 characters.
			documented["task_tag"] = string([]rune(documented["tag"])[:8])
			delete(documented, "tag")
			documented["connectNo"] = "$CHUANBO_CONNECT_NO" // plans resolve no secret
			if diff := cmp.Diff(documented, formFields(t, request)); diff != "" {
				t.Errorf("the document (-), the request (+)\n%s", diff)
			}
		})
	}
}

func formFields(t *testing.T, request plannedRequest) map[string]string {
	t.Helper()
	media, parameters, err := mime.ParseMediaType(request.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		t.Fatalf("%s: %v", media, err)
	}
	fields := map[string]string{}
	reader := multipart.NewReader(strings.NewReader(request.Body), parameters["boundary"])
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return fields
		}
		if err != nil {
			t.Fatal(err)
		}
		value, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := fields[part.FormName()]; twice {
			t.Errorf("the field %s is sent twice", part.FormName())
		}
		fields[part.FormName()] = string(value)
	}
}

// The nine addresses of the document (zqt-msgcenter-send, domain 说明), and the
// route that 安可 does without.
func TestDocumentEnvironments(t *testing.T) {
	want := map[string]string{
		"zhuoyi-test":         "https://test-gateway.eazytec-cloud.com/AGCS_zqc/v3_1/msgcenter/send",
		"zhuoyi":              "https://gateway.eazytec-cloud.com/AGCS_zqc/v3_1/msgcenter/send",
		"yixing-test":         "https://test-gateway.eazytec-cloud.com/YX/AGCS_zqc/v3_1/msgcenter/send",
		"yixing":              "https://gateway.eazytec-cloud.com/YX/AGCS_zqc/v3_1/msgcenter/send",
		"yixing-extranet-vpn": "http://10.36.12.1:8000/YX/AGCS_zqc/v3_1/msgcenter/send",
		"yixing-extranet":     "http://2.18.243.11:8000/YX/AGCS_zqc/v3_1/msgcenter/send",
		"jiangsu-test":        "https://test-gateway.eazytec-cloud.com/JS/AGCS_zqc/v3_1/msgcenter/send",
		"jiangsu":             "https://gateway.eazytec-cloud.com/JS/AGCS_zqc/v3_1/msgcenter/send",
		"anke-test":           "http://192.168.16.163:8091/v3_1/msgcenter/send",
	}
	if len(zqt.Environments) != len(want) {
		t.Errorf("%d environments, the document has %d", len(zqt.Environments), len(want))
	}
	for name, address := range want {
		targets := strings.Replace(documentTargets, "environment: zhuoyi-test", "environment: "+name, 1)
		if got := plannedUpstream(t, targets, documentMessage).URL; got != address {
			t.Errorf("%s is at %s, want %s", name, got, address)
		}
	}
}
