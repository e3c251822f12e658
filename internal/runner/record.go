package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// groupLimit bounds a group, so that none waits long for its disk write.
const groupLimit = 1024

// entry is what a slot hands to the recorder: a settlement, an intent or both,
// with what the counts need to know of them.
type entry struct {
	settlement *ledger.Settlement
	settled    int  // recipients of the settlement
	begins     bool // there is an intent
	intent     ledger.Intent
	begun      int  // recipients of the intent
	again      bool // the intent's part was settled as deferred in this invocation
	done       chan error
}

// recorder writes settlements and intents of all slots as groups: one goroutine,
// one Record at a time, so one disk write serves everybody who waits.
type recorder struct {
	ledger  ledger.Worker
	hold    ledger.Hold
	in      chan *entry
	gone    chan struct{} // closed when the recorder has ended
	fail    func(error)   // told once, of the first failure
	settled func(*Summary)
	beat    time.Duration // an empty group keeps the hold alive after so long without one; 0: never

	failed      error // after the first failure nothing is written any more
	inFlight    int
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

// gather collects everybody who waits now.
func (r *recorder) gather(e *entry) {
	for {
		r.group = append(r.group, e)
		if len(r.group) >= groupLimit {
			return
		}
		var ok bool
		select {
		case e, ok = <-r.in:
			if !ok {
				return
			}
		default:
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
	err := r.failed
	if err == nil {
		if err = r.record(ctx); err != nil {
			err = ledgerError("record", err)
			r.failed = err
			r.fail(err)
		}
	}
	if err == nil {
		r.count()
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

// count folds a durable group into the summary.
func (r *recorder) count() {
	r.inFlight += len(r.intents) - len(r.settlements)
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
		}
		if e.begins && e.again {
			r.summary.Deliveries.Add(campaign.Deferred, -1)
			r.summary.Recipients.Add(campaign.Deferred, -int64(e.begun))
		}
	}
	if r.settled != nil && len(r.group) > 0 {
		r.settled(&r.summary)
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
