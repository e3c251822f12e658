package ledgertest

import (
	"context"
	"fmt"
	"sync"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// reserving tests what a cap of messages stands on: a run reserves its messages when
// it opens, runs that begin in turn count each other, and what is definitely not
// sent is given back with the record that says so.
var reserving = []test{
	{"processes that begin in turn count each other", func(s *scene) {
		const most, processes = 3, 8
		var all sync.WaitGroup
		failed := make([]error, processes)
		for i := range processes {
			l := s.subject.Open(s)
			all.Go(func() { failed[i] = beginInTurn(s.ctx, l, fmt.Sprint("run", i), most) })
		}
		all.Wait()
		for _, err := range failed {
			s.must(err)
		}
		n, err := owed(s.ctx, s.l)
		s.must(err)
		s.equal(n, most)
	}},
	{"a process that dies while it begins reserves nothing, and holds nobody up", func(s *scene) {
		_, ok, err := s.l.Place(s.ctx, "begin", 1)
		s.must(err)
		s.equal(ok, true)
		blocks := blocksOf(1, 1)
		r, err := s.l.Begin(s.ctx, aRun("dead"), nil)
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		s.crash()
		n, err := owed(s.ctx, s.l)
		s.must(err)
		s.equal(n, 0)
		s.must(beginInTurn(s.ctx, s.l, "next", 1))
		n, err = owed(s.ctx, s.l)
		s.must(err)
		s.equal(n, 1)
	}},
	{"a run is owed when it is open, in both halves of a fault", bothHalves(Open, func(s *scene, f *Faulty, happened bool) {
		blocks := blocksOf(1, 1)
		r, err := s.l.Begin(s.ctx, aRun("a"), nil)
		s.must(err)
		s.must(s.l.Add(s.ctx, r.ID, blocks))
		s.is(f.Open(s.ctx, r.ID, totalsOf(blocks)), errFault)
		s.crash()
		n, err := owed(s.ctx, s.l)
		s.must(err)
		s.equal(n == 1, happened)
	})},
	{"what is definitely not sent is given back, in both halves of a fault", bothHalves(Record, func(s *scene, f *Faulty, happened bool) {
		r, h := s.held(1)
		s.try(h, 1, whole(0))
		s.try(h, 1, whole(1))
		s.is(f.Record(s.ctx, h, []ledger.Settlement{settled(whole(0), campaign.Rejected, 2)}, nil), errFault)
		s.crash()
		n, err := owed(s.ctx, s.l)
		s.must(err)
		s.equal(n, map[bool]int{true: 1, false: 2}[happened]) // unknown counts
		s.must(s.l.Cancel(s.ctx, s.claim(r.ID), "enough"))
		left, err := owed(s.ctx, s.l)
		s.must(err)
		s.equal(left, n)
	})},
}

// beginInTurn opens a run of one message, unless most are owed already, while nobody
// else begins one.
func beginInTurn(ctx context.Context, l ledger.Ledger, name string, most int) error {
	leave, err := turn(ctx, l)
	if err != nil {
		return err
	}
	defer leave()
	n, err := owed(ctx, l)
	if err != nil || n >= most {
		return err
	}
	blocks := blocksOf(1, 1)
	r, err := l.Begin(ctx, aRun(name), nil)
	if err == nil {
		err = l.Add(ctx, r.ID, blocks)
	}
	if err == nil {
		err = l.Open(ctx, r.ID, totalsOf(blocks))
	}
	return err
}

func turn(ctx context.Context, l ledger.Ledger) (leave func(), err error) {
	for ctx.Err() == nil {
		leave, ok, err := l.Place(ctx, "begin", 1)
		if err != nil || ok {
			return leave, err
		}
	}
	return nil, ctx.Err()
}

// owed counts the recipients that open runs have reached, may have reached, or owe.
func owed(ctx context.Context, l ledger.Ledger) (n int, err error) {
	for run, err := range l.Runs(ctx, ledger.Filter{}) {
		if err != nil {
			return n, err
		}
		if run.State == campaign.Planning {
			continue
		}
		for b, err := range l.Results(ctx, run.ID) {
			if err != nil {
				return n, err
			}
			for _, r := range b.Results {
				if o := r.Verdict.Outcome; o != campaign.Rejected && o != campaign.Skipped {
					n++
				}
			}
		}
	}
	return n, nil
}
