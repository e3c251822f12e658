package runner

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/mem"
)

// asking is an upstream that asks to wait at its tenth request.
func asking(r reply) func(call) reply {
	return func(c call) reply {
		if c.n == 10 {
			return r
		}
		rep := taken
		rep.delay = 20 * time.Millisecond
		return rep
	}
}

func unavailable(after string) reply {
	r := tooMany(after)
	r.status = 503
	return r
}

func TestRetryAfterPausesTheAccount(t *testing.T) {
	for name, test := range map[string]struct {
		reply  reply
		limits campaign.Limits
	}{
		"429":          {tooMany("20"), campaign.Limits{Concurrency: 4}},
		"503":          {unavailable("20"), campaign.Limits{Concurrency: 4}},
		"429, limited": {tooMany("20"), campaign.Limits{Rate: campaign.Rate{N: 50, Per: time.Second}, Concurrency: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up, store := newUpstream(asking(test.reply)), mem.New()
				one, two := fellow(t, store, up, "one", 300, test.limits), fellow(t, store, up, "two", 300, test.limits)
				var waits [2][]Event
				for i, b := range []*bench{one, two} {
					b.job.Progress = func(e Event) {
						if e.Kind == Waiting {
							waits[i] = append(waits[i], e)
						}
					}
				}
				for _, s := range together(t, one, two) {
					if s.Stop != Complete {
						t.Errorf("%+v", s)
					}
				}
				asked := up.calls[10].at
				first := map[bool]bool{} // by process: one started after the pause
				for _, c := range up.calls[11:] {
					since := c.at.Sub(asked)
					// The other process looks 4 times a second when it reserves nothing.
					if since > lookEvery && since < 20*time.Second {
						t.Errorf("a request of %q started %s after the upstream asked for 20s", c.body[:3], since)
					}
					first[strings.HasPrefix(c.body, "one")] = true
				}
				if len(first) != 2 {
					t.Error("a process had nothing left to do")
				}
				for _, e := range waits {
					if len(e) != 1 || e[0].Detail == "" || e[0].Until.Sub(asked) != 20*time.Second {
						t.Errorf("told of %+v, the pause ends at %s", e, asked.Add(20*time.Second))
					}
				}
			})
		})
	}
}

// Within a process nothing starts after the answer, not even what had its intent.
func TestRetryAfterPausesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100, 1, asking(unavailable("20")))
		s := b.mustRun(t)
		asked := b.up.calls[10].at
		for _, c := range b.up.calls[11:] {
			if since := c.at.Sub(asked); since > 0 && since < 20*time.Second {
				t.Errorf("a request started %s after the upstream asked for 20s", since)
			}
		}
		if f := b.fold(t); s.Stop != Complete || f.recipients.Accepted != 100 || len(b.up.calls) != 101 {
			t.Errorf("%+v, %+v, %d calls", s, f.recipients, len(b.up.calls))
		}
	})
}

func TestRetryAfterThatIsTooLongEndsTheInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, store := newUpstream(asking(tooMany("3600"))), mem.New()
		limits := campaign.Limits{Concurrency: 4}
		b := fellow(t, store, up, "one", 100, limits)
		s := b.mustRun(t)
		until := up.calls[10].at.Add(time.Hour)
		if s.Stop != Unavailable || !strings.Contains(s.Detail, until.Local().Format(time.RFC3339)) || !s.NotBefore.Equal(until) || len(up.calls) > 14 {
			t.Errorf("%+v after %d calls, want until %s", s, len(up.calls), until)
		}
		if f := fold(t, b.ledger, b.run); f.recipients.Unknown != 0 || f.recipients.Deferred+f.recipients.Pending == 0 {
			t.Errorf("%+v", f.recipients)
		}
		// Another process, and the same one again, ask the cell before the upstream.
		calls := len(up.calls)
		other := fellow(t, store, up, "two", 100, limits)
		for _, again := range []*bench{other, b} {
			if s := again.mustRun(t); s.Stop != Unavailable || !s.NotBefore.Equal(until) || s.Requests != 0 || len(up.calls) != calls {
				t.Errorf("%+v, %d calls", s, len(up.calls)-calls)
			}
		}
		time.Sleep(time.Until(until))
		for _, again := range []*bench{other, b} {
			if s := again.mustRun(t); s.Stop != Complete {
				t.Errorf("after the pause: %+v", s)
			}
		}
	})
}

func TestRetryAfterIsWaitedForAsLongAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100, 1, asking(tooMany("3600")))
		b.account.MaxWait, b.job.MaxWait = 2*time.Hour, 2*time.Hour
		began := time.Now()
		if s := b.mustRun(t); s.Stop != Complete || time.Since(began) < time.Hour {
			t.Errorf("%+v after %s", s, time.Since(began))
		}
	})
}

// brittle is an account's ledger that fails from its nth call of a kind on, with
// or without the effect.
type brittle struct {
	ledger.Accounts
	method string
	failAt int
	after  bool

	mu    sync.Mutex
	calls map[string]int
}
