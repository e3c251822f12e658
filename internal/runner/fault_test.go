package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// shaky is a ledger that fails at its nth Record, with or without the effect.
type shaky struct {
	Ledger
	failAt int64 // 0: never
	after  bool  // the effect is there although an error came
	err    error
	stops  error // of Stopped
	work   error // of Work, after a block
	// of the methods of their names
	unknown, note, notes, results error

	records atomic.Int64
	groups  []int // entries of each Record; one goroutine records
	order   func(settlements []ledger.Settlement, intents []ledger.Intent)
}

func (s *shaky) Record(ctx context.Context, h ledger.Hold, settlements []ledger.Settlement, intents []ledger.Intent) error {
	n := s.records.Add(1)
	if s.order != nil {
		s.order(settlements, intents)
	}
	s.groups = append(s.groups, len(settlements)+len(intents))
	if s.failAt > 0 && n >= s.failAt {
		if s.after && n == s.failAt {
			if err := s.Ledger.Record(ctx, h, settlements, intents); err != nil {
				return err
			}
		}
		return s.err
	}
	return s.Ledger.Record(ctx, h, settlements, intents)
}

func (s *shaky) Stopped(ctx context.Context, h ledger.Hold) (bool, error) {
	if s.stops != nil {
		return false, s.stops
	}
	return s.Ledger.Stopped(ctx, h)
}

func (s *shaky) Work(ctx context.Context, h ledger.Hold) iter.Seq2[ledger.Work, error] {
	return func(yield func(ledger.Work, error) bool) {
		n := 0
		for w, err := range s.Ledger.Work(ctx, h) {
			if s.work != nil && n == 1 {
				yield(ledger.Work{}, s.work)
				return
			}
			if !yield(w, err) {
				return
			}
			n++
		}
	}
}

func (s *shaky) Unknown(ctx context.Context, h ledger.Hold) iter.Seq2[ledger.Work, error] {
	if s.unknown != nil {
		return func(yield func(ledger.Work, error) bool) { yield(ledger.Work{}, s.unknown) }
	}
	return s.Ledger.Unknown(ctx, h)
}

func (s *shaky) Results(ctx context.Context, run string) iter.Seq2[campaign.BlockResults, error] {
	if s.results != nil {
		return func(yield func(campaign.BlockResults, error) bool) { yield(campaign.BlockResults{}, s.results) }
	}
	return s.Ledger.Results(ctx, run)
}

func (s *shaky) Note(ctx context.Context, h ledger.Hold, n campaign.Note) error {
	if s.note == nil || s.after {
		if err := s.Ledger.Note(ctx, h, n); err != nil {
			return err
		}
	}
	return s.note
}

func (s *shaky) Notes(ctx context.Context, run string) ([]campaign.Note, error) {
	if s.notes != nil {
		return nil, s.notes
	}
	return s.Ledger.Notes(ctx, run)
}

var errDisk = errors.New("no space left on device")

func TestLedgerThatFailsStopsSendingAtOnce(t *testing.T) {
	for name, sabotage := range map[string]func(*shaky){
		"first record":             func(s *shaky) { s.failAt = 1 },
		"first record, but it did": func(s *shaky) { s.failAt, s.after = 1, true },
		"later":                    func(s *shaky) { s.failAt = 7 },
		"later, but it did":        func(s *shaky) { s.failAt, s.after = 7, true },
		"hold lost":                func(s *shaky) { s.failAt, s.err = 5, ledger.ErrHoldLost },
		"clock back":               func(s *shaky) { s.failAt, s.err = 5, ledger.ErrClockBack },
		"asking whether to stop":   func(s *shaky) { s.stops = errDisk },
		"reading the plan":         func(s *shaky) { s.work = errDisk },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 60, 1, always(reply{take: true, status: 200, body: "taken", delay: 200 * time.Millisecond}))
				s := &shaky{Ledger: b.ledger, err: errDisk}
				sabotage(s)
				b.job.Ledger = s
				sum, err := b.start(t.Context())
				want := Failed
				if errors.Is(s.err, ledger.ErrHoldLost) {
					want = HoldLost
				}
				if sum.Stop != want || !errors.Is(err, ErrLedger) || !errors.Is(err, s.err) {
					t.Fatalf("%+v, %v", sum, err)
				}
				f := b.fold(t)
				if f.recipients.Unknown > 4 {
					t.Errorf("%+v: more unknown than were in flight", f.recipients)
				}
				if s.failAt == 1 && len(b.up.calls) != 0 {
					t.Errorf("%d requests without a durable intent", len(b.up.calls))
				}
				if after := s.records.Load(); s.failAt > 0 && after != s.failAt {
					t.Errorf("the ledger was written to after it had failed: %d records", after)
				}
				b.job.Ledger = b.ledger
				held := f.recipients.Unknown
				if sum := b.mustRun(t); sum.Stop != Complete {
					t.Errorf("resumed: %+v", sum)
				}
				if f := b.fold(t); f.recipients.Accepted+held != 60 || f.recipients.Unknown != held {
					t.Errorf("in the end %+v, unknown before %d", f.recipients, held)
				}
			})
		})
	}
}

// Answers that cannot be settled any more are not waited for.
func TestLedgerThatFailsLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 20, 1, nil)
		b.job.Policy.Timeout = time.Hour
		b.up.script = func(c call) reply {
			r := taken
			r.delay = 30 * time.Minute
			if c.n == 2 {
				r.delay = time.Second
			}
			return r
		}
		l := &shaky{Ledger: b.ledger, err: errDisk}
		l.order = func(settlements []ledger.Settlement, _ []ledger.Intent) {
			if len(settlements) > 0 {
				l.failAt = l.records.Load()
			}
		}
		b.job.Ledger = l
		began := time.Now()
		s, err := b.start(t.Context())
		if s.Stop != Failed || !errors.Is(err, ErrLedger) || time.Since(began) > time.Minute {
			t.Errorf("%+v, %v after %s", s, err, time.Since(began))
		}
		if f := b.fold(t); f.recipients.Unknown != 4 {
			t.Errorf("%+v", f.recipients)
		}
	})
}

// A ledger that fails while an orderly end is under way is not hidden by it.
func TestLedgerThatFailsDuringAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &shaky{err: errDisk}
		b := newBench(t, 20, 1, nil)
		b.up.script = func(c call) reply {
			r := taken
			if c.n == 3 { // stops the account while the others are in flight
				r = reply{status: 401}
			} else {
				r.delay = time.Second
			}
			return r
		}
		l.order = func(settlements []ledger.Settlement, _ []ledger.Intent) {
			if len(settlements) > 0 && settlements[0].Verdict.Status == 401 {
				l.failAt = l.records.Load() + 1 // what comes after it
			}
		}
		b.job.Target = tokenLetter{letter{url: "http://127.0.0.1:1/"}}
		l.Ledger, b.job.Ledger = b.ledger, l
		s, err := b.start(t.Context())
		if s.Stop != Failed || !errors.Is(err, ErrLedger) || s.InFlight == 0 {
			t.Errorf("%+v, %v", s, err)
		}
		b.fold(t)
	})
}

func TestIntentIsDurableBeforeTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 50, 1, nil)
		var mu sync.Mutex
		open, most := map[int64]bool{}, 0
		b.job.Ledger = &shaky{Ledger: b.ledger, order: func(settlements []ledger.Settlement, intents []ledger.Intent) {
			mu.Lock()
			defer mu.Unlock()
			for _, s := range settlements {
				delete(open, s.Part.Seq)
			}
			for _, i := range intents {
				open[i.Part.Seq] = true
			}
			most = max(most, len(open))
		}}
		b.up.script = func(c call) reply {
			mu.Lock()
			defer mu.Unlock()
			var seq int64
			if _, err := fmt.Sscanf(c.ids[0], "u%d", &seq); err != nil || !open[seq] {
				t.Errorf("a request for %s without an intent", c.ids[0])
			}
			return reply{take: true, status: 200, body: "taken", delay: time.Millisecond}
		}
		s := b.mustRun(t)
		if most > 4 || s.MaxInFlight != most || len(open) != 0 {
			t.Errorf("%d intents open at most, summary says %d", most, s.MaxInFlight)
		}
	})
}

func TestSettlementAndNextIntentShareAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 50, 1, always(reply{take: true, status: 200, body: "taken", delay: time.Millisecond}))
		b.account.Limits.Concurrency = 1
		l := &shaky{Ledger: b.ledger}
		b.job.Ledger = l
		b.mustRun(t)
		if len(l.groups) != 51 { // the first intent, then pairs, the last settlement
			t.Errorf("%d disk writes for 50 requests one after the other", len(l.groups))
		}
	})
}

func TestHoldIsKeptAliveWhileNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 1, func(c call) reply {
			if c.n == 0 {
				return tooMany("600")
			}
			return taken
		})
		l := &shaky{Ledger: b.ledger}
		b.job.Ledger, b.job.Lease = l, time.Minute
		s := b.mustRun(t)
		empty := 0
		for _, n := range l.groups {
			if n == 0 {
				empty++
			}
		}
		if s.Stop != Complete || empty < 25 {
			t.Errorf("%s; %d heartbeats in 10 minutes with a lease of 1", s.Stop, empty)
		}
	})
}
