package main

import (
	"strings"
	"testing"

	"campaign/internal/campaign"
)

// What was never planned as a whole is planned anew by the command that began it: of a
// follow-up, a trial or a labelled occurrence, `run FILE` alone is another run, for
// everybody.
func TestResumeOfWhatWasNotPlanned(t *testing.T) {
	for label, want := range map[string]string{
		campaign.Once:                 "`campaign run c.yaml` plans it anew",
		"follow-up-abc-rejected":      "the command that began it, given again with all its flags, plans it anew",
		"trial-20261201T090000.000Z":  "the command that began it, given again with all its flags, plans it anew",
		"2026-12-01T09:00 Asia/Tokyo": "the command that began it, given again with all its flags, plans it anew",
	} {
		run := campaign.Run{ID: "abc", File: "c.yaml", State: campaign.Planning, Occurrence: campaign.Occurrence{Label: label}}
		err := (&sender{}).resume(t.Context(), run)
		if exitCode(err) != exitGuard || !strings.Contains(err.Error(), want) || label != campaign.Once && strings.Contains(err.Error(), "c.yaml") {
			t.Errorf("%s: %v", label, err)
		}
	}
}
