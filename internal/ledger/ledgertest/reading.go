package ledgertest

import (
	"slices"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

var reading = []test{
	{"deliveries keep what they say", func(s *scene) {
		blocks := saying([]int{1, 1, 1}, []int{0, 2, 1}, []int{0, 0, 0}, nil)
		r := s.open("said", blocks)
		s.crash()
		var got []campaign.Block
		for _, b := range collect(s, s.l.Results(s.ctx, r.ID)) {
			got = append(got, b.Block)
		}
		s.equal(got, blocks)
	}},
	{"blocks are found by what their deliveries say", func(s *scene) {
		r := s.open("said", saying([]int{1, 1, 1}, []int{0, 2, 1}, []int{3, 3, 3}, []int{0, 0, 0}))
		h := s.claim(r.ID)
		s.try(h, 1, whole(5))
		s.settle(h, whole(5), campaign.Accepted, 2)
		containing := func(wanted ...byte) (seqs []int64) {
			for _, b := range collect(s, s.l.Containing(s.ctx, r.ID, func(d campaign.Digest) bool { return slices.Contains(wanted, d[0]) && d[1] == 9 })) {
				seqs = append(seqs, b.Block.Seq)
				for _, result := range b.Results {
					s.equal(result.Verdict.Outcome == campaign.Accepted, result.Part.Seq == 5)
				}
				s.equal(len(b.Results), len(b.Block.Deliveries))
			}
			return seqs
		}
		s.equal(containing(1), []int64{0, 1})
		s.equal(containing(2), []int64{1})
		s.equal(containing(2, 3), []int64{1, 2})
		s.equal(len(containing(4)), 0)
		s.is(first(s.l.Containing(s.ctx, "nosuch", func(campaign.Digest) bool { return true })), ledger.ErrNotFound)
	}},
	{"a plan that is begun anew says what it says now", func(s *scene) {
		brought := aRun("said")
		_, err := s.l.Begin(s.ctx, brought, nil)
		s.must(err)
		s.must(s.l.Add(s.ctx, brought.ID, saying([]int{1})))
		brought.PlanDigest = "another"
		_, err = s.l.Begin(s.ctx, brought, nil)
		s.must(err)
		blocks := saying([]int{2})
		s.must(s.l.Add(s.ctx, brought.ID, blocks))
		s.must(s.l.Open(s.ctx, brought.ID, totalsOf(blocks)))
		for digit, want := range []int{0, 0, 1} {
			n := len(collect(s, s.l.Containing(s.ctx, brought.ID, func(d campaign.Digest) bool { return d == content(digit) })))
			s.equal(n, want)
		}
	}},
	{"a run is found by its id or an unambiguous prefix", func(s *scene) {
		for _, id := range []string{"abcdef", "abcxyz", "abc", "zz"} {
			r := aRun(id)
			r.ID = id
			_, err := s.l.Begin(s.ctx, r, nil)
			s.must(err)
		}
		for prefix, want := range map[string]string{
			"abcdef": "abcdef", "abcd": "abcdef", "abcx": "abcxyz", "abc": "abc", "z": "zz",
		} {
			got, err := s.l.Run(s.ctx, prefix)
			s.must(err)
			s.equal(got.ID, want)
		}
		for _, bad := range []string{"", "ab", "abcdefg", "%", "_bc", "ABC", "b", "abc*", "a'"} {
			_, err := s.l.Run(s.ctx, bad)
			s.is(err, ledger.ErrNotFound)
		}
		_, err := s.l.Run(s.ctx, "a")
		s.is(err, ledger.ErrAmbiguous)
		s.equal(err.Error(), "a is the beginning of 3 runs: abc, abcdef, abcxyz")
	}},
	{"only Run takes prefixes", func(s *scene) {
		r := s.open("a", blocksOf(1, 1))
		short := r.ID[:5]
		_, err := s.l.Inputs(s.ctx, short)
		s.is(err, ledger.ErrNotFound)
		s.is(first(s.l.Results(s.ctx, short)), ledger.ErrNotFound)
		s.is(first(s.l.Attempts(s.ctx, short, 0)), ledger.ErrNotFound)
		_, err = s.l.Claim(s.ctx, short, "owner", time.Hour)
		s.is(err, ledger.ErrNotFound)
	}},
	{"runs are listed newest first, filtered", func(s *scene) {
		begin := func(id, profile, name string, second int, trial bool) {
			r := aRun(name)
			r.ID, r.Profile, r.Trial, r.Began = id, profile, trial, at(second)
			_, err := s.l.Begin(s.ctx, r, nil)
			s.must(err)
		}
		begin("r1", "test", "a", 1, false)
		begin("r4", "test", "b", 4, false)
		begin("r2", "prod", "a", 2, false)
		begin("r3", "test", "a", 3, true)
		for _, tt := range []struct {
			filter ledger.Filter
			want   []string
		}{
			{ledger.Filter{}, []string{"r4", "r2", "r1"}},
			{ledger.Filter{Trials: true}, []string{"r4", "r3", "r2", "r1"}},
			{ledger.Filter{Profile: "test"}, []string{"r4", "r1"}},
			{ledger.Filter{Campaign: "a", Trials: true}, []string{"r3", "r2", "r1"}},
			{ledger.Filter{Profile: "prod", Campaign: "a"}, []string{"r2"}},
			{ledger.Filter{Profile: "none"}, nil},
		} {
			var got []string
			for _, r := range collect(s, s.l.Runs(s.ctx, tt.filter)) {
				got = append(got, r.ID)
			}
			s.equal(got, tt.want)
		}
		for range s.l.Runs(s.ctx, ledger.Filter{}) {
			break // a reader may stop early
		}
	}},
	{"results stand in plan order with their blocks, before, during and after", func(s *scene) {
		blocks := blocksOf(5, 1, 3)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		check := func() {
			s.Helper()
			seq := int64(0)
			for i, got := range collect(s, s.l.Results(s.ctx, r.ID)) {
				s.equal(got.Block, blocks[i])
				for _, res := range got.Results {
					s.equal(res.Part, whole(seq))
					seq++
				}
			}
			s.equal(seq, int64(10))
		}
		check()
		s.must(s.l.Open(s.ctx, r.ID, totalsOf(blocks)))
		check()
		h := s.claim(r.ID)
		s.try(h, 1, whole(9), whole(3), whole(4), whole(0))
		s.settle(h, whole(3), campaign.Accepted, 2)
		s.settle(h, whole(0), campaign.Accepted, 3)
		check()
		s.must(s.l.Cancel(s.ctx, h, "done"))
		check()
	}},
	{"work yields the blocks that want something, with all their leaves", func(s *scene) {
		blocks := blocksOf(6, 1, 2)
		r := s.open("a", blocks)
		h := s.claim(r.ID)
		seqs := func() (got []int64) {
			for _, w := range collect(s, s.l.Work(s.ctx, h)) {
				got = append(got, w.Block.Seq)
				s.equal(w.Block, blocks[w.Block.Seq])
			}
			return got
		}
		s.equal(seqs(), []int64{0, 1, 2, 3, 4, 5})
		s.try(h, 1, whole(0), whole(1), whole(2), whole(4), whole(5), whole(7), whole(10), whole(11))
		s.settle(h, whole(0), campaign.Accepted, 2)
		s.settle(h, whole(1), campaign.Rejected, 2)
		s.settle(h, whole(4), campaign.Unknown, 2)
		s.settle(h, whole(10), campaign.Deferred, 2)
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{split(whole(7), 2, 1)}, nil))
		// 0 is settled; 1 has a pending; 2 is unknown and open; 3 pending and split; 5 deferred and open
		s.equal(seqs(), []int64{1, 3, 4, 5})
		work := collect(s, s.l.Work(s.ctx, h))
		s.equal(work[0].Results[0].Verdict.Outcome, campaign.Unknown)
		s.equal(work[0].Results[1].Verdict.Outcome, campaign.Pending)
		s.equal(len(work[1].Results), 3)
		s.equal(work[3].Results[0], campaign.Result{
			Part: whole(10), Attempts: 1, At: at(2), Verdict: campaign.Verdict{Outcome: campaign.Deferred}})
	}},
	{"work is not disturbed by what is recorded meanwhile", func(s *scene) {
		r := s.open("a", blocksOf(20, 1, 1))
		h := s.claim(r.ID)
		second, seen := 1, 0
		for w, err := range s.l.Work(s.ctx, h) {
			s.must(err)
			for _, res := range w.Results {
				s.equal(res.Verdict.Outcome, campaign.Pending)
				s.try(h, second, res.Part)
				s.settle(h, res.Part, campaign.Accepted, second)
				second++
				seen++
			}
		}
		s.equal(seen, 40)
		s.equal(len(collect(s, s.l.Work(s.ctx, h))), 0)
		for p, o := range s.outcomes(r.ID) {
			if o != campaign.Accepted {
				s.Errorf("%v is %v", p, o)
			}
		}
	}},
	{"results are of one moment while a run goes on", func(s *scene) {
		const pairs = 200
		blocks := blocksOf(pairs/2, 1, 1, 1, 1)
		r := s.open("a", blocks)
		h := s.claim(r.ID)
		other := s.subject.Open(s)
		// Deliveries i and i+2·pairs/2 are always written in one group: no reader may see one without the other.
		var writer sync.WaitGroup
		half := int64(len(blocks) * 2)
		writer.Go(func() {
			for i := range half {
				a, b := whole(i), whole(i+half)
				err := s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(a, 1), intent(b, 1)})
				if err == nil {
					err = s.l.Record(s.ctx, h, []ledger.Settlement{settled(b, campaign.Accepted, 1), settled(a, campaign.Accepted, 1)}, nil)
				}
				if err != nil {
					s.Error(err)
					return
				}
			}
		})
		for done := false; !done; {
			var all []campaign.Outcome
			for b, err := range other.Results(s.ctx, r.ID) {
				s.must(err)
				for _, res := range b.Results {
					all = append(all, res.Verdict.Outcome)
				}
			}
			for i := range half {
				if all[i] != all[i+half] {
					s.Fatalf("delivery %d is %v and its pair %v", i, all[i], all[i+half])
				}
			}
			done = all[half-1] == campaign.Accepted || s.Failed()
		}
		writer.Wait()
	}},
	{"attempts of a delivery are its own", func(s *scene) {
		r, h := s.held(2, 1)
		s.try(h, 1, whole(1), whole(0))
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{split(whole(0), 2, 1), settled(whole(1), campaign.Accepted, 2)}, nil))
		s.try(h, 3, part(0, 1, 2), part(0, 0, 1))
		var parts []campaign.Part
		for _, a := range collect(s, s.l.Attempts(s.ctx, r.ID, 0)) {
			if a.Intent != nil {
				parts = append(parts, a.Intent.Part)
			} else {
				s.equal(a.Settlement.Children, []campaign.Part{part(0, 0, 1), part(0, 1, 2)})
			}
		}
		s.equal(parts, []campaign.Part{whole(0), part(0, 1, 2), part(0, 0, 1)})
		s.equal(len(collect(s, s.l.Attempts(s.ctx, r.ID, 3))), 0)
		other := s.open("b", blocksOf(1, 1))
		s.equal(len(collect(s, s.l.Attempts(s.ctx, other.ID, 0))), 0)
		for range s.l.Attempts(s.ctx, r.ID, 0) {
			break
		}
	}},
	{"reading a run that is not there", func(s *scene) {
		_, err := s.l.Inputs(s.ctx, "nobody")
		s.is(err, ledger.ErrNotFound)
		s.is(first(s.l.Results(s.ctx, "nobody")), ledger.ErrNotFound)
		s.is(first(s.l.Attempts(s.ctx, "nobody", 0)), ledger.ErrNotFound)
		s.is(first(s.l.Work(s.ctx, ledger.Hold{Run: "nobody", Token: 1})), ledger.ErrNotFound)
	}},
}
