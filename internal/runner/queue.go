package runner

import (
	"container/heap"
	"context"
	"sync/atomic"
	"time"

	"campaign/internal/campaign"
)

// delivery is a delivery whose parts are being worked on.
type delivery struct {
	recipients []campaign.Recipient
	texts      []string
	detached   bool         // from its block's memory
	weight     int64        // its share of the window
	left       atomic.Int64 // parts that still want something
	splits     atomic.Int64 // splits that it may still have (rule 6)
	first      task         // spares an allocation: most deliveries have one part
}

// task is a part of a delivery that wants to be sent.
type task struct {
	delivery *delivery
	part     campaign.Part
	attempts int       // in this invocation
	again    bool      // settled as deferred in this invocation
	reopened bool      // see campaign.Result
	due      time.Time // not before; zero: now
	paid     bool      // its next attempt is a retry that the account's budget paid for
	// refused is the token that the last attempt's 401 refused; zero without.
	refused campaign.Secret
}

func (t *task) recipients() []campaign.Recipient { return t.part.Of(t.delivery.recipients) }

// queue hands tasks to the slots: those whose waiting time is over first, then
// fresh ones. Tasks that wait for their time block nobody.
type queue struct {
	fresh chan *task
	again chan *task                // due
	in    chan *task                // to wait for their time
	done  chan struct{}             // closed when nothing is left
	open  atomic.Int64              // tasks that are not finished, and one for the feeder
	calm  chan struct{}             // wakes a feeder that waits until nothing is under way
	owes  func(*task) time.Duration // how long a task must still wait; 0: it may be sent
}

func newQueue(slots int) *queue {
	q := &queue{
		fresh: make(chan *task, max(2*slots, 64)), // a slot that finds none pays with a disk write of its own
		again: make(chan *task, slots),
		in:    make(chan *task),
		done:  make(chan struct{}),
		calm:  make(chan struct{}, 1),
	}
	q.open.Store(1)
	return q
}

// finish takes n tasks (or the feeder) off the count.
func (q *queue) finish(n int64) {
	switch q.open.Add(-n) {
	case 0:
		close(q.done)
	case 1:
		nudge(q.calm)
	}
}

// nudge wakes whoever waits on c, or will.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// try takes a task that may be sent now, if there is one.
func (q *queue) try() *task {
	select {
	case t := <-q.again:
		return t
	default:
	}
	select {
	case t := <-q.fresh:
		return t
	default:
		return nil
	}
}

// next waits for a task; nil at the end of ctx or of the work.
func (q *queue) next(ctx context.Context) *task {
	if ctx.Err() != nil {
		return nil
	}
	if t := q.try(); t != nil {
		return t
	}
	select {
	case t := <-q.again:
		return t
	case t := <-q.fresh:
		return t
	case <-q.done:
	case <-ctx.Done():
	}
	return nil
}

// later gives a task back until its due time.
func (q *queue) later(ctx context.Context, t *task) {
	if t.due.IsZero() {
		select {
		case q.again <- t: // at once
			return
		default:
		}
	}
	select {
	case q.in <- t:
	case <-ctx.Done():
	}
}

// work keeps the tasks that wait, until ctx ends or the work is done.
func (q *queue) work(ctx context.Context) {
	var waiting byDue
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var out chan *task
		var head *task
		if len(waiting) > 0 {
			if wait := q.owes(waiting[0]); wait <= 0 {
				out, head = q.again, waiting[0]
			} else {
				timer.Reset(wait)
			}
		}
		select {
		case t := <-q.in:
			heap.Push(&waiting, t)
		case out <- head:
			heap.Pop(&waiting)
		case <-timer.C:
		case <-q.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// byDue is a heap of tasks, the earliest first, then in plan order.
type byDue []*task

func (b byDue) Len() int { return len(b) }
func (b byDue) Less(i, j int) bool {
	if !b[i].due.Equal(b[j].due) {
		return b[i].due.Before(b[j].due)
	}
	if b[i].part.Seq != b[j].part.Seq {
		return b[i].part.Seq < b[j].part.Seq
	}
	return b[i].part.From < b[j].part.From
}
func (b byDue) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b *byDue) Push(x any)   { *b = append(*b, x.(*task)) }
func (b *byDue) Pop() any {
	old := *b
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*b = old[:len(old)-1]
	return last
}
