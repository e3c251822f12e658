package ledgertest

import (
	"encoding/binary"
	"sync"

	"campaign/internal/ledger"
)

// take takes a place that must be free.
func (s *scene) take(l ledger.Ledger, n int) (leave func()) {
	s.Helper()
	leave, ok, err := l.Place(s.ctx, "gov", n)
	s.must(err)
	if !ok {
		s.Fatal("no place is free")
	}
	return leave
}

// full fails unless all places are taken.
func (s *scene) full(l ledger.Ledger, n int) {
	s.Helper()
	_, ok, err := l.Place(s.ctx, "gov", n)
	s.must(err)
	if ok {
		s.Fatalf("a place more than %d", n)
	}
}

func (s *scene) wanted(l ledger.Ledger) bool {
	s.Helper()
	wanted, err := l.Wanted(s.ctx, "gov")
	s.must(err)
	return wanted
}

// share puts a cell in the place of an account's and gives what was there.
func (s *scene) share(l ledger.Ledger, account, cell string) (was []byte) {
	s.Helper()
	s.must(l.Share(s.ctx, account, func(found []byte) []byte {
		was = append(found[:0:0], found...)
		return []byte(cell)
	}))
	return was
}

var sharing = []test{
	{"the cell is as its last caller left it", func(s *scene) {
		other := s.subject.Open(s)
		if was := s.share(s.l, "gov", "a longer cell"); was != nil {
			s.Errorf("a cell that nobody wrote: %q", was)
		}
		s.equal(string(s.share(other, "gov", "cell")), "a longer cell")
		s.equal(string(s.share(s.l, "gov", "")), "cell")
		s.equal(len(s.share(other, "gov", "x")), 0)
		if was := s.share(other, "media", "x"); was != nil {
			s.Errorf("another account's cell: %q", was)
		}
		s.subject.Crash(s)
		s.equal(string(s.share(s.subject.Open(s), "gov", "")), "x")
	}},
	{"callers of a cell take turns", func(s *scene) {
		var all sync.WaitGroup
		for range 4 {
			l := s.subject.Open(s)
			for range 2 {
				all.Go(func() {
					for range 25 {
						if err := l.Share(s.ctx, "gov", func(cell []byte) []byte {
							n, _ := binary.Uvarint(cell)
							return binary.AppendUvarint(nil, n+1)
						}); err != nil {
							s.Error(err)
						}
					}
				})
			}
		}
		all.Wait()
		n, _ := binary.Uvarint(s.share(s.l, "gov", ""))
		s.equal(n, uint64(200))
	}},
	{"no more places are taken than there are", func(s *scene) {
		other := s.subject.Open(s)
		leave := s.take(s.l, 3)
		s.take(other, 3)
		s.take(s.l, 3)
		s.full(s.l, 3)
		s.full(other, 3)
		leave()
		leave() // gives one back, not two
		again := s.take(other, 3)
		s.full(s.l, 3)
		leave() // it is another's now
		s.full(s.l, 3)
		again()
		s.take(s.l, 3)
	}},
	{"closing a handle gives its places back", func(s *scene) {
		leave := s.take(s.l, 2)
		s.take(s.l, 2)
		other := s.subject.Open(s)
		s.full(other, 2)
		s.must(s.l.Close())
		s.take(other, 2)
		s.take(other, 2)
		leave()
		s.full(other, 2)
	}},
	{"a crash gives places back", func(s *scene) {
		s.take(s.l, 1)
		s.subject.Crash(s)
		s.take(s.subject.Open(s), 1)
	}},
	{"who has places is told that somebody waits", func(s *scene) {
		other := s.subject.Open(s)
		leave := s.take(s.l, 1)
		if s.wanted(s.l) {
			s.Error("told of nobody")
		}
		s.full(other, 1)
		if !s.wanted(s.l) || s.wanted(other) {
			s.Error("the one who waits was told, or the one who has it was not")
		}
		leave()
		s.take(other, 1)
		if s.wanted(s.l) {
			s.Error("told of one who has a place by now")
		}
	}},
}
