package recipients

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const benchRows = 1_000_000

// benchText is a table of made-up companies, like those that campaigns have.
func benchText(rows int, quote string) []byte {
	var b bytes.Buffer
	b.WriteString("用户ID,企业ID,企业名称,联系人\n")
	for i := range rows {
		fmt.Fprintf(&b, "%s2fb5c7c3-0000-4000-8000-%012d%s,org-%d,%s示例企业%d有限公司%s,甲乙\n", quote, i, quote, i%1000, quote, i, quote)
	}
	return b.Bytes()
}

// BenchmarkCSV reads a table, and the same table with encoding/csv.
func BenchmarkCSV(b *testing.B) {
	for _, quote := range []string{"", `"`} {
		text := benchText(benchRows, quote)
		name := map[string]string{"": "plain", `"`: "quoted"}[quote]
		src := csvIn(fstest.MapFS{"r.csv": {Data: text}}, "")
		b.Run(name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				n := 0
				for _, err := range src.Rows(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != benchRows {
					b.Fatalf("%d rows", n)
				}
			}
			b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run(name+"/encoding-csv", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				n, r := 0, csv.NewReader(bytes.NewReader(text))
				for {
					_, err := r.Read()
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != benchRows+1 {
					b.Fatalf("%d records", n)
				}
			}
			b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkDigest is over the same table with CR LF.
func BenchmarkDigest(b *testing.B) {
	text := bytes.ReplaceAll(benchText(benchRows, ""), []byte("\n"), []byte("\r\n"))
	src := csvIn(fstest.MapFS{"r.csv": {Data: text}}, "")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := src.Digest(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScreen screens rows with two keys each, a hundredth of them excluded
// and a hundredth duplicates. heap-MB is the most that Go's heap held, peak-MB
// what the process had from the system (Linux). SCREEN_ROWS sets another number
// of rows.
func BenchmarkScreen(b *testing.B) {
	rows := int64(benchRows)
	if n, err := strconv.ParseInt(os.Getenv("SCREEN_ROWS"), 10, 64); err == nil {
		rows = n
	}
	var peak uint64
	var files int
	for b.Loop() {
		s := newScreener(Options{}, func() (spill, error) { return newTempFile(b.TempDir()) })
		var key []byte
		for i := int64(0); i < rows; i += 100 {
			key = fmt.Appendf(key[:0], "2fb5c7c3-0000-4000-8000-%012d", i)
			if err := s.Exclude(0, 0, key); err != nil {
				b.Fatal(err)
			}
		}
		for i := range rows {
			who := i
			if i%100 == 99 {
				who = i - 50
			}
			key = fmt.Appendf(key[:0], "2fb5c7c3-0000-4000-8000-%012d", who)
			if err := s.Row(i+2, 0, key, false); err != nil {
				b.Fatal(err)
			}
			if err := s.Row(i+2, 1, append(key, "\x00org-1"...), true); err != nil {
				b.Fatal(err)
			}
			if i%500_000 == 0 {
				peak = max(peak, heap())
			}
		}
		found, err := s.Finish(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		peak = max(peak, heap())
		n := int64(0)
		for _, err := range found.Left(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != rows/50 {
			b.Fatalf("%d rows left out", n)
		}
		files = s.files
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(peak)/1e6, "heap-MB")
	b.ReportMetric(peakMemory()/1e6, "peak-MB")
	b.ReportMetric(float64(files), "files")
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// peakMemory is the process's high-water mark in bytes, 0 where there is none.
func peakMemory() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kb, _ := strconv.ParseFloat(fields[1], 64)
			return kb * 1024
		}
	}
	return 0
}
