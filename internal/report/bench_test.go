package report

import (
	"fmt"
	"io"
	"iter"
	"runtime"
	"testing"
	"time"

	"campaign/internal/campaign"
)

// million is the number of big's blocks that hold a million recipients.
const million = 313

// big is a run with 100 recipients a request and 32 requests a block. Its
// blocks are made once and get their numbers as they are read, so that neither
// making nor keeping them is measured.
func big(blocks int64, skips int) (campaign.Run, iter.Seq2[campaign.BlockResults, error], int64) {
	const deliveries, batch = 32, 100
	m := newMade().block()
	for i := range deliveries {
		m.delivery(batch, accepted(fmt.Sprint(1000+i), float64(i)/100))
	}
	for i := range skips {
		m.skip(fmt.Sprintf("duplicate: row %d", i))
	}
	m.seal()
	run, one := m.run, m.blocks[0]
	run.Totals.Blocks *= blocks
	run.Totals.Requests *= blocks
	run.Totals.Recipients *= blocks
	run.Totals.Skipped *= blocks
	one.Block.Digest = [32]byte{}
	return run, func(yield func(campaign.BlockResults, error) bool) {
		for n := range blocks {
			one.Block.Seq = n
			for i := range one.Block.Deliveries {
				seq := n*deliveries + int64(i)
				one.Block.Deliveries[i].Seq, one.Results[i].Part.Seq = seq, seq
				one.Results[i].At = t0.Add(time.Duration(seq) * time.Millisecond)
			}
			if !yield(one, nil) {
				return
			}
		}
	}, run.Totals.Recipients
}

func BenchmarkFold(b *testing.B) {
	for _, c := range []struct {
		name   string
		format string
		skips  int
	}{{"counts", "", 0}, {"skips", "", 1000}, {"recipients", "ndjson", 0}, {"page", "html", 0}, {"table", "csv", 0}, {"recipients and skips", "ndjson", 1000}} {
		b.Run(c.name, func(b *testing.B) {
			run, results, rows := big(million, c.skips)
			facts := newMade().facts
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if c.format == "" {
					_, err = Fold(run, facts, results)
				} else {
					_, err = Print(io.Discard, c.format, run, facts, results)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(rows), "rows")
		})
	}
}

// Memory does not grow with the recipients: a word for each of these would be
// more than what is allowed.
func TestFoldIsBounded(t *testing.T) {
	run, results, rows := big(60, 1000)
	if rows < 250_000 {
		t.Fatalf("only %d rows", rows)
	}
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before, peak, blocks := heap(), uint64(0), 0
	watched := func(yield func(campaign.BlockResults, error) bool) {
		for r, err := range results {
			if blocks++; blocks%20 == 0 {
				peak = max(peak, heap())
			}
			if !yield(r, err) {
				return
			}
		}
	}
	if _, err := Print(io.Discard, "ndjson", run, newMade().facts, watched); err != nil {
		t.Fatal(err)
	}
	if peak > before+1<<20 {
		t.Errorf("the fold holds %d bytes", peak-before)
	}
}
