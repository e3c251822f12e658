package runner

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func TestBudgetTable(t *testing.T) {
	var b Budget
	now := epoch
	retry := func() time.Duration {
		var wait time.Duration
		b, wait = b.Retry(now)
		return wait
	}
	for i := range 10 {
		if wait := retry(); wait != 0 {
			t.Fatalf("retry %d of the first 10 waits for %s", i, wait)
		}
	}
	if wait := retry(); wait != 0 {
		t.Errorf("the first that nothing pays for waits for %s", wait)
	}
	if wait := retry(); wait != retryTrickle {
		t.Errorf("the second one waits for %s", wait)
	}
	now = now.Add(400 * time.Millisecond)
	if wait := retry(); wait != retryTrickle-400*time.Millisecond {
		t.Errorf("after 400ms it waits for %s", wait)
	}
	for range 5 {
		b = b.Earned()
	}
	if wait := retry(); wait != 0 {
		t.Errorf("five attempts earned no retry: %s", wait)
	}
	if wait := retry(); wait == 0 {
		t.Error("five attempts earned two retries")
	}
	b = b.Answered()
	if wait := retry(); wait != 0 {
		t.Errorf("a retry that got an answer gives nothing back: %s", wait)
	}
	for range 10_000 {
		b = b.Earned()
	}
	free := 0
	for retry() == 0 && free < 1000 {
		free++
	}
	if free != 100 {
		t.Errorf("%d retries after 10000 attempts", free)
	}
}

func TestBudgetBoundsRetries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Budget
		now := epoch
		retries, answered, others, most := 0, 0, 0, 0.0
		for range rapid.IntRange(1, 500).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(t, "later")))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				b = b.Earned()
				others++
			case 1:
				if retries > answered {
					b = b.Answered()
					answered++
				}
			default:
				after, wait := b.Retry(now)
				if wait > retryTrickle || wait < 0 || wait > 0 && after != b {
					t.Fatalf("waits for %s", wait)
				}
				if b = after; wait == 0 {
					retries++
				}
			}
			most = 10 + 0.2*float64(others) + 1.2*float64(answered) + now.Sub(epoch).Seconds() + 1
			if float64(retries) > most+1e-6 {
				t.Fatalf("%d retries, at most %.1f", retries, most)
			}
		}
	})
}

// busy is an answer after which a delivery may be tried again, and which asks for
// nothing else.
var busy = reply{status: 503, header: http.Header{"Retry-After": {"0"}}}

// An upstream in trouble is not hammered by all deliveries trying again at once;
// once it has recovered, what had to wait goes at once.
func TestRetriesAreHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 200, 1, nil)
		began := time.Now()
		b.up.script = func(c call) reply {
			r := busy
			if c.at.Sub(began) >= time.Minute {
				r = taken
			}
			r.delay = 10 * time.Millisecond
			return r
		}
		b.job.Policy.Retry = campaign.Retry{Attempts: 1000, Base: time.Second, Cap: 2 * time.Second}
		s := b.mustRun(t)
		f := b.fold(t)
		if s.Stop != Complete || f.recipients.Accepted != 200 {
			t.Fatalf("%+v, %+v", s, f.recipients)
		}
		retries := -200
		for _, c := range b.up.calls {
			if c.at.Sub(began) < time.Minute {
				retries++
			}
		}
		if least, most := 50+58, 50+62; retries < least || retries > most {
			t.Errorf("%d retries in a minute of trouble, want %d to %d", retries, least, most)
		}
		if took := time.Since(began); took > time.Minute+40*time.Second {
			t.Errorf("the last one was sent %s after the trouble", took-time.Minute)
		}
	})
}

// Two runs of a process share the budget.
func TestRunsShareTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBench(t, 50, 1, nil)
		b.up.script = func(c call) reply {
			if c.at.Sub(began) < time.Minute {
				return busy
			}
			return taken
		}
		b.job.Policy.Retry = campaign.Retry{Attempts: 1000, Base: time.Second, Cap: 2 * time.Second}
		b.job.Account = NewAccount(b.account)
		other := newBench(t, 50, 1, nil).job
		other.Account, other.Policy = b.job.Account, b.job.Policy
		done := make(chan Summary)
		for _, j := range []Job{b.job, other} {
			go func() {
				s, _ := Run(t.Context(), j)
				done <- s
			}()
		}
		if one, two := <-done, <-done; one.Stop != Complete || two.Stop != Complete {
			t.Fatalf("%+v %+v", one, two)
		}
		retries := -100
		for _, c := range b.up.calls {
			if c.at.Sub(began) < time.Minute {
				retries++
			}
		}
		if retries > 30+62 {
			t.Errorf("%d retries in a minute of trouble", retries)
		}
	})
}

// A renewed token and the halves of a refused batch cost nothing.
func TestRenewalsAndHalvesAreNoRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10, 8, func(c call) reply {
			switch {
			case c.token == "t0":
				return reply{status: 401}
			case c.has("u3", "u11", "u19", "u27", "u35", "u43", "u51", "u59", "u67", "u75"):
				return refusedIt
			}
			return taken
		})
		withTokens(b, &purse{})
		began := time.Now()
		if s := b.mustRun(t); s.Stop != Complete || s.Recipients.Rejected != 10 || s.Splits != 30 {
			t.Errorf("%+v", s)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
	})
}

// Each lost probe costs an unknown outcome: few are made, however long one would
// wait.
func TestLostProbesAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		reply   func(n int) reply // from the 20th request on
		unknown int64
		calls   int
	}{
		"all are lost": {func(int) reply { return lostAfter }, lostAnswers + lostProbesMost, 20 + lostAnswers + lostProbesMost},
		"refused in between": {func(n int) reply {
			if n < lostAnswers || n%2 == 1 {
				return lostAfter
			}
			return refused
		}, lostAnswers + lostProbesMost, 20 + lostAnswers + 2*lostProbesMost - 1},
		"answered in between": {func(n int) reply {
			if n%6 < lostAnswers+lostProbesMost-1 {
				return lostAfter
			}
			return taken
		}, 25, 50},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 50, 1, func(c call) reply {
					if c.n < 20 {
						return taken
					}
					return test.reply(c.n - 20)
				})
				b.account.WaitForUpstream, b.account.Limits.Concurrency = 24*time.Hour, 1
				s := b.mustRun(t)
				f := b.fold(t)
				if f.recipients.Unknown != test.unknown || len(b.up.calls) != test.calls {
					t.Errorf("%+v after %d calls", f.recipients, len(b.up.calls))
				}
				if name == "answered in between" {
					if s.Stop != Complete {
						t.Errorf("%+v", s)
					}
				} else if s.Stop != Unavailable || s.Detail == "" {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}
