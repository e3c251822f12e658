package ledgertest

import (
	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

var splitting = []test{
	{"children take the place of their parent", func(s *scene) {
		r, h := s.held(8, 1)
		s.try(h, 1, whole(0))
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{split(whole(0), 8, 4)}, nil))
		got := s.results(r.ID)
		s.equal(got[0], campaign.Result{Part: part(0, 0, 4), Verdict: campaign.Verdict{Outcome: campaign.Pending}})
		s.equal(got[1], campaign.Result{Part: part(0, 4, 8), Verdict: campaign.Verdict{Outcome: campaign.Pending}})
		s.equal(got[2].Part, whole(1))
		s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(0), 3)}), ledger.ErrConflict)
	}},
	{"poison is halved until it stands alone", func(s *scene) {
		r, h := s.held(8)
		second := 1
		refuse := func(p campaign.Part, from, to int) campaign.Part {
			s.try(h, second, p)
			second++
			mid := (from + to) / 2
			s.must(s.l.Record(s.ctx, h, []ledger.Settlement{split(p, to, mid)}, nil))
			s.try(h, second, part(0, from, mid))
			s.settle(h, part(0, from, mid), campaign.Accepted, second+1)
			second += 2
			return part(0, mid, to)
		}
		p := refuse(whole(0), 0, 8)
		p = refuse(p, 4, 8)
		p = refuse(p, 6, 8)
		s.try(h, second, p)
		s.settle(h, p, campaign.Rejected, second)
		want := map[campaign.Part]campaign.Outcome{
			part(0, 0, 4): campaign.Accepted, part(0, 4, 6): campaign.Accepted, part(0, 6, 7): campaign.Accepted,
			part(0, 7, 8): campaign.Rejected, whole(1): campaign.Pending,
		}
		s.equal(s.outcomes(r.ID), want)
		s.equal(len(collect(s, s.l.Attempts(s.ctx, r.ID, 0))), 14)
		var order []campaign.Part
		for _, got := range s.results(r.ID)[:4] {
			order = append(order, got.Part)
		}
		s.equal(order, []campaign.Part{part(0, 0, 4), part(0, 4, 6), part(0, 6, 7), part(0, 7, 8)})
		s.subject.Crash(s)
		s.l = s.subject.Open(s)
		s.equal(s.outcomes(r.ID), want)
	}},
	{"children cover their parent exactly", func(s *scene) {
		r, h := s.held(6, 6)
		s.try(h, 1, whole(0), whole(1))
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{split(whole(1), 6, 2)}, nil))
		s.try(h, 1, part(1, 2, 6))
		before := s.results(r.ID)
		for _, bad := range []struct {
			part     campaign.Part
			children []campaign.Part
		}{
			{whole(0), nil},
			{whole(0), []campaign.Part{part(0, 0, 6)}},
			{whole(0), []campaign.Part{whole(0)}},
			{whole(0), []campaign.Part{part(0, 0, 3), part(0, 3, 5)}},
			{whole(0), []campaign.Part{part(0, 0, 3), part(0, 3, 7)}},
			{whole(0), []campaign.Part{part(0, 1, 3), part(0, 3, 6)}},
			{whole(0), []campaign.Part{part(0, 0, 3), part(0, 4, 6)}},
			{whole(0), []campaign.Part{part(0, 0, 4), part(0, 3, 6)}},
			{whole(0), []campaign.Part{part(0, 3, 6), part(0, 0, 3)}},
			{whole(0), []campaign.Part{part(0, 0, 3), part(0, 3, 3), part(0, 3, 6)}},
			{whole(0), []campaign.Part{part(0, 0, 3), part(1, 3, 6)}},
			{part(1, 2, 6), []campaign.Part{part(1, 0, 3), part(1, 3, 6)}},
			{part(1, 2, 6), []campaign.Part{part(1, 2, 6)}},
			{part(1, 2, 6), []campaign.Part{part(1, 2, 3), part(1, 3, 5)}},
		} {
			set := settled(bad.part, campaign.Superseded, 2)
			set.Children = bad.children
			s.is(s.l.Record(s.ctx, h, []ledger.Settlement{set}, nil), ledger.ErrConflict)
			set.Verdict.Outcome = campaign.Rejected
			if bad.children != nil { // only a split has children
				s.is(s.l.Record(s.ctx, h, []ledger.Settlement{set}, nil), ledger.ErrConflict)
			}
		}
		s.equal(s.results(r.ID), before)
		three := settled(whole(0), campaign.Superseded, 2)
		three.Children = []campaign.Part{part(0, 0, 1), part(0, 1, 2), part(0, 2, 6)}
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{three}, nil))
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{split(part(1, 2, 6), 6, 3)}, nil))
		s.equal(len(s.results(r.ID)), 3+3+2)
	}},
	{"a split of a delivery that was split is refused, also in one group", func(s *scene) {
		r, h := s.held(4)
		s.try(h, 1, whole(0))
		twice := []ledger.Settlement{split(whole(0), 4, 2), split(whole(0), 4, 2)}
		s.is(s.l.Record(s.ctx, h, twice, nil), ledger.ErrConflict)
		s.equal(s.outcomes(r.ID)[whole(0)], campaign.Unknown)
		s.must(s.l.Record(s.ctx, h, twice[:1], []ledger.Intent{intent(part(0, 2, 4), 3)}))
		s.is(s.l.Record(s.ctx, h, twice[:1], nil), ledger.ErrConflict)
		s.equal(s.outcomes(r.ID)[part(0, 2, 4)], campaign.Unknown)
	}},
	{"a split is not a person's word", func(s *scene) {
		r, h := s.held(4)
		s.try(h, 1, whole(0))
		s.must(s.l.Release(s.ctx, h))
		h = s.claim(r.ID)
		s.is(s.l.Record(s.ctx, h, []ledger.Settlement{split(whole(0), 4, 2)}, nil), ledger.ErrConflict)
	}},
	{"a refused group leaves the parts of a delivery as they were", func(s *scene) {
		r, h := s.held(4, 1)
		s.try(h, 1, whole(0))
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{split(whole(0), 4, 2)}, nil))
		s.try(h, 2, part(0, 0, 2), part(0, 2, 4))
		before := s.results(r.ID)
		bad := []ledger.Settlement{
			settled(part(0, 0, 2), campaign.Accepted, 3), split(part(0, 2, 4), 4, 3), settled(whole(1), campaign.Accepted, 3),
		}
		s.is(s.l.Record(s.ctx, h, bad, nil), ledger.ErrConflict)
		s.equal(s.results(r.ID), before)
		s.must(s.l.Record(s.ctx, h, bad[:2], nil))
	}},
}
