package sqlite_test

import (
	"database/sql"
	"encoding/binary"
	"errors"
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

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// planned opens a run of n deliveries with one recipient each.
func planned(t testing.TB, l ledger.Ledger, name string, n int) campaign.Run {
	t.Helper()
	b := campaign.Block{}
	for i := range n {
		b.Deliveries = append(b.Deliveries, campaign.Delivery{Seq: int64(i),
			Recipients: []campaign.Recipient{{Row: int64(i + 2), Cells: []string{"u"}}}})
	}
	b.Digest = b.Sum()
	inputs := []campaign.Input{{Path: "a.yaml", Digest: "1", Data: []byte("name: " + name)}}
	r, err := l.Begin(ctx, campaign.Run{ID: campaign.RunID("p", name, campaign.Once), Campaign: name, Began: noon, PlanDigest: "d"}, inputs)
	if err == nil {
		err = l.Add(ctx, r.ID, []campaign.Block{b})
	}
	if err == nil {
		err = l.Open(ctx, r.ID, campaign.Totals{Blocks: 1, Requests: int64(n), Recipients: int64(n)})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func claimed(t testing.TB, l ledger.Ledger, run string) ledger.Hold {
	t.Helper()
	h, err := l.Claim(ctx, run, "tester", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func try(l ledger.Ledger, h ledger.Hold, seq int64) error {
	return l.Record(ctx, h, nil, []ledger.Intent{{Part: campaign.Part{Seq: seq}, At: noon}})
}

// used makes a closed ledger with a run of ten deliveries, three of them tried.
func used(t testing.TB) *subject {
	t.Helper()
	s := fresh(t)
	l := open(t, s.options)
	h := claimed(t, l, planned(t, l, "a", 10).ID)
	for seq := range int64(3) {
		must(t, try(l, h, seq))
	}
	must(t, l.Close())
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want %v", err, kind)
	}
}

func TestNoMemoryNoSending(t *testing.T) {
	o := optionsIn(t.TempDir())
	_, err := sqlite.Open(ctx, o)
	wants(t, err, ledger.ErrNoState)
	says(t, err, "campaign state init", "campaign state import")
	_, err = sqlite.OpenReadOnly(ctx, o)
	wants(t, err, ledger.ErrNoState)
	_, err = sqlite.Check(ctx, o)
	wants(t, err, ledger.ErrNoState)
	wants(t, sqlite.Export(ctx, o, filepath.Join(t.TempDir(), "x")), ledger.ErrNoState)

	s := used(t)
	must(t, os.RemoveAll(s.options.Dir))
	_, err = sqlite.Open(ctx, s.options)
	wants(t, err, ledger.ErrNoState)
	says(t, err, "has sent before")
	err = sqlite.Init(ctx, s.options, false)
	wants(t, err, ledger.ErrStale)
	says(t, err, "has sent before", "mark.json")
	must(t, sqlite.Init(ctx, s.options, true))
	open(t, s.options)
}

func TestInit(t *testing.T) {
	s := fresh(t)
	wants(t, sqlite.Init(ctx, s.options, false), sqlite.ErrExists)
	wants(t, sqlite.Init(ctx, s.options, true), sqlite.ErrExists)
	l := open(t, s.options)
	planned(t, l, "a", 1)
	ignore, err := os.ReadFile(filepath.Join(s.options.Dir, ".gitignore"))
	if string(ignore) != "*\n" {
		t.Errorf(".gitignore is %q, %v", ignore, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	seen := 0
	err = filepath.WalkDir(filepath.Dir(filepath.Dir(s.options.Mark)), func(path string, d fs.DirEntry, err error) error {
		info, _ := d.Info()
		switch inside := filepath.Dir(path) == s.options.Dir || path == s.options.Mark; {
		case d.IsDir() && path == s.options.Dir && info.Mode().Perm() != 0o700:
			t.Errorf("folder %s is %v", path, info.Mode())
		case !d.IsDir() && inside:
			seen++
			if info.Mode().Perm() != 0o600 {
				t.Errorf("file %s is %v", path, info.Mode())
			}
		}
		return err
	})
	if err != nil || seen < 5 { // .gitignore, ledger, -wal, -shm, mark
		t.Errorf("saw %d files, %v", seen, err)
	}
}

func TestForeign(t *testing.T) {
	s := used(t)
	other := s.options
	other.Project = "p-other"
	_, err := sqlite.OpenReadOnly(ctx, other)
	wants(t, err, ledger.ErrForeign)
	says(t, err, "p-other", "p-suite")
	_, err = sqlite.Open(ctx, other)
	wants(t, err, ledger.ErrForeign)

	elsewhere := optionsIn(t.TempDir())
	elsewhere.Project = "p-other"
	elsewhere.Mark = s.options.Mark // a reports folder of another project
	wants(t, sqlite.Init(ctx, elsewhere, true), ledger.ErrForeign)
	_, err = sqlite.Open(ctx, elsewhere)
	wants(t, err, ledger.ErrForeign)
}

// An older copy of the data folder, put back, is noticed from each moment on at
// which something could have been sent that it does not know.
func TestStale(t *testing.T) {
	s := fresh(t)
	old := func() string {
		dir := filepath.Join(t.TempDir(), "old")
		copyDir(t, s.options.Dir, dir)
		return dir
	}
	var copies []string
	l := open(t, s.options)
	copies = append(copies, old())
	r := planned(t, l, "a", 10)
	copies = append(copies, old())
	h := claimed(t, l, r.ID)
	copies = append(copies, old())
	must(t, try(l, h, 0))
	must(t, l.Release(ctx, h))
	copies = append(copies, old())
	h = claimed(t, l, r.ID)
	copies = append(copies, old())
	must(t, l.Cancel(ctx, h, "no"))
	must(t, l.Close())
	for i, dir := range copies {
		o := s.options
		o.Dir = dir
		_, err := sqlite.Open(ctx, o)
		wants(t, err, ledger.ErrStale)
		says(t, err, "older", "bring the newer one back")
		if _, err := sqlite.Check(ctx, o); !errors.Is(err, ledger.ErrStale) {
			t.Errorf("check of copy %d: %v", i, err)
		}
		wants(t, sqlite.Export(ctx, o, filepath.Join(t.TempDir(), "x")), ledger.ErrStale)
		reader, err := sqlite.OpenReadOnly(ctx, o)
		must(t, err)
		must(t, reader.Close())
	}
	open(t, s.options) // the newest is welcome
}

// A copy from before an export would send beside the one that left.
func TestStaleAfterExport(t *testing.T) {
	s := used(t)
	before, closed := filepath.Join(t.TempDir(), "before"), filepath.Join(t.TempDir(), "closed")
	copyDir(t, s.options.Dir, before)
	file := filepath.Join(t.TempDir(), "carry")
	must(t, sqlite.Export(ctx, s.options, file))
	copyDir(t, s.options.Dir, closed)
	o := s.options
	o.Dir = before
	_, err := sqlite.Open(ctx, o)
	wants(t, err, ledger.ErrStale)
	must(t, sqlite.Import(ctx, s.options, file)) // it came back
	o.Dir = closed
	wants(t, sqlite.Export(ctx, o, filepath.Join(t.TempDir(), "again")), ledger.ErrStale)
}

func TestStaleAfterACrash(t *testing.T) {
	s := fresh(t)
	l := open(t, s.options)
	h := claimed(t, l, planned(t, l, "a", 10).ID)
	must(t, try(l, h, 0))
	old := filepath.Join(t.TempDir(), "old")
	copyDir(t, s.options.Dir, old)
	must(t, try(l, h, 1))
	s.Crash(t)
	open(t, s.options) // sees record 1 and notes it
	o := s.options
	o.Dir = old
	_, err := sqlite.Open(ctx, o)
	wants(t, err, ledger.ErrStale)
}

func TestAnotherLedgerThanTheMarks(t *testing.T) {
	a, b := used(t), fresh(t)
	b.options.Mark = a.options.Mark
	_, err := sqlite.Open(ctx, b.options)
	wants(t, err, ledger.ErrStale)
	says(t, err, "not the one that this project last sent from")
}

func TestDamagedMark(t *testing.T) {
	s := used(t)
	must(t, os.WriteFile(s.options.Mark, []byte("{"), 0o600))
	_, err := sqlite.Open(ctx, s.options)
	wants(t, err, ledger.ErrDamaged)
	says(t, err, "mark.json")
	must(t, os.WriteFile(s.options.Mark, []byte(`{"format":2,"ledger":"x"}`), 0o600))
	_, err = sqlite.Open(ctx, s.options)
	wants(t, err, ledger.ErrFormat)
	must(t, os.Remove(s.options.Mark))
	l := open(t, s.options) // lost with the reports: the ledger is what counts
	must(t, l.Close())
	if _, err := os.Stat(s.options.Mark); err != nil {
		t.Error("the mark was not written again:", err)
	}
}

func TestMarkThatCannotBeWritten(t *testing.T) {
	s := fresh(t)
	l := open(t, s.options)
	r := planned(t, l, "a", 1)
	reports := filepath.Dir(s.options.Mark)
	must(t, os.RemoveAll(reports))
	must(t, os.WriteFile(reports, nil, 0o600)) // a file where the folder was
	if _, err := l.Claim(ctx, r.ID, "tester", time.Hour); err == nil {
		t.Fatal("claimed without a mark")
	} else {
		says(t, err, "high-water mark")
	}
	must(t, os.Remove(reports))
	claimed(t, l, r.ID) // the failed claim left no lock behind
}

func TestDamagedFile(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, file string){
		"a folder":        func(t *testing.T, file string) { must(t, errors.Join(os.Remove(file), os.Mkdir(file, 0o700))) },
		"empty":           func(t *testing.T, file string) { must(t, os.Truncate(file, 0)) },
		"cut in the head": func(t *testing.T, file string) { must(t, os.Truncate(file, 60)) },
		"cut":             func(t *testing.T, file string) { must(t, os.Truncate(file, 4096*3)) },
		"overwritten":     func(t *testing.T, file string) { patch(t, file, 0, []byte("garbage garbage garbage")) },
		"another program": func(t *testing.T, file string) { patch(t, file, 68, []byte{0, 0, 0, 1}) },
		"another program's tables": func(t *testing.T, file string) {
			statement(t, file, "DROP TABLE contents")
		},
		"no owner": func(t *testing.T, file string) { statement(t, file, "DELETE FROM ledger") },
		"torn schema": func(t *testing.T, file string) {
			patch(t, file, 100, make([]byte, 400))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := used(t)
			file := filepath.Join(s.options.Dir, "ledger.db")
			change(t, file)
			for _, open := range []func() error{
				func() error { _, err := sqlite.Open(ctx, s.options); return err },
				func() error { _, err := sqlite.OpenReadOnly(ctx, s.options); return err },
				func() error { _, err := sqlite.Check(ctx, s.options); return err },
			} {
				err := open()
				wants(t, err, ledger.ErrDamaged)
				says(t, err, "damaged")
			}
			wants(t, sqlite.Init(ctx, s.options, true), sqlite.ErrExists) // never started anew
		})
	}
}

func TestOtherFormat(t *testing.T) {
	s := used(t)
	var version [4]byte
	binary.BigEndian.PutUint32(version[:], 99) // user_version, at offset 60
	patch(t, filepath.Join(s.options.Dir, "ledger.db"), 60, version[:])
	_, err := sqlite.Open(ctx, s.options)
	wants(t, err, ledger.ErrFormat)
	says(t, err, "format 99", "format 4")
	_, err = sqlite.OpenReadOnly(ctx, s.options)
	wants(t, err, ledger.ErrFormat)
}

// patch overwrites bytes of a file.
func patch(t testing.TB, file string, at int64, with []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(with, at)
	must(t, errors.Join(err, f.Close()))
}

// statement changes a ledger behind its back.
func statement(t testing.TB, file, sqlText string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	must(t, err)
	_, err = db.Exec(sqlText, args...)
	must(t, errors.Join(err, db.Close()))
}

// A plan that was dropped leaves nothing behind.
func TestDroppedPlan(t *testing.T) {
	s := fresh(t)
	l := open(t, s.options)
	for _, digest := range []string{"d1", "d2"} {
		inputs := []campaign.Input{{Path: "a.yaml", Data: []byte(digest)}, {Path: "same.txt", Data: []byte("same")}}
		r, err := l.Begin(ctx, campaign.Run{ID: "r", PlanDigest: digest}, inputs)
		must(t, err)
		must(t, l.Add(ctx, r.ID, []campaign.Block{{Deliveries: []campaign.Delivery{{}}}}))
	}
	_, err := sqlite.Check(ctx, s.options)
	must(t, err)
	readers, _, _ := l.Databases()
	for table, want := range map[string]int{"contents": 2, "inputs": 2, "blocks": 1, "runs": 1} {
		var got int
		must(t, readers.QueryRow("SELECT count(*) FROM "+table).Scan(&got))
		if got != want {
			t.Errorf("%d rows in %s, want %d", got, table, want)
		}
	}
}
