package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// due is an occurrence that a process claims; second tells them apart.
func due(second int) campaign.Slot {
	label := fmt.Sprintf("slot %d", second)
	return campaign.Slot{Label: label, At: at(second), LastLabel: label, LastAt: at(second), Count: 1, Decided: at(second + 1), Owner: "owner"}
}

func skipped(second int, reason string) campaign.Slot {
	s := due(second)
	s.State, s.Reason = campaign.SlotSkipped, reason
	return s
}

func decision(name string, from, upto time.Time, slots ...campaign.Slot) ledger.Decision {
	return ledger.Decision{Campaign: name, From: from, Upto: upto, Slots: slots}
}

// decide records decisions and gives which were taken.
func (s *scene) decide(decisions ...ledger.Decision) []bool {
	s.Helper()
	taken, err := s.l.Decide(s.ctx, "test", decisions)
	s.must(err)
	return taken
}

func (s *scene) slots(filter ledger.SlotFilter) []campaign.Slot {
	s.Helper()
	return collect(s, s.l.Slots(s.ctx, filter))
}

// of fills in what the ledger adds.
func of(name string, slots ...campaign.Slot) []campaign.Slot {
	for i := range slots {
		slots[i].Profile, slots[i].Campaign = "test", name
	}
	return slots
}

var slots = []test{
	{"what is decided is there, and for its profile only", func(s *scene) {
		s.equal(s.decide(decision("a", time.Time{}, at(10))), []bool{true})
		s.equal(s.decide(decision("a", at(10), at(20), skipped(12, "missed"), due(20)), decision("b", time.Time{}, at(20))), []bool{true, true})
		upto, err := s.l.Decided(s.ctx, "test")
		s.must(err)
		s.equal(upto, map[string]time.Time{"a": at(20), "b": at(20)})
		upto, err = s.l.Decided(s.ctx, "other")
		s.must(err)
		s.equal(len(upto), 0)
		s.equal(s.slots(ledger.SlotFilter{}), of("a", skipped(12, "missed"), due(20)))
		s.equal(len(s.slots(ledger.SlotFilter{Profile: "other"})), 0)
	}},
	{"who looked at an older state changes nothing", func(s *scene) {
		s.decide(decision("a", time.Time{}, at(10)))
		s.equal(s.decide(decision("a", at(10), at(20), due(20))), []bool{true})
		for _, from := range []time.Time{{}, at(10), at(15), at(21)} {
			s.equal(s.decide(decision("a", from, at(30), due(25)), decision("b", from, at(30), due(25))), []bool{false, from.IsZero()})
		}
		s.equal(s.slots(ledger.SlotFilter{Campaign: "a"}), of("a", due(20)))
	}},
	{"the decided time never goes back", func(s *scene) {
		s.decide(decision("a", time.Time{}, at(10)))
		s.equal(s.decide(decision("a", at(10), at(5))), []bool{true})
		upto, err := s.l.Decided(s.ctx, "test")
		s.must(err)
		s.equal(upto["a"], at(10))
	}},
	{"what was decided by a wrong clock is set back", func(s *scene) {
		s.decide(decision("a", time.Time{}, at(50), due(40)), decision("b", time.Time{}, at(20)))
		n, err := s.l.Rewind(s.ctx, "test", at(30))
		s.must(err)
		s.equal(n, int64(1))
		n, err = s.l.Rewind(s.ctx, "other", at(0))
		s.must(err)
		s.equal(n, int64(0))
		s.equal(s.decide(decision("a", at(30), at(60), due(40), due(60))), []bool{true})
		s.equal(s.slots(ledger.SlotFilter{}), of("a", due(40), due(60)))
	}},
	{"a label is claimed once for ever", func(s *scene) {
		s.decide(decision("a", time.Time{}, at(10), due(10)))
		s.must(s.l.EndSlot(s.ctx, of("a", due(10))[0], campaign.SlotRan, ""))
		s.decide(decision("a", at(10), at(20), due(10)), decision("b", time.Time{}, at(20), due(10)))
		got := s.slots(ledger.SlotFilter{Campaign: "a"})
		s.equal(len(got), 1)
		s.equal(got[0].State, campaign.SlotRan)
		s.equal(len(s.slots(ledger.SlotFilter{Open: true})), 1)
	}},
	{"skipped ones of one reason are one stretch", func(s *scene) {
		s.decide(decision("a", time.Time{}, at(10), skipped(1, "missed"), skipped(2, "missed"), due(3), skipped(4, "missed"), skipped(5, "overlap: x")))
		long := skipped(6, "overlap: x")
		long.LastLabel, long.LastAt, long.Count = "slot 9", at(9), 4
		s.decide(decision("a", at(10), at(20), long))
		first, last := skipped(1, "missed"), skipped(5, "overlap: x")
		first.LastLabel, first.LastAt, first.Count = "slot 2", at(2), 2
		last.LastLabel, last.LastAt, last.Count = "slot 9", at(9), 5
		s.equal(s.slots(ledger.SlotFilter{}), of("a", first, due(3), skipped(4, "missed"), last))
		s.equal(s.slots(ledger.SlotFilter{From: at(9), Until: at(10)}), of("a", last))
		s.equal(len(s.slots(ledger.SlotFilter{From: at(4), Until: at(5)})), 1)
	}},
	{"the newest of each campaign", func(s *scene) {
		s.decide(decision("a", time.Time{}, at(10), due(1), due(2), due(3), skipped(4, "missed")), decision("b", time.Time{}, at(10), due(2)))
		s.must(s.l.EndSlot(s.ctx, of("a", due(1))[0], campaign.SlotRan, ""))
		s.must(s.l.EndSlot(s.ctx, of("a", due(2))[0], campaign.SlotRan, "exit code 3"))
		s.equal(s.slots(ledger.SlotFilter{Newest: true}), append(of("b", due(2)), of("a", skipped(4, "missed"))...))
		ran := of("a", due(1))[0]
		ran.State = campaign.SlotRan
		s.equal(s.slots(ledger.SlotFilter{Newest: true, Well: true}), []campaign.Slot{ran})
		s.equal(s.slots(ledger.SlotFilter{Newest: true, Open: true}), append(of("b", due(2)), of("a", due(3))...))
	}},
	{"a due one ends once", func(s *scene) {
		s.decide(decision("a", time.Time{}, at(10), due(1), due(2)))
		one, two := of("a", due(1))[0], of("a", due(2))[0]
		s.must(s.l.EndSlot(s.ctx, one, campaign.SlotSkipped, "missed: too late"))
		s.must(s.l.EndSlot(s.ctx, one, campaign.SlotRan, ""))
		s.equal(s.slots(ledger.SlotFilter{Open: true}), of("a", due(2)))
		s.must(s.l.EndSlot(s.ctx, two, campaign.SlotRan, ""))
		one.State, one.Reason, two.State = campaign.SlotSkipped, "missed: too late", campaign.SlotRan
		s.equal(s.slots(ledger.SlotFilter{}), []campaign.Slot{one, two})
		s.is(s.l.EndSlot(s.ctx, of("a", due(3))[0], campaign.SlotRan, ""), ledger.ErrNotFound)
	}},
	{"decisions and ends survive a crash, a turn does not", func(s *scene) {
		s.decide(decision("a", time.Time{}, at(10), due(1), due(2)))
		_, ok, err := s.l.Turn(s.ctx, "test", "a")
		s.must(err)
		s.equal(ok, true)
		s.must(s.l.EndSlot(s.ctx, of("a", due(1))[0], campaign.SlotRan, ""))
		s.crash()
		s.equal(s.slots(ledger.SlotFilter{Open: true}), of("a", due(2)))
		upto, err := s.l.Decided(s.ctx, "test")
		s.must(err)
		s.equal(upto["a"], at(10))
		_, ok, err = s.l.Turn(s.ctx, "test", "a")
		s.must(err)
		s.equal(ok, true)
	}},
	{"one has the turn", func(s *scene) {
		leave, ok, err := s.l.Turn(s.ctx, "test", "a")
		s.must(err)
		s.equal(ok, true)
		other := s.subject.Open(s)
		for _, l := range []ledger.Ledger{s.l, other} {
			_, ok, err := l.Turn(s.ctx, "test", "a")
			s.must(err)
			s.equal(ok, false)
		}
		for _, name := range []string{"b", "test"} {
			_, ok, err := other.Turn(s.ctx, "test", name)
			s.must(err)
			s.equal(ok, true)
		}
		leave()
		leave()
		again, ok, err := other.Turn(s.ctx, "test", "a")
		s.must(err)
		s.equal(ok, true)
		leave() // an old one takes nothing away
		_, ok, err = s.l.Turn(s.ctx, "test", "a")
		s.must(err)
		s.equal(ok, false)
		s.must(other.Close())
		_, ok, err = s.l.Turn(s.ctx, "test", "a")
		s.must(err)
		s.equal(ok, true)
		again()
	}},
	{"of many that decide one is taken", func(s *scene) {
		s.decide(decision("a", time.Time{}, at(10)))
		var won atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			l := s.subject.Open(s)
			all.Go(func() {
				taken, err := l.Decide(s.ctx, "test", []ledger.Decision{decision("a", at(10), at(20), due(20))})
				if err != nil {
					s.Error(err)
				} else if taken[0] {
					won.Add(1)
				}
			})
		}
		all.Wait()
		s.equal(won.Load(), int64(1))
		s.equal(len(s.slots(ledger.SlotFilter{})), 1)
	}},
	{"an ended context stops before the effect", func(s *scene) {
		ended, end := context.WithCancel(s.ctx)
		end()
		_, decide := s.l.Decide(ended, "test", []ledger.Decision{decision("a", time.Time{}, at(10))})
		_, decided := s.l.Decided(ended, "test")
		_, _, turn := s.l.Turn(ended, "test", "a")
		for i, err := range []error{decide, decided, turn, s.l.EndSlot(ended, due(1), campaign.SlotRan, ""), first(s.l.Slots(ended, ledger.SlotFilter{}))} {
			if !errors.Is(err, context.Canceled) {
				s.Errorf("method %d: error %v", i, err)
			}
		}
		upto, err := s.l.Decided(s.ctx, "test")
		s.must(err)
		s.equal(len(upto), 0)
	}},
	{"a decision that fails", bothHalves(Decide, func(s *scene, f *Faulty, happened bool) {
		one := decision("a", time.Time{}, at(10), due(10))
		_, err := f.Decide(s.ctx, "test", []ledger.Decision{one})
		s.is(err, errFault)
		s.equal(s.decide(one), []bool{!happened}) // who asks again sees that it is decided
		s.equal(s.slots(ledger.SlotFilter{}), of("a", due(10)))
	})},
	{"an end that fails", bothHalves(EndSlot, func(s *scene, f *Faulty, happened bool) {
		s.decide(decision("a", time.Time{}, at(10), due(10)))
		one := of("a", due(10))[0]
		s.is(f.EndSlot(s.ctx, one, campaign.SlotRan, ""), errFault)
		s.equal(len(s.slots(ledger.SlotFilter{Open: true})) == 0, happened)
		s.must(s.l.EndSlot(s.ctx, one, campaign.SlotRan, ""))
		s.equal(len(s.slots(ledger.SlotFilter{Open: true})), 0)
	})},
}
