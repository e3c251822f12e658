package spec

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

func approved(profile, occurrence string) campaign.Approval {
	digest := func(c string) string { return strings.Repeat(c, 64) }
	a := campaign.Approval{
		Profile: profile, Occurrence: occurrence, Planner: 3, Plan: digest("1"), Content: digest("2"), Audience: digest("3"), People: 12, Requests: 2, Cost: "at most 0.60 CNY, without pushes",
		Files: []campaign.ApprovedFile{{File: "content/通知.html", Digest: digest("4")}, {File: "notice.yaml", Digest: digest("5")}},
		By:    "王 \"五\" <wang@example.com>", At: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), Note: "line 1\nline: 2 # no comment",
	}
	if occurrence == "" {
		a.Schedule = digest("6")
	}
	return a
}

// What is written is read again as it was, whatever texts it holds.
func TestApprovalsAreReadAsWritten(t *testing.T) {
	all := []campaign.Approval{approved("test", "once"), approved("production", "spring: 1"), approved("production", "")}
	all[1].Files, all[1].Note = nil, ""
	file := ApprovalsFile("notice")
	data := MarshalApprovals("notice", "# yaml-language-server: $schema=../schema/approval.schema.json\n", all)
	got, _, diags := LoadApprovals(fstest.MapFS{file: {Data: data}}, file)
	noDiagnostics(t, diags)
	want := []campaign.Approval{all[2], all[1], all[0]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := MarshalApprovals("notice", "# yaml-language-server: $schema=../schema/approval.schema.json\n", got); string(again) != string(data) {
		t.Errorf("the same approvals are written in another way:\n%s", again)
	}
	if none := MarshalApprovals("notice", "", nil); strings.Contains(string(none), "$schema") {
		t.Errorf("%s", none)
	} else if got, _, diags := LoadApprovals(fstest.MapFS{file: {Data: none}}, file); got == nil || len(got)+len(diags) != 0 {
		t.Errorf("%v %v", got, diags)
	}
}

func TestApprovalsFiles(t *testing.T) {
	fsys := files("approvals/b.yaml", "", "approvals/a.yaml", "", "approvals/.c.yaml", "", "approvals/notes.md", "", "approvals/old/d.yaml", "", "e.yaml", "")
	if diff := cmp.Diff([]string{"approvals/a.yaml", "approvals/b.yaml"}, ApprovalsFiles(fsys)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := ApprovalsFiles(files("e.yaml", "")); got != nil {
		t.Errorf("without the folder: %v", got)
	}
}

func TestRequire(t *testing.T) {
	const account = "{system: chuanbo, base_url: \"http://127.0.0.1:1\", connect_no: {env: A}}"
	for text, want := range map[string]campaign.Require{
		"targets: {a: " + account + "}\n":                                                                {},
		"targets: {a: " + account + "}\nrequire: {approval: false}\n":                                    {},
		"targets: {a: " + account + "}\nrequire: {approval: true}\n":                                     {Approval: true},
		"profiles: {default: {targets: {a: " + account + "}, require: {approval: true, commit: clean}}}": {Approval: true, Clean: true},
	} {
		p, _, diags := LoadTargets(files(TargetsFile, "version: 1\n"+text), TargetsFile)
		noDiagnostics(t, diags)
		if got := p.Profiles["default"].Require; got != want {
			t.Errorf("%s: %+v", text, got)
		}
	}
}
