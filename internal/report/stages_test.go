package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

// stagesAddUp counts the stages from the blocks alone.
func stagesAddUp(t *rapid.T, m *made, r Report) {
	var numbers []int
	for _, b := range m.blocks {
		if !slices.Contains(numbers, b.Block.Stage) {
			numbers = append(numbers, b.Block.Stage)
		}
	}
	if len(numbers) < 2 {
		if r.Stages != nil {
			t.Fatalf("a table of %d stages", len(r.Stages))
		}
		return
	}
	var want []Stage
	for _, n := range numbers {
		var own made
		for _, b := range m.blocks {
			if b.Block.Stage == n {
				own.blocks = append(own.blocks, b)
			}
		}
		requests, recipients := counted(&own)
		known := len(m.facts.Stages)
		want = append(want, Stage{Number: n + 1, Rest: known > 0 && n == known, Requests: requests, Recipients: recipients})
	}
	if diff := cmp.Diff(want, r.Stages); diff != "" {
		t.Fatalf("stages (-want +got):\n%s", diff)
	}
}

func TestStagesArePassed(t *testing.T) {
	m := guarded()["staged"]
	m.note(campaign.NoteStage, "", "x", 1).note(campaign.NoteStage, "", "0: y", 1).note(campaign.NoteStage, "", "9: z", 1)
	r, err := Fold(m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	type passed struct {
		At       time.Time
		By, What string
		Rest     bool
	}
	var got []passed
	for _, s := range r.Stages {
		got = append(got, passed{s.PassedAt, s.PassedBy, s.Passed, s.Rest})
	}
	want := []passed{{at(699), host, "waited 10m0s", false}, {}, {Rest: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Lines say which stage a row belongs to where the campaign is known to have some.
func TestLinesHaveStages(t *testing.T) {
	m := guarded()["staged"]
	for _, known := range []bool{true, false} {
		if !known {
			m.facts.Stages = nil
		}
		var got []int
		if _, err := Fold(m.run, m.facts, m.results(), func(l Line) error { got = append(got, l.Stage); return nil }); err != nil {
			t.Fatal(err)
		}
		want := []int{1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3}
		if !known {
			want = make([]int, len(want))
		}
		if !slices.Equal(got, want) {
			t.Errorf("known %t: %v, want %v", known, got, want)
		}
	}
}

// The fold's counts of stages are held against the run's.
func TestStageMiscountIsNoticed(t *testing.T) {
	counts := func(planned, accepted int64) campaign.Counts {
		return campaign.Counts{Planned: planned, Accepted: accepted}
	}
	for _, c := range []struct {
		r    Report
		want string
	}{
		{Report{Stages: []Stage{{Number: 1, Requests: counts(3, 2)}}}, "stage 1 has 3 planned requests and 2 with an outcome"},
		{Report{Stages: []Stage{{Number: 1}, {Number: 2, Recipients: counts(2, 3)}}}, "stage 2 has 2 planned recipients and 3 with an outcome"},
		{Report{Requests: counts(3, 3), Stages: []Stage{{Number: 1, Requests: counts(1, 1)}, {Number: 2, Requests: counts(1, 1)}}}, "the stages together have 2 requests, 2 of them accepted, and the run has 3, 3 of them accepted"},
		{Report{Recipients: counts(1, 1)}, "the stages together have 0 recipients"},
	} {
		f := fold{report: c.r}
		err := f.endStages()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestStagesInMarkdown(t *testing.T) {
	for _, c := range []struct {
		name string
		want bool
	}{{"staged", true}, {"mixed", false}} {
		m := goldenRuns()[c.name]
		var out bytes.Buffer
		if _, err := Print(&out, "markdown", m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "\n## Stages\n"); got != c.want {
			t.Errorf("%s: a table of stages: %t", c.name, got)
		}
	}
}
