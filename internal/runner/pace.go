package runner

import (
	"time"

	"campaign/internal/campaign"
)

// slack is how late a request may be without its place being lost: timers wake
// late, and a place that is lost is rate that nobody uses. It costs
// slack/(span+slack) of the rate: 2 % of a limit per second.
const slack = 20 * time.Millisecond

// Pace says when requests may start under a limit of N requests a span. In any
// window of one span at most N start, however they come; with work at hand
// at least 98 % of the limit is used (spans of a second or more). It is the
// generic cell rate algorithm on the instants at which requests really started.
// Pace does no I/O and knows no clock. The zero Pace is no limit.
type Pace struct {
	interval time.Duration // from one request to the next
	slack    time.Duration
	due      time.Time // when the next request is due; it may start slack earlier
}

// NewPace makes the pace of a rate.
func NewPace(r campaign.Rate) Pace {
	if r.N <= 0 || r.Per <= 0 {
		return Pace{}
	}
	// Requests that start s apart from where they are due fit ceil((span+s)/interval)
	// times into a window: the interval must be at least (span+s)/N. Rounded up.
	s := min(slack, r.Per/50)
	n := time.Duration(r.N)
	return Pace{interval: (r.Per + s + n - 1) / n, slack: s}
}

// Limited reports whether there is a limit.
func (p Pace) Limited() bool { return p.interval > 0 }

// Next is the earliest time, not before now, at which a request may start.
func (p Pace) Next(now time.Time) time.Time {
	if at := p.due.Add(-p.slack); p.interval > 0 && at.After(now) {
		return at
	}
	return now
}

// Take notes that a request started at now, which must not be before Next.
func (p *Pace) Take(now time.Time) {
	if p.interval == 0 {
		return
	}
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(p.interval)
}

// Slower is the rate of both limits together, for estimates: the lower one.
// A rate without a limit does not count.
func Slower(a, b campaign.Rate) campaign.Rate {
	switch {
	case a.N <= 0:
		return b
	case b.N <= 0:
		return a
	case a.Interval() >= b.Interval():
		return a
	}
	return b
}
