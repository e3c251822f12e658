package ledgertest

import (
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

var recording = []test{
	{"an intent without a settlement reads as unknown", func(s *scene) {
		r, h := s.held(1)
		s.try(h, 7, whole(0))
		s.equal(s.results(r.ID)[0], campaign.Result{
			Part: whole(0), Attempts: 1, At: at(7),
			Verdict: campaign.Verdict{Outcome: campaign.Unknown, Reason: ledger.ReasonUnsettled},
		})
	}},
	{"a settlement is read back as it was written", func(s *scene) {
		r, h := s.held(1)
		for i, o := range []campaign.Outcome{campaign.Accepted, campaign.Rejected} {
			p := whole(int64(i))
			s.try(h, 10*i+1, p)
			want := ledger.Settlement{
				Part:     p,
				Verdict:  campaign.Verdict{Outcome: o, Status: 200 + i, After: 3 * time.Second, Reason: "refused: 缺少必要参数", Ref: "msg-77"},
				At:       at(10*i + 2).Add(123456 * time.Microsecond),
				Upstream: at(10*i + 1),
				Answer:   []byte(`{"status":200,"oK":true}`),
			}
			s.must(s.l.Record(s.ctx, h, []ledger.Settlement{want}, nil))
			s.equal(s.results(r.ID)[i], campaign.Result{Part: p, Verdict: want.Verdict, Attempts: 1, At: want.At})
			history := collect(s, s.l.Attempts(s.ctx, r.ID, int64(i)))
			s.equal(history, []ledger.Attempt{{Intent: &ledger.Intent{Part: p, At: at(10*i + 1)}}, {Settlement: &want}})
		}
	}},
	{"answers are cut and times keep microseconds", func(s *scene) {
		r, h := s.held(1)
		odd := at(3).Add(1234567 * time.Nanosecond)
		s.must(s.l.Record(s.ctx, h, nil, []ledger.Intent{{Part: whole(0), At: odd}}))
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{{
			Part: whole(0), At: odd, Upstream: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
			Answer: []byte(strings.Repeat("x", ledger.AnswerLimit+5)),
		}}, nil))
		history := collect(s, s.l.Attempts(s.ctx, r.ID, 0))
		s.equal(history[0].Intent.At, at(3).Add(1234*time.Microsecond))
		s.equal(history[1].Settlement.Upstream, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))
		s.equal(len(history[1].Settlement.Answer), ledger.AnswerLimit)
	}},
	{"a deferred delivery is tried again", func(s *scene) {
		r, h := s.held(1)
		for i := range 5 {
			s.try(h, 2*i, whole(0))
			s.settle(h, whole(0), campaign.Deferred, 2*i+1)
			s.equal(s.results(r.ID)[0], campaign.Result{
				Part: whole(0), Attempts: i + 1, At: at(2*i + 1), Verdict: campaign.Verdict{Outcome: campaign.Deferred}})
		}
		s.try(h, 20, whole(0))
		s.equal(s.results(r.ID)[0].Attempts, 6)
		s.equal(s.results(r.ID)[0].At, at(20))
		s.settle(h, whole(0), campaign.Accepted, 21)
		s.equal(s.results(r.ID)[0], campaign.Result{
			Part: whole(0), Attempts: 6, At: at(21), Verdict: campaign.Verdict{Outcome: campaign.Accepted}})
		s.equal(len(collect(s, s.l.Attempts(s.ctx, r.ID, 0))), 12)
	}},
	{"many attempts are counted", func(s *scene) {
		r, h := s.held(1)
		const tries = 200
		s.try(h, 1, whole(0))
		for range tries - 1 {
			s.must(s.l.Record(s.ctx, h,
				[]ledger.Settlement{settled(whole(0), campaign.Deferred, 1)}, []ledger.Intent{intent(whole(0), 1)}))
		}
		s.settle(h, whole(0), campaign.Accepted, 2)
		s.equal(s.results(r.ID)[0], campaign.Result{
			Part: whole(0), Attempts: tries, At: at(2), Verdict: campaign.Verdict{Outcome: campaign.Accepted}})
	}},
	{"settlements of a group come before its intents", func(s *scene) {
		r, h := s.held(1, 1)
		s.try(h, 1, whole(0))
		s.must(s.l.Record(s.ctx, h,
			[]ledger.Settlement{settled(whole(0), campaign.Deferred, 2)},
			[]ledger.Intent{intent(whole(1), 2), intent(whole(0), 3)}))
		got := s.results(r.ID)
		s.equal(got[0].Attempts, 2)
		s.equal(got[0].At, at(3))
		s.equal(got[1].At, at(2))
		history := collect(s, s.l.Attempts(s.ctx, r.ID, 0))
		s.equal(len(history), 3)
		s.equal(history[1].Settlement.At, at(2))
		s.equal(history[2].Intent.At, at(3))
	}},
	{"an intent wants a pending or deferred leaf", func(s *scene) {
		r, h := s.held(1, 1, 1, 1, 3)
		s.try(h, 1, whole(0), whole(1), whole(2), whole(3), whole(4))
		s.settle(h, whole(1), campaign.Accepted, 2)
		s.settle(h, whole(2), campaign.Rejected, 2)
		s.settle(h, whole(3), campaign.Unknown, 2)
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{split(whole(4), 3, 1)}, nil))
		before := s.results(r.ID)
		for _, p := range []campaign.Part{
			whole(0), whole(1), whole(2), whole(3), whole(4), whole(10), whole(-1),
			part(5, 0, 1), part(4, 0, 2), part(4, 0, 3), part(4, 1, 2), {Seq: 5, From: 1},
		} {
			s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(p, 3)}), ledger.ErrConflict)
			s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(5), 3), intent(p, 3)}), ledger.ErrConflict)
		}
		s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(5), 3), intent(whole(5), 3)}), ledger.ErrConflict)
		s.equal(s.results(r.ID), before)
	}},
	{"a settlement wants an open intent", func(s *scene) {
		r, h := s.held(1, 1, 1, 1)
		s.try(h, 1, whole(0), whole(1), whole(2))
		s.settle(h, whole(0), campaign.Accepted, 2)
		s.settle(h, whole(1), campaign.Deferred, 2)
		before := s.results(r.ID)
		for _, bad := range []ledger.Settlement{
			settled(whole(0), campaign.Accepted, 3), settled(whole(1), campaign.Accepted, 3),
			settled(whole(3), campaign.Accepted, 3), settled(whole(3), campaign.Rejected, 3),
			settled(whole(99), campaign.Accepted, 3), settled(part(2, 0, 1), campaign.Accepted, 3),
			settled(whole(2), campaign.Pending, 3), settled(whole(2), campaign.Superseded, 3),
			settled(whole(2), campaign.Superseded+1, 3), settled(whole(2), 200, 3),
		} {
			s.is(s.l.Record(s.ctx, h, []ledger.Settlement{bad}, nil), ledger.ErrConflict)
			s.is(s.l.Record(s.ctx, h, []ledger.Settlement{settled(whole(2), campaign.Accepted, 3), bad}, nil), ledger.ErrConflict)
			s.is(s.l.Record(s.ctx, h, []ledger.Settlement{bad}, []ledger.Intent{intent(whole(3), 3)}), ledger.ErrConflict)
		}
		s.equal(s.results(r.ID), before)
		s.settle(h, whole(2), campaign.Skipped, 3)
	}},
	{"a person's word settles an unknown delivery", func(s *scene) {
		r, h := s.held(1, 1, 1, 1)
		s.try(h, 1, whole(0), whole(1), whole(2))
		s.settle(h, whole(0), campaign.Unknown, 2)
		s.settle(h, whole(1), campaign.Unknown, 2)
		s.must(s.l.Release(s.ctx, h))
		h = s.claim(r.ID) // what the earlier hold left open is nobody's attempt now
		for _, o := range []campaign.Outcome{campaign.Rejected, campaign.Unknown, campaign.Skipped, campaign.Pending} {
			s.is(s.l.Record(s.ctx, h, []ledger.Settlement{settled(whole(0), o, 3)}, nil), ledger.ErrConflict)
			s.is(s.l.Record(s.ctx, h, []ledger.Settlement{settled(whole(2), o, 3)}, nil), ledger.ErrConflict)
		}
		s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(2), 3)}), ledger.ErrConflict)
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{
			{Part: whole(0), At: at(4), Verdict: campaign.Verdict{Outcome: campaign.Accepted, Reason: "resolved: seen in the app"}},
			{Part: whole(1), At: at(4), Verdict: campaign.Verdict{Outcome: campaign.Deferred, Reason: "resolved: not there"}},
			{Part: whole(2), At: at(4), Verdict: campaign.Verdict{Outcome: campaign.Deferred, Reason: "resolved: not there"}},
		}, nil))
		got := s.results(r.ID)
		s.equal(got[0], campaign.Result{Part: whole(0), Attempts: 1, At: at(4),
			Verdict: campaign.Verdict{Outcome: campaign.Accepted, Reason: "resolved: seen in the app"}})
		s.equal(got[2].Verdict.Outcome, campaign.Deferred)
		s.is(s.l.Record(s.ctx, h, []ledger.Settlement{settled(whole(0), campaign.Deferred, 5)}, nil), ledger.ErrConflict)
		s.try(h, 5, whole(1), whole(2)) // not accepted: it is tried again
		s.settle(h, whole(2), campaign.Rejected, 6)
		s.equal(s.results(r.ID)[2].Attempts, 2)
	}},
	{"a clock that stands before the last record is refused", func(s *scene) {
		r, h := s.held(1, 1, 1)
		s.try(h, 300, whole(0))
		s.try(h, 240, whole(1)) // a minute is a step of a time service
		for _, second := range []int{239, 0, -1000} {
			s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(2), second)}), ledger.ErrClockBack)
			s.is(s.l.Record(s.ctx, h, []ledger.Settlement{settled(whole(0), campaign.Accepted, second)}, nil), ledger.ErrClockBack)
		}
		s.equal(s.outcomes(r.ID)[whole(2)], campaign.Pending)
		s.equal(s.outcomes(r.ID)[whole(0)], campaign.Unknown)
		other := s.open("b", blocksOf(1, 1))
		ho := s.claim(other.ID) // another run of the same machine has the same clock
		s.is(s.l.Record(s.ctx, ho, nil, []ledger.Intent{intent(whole(0), 200)}), ledger.ErrClockBack)
		s.try(ho, 300, whole(0))
		s.settle(h, whole(0), campaign.Accepted, 300)
	}},
	{"nothing to record is nothing recorded", func(s *scene) {
		r, h := s.held(1)
		s.must(s.l.Record(s.ctx, h, nil, nil))
		s.equal(len(collect(s, s.l.Attempts(s.ctx, r.ID, 0))), 0)
	}},
}

// split is a settlement that cuts a part that ends at end in two at cut.
func split(p campaign.Part, end, cut int) ledger.Settlement {
	s := settled(p, campaign.Superseded, 2)
	s.Verdict.Status, s.Verdict.Reason = 400, "refused: one of them"
	s.Children = []campaign.Part{part(p.Seq, p.From, cut), part(p.Seq, cut, end)}
	return s
}
