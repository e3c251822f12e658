package daemon

import (
	"context"
	"errors"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/ledger/ledgertest"
)

// What fails for all stops all.
func TestAStateThatFailsStopsAll(t *testing.T) {
	in(t, func(w *world) {
		full := errors.New("the disk is full")
		w.answer = func(e Entry, _ campaign.Slot, _ int) Outcome {
			return Outcome{Over: e.Name == "b", Code: 7, Err: full, Fatal: true}
		}
		for _, name := range []string{"a", "b"} {
			d := New(w.options(w.root))
			entries := make(chan []Entry, 1)
			entries <- []Entry{entry(w, name, "0 * * * *", nil)}
			if err := d.Run(context.Background(), entries); !errors.Is(err, full) {
				w.Errorf("%s: error %v", name, err)
			}
		}
		w.equal(w.slots(), []string{"01:00 due", "02:00 ran"})
	})
}

// When the ledger fails nothing is run any more.
func TestTheLedgerFails(t *testing.T) {
	in(t, func(w *world) {
		broken := errors.New("the disk is full")
		faulty := &ledgertest.Faulty{Ledger: w.root, Before: func(v ledgertest.Verb) error {
			if v == ledgertest.Decide && w.now().Hour() >= 2 {
				return broken
			}
			return nil
		}}
		d := New(w.options(faulty))
		entries := make(chan []Entry, 1)
		entries <- []Entry{entry(w, "a", "0 * * * *", nil)}
		if err := d.Run(context.Background(), entries); !errors.Is(err, broken) {
			w.Errorf("error %v", err)
		}
		w.equal(w.did(), []string{"01:00 a v1"})
	})
}
