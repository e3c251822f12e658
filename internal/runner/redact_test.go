package runner

import (
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

func TestRedactTakesSecretsOutOfAnswers(t *testing.T) {
	s := &slot{run: &run{Job: Job{
		Secrets: targets.Secrets{"connect_no": campaign.NewSecret(`no"1`), "empty": campaign.NewSecret("")},
		Hide:    []campaign.Secret{campaign.NewSecret("header-secret")},
	}}}
	kept := []byte(`{"error_description":"Invalid access token: tok-1","echo":"no\"1","h":"header-secret","tenant":"6"}`)
	answer := targets.Answer{Body: kept}
	v := campaign.Verdict{Reason: `refused: tok-1 no"1`, Ref: "x-header-secret"}
	s.redact(campaign.NewSecret("tok-1"), &v, &answer)
	if got, want := string(answer.Body), `{"error_description":"Invalid access token: [redacted]","echo":"[redacted]","h":"[redacted]","tenant":"6"}`; got != want {
		t.Errorf("the answer is kept as %s", got)
	}
	if v.Reason != "refused: [redacted] [redacted]" || v.Ref != "x-[redacted]" {
		t.Errorf("the verdict is kept as %+v", v)
	}
	v = campaign.Verdict{Reason: "answer-lost: t"}
	s.redact(campaign.NewSecret("t"), &v, &answer)
	if v.Reason != "answer-lost: [redacted]" {
		t.Errorf("the reason is kept as %s", v.Reason)
	}
	same := targets.Answer{Body: []byte("taken")}
	v = campaign.Verdict{Reason: "r", Ref: "ref"}
	s.redact(campaign.Secret{}, &v, &same)
	if string(same.Body) != "taken" || v.Reason != "r" || v.Ref != "ref" {
		t.Errorf("what holds no secret was changed: %s %+v", same.Body, v)
	}
}
