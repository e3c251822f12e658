package runner

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
)

func TestUpstreamInTroubleStopsTheAccount(t *testing.T) {
	tests := []struct {
		name        string
		reply       reply
		concurrency int
		calls       int
		unknown     int64
	}{
		{"refused, one at a time", refused, 1, 5, 0},
		{"refused", refused, 4, 8, 0}, // those in flight when the fifth failed
		{"lost, one at a time", lostAfter, 1, 3, 3},
		{"gateway errors, one at a time", reply{status: 502, body: "<html>"}, 1, 3, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 40, 1, always(test.reply))
				b.account.Limits.Concurrency = test.concurrency
				s := b.mustRun(t)
				f := b.fold(t)
				if s.Stop != Unavailable || s.Detail == "" || len(b.up.calls) > test.calls || f.recipients.Unknown != test.unknown {
					t.Errorf("stop %s, %d calls, %+v", s.Stop, len(b.up.calls), f.recipients)
				}
				b.up.script = always(taken)
				if s := b.mustRun(t); s.Stop != Complete || b.fold(t).recipients.Accepted+test.unknown != 40 {
					t.Errorf("resumed: %+v", s)
				}
			})
		})
	}
}

func TestWaitForUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 40, 1, nil)
		began := time.Now()
		b.up.script = func(c call) reply {
			if since := c.at.Sub(began); since > 2*time.Second && since < 30*time.Minute {
				return refused
			}
			r := taken
			r.delay = time.Second
			return r
		}
		var kinds []EventKind
		b.job.Progress = func(e Event) {
			if e.Kind != Progressed {
				kinds = append(kinds, e.Kind)
			}
		}
		b.account.WaitForUpstream = 2 * time.Hour
		b.account.Random = highest
		s := b.mustRun(t)
		f := b.fold(t)
		if s.Stop != Complete || f.recipients.Accepted != 40 {
			t.Fatalf("%+v, %+v", s, f.recipients)
		}
		var probes []time.Time
		for _, c := range b.up.calls {
			if since := c.at.Sub(began); since > time.Minute && since < 30*time.Minute {
				probes = append(probes, c.at)
			}
		}
		if len(probes) < 20 || len(probes) > 32 {
			t.Errorf("%d probes in 29 minutes", len(probes))
		}
		for i := 1; i < len(probes); i++ {
			if probes[i].Sub(probes[i-1]) < 55*time.Second {
				t.Errorf("two probes within %s", probes[i].Sub(probes[i-1]))
			}
		}
		if kinds[0] != Troubled || kinds[len(kinds)-1] != Recovered {
			t.Errorf("events %v", kinds)
		}
	})
}

func TestWaitForUpstreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 40, 1, always(refused))
		b.account.WaitForUpstream = time.Hour
		began := time.Now()
		s := b.mustRun(t)
		if took := time.Since(began); s.Stop != Unavailable || took < 55*time.Minute || took > 61*time.Minute {
			t.Errorf("%s after %s", s.Stop, took)
		}
		if f := b.fold(t); f.recipients.Deferred+f.recipients.Pending != 40 {
			t.Errorf("%+v", f.recipients)
		}
	})
}

func TestInterruptWhileWaitingForUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 40, 1, always(refused))
		b.account.WaitForUpstream = 24 * time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		s, err := b.start(ctx)
		if err != nil || s.Stop != Interrupted || time.Since(began) != time.Hour {
			t.Errorf("%+v, %v after %s", s, err, time.Since(began))
		}
	})
}

func TestTooManyRequestsSlowTheAccountDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 3000, 1, nil)
		var window []time.Time // the upstream takes 50 a second
		b.up.script = func(c call) reply {
			for len(window) > 0 && c.at.Sub(window[0]) >= time.Second {
				window = window[1:]
			}
			if len(window) >= 50 {
				r := tooMany("")
				r.delay = 2 * time.Millisecond
				return r
			}
			window = append(window, c.at)
			r := taken
			r.delay = 2 * time.Millisecond
			return r
		}
		b.job.Policy.Retry = campaign.Retry{Attempts: 30, Base: time.Second, Cap: time.Minute}
		s := b.mustRun(t)
		refusals := len(b.up.calls) - 3000
		if s.Stop != Complete || b.fold(t).recipients.Accepted != 3000 {
			t.Fatalf("%+v", s)
		}
		if refusals > 900 {
			t.Errorf("%d of %d requests were refused: the account did not slow down", refusals, len(b.up.calls))
		}
		if took := b.up.calls[len(b.up.calls)-1].at.Sub(b.up.calls[0].at); took > 5*time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

func Test401WithoutATokenSourceStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10, 1, always(reply{status: 401}))
		b.job.Target = tokenLetter{letter{url: "http://127.0.0.1:1/"}}
		b.account.Limits.Concurrency = 1
		s := b.mustRun(t)
		if f := b.fold(t); s.Stop != Token || len(b.up.calls) != 1 || f.recipients.Deferred != 1 {
			t.Errorf("%+v after %d calls", s, len(b.up.calls))
		}
	})
}

func TestRefusalToDialOutsideStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10, 1, always(reply{unsent: true, err: fmt.Errorf("dial: %w", ErrNotLoopback)}))
		b.account.Limits.Concurrency = 1
		s, err := b.start(t.Context())
		if s.Stop != Faulty || !errors.Is(err, ErrNotLoopback) || len(b.up.calls) != 1 {
			t.Errorf("%+v, %v", s, err)
		}
		if f := b.fold(t); f.recipients.Deferred != 1 {
			t.Errorf("%+v", f.recipients)
		}
	})
}

func TestGrants(t *testing.T) {
	one, two := campaign.NewSecret("one"), campaign.NewSecret("two")
	var g grants
	if g.refused(one) {
		t.Error("the first 401 is not the second in a row")
	}
	g.renewed(two)
	if g.refused(one) {
		t.Error("a late 401 for the old token says nothing about the new one")
	}
	if !g.refused(two) {
		t.Error("the renewed token was refused as well")
	}
	g.accepted(one)
	if !g.refused(two) {
		t.Error("that the old token was taken says nothing about the new one")
	}
	g.accepted(two)
	g.renewed(two) // told again by another request that met the same 401
	if g.refused(two) {
		t.Error("the renewed token was taken before: it has expired in its turn")
	}
}

// A request whose very first 401 is for the renewed token stops the account too.
func TestRenewedTokenRefusedForAnotherRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &purse{}
		b := newBench(t, 10, 1, func(c call) reply {
			if c.token == "t0" {
				return reply{status: 401, delay: time.Millisecond}
			}
			if c.has("u0") {
				return reply{take: true, status: 200, body: "taken", delay: 4 * time.Second}
			}
			return reply{status: 401, delay: time.Millisecond}
		})
		b.account.Limits.Concurrency = 2
		withTokens(b, p)
		if s := b.mustRun(t); s.Stop != Token || p.renewals != 1 {
			t.Errorf("%s after %d renewals", s.Stop, p.renewals)
		}
		b.fold(t)
	})
}

// What was in flight when the trouble was noticed moves no probe.
func TestStragglersDoNotMoveTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAccount(AccountOptions{WaitForUpstream: time.Hour, Random: highest})
		for range lostAnswers {
			a.report(lost, campaign.Verdict{}, time.Now(), &pass{})
		}
		due := a.probeAt
		time.Sleep(500 * time.Millisecond)
		if e := a.report(lost, campaign.Verdict{}, time.Now(), &pass{}); e != nil || !a.probeAt.Equal(due) {
			t.Errorf("the probe moved by %s", a.probeAt.Sub(due))
		}
		var p pass
		if err := a.enter(t.Context(), &p); err != nil || !p.probe || time.Now().Before(due) {
			t.Errorf("%v, %+v", err, p)
		}
		if e := a.report(lost, campaign.Verdict{}, time.Now(), &p); e == nil || !a.probeAt.After(due) {
			t.Errorf("a failed probe moved nothing: %+v", e)
		}
	})
}
