package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func TestStretches(t *testing.T) {
	var s stretches
	for _, r := range []struct {
		stage int
		n     int64
	}{{0, 100}, {0, 100}, {0, 7}, {1, 7}, {1, 7}, {1, 100}} {
		s.add(r.stage, r.n)
	}
	want := []campaign.Stretch{{Requests: 2, Recipients: 200}, {Requests: 1, Recipients: 7}, {Stage: 1, Requests: 2, Recipients: 14}, {Stage: 1, Requests: 1, Recipients: 100}}
	if diff := cmp.Diff(want, s.list); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// However requests differ, memory is bounded, no stage loses one, and what a part of
// them comes to is nearly right.
func TestStretchesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s stretches
		most := rapid.Int64Range(1, 3).Draw(t, "sizes")
		perStage := rapid.Int64Range(4000, 40_000).Draw(t, "requests of a stage")
		var head []campaign.Amount // after each request
		var sum campaign.Amount
		for i := range 3 * perStage {
			size := 1 + (i*i+i/7)%most
			s.add(int(i/perStage), size)
			sum.Requests++
			sum.Recipients += size
			head = append(head, sum)
		}
		if len(s.list) > mostStretches {
			t.Fatalf("%d stretches", len(s.list))
		}
		byStage := map[int]int64{}
		for _, stretch := range s.list {
			byStage[stretch.Stage] += stretch.Requests
		}
		for stage := range 3 {
			if byStage[stage] != perStage {
				t.Errorf("stage %d has %d requests, want %d", stage, byStage[stage], perStage)
			}
		}
		i := rapid.IntRange(0, len(head)-1).Draw(t, "part")
		got := campaign.Reach(s.list, head[i].Requests)
		if off := got.Recipients - head[i].Recipients; got.Requests != head[i].Requests || off > 4*s.coarse || off < -4*s.coarse {
			t.Errorf("the first %d requests are %+v, want %+v (coarse %d)", i+1, got, head[i], s.coarse)
		}
		if campaign.Reach(s.list, sum.Requests) != sum {
			t.Errorf("all are %+v, want %+v", campaign.Reach(s.list, sum.Requests), sum)
		}
	})
}

// A summary tells the sizes of its requests, stage by stage.
func TestSummaryHasItsWork(t *testing.T) {
	spec := base("userid\na\nb\nc\nd\ne\n", "the same for all")
	spec.Campaign.Policy.Batch = 2
	spec.Campaign.Policy.Stages = []campaign.Stage{{Upto: 1, Confirm: true}}
	p := mustNew(t, spec)
	for _, err := range p.Blocks(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []campaign.Stretch{{Requests: 1, Recipients: 1}, {Stage: 1, Requests: 2, Recipients: 4}}
	if diff := cmp.Diff(want, p.Summary().Work); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
