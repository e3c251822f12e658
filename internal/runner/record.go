package runner

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// groupLimit bounds a group, so that none waits long for its disk write.
const groupLimit = 1024

// A disk write costs the same for one entry as for many. While many requests are in
// flight a group therefore waits a moment for a share of them, which is soon there,
// rather than keep the disk busy with groups of a few. Alone nobody waits.
const (
	gatherShare = 4 // one of so many requests in flight
	gatherMost  = 64
	gatherWait  = time.Millisecond
)

// entry is what a slot hands to the recorder: a settlement, an intent or both,
// with what the counts need to know of them.
type entry struct {
	settlement *ledger.Settlement
	settled    int  // recipients of the settlement
	begins     bool // there is an intent
	intent     ledger.Intent
	begun      int  // recipients of the intent
	again      bool // the intent's part was settled as deferred in this invocation
	words      *words
	done       chan error
}

// recorder writes settlements and intents of all slots as groups: one goroutine,
// one Record at a time, so one disk write serves everybody who waits.
type recorder struct {
	ledger  ledger.Worker
	hold    ledger.Hold
	in      chan *entry
	gone    chan struct{} // closed when the recorder has ended
	calm    chan struct{} // nudged when nothing is in flight
	fail    func(error)   // told once, of the first failure
	tally   *tally        // nil: no thresholds
	abort   func(*stopped)
	settled func(*Summary)
	beat    time.Duration // an empty group keeps the hold alive after so long without one; 0: never

	failed      error // after the first failure nothing is written any more
	inFlight    int
	flying      atomic.Int64 // inFlight, for the feeder to look at
	began       int64        // deliveries and parts that this invocation tried
	givenUp     int64        // those of them that were skipped in the end
	summary     Summary
	settlements []ledger.Settlement
	intents     []ledger.Intent
	group       []*entry
}

// submit hands e over and waits until its group is durable. After an error
// nothing may be sent any more.
func (r *recorder) submit(e *entry) error {
	r.in <- e
	return <-e.done
}

// work runs until in is closed.
func (r *recorder) work(ctx context.Context) {
	defer close(r.gone)
	var idle <-chan time.Time
	if r.beat > 0 {
		ticker := time.NewTicker(r.beat)
		defer ticker.Stop()
		idle = ticker.C
	}
	busy := false
	for {
		select {
		case e, ok := <-r.in:
			if !ok {
				return
			}
			busy = true
			r.gather(e)
		case <-idle:
			if busy {
				busy = false
				continue
			}
		}
		r.write(ctx)
	}
}

// gather collects everybody who waits now, and who comes in a moment.
func (r *recorder) gather(e *entry) {
	r.group = append(r.group, e)
	var late <-chan time.Time
	for len(r.group) < groupLimit {
		select {
		case e, ok := <-r.in:
			if !ok {
				return
			}
			r.group = append(r.group, e)
			continue
		default:
		}
		if len(r.group) >= min(r.inFlight/gatherShare, gatherMost) {
			return
		}
		if late == nil {
			late = time.After(gatherWait)
		}
		select {
		case e, ok := <-r.in:
			if !ok {
				return
			}
			r.group = append(r.group, e)
		case <-late:
			return
		}
	}
}

// write makes the gathered group durable and wakes those who wait.
func (r *recorder) write(ctx context.Context) {
	for _, e := range r.group {
		if e.settlement != nil {
			r.settlements = append(r.settlements, *e.settlement)
		}
		if e.begins {
			r.intents = append(r.intents, e.intent)
		}
	}
	attempts := len(r.settlements)
	for _, e := range r.group {
		if e.words != nil {
			r.settlements = append(r.settlements, e.words.settlements...)
		}
	}
	err := r.failed
	if err == nil {
		if err = r.record(ctx); err != nil {
			err = ledgerError("record", err)
			r.failed = err
			r.fail(err)
		}
	}
	if err == nil {
		r.count(attempts)
	}
	for _, e := range r.group {
		e.done <- err
	}
	clear(r.settlements)
	clear(r.group)
	r.settlements, r.intents, r.group = r.settlements[:0], r.intents[:0], r.group[:0]
}

// record survives a panic of the ledger, so that nobody waits for ever.
func (r *recorder) record(ctx context.Context) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("a bug: %v", value)
		}
	}()
	return r.ledger.Record(ctx, r.hold, r.settlements, r.intents)
}

// count folds a durable group, in which so many attempts ended, into the summary.
func (r *recorder) count(attempts int) {
	r.inFlight += len(r.intents) - attempts
	r.flying.Store(int64(r.inFlight))
	if r.inFlight == 0 {
		nudge(r.calm)
	}
	r.summary.MaxInFlight = max(r.summary.MaxInFlight, r.inFlight)
	r.summary.InFlight = r.inFlight
	r.summary.Requests += int64(len(r.intents))
	for _, e := range r.group {
		if s := e.settlement; s != nil {
			r.summary.Deliveries.Add(s.Verdict.Outcome, 1)
			r.summary.Recipients.Add(s.Verdict.Outcome, int64(e.settled))
			if s.Verdict.Outcome == campaign.Superseded {
				r.summary.Splits++
			}
			if r.tally != nil {
				if end := r.tally.add(s.Verdict.Outcome); end != nil {
					r.abort(end)
				}
			}
		}
		switch {
		case e.begins && e.again:
			r.summary.Deliveries.Add(campaign.Deferred, -1)
			r.summary.Recipients.Add(campaign.Deferred, -int64(e.begun))
		case e.begins:
			r.began++
		}
		if e.words != nil {
			r.countWords(e.words)
		}
	}
	if r.settled != nil && len(r.group) > 0 {
		r.settled(&r.summary)
	}
}

// countWords folds words into the summary. Of the deferred parts that are given up
// not all were deferred by this invocation: those are not in its counts.
func (r *recorder) countWords(w *words) {
	s := &r.summary
	before := s.Deliveries.Deferred
	for _, o := range campaign.Outcomes {
		s.Deliveries.Add(o, w.deliveries.Of(o))
		s.Recipients.Add(o, w.recipients.Of(o))
	}
	s.Resent += w.resent
	if w.deliveries.Skipped > 0 {
		s.Deliveries.Deferred = max(s.Deliveries.Deferred, 0)
		s.Recipients.Deferred = max(s.Recipients.Deferred, 0)
		r.givenUp += before - s.Deliveries.Deferred
	}
}

// ledgerError marks a failure of the ledger. Errors that say that the run cannot
// be worked on at all keep their own meaning.
func ledgerError(what string, err error) error {
	for _, own := range []error{ledger.ErrHeld, ledger.ErrNotFound, ledger.ErrState, ledger.ErrNoState, ledger.ErrForeign, ledger.ErrStale, ledger.ErrClosed} {
		if errors.Is(err, own) {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return fmt.Errorf("%w (%s): %w", ErrLedger, what, err)
}
