package plan

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

// drawn is a random campaign over few distinct values, so that duplicates,
// exclusions and shared contents are common.
func drawn(t *rapid.T) Spec {
	var rows, out, never strings.Builder
	rows.WriteString("userid,usertype,orgid,company\n")
	n := rapid.IntRange(0, 700).Draw(t, "rows")
	ids := rapid.IntRange(1, 600).Draw(t, "ids")
	id := rapid.IntRange(0, ids)
	for range n {
		if rapid.IntRange(0, 60).Draw(t, "bad") == 0 {
			rows.WriteString(rapid.SampledFrom([]string{"!\n", ",1,1,X\n", "a,nobody,1,X\n", "a,1,1,\n"}).Draw(t, "kind"))
			continue
		}
		fmt.Fprintf(&rows, "u%d,%s,%d,c%d\n", id.Draw(t, "id"), rapid.SampledFrom([]string{"", "1", "企业"}).Draw(t, "type"),
			rapid.IntRange(0, 2).Draw(t, "org"), rapid.IntRange(0, 5).Draw(t, "company"))
	}
	out.WriteString("userid\n")
	never.WriteString("orgid,userid\n")
	for range rapid.IntRange(0, 5).Draw(t, "excluded") {
		fmt.Fprintf(&out, "u%d\n", id.Draw(t, "out"))
		fmt.Fprintf(&never, "%d,u%d\n", rapid.IntRange(0, 2).Draw(t, "never org"), id.Draw(t, "never"))
	}
	spec := base("", rapid.SampledFrom([]string{"x", "{{ .company }}", "{{ .userid }}", `{{ if eq .company "c1" }}a{{ else }}b{{ end }}`}).Draw(t, "text"))
	spec.Open = files{"r.csv": rows.String(), "out.csv": out.String(), "never.csv": never.String()}.open
	r := &spec.Campaign.Recipients
	r.DedupeDefault = rapid.Bool().Draw(t, "dedupe")
	if rapid.Bool().Draw(t, "by company") && !r.DedupeDefault {
		r.Dedupe = []string{"company"}
	}
	if rapid.Bool().Draw(t, "exclude") {
		r.Exclude = []campaign.Exclusion{{File: "out.csv"}}
	}
	if rapid.Bool().Draw(t, "suppress") {
		spec.Account.Suppress = []campaign.Exclusion{{File: "never.csv"}}
	}
	if rapid.Bool().Draw(t, "only") {
		for i := range ids / 2 {
			spec.Account.Only = append(spec.Account.Only, fmt.Sprintf("u%d", i))
		}
	}
	spec.Campaign.Policy.Batch = rapid.SampledFrom([]int{1, 2, 7, 100, 5000}).Draw(t, "batch")
	spec.Campaign.Policy.Stages = rapid.SliceOfN(rapid.Custom(drawnStage), 0, 4).Draw(t, "stages")
	return spec
}

// drawnStage is any stage: what spec refuses, such as a second one that ends before
// the first, must not confuse the planner either.
func drawnStage(t *rapid.T) campaign.Stage {
	if rapid.Bool().Draw(t, "percent") {
		return campaign.Stage{Share: float64(rapid.IntRange(1, 100).Draw(t, "share")) / 100, Confirm: true}
	}
	return campaign.Stage{Upto: rapid.Int64Range(1, 800).Draw(t, "upto"), Confirm: true}
}

// Every row is in exactly one delivery, one skip, or has a problem.
func TestEveryRowIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawn(t)
		p, ds := New(spec)
		if len(ds) > 0 {
			t.Fatal(ds)
		}
		seen := map[int64]string{}
		note := func(row int64, what string) {
			if before, ok := seen[row]; ok {
				t.Fatalf("row %d is %s and %s", row, before, what)
			}
			seen[row] = what
		}
		var totals campaign.Totals
		for b, err := range p.Blocks(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			totals.Blocks++
			for _, d := range b.Deliveries {
				totals.Requests++
				if len(d.Recipients) > spec.Campaign.Policy.Batch {
					t.Fatalf("a delivery of %d", len(d.Recipients))
				}
				for _, r := range d.Recipients {
					note(r.Row, "delivered")
				}
			}
			for _, s := range b.Skips {
				totals.Skipped++
				note(s.Recipient.Row, s.Reason)
			}
			if _, err := p.Messages(b); err != nil {
				t.Fatal(err)
			}
		}
		s := p.Summary()
		source, _ := spec.Open("r.csv", campaign.Sheet{})
		for row, err := range source.Rows(context.Background()) {
			totals.Recipients++
			if _, ok := seen[row.Row]; !ok && err == nil {
				note(row.Row, "invalid")
			}
		}
		var invalid int64
		for _, what := range seen {
			if what == "invalid" {
				invalid++
			}
		}
		if s.Totals != totals || s.Invalid != invalid+s.Counts["csv-row"] {
			t.Fatalf("totals %+v, counted %+v; %d invalid, counted %d and %d", s.Totals, totals, s.Invalid, invalid, s.Counts["csv-row"])
		}
	})
}

// Plans are the same for any number of workers, and when made again.
func TestWorkersDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawn(t)
		var want []campaign.Block
		var summary Summary
		for i, workers := range []int{1, 2, 7, 1} {
			spec.Workers = workers
			p, _ := New(spec)
			var got []campaign.Block
			for b, err := range p.Blocks(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, b)
			}
			if i == 0 {
				want, summary = got, p.Summary()
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%d workers: %s", workers, diff)
			}
			if diff := cmp.Diff(summary, p.Summary()); diff != "" {
				t.Fatalf("%d workers: %s", workers, diff)
			}
		}
	})
}

// More contents in rotation than may be open: the oldest goes out first.
func TestManyOpenContents(t *testing.T) {
	const contents = maxOpen + 1
	var rows strings.Builder
	rows.WriteString("userid,orgid,company\n")
	for i := range 3 * contents {
		fmt.Fprintf(&rows, "u%d,1,c%d\n", i, i%contents)
	}
	for _, workers := range []int{1, 2, 7} {
		spec := base(rows.String(), "{{ .company }}")
		spec.Workers = workers
		p := mustNew(t, spec)
		bs := blocks(t, p)
		balanced(t, p.Summary(), bs)
		// With one content more than places, each row meets a content that has just
		// been sent: no two rows share a request, and rows stay in order.
		row := int64(2)
		for _, b := range bs {
			for _, d := range b.Deliveries {
				if len(d.Recipients) != 1 || d.Recipients[0].Row != row {
					t.Fatalf("row %d: got %+v", row, d)
				}
				row++
			}
		}
		if row != 3*contents+2 {
			t.Fatalf("%d rows", row-2)
		}
	}

	fits := strings.Split(rows.String(), "\n")
	var exact strings.Builder
	exact.WriteString(fits[0] + "\n")
	for i, line := range fits[1 : len(fits)-1] {
		if i%contents < maxOpen {
			exact.WriteString(line + "\n")
		}
	}
	p := mustNew(t, base(exact.String(), "{{ .company }}"))
	blocks(t, p)
	if s := p.Summary(); s.Totals.Requests != maxOpen || s.Contents != maxOpen {
		t.Errorf("%d contents that fit: %+v", maxOpen, s.Totals)
	}
}

// Some contents wait while others come, fill up and go: none of them is
// forgotten, wherever in the order they stand when it is swept.
func TestContentsThatWait(t *testing.T) {
	for closed := 0; closed <= 2*maxOpen; closed += maxOpen / 8 {
		var rows strings.Builder
		rows.WriteString("userid,orgid,company\n")
		n := 0
		add := func(company string) { fmt.Fprintf(&rows, "u%d,1,%s\n", n, company); n++ }
		add("first")
		for i := range closed {
			add(fmt.Sprintf("c%d", i))
			add(fmt.Sprintf("c%d", i))
		}
		for i := range 2 * maxOpen {
			add(fmt.Sprintf("waits%d", i))
		}
		spec := base(rows.String(), "{{ .company }}")
		spec.Campaign.Policy.Batch = 2
		p := mustNew(t, spec)
		bs := blocks(t, p)
		balanced(t, p.Summary(), bs)
		if s := p.Summary(); s.Totals.Recipients != int64(n) || s.Totals.Requests != int64(1+closed+2*maxOpen) {
			t.Errorf("%d closed, %d rows: %+v", closed, n, s.Totals)
		}
	}
}

// What waits is bounded in bytes too.
func TestOpenContentsAreBounded(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	var rows strings.Builder
	rows.WriteString("userid,orgid,company,big\n")
	for i := range 40 {
		fmt.Fprintf(&rows, "u%d,1,c%d,%s\n", i, i%2, big)
	}
	p := mustNew(t, base(rows.String(), "{{ .company }}"))
	open := 0
	for _, b := range blocks(t, p) {
		for _, d := range b.Deliveries {
			open = max(open, len(d.Recipients))
		}
	}
	if open == 0 || open >= maxOpenBytes>>20 {
		t.Errorf("%d recipients of a megabyte each in one delivery", open)
	}
}

// A block is bounded in bytes, whether it holds deliveries or skips.
func TestBlocksAreBounded(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	for _, id := range []string{"u%d", "u"} {
		var rows strings.Builder
		rows.WriteString("userid,orgid,big\n")
		for i := range 40 {
			rows.WriteString(strings.ReplaceAll(id, "%d", fmt.Sprint(i)) + ",1," + big + "\n")
		}
		spec := base(rows.String(), "x")
		spec.Campaign.Policy.Batch = 1
		p := mustNew(t, spec)
		bs := blocks(t, p)
		balanced(t, p.Summary(), bs)
		for _, b := range bs {
			if n := len(b.Deliveries) + len(b.Skips); n > maxBlockBytes>>20 {
				t.Errorf("%s: %d rows of a megabyte each in one block", id, n)
			}
		}
	}
}

// A delivery that is larger than a block has a block of its own.
func TestLargeDeliveries(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("userid,orgid\n")
	for i := range 3 * (maxPeople + 1) {
		fmt.Fprintf(&rows, "u%d,1\nu%d,1\n", i, i)
	}
	spec := base(rows.String(), "x")
	spec.Campaign.Policy.Batch = maxPeople + 1
	p := mustNew(t, spec)
	bs := blocks(t, p)
	balanced(t, p.Summary(), bs)
	if s := p.Summary(); s.Totals.Requests != 3 || s.Totals.Skipped != 3*(maxPeople+1) {
		t.Errorf("%+v", s.Totals)
	}
}
