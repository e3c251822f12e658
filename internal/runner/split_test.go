package runner

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"

	"campaign/internal/campaign"
)

func TestPoisonIsIsolated(t *testing.T) {
	for _, batch := range []int{2, 3, 5, 8, 100} {
		for _, poison := range []int{0, batch / 2, batch - 1} {
			t.Run(fmt.Sprintf("%d of %d", poison, batch), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					id := fmt.Sprintf("u%d", poison)
					b := newBench(t, 1, batch, func(c call) reply {
						if c.has(id) {
							return refusedIt
						}
						return taken
					})
					s := b.mustRun(t)
					f := b.fold(t)
					if s.Stop != Complete || f.outcome[id] != campaign.Rejected || f.recipients.Rejected != 1 || int(f.recipients.Accepted) != batch-1 {
						t.Errorf("%s, %+v", s.Stop, f.recipients)
					}
					if limit := 4 * math.Log2(float64(batch)); float64(len(b.up.calls)) > limit {
						t.Errorf("%d requests for a batch of %d, at most %.1f", len(b.up.calls), batch, limit)
					}
				})
			})
		}
	}
}

func TestPoisonIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, 64, always(refusedIt))
		s := b.mustRun(t)
		f := b.fold(t)
		if s.Stop != Complete || f.recipients.Rejected != 128 || len(b.up.calls) > 2*24 {
			t.Errorf("%s, %+v, %d calls", s.Stop, f.recipients, len(b.up.calls))
		}
		lumps := 0
		for _, leaf := range f.leaves {
			if leaf.Part.To-leaf.Part.From > 1 {
				lumps++
				if leaf.Verdict.Reason != "not-isolated: refused: no" {
					t.Errorf("part %+v: %s", leaf.Part, leaf.Verdict.Reason)
				}
			}
		}
		if lumps == 0 {
			t.Error("everybody was isolated within the bound?")
		}
	})
}

func TestSplitsGoOnInALaterInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 64, nil)
		ctx, cancel := context.WithCancel(t.Context())
		b.account.Limits.Concurrency = 1
		b.up.script = func(c call) reply {
			if c.n == 5 {
				cancel()
			}
			if c.has("u17") {
				return refusedIt
			}
			return taken
		}
		if s, err := b.start(ctx); err != nil || s.Stop != Interrupted {
			t.Fatalf("%+v %v", s, err)
		}
		s := b.mustRun(t)
		f := b.fold(t)
		if s.Stop != Complete || f.outcome["u17"] != campaign.Rejected || f.recipients.Accepted != 63 || len(b.up.calls) > 24 {
			t.Errorf("%s, %+v, %d calls", s.Stop, f.recipients, len(b.up.calls))
		}
	})
}

func TestGroupsAreNeverSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 4, always(refusedIt))
		b.job.Target = letter{url: "http://127.0.0.1:1/", groups: true}
		b.mustRun(t)
		if f := b.fold(t); f.recipients.Rejected != 4 || len(b.up.calls) != 1 || len(f.leaves) != 1 {
			t.Errorf("%+v, %d calls", f.recipients, len(b.up.calls))
		}
	})
}

func TestSplitsLeft(t *testing.T) {
	for _, test := range []struct {
		recipients, leaves int
		want               int64
	}{{1, 1, 0}, {2, 1, 1}, {3, 1, 2}, {8, 1, 5}, {100, 1, 12}, {100, 2, 11}, {100, 13, 0}} {
		if got := splitsLeft(test.recipients, make([]campaign.Result, test.leaves)); got != test.want {
			t.Errorf("%d recipients in %d leaves: %d splits left, want %d", test.recipients, test.leaves, got, test.want)
		}
		requests := 1 + 2*float64(splitsLeft(test.recipients, make([]campaign.Result, 1)))
		if limit := 4 * math.Log2(float64(test.recipients)); test.recipients > 1 && requests > limit {
			t.Errorf("%d recipients: %.0f requests, at most %.1f", test.recipients, requests, limit)
		}
	}
}
