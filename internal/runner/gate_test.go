package runner

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// everyPeriod is a window that is open for the span [from, to) of each period.
func everyPeriod(period, from, to time.Duration) func(time.Time) time.Time {
	return func(now time.Time) time.Time {
		start := now.Truncate(period)
		switch at := now.Sub(start); {
		case at < from:
			return start.Add(from)
		case at >= to:
			return start.Add(period + from)
		}
		return now
	}
}

// never is a window that does not open again.
func never(time.Time) time.Time { return time.Time{} }

// waits collects the Waiting events of a run.
func (b *bench) waits() *[]Event {
	var events []Event
	b.job.Progress = func(e Event) {
		if e.Kind == Waiting {
			events = append(events, e)
		}
	}
	return &events
}

func TestWindowIsWaitedForTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 40, 1, always(taken))
		b.account.Limits.Concurrency = 8
		began := time.Now()
		b.job.Opens = everyPeriod(24*time.Hour, 10*time.Minute, 20*time.Minute)
		b.job.Lease = time.Minute
		l := &shaky{Ledger: b.ledger}
		b.job.Ledger = l
		events := b.waits()
		s := b.mustRun(t)
		opens := began.Add(10 * time.Minute)
		if s.Stop != Complete || b.fold(t).recipients.Accepted != 40 {
			t.Fatalf("%+v", s)
		}
		for _, c := range b.up.calls {
			if c.at.Before(opens) {
				t.Fatalf("a request %s before the window opens", opens.Sub(c.at))
			}
		}
		if len(*events) != 1 || !(*events)[0].Until.Equal(opens) || (*events)[0].Detail == "" {
			t.Errorf("events %+v", *events)
		}
		beats := 0
		for _, n := range l.groups {
			if n == 0 {
				beats++
			}
		}
		if beats < 25 {
			t.Errorf("%d beats in 10 minutes with a lease of 1", beats)
		}
	})
}

// An intent whose request would start in a closed window uses no attempt up, and
// the ledger says that nothing was sent.
func TestWindowClosesBetweenIntentAndWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 40, 1, always(taken))
		b.account.Limits.Rate = campaign.Rate{N: 1, Per: time.Second}
		b.job.Opens = everyPeriod(time.Minute, 0, 10*time.Second)
		b.job.Policy.Retry.Attempts = 1
		var mu sync.Mutex
		unsent := 0
		b.job.Ledger = &shaky{Ledger: b.ledger, order: func(settlements []ledger.Settlement, intents []ledger.Intent) {
			mu.Lock()
			defer mu.Unlock()
			for _, s := range settlements {
				if s.Verdict.Outcome == campaign.Deferred {
					unsent++
					if s.Verdict.Reason != "not-sent: the window is closed" {
						t.Errorf("reason %q", s.Verdict.Reason)
					}
				}
			}
			for _, i := range intents {
				if i.At.Second() >= 10 {
					t.Errorf("an intent at second %d of the minute", i.At.Second())
				}
			}
		}}
		s := b.mustRun(t)
		if s.Stop != Complete || b.fold(t).recipients.Accepted != 40 || len(b.up.calls) != 40 {
			t.Fatalf("%+v after %d calls", s, len(b.up.calls))
		}
		for _, c := range b.up.calls {
			if c.at.Second() >= 10 {
				t.Errorf("a request at second %d of the minute", c.at.Second())
			}
		}
		if unsent == 0 {
			t.Error("no intent met the closing of the window: the test does not see what it is for")
		}
	})
}

func TestWindowThatIsClosedForLong(t *testing.T) {
	for name, test := range map[string]struct {
		opens     func(time.Time) time.Time
		notBefore time.Duration // after the epoch of the test; negative: none
	}{
		"an hour":  {everyPeriod(24*time.Hour, time.Hour, 2*time.Hour), time.Hour},
		"for ever": {never, -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 10, 1, always(taken))
				b.job.Opens = test.opens
				began := time.Now()
				s := b.mustRun(t)
				if s.Stop != Closed || s.Detail == "" || len(b.up.calls) != 0 || !time.Now().Equal(began) {
					t.Errorf("%+v, %d calls, after %s", s, len(b.up.calls), time.Since(began))
				}
				if test.notBefore < 0 && !s.NotBefore.IsZero() || test.notBefore >= 0 && !s.NotBefore.Equal(began.Add(test.notBefore)) {
					t.Errorf("not before %s", s.NotBefore)
				}
				if f := b.fold(t); f.recipients.Pending != 10 {
					t.Errorf("%+v", f.recipients)
				}
				b.job.MaxWait = 2 * time.Hour
				if test.notBefore < 0 {
					b.job.Opens = nil
				}
				if s := b.mustRun(t); s.Stop != Complete || b.fold(t).recipients.Accepted != 10 {
					t.Errorf("resumed: %+v", s)
				}
			})
		})
	}
}

// The opening of the window counts, not the earlier time of a delivery.
func TestClosedWindowSaysWhenItOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBench(t, 30, 1, func(c call) reply {
			if c.n == 0 {
				return tooMany("120") // longer than the job waits, shorter than the window is closed
			}
			return taken
		})
		b.account.Limits.Concurrency = 1
		b.job.MaxWait = time.Minute
		b.job.Opens = everyPeriod(24*time.Hour, 0, 10*time.Second)
		s := b.mustRun(t)
		if s.Stop != Closed || !s.NotBefore.Equal(began.Add(24*time.Hour)) || s.Recipients.Deferred < 1 {
			t.Errorf("%+v", s)
		}
	})
}

// Whoever waits for the window can be stopped.
func TestStopWhileTheWindowIsClosed(t *testing.T) {
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
				b := newBench(t, 10, 1, always(taken))
				b.job.Opens = everyPeriod(24*time.Hour, 10*time.Minute, time.Hour)
				kill := make(chan struct{})
				b.job.Kill = kill
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				began := time.Now()
				time.AfterFunc(5*time.Minute, func() { test.do(b, cancel, kill) })
				s, err := b.start(ctx)
				if err != nil || s.Stop != test.want || time.Since(began) > 5*time.Minute+2*time.Second || len(b.up.calls) != 0 {
					t.Errorf("%+v, %v after %s", s, err, time.Since(began))
				}
				b.fold(t)
			})
		})
	}
}

// A wait looks at the clock on the wall: what it waits for may come closer or move
// away meanwhile.
func TestSleepUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !sleepUntil(t.Context(), began.Add(100*time.Second)) || time.Since(began) != 100*time.Second {
			t.Errorf("woke after %s", time.Since(began))
		}
		if !sleepUntil(t.Context(), began) || time.Since(began) != 100*time.Second {
			t.Error("waited for what is over")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if sleepUntil(ctx, began.Add(time.Hour)) || time.Since(began) != 160*time.Second {
			t.Errorf("an ended context was noticed after %s", time.Since(began))
		}
	})
}
