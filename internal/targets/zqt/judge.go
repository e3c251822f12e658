package zqt

import (
	"encoding/json"
	"net/http"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Judge says what an answer means (document: 返回; upstream, decisions). The
// status in the body counts: accepted is 200 with oK true, refused is 400 with
// msg fail, and nothing else is either.
func (t *target) Judge(a targets.Answer) campaign.Verdict {
	body, _ := targets.Object(a.Body)
	switch {
	case isSuccess(body) && a.Status == http.StatusOK:
		return campaign.Verdict{Outcome: campaign.Accepted, Status: a.Status, Ref: targets.Reference(body["data"])}
	case isSuccess(body):
		return targets.Unexpected(a) // body and HTTP status contradict each other
	case isRefusal(body) && (a.Status == http.StatusOK || a.Status == http.StatusBadRequest):
		return campaign.Verdict{Outcome: campaign.Rejected, Status: a.Status, Reason: "refused: " + said(body["data"])}
	case t.Unauthorized(a):
		// The description holds the token: it is not repeated.
		return campaign.Verdict{Outcome: campaign.Deferred, Status: a.Status, Reason: "unauthorized"}
	}
	return targets.JudgeStatus(a, t.account.notAccepted)
}

// Unauthorized reports whether the answer refuses the token (document: 返回失败: 401).
func (t *target) Unauthorized(a targets.Answer) bool {
	if a.Status != http.StatusUnauthorized {
		return false
	}
	body, _ := targets.Object(a.Body)
	code, _ := targets.String(body["error"])
	return code == "invalid_token"
}

func isSuccess(body map[string]json.RawMessage) bool {
	return string(body["status"]) == "200" && string(body["oK"]) == "true"
}

func isRefusal(body map[string]json.RawMessage) bool {
	msg, _ := targets.String(body["msg"])
	return string(body["status"]) == "400" && msg == "fail" && string(body["oK"]) != "true"
}

// said is the upstream's own word, or what it gave instead of one.
func said(data json.RawMessage) string {
	if text := targets.Reference(data); text != "" {
		return text
	}
	return "no reason given"
}
