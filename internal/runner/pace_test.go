package runner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

var epoch = time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC)

func TestPaceTable(t *testing.T) {
	tests := []struct {
		rate  campaign.Rate
		gap   time.Duration // between two requests that come as early as they may
		burst time.Duration // how much earlier than due a request may start
	}{
		{campaign.Rate{N: 5, Per: time.Second}, 204 * time.Millisecond, 20 * time.Millisecond},
		{campaign.Rate{N: 1, Per: time.Second}, 1020 * time.Millisecond, 20 * time.Millisecond},
		{campaign.Rate{N: 1000, Per: time.Second}, 1020 * time.Microsecond, 20 * time.Millisecond},
		{campaign.Rate{N: 60, Per: time.Minute}, 1020 * time.Millisecond, 20 * time.Millisecond},
		{campaign.Rate{N: 3, Per: time.Second}, 340 * time.Millisecond, 20 * time.Millisecond},
		{campaign.Rate{N: 7, Per: 100 * time.Millisecond}, 14571429 * time.Nanosecond, 2 * time.Millisecond},
		{campaign.Rate{}, 0, 0},
		{campaign.Rate{N: -1, Per: time.Second}, 0, 0},
		{campaign.Rate{N: 1}, 0, 0},
	}
	for _, test := range tests {
		p := NewPace(test.rate)
		if p.interval-test.gap > 1 || test.gap-p.interval > 1 || p.slack != test.burst {
			t.Errorf("%v: interval %s, slack %s", test.rate, p.interval, p.slack)
		}
		if p.Limited() != (test.gap > 0) {
			t.Errorf("%v: limited %t", test.rate, p.Limited())
		}
		if at := p.Next(epoch); !at.Equal(epoch) {
			t.Errorf("%v: the first request waits for %s", test.rate, at.Sub(epoch))
		}
	}
}

// starts lets requests come at the given distances and start as early as they
// may, each late by its lateness, as a timer would have it.
func starts(p Pace, distances, lateness []time.Duration) []time.Time {
	now, out := epoch, []time.Time(nil)
	for i, d := range distances {
		now = now.Add(d)
		if at := p.Next(now); at.After(now) {
			now = at.Add(lateness[i%len(lateness)])
		}
		p.Take(now)
		out = append(out, now)
	}
	return out
}

// crowd is the largest number of instants in any half-open window of that span.
func crowd(times []time.Time, span time.Duration) int {
	most, from := 0, 0
	for i := range times {
		for times[i].Sub(times[from]) >= span {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func TestPaceNeverExceedsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := campaign.Rate{
			N:   rapid.IntRange(1, 300).Draw(t, "n"),
			Per: time.Duration(rapid.Int64Range(int64(50*time.Millisecond), int64(2*time.Second)).Draw(t, "per")),
		}
		mean := int64(rate.Interval())
		distances := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			if rapid.Bool().Draw(t, "at once") {
				return 0
			}
			return time.Duration(rapid.Int64Range(0, 5*mean).Draw(t, "distance"))
		}), 1, 400).Draw(t, "distances")
		lateness := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(80*time.Millisecond)).Draw(t, "late"))
		}), 1, 10).Draw(t, "lateness")
		if most := crowd(starts(NewPace(rate), distances, lateness), rate.Per); most > rate.N {
			t.Fatalf("%d requests within %s, limit %d", most, rate.Per, rate.N)
		}
	})
}

func TestPaceUsesItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := campaign.Rate{N: rapid.IntRange(1, 3000).Draw(t, "n"), Per: time.Second}
		late := time.Duration(rapid.Int64Range(0, int64(20*time.Millisecond)).Draw(t, "late"))
		n := 20 * rate.N
		got := starts(NewPace(rate), make([]time.Duration, n), []time.Duration{late})
		took := got[n-1].Sub(got[0])
		if ideal := time.Duration(n-1) * time.Second / time.Duration(rate.N); float64(ideal) < 0.95*float64(took-late) {
			t.Fatalf("%d requests took %s instead of %s", n, took, ideal)
		}
	})
}

func TestBothLimitsHold(t *testing.T) {
	for name, test := range map[string]struct {
		account, campaign campaign.Rate
		concurrency       int
		delay             time.Duration
	}{
		"account":             {account: campaign.Rate{N: 20, Per: time.Second}, concurrency: 8},
		"campaign":            {campaign: campaign.Rate{N: 20, Per: time.Second}, concurrency: 8},
		"campaign is slower":  {campaign.Rate{N: 90, Per: time.Second}, campaign.Rate{N: 20, Per: time.Second}, 8, 0},
		"account is slower":   {campaign.Rate{N: 20, Per: time.Second}, campaign.Rate{N: 90, Per: time.Second}, 8, 0},
		"answers take long":   {campaign.Rate{N: 20, Per: time.Second}, campaign.Rate{}, 32, 900 * time.Millisecond},
		"a limit a minute":    {campaign.Rate{N: 1200, Per: time.Minute}, campaign.Rate{}, 2, 0},
		"fast, one at a time": {campaign.Rate{N: 20, Per: time.Second}, campaign.Rate{}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := taken
				r.delay = test.delay
				b := newBench(t, 400, 1, always(r))
				b.account.Limits = campaign.Limits{Rate: test.account, Concurrency: test.concurrency}
				b.job.Policy.Rate = test.campaign
				b.mustRun(t)
				times := make([]time.Time, len(b.up.calls))
				for i, c := range b.up.calls {
					times[i] = c.at
				}
				if most := crowd(times, time.Second); most > 20 {
					t.Errorf("%d requests in a second, limit 20", most)
				}
				if took := times[399].Sub(times[0]); took > 399*time.Second/19 {
					t.Errorf("400 requests at 20/s took %s", took)
				}
			})
		})
	}
}

func TestTwoRunsShareAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100, 1, always(reply{take: true, status: 200, body: "taken", delay: 300 * time.Millisecond}))
		b.account.Limits = campaign.Limits{Rate: campaign.Rate{N: 10, Per: time.Second}, Concurrency: 3}
		b.job.Account = NewAccount(b.account)
		job := newBench(t, 100, 1, nil).job
		job.Account = b.job.Account
		done := make(chan Summary)
		for _, j := range []Job{b.job, job} {
			go func() {
				s, _ := Run(t.Context(), j)
				done <- s
			}()
		}
		if one, two := <-done, <-done; one.Stop != Complete || two.Stop != Complete {
			t.Fatalf("%+v %+v", one, two)
		}
		var times []time.Time
		for _, c := range b.up.calls {
			times = append(times, c.at)
		}
		if most := crowd(times, time.Second); most > 10 || b.up.most > 3 || len(times) != 200 {
			t.Errorf("%d requests in a second, %d in flight, %d in all", most, b.up.most, len(times))
		}
	})
}

func TestFewIntentsWaitForTheirTime(t *testing.T) {
	if got := aheadOf(campaign.Rate{N: 5, Per: time.Second}, 16); got != 1 {
		t.Errorf("5/s: %d", got)
	}
	if got := aheadOf(campaign.Rate{N: 50, Per: time.Second}, 16); got != 5 {
		t.Errorf("50/s: %d", got)
	}
	if got := aheadOf(campaign.Rate{N: 5000, Per: time.Second}, 16); got != 16 {
		t.Errorf("5000/s: %d", got)
	}
	if got := aheadOf(campaign.Rate{}, 16); got != 16 {
		t.Errorf("no rate: %d", got)
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 30, 1, always(taken))
		b.account.Limits = campaign.Limits{Rate: campaign.Rate{N: 5, Per: time.Second}, Concurrency: 16}
		if s := b.mustRun(t); s.MaxInFlight > 2 {
			t.Errorf("%d intents open at 5/s with answers that take no time", s.MaxInFlight)
		}
	})
}

func TestWhoWaitsForTheirTimeIsNotSentAfterAnInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := newBench(t, 30, 1, nil)
		b.account.Limits = campaign.Limits{Rate: campaign.Rate{N: 6, Per: time.Minute}, Concurrency: 8}
		b.up.script = func(c call) reply {
			if c.n == 2 {
				time.AfterFunc(time.Second, cancel)
			}
			return taken
		}
		began := time.Now()
		s, err := b.start(ctx)
		if err != nil || s.Stop != Interrupted || len(b.up.calls) != 3 || time.Since(began) > 25*time.Second {
			t.Errorf("%+v, %v, %d calls after %s", s, err, len(b.up.calls), time.Since(began))
		}
		if f := b.fold(t); f.recipients.Unknown != 0 || f.recipients.Accepted != 3 {
			t.Errorf("%+v", f.recipients)
		}
	})
}

func TestSlower(t *testing.T) {
	five, minute := campaign.Rate{N: 5, Per: time.Second}, campaign.Rate{N: 100, Per: time.Minute}
	for _, pair := range [][3]campaign.Rate{{five, minute, minute}, {minute, five, minute}, {five, {}, five}, {{}, five, five}, {{}, {}, {}}} {
		if got := Slower(pair[0], pair[1]); got != pair[2] {
			t.Errorf("slower of %v and %v: %v", pair[0], pair[1], got)
		}
	}
}
