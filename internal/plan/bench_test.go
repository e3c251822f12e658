package plan

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"text/template"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

const benchRows = 100_000

func benchCSV(n int) []byte {
	var b bytes.Buffer
	b.WriteString("userid,orgid,usertype,company,amount\n")
	for i := range n {
		fmt.Fprintf(&b, "2fb5c7c3-%08d-4a1b,d2eeee46-%08d,企业,宜兴市第%d号科技有限公司,%d.50\n", i, i, i, i*37%100_000)
	}
	return b.Bytes()
}

// bare is the least that a program without guarantees does: read, render,
// encode, on one core. It keeps nothing.
func bare(b *testing.B, data []byte, title, body string) {
	b.Helper()
	t, x := template.Must(template.New("").Parse(title)), template.Must(template.New("").Parse(body))
	r := csv.NewReader(bytes.NewReader(data))
	header, err := r.Read()
	if err != nil {
		b.Fatal(err)
	}
	type person struct{ UserID, OrgID, UserType string }
	var buf bytes.Buffer
	enc := json.NewEncoder(io.Discard)
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return
		}
		row := make(map[string]string, len(header))
		for i, h := range header {
			row[h] = cells[i]
		}
		buf.Reset()
		for _, t := range []*template.Template{t, x} {
			if err := t.Execute(&buf, row); err != nil {
				b.Fatal(err)
			}
		}
		if err := enc.Encode(map[string]any{"content": buf.String(), "to": person{row["userid"], row["orgid"], row["usertype"]}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlan plans 100,000 rows, screening and digests included, and gives
// the ratio of its time to that of a bare loop over the same rows.
func BenchmarkPlan(b *testing.B) {
	data := benchCSV(benchRows)
	body := "<p>" + strings.Repeat("请于规定时间内完成清查补充登记。", 20) + "</p>"
	for _, c := range []struct{ name, title, body string }{
		{"shared", "清查补充登记公告", body},
		{"short", "[环科园] {{ .company }} 清查补充登记公告", "<p>{{ .company }}：{{ .amount }} 元</p>"},
		{"personalised", "[环科园] {{ .company }} 清查补充登记公告", "<p>{{ .company }}：{{ .amount }} 元</p>" + body},
	} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/workers=%d", c.name, workers), func(b *testing.B) {
				spec := base("", c.title, c.body)
				spec.Layout.Texts[1].Escape = 1
				spec.Workers = workers
				fsys := fstest.MapFS{"r.csv": {Data: data}}
				spec.Open = func(path string, sheet campaign.Sheet) (recipients.Source, error) {
					return recipients.Open(fsys, path, sheet)
				}
				b.ReportAllocs()
				var loop time.Duration
				for b.Loop() {
					b.StopTimer() // side by side, so that a busy machine slows both
					begin := time.Now()
					bare(b, data, c.title, c.body)
					loop += time.Since(begin)
					b.StartTimer()
					p := mustNew(b, spec)
					for _, err := range p.Blocks(context.Background()) {
						if err != nil {
							b.Fatal(err)
						}
					}
					if s := p.Summary(); s.Totals.Recipients != benchRows || s.Invalid > 0 {
						b.Fatalf("%+v", s)
					}
				}
				b.ReportMetric(benchRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(b.Elapsed().Seconds()/loop.Seconds(), "x-bare-loop")
			})
		}
	}
}

// BenchmarkCap counts who is over a cap among 100,000 rows and three times as many
// messages, and gives the ratio of its time to that of planning the rows; and that of
// planning when deliveries say what they say.
func BenchmarkCap(b *testing.B) {
	data := benchCSV(benchRows)
	fsys := fstest.MapFS{"r.csv": {Data: data}}
	spec := base("", "[环科园] {{ .company }} 公告", "<p>{{ .company }}：{{ .amount }} 元</p>")
	spec.Workers = 2
	spec.Open = func(path string, sheet campaign.Sheet) (recipients.Source, error) {
		return recipients.Open(fsys, path, sheet)
	}
	got := func(yield func(string, error) bool) {
		for i := range 3 * benchRows {
			if !yield(fmt.Sprintf("2fb5c7c3-%08d-4a1b", i%(2*benchRows)), nil) {
				return
			}
		}
	}
	plan := func(contents bool) time.Duration {
		spec.Contents = contents
		p := mustNew(b, spec)
		began := time.Now()
		for _, err := range p.Blocks(context.Background()) {
			if err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(began)
	}
	var planning, saying, counting time.Duration
	for b.Loop() {
		planning += plan(false)
		saying += plan(true)
		p := mustNew(b, spec)
		began := time.Now()
		capped, err := p.Cap(context.Background(), weekly, got)
		if err != nil {
			b.Fatal(err)
		}
		counting += time.Since(began)
		if capped.Rows() != benchRows { // two messages each
			b.Fatalf("%d rows are over the cap", capped.Rows())
		}
		if err := capped.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(counting)/float64(planning), "cap/plan")
	b.ReportMetric(float64(saying)/float64(planning), "contents/plan")
}
