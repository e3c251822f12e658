package runner

import (
	"time"

	"campaign/internal/campaign"
)

// course is a run on its way through a forecast: what paces it, and where it is.
type course struct {
	*Outlook
	account Pace // of the account's rate
	cell    cell
	permits Permits
	lane    Pace // of the campaign's own rate

	slots  int // requests in flight
	ahead  int // intents before their requests may start
	ready  time.Time
	starts []time.Time // of the last requests since ready, as many as slots; the n-th at (n-1) % slots
	n      int64       // requests since ready

	opened, open time.Time // the window is known to be open from opened until open
	waitedFor    time.Time // the last opening
	openings     int

	first, last time.Time // starts of all requests
	waited      time.Duration
	before      []int64 // for each time of Until, the requests that started before it
	steps       int64   // requests that were simulated one by one
}

func newCourse(o *Outlook) *course {
	c := &course{
		Outlook: o, account: NewPace(o.Limits.Rate), lane: NewPace(o.Policy.Rate),
		slots: max(o.Limits.Concurrency, 1), ready: o.Start.Round(0), before: make([]int64, len(o.Until)),
	}
	if n := o.Policy.Concurrency; n > 0 {
		c.slots = min(n, c.slots)
	}
	c.ahead = aheadOf(Slower(o.Policy.Rate, o.Limits.Rate), c.slots)
	c.starts = make([]time.Time, c.slots)
	return c
}

// pass goes over the edges of stages, once all requests before are answered, and
// counts those that wait for a person.
func (c *course) pass(stages []campaign.Stage) (confirms int) {
	if c.last.IsZero() {
		return 0 // nothing was sent that could be waited for
	}
	answered := c.last.Add(c.Latency)
	ready := answered
	for _, s := range stages {
		if s.Confirm {
			confirms++
		}
		if until := answered.Add(s.Wait); until.After(ready) {
			ready = until
		}
	}
	c.waited += ready.Sub(answered)
	c.ready, c.n = ready, 0
	return confirms
}

// send starts so many requests and says how many of them do: fewer when the window
// does not open again.
func (c *course) send(requests int64) int64 {
	var seen position
	left := requests
	for left > 0 {
		if !c.next() {
			return requests - left
		}
		left--
		c.steps++
		c.count(1)
		if c.stepwise {
			continue
		}
		if n, d := seen.again(c); n > 0 {
			left -= c.repeat(n, d, left)
		}
	}
	return requests
}

// next starts a request at its time.
func (c *course) next() bool {
	at := c.ready
	if i := c.n - int64(c.slots); i >= 0 { // a slot must be free
		at = later(at, c.started(i).Add(c.Latency))
	}
	if i := c.n - int64(c.ahead); i >= 0 { // and a place for its intent
		at = later(at, c.started(i))
	}
	for {
		if c.lane.Limited() {
			at = later(at, c.lane.Next(at).Add(-ahead))
		}
		opens := c.opening(at)
		if opens.IsZero() || opens.Sub(c.Start) > farthestOutlook {
			return false
		}
		if opens.After(at) {
			at = opens
			continue
		}
		// Its intent is recorded. When its time comes after the window has closed, it
		// has used its turn up and begins again.
		start := c.turn(at)
		if start.Sub(c.Start) > farthestOutlook {
			return false
		}
		if c.isOpen(start) {
			c.note(start)
			return true
		}
		at = start
	}
}

// turn takes the next time for a request that is ready at a time.
func (c *course) turn(at time.Time) time.Time {
	at = c.lane.Next(later(at, c.last))
	for c.account.Limited() {
		next, ok := c.permits.Next(at)
		if !ok {
			var wait time.Duration
			c.permits, wait = c.cell.reserve(at, c.account, 1)
			at = at.Add(wait)
			continue
		}
		at = next
		c.permits.Take()
		break
	}
	c.lane.Take(at)
	return at
}

// note takes down that a request started.
func (c *course) note(at time.Time) {
	if c.first.IsZero() {
		c.first = at
	}
	c.starts[c.n%int64(c.slots)] = at
	c.n++
	c.last = at
}

// count counts requests of which the last one started at c.last, and whose times lie
// on the same side of each time of Until.
func (c *course) count(n int64) {
	for i, until := range c.Until {
		if c.last.Before(until) {
			c.before[i] += n
		}
	}
}

// started is when the i-th request since ready started, of the last ones.
func (c *course) started(i int64) time.Time { return c.starts[i%int64(c.slots)] }

// isOpen reports whether a request may start.
func (c *course) isOpen(at time.Time) bool {
	if c.Opens == nil || !c.open.IsZero() && !at.Before(c.opened) && at.Before(c.open) {
		return true
	}
	if !c.Opens(at).Equal(at) {
		return false
	}
	if c.Closes == nil {
		return true
	}
	c.opened, c.open = at, c.Closes(at)
	if c.open.IsZero() {
		c.open = c.Start.Add(2 * farthestOutlook)
	}
	return true
}

// opening is when the window is open next; zero: never.
func (c *course) opening(at time.Time) time.Time {
	if c.isOpen(at) {
		return at
	}
	opens := c.Opens(at)
	if !opens.IsZero() && !opens.Equal(c.waitedFor) {
		c.waitedFor = opens
		c.openings++
	}
	return opens
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
