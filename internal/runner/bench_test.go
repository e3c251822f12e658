package runner

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/mem"
	"campaign/internal/ledger/sqlite"
)

// The benchmarks deliver to a sink in the same process and compare with a bare
// net/http client at the same concurrency, on the same sink, in the same run:
// the ratio is what counts, the sink's own CPU is in both.
const benchConcurrency = 256

// newSink accepts everything, with as little work of its own as HTTP allows.
func newSink(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "taken")
	})}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { server.Close() })
	return "http://" + l.Addr().String() + "/"
}

// bare posts n bodies with the usual client and gives the requests a second.
func bare(b *testing.B, url string, body []byte, n int) float64 {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: benchConcurrency, MaxIdleConnsPerHost: benchConcurrency}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range benchConcurrency {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				resp, err := client.Post(url, "text/plain", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds()
}

// ledgers are the members that are measured.
var ledgers = []struct {
	name string
	open func(b *testing.B) ledger.Ledger
}{
	{"mem", func(*testing.B) ledger.Ledger { return mem.New() }},
	{"sqlite", func(b *testing.B) ledger.Ledger {
		o := sqlite.Options{Dir: b.TempDir(), Project: "bench"}
		if err := sqlite.Init(context.Background(), o, false); err != nil {
			b.Fatal(err)
		}
		l, err := sqlite.Open(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { l.Close() })
		return l
	}},
}

func deliver(b *testing.B, l ledger.Ledger, batch, perBlock int, text string) {
	url := newSink(b)
	w := wire(b, WireOptions{LoopbackOnly: true, MaxConns: benchConcurrency})
	run := planned(b, l, b.N, batch, perBlock)
	job := Job{
		Run: run.ID, Ledger: l, Target: letter{url: url}, Messages: rendered(text),
		Policy:  campaign.Policy{Timeout: 30 * time.Second, Retry: campaign.DefaultPolicy().Retry},
		Account: NewAccount(AccountOptions{Sender: w, Limits: campaign.Limits{Concurrency: benchConcurrency}}),
	}
	body := []byte(text + "\n" + strings.Repeat("u12345,", batch))
	before := bare(b, url, body, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	began := time.Now()
	s, err := Run(context.Background(), job)
	took := time.Since(began)
	b.StopTimer()
	if err != nil || s.Stop != Complete || s.Recipients.Accepted != int64(b.N*batch) {
		b.Fatalf("%+v, %v", s, err)
	}
	rate := float64(b.N) / took.Seconds()
	b.ReportMetric(rate*float64(batch), "recipients/s")
	b.ReportMetric(2*rate/(before+bare(b, url, body, b.N)), "of-bare")
}

// BenchmarkDeliver: one recipient a request, 1 KiB, concurrency 256.
func BenchmarkDeliver(b *testing.B) {
	for _, l := range ledgers {
		b.Run(l.name, func(b *testing.B) { deliver(b, l.open(b), 1, 1000, strings.Repeat("x", 1024)) })
	}
}

// BenchmarkBatch: 100 recipients a request, concurrency 256.
func BenchmarkBatch(b *testing.B) {
	for _, l := range ledgers {
		b.Run(l.name, func(b *testing.B) { deliver(b, l.open(b), 100, 100, "hello") })
	}
}

// A forecast of a million requests, with and without skipping what repeats itself.
func BenchmarkForecast(b *testing.B) {
	for name, stepwise := range map[string]bool{"skipping": false, "stepwise": true} {
		b.Run(name, func(b *testing.B) {
			o := Outlook{Start: noon, Limits: campaign.Limits{Rate: rate(50, time.Second), Concurrency: 16}, Work: workOf(10, 999_990),
				Policy: campaign.Policy{Stages: []campaign.Stage{{Upto: 1, Wait: time.Minute}}}, stepwise: stepwise}
			for b.Loop() {
				o.Forecast()
			}
		})
	}
}
