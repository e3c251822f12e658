package runner

import (
	"bytes"
	"encoding/json"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

const redactedText = "[redacted]"

// redact takes secrets out of what the upstream said, before the ledger keeps it
// or anybody sees it: upstreams repeat what they were sent (zqt-msgcenter-send,
// 返回失败: 401). The request's own secrets are all that can come back. The code that
// a reason begins with is ours and stays, whatever the secrets.
func (s *slot) redact(token campaign.Secret, v *campaign.Verdict, answer *targets.Answer) {
	code, said, colon := strings.Cut(v.Reason, ":")
	hide := func(secret string) {
		if secret == "" {
			return
		}
		spellings := [2]string{secret}
		if strings.ContainsFunc(secret, quotedInJSON) {
			if quoted, err := json.Marshal(secret); err == nil {
				spellings[1] = string(quoted[1 : len(quoted)-1])
			}
		}
		for _, text := range spellings {
			if text == "" {
				continue
			}
			said = strings.ReplaceAll(said, text, redactedText)
			v.Ref = strings.ReplaceAll(v.Ref, text, redactedText)
			if bytes.Contains(answer.Body, []byte(text)) {
				answer.Body = bytes.ReplaceAll(answer.Body, []byte(text), []byte(redactedText))
			}
		}
	}
	hide(token.Reveal())
	for _, secret := range s.Secrets {
		hide(secret.Reveal())
	}
	for _, secret := range s.Hide {
		hide(secret.Reveal())
	}
	if colon {
		v.Reason = code + ":" + said
	}
}

// quotedInJSON reports whether encoding/json may write a character in another way.
func quotedInJSON(c rune) bool {
	return c < ' ' || c >= 0x7f || strings.ContainsRune(`"\\<>&`, c)
}
