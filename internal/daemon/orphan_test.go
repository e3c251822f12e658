package daemon

import (
	"context"
	"slices"
	"testing"

	"campaign/internal/campaign"
)

// An occurrence whose campaign is gone is looked at all the same.
func TestOrphans(t *testing.T) {
	in(t, func(w *world) {
		w.diesInTheMiddle()
		o := w.options(w.root)
		o.Orphan = func(_ context.Context, slot campaign.Slot) Outcome {
			return Outcome{Over: true, Skip: campaign.SkipMissed + ": its file is gone", Code: 1}
		}
		codes, _, err := New(o).Pass(context.Background(), nil)
		if err != nil || !slices.Equal(codes, []int{1}) {
			w.Errorf("%v, %v", codes, err)
		}
		w.equal(w.slots(), []string{"01:00 missed"})
	})
}

// What another process has ended since it was read is not ended, nor told, once more.
func TestOrphanIsEndedOnce(t *testing.T) {
	in(t, func(w *world) {
		w.diesInTheMiddle()
		asked, told := 0, 0
		o := w.options(w.root)
		o.Orphan = func(context.Context, campaign.Slot) Outcome {
			asked++
			return Outcome{Over: true, Skip: campaign.SkipMissed + ": its file is gone", Code: 1}
		}
		o.Observe = func(e Event) {
			if e.Kind == Ended {
				told++
			}
		}
		late := New(o)
		if err := late.look(context.Background()); err != nil || len(late.orphans) != 1 {
			w.Fatalf("%v, %v", late.orphans, err)
		}
		if _, _, err := New(o).Pass(context.Background(), nil); err != nil {
			w.Fatal(err)
		}
		if r := late.orphan(context.Background(), late.orphans[0]); r.codes != nil || r.fatal != nil || asked != 1 || told != 1 {
			w.Errorf("%v, %v; asked %d times, told %d times", r.codes, r.fatal, asked, told)
		}
	})
}
