package runner

import (
	"time"

	"campaign/internal/campaign"
)

// slackShare of a second (or of a shorter span) is how late a request may be
// without its place being lost: timers wake late, and a place that is lost is rate
// that nobody uses. It costs the same share of the rate: 2 %.
const slackShare = 50

// Pace says when requests may start under a limit of N requests a span. In any
// second, and in any window of one span, at most the limit starts, however they
// come; with work at hand 98 % of the limit is used. It is the generic cell rate
// algorithm on the instants at which requests really started. Pace does no I/O
// and knows no clock. The zero Pace is no limit.
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
	// Requests that start at most s before they are due fit ceil((w+s)/interval)
	// times into a half-open window w. That this is at most N·w/Per, for all w from a
	// second (or the shorter span) on, takes an interval of Per/N·(1+s/w). Rounded up.
	n := time.Duration(r.N)
	return Pace{
		interval: (r.Per + r.Per/slackShare + n - 1) / n,
		slack:    min(time.Second, r.Per) / slackShare,
	}
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
