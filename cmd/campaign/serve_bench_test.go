package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/daemon"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

const (
	benchCampaigns = 10_000
	benchDue       = 100
)

// BenchmarkServe loads 10,000 scheduled campaigns from their files, of which 100 are due
// in the same second, and measures what one `serve` needs: the memory that the process
// has (of the system's view, where there is /proc), and how late the 100 are claimed.
// The baseline is the same 100 claims one after the other, each a write of its own.
func BenchmarkServe(b *testing.B) {
	dir := b.TempDir()
	files := map[string]string{"targets.yaml": strings.Replace(servedTargets, "BASE_URL", "http://127.0.0.1:9", 1)}
	for i := range benchCampaigns {
		files[fmt.Sprintf("c/c%05d.yaml", i)] = notice(fmt.Sprintf("c%05d", i), "title", fmt.Sprintf(`cron: "%d %d * * *"`, i%60, i/60%24))
	}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	a := &app{stdin: strings.NewReader(""), stdout: b.Output(), stderr: b.Output()}
	a.flags.project = dir
	for b.Loop() {
		benchServe(b, a, dir)
	}
}

func benchServe(b *testing.B, a *app, dir string) {
	due := time.Now().Add(45 * time.Second).Truncate(time.Second)
	for i := range benchDue {
		text := notice(fmt.Sprintf("c%05d", i), "title", "at: "+due.UTC().Format(time.RFC3339))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("c/c%05d.yaml", i)), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	s := &shelf{app: a}
	found, err := s.scan(func(string) bool { return false })
	if err != nil || campaign.HasErrors(found) {
		b.Fatal(found, err)
	}
	b.ReportMetric(time.Since(began).Seconds(), "s-load")
	c, err := a.openCrew(context.Background(), runFlags{yes: true}, false)
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	var mu sync.Mutex
	var late []time.Duration
	o := c.options(8, a.logger())
	o.Observe = func(e daemon.Event) {
		if e.Kind == daemon.Decided && e.Slot.State == campaign.SlotDue && e.Slot.At.Equal(due) {
			mu.Lock()
			late = append(late, e.Late)
			mu.Unlock()
		}
	}
	o.Carry = func(context.Context, daemon.Entry, campaign.Slot) daemon.Outcome { return daemon.Outcome{Over: true} }
	ctx, stop := context.WithCancel(context.Background())
	entries := make(chan []daemon.Entry, 1)
	entries <- s.entries()
	done := make(chan error, 1)
	go func() { done <- daemon.New(o).Run(ctx, entries) }()
	time.Sleep(time.Until(due) + 5*time.Second)
	b.ReportMetric(residentMB(b), "MB-resident")
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	slices.Sort(late)
	if len(late) != benchDue {
		b.Fatalf("%d of %d were claimed", len(late), benchDue)
	}
	p99 := late[benchDue*99/100-1]
	b.ReportMetric(float64(p99.Milliseconds()), "ms-p99-late")
	single := benchClaims(b, c.ledger)
	b.ReportMetric(float64(single.Milliseconds()), "ms-one-by-one")
	b.ReportMetric(single.Seconds()/p99.Seconds(), "x-faster-than-one-by-one")
}

// benchClaims claims as many occurrences, each in a write of its own.
func benchClaims(b *testing.B, led *sqlite.Ledger) time.Duration {
	began := time.Now()
	for i := range benchDue {
		one := ledger.Decision{Campaign: fmt.Sprintf("single-%d", i), Upto: began,
			Slots: []campaign.Slot{{Label: "x", At: began, LastAt: began, Count: 1, Decided: began}}}
		if _, err := led.Decide(context.Background(), "bench-"+strconv.FormatInt(began.UnixNano(), 36), []ledger.Decision{one}); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

// residentMB is the memory of this process; 0 where the system does not tell.
func residentMB(b *testing.B) float64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb float64
		if n, _ := fmt.Sscanf(lines.Text(), "VmRSS: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
