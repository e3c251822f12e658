package runner

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/ledger"
)

// groups is a ledger that takes a while for each group and remembers its size.
type groups struct {
	ledger.Worker
	took  time.Duration
	sizes []int
}

func (g *groups) Record(_ context.Context, _ ledger.Hold, settlements []ledger.Settlement, _ []ledger.Intent) error {
	time.Sleep(g.took)
	g.sizes = append(g.sizes, len(settlements))
	return nil
}

// Many in flight share disk writes, few do not wait for each other, and nobody waits
// longer than a moment.
func TestRecorderGathers(t *testing.T) {
	const apart = 15 * time.Microsecond
	for name, test := range map[string]struct {
		inFlight, entries int
		sizes             []int
		last              time.Duration // when the last entry was durable
	}{
		"alone":            {0, 1, []int{1}, 0},
		"a few":            {7, 3, []int{1, 1, 1}, 2 * apart},
		"a share":          {40, 20, []int{10, 10}, 19 * apart},
		"at most so many":  {4000, 128, []int{64, 64}, 127 * apart},
		"those who do not": {400, 1, []int{1}, gatherWait},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &groups{}
				r := &recorder{ledger: g, in: make(chan *entry, 256), gone: make(chan struct{}), calm: make(chan struct{}, 1), inFlight: test.inFlight,
					fail: func(err error) { t.Error(err) }}
				go r.work(t.Context())
				began := time.Now()
				done := make(chan error, test.entries)
				for i := range test.entries {
					if i > 0 {
						time.Sleep(apart)
					}
					r.in <- &entry{settlement: &ledger.Settlement{}, begins: true, done: done} // as many stay in flight
				}
				for range test.entries {
					if err := <-done; err != nil {
						t.Error(err)
					}
				}
				if took := time.Since(began); test.last > 0 && took != test.last {
					t.Errorf("durable after %s, want %s", took, test.last)
				}
				close(r.in)
				<-r.gone
				if !slices.Equal(g.sizes, test.sizes) {
					t.Errorf("groups of %v, want %v", g.sizes, test.sizes)
				}
			})
		})
	}
}
