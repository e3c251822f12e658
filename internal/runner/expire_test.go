package runner

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/targets"
)

func TestNothingStartsAfterExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 40, 2, always(reply{take: true, status: 200, body: "taken", delay: 3 * time.Second}))
		b.account.Limits.Rate = campaign.Rate{N: 2, Per: time.Second}
		b.account.Limits.Concurrency = 8
		expires := time.Now().Add(10 * time.Second)
		b.job.Expires = expires
		s := b.mustRun(t)
		f := b.fold(t)
		for _, c := range b.up.calls {
			if !c.at.Before(expires) {
				t.Errorf("a request %s after expiry", c.at.Sub(expires))
			}
		}
		// What was in flight has come to its end, and everything adds up.
		if s.Stop != Complete || int(f.deliveries.Accepted) != len(b.up.calls) || len(b.up.calls) < 10 || f.recipients.Unknown != 0 {
			t.Errorf("%+v, %+v after %d calls", s, f.deliveries, len(b.up.calls))
		}
		if f.recipients.Skipped+f.recipients.Accepted != 80 || s.Recipients != (campaign.Counts{Accepted: f.recipients.Accepted, Skipped: f.recipients.Skipped}) {
			t.Errorf("%+v, summary %+v", f.recipients, s.Recipients)
		}
		for id, o := range f.outcome {
			if o == campaign.Skipped && !strings.HasPrefix(f.reason[id], "expired: ") {
				t.Errorf("%s was skipped as %q", id, f.reason[id])
			}
		}
	})
}

// unsendable fails the test when anything of a delivery is made ready to be sent.
type unsendable struct {
	letter
	t *testing.T
}

func (u unsendable) Request(targets.Message, targets.Secrets) (targets.Request, error) {
	u.t.Error("a request was built")
	return targets.Request{}, errors.New("not to be built")
}

// An expired run is skipped in groups, without rendering anything of it.
func TestExpiredRunIsSkippedCheaply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20_000
		b := newBench(t, n, 1, always(taken))
		b.job.Target = unsendable{letter{url: "http://127.0.0.1:1/"}, t}
		b.job.Messages = func(context.Context, campaign.Block) ([]targets.Message, error) {
			t.Error("a block was rendered")
			return nil, errors.New("not to be rendered")
		}
		l := &shaky{Ledger: b.ledger}
		l.order = func(_ []ledger.Settlement, intents []ledger.Intent) {
			if len(intents) > 0 {
				t.Errorf("%d intents", len(intents))
			}
		}
		b.job.Ledger, b.job.Expires = l, time.Now()
		s := b.mustRun(t)
		if s.Stop != Complete || s.Recipients.Skipped != n || s.Requests != 0 || b.fold(t).recipients.Skipped != n {
			t.Errorf("%+v", s)
		}
		if len(l.groups) > n/groupLimit+1 {
			t.Errorf("%d disk writes", len(l.groups))
		}
	})
}

// stuck is a token source that does not answer, or not when it is to renew.
type stuck struct {
	purse
	renewing bool
}

func (s *stuck) Token(ctx context.Context) (campaign.Secret, error) {
	if s.renewing {
		return s.purse.Token(ctx)
	}
	return s.Renew(ctx, campaign.Secret{})
}

func (s *stuck) Renew(ctx context.Context, _ campaign.Secret) (campaign.Secret, error) {
	<-ctx.Done()
	return campaign.Secret{}, context.Cause(ctx)
}

// Whatever a run waits for when it expires, it ends then, and so does what waits.
func TestExpiryEndsEveryWait(t *testing.T) {
	const after = 5 * time.Minute
	for name, set := range map[string]func(b *bench){
		"for the window":    func(b *bench) { b.job.Opens = everyPeriod(24*time.Hour, 10*time.Minute, time.Hour) },
		"for a retry":       func(b *bench) { b.up.script = always(tooMany("600")) },
		"for the upstream":  func(b *bench) { b.up.script, b.account.WaitForUpstream = always(refused), time.Hour },
		"for its own limit": func(b *bench) { b.job.Policy.Rate = campaign.Rate{N: 1, Per: time.Hour} },
		"for the account's": func(b *bench) { b.account.Limits.Rate = campaign.Rate{N: 1, Per: time.Hour} },
		"for a stage": func(b *bench) {
			b.run = staged(b, 2, 5, 25)
			b.job.Run, b.job.Policy.Stages = b.run.ID, []campaign.Stage{{Upto: 10, Wait: time.Hour}}
		},
		"for halves": func(b *bench) {
			b.up.script = func(c call) reply {
				if len(c.ids) == 2 {
					return refusedIt
				}
				return tooMany("600")
			}
		},
		"for a token": func(b *bench) { withTokens(b, &purse{}); b.account.Tokens = &stuck{} },
		"for another token": func(b *bench) {
			withTokens(b, &purse{})
			b.account.Tokens, b.up.script = &stuck{renewing: true}, always(reply{status: 401})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 30, 2, always(taken))
				b.account.Random = highest
				set(b)
				began := time.Now()
				b.job.Expires = began.Add(after)
				s := b.mustRun(t)
				f := b.fold(t)
				if s.Stop != Complete || time.Since(began) != after || !s.NotBefore.IsZero() {
					t.Errorf("%+v after %s", s, time.Since(began))
				}
				if !f.recipients.Complete() || f.recipients.Skipped < 40 || s.Recipients.Deferred != 0 || s.Recipients.Skipped != f.recipients.Skipped {
					t.Errorf("%+v, summary %+v", f.recipients, s.Recipients)
				}
				calls := len(b.up.calls)
				if s := b.mustRun(t); s.Stop != Complete || s.Requests != 0 || len(b.up.calls) != calls {
					t.Errorf("again: %+v", s)
				}
			})
		})
	}
}

// What earlier invocations deferred is skipped too, and not counted as this one's.
func TestExpiryOfWhatWasDeferredBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 4, 3, always(tooMany("")))
		b.job.Policy.Retry.Attempts = 1
		if s := b.mustRun(t); s.Stop != Exhausted || s.Recipients.Deferred != 12 {
			t.Fatalf("%+v", s)
		}
		b.job.Expires = time.Now()
		s := b.mustRun(t)
		if want := (campaign.Counts{Skipped: 12}); s.Stop != Complete || s.Recipients != want || b.fold(t).recipients.Skipped != 12 {
			t.Errorf("%+v", s)
		}
	})
}

func TestInterruptWhileExpiring(t *testing.T) {
	for name, test := range map[string]struct {
		want Stop
		do   func(b *bench, cancel func(), kill chan struct{})
	}{
		"interrupt": {Interrupted, func(_ *bench, cancel func(), _ chan struct{}) { cancel() }},
		"kill":      {Killed, func(_ *bench, _ func(), kill chan struct{}) { close(kill) }},
		"stop":      {Asked, func(b *bench, _ func(), _ chan struct{}) { _ = b.ledger.Stop(context.Background(), b.run.ID) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 3 * groupLimit
				b := newBench(t, n, 1, always(taken))
				b.job.Expires = time.Now()
				kill := make(chan struct{})
				b.job.Kill = kill
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var once atomic.Bool
				b.job.Ledger = &shaky{Ledger: b.ledger, order: func([]ledger.Settlement, []ledger.Intent) {
					if once.CompareAndSwap(false, true) {
						test.do(b, cancel, kill)
						time.Sleep(2 * time.Second) // until it was noticed
					}
				}}
				s, err := b.start(ctx)
				if f := b.fold(t); err != nil || s.Stop != test.want || f.recipients.Skipped != groupLimit {
					t.Errorf("%+v, %v, %+v", s, err, f.recipients)
				}
				b.job.Ledger, b.job.Kill = b.ledger, nil
				if s := b.mustRun(t); s.Stop != Complete || s.Recipients.Skipped != n-groupLimit || len(b.up.calls) != 0 {
					t.Errorf("resumed: %+v", s)
				}
				if f := b.fold(t); f.recipients.Skipped != n {
					t.Errorf("%+v", f.recipients)
				}
			})
		})
	}
}

func TestLedgerThatFailsWhileExpiring(t *testing.T) {
	for name, sabotage := range map[string]func(*shaky){
		"write":              func(s *shaky) { s.failAt = 2 },
		"write, but it did":  func(s *shaky) { s.failAt, s.after = 2, true },
		"reading what is so": func(s *shaky) { s.work = errDisk },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 3*groupLimit, 1, always(taken))
				b.job.Expires = time.Now()
				l := &shaky{Ledger: b.ledger, err: errDisk}
				sabotage(l)
				b.job.Ledger = l
				if s, err := b.start(t.Context()); s.Stop != Failed || !errors.Is(err, ErrLedger) {
					t.Errorf("%+v, %v", s, err)
				}
				b.job.Ledger = b.ledger
				if s := b.mustRun(t); s.Stop != Complete || b.fold(t).recipients.Skipped != 3*groupLimit {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}
