package ledgertest

import (
	"context"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Verb names a method of the ledger that writes.
type Verb string

// The verbs that Faulty can make fail.
const (
	Begin   Verb = "begin"
	Add     Verb = "add"
	Open    Verb = "open"
	Claim   Verb = "claim"
	Release Verb = "release"
	Record  Verb = "record"
	Cancel  Verb = "cancel"
)

// Faulty is a ledger whose writes fail when told to, in either half: Before says
// that the effect did not happen, After that it did although an error is
// reported. Nil functions never fail. It is for tests of what uses a ledger.
type Faulty struct {
	ledger.Ledger
	Before, After func(Verb) error
}

func (f *Faulty) fails(half func(Verb) error, verb Verb) error {
	if half == nil {
		return nil
	}
	return half(verb)
}

// write does what it is given between the two halves of a fault.
func (f *Faulty) write(verb Verb, do func() error) error {
	if err := f.fails(f.Before, verb); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return f.fails(f.After, verb)
}

// Begin implements ledger.Planner.
func (f *Faulty) Begin(ctx context.Context, run campaign.Run, inputs []campaign.Input) (found campaign.Run, err error) {
	err = f.write(Begin, func() error {
		found, err = f.Ledger.Begin(ctx, run, inputs)
		return err
	})
	return found, err
}

// Add implements ledger.Planner.
func (f *Faulty) Add(ctx context.Context, run string, blocks []campaign.Block) error {
	return f.write(Add, func() error { return f.Ledger.Add(ctx, run, blocks) })
}

// Open implements ledger.Planner.
func (f *Faulty) Open(ctx context.Context, run string, totals campaign.Totals) error {
	return f.write(Open, func() error { return f.Ledger.Open(ctx, run, totals) })
}

// Claim implements ledger.Worker. A claim that happened and failed keeps the run
// held until the process that asked has died, as it would.
func (f *Faulty) Claim(ctx context.Context, run, owner string, lease time.Duration) (ledger.Hold, error) {
	var hold ledger.Hold
	err := f.write(Claim, func() (err error) {
		hold, err = f.Ledger.Claim(ctx, run, owner, lease)
		return err
	})
	if err != nil {
		return ledger.Hold{}, err
	}
	return hold, nil
}

// Release implements ledger.Worker.
func (f *Faulty) Release(ctx context.Context, hold ledger.Hold) error {
	return f.write(Release, func() error { return f.Ledger.Release(ctx, hold) })
}

// Record implements ledger.Worker.
func (f *Faulty) Record(ctx context.Context, hold ledger.Hold, settlements []ledger.Settlement, intents []ledger.Intent) error {
	return f.write(Record, func() error { return f.Ledger.Record(ctx, hold, settlements, intents) })
}

// Cancel implements ledger.Worker.
func (f *Faulty) Cancel(ctx context.Context, hold ledger.Hold, reason string) error {
	return f.write(Cancel, func() error { return f.Ledger.Cancel(ctx, hold, reason) })
}
