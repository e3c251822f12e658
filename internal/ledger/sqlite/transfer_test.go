package sqlite_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

// exported is a used ledger, closed, and the file it went to.
func exported(t *testing.T) (s *subject, file string) {
	t.Helper()
	s, file = used(t), filepath.Join(t.TempDir(), "carry.campaign")
	must(t, sqlite.Export(ctx, s.options, file))
	return s, file
}

func outcomes(t *testing.T, r ledger.Reader, run string) (all []campaign.Outcome) {
	t.Helper()
	for b, err := range r.Results(ctx, run) {
		must(t, err)
		for _, res := range b.Results {
			all = append(all, res.Verdict.Outcome)
		}
	}
	return all
}

func TestExportCarriesOnElsewhere(t *testing.T) {
	s, file := exported(t)
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	there := optionsIn(t.TempDir())
	must(t, sqlite.Import(ctx, there, file))
	l := open(t, there)
	run := campaign.RunID("p", "a", campaign.Once)
	if got := outcomes(t, l, run); len(got) != 10 || got[0] != campaign.Unknown || got[3] != campaign.Pending {
		t.Errorf("outcomes %v", got)
	}
	h := claimed(t, l, run)
	must(t, try(l, h, 3))
	must(t, l.Close())

	_, err := sqlite.Open(ctx, s.options) // this copy is closed
	wants(t, err, ledger.ErrClosed)
	r, err := sqlite.OpenReadOnly(ctx, s.options)
	must(t, err)
	if !r.Closed() || len(outcomes(t, r, run)) != 10 {
		t.Error("the closed ledger is not readable")
	}
	must(t, r.Close())
	checked, err := sqlite.Check(ctx, s.options)
	if err != nil || !checked.Closed || checked.Deliveries != 10 {
		t.Errorf("%+v, %v", checked, err)
	}

	back := filepath.Join(t.TempDir(), "back.campaign") // and back again
	must(t, sqlite.Export(ctx, there, back))
	must(t, sqlite.Import(ctx, s.options, back))
	l = open(t, s.options)
	if got := outcomes(t, l, run); got[3] != campaign.Unknown {
		t.Errorf("what was sent elsewhere is %v", got[3])
	}
	wants(t, sqlite.Import(ctx, there, file), ledger.ErrStale) // the first file is older than what went back
	_, err = sqlite.Open(ctx, there)
	wants(t, err, ledger.ErrClosed)
}

func TestExportRefusesWhatIsHeld(t *testing.T) {
	s := used(t)
	file := filepath.Join(t.TempDir(), "carry")
	l := open(t, s.options)
	run := campaign.RunID("p", "a", campaign.Once)
	h := claimed(t, l, run)
	err := sqlite.Export(ctx, s.options, file)
	wants(t, err, ledger.ErrHeld)
	says(t, err, run, "tester")
	must(t, try(l, h, 5)) // it goes on
	must(t, l.Release(ctx, h))
	must(t, sqlite.Export(ctx, s.options, file))
	_, err = l.Claim(ctx, run, "tester", time.Hour) // a process that had it open before
	wants(t, err, ledger.ErrClosed)
	_, err = l.Begin(ctx, campaign.Run{ID: "new"}, nil)
	wants(t, err, ledger.ErrClosed)
	wants(t, l.Add(ctx, run, nil), ledger.ErrClosed)
}

func TestExportTakesNoPlace(t *testing.T) {
	s := used(t)
	file := filepath.Join(t.TempDir(), "carry")
	must(t, os.WriteFile(file, []byte("mine"), 0o600))
	wants(t, sqlite.Export(ctx, s.options, file), fs.ErrExist)
	if err := sqlite.Export(ctx, s.options, filepath.Join(file, "no-folder")); err == nil {
		t.Error("exported into a file")
	}
	err := sqlite.Export(ctx, s.options, filepath.Join(t.TempDir(), "no-folder", "carry"))
	wants(t, err, fs.ErrNotExist)
	open(t, s.options) // a failed export leaves it open for sending
	must(t, sqlite.Export(ctx, s.options, filepath.Join(t.TempDir(), "carry")))
	err = sqlite.Export(ctx, s.options, filepath.Join(t.TempDir(), "no-folder", "carry"))
	wants(t, err, fs.ErrNotExist)
	_, err = sqlite.Open(ctx, s.options) // and a closed one closed
	wants(t, err, ledger.ErrClosed)
}

func TestExportAgain(t *testing.T) {
	s, file := exported(t)
	again := filepath.Join(t.TempDir(), "again")
	must(t, sqlite.Export(ctx, s.options, again)) // for example after a crash between closing and writing
	must(t, os.Remove(file))
	must(t, sqlite.Import(ctx, optionsIn(t.TempDir()), again))
	_, err := sqlite.Open(ctx, s.options)
	wants(t, err, ledger.ErrClosed)
}

func TestImportTakesBackItsOwn(t *testing.T) {
	s, file := exported(t)
	must(t, sqlite.Import(ctx, s.options, file)) // the move was given up
	l := open(t, s.options)
	h := claimed(t, l, campaign.RunID("p", "a", campaign.Once))
	must(t, try(l, h, 7))
	must(t, l.Close())
	wants(t, sqlite.Import(ctx, s.options, file), sqlite.ErrExists) // and not twice
}

func TestImportRefuses(t *testing.T) {
	s, file := exported(t)
	t.Run("a ledger that was not exported", func(t *testing.T) {
		other := used(t)
		l := open(t, other.options) // its file is in use
		err := sqlite.Import(ctx, optionsIn(t.TempDir()), filepath.Join(other.options.Dir, "ledger.db"))
		wants(t, err, ledger.ErrState)
		says(t, err, "campaign state export")
		must(t, l.Close())
	})
	t.Run("another project's", func(t *testing.T) {
		o := optionsIn(t.TempDir())
		o.Project = "p-other"
		wants(t, sqlite.Import(ctx, o, file), ledger.ErrForeign)
		if _, err := sqlite.Open(ctx, o); err == nil {
			t.Error("a refused file was left as the ledger")
		}
	})
	t.Run("over another ledger", func(t *testing.T) {
		other := used(t)
		other.options.Mark = ""
		wants(t, sqlite.Import(ctx, other.options, file), sqlite.ErrExists)
		open(t, other.options)
	})
	t.Run("over an open one", func(t *testing.T) {
		must(t, sqlite.Import(ctx, s.options, file))
		wants(t, sqlite.Import(ctx, s.options, file), sqlite.ErrExists)
	})
	t.Run("against the mark of another ledger", func(t *testing.T) {
		other := used(t)
		must(t, os.RemoveAll(other.options.Dir))
		wants(t, sqlite.Import(ctx, other.options, file), ledger.ErrStale)
	})
	t.Run("itself", func(t *testing.T) {
		s, _ := exported(t)
		wants(t, sqlite.Import(ctx, s.options, filepath.Join(s.options.Dir, "ledger.db")), sqlite.ErrExists)
	})
	t.Run("what is no ledger", func(t *testing.T) {
		bad := filepath.Join(t.TempDir(), "bad")
		must(t, os.WriteFile(bad, []byte("hello"), 0o600))
		wants(t, sqlite.Import(ctx, optionsIn(t.TempDir()), bad), ledger.ErrDamaged)
		wants(t, sqlite.Import(ctx, optionsIn(t.TempDir()), bad+"-missing"), fs.ErrNotExist)
	})
	t.Run("a damaged one", func(t *testing.T) {
		bad := filepath.Join(t.TempDir(), "bad")
		copyFile(t, file, bad)
		statement(t, bad, "UPDATE journal SET detail = zeroblob(length(detail)) WHERE kind = 0")
		wants(t, sqlite.Import(ctx, optionsIn(t.TempDir()), bad), ledger.ErrDamaged)
	})
	t.Run("while a report reads the old one", func(t *testing.T) {
		s, file := exported(t)
		r, err := sqlite.OpenReadOnly(ctx, s.options)
		must(t, err)
		defer r.Close()
		err = sqlite.Import(ctx, s.options, file)
		wants(t, err, ledger.ErrHeld)
		must(t, r.Close())
		must(t, sqlite.Import(ctx, s.options, file))
	})
}

func TestImportOverAnEmptyLedger(t *testing.T) {
	_, file := exported(t)
	empty := fresh(t) // campaign state init was too quick
	must(t, sqlite.Import(ctx, empty.options, file))
	l := open(t, empty.options)
	if _, err := l.Run(ctx, campaign.RunID("p", "a", campaign.Once)); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsDamageBehindSQLite(t *testing.T) {
	for name, change := range map[string]string{
		"a frozen input":           "UPDATE contents SET data = CAST('name: b' AS BLOB)",
		"a missing input":          "DELETE FROM contents",
		"a block":                  "UPDATE blocks SET packed = CAST(replace(hex(packed), '01', '02') AS BLOB)",
		"a missing block":          "DELETE FROM blocks",
		"a block's digest":         "UPDATE blocks SET digest = zeroblob(32)",
		"a block's place":          "UPDATE blocks SET first = 3",
		"contents of no block":     "INSERT INTO said VALUES (77 << 32, x'0102030405060708')",
		"contents of half a size":  "INSERT INTO said SELECT id, x'01020304' FROM blocks",
		"contents that changed":    "INSERT INTO said SELECT id, x'010203040506070800000000' FROM blocks",
		"a block of nobody":        "INSERT INTO blocks SELECT 77 << 32, first, deliveries, digest, packed, stage FROM blocks",
		"a group's index":          "UPDATE journal SET record = CAST(substr(record, 1, length(record) - 1) || x'00' AS BLOB) WHERE kind = 0",
		"a group's details":        "UPDATE journal SET detail = zeroblob(9) WHERE kind = 0 AND id = (SELECT max(id) FROM journal)",
		"a group twice":            "INSERT INTO journal (run, token, kind, at, record, detail) SELECT run, token, kind, at, record, detail FROM journal WHERE kind = 0",
		"a group of nobody":        "UPDATE journal SET run = 99 WHERE kind = 0",
		"details of another group": "UPDATE journal SET detail = (SELECT detail FROM journal WHERE kind = 0 AND length(detail) > 0 AND id <> journal.id LIMIT 1), record = x'01' WHERE kind = 0",
		"counted recipients":       "UPDATE runs SET recipients = recipients + 1",
		"counted deliveries":       "UPDATE runs SET requests = requests + 1",
		"counted blocks":           "UPDATE runs SET blocks = blocks + 1",
		"a state that is none":     "UPDATE runs SET state = 9",
		"a time that is none":      "UPDATE runs SET occurrence_at = 'soon'",
		"columns that are none":    "UPDATE runs SET columns = '['",
	} {
		t.Run(name, func(t *testing.T) {
			s := used(t)
			if checked, err := sqlite.Check(ctx, s.options); err != nil || checked != (sqlite.Checked{Runs: 1, Groups: 3, Blocks: 1, Deliveries: 10}) {
				t.Fatalf("%+v, %v", checked, err)
			}
			statement(t, filepath.Join(s.options.Dir, "ledger.db"), change)
			_, err := sqlite.Check(ctx, s.options)
			wants(t, err, ledger.ErrDamaged)
			says(t, err, "damaged")
		})
	}
}

// A flipped bit anywhere in what was sent or is to be sent is found before it is used.
func TestDamageIsFoundWhileWorking(t *testing.T) {
	s := used(t)
	statement(t, filepath.Join(s.options.Dir, "ledger.db"), "UPDATE blocks SET packed = CAST(substr(packed, 1, 60) || x'ff' || substr(packed, 62) AS BLOB)")
	l := open(t, s.options)
	h := claimed(t, l, campaign.RunID("p", "a", campaign.Once))
	for _, err := range l.Work(ctx, h) {
		wants(t, err, ledger.ErrDamaged)
	}
	must(t, l.Release(ctx, h))
	for _, change := range []string{
		"UPDATE runs SET requests = requests + 1",
		"UPDATE runs SET requests = requests - 1; UPDATE journal SET record = zeroblob(20) WHERE kind = 0",
	} {
		statement(t, filepath.Join(s.options.Dir, "ledger.db"), change)
		_, err := l.Claim(ctx, h.Run, "tester", time.Hour)
		wants(t, err, ledger.ErrDamaged)
	}
}

// A split that leaves a recipient out can only stand in a journal that was
// tampered with: the conservation law finds it.
func TestCheckFindsALostRecipient(t *testing.T) {
	s := fresh(t)
	l := open(t, s.options)
	b := campaign.Block{Deliveries: []campaign.Delivery{{Recipients: make([]campaign.Recipient, 3)}}}
	r, err := l.Begin(ctx, campaign.Run{ID: "r", PlanDigest: "d"}, nil)
	must(t, err)
	must(t, l.Add(ctx, r.ID, []campaign.Block{b}))
	must(t, l.Open(ctx, r.ID, campaign.Totals{Blocks: 1, Requests: 1, Recipients: 3}))
	must(t, try(l, claimed(t, l, r.ID), 0))
	_, err = sqlite.Check(ctx, s.options)
	must(t, err)
	record, detail, err := ledger.EncodeGroup(ledger.Group{Settlements: []ledger.Settlement{{
		At: noon, Verdict: campaign.Verdict{Outcome: campaign.Superseded},
		Children: []campaign.Part{{To: 1}, {From: 1, To: 2}},
	}}})
	must(t, err)
	statement(t, filepath.Join(s.options.Dir, "ledger.db"),
		"INSERT INTO journal (run, token, kind, at, record, detail) SELECT run, token, kind, at, ?, ? FROM journal WHERE kind = 0", record, detail)
	_, err = sqlite.Check(ctx, s.options)
	wants(t, err, ledger.ErrDamaged)
	says(t, err, "the parts of delivery 0")
}
