package ledgertest

import (
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// crash kills every process; the scene goes on in a new one.
func (s *scene) crash() {
	s.Helper()
	s.subject.Crash(s)
	s.l = s.subject.Open(s)
}

var crashing = []test{
	{"what was planned is there after a crash, step by step", func(s *scene) {
		blocks := blocksOf(4, 1, 2)
		inputs := []campaign.Input{{Path: "a.yaml", Digest: "1", Data: []byte("name: a")}}
		r, err := s.l.Begin(s.ctx, aRun("a"), inputs)
		s.must(err)
		s.crash()
		read, err := s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(read, r)
		frozen, err := s.l.Inputs(s.ctx, r.ID)
		s.must(err)
		s.equal(frozen, inputs)
		s.must(s.l.Add(s.ctx, r.ID, blocks[:2]))
		s.crash()
		_, err = s.l.Begin(s.ctx, aRun("a"), inputs)
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		s.must(s.l.Open(s.ctx, r.ID, totalsOf(blocks)))
		s.crash()
		read, err = s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(read.State, campaign.Open)
		s.equal(read.Totals, totalsOf(blocks))
		for i, got := range collect(s, s.l.Results(s.ctx, r.ID)) {
			s.equal(got.Block, blocks[i])
		}
	}},
	{"a hold dies with its process and the next token is higher", func(s *scene) {
		r, h := s.held(1)
		for range 3 {
			s.crash()
			next, err := s.l.Claim(s.ctx, r.ID, "next", time.Hour)
			s.must(err)
			if next.Token <= h.Token {
				s.Fatalf("token %d after %d", next.Token, h.Token)
			}
			h = next
		}
	}},
	{"open intents are unknown after a crash, never pending", func(s *scene) {
		r, h := s.held(1, 1, 1)
		s.try(h, 1, whole(0), whole(1), whole(2))
		s.settle(h, whole(1), campaign.Accepted, 2)
		s.settle(h, whole(2), campaign.Deferred, 2)
		s.try(h, 3, whole(2))
		s.crash()
		h = s.claim(r.ID)
		s.equal(s.outcomes(r.ID), map[campaign.Part]campaign.Outcome{
			whole(0): campaign.Unknown, whole(1): campaign.Accepted, whole(2): campaign.Unknown,
			whole(3): campaign.Pending, whole(4): campaign.Pending, whole(5): campaign.Pending,
		})
		s.equal(len(collect(s, s.l.Work(s.ctx, h))), 1)
		s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(0), 4)}), ledger.ErrConflict)
		s.is(s.l.Record(s.ctx, h, []ledger.Settlement{settled(whole(0), campaign.Rejected, 4)}, nil), ledger.ErrConflict)
		s.settle(h, whole(0), campaign.Accepted, 4) // a person's word
		s.settle(h, whole(2), campaign.Deferred, 4)
		s.try(h, 5, whole(2))
		s.settle(h, whole(2), campaign.Rejected, 6) // an attempt of this hold
		s.equal(s.results(r.ID)[2].Attempts, 3)
	}},
	{"every group that returned is there after a crash", func(s *scene) {
		r, h := s.held(1, 4)
		for _, step := range [][]ledger.Group{
			{{Intents: []ledger.Intent{intent(whole(0), 1), intent(whole(1), 1)}}},
			{{ // a person's word on both, and a new attempt that is refused
				Settlements: []ledger.Settlement{settled(whole(0), campaign.Accepted, 2), settled(whole(1), campaign.Deferred, 2)},
				Intents:     []ledger.Intent{intent(whole(1), 2)},
			}, {
				Settlements: []ledger.Settlement{split(whole(1), 4, 2)},
				Intents:     []ledger.Intent{intent(part(1, 0, 2), 3), intent(whole(2), 3)},
			}},
			{{Settlements: []ledger.Settlement{settled(part(1, 0, 2), campaign.Deferred, 4)}}},
			{{Intents: []ledger.Intent{intent(part(1, 2, 4), 5), intent(part(1, 0, 2), 5)}}},
		} {
			for _, g := range step {
				s.must(s.l.Record(s.ctx, h, g.Settlements, g.Intents))
			}
			before := s.results(r.ID)
			attempts := collect(s, s.l.Attempts(s.ctx, r.ID, 1))
			s.crash()
			s.equal(s.results(r.ID), before)
			s.equal(collect(s, s.l.Attempts(s.ctx, r.ID, 1)), attempts)
			h = s.claim(r.ID)
			s.equal(s.results(r.ID), before) // claiming changes nothing
		}
		s.equal(s.outcomes(r.ID), map[campaign.Part]campaign.Outcome{
			whole(0): campaign.Accepted, part(1, 0, 2): campaign.Unknown, part(1, 2, 4): campaign.Unknown,
			whole(2): campaign.Unknown, whole(3): campaign.Pending,
		})
	}},
	{"cancel and stop survive a crash", func(s *scene) {
		r, h := s.held(1)
		s.must(s.l.Cancel(s.ctx, h, "enough"))
		s.crash()
		read, err := s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(read.State, campaign.Cancelled)
		s.equal(read.Reason, "enough")
		s.equal(s.outcomes(r.ID)[whole(0)], campaign.Skipped)
		h = s.claim(r.ID) // for a person's word
		s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(1), 1)}), ledger.ErrState)
	}},
	{"the clock of the last record survives a crash", func(s *scene) {
		r, h := s.held(1, 1)
		s.try(h, 500, whole(0))
		s.try(h, 450, whole(1))
		s.crash()
		h = s.claim(r.ID)
		s.is(s.l.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(2), 439)}), ledger.ErrClockBack)
		s.try(h, 440, whole(2))
	}},
}
