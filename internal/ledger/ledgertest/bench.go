package ledgertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Benchmarks of a member. A row is an intent or a settlement.

// manyBlocks plans n deliveries of one recipient each, in blocks of size.
func manyBlocks(n, size int) func(yield func(campaign.Block) bool) {
	return func(yield func(campaign.Block) bool) {
		for seq := 0; seq < n; {
			b := campaign.Block{Seq: int64(seq / size)}
			for range min(size, n-seq) {
				d := campaign.Delivery{Seq: int64(seq), Digest: campaign.Digest{byte(seq), byte(seq >> 8), byte(seq >> 16)}}
				d.Recipients = []campaign.Recipient{{Row: int64(seq + 2), Cells: []string{fmt.Sprintf("user-%07d", seq), "甲乙丙有限公司", "91310000MA1"}}}
				b.Deliveries = append(b.Deliveries, d)
				seq++
			}
			b.Digest = b.Sum()
			if !yield(b) {
				return
			}
		}
	}
}

// planMany opens a run of n deliveries.
func planMany(b testing.TB, l ledger.Ledger, n int) campaign.Run {
	b.Helper()
	ctx := context.Background()
	r, err := l.Begin(ctx, aRun("many"), nil)
	totals := campaign.Totals{Requests: int64(n), Recipients: int64(n)}
	for block := range manyBlocks(n, 1000) {
		if err == nil {
			err = l.Add(ctx, r.ID, []campaign.Block{block})
		}
		totals.Blocks++
	}
	if err == nil {
		err = l.Open(ctx, r.ID, totals)
	}
	if err != nil {
		b.Fatal(err)
	}
	return r
}

var answer = []byte(`{"status":200,"oK":true,"msg":"success","data":{"id":"202603011200000001"}}`)

// groups makes the records of a runner with a full pipeline: each group settles
// what the one before it began, and begins as many.
func groups(size int, from int64) (first, next ledger.Group) {
	at := at(1)
	for i := range int64(size) {
		first.Intents = append(first.Intents, ledger.Intent{Part: whole(from + i), At: at})
		next.Settlements = append(next.Settlements, ledger.Settlement{Part: whole(from + i), At: at, Upstream: at, Answer: answer,
			Verdict: campaign.Verdict{Outcome: campaign.Accepted, Status: 200, Ref: "202603011200000001"}})
		next.Intents = append(next.Intents, ledger.Intent{Part: whole(from + int64(size) + i), At: at})
	}
	return first, next
}

// BenchmarkRecord measures groups of so many deliveries (twice as many rows),
// and compares with a file to which the same bytes are appended and fsynced.
func BenchmarkRecord(b *testing.B, fresh func(testing.TB) Subject) {
	for _, size := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("group=%d", size), func(b *testing.B) {
			b.StopTimer()
			l := fresh(b).Open(b)
			r := planMany(b, l, size*(b.N+2))
			h, err := l.Claim(b.Context(), r.ID, "bench", time.Hour)
			if err != nil {
				b.Fatal(err)
			}
			first, next := groups(size, 0)
			if err := l.Record(b.Context(), h, nil, first.Intents); err != nil {
				b.Fatal(err)
			}
			raw := rawAppend(b, &next)
			b.StartTimer()
			for range b.N {
				if err := l.Record(b.Context(), h, next.Settlements, next.Intents); err != nil {
					b.Fatal(err)
				}
				for i := range next.Intents {
					next.Settlements[i].Part.Seq += int64(size)
					next.Intents[i].Part.Seq += int64(size)
				}
			}
			b.StopTimer()
			took := b.Elapsed()
			b.ReportMetric(float64(2*size*b.N)/took.Seconds(), "rows/s")
			b.ReportMetric(float64(raw)/float64(took), "of-raw-append")
		})
	}
}

// rawAppend is how long b.N appends of a group's bytes take, each on the disk.
func rawAppend(b *testing.B, g *ledger.Group) time.Duration {
	index, detail, err := ledger.EncodeGroup(*g)
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "raw"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	began := time.Now()
	for range b.N {
		if _, err := f.Write(append(index[:len(index):len(index)], detail...)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

// BenchmarkAdd measures the planning of 1,000 deliveries, one block.
func BenchmarkAdd(b *testing.B, fresh func(testing.TB) Subject) {
	b.StopTimer()
	l := fresh(b).Open(b)
	r, err := l.Begin(b.Context(), aRun("add"), nil)
	if err != nil {
		b.Fatal(err)
	}
	for block := range manyBlocks(1000*b.N, 1000) {
		b.StartTimer()
		err := l.Add(b.Context(), r.ID, []campaign.Block{block})
		b.StopTimer()
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(1000*b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkWork measures resuming: from opening the ledger of a run with
// 1,000,000 deliveries, 90 % of them settled, to the first block of its work.
// heap is what that leaves on the heap of a process that did nothing else.
func BenchmarkWork(b *testing.B, fresh func(testing.TB) Subject) {
	for _, size := range []int{64, 256} {
		b.Run(fmt.Sprintf("group=%d", size), func(b *testing.B) {
			const deliveries = 1_000_000
			s := fresh(b)
			run := settleMost(b, s, deliveries, size)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for b.Loop() {
				l := s.Open(b)
				h, err := l.Claim(b.Context(), run, "bench", time.Hour)
				if err != nil {
					b.Fatal(err)
				}
				for w, err := range l.Work(b.Context(), h) {
					if err != nil || len(w.Results) == 0 {
						b.Fatal(err)
					}
					break
				}
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&after)
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "heap-MB")
		})
	}
}

// BenchmarkResults measures reading all results of such a run.
func BenchmarkResults(b *testing.B, fresh func(testing.TB) Subject) {
	const deliveries = 1_000_000
	s := fresh(b)
	run := settleMost(b, s, deliveries, 256)
	l := s.Open(b)
	for b.Loop() {
		n := 0
		for got, err := range l.Results(b.Context(), run) {
			if err != nil {
				b.Fatal(err)
			}
			n += len(got.Results)
		}
		if n != deliveries {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(deliveries*b.N)/b.Elapsed().Seconds(), "results/s")
}

// settleMost plans a run and settles nine tenths of it in groups of size.
func settleMost(b *testing.B, s Subject, deliveries, size int) string {
	l := s.Open(b)
	r := planMany(b, l, deliveries)
	h, err := l.Claim(b.Context(), r.ID, "bench", time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from+size <= deliveries*9/10; from += size {
		first, next := groups(size, int64(from))
		if err := l.Record(b.Context(), h, nil, first.Intents); err != nil {
			b.Fatal(err)
		}
		if err := l.Record(b.Context(), h, next.Settlements, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return r.ID
}
