package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/plan"
)

// TestWants: only the number itself lets a run begin.
func TestWants(t *testing.T) {
	for typed, want := range map[string]bool{
		"1234\n": true, " 1,234 \r\n": true, "1234": true,
		"": false, "\n": false, "y\n": false, "1233\n": false, "-1234\n": false, "1234 5\n": false, "1\n1234\n": false,
	} {
		s := &sender{app: &app{stdin: strings.NewReader(typed)}}
		err := s.wants(t.Context(), 1234)
		if (err == nil) != want || err != nil && exitCode(err) != exitUsage {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

// TestWantsInterrupted: Ctrl-C ends the question, also when nobody types.
func TestWantsInterrupted(t *testing.T) {
	silent, typist := io.Pipe()
	defer typist.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &sender{app: &app{stdin: silent}}
	if err := s.wants(ctx, 1); err == nil || exitCode(err) != exitUsage {
		t.Errorf("interrupted: %v", err)
	}
}

// TestMayBegin: what would expire before it can be sent is not begun.
func TestMayBegin(t *testing.T) {
	now := time.Now()
	never := &campaign.Window{Open: []campaign.Span{{From: 0, To: 24 * 60}}}
	never.Days[(now.UTC().Weekday()+3)%7] = true // opens in two days at least
	for name, test := range map[string]struct {
		window  *campaign.Window
		expires time.Duration
		began   time.Time
		says    string // empty: it may begin
	}{
		"at any time":                   {began: now, expires: time.Hour},
		"never expires":                 {began: now.Add(-time.Hour)},
		"opens in time":                 {window: never, began: now, expires: 100 * time.Hour},
		"opens, and never expires":      {window: never, began: now},
		"opens too late":                {window: never, began: now, expires: 24 * time.Hour, says: "its window opens at "},
		"has expired while it was made": {began: now.Add(-25 * time.Hour), expires: 24 * time.Hour, says: "it has expired: --occurrence LABEL"},
	} {
		var stderr strings.Builder
		s := &sender{app: &app{stderr: &stderr}}
		c := &campaign.Campaign{Name: "notice", Policy: campaign.Policy{Window: test.window, Expires: test.expires}}
		run := campaign.Run{ID: "run-1", Campaign: c.Name, Occurrence: campaign.Occurrence{Time: test.began}}
		td := &todo{job: &job{campaign: c, spec: plan.Spec{Zone: time.UTC}}, run: run}
		open, code, err := s.mayBegin(td, run)
		if err != nil || open != (test.says == "") || open != (code == exitDone) || !open && code != exitGuard || !strings.Contains(stderr.String(), test.says) || !strings.Contains(td.guard, test.says) {
			t.Errorf("%s: %t, %d, %v, %q", name, open, code, err, stderr.String())
		}
	}
}
