package runner

import "time"

// sliceSpan is how much of the rate a process reserves at once, in time; at least
// one permit (design: delivery, rule 10).
const sliceSpan = 20 * time.Millisecond

// Permits are rights to start one request each, reserved out of what all processes
// of an account share. Each has its own instant, an interval after the one before;
// it may be used from then until slack later, then it is dead. Permits do no I/O
// and know no clock. The zero Permits are none.
//
// Whoever uses them, requests start at most slack after instants that lie an
// interval apart: a half-open window w holds at most ceil((w+slack)/interval), as
// under a Pace.
type Permits struct {
	first    time.Time
	interval time.Duration
	slack    time.Duration
	n        int
}

// Next is the earliest time, not before now, at which a permit may be used. Those
// that died are dropped; ok is false when none is left.
func (p *Permits) Next(now time.Time) (at time.Time, ok bool) {
	if late := now.Sub(p.first) - p.slack; p.n > 0 && late > 0 && p.interval > 0 {
		dead := int(min((late+p.interval-1)/p.interval, time.Duration(p.n)))
		p.n -= dead
		p.first = p.first.Add(time.Duration(dead) * p.interval)
	}
	if p.n == 0 {
		return now, false
	}
	if p.first.After(now) {
		return p.first, true
	}
	return now, true
}

// Take uses the permit that Next spoke of.
func (p *Permits) Take() {
	p.n--
	p.first = p.first.Add(p.interval)
}
