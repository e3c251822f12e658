package plan

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Ledgers hold these digests: of runs that planner version 1 planned before there
// were stages, windows, expiry and thresholds. A change here means that no run
// of an earlier version is resumed: Version must change with it.
func TestDigestsOfEarlierRuns(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("userid,orgid,company\n")
	for i := range 3000 {
		fmt.Fprintf(&rows, "u%d,1,c%d\n", i%2900, i%7)
	}
	many := base(rows.String(), "hello {{ .company }}")
	many.Campaign.Policy.Batch = 2
	for _, c := range []struct {
		name, plan, blocks string
		spec               Spec
	}{
		{"every input", "14ff6fa286aeb3463c1b67df05ec58e7b3248efbd8c69fddf085046d50f1c51f", "5013f518", full("\n", "")},
		{"shared", "0553fe731e68d4abdb1bda82518c278fd9a095d5aa6988b1539b4d4ea6545c17", "9c63c8ee", base(five, "hello")},
		{"many", "b30ca90ba7fcd5215d9c2f5957703e48a96659729d97c304f9b90abca7893522", "1dd048cc 0fa3e265 e234fc43", many},
		{"groups", "cb44aaf717a68187e1031ba481a6358c131a41ac78e6a53b7ef925461b8a4723", "87d4b1aa", groupCampaign(144, 145, 144)},
	} {
		if got := digest(t, c.spec); got != c.plan {
			t.Errorf("%s: plan %s, want %s", c.name, got, c.plan)
		}
		var sums strings.Builder
		for _, b := range blocks(t, mustNew(t, c.spec)) {
			sums.WriteString(hex.EncodeToString(b.Digest[:4]) + " ")
		}
		if got := strings.TrimSpace(sums.String()); got != c.blocks {
			t.Errorf("%s: blocks %q, want %q", c.name, got, c.blocks)
		}
	}
}
