package mem

import (
	"bytes"
	"context"
	"slices"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Note implements ledger.Worker.
func (l *Ledger) Note(ctx context.Context, h ledger.Hold, note campaign.Note) error {
	r, _, leave, err := l.held(ctx, h)
	if err != nil {
		return err
	}
	defer leave()
	r.notes = append(r.notes, ledger.Noted(note))
	return nil
}

// Notes implements ledger.Reader.
func (l *Ledger) Notes(ctx context.Context, id string) ([]campaign.Note, error) {
	r, leave, err := l.enter(ctx, id)
	if err != nil {
		return nil, err
	}
	defer leave()
	return slices.Clone(r.notes), nil
}

// Share implements ledger.Accounts.
func (l *Ledger) Share(ctx context.Context, account string, change func([]byte) []byte) error {
	leave, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer leave()
	l.store.cells[account] = bytes.Clone(change(bytes.Clone(l.store.cells[account])))
	return nil
}

// places are the places of an account that are taken.
type places struct {
	taken  []*place
	waited map[*Ledger]time.Time // who found none free, and when
}

type place struct{ holder *Ledger }

func (p *places) drop(l *Ledger) {
	p.taken = slices.DeleteFunc(p.taken, func(one *place) bool { return one.holder == l })
	delete(p.waited, l)
}

func (s *store) placesOf(account string) *places {
	p := s.places[account]
	if p == nil {
		p = &places{waited: map[*Ledger]time.Time{}}
		s.places[account] = p
	}
	return p
}

// Place implements ledger.Accounts.
func (l *Ledger) Place(ctx context.Context, account string, n int) (func(), bool, error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return nil, false, err
	}
	defer leave()
	p := l.store.placesOf(account)
	if len(p.taken) >= n {
		p.waited[l] = time.Now()
		return nil, false, nil
	}
	delete(p.waited, l)
	mine := &place{l}
	p.taken = append(p.taken, mine)
	return func() {
		l.store.mu.Lock()
		defer l.store.mu.Unlock()
		if i := slices.Index(p.taken, mine); i >= 0 { // it may have gone with its process
			p.taken = slices.Delete(p.taken, i, i+1)
		}
	}, true, nil
}

// Wanted implements ledger.Accounts.
func (l *Ledger) Wanted(ctx context.Context, account string) (bool, error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	for who, at := range l.store.placesOf(account).waited {
		if who != l && time.Since(at) < ledger.WantedFor {
			return true, nil
		}
	}
	return false, nil
}
