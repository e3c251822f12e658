package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

func upto(n int64) campaign.Stage    { return campaign.Stage{Upto: n, Confirm: true} }
func share(v float64) campaign.Stage { return campaign.Stage{Share: v, Confirm: true} }
func staged(bs []campaign.Block) string {
	var out []string
	for _, b := range bs {
		out = append(out, fmt.Sprintf("%d: %s", b.Stage, shape([]campaign.Block{b})))
	}
	return strings.Join(out, " | ")
}

// Rows 2, 3, 4 and 6 of five are sent to; row 5 is a duplicate.
func TestStages(t *testing.T) {
	for _, c := range []struct {
		name, text string
		stages     []campaign.Stage
		change     func(*Spec)
		want       string
	}{
		{"none", "x", nil, nil, "0: [2 3 4 6] 5:duplicate: row 2"},
		{"the first", "x", []campaign.Stage{upto(1)}, nil, "0: [2] | 1: [3 4 6] 5:duplicate: row 2"},
		{"skips stay before the edge", "x", []campaign.Stage{upto(3)}, nil, "0: [2 3 4] 5:duplicate: row 2 | 1: [6]"},
		{"everybody", "x", []campaign.Stage{upto(4)}, nil, "0: [2 3 4 6] 5:duplicate: row 2"},
		{"more than there are", "x", []campaign.Stage{upto(9)}, nil, "0: [2 3 4 6] 5:duplicate: row 2"},
		{"two", "x", []campaign.Stage{upto(1), upto(3)}, nil, "0: [2] | 1: [3 4] 5:duplicate: row 2 | 2: [6]"},
		{"a share", "x", []campaign.Stage{share(0.5)}, nil, "0: [2 3] | 1: [4 6] 5:duplicate: row 2"},
		{"a share is rounded up", "x", []campaign.Stage{share(0.3)}, nil, "0: [2 3] | 1: [4 6] 5:duplicate: row 2"},
		{"a share of all", "x", []campaign.Stage{share(1)}, nil, "0: [2 3 4 6] 5:duplicate: row 2"},
		{"a number, then a share", "x", []campaign.Stage{upto(1), share(0.75)}, nil, "0: [2] | 1: [3 4] 5:duplicate: row 2 | 2: [6]"},
		{"contents that wait go out at the edge", "{{ .company }}", []campaign.Stage{upto(2)}, nil, "0: [2] [3] | 1: [4 6] 5:duplicate: row 2"},
		{"batches", "x", []campaign.Stage{upto(3)}, func(s *Spec) { s.Campaign.Policy.Batch = 2 }, "0: [2 3] [4] 5:duplicate: row 2 | 1: [6]"},
		{"a batch ends at the edge by itself", "x", []campaign.Stage{upto(2)}, func(s *Spec) { s.Campaign.Policy.Batch = 2 },
			"0: [2 3] | 1: [4 6] 5:duplicate: row 2"},
		{"a share without duplicates", "x", []campaign.Stage{share(0.4)}, func(s *Spec) { s.Campaign.Recipients.DedupeDefault = false }, "0: [2 3] | 1: [4 5 6]"},
		{"a share of those that are left", "x", []campaign.Stage{share(0.5)}, func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Account.Suppress = []campaign.Exclusion{{File: "never.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "userid\na\n", "never.csv": "userid\nc\n"}.open
		}, "0: [3] 2:excluded: out.csv 4:suppressed: never.csv 5:excluded: out.csv | 1: [6]"},
		{"a share of those allowed", "x", []campaign.Stage{share(0.5)}, func(s *Spec) { s.Account.Only = []string{"b", "d", "a"} },
			"0: [2 3] 4:not-allowed: the account's only list 5:duplicate: row 2 | 1: [6]"},
		{"a share of a trial", "x", []campaign.Stage{share(0.5)}, func(s *Spec) { s.To = []string{"c", "d"} }, "0: [4] | 1: [6]"},
		{"nobody", "x", []campaign.Stage{share(0.5), upto(3)}, func(s *Spec) { s.Account.Only = []string{"b", "c"}; s.To = []string{"a"} },
			"0: 2:not-allowed: the account's only list 5:not-allowed: the account's only list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, workers := range []int{1, 3} {
				spec := base(five, c.text)
				spec.Workers, spec.Campaign.Policy.Stages = workers, c.stages
				if c.change != nil {
					c.change(&spec)
				}
				p := mustNew(t, spec)
				bs := blocks(t, p)
				if got := staged(bs); got != c.want {
					t.Errorf("got %s\nwant %s", got, c.want)
				}
				balanced(t, p.Summary(), bs)
				for _, b := range bs {
					if _, err := p.Messages(b); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

func TestStagesOfGroups(t *testing.T) {
	for _, c := range []struct {
		name   string
		stage  campaign.Stage
		change func(*Spec)
		want   string
	}{
		{"never split", upto(1), func(s *Spec) { s.Campaign.Recipients.Groups.Disjoint = false }, "0: [1 2 4] 3:duplicate: row 1"},
		{"disjoint", upto(1), nil, "0: [1] | 1: [2 4] 3:duplicate: row 1"},
		{"a share", share(0.5), nil, "0: [1 2] 3:duplicate: row 1 | 1: [4]"},
		{"a share of those allowed", share(0.5), func(s *Spec) { s.Account.Only = []string{"145", "146"} },
			"0: [2] 1:not-allowed: the account's only list 3:not-allowed: the account's only list | 1: [4]"},
		{"a share of a trial", share(0.5), func(s *Spec) { s.To = []string{"145", "146"} }, "0: [2] | 1: [4]"},
	} {
		spec := groupCampaign(144, 145, 144, 146)
		spec.Campaign.Recipients.Groups.Disjoint = true
		spec.Campaign.Policy.Stages = []campaign.Stage{c.stage}
		if c.change != nil {
			c.change(&spec)
		}
		p := mustNew(t, spec)
		bs := blocks(t, p)
		if got := staged(bs); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		s := p.Summary()
		balanced(t, s, bs)
		if disjoint := spec.Campaign.Recipients.Groups.Disjoint; disjoint != (s.Stages != nil) {
			t.Errorf("%s: stages %v", c.name, s.Stages)
		}
	}
}

func TestSummaryOfStages(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("userid,orgid\n")
	for i := range 1000 {
		fmt.Fprintf(&rows, "u%d,1\n", i)
	}
	spec := base(rows.String(), "x")
	spec.Campaign.Policy.Stages = []campaign.Stage{upto(20), share(0.25), share(0.8)}
	p := mustNew(t, spec)
	blocks(t, p)
	s := p.Summary()
	// 20 | 230 | 550 | 200, in hundreds
	if diff := cmp.Diff([]Stage{{20, 1}, {250, 4}, {800, 10}}, s.Stages); diff != "" {
		t.Error(diff)
	}
	if s.Totals.Requests != 12 || s.SharedRequests != 12 {
		t.Errorf("%d requests, shared %d", s.Totals.Requests, s.SharedRequests)
	}
	spec.Layout.Texts[0].Source = "{{ .userid }}"
	p = mustNew(t, spec)
	blocks(t, p)
	if s := p.Summary(); s.Totals.Requests != 1000 || s.SharedRequests != 12 || s.Stages[1] != (Stage{250, 250}) {
		t.Errorf("personalised: %+v", s)
	}
}

// Of stages of different kinds only the plan knows that one is before the other.
func TestStagesWithoutAnybody(t *testing.T) {
	for _, c := range []struct {
		name   string
		stages []campaign.Stage
		to     []string
		want   string // places of warnings
	}{
		{"in order", []campaign.Stage{upto(1), share(0.5)}, nil, ""},
		{"the share is first", []campaign.Stage{upto(3), share(0.5)}, nil, "/delivery/stages/1"},
		{"the number is first", []campaign.Stage{share(0.5), upto(1), upto(2), upto(3)}, nil, "/delivery/stages/1 /delivery/stages/2"},
		{"everybody is in the first", []campaign.Stage{upto(20), share(0.5)}, nil, ""},
		{"a trial", []campaign.Stage{upto(2), share(0.1)}, []string{"b", "c", "d"}, ""},
	} {
		spec := base(five, "x")
		spec.Campaign.Policy.Stages, spec.To = c.stages, c.to
		spec.Locate = func(p campaign.Problem) campaign.Diagnostic {
			return campaign.Diagnostic{File: p.Pointer, Rule: p.Rule, Warning: p.Warning, Message: p.Message}
		}
		var got []string
		for _, d := range problems(t, spec) {
			if d.Rule == "duplicate-recipient" {
				continue
			}
			if d.Rule != "empty-stage" || !d.Warning {
				t.Errorf("%s: %v", c.name, d)
			}
			got = append(got, d.File)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.name, got, c.want)
		}
	}
}

// A resumed run renders its blocks whatever their stage; a block that says another
// stage than planned is refused.
func TestStagesOfResumedRuns(t *testing.T) {
	spec := base(five, "hello {{ .company }}")
	spec.Campaign.Policy.Stages = []campaign.Stage{share(0.5)}
	p := mustNew(t, spec)
	bs := blocks(t, p)
	later := spec
	later.Columns, later.Open = p.Columns(), files{}.open
	again := mustNew(t, later)
	if len(bs) != 2 || bs[1].Stage != 1 {
		t.Fatalf("%s", staged(bs))
	}
	for _, b := range bs {
		want, _ := p.Messages(b)
		got, err := again.Messages(b)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
	for _, stage := range []int{0, 2} {
		b := bs[1]
		b.Stage = stage
		if _, err := again.Messages(b); !errors.Is(err, ErrDiffers) {
			t.Errorf("stage %d: got %v", stage, err)
		}
	}
}

// Counting fails before the first batch, and what screening spilled is removed.
func TestCountingFails(t *testing.T) {
	spec := base(five, "x")
	spec.Campaign.Policy.Stages = []campaign.Stage{share(0.5)}
	p := mustNew(t, spec)
	b := &brokenScreener{verb: "left"}
	p.newScreener = func() recipients.Screener {
		b.Screener = recipients.NewScreener(recipients.Options{TempDir: t.TempDir()})
		return b
	}
	var failed error
	for block, err := range p.Blocks(context.Background()) {
		if err == nil {
			t.Errorf("block %d was planned", block.Seq)
		}
		failed = err
	}
	if !errors.Is(failed, errBroken) || !b.closed || !strings.HasPrefix(failed.Error(), "count the recipients of r.csv: ") {
		t.Errorf("got %v, closed %v", failed, b.closed)
	}
}

// Stages split the recipients, in row order, exactly at their edges, whatever else
// is in the file; without stages the same recipients are sent to.
func TestStagesHoldTheirEdges(t *testing.T) {
	checked := 0
	rapid.Check(t, func(t *rapid.T) {
		spec := drawn(t)
		stages := spec.Campaign.Policy.Stages
		p, _ := New(spec)
		bs, by := drawBlocks(t, p)
		if p.Summary().Counts["empty-value"] > 0 {
			return // its texts cannot be rendered: what is planned is never sent
		}
		spec.Campaign.Policy.Stages = nil
		plain, _ := New(spec)
		_, all := drawBlocks(t, plain)
		rows := all[0]
		want := map[int][]int64{}
		from := int64(0)
		for i, edge := range append(campaign.Edges(stages, int64(len(rows))), int64(len(rows))) {
			if part := rows[from:edge]; len(part) > 0 {
				want[i] = part
			}
			from = edge
		}
		if diff := cmp.Diff(want, by); diff != "" {
			t.Fatalf("stages %+v of %d (-want +got):\n%s", stages, len(rows), diff)
		}
		last := 0
		for _, b := range bs {
			if b.Stage < last || b.Stage > len(stages) || len(rows) > 0 && len(by[b.Stage]) == 0 {
				t.Fatalf("block %d is of stage %d after %d", b.Seq, b.Stage, last)
			}
			last = b.Stage
		}
		if len(by) > 1 {
			checked++
		}
	})
	if checked < 10 && !testing.Short() { // short rounds draw too few plans to count on it
		t.Errorf("only %d plans had several stages", checked)
	}
}

// drawBlocks gives blocks, and the rows that are sent to by stage, in order.
func drawBlocks(t *rapid.T, p *Plan) (bs []campaign.Block, rows map[int][]int64) {
	rows = map[int][]int64{}
	for b, err := range p.Blocks(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		bs = append(bs, b)
		for _, d := range b.Deliveries {
			for _, r := range d.Recipients {
				rows[b.Stage] = append(rows[b.Stage], r.Row)
			}
		}
	}
	for _, stage := range rows {
		slices.Sort(stage)
	}
	return bs, rows
}
