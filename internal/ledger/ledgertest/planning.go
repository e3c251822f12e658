package ledgertest

import (
	"errors"
	"sync"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

var planning = []test{
	{"begin makes a run in planning with its inputs", func(s *scene) {
		want := aRun("a")
		inputs := []campaign.Input{
			{Path: "campaigns/a.yaml", Digest: "11", Data: []byte("name: a\n")},
			{Path: "recipients/a.csv", Digest: "22"},
			{Path: "content/empty.txt", Digest: "33", Data: []byte{}},
			{Path: "content/again.yaml", Digest: "11", Data: []byte("name: a\n")},
		}
		got, err := s.l.Begin(s.ctx, want, inputs)
		s.must(err)
		s.equal(got, want)
		read, err := s.l.Run(s.ctx, want.ID)
		s.must(err)
		s.equal(read, want)
		_, offset := read.Occurrence.Time.Zone()
		s.equal(offset, 8*3600)
		frozen, err := s.l.Inputs(s.ctx, want.ID)
		s.must(err)
		s.equal(frozen, inputs)
	}},
	{"begin takes no state that only later steps may set", func(s *scene) {
		brought := aRun("a")
		brought.State, brought.Reason, brought.Totals = campaign.Cancelled, "no", campaign.Totals{Blocks: 9}
		got, err := s.l.Begin(s.ctx, brought, nil)
		s.must(err)
		s.equal(got, aRun("a"))
		read, err := s.l.Run(s.ctx, brought.ID)
		s.must(err)
		s.equal(read, aRun("a"))
	}},
	{"begin again with the same plan finds the run as it is", func(s *scene) {
		blocks := blocksOf(2, 1, 2)
		r := s.open("a", blocks)
		again := aRun("a")
		again.Began = at(50)
		got, err := s.l.Begin(s.ctx, again, nil)
		s.must(err)
		want := r
		want.State, want.Totals = campaign.Open, totalsOf(blocks)
		s.equal(got, want)
	}},
	{"begin with another plan while planning begins anew", func(s *scene) {
		r, err := s.l.Begin(s.ctx, aRun("a"), []campaign.Input{{Path: "old", Digest: "1", Data: []byte("old")}})
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocksOf(3, 1, 1)))
		other := aRun("a")
		other.PlanDigest = "d2"
		got, err := s.l.Begin(s.ctx, other, []campaign.Input{{Path: "new", Digest: "2", Data: []byte("new")}})
		s.must(err)
		s.equal(got, other)
		inputs, err := s.l.Inputs(s.ctx, r.ID)
		s.must(err)
		s.equal(inputs, []campaign.Input{{Path: "new", Digest: "2", Data: []byte("new")}})
		blocks := blocksOf(1, 5)
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		s.must(s.l.Open(s.ctx, r.ID, totalsOf(blocks)))
		s.equal(collect(s, s.l.Results(s.ctx, r.ID))[0].Block, blocks[0])
	}},
	{"begin with another planner version is another plan", func(s *scene) {
		r := s.open("a", blocksOf(1, 1))
		other := aRun("a")
		other.Planner = 2
		got, err := s.l.Begin(s.ctx, other, nil)
		s.is(err, ledger.ErrConflict)
		s.equal(got.Planner, r.Planner)
	}},
	{"begin with another plan after open conflicts and changes nothing", func(s *scene) {
		blocks := blocksOf(1, 1)
		r := s.open("a", blocks)
		other := aRun("a")
		other.PlanDigest, other.Target = "d2", "other"
		got, err := s.l.Begin(s.ctx, other, []campaign.Input{{Path: "new", Digest: "2"}})
		s.is(err, ledger.ErrConflict)
		want := r
		want.State, want.Totals = campaign.Open, totalsOf(blocks)
		s.equal(got, want)
		read, err := s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(read, want)
		inputs, err := s.l.Inputs(s.ctx, r.ID)
		s.must(err)
		s.equal(inputs, []campaign.Input(nil))
	}},
	{"add again passes over the same blocks", func(s *scene) {
		blocks := blocksOf(4, 1, 2)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocks[:2]))
		s.must(s.l.Add(s.ctx, r.ID, blocks[1:3]))
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		s.must(s.l.Open(s.ctx, r.ID, totalsOf(blocks)))
		s.must(s.l.Add(s.ctx, r.ID, blocks[3:]))
		for i, got := range collect(s, s.l.Results(s.ctx, r.ID)) {
			s.equal(got.Block, blocks[i])
		}
	}},
	{"add refuses another block in the same place", func(s *scene) {
		blocks, other := blocksOf(3, 1, 2), blocksOf(3, 1, 2)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocks[:2]))
		other[1].Skips[0].Reason = "excluded"
		other[1].Digest = other[1].Sum()
		s.is(s.l.Add(s.ctx, r.ID, other), ledger.ErrConflict)
		s.must(s.l.Add(s.ctx, r.ID, blocks)) // nothing of other is there
		s.must(s.l.Open(s.ctx, r.ID, totalsOf(blocks)))
		s.is(s.l.Add(s.ctx, r.ID, other[1:2]), ledger.ErrConflict)
	}},
	{"add refuses gaps, of blocks and of deliveries", func(s *scene) {
		blocks := blocksOf(3, 1)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		s.is(s.l.Add(s.ctx, r.ID, blocks[1:]), ledger.ErrConflict)
		s.is(s.l.Add(s.ctx, r.ID, []campaign.Block{{Seq: -1}}), ledger.ErrConflict)
		gap := blocksOf(1, 1, 1)
		gap[0].Deliveries[1].Seq = 5
		s.is(s.l.Add(s.ctx, r.ID, gap), ledger.ErrConflict)
		s.must(s.l.Add(s.ctx, r.ID, blocks))
	}},
	{"add after open stores nothing new", func(s *scene) {
		blocks := blocksOf(3, 1)
		r := s.open("a", blocks[:2])
		s.is(s.l.Add(s.ctx, r.ID, blocks), ledger.ErrConflict)
		s.equal(len(collect(s, s.l.Results(s.ctx, r.ID))), 2)
	}},
	{"open compares every total with what was added", func(s *scene) {
		blocks := blocksOf(2, 1, 3)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		good := totalsOf(blocks)
		for _, change := range []func(*campaign.Totals){
			func(t *campaign.Totals) { t.Blocks++ }, func(t *campaign.Totals) { t.Requests-- },
			func(t *campaign.Totals) { t.Recipients++ }, func(t *campaign.Totals) { t.Skipped = 0 },
		} {
			bad := good
			change(&bad)
			s.is(s.l.Open(s.ctx, r.ID, bad), ledger.ErrConflict)
		}
		read, err := s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(read.State, campaign.Planning)
		s.must(s.l.Open(s.ctx, r.ID, good))
		s.must(s.l.Open(s.ctx, r.ID, good))
		read, err = s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(read.State, campaign.Open)
		s.equal(read.Totals, good)
		bad := good
		bad.Skipped++
		s.is(s.l.Open(s.ctx, r.ID, bad), ledger.ErrConflict)
	}},
	{"a plan without deliveries opens and wants nothing", func(s *scene) {
		r := s.open("empty", blocksOf(2))
		h := s.claim(r.ID)
		s.equal(len(collect(s, s.l.Work(s.ctx, h))), 0)
		s.equal(len(collect(s, s.l.Results(s.ctx, r.ID))), 2)
	}},
	{"two processes plan one run together", func(s *scene) {
		blocks := blocksOf(40, 1, 2)
		other := s.subject.Open(s)
		var both sync.WaitGroup
		failures := make([]error, 2)
		for i, l := range []ledger.Ledger{s.l, other} {
			both.Go(func() {
				r, err := l.Begin(s.ctx, aRun("a"), nil)
				for j := 0; err == nil && j < len(blocks); j += 5 {
					err = l.Add(s.ctx, r.ID, blocks[j:j+5])
				}
				if err == nil {
					err = l.Open(s.ctx, r.ID, totalsOf(blocks))
				}
				failures[i] = err
			})
		}
		both.Wait()
		s.must(errors.Join(failures...))
		for i, got := range collect(s, s.l.Results(s.ctx, aRun("a").ID)) {
			s.equal(got.Block, blocks[i])
		}
	}},
	{"a planner that was overtaken by another plan adds nothing to it", func(s *scene) {
		mine, theirs := blocksOf(3, 1), blocksOf(2, 2)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, mine[:2]))
		other := s.subject.Open(s)
		changed := aRun("a")
		changed.PlanDigest = "d2"
		_, err = other.Begin(s.ctx, changed, nil)
		s.must(err)
		s.must(other.Add(s.ctx, r.ID, theirs))
		s.is(s.l.Add(s.ctx, r.ID, mine[2:]), ledger.ErrConflict)
		s.is(s.l.Open(s.ctx, r.ID, totalsOf(theirs)), ledger.ErrConflict)
		s.must(other.Open(s.ctx, r.ID, totalsOf(theirs)))
	}},
	{"planning of a run that is not there", func(s *scene) {
		s.is(s.l.Add(s.ctx, "nobody", blocksOf(1, 1)), ledger.ErrNotFound)
		s.is(s.l.Open(s.ctx, "nobody", campaign.Totals{}), ledger.ErrNotFound)
	}},
	{"what the caller changes afterwards is not changed in the ledger", func(s *scene) {
		blocks := blocksOf(1, 2)
		brought, data := aRun("a"), []byte("text")
		r, err := s.l.Begin(s.ctx, brought, []campaign.Input{{Path: "x", Digest: "1", Data: data}})
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		brought.Columns[0], data[0], blocks[0].Deliveries[0].Recipients[0].Cells[0] = "changed", 'X', "changed"
		inputs, err := s.l.Inputs(s.ctx, r.ID)
		s.must(err)
		s.equal(string(inputs[0].Data), "text")
		read, err := s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(read.Columns, aRun("a").Columns)
		s.equal(collect(s, s.l.Results(s.ctx, r.ID))[0].Block, blocksOf(1, 2)[0])
	}},
}

// is fails the test unless err is want, in words that no type name spoils.
func (s *scene) is(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("error %v, want %v", err, want)
	}
	tidy(s, err)
}
