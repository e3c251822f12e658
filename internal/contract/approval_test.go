package contract

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// approvable is a plan of a campaign with a schedule.
func approvable() Plan {
	return Plan{
		File: "a.yaml", Campaign: "a", Profile: "production", Occurrence: campaign.Once, Digest: "plan", Planner: 3, Recipients: 12, Requests: 2, Cost: &Cost{Amount: "0.60", Currency: "CNY"},
		Skipped: map[string]int64{"duplicate": 2}, Content: "content", Audience: "audience", Schedule: "schedule", Inputs: []Input{{"a.yaml", "1"}, {"r.csv", "2"}},
	}
}

func at(day int) time.Time { return time.Date(2026, 12, day, 9, 0, 0, 0, time.UTC) }

func TestApprove(t *testing.T) {
	p := approvable()
	want := campaign.Approval{Profile: "production", Planner: 3, Plan: "plan", Content: "content", Schedule: "schedule", Audience: "audience", People: 10, Requests: 2, Cost: "0.60 CNY",
		Files: []campaign.ApprovedFile{{File: "a.yaml", Digest: "1"}, {File: "r.csv", Digest: "2"}}}
	if diff := cmp.Diff(want, Approve(&p)); diff != "" {
		t.Errorf("every occurrence (-want +got):\n%s", diff)
	}
	p.Occurrence = "second"
	want.Occurrence, want.Schedule = "second", ""
	if diff := cmp.Diff(want, Approve(&p)); diff != "" {
		t.Errorf("a label (-want +got):\n%s", diff)
	}
}

func TestAdd(t *testing.T) {
	once := campaign.Approval{Profile: "test", Occurrence: "once", Plan: "old"}
	second := campaign.Approval{Profile: "test", Occurrence: "second"}
	other := campaign.Approval{Profile: "production", Occurrence: "once"}
	all := []campaign.Approval{once, second, other}
	again := once
	again.Plan = "new"
	if diff := cmp.Diff([]campaign.Approval{second, other, again}, Add(all, again)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if all[0].Plan != "old" || len(all) != 3 {
		t.Errorf("what was given changed: %v", all)
	}
}

// TestJudge holds a plan against one approval that is as it should be but for a change
// of either.
func TestJudge(t *testing.T) {
	tenth, none := 0.1, 0.0
	once := func(w *Wanted, a *campaign.Approval) { a.Occurrence, a.Schedule, w.Schedule = campaign.Once, "", "" }
	recurring := func(w *Wanted, _ *campaign.Approval) { w.Scope, w.Occurrence = Recurring, "2026-12-01T09:00:00 UTC" }
	few := func(w *Wanted, a *campaign.Approval) { w.Scope, w.Occurrence, w.Digest = Few, "trial-1", "trial" }
	part := func(w *Wanted, a *campaign.Approval) { few(w, a); w.Scope = Part }
	changed := func(w *Wanted, _ *campaign.Approval) { w.Inputs = []Input{{"a.yaml", "changed"}, {"new.csv", "3"}} }
	for _, c := range []struct {
		name   string
		change []func(*Wanted, *campaign.Approval)
		key    string
		why    string // empty: it is approved
	}{
		{"once", []func(*Wanted, *campaign.Approval){once}, "", ""},
		{"once, another profile", []func(*Wanted, *campaign.Approval){once, func(w *Wanted, _ *campaign.Approval) { w.Profile = "test" }}, "profile",
			"it was approved for the profile production, and this is test"},
		{"once, another planner", []func(*Wanted, *campaign.Approval){once, func(w *Wanted, _ *campaign.Approval) { w.Planner = 4 }}, "planner",
			"it was approved as version 3 of the planner made it, and this program has version 4"},
		{"a label", []func(*Wanted, *campaign.Approval){once, func(w *Wanted, _ *campaign.Approval) { w.Occurrence = "second" }}, "occurrence",
			"it was approved for the occurrence once, and this is second"},
		{"a label, the schedule is approved", []func(*Wanted, *campaign.Approval){func(w *Wanted, _ *campaign.Approval) { w.Occurrence = "second" }}, "occurrence",
			"it was approved for its schedule, and this is the occurrence second"},
		{"once, other content", []func(*Wanted, *campaign.Approval){once, changed, func(w *Wanted, _ *campaign.Approval) { w.Content, w.Digest = "x", "y" }}, "content",
			"it was approved with other content: a.yaml has changed, new.csv is new in it, r.csv is no part of it any more"},
		{"once, other people", []func(*Wanted, *campaign.Approval){once, func(w *Wanted, _ *campaign.Approval) { w.Audience, w.Digest, w.Recipients = "x", "y", 13 }}, "audience",
			"it was approved for other recipients, 10 then and 11 now"},
		{"once, something else", []func(*Wanted, *campaign.Approval){once, func(w *Wanted, _ *campaign.Approval) { w.Digest = "y" }}, "plan",
			"what was approved comes to something else here"},

		{"recurring", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, _ *campaign.Approval) { w.Digest = "of this occurrence" }}, "", ""},
		{"recurring, a label is approved", []func(*Wanted, *campaign.Approval){recurring, func(_ *Wanted, a *campaign.Approval) { a.Occurrence, a.Schedule = "second", "" }}, "occurrence",
			"it was approved for the occurrence second only, and not for its schedule"},
		{"recurring, other content", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, _ *campaign.Approval) { w.Content = "x" }}, "content", "it was approved with other content"},
		{"recurring, another schedule", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, _ *campaign.Approval) { w.Schedule = "x" }}, "schedule", "it was approved for another schedule"},
		{"recurring, other people", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, _ *campaign.Approval) { w.Audience = "x" }}, "audience",
			"it was approved for other recipients, 10 then and 10 now"},
		{"recurring, one more of ten", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, _ *campaign.Approval) { w.MaxChange, w.Audience, w.Recipients = &tenth, "x", 13 }}, "", ""},
		{"recurring, one less of ten", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, _ *campaign.Approval) { w.MaxChange, w.Audience, w.Recipients = &tenth, "x", 11 }}, "", ""},
		{"recurring, two more of ten", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, _ *campaign.Approval) { w.MaxChange, w.Audience, w.Recipients = &tenth, "x", 14 }}, "people",
			"it was approved for other recipients: 10 then and 12 now, more of a change than max_change allows the first occurrence"},
		{"recurring, no change at all", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, _ *campaign.Approval) { w.MaxChange, w.Recipients = &none, 13 }}, "people",
			"it was approved for other recipients: 10 then and 11 now, more of a change than max_change allows the first occurrence"},
		{"recurring, held against the occurrence before", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, _ *campaign.Approval) { w.MaxChange, w.Before, w.Recipients = &tenth, at(2), 40 }}, "", ""},
		{"recurring, held against one from before it was approved", []func(*Wanted, *campaign.Approval){recurring, func(w *Wanted, a *campaign.Approval) { w.MaxChange, w.Before, w.Recipients = &tenth, a.At, 42 }}, "people",
			"it was approved for other recipients: 10 then and 40 now, more of a change than max_change allows the first occurrence"},

		{"a follow-up of what was approved", []func(*Wanted, *campaign.Approval){few, func(w *Wanted, _ *campaign.Approval) { w.Audience = "x" }}, "", ""},
		{"a follow-up of what was approved, other content", []func(*Wanted, *campaign.Approval){few, func(w *Wanted, _ *campaign.Approval) { w.Content = "x" }}, "content", "it was approved with other content"},
		{"a part", []func(*Wanted, *campaign.Approval){part}, "", ""},
		{"a part, other content", []func(*Wanted, *campaign.Approval){part, func(w *Wanted, _ *campaign.Approval) { w.Content = "x" }}, "content", "it was approved with other content"},
		{"a part of other people", []func(*Wanted, *campaign.Approval){part, func(w *Wanted, _ *campaign.Approval) { w.Audience = "x" }}, "audience",
			"it was approved for other recipients"},
		{"a part, the list may change", []func(*Wanted, *campaign.Approval){part, func(w *Wanted, _ *campaign.Approval) { w.Audience, w.MaxChange = "x", &tenth }}, "", ""},
		{"a part, a label is approved", []func(*Wanted, *campaign.Approval){part, func(w *Wanted, a *campaign.Approval) { w.Audience, w.MaxChange, a.Schedule = "x", &tenth, "" }}, "audience",
			"it was approved for other recipients"},
	} {
		w := Wanted{Plan: approvable()}
		a := Approve(&w.Plan)
		a.At = at(1)
		for _, change := range c.change {
			change(&w, &a)
		}
		got, refused := Judge(&w, []campaign.Approval{a})
		switch {
		case c.why == "" && (refused != nil || got == nil || got.At != a.At):
			t.Errorf("%s: refused: %+v", c.name, refused)
		case c.why != "" && (got != nil || refused == nil || refused.Why != c.why || refused.Key != c.key || refused.Nearest == nil):
			t.Errorf("%s: %+v, want %q of %s", c.name, refused, c.why, c.key)
		}
	}
}

func TestJudgeSeveral(t *testing.T) {
	w := Wanted{Plan: approvable()}
	w.Schedule = ""
	if a, refused := Judge(&w, nil); a != nil || refused.Why != "nobody has approved it" || refused.Nearest != nil {
		t.Errorf("none: %v %+v", a, refused)
	}
	good := Approve(&w.Plan)
	good.At, good.By = at(2), "Ada"
	newer, other, older := good, good, good
	newer.At, newer.By = at(4), "Bo"
	other.At, other.Content = at(5), "x"
	older.At, older.Content, older.Files = at(1), "x", []campaign.ApprovedFile{{File: "a.yaml", Digest: "older"}}
	all := []campaign.Approval{newer, other, good, older}
	kept := slices.Clone(all)
	if a, refused := Judge(&w, all); refused != nil || a.By != "Bo" {
		t.Errorf("the newest that holds: %v %+v", a, refused)
	}
	if diff := cmp.Diff(kept, all); diff != "" {
		t.Errorf("what was given changed:\n%s", diff)
	}
	if _, refused := Judge(&w, []campaign.Approval{other, older}); refused == nil || refused.Nearest.At != at(5) || refused.Why != "it was approved with other content" {
		t.Errorf("the newest says why: %+v", refused)
	}
	for i, label := range []string{"a", "b", "c", "d"} {
		all[i].Occurrence = label
		all[i].At = at(i + 1)
	}
	if _, refused := Judge(&w, all); refused == nil || refused.Why != "it was approved for the occurrence b, c, d, and this is once" {
		t.Errorf("%+v", refused)
	}
	all[3].Occurrence, all[3].Schedule = "", "schedule"
	if _, refused := Judge(&w, all); refused == nil || refused.Why != "it was approved for its schedule and the occurrence a, b, c, and this is once" {
		t.Errorf("%+v", refused)
	}
	all[0].Profile, all[1].Profile, all[2].Profile, all[3].Profile = "b", "a", "b", "a"
	if _, refused := Judge(&w, all); refused == nil || refused.Why != "it was approved for the profile a, b, and this is production" {
		t.Errorf("%+v", refused)
	}
}
