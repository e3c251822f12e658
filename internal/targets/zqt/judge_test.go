package zqt

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

func TestJudge(t *testing.T) {
	target := openTarget(t, exampleAccount, exampleChannel, leastContent)
	const (
		success = `{"data": "outbox-1", "msg": "success", "oK": true, "status": 200}`
		refusal = `{"data": "缺少必要参数", "msg": "fail", "status": 400}`
		invalid = `{"error": "invalid_token", "error_description": "Invalid access token: s-3-c-r-3-t"}`
	)
	json := http.Header{"Content-Type": {"application/json;charset=UTF-8"}}
	unexpected := func(status int, rest string) campaign.Verdict {
		return campaign.Verdict{Status: status, Reason: "unexpected-answer: HTTP " + rest}
	}
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		want   campaign.Verdict
	}{
		"success":                {200, json, success, campaign.Verdict{Outcome: campaign.Accepted, Status: 200, Ref: "outbox-1"}},
		"success, no data":       {200, json, `{"oK":true,"status":200}`, campaign.Verdict{Outcome: campaign.Accepted, Status: 200}},
		"success, number":        {200, json, `{"data":17,"oK":true,"status":200}`, campaign.Verdict{Outcome: campaign.Accepted, Status: 200, Ref: "17"}},
		"success, null":          {200, json, `{"data":null,"oK":true,"status":200}`, campaign.Verdict{Outcome: campaign.Accepted, Status: 200}},
		"success under 201":      {201, json, success, unexpected(201, "201, application/json, 65 bytes")},
		"success under 429":      {429, json, success, unexpected(429, "429, application/json, 65 bytes")},
		"success under 529":      {529, json, success, unexpected(529, "529, application/json, 65 bytes")},
		"refusal under 200":      {200, json, refusal, campaign.Verdict{Outcome: campaign.Rejected, Status: 200, Reason: "refused: 缺少必要参数"}},
		"refusal under 400":      {400, json, refusal, campaign.Verdict{Outcome: campaign.Rejected, Status: 400, Reason: "refused: 缺少必要参数"}},
		"refusal, oK false":      {400, json, `{"msg":"fail","status":400,"oK":false}`, campaign.Verdict{Outcome: campaign.Rejected, Status: 400, Reason: "refused: no reason given"}},
		"refusal, oK true":       {400, json, `{"msg":"fail","status":400,"oK":true}`, unexpected(400, "400, application/json, 37 bytes")},
		"refusal, hostile":       {200, json, `{"data":"a\u001b[31m\r\nb\u202e","msg":"fail","status":400}`, campaign.Verdict{Outcome: campaign.Rejected, Status: 200, Reason: "refused: a [31m b"}},
		"refusal, an object":     {200, json, `{"data":{"field": "title"},"msg":"fail","status":400}`, campaign.Verdict{Outcome: campaign.Rejected, Status: 200, Reason: `refused: {"field":"title"}`}},
		"refusal, long":          {200, json, `{"data":"` + strings.Repeat("长", 500) + `","msg":"fail","status":400}`, campaign.Verdict{Outcome: campaign.Rejected, Status: 200, Reason: "refused: " + strings.Repeat("长", 199) + "…"}},
		"refusal under 401":      {401, json, refusal, unexpected(401, "401, application/json, 60 bytes")},
		"refusal under 500":      {500, json, refusal, unexpected(500, "500, application/json, 60 bytes")},
		"status 500 in the body": {200, json, `{"data":"x","msg":"fail","status":500}`, unexpected(200, "200, application/json, 38 bytes")},
		"msg success, 400":       {200, json, `{"msg":"success","status":400}`, unexpected(200, "200, application/json, 30 bytes")},
		"invalid token":          {401, json, invalid, campaign.Verdict{Outcome: campaign.Deferred, Status: 401, Reason: "unauthorized"}},
		"invalid token, 200":     {200, json, invalid, unexpected(200, "200, application/json, 84 bytes")},
		"another 401":            {401, json, `{"error":"unauthorized"}`, unexpected(401, "401, application/json, 24 bytes")},
		"empty 401":              {401, nil, "", unexpected(401, "401, no content type, 0 bytes")},
		"429":                    {429, http.Header{"Retry-After": {"120"}}, "", campaign.Verdict{Outcome: campaign.Deferred, Status: 429, After: 2 * time.Minute, Reason: "too-many-requests: HTTP 429"}},
		"425":                    {425, nil, "", campaign.Verdict{Outcome: campaign.Deferred, Status: 425, Reason: "too-early: HTTP 425"}},
		"503":                    {503, http.Header{"Retry-After": {"1"}}, "", campaign.Verdict{Outcome: campaign.Deferred, Status: 503, After: time.Second, Reason: "unavailable: HTTP 503"}},
		"503 without":            {503, nil, "", unexpected(503, "503, no content type, 0 bytes")},
		"503 with rubbish":       {503, http.Header{"Retry-After": {"soon"}}, "", unexpected(503, "503, no content type, 0 bytes")},
		"529 of the account":     {529, http.Header{"Retry-After": {"3"}}, "", campaign.Verdict{Outcome: campaign.Deferred, Status: 529, After: 3 * time.Second, Reason: "not-accepted: HTTP 529"}},
		"502 page":               {502, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, strings.Repeat("x", 512), unexpected(502, "502, text/html, 512 bytes")},
		"hostile content type":   {502, http.Header{"Content-Type": {"\x1b]0;;"}}, "", unexpected(502, "502, unreadable content type, 0 bytes")},
		"redirect":               {302, json, success, unexpected(302, "302, application/json, 65 bytes")},
		"case of oK":             {200, json, `{"status":200,"ok":true}`, unexpected(200, "200, application/json, 24 bytes")},
		"truncated":              {200, json, success[:40], unexpected(200, "200, application/json, 40 bytes")},
	} {
		got := target.Judge(targets.Answer{Status: c.status, Header: c.header, Body: []byte(c.body)})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: want (-), got (+)\n%s", name, diff)
		}
		unauthorized := target.(targets.Authorizer).Unauthorized(targets.Answer{Status: c.status, Header: c.header, Body: []byte(c.body)})
		if unauthorized != (name == "invalid token") {
			t.Errorf("%s: unauthorized is %t", name, unauthorized)
		}
	}
}
