package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/mem"
)

// shaky is a ledger that fails at its nth Record, with or without the effect.
type shaky struct {
	Ledger
	failAt int64 // 0: never
	after  bool  // the effect is there although an error came
	err    error
	stops  error // of Stopped
	work   error // of Work

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

// chaos is one random history: faults of upstream, wire and ledger, and crashes.
type chaos struct {
	deliveries, batch, perBlock, concurrency int
	trouble                                  int // percent of requests that meet a fault
	seed                                     uint64
}

// Random faults of upstream, wire and ledger, random crashes, until the run is
// complete: nobody is lost, nobody gets anything twice, whatever may have been
// accepted is listed.
func TestNobodyIsLostOrDoubled(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := chaos{
			deliveries:  rapid.IntRange(1, 60).Draw(rt, "deliveries"),
			batch:       rapid.SampledFrom([]int{1, 1, 2, 7, 16}).Draw(rt, "batch"),
			perBlock:    rapid.IntRange(1, 20).Draw(rt, "per block"),
			concurrency: rapid.IntRange(1, 8).Draw(rt, "concurrency"),
			trouble:     rapid.IntRange(0, 60).Draw(rt, "trouble"),
			seed:        rapid.Uint64().Draw(rt, "seed"),
		}
		var err error
		synctest.Test(t, func(t *testing.T) { err = c.play(t) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func poisonous(id string) bool { return id[len(id)-1] == '7' && len(id)%2 == 0 }

// upstream answers at random, never with more than it does.
func (c chaos) upstream(random *rand.Rand, trouble *int, unclear *int64) func(call) reply {
	return func(q call) reply {
		r := taken
		if slices.ContainsFunc(q.ids, poisonous) {
			r = refusedIt
		}
		if random.IntN(100) >= *trouble {
			r.delay = time.Duration(random.IntN(3)) * time.Millisecond
			return r
		}
		faults := []reply{
			refused, refused, refused, lostWhole, tooMany(""), tooMany("2"), tooMany("40"),
			{status: 401}, {status: 401}, {status: 500}, {take: r.take, status: 502}, {take: r.take, err: errors.New("reset")},
			{take: r.take, delay: time.Hour},
		}
		r = faults[random.IntN(len(faults))]
		if r.delay > 0 || r.err != nil && !r.unsent || r.status >= 500 {
			*unclear += int64(len(q.ids))
		}
		return r
	}
}

// play runs until the run is complete, and checks the guarantees on the way.
func (c chaos) play(t *testing.T) error {
	random := rand.New(rand.NewPCG(c.seed, 1))
	trouble := c.trouble
	bound := int64(0) // of recipients that may be unknown
	b := newBench(t, 1, 1, c.upstream(random, &trouble, &bound))
	b.ledger = mem.New()
	b.run = planned(t, b.ledger, c.deliveries, c.batch, c.perBlock)
	b.account.Limits.Concurrency = c.concurrency
	b.account.Random = func(n int64) int64 { return n / 2 }
	b.job.Random = b.account.Random
	withTokens(b, &purse{})

	for round := 0; ; round++ {
		if round > 300 {
			return errors.New("not complete after 300 invocations")
		}
		if round > 100 {
			trouble = 0
		}
		process := b.ledger.Fork()
		l := &shaky{Ledger: process, err: errDisk}
		if random.IntN(2) == 0 {
			l.failAt, l.after = int64(1+random.IntN(40)), random.IntN(2) == 0
		}
		b.job.Ledger = l
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		s, err := b.start(ctx)
		cancel()
		process.Kill()
		if err != nil {
			bound += int64(c.concurrency * c.batch) // in flight
		}
		switch {
		case err != nil && !errors.Is(err, errDisk):
			return err
		case s.MaxInFlight > c.concurrency || b.up.most > c.concurrency:
			return fmt.Errorf("%d intents, %d requests in flight", s.MaxInFlight, b.up.most)
		}
		f, err := tryFold(b.ledger, b.run)
		switch {
		case err != nil:
			return err
		case f.recipients.Unknown > bound:
			return fmt.Errorf("%d unknown, at most %d can be", f.recipients.Unknown, bound)
		case s.Stop == Complete && !f.recipients.Complete():
			return fmt.Errorf("complete with %+v", f.recipients)
		case s.Stop == Complete:
			return b.check(f)
		}
	}
}

// check compares what the ledger says with what the upstream did.
func (b *bench) check(f folded) error {
	for id, o := range f.outcome {
		took := b.up.accepted[id]
		switch {
		case took > 1:
			return fmt.Errorf("%s was accepted %d times", id, took)
		case took == 1 && o != campaign.Accepted && o != campaign.Unknown:
			return fmt.Errorf("%s was accepted and stands as %s", id, o)
		case took == 0 && o != campaign.Rejected && o != campaign.Unknown:
			return fmt.Errorf("%s was not accepted and stands as %s", id, o)
		case o == campaign.Rejected && !poisonous(id) && !strings.HasPrefix(f.reason[id], "not-isolated"):
			return fmt.Errorf("%s stands as rejected (%s)", id, f.reason[id])
		}
	}
	return nil
}
