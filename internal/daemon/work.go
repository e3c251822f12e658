package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// result is what came of working on a campaign's occurrences.
type result struct {
	name  string
	held  bool     // another process is at it
	ended []string // labels
	codes []int
	last  campaign.Slot
	out   Outcome
	panic string // a bug, with its stack
	fatal error  // the ledger failed
}

// codeBug is the exit code of a panic.
const codeBug = 70

// start has the campaigns worked on whose turn it is, those that were due first first.
func (d *Daemon) start(ctx context.Context) {
	now := d.now()
	var ready []*state
	for _, s := range d.states {
		if len(s.due) > 0 && !s.busy && !s.gone && s.broken == "" && (!s.retry.After(now) || now.Before(s.tried)) {
			ready = append(ready, s)
		}
	}
	d.begin(ctx, ready)
	for _, slot := range d.orphans {
		key := slot.Campaign + "\x00" + slot.Label
		if at := d.tried[key]; d.running < d.Parallel && d.states[slot.Campaign] == nil && (at.IsZero() || now.Sub(at).Abs() >= retryMost) {
			d.tried[key] = now
			d.running++
			go func() { d.done <- d.orphan(ctx, slot) }()
		}
	}
}

// startOnce does so for one pass: each campaign and orphan is tried once.
func (d *Daemon) startOnce(ctx context.Context, tried map[string]bool) {
	var ready []*state
	for name, s := range d.states {
		if len(s.due) > 0 && !s.busy && !tried[name] {
			ready = append(ready, s)
		}
	}
	for _, s := range d.begin(ctx, ready) {
		tried[s.Name] = true
	}
	for _, slot := range d.orphans {
		key := slot.Campaign + "\x00" + slot.Label
		if !tried[key] && d.running < d.Parallel {
			tried[key] = true
			d.running++
			go func() { d.done <- d.orphan(ctx, slot) }()
		}
	}
}

func (d *Daemon) begin(ctx context.Context, ready []*state) []*state {
	slices.SortFunc(ready, func(a, b *state) int {
		if c := a.due[0].At.Compare(b.due[0].At); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	ready = ready[:min(len(ready), max(d.Parallel-d.running, 0))]
	for _, s := range ready {
		s.busy = true
		d.running++
		entry := s.Entry
		go func() { d.done <- d.work(ctx, entry) }()
	}
	return ready
}

// work carries out the occurrences of a campaign that are due, in order, as long as
// each of them comes to its end. The campaign is as it was when this began: a file
// that is edited meanwhile counts from the next time on.
func (d *Daemon) work(ctx context.Context, e Entry) (r result) {
	r.name = e.Name
	leave, ok, err := d.Ledger.Turn(ctx, d.Profile, e.Name)
	if err != nil || !ok {
		return result{name: e.Name, held: err == nil, fatal: err}
	}
	defer leave()
	due, err := d.due(ctx, e.Name) // as it is now that nobody else can be at it
	if err != nil {
		r.fatal = err
		return r
	}
	for _, slot := range due {
		if ctx.Err() != nil {
			return r
		}
		r.last = slot
		d.Observe(Event{Campaign: e.Name, Slot: slot, Kind: Begun, Late: d.now().Sub(slot.At)})
		r.out, r.panic = safely(func() Outcome { return d.Carry(ctx, e, slot) })
		r.codes = append(r.codes, r.out.Code)
		if r.out.Err != nil {
			d.Log.Warn(told(e.Name, slot, r.out))
		}
		if r.out.Over {
			r.fatal = d.end(ctx, slot, r.out)
		}
		if r.out.Fatal {
			r.fatal = errors.Join(r.out.Err, r.fatal)
		}
		if !r.out.Over || r.fatal != nil {
			return r
		}
		r.ended = append(r.ended, slot.Label)
	}
	return r
}

// due are a campaign's occurrences that wait to be carried out.
func (d *Daemon) due(ctx context.Context, name string) (due []campaign.Slot, err error) {
	for slot, err := range d.Ledger.Slots(ctx, ledger.SlotFilter{Profile: d.Profile, Campaign: name, Open: true}) {
		if err != nil {
			return nil, err
		}
		due = append(due, slot)
	}
	return due, nil
}

// end records that an occurrence is over, also while the daemon drains.
func (d *Daemon) end(ctx context.Context, slot campaign.Slot, out Outcome) error {
	slot.State, slot.Reason = campaign.SlotSkipped, out.Skip
	if out.Skip == "" {
		slot.State, slot.Reason = campaign.SlotRan, Reason(out.Code)
	}
	err := d.Ledger.EndSlot(context.WithoutCancel(ctx), slot, slot.State, slot.Reason)
	if err == nil {
		d.Observe(Event{Campaign: slot.Campaign, Slot: slot, Kind: Ended, Code: out.Code})
	}
	return err
}

// Reason is what the ledger keeps of how an occurrence ended that was run: nothing
// when all went well.
func Reason(code int) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprintf("exit code %d", code)
}

// safely hands an occurrence over. A panic is the campaign's, not the daemon's.
func safely(do func() Outcome) (out Outcome, stack string) {
	defer func() {
		if p := recover(); p != nil {
			stack = fmt.Sprintf("%v\n%s", p, debug.Stack())
			out = Outcome{Code: codeBug, Err: fmt.Errorf("a bug: %v", p)}
		}
	}()
	return do(), ""
}

// orphan looks at an occurrence whose campaign is not there any more.
func (d *Daemon) orphan(ctx context.Context, slot campaign.Slot) (r result) {
	r = result{name: slot.Campaign, last: slot}
	leave, ok, err := d.Ledger.Turn(ctx, d.Profile, slot.Campaign)
	if err != nil || !ok {
		return result{name: slot.Campaign, held: err == nil, fatal: err}
	}
	defer leave()
	due, err := d.due(ctx, slot.Campaign)
	if err != nil || !slices.ContainsFunc(due, func(s campaign.Slot) bool { return s.Label == slot.Label }) {
		return result{name: slot.Campaign, fatal: err} // another process was faster
	}
	r.out, r.panic = safely(func() Outcome { return d.Orphan(ctx, slot) })
	r.codes = []int{r.out.Code}
	if r.out.Err != nil {
		d.Log.Warn(told(slot.Campaign, slot, r.out))
	}
	if r.out.Over {
		r.fatal = d.end(ctx, slot, r.out)
	}
	return r
}

// finished takes in what came of a campaign.
func (d *Daemon) finished(r result) error {
	d.running--
	if r.fatal != nil && !errors.Is(r.fatal, context.Canceled) {
		return r.fatal
	}
	s := d.states[r.name]
	if s == nil {
		return nil
	}
	s.busy = false
	if s.gone {
		delete(d.states, r.name)
		return nil
	}
	if r.last.Label != "" {
		s.last, s.out = r.last, r.out
	}
	if len(r.ended) > 0 {
		s.due = slices.DeleteFunc(s.due, func(slot campaign.Slot) bool { return slices.Contains(r.ended, slot.Label) })
		s.wait, s.retry = 0, time.Time{}
		if r.out.Over && r.out.Skip == "" && r.out.Code == 0 {
			s.good = d.now()
		}
	}
	switch {
	case r.panic != "":
		s.broken = r.out.Err.Error()
		d.Log.Error("a bug stopped a campaign: it is not run again until its file changes or this process is started anew", "campaign", s.Name, "panic", r.panic)
	case !r.held && r.last.Label == "": // another process was faster
		s.due, d.lookAt = nil, time.Time{}
	case r.held:
		s.tried = d.now()
		s.retry = s.tried.Add(lookAgain)
	case r.last.Label != "" && !r.out.Over:
		s.wait, s.tried = min(max(2*s.wait, retryFirst), retryMost), d.now()
		s.retry = s.tried.Add(s.wait)
		if r.out.Back.After(s.tried) {
			s.wait, s.retry = 0, r.out.Back
		}
	}
	return nil
}
