package runner

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// lostOn loses the answers of calls for id, the first n of them, though they are taken.
func lostOn(id string, n int) func(call) reply {
	return func(c call) reply {
		if c.has(id) && n > 0 {
			n--
			return lostAfter
		}
		return taken
	}
}

func (b *bench) callsFor(id string) []call {
	var found []call
	for _, c := range b.up.calls {
		if c.has(id) {
			found = append(found, c)
		}
	}
	return found
}

func TestUnknownIsSentAgainOnce(t *testing.T) {
	for name, test := range map[string]struct {
		lost    int
		outcome campaign.Outcome
	}{"taken then": {1, campaign.Accepted}, "lost again": {9, campaign.Unknown}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 12, 2, lostOn("u5", test.lost))
				b.job.Policy.Resend = true
				b.job.Random = highest
				s := b.mustRun(t)
				f := fold(t, b.ledger, b.run)
				calls := b.callsFor("u5")
				if s.Stop != Complete || f.outcome["u5"] != test.outcome || len(calls) != 2 || s.Resent != 1 || s.Requests != 13 {
					t.Fatalf("%+v, %s after %d calls", s, f.outcome["u5"], len(calls))
				}
				if pause := calls[1].at.Sub(calls[0].at); pause < time.Second {
					t.Errorf("sent again after %s: the backoff is 1s", pause)
				}
				if s.Deliveries != (campaign.Counts{Accepted: f.deliveries.Accepted, Unknown: f.deliveries.Unknown}) {
					t.Errorf("summary %+v, ledger %+v", s.Deliveries, f.deliveries)
				}
				for range 2 { // never again
					if s := b.mustRun(t); s.Requests != 0 || s.Resent != 0 {
						t.Errorf("%+v", s)
					}
				}
			})
		})
	}
}

// An unknown outcome is durable as such before it is reopened: the history tells it.
func TestResendIsInTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 1, lostOn("u0", 1))
		b.job.Policy.Resend = true
		b.mustRun(t)
		var got []string
		for a, err := range b.ledger.Attempts(t.Context(), b.run.ID, 0) {
			switch {
			case err != nil:
				t.Fatal(err)
			case a.Intent != nil:
				got = append(got, "intent")
			default:
				got = append(got, a.Settlement.Verdict.Outcome.String()+" "+a.Settlement.Verdict.Reason)
			}
		}
		want := "intent, unknown answer-lost: connection reset, deferred resend: answer-lost: connection reset, intent, accepted "
		if strings.Join(got, ", ") != want {
			t.Errorf("%s", strings.Join(got, ", "))
		}
	})
}

// What crashes left unknown is sent again by the next invocation, once.
func TestResendAtTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 30, 2, always(reply{take: true, status: 200, body: "taken", delay: 2 * time.Second}))
		b.account.Limits.Concurrency = 3
		b.job.Policy.Resend = true
		for range 2 { // the second crash happens to what the first left
			process := b.ledger.Fork()
			time.AfterFunc(time.Second, process.Kill)
			b.job.Ledger = process
			if s, err := b.start(t.Context()); err == nil || s.Stop != Failed {
				t.Fatalf("%+v, %v", s, err)
			}
		}
		b.job.Ledger = b.ledger
		b.up.script = always(taken)
		s := b.mustRun(t)
		f := fold(t, b.ledger, b.run)
		if s.Stop != Complete || f.deliveries.Unknown != 3 || f.deliveries.Accepted != 27 || s.Resent != 0 {
			t.Errorf("%+v, %+v", s, f.deliveries)
		}
		if f.reason["u0"] != ledger.ReasonUnsettled {
			t.Errorf("reason %q", f.reason["u0"])
		}
		for id, n := range b.up.accepted {
			if n > 2 {
				t.Errorf("%s was sent %d times", id, n)
			}
		}
		if s := b.mustRun(t); s.Requests != 0 {
			t.Errorf("a third time: %+v", s)
		}
	})
}

func TestHoldIsTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 5, 1, lostOn("u2", 1))
		b.mustRun(t)
		if s := b.mustRun(t); s.Requests != 0 || s.Resent != 0 || b.fold(t).recipients.Unknown != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// Attempts that are used up, and the end of sending, are the usual ones.
func TestResendFollowsTheUsualRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 5, 1, lostOn("u2", 1))
		b.job.Policy.Resend, b.job.Policy.Retry.Attempts = true, 1
		if s := b.mustRun(t); s.Stop != Exhausted || s.Recipients.Deferred != 1 || s.Recipients.Unknown != 0 || s.Resent != 1 {
			t.Errorf("%+v", s)
		}
		if s := b.mustRun(t); s.Stop != Complete || s.Requests != 1 || len(b.callsFor("u2")) != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// Sending again what an upstream lost does not hide that it loses answers.
func TestResendDoesNotHideTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 20, 1, always(lostAfter))
		b.account.Limits.Concurrency = 1
		b.job.Policy.Resend = true
		s := b.mustRun(t)
		if s.Stop != Unavailable || len(b.up.calls) != 3 {
			t.Errorf("%+v after %d calls", s, len(b.up.calls))
		}
	})
}

// The halves of a batch that was sent again are not sent again themselves.
func TestHalvesOfWhatWasResent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 4, nil)
		b.account.Limits.Concurrency = 1
		b.up.script = func(c call) reply {
			switch {
			case c.n == 0 || len(c.ids) == 2 && c.has("u0"):
				return lostWhole
			case c.has("u3"):
				return refusedIt
			}
			return taken
		}
		b.job.Policy.Resend = true
		b.mustRun(t)
		b.mustRun(t)
		f := b.fold(t)
		if f.outcome["u0"] != campaign.Unknown || f.outcome["u2"] != campaign.Accepted || f.outcome["u3"] != campaign.Rejected || len(b.callsFor("u0")) != 3 {
			t.Errorf("%+v after %d calls for u0", f.outcome, len(b.callsFor("u0")))
		}
	})
}

// An expired run reopens nothing: what may have been accepted is not to read as
// skipped. Where it was reopened before, the reason says so.
func TestResendAndExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 5, 1, lostOn("u2", 9))
		b.mustRun(t)
		b.job.Policy.Resend, b.job.Expires = true, time.Now()
		if s := b.mustRun(t); s.Resent != 0 || b.fold(t).recipients.Unknown != 1 {
			t.Errorf("%+v", s)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 5, 1, lostOn("u2", 1))
		b.job.Policy.Resend, b.job.Policy.Retry.Attempts = true, 1
		b.mustRun(t)
		b.job.Expires = time.Now()
		b.mustRun(t)
		f := fold(t, b.ledger, b.run)
		if f.outcome["u2"] != campaign.Skipped || !strings.Contains(f.reason["u2"], "the outcome of an earlier attempt is unknown") {
			t.Errorf("%s: %s", f.outcome["u2"], f.reason["u2"])
		}
	})
}

func TestLedgerThatFailsWhileReopening(t *testing.T) {
	for name, sabotage := range map[string]func(*shaky){
		"write":             func(s *shaky) { s.failAt = 1 },
		"write, but it did": func(s *shaky) { s.failAt, s.after = 1, true },
		"reading":           func(s *shaky) { s.unknown = errDisk },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 5, 1, lostOn("u2", 1))
				b.mustRun(t)
				b.job.Policy.Resend = true
				l := &shaky{Ledger: b.ledger, err: errDisk}
				sabotage(l)
				b.job.Ledger = l
				if s, err := b.start(t.Context()); s.Stop != Failed || !errors.Is(err, ErrLedger) || len(b.up.calls) != 5 {
					t.Errorf("%+v, %v after %d calls", s, err, len(b.up.calls))
				}
				b.job.Ledger = b.ledger
				if s := b.mustRun(t); s.Stop != Complete || len(b.callsFor("u2")) != 2 {
					t.Errorf("%+v after %d calls", s, len(b.callsFor("u2")))
				}
			})
		})
	}
}
