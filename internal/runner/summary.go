package runner

import (
	"time"

	"campaign/internal/campaign"
)

// Summary is what one invocation did. What became of the run as a whole is a
// fold over the ledger's Results.
type Summary struct {
	Stop   Stop
	Detail string // more about Stop, for people; may be empty

	Requests    int64           // attempts begun: intents
	Deliveries  campaign.Counts // deliveries and parts by their last outcome in this invocation; Planned and Pending stay 0
	Recipients  campaign.Counts // their recipients
	Splits      int64           // refused batches that were halved
	Resent      int64           // unknown deliveries and parts that Policy.Resend made deferred
	InFlight    int             // now; at the end those whose end the ledger did not take
	MaxInFlight int
	// NotBefore is the earliest time of a delivery that was left for later because
	// the upstream asked for more patience than MaxWait, or at which the window opens;
	// zero without.
	NotBefore time.Time
}

// EventKind says what an Event tells.
type EventKind uint8

// The kinds.
const (
	Progressed EventKind = iota // Summary changed
	Troubled                    // the upstream is in trouble; Until says when it is probed; zero: it is not, the run ends
	Recovered                   // the upstream answers again
	Slowed                      // a 429 slowed the account down
	Renewed                     // the token was renewed
	Waiting                     // nothing may start until Until; Detail says why: the window, a stage, what the upstream asks
)

// Event is news of a run for whoever watches it.
type Event struct {
	Kind    EventKind
	Summary Summary   // Progressed
	Detail  string    // Troubled, Waiting
	Until   time.Time // Troubled, Waiting
}

// leaveForLater notes a delivery that stays deferred in this invocation.
func (r *run) leaveForLater(at time.Time) {
	r.exhausted.Store(true)
	if at.IsZero() {
		return
	}
	for {
		old := r.notBefore.Load()
		if old != 0 && old <= at.UnixNano() {
			return
		}
		if r.notBefore.CompareAndSwap(old, at.UnixNano()) {
			return
		}
	}
}

// summary says how the invocation ended.
func (r *run) summary() (Summary, error) {
	s := r.recorder.summary
	if at := r.notBefore.Load(); at != 0 && !r.swept {
		s.NotBefore = time.Unix(0, at)
	}
	end := r.end.Load()
	switch {
	case end != nil:
		s.Stop, s.Detail = end.why, end.detail
		if end.why == Closed || !end.notBefore.IsZero() { // nothing starts before, whatever a delivery's own time
			s.NotBefore = end.notBefore
		}
		return s, end.err
	case r.swept:
		s.Stop = Complete
	case r.interrupted():
		s.Stop = Interrupted
	case r.limited.Load():
		s.Stop = Limit
	case r.exhausted.Load():
		s.Stop = Exhausted
	default:
		s.Stop = Complete
	}
	return s, nil
}

// interrupted reports whether ctx ended while there was something to do.
func (r *run) interrupted() bool {
	select {
	case <-r.queue.done:
		return false
	default:
		return true
	}
}
