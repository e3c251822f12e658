package zqt

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/targets"
	"campaign/internal/targets/targettest"
)

// documented cuts the first JSON object behind a line out of the document's text.
func documented(t testing.TB, behind string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/example.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), behind)
	if !found {
		t.Fatalf("the document has no %q", behind)
	}
	var object json.RawMessage
	if err := json.NewDecoder(strings.NewReader(rest[strings.Index(rest, "{"):])).Decode(&object); err != nil {
		t.Fatal(err)
	}
	return object
}

func decode(t testing.TB, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

// The document's example has redirect_app twice; encoding/json takes the second
// one, which is the one that the campaign gives.
func TestDocumentExample(t *testing.T) {
	target := openTarget(t, exampleAccount, exampleChannel, exampleContent)
	request, err := target.Request(targets.Message{Texts: sources(target), Recipients: []campaign.Recipient{company}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decode(t, documented(t, "示例")), decode(t, request.Body)); diff != "" {
		t.Errorf("document (-) and request (+) differ:\n%s", diff)
	}
	if request.Method != "POST" || request.URL != "http://127.0.0.1:8080/AGCS_zqc/v3_1/msgcenter/send" {
		t.Errorf("%s %s", request.Method, request.URL)
	}
	if diff := cmp.Diff(map[string][]string{"Content-Type": {"application/json"}}, map[string][]string(request.Header)); diff != "" {
		t.Error(diff)
	}
	target.(targets.Authorizer).Authorize(request.Header, campaign.NewSecret("t-1"))
	if got := request.Header.Get("Authorization"); got != "Bearer t-1" {
		t.Errorf("Authorization: %s", got)
	}
}

func TestConformance(t *testing.T) {
	content := with(t, exampleContent, `{"test": "测试扩展"}`, `{"b": "测试", "a": [1, 2.50, true, null, "x"], "c": {"d": "y"}}`)
	target := openTarget(t, exampleAccount, exampleChannel, content)
	message := targets.Message{Texts: sources(target), Recipients: []campaign.Recipient{company, company}}
	direct := `{"type": "zqt.message", "target": "gov", "from": {"userid": "u", "usertype": 1, "orgid": "o", "deptid": "d"}}`
	success, refusal := documented(t, "返回\n"), documented(t, "返回失败: 400")
	targettest.Run(t, targettest.Fixture{
		System:  System{},
		Account: testAccount(exampleAccount),
		Samples: []targettest.Sample{
			{Campaign: testCampaign(exampleChannel, content), Message: message},
			{Campaign: testCampaign(direct, content), Message: message},
		},
		Successes: []targets.Answer{{Status: 200, Body: success}},
		Refusals:  []targets.Answer{{Status: 200, Body: refusal}, {Status: 400, Body: refusal}},
		Decisive:  []string{"status", "oK"},
	})
}

// Every address of the document, with its route (domain说明; 请求URL).
func TestEnvironments(t *testing.T) {
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
	if len(Environments) != len(want) {
		t.Errorf("%d environments, the document has %d", len(Environments), len(want))
	}
	for _, e := range Environments {
		account := with(t, exampleAccount, `"base_url": "http://127.0.0.1:8080/"`, `"environment": "`+e.Name+`"`)
		target := openTarget(t, account, exampleChannel, exampleContent)
		request, err := target.Request(targets.Message{Texts: sources(target), Recipients: []campaign.Recipient{company}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if request.URL != want[e.Name] {
			t.Errorf("%s: %s, want %s", e.Name, request.URL, want[e.Name])
		}
		if e.Serves == "" {
			t.Errorf("%s does not say whom it serves", e.Name)
		}
	}
}

func TestOwnAddress(t *testing.T) {
	for address, want := range map[string]string{
		`"base_url": "http://127.0.0.1:8080"`:                           "http://127.0.0.1:8080/AGCS_zqc/v3_1/msgcenter/send",
		`"base_url": "http://127.0.0.1:8080/YX//"`:                      "http://127.0.0.1:8080/YX/AGCS_zqc/v3_1/msgcenter/send",
		`"base_url": "http://127.0.0.1:8080", "route_prefix": ""`:       "http://127.0.0.1:8080/v3_1/msgcenter/send",
		`"base_url": "http://[::1]:8080", "route_prefix": "/other/v2/"`: "http://[::1]:8080/other/v2/v3_1/msgcenter/send",
		`"base_url": "https://gateway.example.org:8443/a%2Fb"`:          "https://gateway.example.org:8443/a%2Fb/AGCS_zqc/v3_1/msgcenter/send",
	} {
		account := with(t, exampleAccount, `"base_url": "http://127.0.0.1:8080/"`, address)
		if got := openTarget(t, account, exampleChannel, exampleContent).(*target).url; got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
