package mem_test

import (
	"testing"

	"campaign/internal/ledger"
	"campaign/internal/ledger/ledgertest"
	"campaign/internal/ledger/mem"
)

type subject struct {
	root *mem.Ledger
	live []*mem.Ledger
}

func (s *subject) Open(t testing.TB) ledger.Ledger {
	l := s.root.Fork()
	s.live = append(s.live, l)
	t.Cleanup(func() { l.Close() })
	return l
}

func (s *subject) Crash(testing.TB) {
	for _, l := range s.live {
		l.Kill()
	}
	s.live = nil
}

func (s *subject) Expire(_ testing.TB, run string) { s.root.Expire(run) }

func TestContract(t *testing.T) {
	ledgertest.Run(t, func(testing.TB) ledgertest.Subject { return &subject{root: mem.New()} })
}
