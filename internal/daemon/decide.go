package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/schedule"
)

// errAhead says that nothing can be decided.
var errAhead = errors.New("the clock stands before the time until which occurrences were decided already: if it was wrong then, `campaign state clock` lets schedules go on from now")

// ErrClock reports whether err says that the clock stands too early.
func ErrClock(err error) bool { return errors.Is(err, errAhead) }

// Lost reports the reasons for which somebody should know of a skipped occurrence.
func Lost(reason string) bool {
	code, _, _ := strings.Cut(reason, ":")
	return code == campaign.SkipMissed || code == campaign.SkipUnknown
}

// take exchanges the campaigns. What was due before under an old schedule is decided
// by the old one.
func (d *Daemon) take(ctx context.Context, entries []Entry) error {
	d.began = true
	changed := false
	fresh := map[string]Entry{}
	for _, e := range entries {
		fresh[e.Name] = e
		if s := d.states[e.Name]; s != nil && s.Rules != e.Rules {
			changed = true
		}
	}
	if err := d.decide(ctx); err != nil {
		return err
	}
	if changed {
		if err := d.advance(ctx, d.now()); err != nil {
			return err
		}
	}
	for name, s := range d.states {
		e, ok := fresh[name]
		if !ok && !s.gone {
			d.Log.Warn("its file is gone: it is not run any more", "campaign", name)
		}
		s.gone = !ok
		if ok && s.Version != e.Version {
			s.Entry, s.broken, s.retry, s.wait = e, "", time.Time{}, 0
			s.plan()
		}
		if !ok && !s.busy {
			delete(d.states, name)
		}
	}
	for _, e := range entries {
		if d.states[e.Name] == nil {
			d.states[e.Name] = &state{Entry: e}
			d.lookAt = time.Time{}
		}
	}
	return nil
}

// plan finds the next occurrence.
func (s *state) plan() {
	s.next, s.label = time.Time{}, ""
	if slot, ok := s.Table.Next(s.upto); ok && s.looked {
		s.next, s.label = slot.At, slot.Label
	}
}

// look reads what all processes have decided.
func (d *Daemon) look(ctx context.Context) error {
	decided, err := d.Ledger.Decided(ctx, d.Profile)
	if err != nil {
		return err
	}
	due := map[string][]campaign.Slot{}
	d.orphans = nil
	for slot, err := range d.Ledger.Slots(ctx, ledger.SlotFilter{Profile: d.Profile, Open: true}) {
		if err != nil {
			return err
		}
		if d.states[slot.Campaign] == nil {
			d.orphans = append(d.orphans, slot)
		}
		due[slot.Campaign] = append(due[slot.Campaign], slot)
	}
	for name, s := range d.states {
		if upto, ok := decided[name]; ok && (!s.looked || !upto.Equal(s.upto)) {
			s.looked, s.upto = true, upto
			s.plan()
		}
		s.known = true
		if !s.busy {
			s.due = due[name]
		}
	}
	return nil
}

// decide records what became due, for every campaign of which something did.
func (d *Daemon) decide(ctx context.Context) error {
	for fresh := false; ; {
		now := d.now()
		d.fault = ""
		var states []*state
		elsewhere := false
		for _, s := range d.states {
			if s.ahead = s.looked && s.upto.Sub(now) > clockSlack; s.ahead {
				d.fault = errAhead.Error()
			}
			if len(states) < decideAtOnce && s.owes(now) {
				states = append(states, s)
				elsewhere = elsewhere || len(s.due) > 0 && !s.busy
			}
		}
		if len(states) == 0 {
			return nil
		}
		if elsewhere && !fresh { // another process may have ended what was due
			if err := d.look(ctx); err != nil {
				return err
			}
			fresh = true
			continue
		}
		fresh = false
		decisions := make([]ledger.Decision, len(states))
		for i, s := range states {
			decisions[i] = d.decision(s, now)
		}
		if err := d.record(ctx, states, decisions); err != nil {
			return err
		}
	}
}

// owes reports whether there is something to decide of a campaign.
func (s *state) owes(now time.Time) bool {
	if s.gone || !s.known || s.ahead {
		return false
	}
	return !s.looked || !s.next.IsZero() && !s.next.After(now)
}

// decision rules on one campaign.
func (d *Daemon) decision(s *state, now time.Time) ledger.Decision {
	one := ledger.Decision{Campaign: s.Name, From: s.upto, Upto: now}
	var rulings []schedule.Ruling
	if s.looked {
		going := ""
		if len(s.due) > 0 {
			going = s.due[0].Label
		}
		rulings, one.Upto = s.Table.Owed(s.upto, now, going)
	} else {
		one.From, rulings = time.Time{}, s.Table.Unseen(now) // the first look owes nothing
	}
	for _, r := range rulings {
		slot := campaign.Slot{Profile: d.Profile, Campaign: s.Name, Label: r.Label, At: r.At, LastLabel: r.Last.Label, LastAt: r.Last.At,
			Count: r.Count, Decided: now, Owner: d.Owner}
		if !r.Run {
			slot.State, slot.Reason = campaign.SlotSkipped, r.Reason
		}
		one.Slots = append(one.Slots, slot)
	}
	return one
}

// record writes decisions. Where another process was faster, what it decided is read.
func (d *Daemon) record(ctx context.Context, states []*state, decisions []ledger.Decision) error {
	taken, err := d.Ledger.Decide(ctx, d.Profile, decisions)
	if err != nil {
		return err
	}
	after := d.now()
	for i, s := range states {
		if !taken[i] {
			continue
		}
		s.looked, s.upto = true, time.UnixMicro(max(decisions[i].Upto.UnixMicro(), s.upto.UnixMicro())).UTC()
		s.plan()
		for _, slot := range decisions[i].Slots {
			s.last = slot
			if slot.State == campaign.SlotDue {
				s.due = append(s.due, slot)
			} else {
				d.Log.Info("skipped", "campaign", slot.Campaign, "occurrence", slot.Label, "count", slot.Count, "reason", slot.Reason)
			}
			d.Observe(Event{Campaign: s.Name, Slot: slot, Kind: Decided, Late: after.Sub(slot.LastAt)})
		}
	}
	if slices.Contains(taken, false) {
		return d.look(ctx)
	}
	return nil
}

// advance tells the ledger until when nothing more was due.
func (d *Daemon) advance(ctx context.Context, now time.Time) error {
	var states []*state
	var decisions []ledger.Decision
	flush := func() error {
		if len(decisions) == 0 {
			return nil
		}
		err := d.record(ctx, states, decisions)
		states, decisions = nil, nil
		return err
	}
	for _, s := range d.states {
		if !s.looked || !now.After(s.upto) || !s.next.IsZero() && !s.next.After(now) {
			continue
		}
		states, decisions = append(states, s), append(decisions, ledger.Decision{Campaign: s.Name, From: s.upto, Upto: now})
		if len(decisions) == decideAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// told is what happened in words.
func told(name string, slot campaign.Slot, out Outcome) string {
	text := fmt.Sprintf("%s (%s)", name, slot.Label)
	if out.Err != nil {
		text += ": " + out.Err.Error()
	}
	return text
}
