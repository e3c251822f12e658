package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"campaign/internal/campaign"
)

var (
	millionDeliveries  = flag.Int("million.deliveries", 1_000_000, "how many deliveries BenchmarkMillion makes")
	millionConcurrency = flag.Int("million.concurrency", 256, "how many requests of BenchmarkMillion are in flight at once")
)

// sink is an upstream that accepts everything with as little work as HTTP allows,
// and notes when the first request came.
type sink struct {
	url   string
	taken atomic.Int64
	first atomic.Int64 // Unix nanoseconds; 0: none yet
}

func newSink(b *testing.B) *sink {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &sink{url: "http://" + l.Addr().String()}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.first.CompareAndSwap(0, time.Now().UnixNano())
		s.taken.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"data":"7","msg":"success","oK":true,"status":200}`)
	})}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { server.Close() })
	return s
}

// BenchmarkMillion is the whole program with its ledger on disk, one recipient a
// request, 1 KiB bodies, concurrency 256 or as the flag says: 90 % of the deliveries, then, in another
// process, the rest. It prints how many requests a second went out while it sent
// and what part that is of a bare client in this process on the same sink, how long
// the second process took until its first request, and the larger of the two peaks
// of memory (VmHWM: what getrusage tells of a child holds its parent's too).
func BenchmarkMillion(b *testing.B) {
	n := *millionDeliveries
	up := newSink(b)
	var rate, resumed, peak float64
	for range b.N {
		dir := b.TempDir()
		writeProject(b, dir, up.url, fmt.Sprintf("concurrency: %d", *millionConcurrency))
		writeMillion(b, dir, n)
		up.taken.Store(0)
		for _, part := range []struct {
			limit int
			code  int
		}{{n * 9 / 10, exitUnfinished}, {0, exitDone}} {
			up.first.Store(0)
			args := []string{"resume", campaign.RunID("default", "million", campaign.Once), "--yes"}
			if part.limit > 0 {
				args = []string{"run", "million.yaml", "--yes", "--limit", fmt.Sprint(part.limit)}
			}
			p := startCampaign(b, dir, args...)
			for running := true; running; {
				select {
				case <-p.done:
					running = false
				case <-time.After(20 * time.Millisecond):
					peak = max(peak, highWater(p.cmd.Process.Pid))
				}
			}
			p.wants(b, part.code)
			first := time.Unix(0, up.first.Load())
			if part.limit > 0 {
				rate += float64(part.limit) / (p.took - first.Sub(p.began)).Seconds() / float64(b.N)
			} else {
				resumed += first.Sub(p.began).Seconds() / float64(b.N)
			}
		}
		if got := up.taken.Load(); got != int64(n) {
			b.Fatalf("%d requests for %d deliveries", got, n)
		}
	}
	b.ReportMetric(rate, "requests/s")
	b.ReportMetric(rate/bareRate(b, up.url, min(n, 100_000)), "of-bare")
	b.ReportMetric(resumed, "s-to-resume")
	b.ReportMetric(peak, "peak-MB")
}

func writeMillion(b *testing.B, dir string, n int) {
	b.Helper()
	writeText(b, filepath.Join(dir, "million.yaml"), fmt.Sprintf(`version: 1
name: million
channel: {type: zqt.message, target: gov, from: 统计局}
content: {title: 公告, body: "<p>%s</p>", sender: 统计局, category: 通知公告, level: 一般}
recipients: {file: recipients/million.csv, defaults: {usertype: enterprise}}
delivery: {batch: 1, max_recipients: %d}
`, strings.Repeat("x", 512), n))
	file := filepath.Join(dir, "recipients", "million.csv")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "userid,orgid")
	for i := range n {
		fmt.Fprintf(w, "0944fe0c-9dfb-469b-ab13-%012d,cdde8d51-6301-4bfc-a0c5-%012d\n", i, i)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		b.Fatal(err)
	}
}

// bareRate posts n bodies of 1 KiB with the usual client, as many at once.
func bareRate(b *testing.B, url string, n int) float64 {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: *millionConcurrency, MaxIdleConnsPerHost: *millionConcurrency}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range *millionConcurrency {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				r, err := client.Post(url, "application/json", strings.NewReader(strings.Repeat("x", 1024)))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds()
}
