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
	table, problems := schedule.New(campaign.Schedule{Cron: []campaign.Clause{{Text: "0 9 * * *"}}, Missed: campaign.Missed{Within: time.Hour}}, time.UTC, 0, time.Now())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c, l := &crew{}, &loaded{table: table}
	now := time.Now()
	for _, tt := range []struct {
		at, decided time.Duration // ago
		over        bool
	}{{0, 0, false}, {59 * time.Minute, 59 * time.Minute, false}, {61 * time.Minute, 61 * time.Minute, true}, {90 * time.Hour, 10 * time.Minute, false}, {90 * time.Hour, 2 * time.Hour, true}} {
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
