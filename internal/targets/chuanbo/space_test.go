package chuanbo

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

// 标签过长 in GBK. What of it is no UTF-8 is read as U+FFFD, a byte each, as encoding/json does.
const gbk = "\xb1\xea\xc7\xa9\xb9\xfd\xb3\xa4"

var (
	success = targettest.Statuses{{200, 200}}
	// A refusal counts where the request was answered, not where it was put off, nor
	// where a server failed over it.
	refusals = targettest.Statuses{{200, 200}, {400, 407}, {409, 424}, {426, 428}, {430, 499}}
	every    = targettest.EveryStatus
)

// The document's answers: its example, and what 返回参数 and 注意事项 say of others.
var documentedBodies = []targettest.Body{
	{Name: "success", Accepted: success, Contrary: every, Text: `{
    "code": 0,
    "message": "success"
}`},
	{Name: "success with data", Accepted: success, Contrary: every, Ref: `{"id":7}`, Text: `{"code":0,"message":"success","data":{"id": 7}}`},
	{Name: "非0", Rejected: refusals, Reason: "refused: code 1001: 标签过长", Text: `{"code":1001,"message":"标签过长"}`},
	{Name: "非0, negative, with data", Rejected: refusals, Reason: "refused: code -1: no reason given", Text: `{"data":{},"code":-1,"message":""}`},
	{Name: "empty"},
	{Name: "a gateway's page", Text: "<html>\r\n<head><title>502 Bad Gateway</title></head></html>\r\n"},
}

// Everything that is nearly so. Bodies without statuses are documented nowhere.
var otherBodies = []targettest.Body{
	{Name: "success, data null", Accepted: success, Contrary: every, Text: `{"code":0,"message":"","data":null}`},
	{Name: "success, data a text", Accepted: success, Contrary: every, Ref: "push-7", Text: `{"code":0,"message":"","data":"push-7"}`},
	{Name: "success, other fields", Accepted: success, Contrary: every, Text: `{"x":{"code":1},"message":"失败","code":0}`},
	{Name: "success, escaped keys", Accepted: success, Contrary: every, Text: `{"c\u006fde":0,"\u006dessage":"success"}`},
	{Name: "success, GBK", Accepted: success, Contrary: every, Text: `{"code":0,"message":"` + gbk + `"}`},
	{Name: "success, huge", Accepted: success, Contrary: every, Ref: strings.Repeat("a", 199) + "…", Text: `{"code":0,"message":"","data":"` + strings.Repeat("a", 64<<10) + `"}`},
	{Name: "success, cut off by one", Text: `{"code":0,"message":"success"`},
	{Name: "success, cut off in a text", Text: `{"code":0,"message":"succ`},
	{Name: "success, twice", Text: `{"code":0,"message":"success"}{"code":0,"message":"success"}`},
	{Name: "success in a list", Text: `[{"code":0,"message":"success"}]`},
	{Name: "success in a text", Text: `"{\"code\":0,\"message\":\"success\"}"`},
	{Name: "success in an object", Text: `{"data":{"code":0,"message":"success"}}`},
	{Name: "success after a BOM", Text: "\ufeff" + `{"code":0,"message":"success"}`},
	{Name: "success in UTF-16", Text: "\xff\xfe{\x00\"\x00c\x00o\x00d\x00e\x00\"\x00:\x000\x00}\x00"},
	{Name: "success, a callback", Text: `callback({"code":0,"message":"success"})`},
	{Name: "success, a comma too many", Text: `{"code":0,"message":"success",}`},
	{Name: "code twice", Text: `{"code":0,"code":0,"message":"success"}`},
	{Name: "code twice, otherwise", Text: `{"code":1,"code":0,"message":"success"}`},
	{Name: "code twice, escaped", Text: `{"code":0,"\u0063ode":1,"message":"success"}`},
	{Name: "message twice", Text: `{"code":1,"message":"a","message":"b"}`},
	{Name: "code as text", Text: `{"code":"0","message":"success"}`},
	{Name: "code as text, 非0", Text: `{"code":"1001","message":"标签过长"}`},
	{Name: "code 0.0", Text: `{"code":0.0,"message":"success"}`},
	{Name: "code -0", Text: `{"code":-0,"message":"success"}`},
	{Name: "code 0e0", Text: `{"code":0e0,"message":"success"}`},
	{Name: "code 00", Text: `{"code":00,"message":"success"}`},
	{Name: "code 1.5", Text: `{"code":1.5,"message":"x"}`},
	{Name: "code null", Text: `{"code":null,"message":"success"}`},
	{Name: "code false", Text: `{"code":false,"message":"success"}`},
	{Name: "code in a list", Text: `{"code":[0],"message":"success"}`},
	{Name: "code empty", Text: `{"code":"","message":"success"}`},
	{Name: "code beyond 64 bits", Text: `{"code":99999999999999999999,"message":"x"}`},
	{Name: "no code", Text: `{"message":"success","data":{}}`},
	{Name: "no message", Text: `{"code":0}`},
	{Name: "no message, 非0", Text: `{"code":1}`},
	{Name: "message null", Text: `{"code":0,"message":null}`},
	{Name: "message a number", Text: `{"code":0,"message":0}`},
	{Name: "message an object", Text: `{"code":1,"message":{}}`},
	{Name: "msg", Text: `{"code":0,"msg":"success"}`},
	{Name: "Code", Text: `{"Code":0,"message":"success"}`},
	{Name: "CODE, MESSAGE", Text: `{"CODE":0,"MESSAGE":"success"}`},
	{Name: "Message", Text: `{"code":1,"Message":"x"}`},

	{Name: "非0, HTTP's own number", Rejected: refusals, Reason: "refused: code 200: ok", Text: `{"code":200,"message":"ok"}`},
	{Name: "非0, the largest", Rejected: refusals, Reason: "refused: code 9223372036854775807: x", Text: `{"code":9223372036854775807,"message":"x"}`},
	{Name: "非0, GBK", Rejected: refusals, Reason: "refused: code 1: " + string([]rune(gbk)), Text: `{"code":1,"message":"` + gbk + `"}`},
	{Name: "非0, of two lines", Rejected: refusals, Reason: "refused: code 1: a b", Text: `{"code":1,"message":"a\r\n\u001bb"}`},
	{Name: "非0, huge", Rejected: refusals, Reason: "refused: code 1: " + strings.Repeat("长", 199) + "…", Text: `{"code":1,"message":"` + strings.Repeat("长", 20<<10) + `"}`},
	{Name: "非0, cut off", Text: `{"code":1001,"message":"标签过长"`},
	{Name: "非0, in a list", Text: `[{"code":1001,"message":"标签过长"}]`},
	{Name: "非0, after a BOM", Text: "\ufeff" + `{"code":1001,"message":"标签过长"}`},

	{Name: "space", Text: " \r\n"},
	{Name: "null", Text: "null"},
	{Name: "true", Text: "true"},
	{Name: "0", Text: "0"},
	{Name: "a text", Text: `"success"`},
	{Name: "an empty object", Text: "{}"},
	{Name: "an empty list", Text: "[]"},
	{Name: "zeros", Text: strings.Repeat("\x00", 64)},
	{Name: "plain text", Text: "success"},
	{Name: "GBK alone", Text: gbk},
	{Name: "gzip", Text: "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"},
	{Name: "deep", Text: strings.Repeat(`{"code":`, 5000) + "0" + strings.Repeat("}", 5000)},
	{Name: "deeper than is read", Text: strings.Repeat("[", 20000) + strings.Repeat("]", 20000)},
	{Name: "zqt's success", Text: `{"data":"1","msg":"success","oK":true,"status":200}`},
	{Name: "zqt's 401", Text: `{"error":"invalid_token","error_description":"x"}`},
}

func openNaming(t testing.TB, kind, content string, notAccepted []int) targets.Target {
	t.Helper()
	declared := testAccount(exampleAccount)
	declared.NotAccepted = notAccepted
	a, problems := System{}.Account(declared)
	if a == nil {
		t.Fatalf("account: %v", problems)
	}
	target, problems := a.Target(testCampaign(kind, `{"message_type": 38}`, content))
	if target == nil {
		t.Fatalf("campaign: %v", problems)
	}
	return target
}

func TestJudgeSpace(t *testing.T) {
	for kind, content := range map[string]string{
		Notification: `{"name": "n", "title": "T", "text": "C"}`,
		SMS:          `{"name": "n", "signature": 50, "text": "C"}`,
		Voice:        `{"name": "n", "text": "C"}`,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			targettest.Space(t, func(notAccepted []int) targets.Target { return openNaming(t, kind, content, notAccepted) },
				documentedBodies, otherBodies)
		})
	}
}

// FuzzJudge holds verdicts on any answer against what encoding/json reads.
func FuzzJudge(f *testing.F) {
	for i, b := range slices.Concat(documentedBodies, otherBodies) {
		f.Add([]int{200, 400, 408, 429, 503}[i%5], []byte(b.Text), []string{"", "7", "soon"}[i%3], 503*(i%2))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, patience string, notAccepted int) {
		a := targets.Answer{Status: status, Header: http.Header{}, Body: body}
		if patience != "" {
			a.Header.Set("Retry-After", patience)
		}
		v := openNaming(t, Voice, `{"name": "n", "text": "C"}`, []int{notAccepted}).Judge(a)
		var read map[string]any
		_ = json.Unmarshal(body, &read)
		code, isNumber := read["code"].(float64)
		_, isText := read["message"].(string)
		shaped := isNumber && isText
		switch v.Outcome {
		case campaign.Accepted:
			if status != 200 || !shaped || code != 0 || v.Reason != "" {
				t.Errorf("accepted: %+v", v)
			}
		case campaign.Rejected:
			if status != 200 && (status < 400 || status > 499) || status == 408 || status == 425 || status == 429 || !shaped || code == 0 {
				t.Errorf("rejected: %+v", v)
			}
		case campaign.Deferred:
			_, given := targets.RetryAfter(a.Header)
			if status != 425 && status != 429 && !(status == 503 && given) && (status < 400 || status != notAccepted) {
				t.Errorf("deferred: %+v", v)
			}
		}
		targettest.CheckVerdict(t, v, a)
	})
}
