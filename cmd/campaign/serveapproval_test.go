package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// An occurrence that nobody approved waits, is shown with the reason, and is sent as soon
// as an approval lands; one that cannot be read changes nothing.
func TestServePicksUpAnApproval(t *testing.T) {
	s := serving(t, map[string]string{
		"targets.yaml": "require: {approval: true}\n",
		"one.yaml":     notice("one", "one", "at: ["+soon(3)+"]"),
	})
	s.says(`one \(.* UTC\): stopped before anything was sent: the profile default wants an approval, and nobody has approved it`)
	s.until("the page says so", func() bool { return strings.Contains(s.get("/campaigns/one"), "nobody has approved it") })
	write(t, s.dir, map[string]string{"approvals/one.yaml": "version: 1\ncampaign: two\napprovals: []\n"})
	s.says(`its approvals cannot be read: approvals/one.yaml:2:11: these are the approvals of .*two`)

	if code, _, said := command(t, "approve", savedPlan(t, s.dir), "--yes", "--project", s.dir); code != exitProblems || !strings.Contains(said, "correct its approvals first") {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	write(t, s.dir, map[string]string{"approvals/one.yaml": "version: 1\ncampaign: one\napprovals: []\n"})
	if code, _, said := command(t, "approve", savedPlan(t, s.dir), "--yes", "--project", s.dir); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	s.until("one is sent", func() bool { return s.accepted("one") == 2 })
	if code := s.end(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func savedPlan(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plan.json")
	if code, _, said := command(t, "plan", filepath.Join(dir, "one.yaml"), "--out", file, "--project", dir); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	return file
}
