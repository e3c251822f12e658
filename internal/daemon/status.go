package daemon

import (
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// Status is a campaign as others see it.
type Status struct {
	Name      string
	Next      time.Time // zero: none
	NextLabel string
	Last      campaign.Slot // the last one that was decided or tried by this process
	Good      time.Time     // an occurrence ended well in this process, last
	Running   bool
	Due       int
	Suspended bool
	Problem   string // what people are to know; empty: nothing
	Code      int    // of the last try
}

// shown is what was last published.
type shown struct {
	lock  chan struct{}
	all   []Status
	fault string
	at    time.Time
}

// Status gives every campaign by name, and why nothing is decided at present. at is
// when that was so; zero: the daemon has not begun.
func (d *Daemon) Status() (all []Status, fault string, at time.Time) {
	d.seen.lock <- struct{}{}
	defer func() { <-d.seen.lock }()
	return d.seen.all, d.seen.fault, d.seen.at
}

// showMost is how many campaigns are published with each step; more of them are from
// time to time.
const (
	showMost  = 200
	showEvery = time.Second
)

// show publishes what the daemon knows.
func (d *Daemon) show() {
	if !d.began {
		return
	}
	now := d.now()
	d.seen.lock <- struct{}{}
	recent := !d.seen.at.IsZero() && now.Sub(d.seen.at) < showEvery && now.After(d.seen.at)
	<-d.seen.lock
	if d.stale = len(d.states) > showMost && recent; d.stale {
		return
	}
	all := make([]Status, 0, len(d.states))
	for _, s := range d.states {
		all = append(all, s.status())
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	d.seen.lock <- struct{}{}
	d.seen.all, d.seen.fault, d.seen.at = all, d.fault, now
	<-d.seen.lock
}

func (s *state) status() Status {
	v := Status{Name: s.Name, Next: s.next, NextLabel: s.label, Last: s.last, Good: s.good, Running: s.busy, Due: len(s.due),
		Suspended: s.Table.Suspended(), Problem: s.broken, Code: s.out.Code}
	if v.Problem == "" && s.out.Err != nil {
		v.Problem = s.out.Err.Error()
	}
	return v
}
