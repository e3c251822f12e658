package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger/mem"
)

// fellow is a run of another process that uses the same account: its messages are
// its name.
func fellow(t *testing.T, store *mem.Ledger, up *upstream, name string, n int, limits campaign.Limits) *bench {
	t.Helper()
	b := newBench(t, n, 1, nil)
	b.up = up
	b.account = AccountOptions{Sender: up, Limits: limits, Shared: store.Fork(), Name: "p/gov"}
	b.job.Messages = rendered(name)
	return b
}

// together runs benches to their ends.
func together(t *testing.T, benches ...*bench) []Summary {
	t.Helper()
	sums := make([]Summary, len(benches))
	var wg sync.WaitGroup
	for i, b := range benches {
		wg.Go(func() {
			var err error
			if sums[i], err = b.start(t.Context()); err != nil {
				t.Errorf("process %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	return sums
}

func (u *upstream) times() []time.Time {
	times := make([]time.Time, len(u.calls))
	for i, c := range u.calls {
		times[i] = c.at
	}
	return times
}

func TestProcessesShareTheRate(t *testing.T) {
	for _, test := range []struct {
		rate campaign.Rate
		n    int // requests
		most int // processes
	}{
		{campaign.Rate{N: 1, Per: 10 * time.Second}, 12, 4},
		{campaign.Rate{N: 3, Per: time.Second}, 48, 4},
		{campaign.Rate{N: 50, Per: time.Second}, 480, 4},
		{campaign.Rate{N: 997, Per: time.Second}, 3000, 4},
		{campaign.Rate{N: 20000, Per: time.Second}, 24000, 2},
	} {
		for processes := 1; processes <= test.most; processes++ {
			t.Run(fmt.Sprint(test.rate.N, " in ", test.rate.Per, ", ", processes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					up, store := newUpstream(always(taken)), mem.New()
					var benches []*bench
					for i := range processes {
						benches = append(benches, fellow(t, store, up, fmt.Sprint(i), test.n/processes, campaign.Limits{Rate: test.rate, Concurrency: 16}))
					}
					for i, s := range together(t, benches...) {
						if s.Stop != Complete {
							t.Errorf("process %d: %+v", i, s)
						}
					}
					times := up.times()
					if most := crowd(times, test.rate.Per); most > test.rate.N {
						t.Errorf("%d requests within %s", most, test.rate.Per)
					}
					n := len(times)
					took := times[n-1].Sub(times[0])
					if ideal := time.Duration(float64(n-1) * float64(test.rate.Per) / float64(test.rate.N)); float64(ideal) < 0.95*float64(took) {
						t.Errorf("%d requests took %s instead of %s", n, took, ideal)
					}
				})
			})
		}
	}
}

func TestProcessesShareTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, store := newUpstream(always(reply{take: true, status: 200, body: "taken", delay: 200 * time.Millisecond})), mem.New()
		began := time.Now()
		limits := campaign.Limits{Concurrency: 8}
		first, second := fellow(t, store, up, "first", 1500, limits), fellow(t, store, up, "second", 1500, limits)
		var wg sync.WaitGroup
		wg.Go(func() { first.mustRun(t) })
		wg.Go(func() {
			time.Sleep(2 * time.Second)
			second.mustRun(t)
		})
		wg.Wait()
		if up.most != 8 {
			t.Errorf("%d requests in flight, limit 8", up.most)
		}
		alone, count := 0, map[bool]int{}
		for _, c := range up.calls {
			switch since := c.at.Sub(began); {
			case since < 2*time.Second:
				alone++
			case since >= 4*time.Second && since < 40*time.Second: // 1440 requests
				count[strings.HasPrefix(c.body, "first")]++
			}
		}
		if alone < 76 {
			t.Errorf("%d requests in two seconds of the first process alone", alone)
		}
		if one, other := count[true], count[false]; one+other < 1224 || one < (one+other)/4 || other < (one+other)/4 {
			t.Errorf("%d requests of the first process and %d of the second", one, other)
		}
	})
}

// A campaign that waits for its own rate keeps no place of the account meanwhile, and
// no intent is open for a request that is not to start yet.
func TestSlowCampaignLeavesThePlacesToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, store := newUpstream(always(reply{take: true, status: 200, body: "taken", delay: 50 * time.Millisecond})), mem.New()
		limits := campaign.Limits{Concurrency: 1}
		slow, quick := fellow(t, store, up, "slow", 4, limits), fellow(t, store, up, "quick", 100, limits)
		slow.job.Policy.Rate = campaign.Rate{N: 1, Per: time.Minute}
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { slow.mustRun(t) })
		time.Sleep(time.Second)
		quick.mustRun(t)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("100 requests of 50 ms took %s", took)
		}
		if f := fold(t, slow.ledger, slow.run); f.deliveries.Accepted != 1 || f.deliveries.Pending != 3 {
			t.Errorf("between two requests: %+v", f.deliveries)
		}
		wg.Wait()
		if took := time.Since(began); took < 3*time.Minute || took > 190*time.Second {
			t.Errorf("4 requests, one a minute, took %s", took)
		}
	})
}

func TestPlacesOfADeadProcessAreFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, store := newUpstream(nil), mem.New()
		up.script = func(c call) reply {
			r := taken
			if strings.HasPrefix(c.body, "dead") {
				r.delay = time.Hour
			}
			return r
		}
		limits := campaign.Limits{Concurrency: 3}
		dead, other := fellow(t, store, up, "dead", 10, limits), fellow(t, store, up, "other", 10, limits)
		dead.job.Policy.Timeout = 2 * time.Hour
		kill := make(chan struct{})
		dead.job.Kill = kill
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { dead.mustRun(t) })
		wg.Go(func() {
			time.Sleep(time.Second)
			if s := other.mustRun(t); s.Stop != Complete {
				t.Errorf("%+v", s)
			}
		})
		time.Sleep(10 * time.Second)
		up.mu.Lock()
		if len(up.calls) != 3 {
			t.Errorf("%d requests while all places were taken", len(up.calls))
		}
		up.mu.Unlock()
		dead.account.Shared.(*mem.Ledger).Kill()
		close(kill)
		wg.Wait()
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func (b *brittle) fails(method string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls == nil {
		b.calls = map[string]int{}
	}
	b.calls[method]++
	return method == b.method && b.calls[method] >= b.failAt
}

func (b *brittle) Share(ctx context.Context, account string, change func([]byte) []byte) error {
	if !b.fails("share") {
		return b.Accounts.Share(ctx, account, change)
	}
	if b.after {
		if err := b.Accounts.Share(ctx, account, change); err != nil {
			return err
		}
	}
	return errDisk
}

func (b *brittle) Place(ctx context.Context, account string, n int) (func(), bool, error) {
	if b.fails("place") {
		return nil, false, errDisk
	}
	return b.Accounts.Place(ctx, account, n)
}

func (b *brittle) Wanted(ctx context.Context, account string) (bool, error) {
	if b.fails("wanted") {
		return false, errDisk
	}
	return b.Accounts.Wanted(ctx, account)
}

func TestWithoutTheOthersWordNothingStarts(t *testing.T) {
	limited := campaign.Limits{Rate: campaign.Rate{N: 50, Per: time.Second}, Concurrency: 4}
	unlimited := campaign.Limits{Concurrency: 4}
	for name, test := range map[string]struct {
		method string
		failAt int
		after  bool
		limits campaign.Limits
		calls  int // at most
	}{
		"at the beginning":               {"share", 1, false, limited, 0},
		"at the beginning, unlimited":    {"share", 1, false, unlimited, 0},
		"while it runs":                  {"share", 20, false, limited, 20},
		"while it runs, with the effect": {"share", 20, true, limited, 20},
		"while it runs, unlimited":       {"share", 3, false, unlimited, 4 * 26},
		"a place":                        {"place", 3, false, unlimited, 2},
		"who waits":                      {"wanted", 3, false, unlimited, 60},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := taken
				r.delay = 20 * time.Millisecond
				b := newBench(t, 400, 1, always(r))
				b.account.Limits = test.limits
				b.account.Shared, b.account.Name = &brittle{Accounts: b.ledger.Fork(), method: test.method, failAt: test.failAt, after: test.after}, "p/gov"
				s, err := b.start(t.Context())
				if s.Stop != Failed || !errors.Is(err, ErrLedger) || !errors.Is(err, errDisk) {
					t.Errorf("%+v, %v", s, err)
				}
				if len(b.up.calls) > test.calls {
					t.Errorf("%d requests", len(b.up.calls))
				}
				if f := b.fold(t); f.recipients.Unknown != 0 || f.recipients.Accepted != int64(len(b.up.calls)) {
					t.Errorf("%+v after %d requests", f.recipients, len(b.up.calls))
				}
			})
		})
	}
}

// report may fail to tell the others of a 429: that ends the account too.
func TestPauseThatCannotBeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100, 1, asking(unavailable("20")))
		b.account.Limits.Concurrency = 1
		b.account.Shared = &brittle{Accounts: b.ledger.Fork(), method: "share", failAt: 2} // the first is at the beginning
		s, err := b.start(t.Context())
		if s.Stop != Failed || !errors.Is(err, ErrLedger) || len(b.up.calls) != 11 {
			t.Errorf("%+v, %v after %d requests", s, err, len(b.up.calls))
		}
		b.fold(t)
	})
}

func TestProcessesShareTheirSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		own := newLane(campaign.Rate{}, nil)
		two := [2]*Account{}
		for i := range two {
			two[i] = NewAccount(AccountOptions{Shared: store.Fork(), Name: "p/gov", Limits: campaign.Limits{Concurrency: 4}})
		}
		start := func(a *Account, n int) {
			for range n {
				if err := a.start(t.Context(), own, &pass{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		start(two[0], 100)
		start(two[1], 100)
		time.Sleep(lookEvery)
		start(two[1], 1) // tells of its 100 requests
		if e := two[0].report(answered, campaign.Verdict{Outcome: campaign.Deferred, Status: 429}, time.Now(), &pass{}); e == nil || e.Kind != Slowed {
			t.Errorf("event %+v", e)
		}
		time.Sleep(lookEvery)
		began := time.Now()
		start(two[1], 1) // sees it
		start(two[1], 40)
		if took := time.Since(began); took < 350*time.Millisecond || took > 450*time.Millisecond {
			t.Errorf("40 requests took %s after a cut of 200 a second to half", took)
		}
		if held := two[1].Held(); held < 90 || held > 110 {
			t.Errorf("the other process is held to %v requests a second", held)
		}
		for range 60 { // both help
			for _, a := range two {
				a.report(answered, campaign.Verdict{Outcome: campaign.Accepted, Status: 200}, time.Now(), &pass{})
			}
		}
		time.Sleep(lookEvery)
		for range 3 { // the first tells, the second tells, the first hears
			for _, a := range two {
				time.Sleep(lookEvery)
				start(a, 1)
			}
		}
		for i, a := range two {
			if a.throttled.Load() || a.Held() != 0 {
				t.Errorf("process %d is still slowed down: %+v", i, a.speed)
			}
		}
	})
}

// countedCell counts how often the cell is asked.
type countedCell struct {
	alone
	asked int
}

func (c *countedCell) Share(ctx context.Context, name string, change func([]byte) []byte) error {
	if c.asked++; c.asked > 100 {
		return errors.New("asked over and over again")
	}
	return c.alone.Share(ctx, name, change)
}

// After a clock was set back by less than a pause, the clock on the wall reaches the
// pause's end after the pause is over: until then the cell gives no permits.
func TestPauseThatTheWallClockShowsLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		until := began.Round(0).Add(10 * time.Second)
		shared := &countedCell{}
		shared.cell = (&cell{until: until, asked: time.Minute}).encode()
		a := NewAccount(AccountOptions{Shared: shared, Limits: campaign.Limits{Rate: campaign.Rate{N: 10, Per: time.Second}}})
		a.until, a.resume = until, began // the pause is over
		if err := a.start(t.Context(), newLane(campaign.Rate{}, nil), &pass{}); err != nil || time.Since(began) > 11*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
