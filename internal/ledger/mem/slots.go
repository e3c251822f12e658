package mem

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// scheduled names a campaign of a profile.
type scheduled struct{ profile, campaign string }

// slots are what was decided of schedules.
type slots struct {
	upto  map[scheduled]time.Time
	all   map[scheduled][]campaign.Slot // in the order they were decided
	turns map[scheduled]*turn
}

type turn struct{ holder *Ledger }

func newSlots() slots {
	return slots{upto: map[scheduled]time.Time{}, all: map[scheduled][]campaign.Slot{}, turns: map[scheduled]*turn{}}
}

func (s *slots) drop(l *Ledger) {
	for key, t := range s.turns {
		if t.holder == l {
			delete(s.turns, key)
		}
	}
}

// micro cuts a time as ledgers keep it.
func micro(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// Decided implements ledger.Slots.
func (l *Ledger) Decided(ctx context.Context, profile string) (map[string]time.Time, error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	out := map[string]time.Time{}
	for key, upto := range l.store.slots.upto {
		if key.profile == profile {
			out[key.campaign] = upto
		}
	}
	return out, nil
}

// Decide implements ledger.Slots.
func (l *Ledger) Decide(ctx context.Context, profile string, decisions []ledger.Decision) ([]bool, error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	taken := make([]bool, len(decisions))
	for i, d := range decisions {
		key := scheduled{profile, d.Campaign}
		upto, from := l.store.slots.upto[key], micro(d.From)
		if !upto.Equal(from) {
			continue
		}
		taken[i] = true
		if next := micro(d.Upto); next.After(upto) || upto.IsZero() {
			l.store.slots.upto[key] = next
		}
		for _, s := range d.Slots {
			s.Profile, s.Campaign = profile, d.Campaign
			s.At, s.LastAt, s.Decided = micro(s.At), micro(s.LastAt), micro(s.Decided)
			l.store.slots.add(key, s)
		}
	}
	return taken, nil
}

func (s *slots) add(key scheduled, one campaign.Slot) {
	all := s.all[key]
	if n := len(all); n > 0 && ledger.Extends(all[n-1], one) {
		last := &all[n-1]
		last.LastLabel, last.LastAt, last.Count = one.LastLabel, one.LastAt, last.Count+one.Count
		return
	}
	if one.State == campaign.SlotDue && slices.ContainsFunc(all, func(s campaign.Slot) bool { return s.Label == one.Label && s.State != campaign.SlotSkipped }) {
		return
	}
	s.all[key] = append(all, one)
}

// Rewind implements ledger.Slots.
func (l *Ledger) Rewind(ctx context.Context, profile string, to time.Time) (n int64, err error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	for key, upto := range l.store.slots.upto {
		if key.profile == profile && upto.After(micro(to)) {
			l.store.slots.upto[key] = micro(to)
			n++
		}
	}
	return n, nil
}

// EndSlot implements ledger.Slots.
func (l *Ledger) EndSlot(ctx context.Context, slot campaign.Slot, state campaign.SlotState, reason string) error {
	leave, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer leave()
	found := false
	for i := range l.store.slots.all[scheduled{slot.Profile, slot.Campaign}] {
		s := &l.store.slots.all[scheduled{slot.Profile, slot.Campaign}][i]
		if s.Label != slot.Label {
			continue
		}
		found = true
		if s.State == campaign.SlotDue {
			s.State, s.Reason = state, reason
		}
	}
	if !found {
		return ledger.NoSlot(slot)
	}
	return nil
}

// Slots implements ledger.Slots.
func (l *Ledger) Slots(ctx context.Context, filter ledger.SlotFilter) iter.Seq2[campaign.Slot, error] {
	return func(yield func(campaign.Slot, error) bool) {
		leave, err := l.lock(ctx)
		if err != nil {
			yield(campaign.Slot{}, err)
			return
		}
		var found []campaign.Slot
		for _, all := range l.store.slots.all {
			n := len(found)
			for _, s := range all {
				if filter.Selects(s) {
					found = append(found, s)
				}
			}
			if filter.Newest && len(found) > n {
				found = append(found[:n], found[len(found)-1])
			}
		}
		leave()
		slices.SortStableFunc(found, func(a, b campaign.Slot) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Campaign, b.Campaign))
		})
		for _, s := range found {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// Turn implements ledger.Slots.
func (l *Ledger) Turn(ctx context.Context, profile, name string) (func(), bool, error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return nil, false, err
	}
	defer leave()
	key := scheduled{profile, name}
	if l.store.slots.turns[key] != nil {
		return nil, false, nil
	}
	mine := &turn{l}
	l.store.slots.turns[key] = mine
	return func() {
		l.store.mu.Lock()
		defer l.store.mu.Unlock()
		if l.store.slots.turns[key] == mine { // it may have gone with its process
			delete(l.store.slots.turns, key)
		}
	}, true, nil
}
