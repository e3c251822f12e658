package report

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

// copied lets a test damage a run without harming the next one.
func copied(m *made) *made {
	c := *m
	c.blocks = slices.Clone(m.blocks)
	for i := range c.blocks {
		b := &c.blocks[i]
		b.Results = slices.Clone(b.Results)
		b.Block.Skips = slices.Clone(b.Block.Skips)
		b.Block.Deliveries = slices.Clone(b.Block.Deliveries)
		for j := range b.Block.Deliveries {
			b.Block.Deliveries[j].Recipients = slices.Clone(b.Block.Deliveries[j].Recipients)
		}
	}
	return &c
}

// damages are what may go wrong between a plan and its report. Each gets a run
// of 3 blocks with 3 deliveries of 4 recipients, the second one split, and 2
// skips a block; it works on block 1. Digests tells whether blocks carry theirs.
var damages = map[string]struct {
	do   func(m *made, b *campaign.BlockResults)
	want string // in the error
}{
	"block lost":               {func(m *made, _ *campaign.BlockResults) { m.blocks = slices.Delete(m.blocks, 1, 2) }, "block 2 stands where block 1 is expected"},
	"last block lost":          {func(m *made, _ *campaign.BlockResults) { m.blocks = m.blocks[:2] }, "3 blocks were planned and 2 are there"},
	"block twice":              {func(m *made, b *campaign.BlockResults) { m.blocks = slices.Insert(m.blocks, 1, *b) }, "block 1 stands where block 2 is expected"},
	"blocks out of order":      {func(m *made, _ *campaign.BlockResults) { m.blocks[0], m.blocks[1] = m.blocks[1], m.blocks[0] }, "block 1 stands where block 0 is expected"},
	"block negative":           {func(_ *made, b *campaign.BlockResults) { b.Block.Seq = -1 }, "block -1 stands where block 1 is expected"},
	"delivery lost":            {func(_ *made, b *campaign.BlockResults) { b.Block.Deliveries = b.Block.Deliveries[1:] }, "delivery 4 stands where delivery 3 is expected"},
	"last delivery lost":       {func(_ *made, b *campaign.BlockResults) { b.Block.Deliveries = b.Block.Deliveries[:2] }, "1 results more than its 2 deliveries account for"},
	"delivery and result lost": {func(m *made, _ *campaign.BlockResults) { dropLast(&m.blocks[2]) }, "9 requests were planned and 8 are there"},
	"delivery twice":           {func(_ *made, b *campaign.BlockResults) { b.Block.Deliveries[1] = b.Block.Deliveries[0] }, "delivery 3 stands where delivery 4 is expected"},
	"delivery empty":           {func(_ *made, b *campaign.BlockResults) { b.Block.Deliveries[0].Recipients = nil }, "delivery 3 has 0 recipients, at least 1 is expected"},
	"recipient lost":           {func(_ *made, b *campaign.BlockResults) { cutRecipient(b, 0) }, "42 recipients were planned and 41 are there"},
	"recipient of split lost":  {func(_ *made, b *campaign.BlockResults) { cutRecipient(b, 1) }, "delivery 4 of 3 recipients has a part of recipients 1 to 4"},
	"recipient added": {func(_ *made, b *campaign.BlockResults) {
		b.Block.Deliveries[0].Recipients = append(b.Block.Deliveries[0].Recipients, campaign.Recipient{Row: 99})
	}, "42 recipients were planned and 43 are there"},
	"skip lost":  {func(_ *made, b *campaign.BlockResults) { b.Block.Skips = b.Block.Skips[1:] }, "42 recipients were planned and 41 are there"},
	"skip added": {func(_ *made, b *campaign.BlockResults) { b.Block.Skips = append(b.Block.Skips, b.Block.Skips[0]) }, "42 recipients were planned and 43 are there"},
	"skip became a recipient": {func(_ *made, b *campaign.BlockResults) {
		d := &b.Block.Deliveries[0]
		d.Recipients = append(d.Recipients, b.Block.Skips[0].Recipient)
		b.Block.Skips = b.Block.Skips[1:]
	}, "6 left-out recipients were planned and 5 are there"},
	"result lost":       {func(_ *made, b *campaign.BlockResults) { b.Results = b.Results[1:] }, "delivery 3 has results for 0 of 4 recipients"},
	"last result lost":  {func(_ *made, b *campaign.BlockResults) { b.Results = b.Results[:3] }, "delivery 5 has results for 0 of 4 recipients"},
	"all results lost":  {func(_ *made, b *campaign.BlockResults) { b.Results = nil }, "delivery 3 has results for 0 of 4 recipients"},
	"result twice":      {func(_ *made, b *campaign.BlockResults) { b.Results = slices.Insert(b.Results, 0, b.Results[0]) }, "delivery 3 has a result from recipient 0 on where recipient 4 is expected"},
	"result of another": {func(_ *made, b *campaign.BlockResults) { b.Results[0].Part.Seq = 8 }, "delivery 3 has results for 0 of 4 recipients"},
	"result too many": {func(_ *made, b *campaign.BlockResults) {
		b.Results = append(b.Results, campaign.Result{Part: campaign.Part{Seq: 8}})
	}, "block 1 has a result of delivery 8"},
	"results out of order": {func(_ *made, b *campaign.BlockResults) { b.Results[0], b.Results[3] = b.Results[3], b.Results[0] }, "delivery 3 has results for 0 of 4 recipients"},
	"first part lost":      {func(_ *made, b *campaign.BlockResults) { b.Results = slices.Delete(b.Results, 1, 2) }, "delivery 4 has a result from recipient 1 on where recipient 0 is expected"},
	"last part lost":       {func(_ *made, b *campaign.BlockResults) { b.Results = slices.Delete(b.Results, 2, 3) }, "delivery 4 has results for 1 of 4 recipients"},
	"parts out of order":   {func(_ *made, b *campaign.BlockResults) { b.Results[1], b.Results[2] = b.Results[2], b.Results[1] }, "delivery 4 has a result from recipient 1 on where recipient 0 is expected"},
	"gap between parts":    {func(_ *made, b *campaign.BlockResults) { b.Results[2].Part.From = 2 }, "delivery 4 has a result from recipient 2 on where recipient 1 is expected"},
	"parts overlap":        {func(_ *made, b *campaign.BlockResults) { b.Results[2].Part.From = 0 }, "delivery 4 has a result from recipient 0 on where recipient 1 is expected"},
	"part beyond the end":  {func(_ *made, b *campaign.BlockResults) { b.Results[2].Part.To = 5 }, "delivery 4 of 4 recipients has a part of recipients 1 to 5"},
	"part too short":       {func(_ *made, b *campaign.BlockResults) { b.Results[2].Part.To = 3 }, "delivery 4 has results for 3 of 4 recipients"},
	"part empty":           {func(_ *made, b *campaign.BlockResults) { b.Results[2].Part.To = 1 }, "delivery 4 of 4 recipients has a part of recipients 1 to 1"},
	"part negative":        {func(_ *made, b *campaign.BlockResults) { b.Results[1].Part.From = -1 }, "delivery 4 of 4 recipients has a part of recipients -1 to 1"},
	"part without an end":  {func(_ *made, b *campaign.BlockResults) { b.Results[2].Part.To = 0 }, "delivery 4 of 4 recipients has a part of recipients 1 to 0"},
	"whole and parts": {func(_ *made, b *campaign.BlockResults) {
		b.Results = slices.Insert(b.Results, 1, campaign.Result{Part: campaign.Part{Seq: 4}})
	}, "delivery 4 has a result from recipient 0 on where recipient 4 is expected"},
	"superseded":         {func(_ *made, b *campaign.BlockResults) { b.Results[0].Verdict.Outcome = campaign.Superseded }, "is superseded and has a result of its own"},
	"unheard-of outcome": {func(_ *made, b *campaign.BlockResults) { b.Results[0].Verdict.Outcome = 7 }, "has the outcome 7, the last known one is 6"},
	"pending though cancelled": {func(m *made, b *campaign.BlockResults) {
		cancel(m)
		b.Results[0].Verdict.Outcome = campaign.Pending
	}, "3-ab030000 is pending: 1 open request where 0 are expected"},
	"deferred though cancelled": {func(m *made, b *campaign.BlockResults) {
		cancel(m)
		b.Results[0].Verdict.Outcome = campaign.Deferred
	}, "3-ab030000 is deferred: 1 open request where 0 are expected"},
	"totals: block more":     {func(m *made, _ *campaign.BlockResults) { m.run.Totals.Blocks++ }, "4 blocks were planned and 3 are there"},
	"totals: block less":     {func(m *made, _ *campaign.BlockResults) { m.run.Totals.Blocks-- }, "2 blocks were planned and 3 are there"},
	"totals: request more":   {func(m *made, _ *campaign.BlockResults) { m.run.Totals.Requests++ }, "10 requests were planned and 9 are there"},
	"totals: request less":   {func(m *made, _ *campaign.BlockResults) { m.run.Totals.Requests-- }, "8 requests were planned and 9 are there"},
	"totals: recipient more": {func(m *made, _ *campaign.BlockResults) { m.run.Totals.Recipients++ }, "43 recipients were planned and 42 are there"},
	"totals: recipient less": {func(m *made, _ *campaign.BlockResults) { m.run.Totals.Recipients-- }, "41 recipients were planned and 42 are there"},
	"totals: left out more":  {func(m *made, _ *campaign.BlockResults) { m.run.Totals.Skipped++ }, "7 left-out recipients were planned and 6 are there"},
	"totals: left out less":  {func(m *made, _ *campaign.BlockResults) { m.run.Totals.Skipped-- }, "5 left-out recipients were planned and 6 are there"},
	"recipient moved": {func(_ *made, b *campaign.BlockResults) {
		from, to := &b.Block.Deliveries[0], &b.Block.Deliveries[2]
		to.Recipients = append(to.Recipients, from.Recipients[3])
		from.Recipients = from.Recipients[:3]
	}, "digest"},
	"content exchanged": {func(_ *made, b *campaign.BlockResults) {
		b.Block.Deliveries[0].Digest = campaign.Digest{1}
	}, "digest"},
	"skip for another reason": {func(_ *made, b *campaign.BlockResults) { b.Block.Skips[0].Reason = "excluded: x" }, "digest"},
	"stage negative":          {func(_ *made, b *campaign.BlockResults) { b.Block.Stage = -1 }, "block 1 belongs to stage 0, which cannot follow stage 1"},
	"stage goes back":         {func(_ *made, b *campaign.BlockResults) { b.Block.Stage = 1 }, "block 2 belongs to stage 1, which cannot follow stage 2"},
	"stage beyond the last": {func(m *made, b *campaign.BlockResults) {
		m.facts.Stages = []campaign.Stage{{Upto: 1, Confirm: true}}
		b.Block.Stage, m.blocks[2].Block.Stage = 2, 2
	}, "block 1 belongs to stage 3, and the campaign has 1"},
	"stage exchanged": {func(m *made, b *campaign.BlockResults) { b.Block.Stage, m.blocks[2].Block.Stage = 1, 1 }, "digest"},
	"expired in a part that is lost": {func(_ *made, b *campaign.BlockResults) {
		b.Results[2] = part(1, 3, settled(campaign.Skipped, "expired: x", 0, 1))
		b.Results[2].Part.Seq = 4
	}, "delivery 4 has results for 3 of 4 recipients"},
}

func cancel(m *made) {
	m.run.State = campaign.Cancelled
	for _, b := range m.blocks {
		for i := range b.Results {
			b.Results[i].Verdict.Outcome = campaign.Skipped
		}
	}
}

func dropLast(b *campaign.BlockResults) {
	b.Block.Deliveries = b.Block.Deliveries[:2]
	b.Results = b.Results[:3]
}

func cutRecipient(b *campaign.BlockResults, i int) {
	d := &b.Block.Deliveries[i]
	d.Recipients = d.Recipients[:len(d.Recipients)-1]
}

func sound() *made {
	m := newMade()
	for range 3 {
		m.block().delivery(4, accepted("1", 1)).delivery(4, part(0, 1, accepted("2", 2)), part(1, 4, pending)).delivery(4, pending)
		m.skip("duplicate: row 2").skip("duplicate: row 2")
	}
	return m.seal()
}

func TestDamageIsNoticed(t *testing.T) {
	if _, err := Fold(sound().run, sound().facts, sound().results()); err != nil {
		t.Fatalf("the sound run: %v", err)
	}
	for name, damage := range damages {
		for _, digests := range []bool{false, true} {
			m := sound()
			damage.do(m, &m.blocks[1])
			if !digests {
				if damage.want == "digest" {
					continue
				}
				for i := range m.blocks {
					m.blocks[i].Block.Digest = [32]byte{}
				}
			}
			_, err := Fold(m.run, m.facts, m.results())
			if !errors.Is(err, ErrUnbalanced) {
				t.Errorf("%s (digests %t): error %v, want ErrUnbalanced", name, digests, err)
				continue
			}
			want := damage.want
			if !digests && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
			if want == "digest" && !strings.Contains(err.Error(), "block 1 was planned with digest") {
				t.Errorf("%s: %q does not name the digests", name, err)
			}
			if !strings.Contains(err.Error(), "run "+m.run.ID) {
				t.Errorf("%s: %q does not name the run", name, err)
			}
		}
	}
}

// The fold's own counts are held against the plan as well.
func TestMiscountIsNoticed(t *testing.T) {
	for _, c := range []struct {
		r    Report
		want string
	}{
		{Report{Requests: campaign.Counts{Planned: 3, Accepted: 2, Pending: 2}}, "3 requests were planned and 4 have an outcome"},
		{Report{Recipients: campaign.Counts{Planned: 5, Unknown: 1, Skipped: 3}}, "5 recipients were planned and 4 have an outcome"},
	} {
		a := audit{}
		if err := a.end(&c.r); !errors.Is(err, ErrUnbalanced) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
		if c.r.Balanced() {
			t.Errorf("%+v is balanced", c.r)
		}
	}
}

// Whatever is lost, doubled or moved in a run of any shape, it is noticed.
func TestRandomDamageIsNoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := copied(drawn(t))
		if len(m.blocks) == 0 {
			t.Skip("nothing to damage")
		}
		b := &m.blocks[rapid.IntRange(0, len(m.blocks)-1).Draw(t, "block")]
		kind := rapid.SampledFrom([]string{"block", "result", "result twice", "delivery", "recipient", "skip", "outcome", "totals", "part", "stage"}).Draw(t, "kind")
		pick := func(n int) int {
			if n == 0 {
				t.Skip("nothing to damage")
			}
			return rapid.IntRange(0, n-1).Draw(t, "which")
		}
		switch kind {
		case "block":
			i := pick(len(m.blocks))
			m.blocks = slices.Delete(m.blocks, i, i+1)
		case "result":
			i := pick(len(b.Results))
			b.Results = slices.Delete(b.Results, i, i+1)
		case "result twice":
			i := pick(len(b.Results))
			b.Results = slices.Insert(b.Results, i, b.Results[i])
		case "delivery":
			i := pick(len(b.Block.Deliveries))
			b.Block.Deliveries = slices.Delete(b.Block.Deliveries, i, i+1)
		case "recipient":
			cutRecipient(b, pick(len(b.Block.Deliveries)))
		case "skip":
			i := pick(len(b.Block.Skips))
			b.Block.Skips = slices.Delete(b.Block.Skips, i, i+1)
		case "outcome":
			b.Results[pick(len(b.Results))].Verdict.Outcome = campaign.Superseded
		case "totals":
			totals := &m.run.Totals
			*[]*int64{&totals.Blocks, &totals.Requests, &totals.Recipients, &totals.Skipped}[rapid.IntRange(0, 3).Draw(t, "total")] += int64(rapid.SampledFrom([]int{-1, 1, 7}).Draw(t, "by"))
		case "stage":
			b.Block.Stage += rapid.SampledFrom([]int{-1, 1, 7}).Draw(t, "stages")
		case "part":
			r := &b.Results[pick(len(b.Results))]
			if r.Part.Whole() {
				r.Part.From, r.Part.To = 1, 2
			} else {
				r.Part.To++
			}
		}
		if _, err := Fold(m.run, m.facts, m.results()); !errors.Is(err, ErrUnbalanced) {
			t.Fatalf("%s: error %v, want ErrUnbalanced", kind, err)
		}
	})
}
