package main

import (
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/runner"
	"campaign/internal/schedule"
)

// What cannot begin is tried again as long as it is on time, counted from when it was
// claimed: an occurrence that is caught up with late has its time too.
func TestNotBegun(t *testing.T) {
	table, problems := schedule.New(campaign.Schedule{Cron: []campaign.Clause{{Text: "0 9 * * *"}}, Missed: campaign.Missed{Within: time.Hour}}, time.UTC, 100*time.Hour, time.Now())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c, l := &crew{}, &loaded{table: table}
	now := time.Now()
	for _, tt := range []struct {
		at, decided time.Duration // ago
		over        bool
	}{{0, 0, false}, {59 * time.Minute, 59 * time.Minute, false}, {61 * time.Minute, 61 * time.Minute, true}, {90 * time.Hour, 10 * time.Minute, false}, {90 * time.Hour, 2 * time.Hour, true}, {101 * time.Hour, 10 * time.Minute, true}} {
		slot := campaign.Slot{Label: "x", At: now.Add(-tt.at), Decided: now.Add(-tt.decided)}
		out := c.notBegun(l, slot, fail(exitGuard, "nobody has trusted it\n%s", strings.Repeat("长", 300)))
		if out.Over != tt.over || out.Code != exitGuard || out.Err == nil {
			t.Errorf("due %v ago and claimed %v ago: %+v", tt.at, tt.decided, out)
		}
		if code, _, _ := strings.Cut(out.Skip, ":"); tt.over && (code != campaign.SkipMissed || strings.Contains(out.Skip, "\n") || len([]rune(out.Skip)) > 250) {
			t.Errorf("the reason is %q", out.Skip)
		}
	}
}

// What a process claimed that ended before it began it is late like what nobody claimed,
// unless the schedule catches up or lets occurrences wait.
func TestLateSlot(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		missed    campaign.CatchUp
		queue     bool
		ago       time.Duration
		sinceBorn bool // claimed by this process
		skipped   bool
	}{
		"on time":              {ago: 59 * time.Minute},
		"late":                 {ago: 61 * time.Minute, skipped: true},
		"waited here":          {ago: 61 * time.Minute, sinceBorn: true},
		"the latest counts":    {ago: 61 * time.Minute, missed: campaign.CatchLatest},
		"all count":            {ago: 61 * time.Minute, missed: campaign.CatchAll},
		"waits for its turn":   {ago: 61 * time.Minute, queue: true},
		"nine hours of outage": {ago: 9 * time.Hour, skipped: true},
	} {
		rules := campaign.Schedule{Cron: []campaign.Clause{{Text: "0 9 * * *"}}, Missed: campaign.Missed{Within: time.Hour, Policy: tt.missed}, Queue: tt.queue}
		table, problems := schedule.New(rules, time.UTC, 0, now)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		s := &sender{crew: &crew{since: now}}
		if tt.sinceBorn {
			s.crew.since = now.Add(-24 * time.Hour)
		}
		td := &todo{job: &job{campaign: &campaign.Campaign{Schedule: &rules}, table: table}}
		reason, err := lateSlot(t.Context(), s, td, campaign.Slot{Label: "x", At: now.Add(-tt.ago), Decided: now.Add(-tt.ago)})
		if err != nil || (reason != "") != tt.skipped || tt.skipped && !strings.HasPrefix(reason, campaign.SkipMissed+": ") {
			t.Errorf("%s: %q, %v", name, reason, err)
		}
	}
}

// Accounts are shared while somebody uses them, and opened anew afterwards.
func TestLinesAreShared(t *testing.T) {
	var all lines
	opened := 0
	open := func() (*line, error) {
		opened++
		wire, err := runner.NewWire(runner.WireOptions{MaxConns: 1, LoopbackOnly: true})
		return &line{out: &outbound{wire: wire}}, err
	}
	take := func(key string) *sharedLine {
		t.Helper()
		s, err := all.take(key, open)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b, other := take("gov"), take("gov"), take("media")
	if a != b || a == other || opened != 2 {
		t.Errorf("%d were opened", opened)
	}
	all.leave(a)
	if take("gov") != b || opened != 2 {
		t.Error("it was closed while somebody used it")
	}
	all.leave(b)
	all.leave(b)
	all.leave(other)
	if take("gov") == b || opened != 3 {
		t.Error("an old one was used")
	}
	if _, err := all.take("bad", func() (*line, error) { return nil, fail(exitUnfinished, "no token") }); err == nil || all.open["bad"] != nil {
		t.Error("what failed is kept")
	}
}
