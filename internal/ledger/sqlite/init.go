package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"campaign/internal/ledger"
)

// ErrExists says that Init or Import found a ledger in its place.
var ErrExists = errors.New("a ledger is there already")

// Init makes an empty ledger for a project that never sent. It fails with
// ErrExists when one is there, and with ErrStale when the high-water mark says
// that the project has sent; again makes one all the same: whatever was sent
// before may be sent again then.
func Init(ctx context.Context, o Options, again bool) error {
	if err := makeDir(o.Dir); err != nil {
		return told("making the ledger", err)
	}
	life, err := o.lockLife()
	if err != nil {
		return err
	}
	defer life.Unlock() // it dies with the process in any case
	if _, err := os.Lstat(o.file()); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(ledger.Because(ErrExists, "the ledger %s is there already", o.file()), noNotExist(err))
	}
	seen, err := readMark(o)
	if err != nil {
		return err
	}
	if seen.sent() && !again {
		return ledger.Because(ledger.ErrStale, "this project has sent before (%s says so): bring its ledger back or carry it over with campaign state import: a new one would send again", o.Mark)
	}
	m := mark{About: aboutMark, Format: 1, Project: o.Project, Ledger: newID()}
	if err := create(ctx, o, m.Ledger); err != nil {
		return err
	}
	if o.Mark == "" {
		return nil
	}
	return m.raise(o)
}

func noNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return told("making the ledger", err)
}

func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// makeDir makes the ledger's folder: for its owner, and not for Git. A folder that
// is there keeps its permissions; the files in it are their owner's in any case.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ignore := filepath.Join(dir, ".gitignore")
	if _, err := os.Stat(ignore); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(ignore, []byte("*\n"), 0o600)
}

// create makes the file beside its place and puts it there when it is whole.
func create(ctx context.Context, o Options, id string) error {
	fresh := o.file() + ".new"
	if err := removeDB(fresh); err != nil {
		return told("making the ledger", err)
	}
	// Its other files take their permissions from this one.
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return told("making the ledger", err)
	}
	if err := f.Close(); err != nil {
		return told("making the ledger", err)
	}
	db, err := connect(fresh, creating)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, schema)
	if err == nil {
		_, err = db.ExecContext(ctx, "INSERT INTO ledger (one, id, project) VALUES (1, ?, ?)", id, o.Project)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return told("making the ledger", errors.Join(err, removeDB(fresh)))
	}
	return told("making the ledger", install(fresh, o.file()))
}

// install puts a whole, closed database file in its place, durably.
func install(fresh, place string) error {
	f, err := os.OpenFile(fresh, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, place); err != nil {
		return err
	}
	return syncDir(filepath.Dir(place))
}

// removeDB removes a database file and what stands beside it.
func removeDB(name string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
