package plan

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func got(ids ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

var weekly = campaign.Cap{Messages: 2, Per: 7 * 24 * time.Hour}

// skips gives the rows that a plan leaves out, with their reasons, and the rows that
// it sends to.
func skips(bs []campaign.Block) (sent []int64, left map[int64]string) {
	left = map[int64]string{}
	for _, b := range bs {
		for _, d := range b.Deliveries {
			for _, r := range d.Recipients {
				sent = append(sent, r.Row)
			}
		}
		for _, s := range b.Skips {
			left[s.Recipient.Row] = s.Reason
		}
	}
	slices.Sort(sent)
	return sent, left
}

// A plan with a cap leaves out who would get more, the first rows of a person first,
// whatever else leaves rows out: held against a model that keeps everything in memory.
func TestCapIsAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "rows")
		most := rapid.IntRange(1, 3).Draw(t, "most")
		dedupe := rapid.Bool().Draw(t, "dedupe")
		id := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("u", rapid.IntRange(0, 12).Draw(t, "id")) })
		var csv strings.Builder
		csv.WriteString("userid,orgid,n\n")
		type row struct{ id, org string }
		var rows []row
		for range n {
			r := row{id.Draw(t, "row"), fmt.Sprint(rapid.IntRange(1, 2).Draw(t, "org"))}
			rows = append(rows, r)
			fmt.Fprintf(&csv, "%s,%s,%d\n", r.id, r.org, rapid.IntRange(0, 2).Draw(t, "n"))
		}
		history := rapid.SliceOfN(id, 0, 20).Draw(t, "history")
		out, must := rapid.SliceOfNDistinct(id, 1, 3, rapid.ID).Draw(t, "out"), rapid.SliceOfNDistinct(id, 0, 2, rapid.ID).Draw(t, "must")
		spec := base(csv.String(), "{{ .n }}")
		spec.Workers = rapid.IntRange(1, 3).Draw(t, "workers")
		spec.Open = files{"r.csv": csv.String(), "out.csv": "userid\n" + strings.Join(out, "\n") + "\n"}.open
		spec.Campaign.Recipients.DedupeDefault = dedupe
		spec.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
		for _, m := range must {
			spec.Campaign.Recipients.Audience.MustInclude = append(spec.Campaign.Recipients.Audience.MustInclude, campaign.Named{ID: m})
		}
		p, ds := New(spec)
		if campaign.HasErrors(ds) {
			t.Fatal(ds)
		}
		capped, err := p.Cap(context.Background(), campaign.Cap{Messages: most, Per: 24 * time.Hour}, got(history...))
		if err != nil {
			t.Fatal(err)
		}
		defer capped.Close()
		p.LeaveOut(capped)
		var bs []campaign.Block
		for b, err := range p.Blocks(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			bs = append(bs, b)
		}
		sent, left := skips(bs)
		have := map[string]int{}
		for _, h := range history {
			have[h]++
		}
		seen := map[row]bool{}
		over := int64(0)
		for i, r := range rows {
			at := int64(i) + 2
			want := ""
			switch {
			case slices.Contains(out, r.id):
				want = "excluded: out.csv"
			case dedupe && seen[r]:
				want = "duplicate"
			case have[r.id] >= most && !slices.Contains(must, r.id):
				want = fmt.Sprintf("capped: %s in 1d", map[bool]string{true: "1 message", false: fmt.Sprintf("%d messages", most)}[most == 1])
				over++
			case have[r.id] < most || slices.Contains(must, r.id):
				have[r.id]++
			}
			if !slices.Contains(out, r.id) {
				seen[r] = true
			}
			if reason := left[at]; !strings.HasPrefix(reason, want) || (want == "") != (reason == "") || (want == "") != slices.Contains(sent, at) {
				t.Fatalf("row %d (%v): left out as %q, want %q", at, r, reason, want)
			}
		}
		if capped.Rows() != over || (over == 0) != (capped.Digest() == "") || p.Summary().Skipped[SkipCapped] != over {
			t.Fatalf("%d rows are over, digest %q, %d skipped; want %d", capped.Rows(), capped.Digest(), p.Summary().Skipped[SkipCapped], over)
		}
		if s := p.Summary(); s.Totals.Recipients != int64(n) || int64(len(sent))+s.Totals.Skipped != int64(n) {
			t.Fatalf("%+v does not add up", s.Totals)
		}
	})
}

// Stages count those who are sent to, so who is over the cap is in none.
func TestCapAndStages(t *testing.T) {
	spec := base("userid,orgid\na,1\nb,1\nc,1\nd,1\ne,1\nf,1\n", "x")
	spec.Campaign.Policy.Stages = []campaign.Stage{{Share: 0.5, Confirm: true}}
	p := mustNew(t, spec)
	capped, err := p.Cap(t.Context(), weekly, got("a", "a", "b", "b", "c"))
	if err != nil {
		t.Fatal(err)
	}
	defer capped.Close()
	p.LeaveOut(capped)
	if got := shape(blocks(t, p)); got != "[4 5] 2:capped: 2 messages in 7d 3:capped: 2 messages in 7d | [6 7]" {
		t.Errorf("got %s", got)
	}
	p.LeaveOut(nil)
	if got := shape(blocks(t, p)); got != "[2 3 4] | [5 6 7]" {
		t.Errorf("without the cap: %s", got)
	}
}

// The digest tells one set of rows from another.
func TestCapDigest(t *testing.T) {
	digest := func(ids ...string) string {
		p := mustNew(t, base("userid,orgid\na,1\nb,1\n", "x"))
		capped, err := p.Cap(t.Context(), campaign.Cap{Messages: 1, Per: time.Hour}, got(ids...))
		if err != nil {
			t.Fatal(err)
		}
		defer capped.Close()
		return capped.Digest()
	}
	none, a, b, both := digest(), digest("a"), digest("b", "z"), digest("b", "a")
	if none != "" || a == b || a == both || b == both || a != digest("a", "a") {
		t.Errorf("%q %q %q %q", none, a, b, both)
	}
}

func TestCapFails(t *testing.T) {
	own := errors.New("the ledger is gone")
	failing := func(yield func(string, error) bool) { yield("", own) }
	p := mustNew(t, base("userid,orgid\na,1\n", "x"))
	if _, err := p.Cap(t.Context(), weekly, failing); !errors.Is(err, own) {
		t.Errorf("got %v", err)
	}
	if _, err := mustNew(t, base("userid,orgid\na,1\n!!\n", "x")).Cap(t.Context(), weekly, got()); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := mustNew(t, base("!\n", "x")).Cap(t.Context(), weekly, got()); !errors.Is(err, ErrProblems) {
		t.Errorf("got %v", err)
	}
	spec := base("userid,orgid\na,1\n", "x")
	spec.Campaign.Recipients.Audience.MustInclude = []campaign.Named{{List: campaign.Exclusion{File: "gone.csv"}}}
	if _, err := mustNew(t, spec).Cap(t.Context(), weekly, got()); err == nil || !strings.Contains(err.Error(), "gone.csv does not exist") {
		t.Errorf("got %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := mustNew(t, base("userid,orgid\na,1\n", "x")).Cap(ended, weekly, got("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
