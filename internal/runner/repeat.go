package runner

import "time"

// position is where a course was at some request. Nothing that paces a run knows the
// time of the day but the window: so when everything lies to the last start as it
// did at an earlier request of one opening, the requests since then come again and
// again, at the same distances, until the window closes.
type position struct {
	n          int64
	last, open time.Time
	lane, cell time.Time
	permits    int
	starts     []time.Time // oldest first
	age, most  int64       // requests since it was taken; with most of them it is taken anew
}

// again says that the last n requests, over a span d, are repeated by those that
// follow; 0: that is not seen. Positions are taken at distances that double, so that a
// repetition of any length is found.
func (p *position) again(c *course) (n int64, d time.Duration) {
	if c.n < int64(c.slots) {
		return 0, 0 // the first ones start otherwise
	}
	switch p.age++; {
	case p.most == 0 || !p.open.Equal(c.open):
		p.most = 1
	case p.like(c):
		n, d = c.n-p.n, c.last.Sub(p.last)
		p.most = 0
		return n, d
	case p.age < p.most:
		return 0, 0
	default:
		p.most *= 2
	}
	p.take(c)
	return 0, 0
}

func (p *position) take(c *course) {
	p.n, p.last, p.open, p.age = c.n, c.last, c.open, 0
	p.lane, p.cell, p.permits = c.lane.due, c.cell.due, c.permits.n
	p.starts = p.starts[:0]
	for i := c.n - int64(c.slots); i < c.n; i++ {
		p.starts = append(p.starts, c.started(i))
	}
}

// like reports whether everything lies as it did.
func (p *position) like(c *course) bool {
	d := c.last.Sub(p.last)
	if c.lane.Limited() && !p.lane.Add(d).Equal(c.lane.due) {
		return false
	}
	if c.account.Limited() && (!p.cell.Add(d).Equal(c.cell.due) || p.permits != c.permits.n) {
		return false
	}
	for i, at := range p.starts {
		if !at.Add(d).Equal(c.started(c.n - int64(c.slots) + int64(i))) {
			return false
		}
	}
	return true
}

// repeat moves the course on by whole repetitions of n requests over a span d, as
// long as they are wanted and end before something that changes it. It says how many
// requests that were.
func (c *course) repeat(n int64, d time.Duration, wanted int64) int64 {
	times := wanted / n
	if d > 0 {
		times = min(times, int64((c.change().Sub(c.last)-1)/d))
	}
	if times <= 0 {
		return 0
	}
	by := time.Duration(times) * d
	c.lane.due, c.cell.due, c.last = c.lane.due.Add(by), c.cell.due.Add(by), c.last.Add(by)
	c.permits.first = c.permits.first.Add(by)
	ring := make([]time.Time, c.slots)
	for i := c.n - int64(c.slots); i < c.n; i++ {
		ring[(i+times*n)%int64(c.slots)] = c.started(i).Add(by)
	}
	c.starts = ring
	c.n += times * n
	c.count(times * n)
	return times * n
}

// change is the next time, after the last start, up to which all requests are alike.
func (c *course) change() time.Time {
	at := c.Start.Add(farthestOutlook)
	if c.Opens != nil && c.open.Before(at) {
		at = c.open // not after the last start where closings are not known
	}
	for _, until := range c.Until {
		if until.After(c.last) && until.Before(at) {
			at = until
		}
	}
	return at
}
