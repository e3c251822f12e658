package ledgertest

import (
	"errors"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// errFault is what Faulty fails with here.
var errFault = errors.New("the disk caught fire")

// failing tests both halves of a failed write: it did not happen, and it did
// although it said that it had not. After either the caller asks again, in the
// same process or after its death.
var failing = []test{
	{"begin", bothHalves(Begin, func(s *scene, f *Faulty, happened bool) {
		brought, inputs := aRun("a"), []campaign.Input{{Path: "a", Digest: "1", Data: []byte("x")}}
		_, err := f.Begin(s.ctx, brought, inputs)
		s.is(err, errFault)
		_, err = s.l.Run(s.ctx, brought.ID)
		s.equal(err == nil, happened)
		again, err := s.l.Begin(s.ctx, brought, inputs)
		s.must(err)
		s.equal(again, brought)
		got, err := s.l.Inputs(s.ctx, brought.ID)
		s.must(err)
		s.equal(got, inputs)
	})},
	{"add", bothHalves(Add, func(s *scene, f *Faulty, happened bool) {
		blocks := blocksOf(3, 1, 2)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		s.is(f.Add(s.ctx, r.ID, blocks[:2]), errFault)
		if happened {
			s.equal(len(collect(s, s.l.Results(s.ctx, r.ID))), 2)
		} else {
			s.equal(len(collect(s, s.l.Results(s.ctx, r.ID))), 0)
		}
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		s.must(s.l.Open(s.ctx, r.ID, totalsOf(blocks)))
	})},
	{"open", bothHalves(Open, func(s *scene, f *Faulty, happened bool) {
		blocks := blocksOf(1, 1)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		s.is(f.Open(s.ctx, r.ID, totalsOf(blocks)), errFault)
		read, err := s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(read.State == campaign.Open, happened)
		s.must(s.l.Open(s.ctx, r.ID, totalsOf(blocks)))
	})},
	{"claim", bothHalves(Claim, func(s *scene, f *Faulty, happened bool) {
		r := s.open("a", blocksOf(1, 1))
		_, err := f.Claim(s.ctx, r.ID, "owner", time.Hour)
		s.is(err, errFault)
		if happened { // nobody knows the token: the hold ends with the process
			_, err = s.l.Claim(s.ctx, r.ID, "owner", time.Hour)
			s.is(err, ledger.ErrHeld)
			s.crash()
		}
		s.try(s.claim(r.ID), 1, whole(0))
	})},
	{"release", bothHalves(Release, func(s *scene, f *Faulty, happened bool) {
		r, h := s.held(1)
		s.is(f.Release(s.ctx, h), errFault)
		err := s.l.Record(s.ctx, h, nil, nil)
		s.equal(errors.Is(err, ledger.ErrHoldLost), happened)
		s.must(s.l.Release(s.ctx, h))
		s.claim(r.ID)
	})},
	{"record of an intent", bothHalves(Record, func(s *scene, f *Faulty, happened bool) {
		r, h := s.held(1)
		s.is(f.Record(s.ctx, h, nil, []ledger.Intent{intent(whole(0), 1)}), errFault)
		want := campaign.Pending // nothing was sent, and the ledger says so
		if happened {
			want = campaign.Unknown // nothing was sent, and the ledger does not know it: a person looks
		}
		s.equal(s.outcomes(r.ID)[whole(0)], want)
		s.crash()
		s.equal(s.outcomes(r.ID)[whole(0)], want)
		err := s.l.Record(s.ctx, s.claim(r.ID), nil, []ledger.Intent{intent(whole(0), 2)})
		s.equal(errors.Is(err, ledger.ErrConflict), happened)
	})},
	{"record of a settlement", bothHalves(Record, func(s *scene, f *Faulty, happened bool) {
		r, h := s.held(1)
		s.try(h, 1, whole(0))
		accepted := []ledger.Settlement{settled(whole(0), campaign.Accepted, 2)}
		s.is(f.Record(s.ctx, h, accepted, nil), errFault)
		err := s.l.Record(s.ctx, h, accepted, nil)
		s.equal(errors.Is(err, ledger.ErrConflict), happened)
		s.crash()
		s.equal(s.outcomes(r.ID)[whole(0)], campaign.Accepted)
	})},
	{"a settlement that was lost is unknown", bothHalves(Record, func(s *scene, f *Faulty, happened bool) {
		r, h := s.held(1)
		s.try(h, 1, whole(0))
		s.is(f.Record(s.ctx, h, []ledger.Settlement{settled(whole(0), campaign.Accepted, 2)}, nil), errFault)
		s.crash()
		want := campaign.Unknown
		if happened {
			want = campaign.Accepted
		}
		s.equal(s.outcomes(r.ID)[whole(0)], want)
	})},
	{"cancel", bothHalves(Cancel, func(s *scene, f *Faulty, happened bool) {
		r, h := s.held(1)
		s.is(f.Cancel(s.ctx, h, "enough"), errFault)
		read, err := s.l.Run(s.ctx, r.ID)
		s.must(err)
		s.equal(read.State == campaign.Cancelled, happened)
		s.must(s.l.Cancel(s.ctx, h, "enough"))
		s.equal(s.outcomes(r.ID)[whole(0)], campaign.Skipped)
	})},
}

// bothHalves runs a test with a ledger whose next write of that kind fails, once
// before its effect and once after it.
func bothHalves(verb Verb, do func(s *scene, f *Faulty, happened bool)) func(s *scene) {
	return func(s *scene) {
		fault := func(v Verb) error {
			if v == verb {
				return errFault
			}
			return nil
		}
		do(s, &Faulty{Ledger: s.l, Before: fault}, false)
		s.renew()
		do(s, &Faulty{Ledger: s.l, After: fault}, true)
	}
}
