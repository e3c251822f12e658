package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/targets"
)

func TestHowAnInvocationEndedIsNoted(t *testing.T) {
	for want, set := range map[string]func(b *bench, cancel func()){
		"complete":    func(*bench, func()) {},
		"limit":       func(b *bench, _ func()) { b.job.Limit = 2 },
		"interrupted": func(b *bench, cancel func()) { b.job.Ledger = &claiming{Ledger: b.ledger, then: cancel} },
		"deferred": func(b *bench, _ func()) {
			b.up.script, b.job.Policy.Retry.Attempts = each(nth(3), refused), 1
		},
		"aborted: 1 of 1 requests were rejected: the threshold is 1 and 0%": func(b *bench, _ func()) {
			b.up.script, b.job.Policy.Abort.Failed.Count = always(refusedIt), 1
			b.account.Limits.Concurrency = 1
		},
		"window-closed: the window does not open again": func(b *bench, _ func()) { b.job.Opens = never },
		"differs: block 0: the run's messages are no longer what was planned": func(b *bench, _ func()) {
			b.job.Messages = func(_ context.Context, block campaign.Block) ([]targets.Message, error) {
				return nil, fmt.Errorf("block %d: %w", block.Seq, ErrDiffers)
			}
		},
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 6, 1, always(taken))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				b.job.Owner = "host 12"
				set(b, cancel)
				_, _ = b.start(ctx) // what it came to stands in the note
				notes, err := b.ledger.Notes(t.Context(), b.run.ID)
				if err != nil {
					t.Fatal(err)
				}
				last := notes[len(notes)-1]
				if last.Kind != campaign.NoteEnded || last.By != "host 12" || last.Text != want || last.At.IsZero() {
					t.Errorf("%+v", last)
				}
			})
		})
	}
}

// claiming does something as soon as the run is claimed.
type claiming struct {
	Ledger
	then func()
}

func (c *claiming) Claim(ctx context.Context, run, owner string, lease time.Duration) (ledger.Hold, error) {
	hold, err := c.Ledger.Claim(ctx, run, owner, lease)
	c.then()
	return hold, err
}

// A note that fails is a failure of the ledger, unless there was one before.
func TestEndThatCannotBeNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 6, 1, always(taken))
		errNote := errors.New("no room for a note")
		b.job.Ledger = &shaky{Ledger: b.ledger, note: errNote}
		s, err := b.start(t.Context())
		if s.Stop != Failed || !errors.Is(err, errNote) || !errors.Is(err, ErrLedger) || b.fold(t).recipients.Accepted != 6 {
			t.Errorf("%+v, %v", s, err)
		}
		b.job.Ledger = b.ledger // the hold was given back
		if s := b.mustRun(t); s.Stop != Complete || s.Requests != 0 {
			t.Errorf("%+v", s)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 6, 1, always(taken))
		errNote := errors.New("no room for a note")
		b.job.Ledger = &shaky{Ledger: b.ledger, note: errNote, failAt: 1, err: errDisk}
		if s, err := b.start(t.Context()); s.Stop != Failed || !errors.Is(err, errDisk) || errors.Is(err, errNote) {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// An invocation whose sums do not add up has failed, however it ended.
func TestSumsThatDoNotAddUp(t *testing.T) {
	right := func() *recorder {
		r := &recorder{began: 9, givenUp: 1}
		r.summary.Deliveries = campaign.Counts{Accepted: 3, Rejected: 1, Unknown: 1, Deferred: 1, Skipped: 4}
		r.summary.Recipients = campaign.Counts{Accepted: 3, Rejected: 1, Unknown: 1, Deferred: 1, Skipped: 4}
		r.summary.Splits = 2
		return r
	}
	for name, change := range map[string]func(*recorder){
		"one more began":        func(r *recorder) { r.began++ },
		"one accepted is lost":  func(r *recorder) { r.summary.Deliveries.Accepted-- },
		"one stands twice":      func(r *recorder) { r.summary.Deliveries.Unknown++ },
		"a split is lost":       func(r *recorder) { r.summary.Splits-- },
		"less than nobody":      func(r *recorder) { r.summary.Recipients.Deferred = -1 },
		"one is in flight":      func(r *recorder) { r.began++; r.inFlight++ },
		"in flight from nobody": func(r *recorder) { r.inFlight-- },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1, 1, always(taken))
			b.job.Account = NewAccount(b.account)
			r := newRun(t.Context(), b.job)
			defer r.giveUp()
			r.recorder = right()
			r.balance()
			if end := r.end.Load(); end != nil {
				t.Fatalf("right sums end the run: %v", end)
			}
			change(r.recorder)
			r.balance()
			end := r.end.Load()
			if end == nil || end.why != Faulty || !strings.HasPrefix(end.err.Error(), "a bug: ") {
				t.Errorf("ended with %v", end)
			}
		})
	}
	// A second signal leaves requests in flight: they add up all the same.
	b := newBench(t, 1, 1, always(taken))
	b.job.Account = NewAccount(b.account)
	r := newRun(t.Context(), b.job)
	r.recorder = right()
	r.recorder.began++
	r.recorder.inFlight++
	r.giveUp()
	if r.balance(); r.end.Load() != nil {
		t.Errorf("ended with %v", r.end.Load())
	}
}
