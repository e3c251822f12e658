package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

// A ledger from before there were schedules gets their tables, and keeps its runs.
// Those of format 3 may have the tables or not.
func TestSlotsOfAnOlderLedger(t *testing.T) {
	for _, older := range []string{
		"DROP TABLE schedules; DROP TABLE slots; DROP TABLE said; PRAGMA user_version = 2",
		"DROP TABLE schedules; DROP TABLE slots; PRAGMA user_version = 3",
		"PRAGMA user_version = 3",
	} {
		t.Run(older, func(t *testing.T) { slotsOfAnOlderLedger(t, older) })
	}
}

func slotsOfAnOlderLedger(t *testing.T, older string) {
	s := used(t)
	before, err := sqlite.Check(ctx, s.options)
	must(t, err)
	statement(t, filepath.Join(s.options.Dir, "ledger.db"), older)
	l := open(t, s.options)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	taken, err := l.Decide(ctx, "test", []ledger.Decision{{Campaign: "a", Upto: at, Slots: []campaign.Slot{{Label: "x", At: at, Count: 1}}}})
	must(t, err)
	if len(taken) != 1 || !taken[0] {
		t.Error(taken)
	}
	after, err := sqlite.Check(ctx, s.options)
	must(t, err)
	if before != after || before.Runs == 0 {
		t.Errorf("%+v, before it was %+v", after, before)
	}
}

// An exported ledger takes its occurrences along.
func TestSlotsAreExported(t *testing.T) {
	s := used(t)
	l := open(t, s.options)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	_, err := l.Decide(ctx, "test", []ledger.Decision{{Campaign: "a", Upto: at, Slots: []campaign.Slot{{Label: "x", At: at, Count: 1}}}})
	must(t, err)
	must(t, l.Close())
	file := filepath.Join(t.TempDir(), "ledger.campaign")
	must(t, sqlite.Export(ctx, s.options, file))
	there := optionsIn(t.TempDir())
	must(t, sqlite.Import(ctx, there, file))
	l = open(t, there)
	upto, err := l.Decided(ctx, "test")
	must(t, err)
	if !upto["a"].Equal(at) {
		t.Errorf("decided %v", upto)
	}
}
