package ledgertest

import (
	"context"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// The verbs of schedules that Faulty can make fail.
const (
	Decide  Verb = "decide"
	EndSlot Verb = "end-slot"
)

// Decide implements ledger.Slots.
func (f *Faulty) Decide(ctx context.Context, profile string, decisions []ledger.Decision) (taken []bool, err error) {
	err = f.write(Decide, func() error {
		taken, err = f.Ledger.Decide(ctx, profile, decisions)
		return err
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// EndSlot implements ledger.Slots.
func (f *Faulty) EndSlot(ctx context.Context, slot campaign.Slot, state campaign.SlotState, reason string) error {
	return f.write(EndSlot, func() error { return f.Ledger.EndSlot(ctx, slot, state, reason) })
}
