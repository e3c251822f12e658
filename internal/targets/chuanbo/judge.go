package chuanbo

import (
	"encoding/json"
	"fmt"
	"net/http"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// answer is the shape that every documented answer has (document: 返回参数).
type answer struct {
	code    int64
	message string
	data    json.RawMessage
}

// readAnswer reads an answer of the documented shape; ok is false for any other.
func readAnswer(body []byte) (a answer, ok bool) {
	object, _ := targets.Object(body)
	code, hasCode := targets.Integer(object["code"])
	message, hasMessage := targets.String(object["message"])
	return answer{code, message, object["data"]}, hasCode && hasMessage
}

// Judge says what an answer means (document: 成功返回code是0,非0时均为失败).
// Code 0 counts under HTTP 200 only. Other codes are refusals there and under the
// HTTP statuses that refuse a request; under 5xx the request may have been
// carried out all the same (design: delivery, rule 4).
func (t *target) Judge(a targets.Answer) campaign.Verdict {
	body, documented := readAnswer(a.Body)
	switch {
	case documented && body.code == 0 && a.Status == http.StatusOK:
		return campaign.Verdict{Outcome: campaign.Accepted, Status: a.Status, Ref: targets.Reference(body.data)}
	case documented && body.code == 0:
		return targets.Unexpected(a) // body and HTTP status contradict each other
	case documented && refuses(a.Status):
		return campaign.Verdict{Outcome: campaign.Rejected, Status: a.Status, Reason: refusal(body)}
	}
	return targets.JudgeStatus(a, t.account.notAccepted)
}

func refuses(status int) bool {
	switch status {
	case http.StatusOK:
		return true
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

func refusal(a answer) string {
	message := targets.Clean(a.message)
	if message == "" {
		message = "no reason given"
	}
	return fmt.Sprintf("refused: code %d: %s", a.code, message)
}
