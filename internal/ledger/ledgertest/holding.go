package ledgertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

var holding = []test{
	{"claiming is exclusive until release", func(s *scene) {
		r, h := s.held(1)
		other := s.subject.Open(s)
		_, err := other.Claim(s.ctx, r.ID, "other", time.Hour)
		s.is(err, ledger.ErrHeld)
		_, err = s.l.Claim(s.ctx, r.ID, "owner", time.Hour)
		s.is(err, ledger.ErrHeld)
		s.try(h, 1, whole(0)) // the failed claims took nothing
		s.must(s.l.Release(s.ctx, h))
		next, err := other.Claim(s.ctx, r.ID, "other", time.Hour)
		s.must(err)
		if next.Token <= h.Token {
			s.Errorf("token %d after %d", next.Token, h.Token)
		}
		s.equal(next.Run, r.ID)
	}},
	{"closing a handle releases its runs", func(s *scene) {
		r, h := s.held(1)
		s.must(s.l.Close())
		other := s.subject.Open(s)
		next, err := other.Claim(s.ctx, r.ID, "other", time.Hour)
		s.must(err)
		if next.Token <= h.Token {
			s.Errorf("token %d after %d", next.Token, h.Token)
		}
		s.tidyAll(s.l, h)
	}},
	{"of many claimers one wins", func(s *scene) {
		r := s.open("a", blocksOf(1, 1))
		var won, held int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 8 {
			l := s.subject.Open(s)
			all.Go(func() {
				_, err := l.Claim(s.ctx, r.ID, "one of many", time.Hour)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.Is(err, ledger.ErrHeld):
					held++
				default:
					s.Error(err)
				}
			})
		}
		all.Wait()
		s.equal([]int{won, held}, []int{1, 7})
	}},
	{"two runs are held at the same time", func(s *scene) {
		a, b := s.open("a", blocksOf(1, 1)), s.open("b", blocksOf(1, 1))
		ha, hb := s.claim(a.ID), s.claim(b.ID)
		s.try(ha, 1, whole(0))
		s.try(hb, 2, whole(0))
		s.settle(hb, whole(0), campaign.Rejected, 3)
		s.settle(ha, whole(0), campaign.Accepted, 4)
		s.equal(s.outcomes(a.ID)[whole(0)], campaign.Accepted)
		s.equal(s.outcomes(b.ID)[whole(0)], campaign.Rejected)
	}},
	{"open and cancelled runs are claimed", func(s *scene) {
		_, err := s.l.Claim(s.ctx, "nobody", "owner", time.Hour)
		s.is(err, ledger.ErrNotFound)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		_, err = s.l.Claim(s.ctx, r.ID, "owner", time.Hour)
		s.is(err, ledger.ErrState)
		s.must(s.l.Open(s.ctx, r.ID, campaign.Totals{}))
		h := s.claim(r.ID) // the failed claims left no hold behind
		s.must(s.l.Cancel(s.ctx, h, "enough"))
		s.must(s.l.Release(s.ctx, h))
		if next := s.claim(r.ID); next.Token <= h.Token {
			s.Errorf("token %d after %d", next.Token, h.Token)
		}
	}},
	{"a later claim takes the hold away", func(s *scene) {
		r, old := s.held(1, 1)
		s.try(old, 1, whole(0))
		s.subject.Expire(s, r.ID)
		other := s.subject.Open(s)
		h, err := other.Claim(s.ctx, r.ID, "other", time.Hour)
		s.must(err)
		s.is(s.l.Record(s.ctx, old, []ledger.Settlement{settled(whole(0), campaign.Accepted, 2)}, nil), ledger.ErrHoldLost)
		s.is(s.l.Record(s.ctx, old, nil, []ledger.Intent{intent(whole(1), 2)}), ledger.ErrHoldLost)
		s.is(s.l.Record(s.ctx, old, nil, nil), ledger.ErrHoldLost)
		s.is(s.l.Cancel(s.ctx, old, "no"), ledger.ErrHoldLost)
		s.is(first(s.l.Work(s.ctx, old)), ledger.ErrHoldLost)
		_, err = s.l.Stopped(s.ctx, old)
		s.is(err, ledger.ErrHoldLost)
		s.equal(s.outcomes(r.ID)[whole(0)], campaign.Unknown)
		s.must(s.l.Release(s.ctx, old)) // no error, and no harm to the new hold
		_, err = s.subject.Open(s).Claim(s.ctx, r.ID, "third", time.Hour)
		s.is(err, ledger.ErrHeld)
		s.must(other.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(1), 3)}))
	}},
	{"a hold that was given back or made up is lost", func(s *scene) {
		r, h := s.held(1)
		s.must(s.l.Release(s.ctx, h))
		s.must(s.l.Release(s.ctx, h))
		s.tidyAll(s.l, h)
		h = s.claim(r.ID)
		s.tidyAll(s.l, ledger.Hold{Run: r.ID, Token: h.Token + 1})
		s.tidyAll(s.l, ledger.Hold{Run: r.ID})
		s.must(s.l.Release(s.ctx, ledger.Hold{Run: r.ID, Token: h.Token + 1}))
		s.try(h, 1, whole(0))
	}},
	{"stop reaches the holder and nobody after", func(s *scene) {
		r, h := s.held(1)
		stopped := func(h ledger.Hold) bool {
			s.Helper()
			asked, err := s.l.Stopped(s.ctx, h)
			s.must(err)
			return asked
		}
		s.equal(stopped(h), false)
		s.must(s.subject.Open(s).Stop(s.ctx, r.ID))
		s.equal(stopped(h), true)
		s.equal(stopped(h), true)
		s.must(s.l.Release(s.ctx, h))
		h = s.claim(r.ID)
		s.equal(stopped(h), false)
		s.must(s.l.Release(s.ctx, h))
		s.must(s.l.Stop(s.ctx, r.ID)) // nobody holds it
		s.equal(stopped(s.claim(r.ID)), false)
		s.is(s.l.Stop(s.ctx, "nobody"), ledger.ErrNotFound)
	}},
	{"cancel skips what wants an attempt and nothing else", func(s *scene) {
		r, h := s.held(1, 1, 1, 4)
		s.try(h, 1, whole(0), whole(1), whole(2), whole(3), whole(4), whole(5))
		s.settle(h, whole(0), campaign.Accepted, 2)
		s.settle(h, whole(1), campaign.Rejected, 2)
		s.settle(h, whole(2), campaign.Deferred, 2)
		s.settle(h, whole(4), campaign.Unknown, 2)
		s.must(s.l.Record(s.ctx, h, []ledger.Settlement{split(whole(3), 4, 2)}, nil))
		s.must(s.l.Cancel(s.ctx, h, "wrong text"))
		s.must(s.l.Cancel(s.ctx, h, "again"))
		s.equal(s.outcomes(r.ID), map[campaign.Part]campaign.Outcome{
			whole(0): campaign.Accepted, whole(1): campaign.Rejected, whole(2): campaign.Skipped,
			part(3, 0, 2): campaign.Skipped, part(3, 2, 4): campaign.Skipped,
			whole(4): campaign.Unknown, whole(5): campaign.Unknown,
			whole(6): campaign.Skipped, whole(7): campaign.Skipped,
		})
		for _, got := range s.results(r.ID) {
			if got.Verdict.Outcome == campaign.Skipped {
				s.equal(got.Verdict, campaign.Verdict{Outcome: campaign.Skipped, Reason: "cancelled: wrong text"})
			}
		}
		run, err := s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(run.State, campaign.Cancelled)
		s.equal(run.Reason, "wrong text")
		s.equal(len(collect(s, s.l.Work(s.ctx, h))), 0)
		s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(7), 3)}), ledger.ErrState)
		s.is(s.l.Record(s.ctx, h, []ledger.Settlement{settled(whole(5), campaign.Rejected, 3)}, nil), ledger.ErrState)
	}},
	{"an ended context stops every method before its effect", func(s *scene) {
		blocks := blocksOf(1, 1)
		r, h := s.held(1)
		ended, end := context.WithCancel(s.ctx)
		end()
		_, begin := s.l.Begin(ended, aRun("new"), nil)
		_, claim := s.l.Claim(ended, r.ID, "owner", time.Hour)
		_, stopped := s.l.Stopped(ended, h)
		_, run := s.l.Run(ended, r.ID)
		_, inputs := s.l.Inputs(ended, r.ID)
		for i, err := range []error{
			begin, claim, stopped, run, inputs,
			s.l.Add(ended, r.ID, blocks), s.l.Open(ended, r.ID, totalsOf(blocks)),
			s.l.Record(ended, h, nil, []ledger.Intent{intent(whole(0), 1)}),
			s.l.Cancel(ended, h, "no"), s.l.Stop(ended, r.ID),
			first(s.l.Work(ended, h)), first(s.l.Results(ended, r.ID)),
			first(s.l.Runs(ended, ledger.Filter{})), first(s.l.Attempts(ended, r.ID, 0)),
		} {
			if !errors.Is(err, context.Canceled) {
				s.Errorf("method %d: error %v", i, err)
			}
		}
		_, err := s.l.Run(s.ctx, aRun("new").ID)
		s.is(err, ledger.ErrNotFound)
		s.equal(s.outcomes(r.ID)[whole(0)], campaign.Pending)
		s.try(h, 1, whole(0))
	}},
}

// tidyAll checks that every method of a worker fails for a hold that is none. A
// closed handle may give another reason.
func (s *scene) tidyAll(l ledger.Ledger, h ledger.Hold) {
	s.Helper()
	_, stopped := l.Stopped(s.ctx, h)
	for i, err := range []error{
		l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(0), 1)}),
		l.Cancel(s.ctx, h, "no"), first(l.Work(s.ctx, h)), stopped,
	} {
		if err == nil {
			s.Errorf("method %d took a hold that is none", i)
			continue
		}
		tidy(s, err)
	}
}
