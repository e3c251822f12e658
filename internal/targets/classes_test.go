package targets_test

import (
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/targets"
	"campaign/internal/targets/targettest"
)

// What a status means by itself is written down in targettest.Classes.
func TestRetryClasses(t *testing.T) {
	for status := range 1000 {
		for _, p := range targettest.Patiences {
			for _, notAccepted := range [][]int{nil, {status - 1, status + 1}, {418, status}} {
				named := len(notAccepted) > 0 && notAccepted[1] == status
				want := targettest.Want(status, p, named)
				got := targets.JudgeStatus(targets.Answer{Status: status, Header: p.Header}, notAccepted)
				if want.Outcome == campaign.Unknown {
					got.Reason = ""
				}
				if got != want {
					t.Errorf("HTTP %d, Retry-After %s, not_accepted %v: %+v, want %+v", status, p.Name, notAccepted, got, want)
				}
			}
		}
	}
	if v := targets.JudgeStatus(targets.Answer{}, nil); v.Outcome != campaign.Unknown {
		t.Errorf("no answer at all is %v", v.Outcome)
	}
}
