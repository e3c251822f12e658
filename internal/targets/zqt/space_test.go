package zqt

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/targets"
	"campaign/internal/targets/targettest"
)

// 缺少必要参数 in GBK. What of it is no UTF-8 is read as U+FFFD, a byte each, as encoding/json does.
const gbk = "\xc8\xb1\xc9\xd9\xb1\xd8\xd2\xaa\xb2\xce\xca\xfd"

var (
	success = targettest.Statuses{{200, 200}}
	refusal = targettest.Statuses{{200, 200}, {400, 400}}
	every   = targettest.EveryStatus
)

// The document's answers (返回), as it prints them.
var documentedBodies = []targettest.Body{
	{Name: "success", Accepted: success, Contrary: every, Ref: "outboxid(发件消息ID)", Text: `{
          "data": "outboxid(发件消息ID)" ,
          "msg": "success",
          "oK": true,
          "status": 200
      }`},
	{Name: "返回失败: 400", Rejected: refusal, Reason: "refused: 缺少必要参数", Text: `{
         "data": "缺少必要参数" ,
         "msg": "fail",
         "status": 400
       }`},
	{Name: "返回失败: 401", Refused: targettest.Statuses{{401, 401}}, Text: `{
           "error": "invalid_token",
           "error_description": "Invalid access token: e9a86405-0000-0000-0000-000000000000"
       }`},
	{Name: "empty"},
	{Name: "a gateway's page", Text: "<html>\r\n<head><title>502 Bad Gateway</title></head></html>\r\n"},
}

// Everything that is nearly so. Bodies without statuses are documented nowhere.
var otherBodies = []targettest.Body{
	{Name: "success, one line", Accepted: success, Contrary: every, Ref: "1", Text: `{"data":"1","msg":"success","oK":true,"status":200}`},
	{Name: "success, other order and fields", Accepted: success, Contrary: every, Ref: "1", Text: `{"x":{"status":400,"oK":false},"status":200,"oK":true,"data":"1","msg":""}`},
	{Name: "success, escaped keys", Accepted: success, Contrary: every, Text: `{"\u006fK":true,"st\u0061tus":200}`},
	{Name: "success, GBK in its data", Accepted: success, Contrary: every, Ref: string([]rune(gbk[:2])), Text: `{"data":"` + gbk[:2] + `","oK":true,"status":200}`},
	{Name: "success, huge", Accepted: success, Contrary: every, Ref: strings.Repeat("a", 199) + "…", Text: `{"oK":true,"status":200,"data":"` + strings.Repeat("a", 64<<10) + `"}`},
	{Name: "success, msg fail", Accepted: success, Contrary: every, Text: `{"msg":"fail","oK":true,"status":200}`},
	{Name: "success, cut off by one", Text: `{"data":"1","msg":"success","oK":true,"status":200`},
	{Name: "success, cut off in a text", Text: `{"oK":true,"status":200,"data":"1`},
	{Name: "success, twice", Text: `{"oK":true,"status":200}{"oK":true,"status":200}`},
	{Name: "success in a list", Text: `[{"oK":true,"status":200}]`},
	{Name: "success in a text", Text: `"{\"oK\":true,\"status\":200}"`},
	{Name: "success in an object", Text: `{"data":{"oK":true,"status":200}}`},
	{Name: "success after a BOM", Text: "\ufeff" + `{"oK":true,"status":200}`},
	{Name: "success in UTF-16", Text: "\xff\xfe{\x00\"\x00o\x00K\x00\"\x00:\x00t\x00r\x00u\x00e\x00}\x00"},
	{Name: "success, rubbish before", Text: `)]}',` + `{"oK":true,"status":200}`},
	{Name: "success, a comment", Text: `{"oK":true,"status":200/**/}`},
	{Name: "status twice", Text: `{"oK":true,"status":200,"status":200}`},
	{Name: "status twice, otherwise", Text: `{"oK":true,"status":400,"status":200}`},
	{Name: "oK twice", Text: `{"oK":true,"oK":false,"status":200}`},
	{Name: "oK twice, escaped", Text: `{"oK":true,"\u006fK":false,"status":200}`},
	{Name: "status as text", Text: `{"oK":true,"status":"200"}`},
	{Name: "status 200.0", Text: `{"oK":true,"status":200.0}`},
	{Name: "status 2e2", Text: `{"oK":true,"status":2e2}`},
	{Name: "status 201", Text: `{"oK":true,"status":201}`},
	{Name: "status 0", Text: `{"oK":true,"status":0}`},
	{Name: "status null", Text: `{"oK":true,"status":null}`},
	{Name: "status in a list", Text: `{"oK":true,"status":[200]}`},
	{Name: "no status", Text: `{"oK":true,"msg":"success","data":"1"}`},
	{Name: "oK true, status 400", Text: `{"oK":true,"status":400}`},
	{Name: "oK true, status 400, msg fail", Text: `{"oK":true,"status":400,"msg":"fail"}`},
	{Name: "oK true, status 500", Text: `{"oK":true,"status":500,"msg":"fail"}`},
	{Name: "oK false", Text: `{"oK":false,"status":200,"msg":"success"}`},
	{Name: "oK as text", Text: `{"oK":"true","status":200}`},
	{Name: "oK as number", Text: `{"oK":1,"status":200}`},
	{Name: "oK null", Text: `{"oK":null,"status":200}`},
	{Name: "no oK", Text: `{"status":200,"msg":"success"}`},
	{Name: "ok", Text: `{"ok":true,"status":200}`},
	{Name: "OK", Text: `{"OK":true,"status":200}`},
	{Name: "Status", Text: `{"oK":true,"Status":200}`},
	{Name: "True", Text: `{"oK":True,"status":200}`},

	{Name: "refusal, oK false", Rejected: refusal, Reason: "refused: no reason given", Text: `{"msg":"fail","oK":false,"status":400}`},
	{Name: "refusal, GBK", Rejected: refusal, Reason: "refused: " + string([]rune(gbk)), Text: `{"data":"` + gbk + `","msg":"fail","status":400}`},
	{Name: "refusal, of two lines", Rejected: refusal, Reason: "refused: a b", Text: `{"data":"a\r\n\u001bb","msg":"fail","status":400}`},
	{Name: "refusal, huge", Rejected: refusal, Reason: "refused: " + strings.Repeat("长", 199) + "…", Text: `{"data":"` + strings.Repeat("长", 20<<10) + `","msg":"fail","status":400}`},
	{Name: "refusal, a list as its data", Rejected: refusal, Reason: `refused: ["title","to"]`, Text: `{"data":["title", "to"],"msg":"fail","status":400}`},
	{Name: "refusal, cut off", Text: `{"data":"x","msg":"fail","status":400`},
	{Name: "refusal, status as text", Text: `{"msg":"fail","status":"400"}`},
	{Name: "refusal, status 500", Text: `{"msg":"fail","status":500}`},
	{Name: "refusal, status 401", Text: `{"msg":"fail","status":401}`},
	{Name: "refusal, no status", Text: `{"data":"x","msg":"fail"}`},
	{Name: "refusal, no msg", Text: `{"data":"x","status":400}`},
	{Name: "refusal, Fail", Text: `{"msg":"Fail","status":400}`},
	{Name: "refusal, msg success", Text: `{"msg":"success","status":400}`},
	{Name: "refusal, msg twice", Text: `{"msg":"fail","msg":"fail","status":400}`},
	{Name: "refusal in a list", Text: `[{"msg":"fail","status":400}]`},
	{Name: "refusal after a BOM", Text: "\ufeff" + `{"msg":"fail","status":400}`},

	{Name: "invalid token, more fields", Refused: targettest.Statuses{{401, 401}}, Text: `{"error":"invalid_token","x":1}`},
	{Name: "invalid token, twice", Text: `{"error":"invalid_token","error":"invalid_token"}`},
	{Name: "invalid token, a list", Text: `{"error":["invalid_token"]}`},
	{Name: "invalid token, upper case", Text: `{"error":"INVALID_TOKEN"}`},
	{Name: "invalid token, cut off", Text: `{"error":"invalid_token"`},
	{Name: "another error", Text: `{"error":"unauthorized"}`},

	{Name: "space", Text: " \r\n"},
	{Name: "null", Text: "null"},
	{Name: "true", Text: "true"},
	{Name: "200", Text: "200"},
	{Name: "a text", Text: `"success"`},
	{Name: "an empty object", Text: "{}"},
	{Name: "an empty list", Text: "[]"},
	{Name: "zeros", Text: strings.Repeat("\x00", 64)},
	{Name: "plain text", Text: "success"},
	{Name: "GBK", Text: gbk},
	{Name: "gzip", Text: "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"},
	{Name: "deep", Text: strings.Repeat(`{"status":`, 5000) + "200" + strings.Repeat("}", 5000)},
	{Name: "deeper than is read", Text: strings.Repeat("[", 20000) + strings.Repeat("]", 20000)},
	{Name: "chuanbo's success", Text: `{"code":0,"message":"success"}`},
}

func openNaming(t testing.TB, notAccepted []int) targets.Target {
	t.Helper()
	declared := testAccount(exampleAccount)
	declared.NotAccepted = notAccepted
	a, problems := System{}.Account(declared)
	if a == nil {
		t.Fatalf("account: %v", problems)
	}
	target, problems := a.Target(testCampaign(exampleChannel, leastContent))
	if target == nil {
		t.Fatalf("campaign: %v", problems)
	}
	return target
}

func TestJudgeSpace(t *testing.T) {
	targettest.Space(t, func(notAccepted []int) targets.Target { return openNaming(t, notAccepted) }, documentedBodies, otherBodies)
}

// FuzzJudge holds verdicts on any answer against what encoding/json reads.
func FuzzJudge(f *testing.F) {
	for i, b := range slices.Concat(documentedBodies, otherBodies) {
		f.Add([]int{200, 400, 401, 429, 503}[i%5], []byte(b.Text), []string{"", "7", "soon"}[i%3], 503*(i%2))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, patience string, notAccepted int) {
		a := targets.Answer{Status: status, Header: http.Header{}, Body: body}
		if patience != "" {
			a.Header.Set("Retry-After", patience)
		}
		v := openNaming(t, []int{notAccepted}).Judge(a)
		var read map[string]any
		_ = json.Unmarshal(body, &read)
		switch v.Outcome {
		case campaign.Accepted:
			if status != 200 || read["status"] != 200.0 || read["oK"] != true || v.Reason != "" {
				t.Errorf("accepted: %+v", v)
			}
		case campaign.Rejected:
			if status != 200 && status != 400 || read["status"] != 400.0 || read["msg"] != "fail" || read["oK"] == true || v.Ref != "" {
				t.Errorf("rejected: %+v", v)
			}
		case campaign.Deferred:
			_, given := targets.RetryAfter(a.Header)
			invalid := status == 401 && read["error"] == "invalid_token"
			if !invalid && status != 425 && status != 429 && !(status == 503 && given) && (status < 400 || status != notAccepted) {
				t.Errorf("deferred: %+v", v)
			}
		}
		targettest.CheckVerdict(t, v, a)
	})
}
