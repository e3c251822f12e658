package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

// Every connection that database/sql may open has the pragmas that durability
// and memory rest on.
func TestPragmasOfEveryConnection(t *testing.T) {
	l := open(t, fresh(t).options)
	readers, writer, planner := l.Databases()
	for name, tt := range map[string]struct {
		db    *sql.DB
		conns int
		want  map[string]string
	}{
		"readers": {readers, 4, map[string]string{"query_only": "1", "cache_size": "-256"}},
		"writer":  {writer, 1, map[string]string{"synchronous": "2", "query_only": "0", "wal_autocheckpoint": "2000"}},
		"planner": {planner, 1, map[string]string{"synchronous": "1", "query_only": "0", "journal_size_limit": "33554432"}},
	} {
		var held []*sql.Conn
		for range tt.conns {
			c, err := tt.db.Conn(ctx)
			must(t, err)
			held = append(held, c)
			tt.want["busy_timeout"], tt.want["journal_mode"], tt.want["trusted_schema"] = "20000", "wal", "0"
			for pragma, want := range tt.want {
				var got string
				must(t, c.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got))
				if got != want {
					t.Errorf("%s: %s is %s, want %s", name, pragma, got, want)
				}
			}
		}
		for _, c := range held {
			must(t, c.Close())
		}
	}
}

// full lets no page be added to the ledger, as a full disk would, until room is called.
func full(t *testing.T, dbs ...*sql.DB) (room func()) {
	t.Helper()
	limit := func(pages string) {
		for _, db := range dbs {
			_, err := db.Exec("PRAGMA max_page_count = " + pages)
			must(t, err)
		}
	}
	limit("1") // raised by SQLite to what is there
	return func() { limit("1000000") }
}

func TestFullDisk(t *testing.T) {
	l := open(t, fresh(t).options)
	r := planned(t, l, "a", 3000)
	h := claimed(t, l, r.ID)
	_, writer, planner := l.Databases()
	room := full(t, writer, planner)

	var failed error
	seq := int64(0)
	for failed == nil {
		if failed = try(l, h, seq); failed == nil {
			seq++
		}
	}
	says(t, failed, "recording", "no space is left")
	if got := outcomes(t, l, r.ID); got[seq] != campaign.Pending || seq > 0 && got[seq-1] != campaign.Unknown {
		t.Errorf("after the failure %d is %v", seq, got[seq])
	}
	big := make([]byte, 50_000)
	_, err := l.Begin(ctx, campaign.Run{ID: "big"}, []campaign.Input{{Path: "x", Data: big}})
	says(t, err, "no space is left")
	_, err = l.Run(ctx, "big")
	wants(t, err, ledger.ErrNotFound)

	room()
	must(t, try(l, h, seq)) // nothing of it was there
	planned(t, l, "b", 3000)
	if _, err := sqlite.Check(ctx, l.Options()); err != nil {
		t.Error(err)
	}
}

func TestFullDiskWhilePlanning(t *testing.T) {
	l := open(t, fresh(t).options)
	r, err := l.Begin(ctx, campaign.Run{ID: "r", PlanDigest: "d"}, nil)
	must(t, err)
	_, writer, planner := l.Databases()
	room := full(t, writer, planner)
	b := campaign.Block{}
	for i := range 5000 {
		b.Deliveries = append(b.Deliveries, campaign.Delivery{Seq: int64(i)})
	}
	says(t, l.Add(ctx, r.ID, []campaign.Block{b}), "adding to the plan", "no space is left")
	room()
	wants(t, l.Open(ctx, r.ID, campaign.Totals{Blocks: 1, Requests: 5000}), ledger.ErrConflict)
	must(t, l.Add(ctx, r.ID, []campaign.Block{b}))
	must(t, l.Open(ctx, r.ID, campaign.Totals{Blocks: 1, Requests: 5000}))
}

// A write that failed leaves in doubt whether it happened. Both halves.
func TestDoubtfulWrite(t *testing.T) {
	for _, happened := range []bool{false, true} {
		t.Run(fmt.Sprint("happened=", happened), func(t *testing.T) {
			s := fresh(t)
			l := open(t, s.options)
			r := planned(t, l, "a", 10)
			h := claimed(t, l, r.ID)
			must(t, try(l, h, 0))
			_, writer, _ := l.Databases()
			_, err := writer.Exec("PRAGMA query_only = 1") // a file system that became read-only
			must(t, err)
			says(t, try(l, h, 1), "recording", "cannot be written")
			says(t, l.Cancel(ctx, h, "no"), "cancelling", "cannot be written")
			says(t, l.Stop(ctx, r.ID), "stopping", "cannot be written")
			_, err = writer.Exec("PRAGMA query_only = 0")
			must(t, err)
			if happened {
				record, detail, err := ledger.EncodeGroup(ledger.Group{Intents: []ledger.Intent{{Part: campaign.Part{Seq: 1}, At: noon}}})
				must(t, err)
				statement(t, filepath.Join(s.options.Dir, "ledger.db"),
					"INSERT INTO journal (run, token, kind, at, record, detail) SELECT run, token, kind, at, ?, ? FROM journal WHERE kind = 0", record, detail)
				wants(t, try(l, h, 1), ledger.ErrConflict) // the hold knows what the disk knows
			} else {
				must(t, try(l, h, 1))
			}
			settlement := []ledger.Settlement{{Part: campaign.Part{Seq: 1}, At: noon, Verdict: campaign.Verdict{Outcome: campaign.Rejected}}}
			must(t, l.Record(ctx, h, settlement, nil))
			if got := outcomes(t, l, r.ID); got[1] != campaign.Rejected || got[0] != campaign.Unknown {
				t.Errorf("outcomes %v", got)
			}
		})
	}
}

// A ledger that is taken away while it is in use would go on in a file without a name.
func TestExchangedFile(t *testing.T) {
	s := fresh(t)
	l := open(t, s.options)
	h := claimed(t, l, planned(t, l, "a", 1).ID)
	asked, err := l.Stopped(ctx, h)
	if asked || err != nil {
		t.Fatal(asked, err)
	}
	file := filepath.Join(s.options.Dir, "ledger.db")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Skipf("this system does not move a file in use: %v", err)
	}
	_, err = l.Stopped(ctx, h)
	wants(t, err, ledger.ErrNoState)
	must(t, os.WriteFile(file, nil, 0o600))
	_, err = l.Stopped(ctx, h)
	wants(t, err, ledger.ErrNoState)
	must(t, os.Remove(file))
	must(t, os.Rename(file+".away", file))
	_, err = l.Stopped(ctx, h)
	must(t, err)
}

func TestClosedHandle(t *testing.T) {
	s := used(t)
	l, err := sqlite.Open(ctx, s.options)
	must(t, err)
	run := campaign.RunID("p", "a", campaign.Once)
	h := claimed(t, l, run)
	must(t, l.Close())
	must(t, l.Close())
	must(t, l.Release(ctx, h))
	_, begin := l.Begin(ctx, campaign.Run{ID: "x"}, nil)
	_, claim := l.Claim(ctx, run, "x", 0)
	_, inputs := l.Inputs(ctx, run)
	for i, err := range []error{try(l, h, 5), l.Stop(ctx, run), l.Cancel(ctx, h, ""), begin, claim, inputs} {
		if err == nil {
			t.Errorf("method %d works on a closed ledger", i)
		}
	}
}

// The write-ahead log does not grow with the run, even while a report is being read.
func TestWriteAheadLogIsBounded(t *testing.T) {
	s := fresh(t)
	l := open(t, s.options)
	r := planned(t, l, "a", 4000)
	h := claimed(t, l, r.ID)
	answer := make([]byte, ledger.AnswerLimit)
	var largest int64
	for _, err := range l.Results(ctx, r.ID) { // one block: the reader stays inside while the run goes on
		must(t, err)
		for from := int64(0); from < 4000; from += 100 {
			var intents []ledger.Intent
			var settlements []ledger.Settlement
			for seq := range int64(100) {
				p := campaign.Part{Seq: from + seq}
				intents = append(intents, ledger.Intent{Part: p, At: noon})
				settlements = append(settlements, ledger.Settlement{Part: p, At: noon, Answer: answer, Verdict: campaign.Verdict{Outcome: campaign.Deferred}})
			}
			for range 5 {
				must(t, errors.Join(l.Record(ctx, h, nil, intents), l.Record(ctx, h, settlements, nil)))
			}
			info, err := os.Stat(filepath.Join(s.options.Dir, "ledger.db-wal"))
			must(t, err)
			largest = max(largest, info.Size())
		}
	}
	if largest > 12<<20 { // of about 20 MB written
		t.Errorf("the write-ahead log grew to %d bytes", largest)
	}
	if got := outcomes(t, l, r.ID); slices.ContainsFunc(got, func(o campaign.Outcome) bool { return o != campaign.Deferred }) {
		t.Error("not all are deferred")
	}
}
