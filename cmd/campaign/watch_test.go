package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/runner"
)

// Every end of an invocation has its exit code, and words that are true of it.
func TestStopped(t *testing.T) {
	broken := errors.New("broken")
	soon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		stop   runner.Stop
		before time.Time
		err    error
		code   int
		reason string
	}{
		{stop: runner.Complete, code: exitDone},
		{stop: runner.Exhausted, code: exitUnfinished, reason: "used up its attempts"},
		{stop: runner.Exhausted, before: soon, code: exitUnfinished, reason: "until 2026-03-01T12:00:00Z"},
		{stop: runner.Interrupted, code: exitUnfinished, reason: "by a signal"},
		{stop: runner.Killed, code: exitUnfinished, reason: "by a signal"},
		{stop: runner.Asked, code: exitUnfinished, reason: "campaign stop"},
		{stop: runner.Limit, code: exitUnfinished, reason: "--limit"},
		{stop: runner.Unavailable, code: exitUnfinished, reason: "not available: why"},
		{stop: runner.Token, code: exitUnfinished, reason: "token was refused or could not be renewed: why"},
		{stop: runner.Aborted, code: exitGuard, reason: "too much went wrong: why"},
		{stop: runner.StageWaits, code: exitGuard, reason: "waits for a person"},
		{stop: runner.Closed, code: exitUnfinished, reason: "does not open again"},
		{stop: runner.Closed, before: soon, code: exitUnfinished, reason: "closed until 2026-03-01 12:00:00"},
		{stop: runner.Differs, err: runner.ErrDiffers, code: exitGuard, reason: "differently than planned"},
		{stop: runner.Failed, err: runner.ErrLedger, code: exitState, reason: "state, disk or clock failed"},
		{stop: runner.Failed, code: exitState, reason: "state, disk or clock failed"},
		{stop: runner.Failed, err: ledger.ErrHeld, code: exitHeld},
		{stop: runner.Failed, err: ledger.ErrState, code: exitGuard, reason: "not open"},
		{stop: runner.HoldLost, err: ledger.ErrHoldLost, code: exitState, reason: "state, disk or clock failed"},
		{stop: runner.Faulty, err: broken, code: exitBug, reason: "could not be built"},
		{stop: runner.Faulty, err: runner.ErrNotLoopback, code: exitGuard, reason: "loopback only"},
	} {
		t.Run(fmt.Sprint(test.stop, " ", test.err), func(t *testing.T) {
			summary := runner.Summary{Stop: test.stop, Detail: "why", NotBefore: test.before, Requests: 1}
			code, reason, err := stopped(summary, campaign.Run{ID: "run-1"}, time.UTC, test.err)
			if code != test.code || !strings.Contains(reason, test.reason) || test.reason == "" && reason != "" {
				t.Errorf("%d, %q, %v", code, reason, err)
			}
			if (test.err != nil || code == exitState) && err == nil {
				t.Error("the error is lost")
			}
			if e := new(exit); errors.As(err, &e) && e.code != code {
				t.Errorf("the error has the exit code %d, not %d", e.code, code)
			}
		})
	}
}

// A terminal that was told to wait (Ctrl-S) holds nothing up.
func TestNewsDoNotWaitForTheTerminal(t *testing.T) {
	stuck, said := make(chan struct{}), 0
	w := newWatch(func(string) { <-stuck; said++ }, time.UTC)
	go w.watch(time.Hour, func() {})
	for range 1000 {
		w.event(runner.Event{Kind: runner.Slowed})
	}
	close(stuck)
	w.stop()
	if said < cap(w.lines) || said > cap(w.lines)+2 {
		t.Errorf("%d lines", said)
	}
}
