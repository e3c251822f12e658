package runner

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Why no request may start.
var (
	errWindow  = errors.New("the window is closed")
	errExpired = errors.New("the run has expired")
)

// look is how often a wait compares clocks: timers stand still while a machine
// sleeps, the clock on the wall does not.
const look = 30 * time.Second

// gate keeps requests inside the campaign's window, and from starting after the
// run has expired. Slots that find it shut wait together.
type gate struct {
	run  *run
	mu   sync.Mutex
	told time.Time // the opening that was last told of
}

// newGate is nil for a run whose requests may start at any time.
func newGate(r *run) *gate {
	if r.Opens == nil && r.Expires.IsZero() {
		return nil
	}
	return &gate{run: r}
}

// expired reports whether nothing may start any more.
func (r *run) expired(at time.Time) bool {
	return !r.Expires.IsZero() && !at.Before(r.Expires)
}

// shut says why no request may start at that time; nil: it may.
func (g *gate) shut(at time.Time) error {
	switch {
	case g.run.expired(at):
		return errExpired
	case g.run.Opens != nil && !g.run.Opens(at).Equal(at):
		return errWindow
	}
	return nil
}

// wait returns when requests may start. It reports false when none may in this
// invocation any more, which it has said to the run then.
func (g *gate) wait() bool {
	r := g.run
	for r.sending.Err() == nil {
		at := now()
		switch g.shut(at) {
		case nil:
			return true
		case errExpired:
			r.close(errExpired)
			return false
		}
		opens := r.Opens(at)
		switch {
		case opens.IsZero():
			r.halt(&stopped{why: Closed, detail: "the window does not open again"})
			return false
		case opens.Sub(at) > r.MaxWait:
			r.halt(&stopped{why: Closed, detail: errWindow.Error(), notBefore: opens})
			return false
		}
		g.tell(opens)
		sleepUntil(r.sending, opens)
	}
	return false
}

// tell says once that everybody waits.
func (g *gate) tell(opens time.Time) {
	g.mu.Lock()
	news := !g.told.Equal(opens)
	g.told = opens
	g.mu.Unlock()
	if news {
		g.run.tell(Event{Kind: Waiting, Detail: errWindow.Error(), Until: opens})
	}
}

// sleepUntil waits for a time on the wall clock. It reports false when ctx ended.
func sleepUntil(ctx context.Context, at time.Time) bool {
	for ctx.Err() == nil {
		wait := at.Sub(now())
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(min(wait, look))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return false
}
