package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Export writes the ledger to a new file, to be imported on another machine, and
// closes it for sending: first that, so that no two copies are ever open. It
// fails with ErrHeld while a run is held. A closed ledger can be exported again.
func Export(ctx context.Context, o Options, file string) error {
	life, err := o.lockLife()
	if err != nil {
		return err
	}
	defer life.Unlock() // it dies with the process in any case
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(ledger.Because(fs.ErrExist, "%s is there already", file), noNotExist(err))
	}
	r, err := openReader(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(r.export(ctx, o, file), r.Close())
}

func (r *Reader) export(ctx context.Context, o Options, file string) error {
	if err := checkMark(ctx, r, o); err != nil {
		return err
	}
	locks, err := r.lockAll(ctx, o)
	defer func() {
		for _, lock := range locks {
			lock.Unlock() // it dies with the process in any case
		}
	}()
	if err != nil {
		return err
	}
	if err := setClosed(ctx, r.file, true, kindExported); err != nil {
		return err
	}
	m, err := r.position(ctx)
	if err == nil && o.Mark != "" {
		err = m.raise(o)
	}
	if err == nil {
		err = told("exporting the ledger", r.copyTo(ctx, file))
	}
	if err != nil && !r.id.closed { // nothing left this machine: work goes on
		err = errors.Join(err, setClosed(context.WithoutCancel(ctx), r.file, false, kindImported))
	}
	return err
}

// lockAll takes the locks of all runs that could be held.
func (r *Reader) lockAll(ctx context.Context, o Options) ([]*flock.Flock, error) {
	var locks []*flock.Flock
	rows, err := r.db.QueryContext(ctx, "SELECT "+runColumns+" FROM runs WHERE state = ?", campaign.Open)
	if err != nil {
		return nil, told("reading the runs", err)
	}
	open, err := scanAll(rows, scanRun)
	if err != nil {
		return nil, told("reading the runs", err)
	}
	for _, run := range open {
		lock, err := o.lockRun(run.num)
		if err != nil {
			return locks, err
		}
		if lock == nil {
			return locks, ledger.Because(ledger.ErrHeld, "run %s is held by %s: stop it first", run.ID, run.owner)
		}
		locks = append(locks, lock)
	}
	return locks, nil
}

// setClosed opens or closes a ledger for sending, and notes it: a copy from
// before is older than this. Holds from before are lost.
func setClosed(ctx context.Context, file string, closed bool, kind int) error {
	db, err := connect(file, writing)
	if err != nil {
		return err
	}
	const doing = "closing or opening the ledger for sending"
	err = inTx(ctx, db, doing, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE ledger SET closed = ?", closed); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET token = token + 1"); err != nil {
			return err
		}
		return note(ctx, tx, 0, 0, kind, campaign.Note{At: time.Now()})
	})
	return told(doing, errors.Join(err, db.Close()))
}

// copyTo writes one moment of the ledger to a file of its own.
func (r *Reader) copyTo(ctx context.Context, file string) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*") // 0600
	if err != nil {
		return err
	}
	partial := f.Name()
	if err := f.Close(); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	err = r.vacuumInto(ctx, partial)
	if err == nil {
		err = install(partial, file)
	}
	if err != nil {
		return errors.Join(err, removeDB(partial))
	}
	return nil
}

func (r *Reader) vacuumInto(ctx context.Context, file string) error {
	db, err := connect(r.file, writing)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", file)
	return errors.Join(err, db.Close())
}

// Import makes an exported file the ledger of the project, and opens it for
// sending. It takes the place of a ledger that is empty, or that is the same one,
// closed and not ahead; ErrExists for any other, ErrStale when the high-water
// mark has seen more than the file knows.
func Import(ctx context.Context, o Options, file string) error {
	if err := makeDir(o.Dir); err != nil {
		return told("importing the ledger", err)
	}
	life, err := o.lockLife()
	if err != nil {
		return err
	}
	defer life.Unlock() // it dies with the process in any case
	fresh := o.file() + ".new"
	if err := removeDB(fresh); err != nil {
		return told("importing the ledger", err)
	}
	m, err := admit(ctx, o, file, fresh)
	if err == nil {
		err = told("importing the ledger", install(fresh, o.file()))
	}
	if err != nil {
		return errors.Join(err, removeDB(fresh))
	}
	if o.Mark == "" {
		return nil
	}
	return m.raise(o)
}

// admit copies a file to fresh and makes a ledger of it that is open for sending,
// if all is well. It gives the mark of that.
func admit(ctx context.Context, o Options, file, fresh string) (mark, error) {
	if same(file, o.file()) {
		return mark{}, ledger.Because(ErrExists, "%s is this project's ledger already", file)
	}
	if err := copyFile(file, fresh); err != nil {
		return mark{}, told("importing the ledger", err)
	}
	r, err := openFile(ctx, fresh, o.Project)
	if err != nil {
		return mark{}, err
	}
	r.file = file // what messages name
	err = r.admit(ctx, o)
	if err == nil {
		err = setClosed(ctx, fresh, false, kindImported)
	}
	var m mark
	if err == nil {
		m, err = r.position(ctx)
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return mark{}, err
	}
	db, err := connect(fresh, writing)
	if err != nil {
		return mark{}, err
	}
	_, err = db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
	return m, told("importing the ledger", errors.Join(err, db.Close()))
}

func (r *Reader) admit(ctx context.Context, o Options) error {
	if !r.Closed() {
		return ledger.Because(ledger.ErrState, "%s was not exported: its ledger may be in use elsewhere, and both would send; use campaign state export there", r.file)
	}
	if _, err := r.check(ctx); err != nil {
		return err
	}
	m, err := r.position(ctx)
	if err == nil {
		err = replaceable(ctx, o, m)
	}
	if err != nil {
		return err
	}
	return checkMark(ctx, r, o)
}

// replaceable reports whether the ledger that stands in the place, if any, may go.
func replaceable(ctx context.Context, o Options, by mark) error {
	if _, err := os.Lstat(o.file()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	r, err := openReader(ctx, o)
	if err != nil {
		return err
	}
	have, err := r.position(ctx)
	closed := r.Closed()
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	switch {
	case have.Ledger != by.Ledger && have.sent():
		return ledger.Because(ErrExists, "another ledger that was sent from is in %s already", o.Dir)
	case have.Ledger == by.Ledger && !closed:
		return ledger.Because(ErrExists, "this ledger is in %s already, and open", o.Dir)
	case have.Ledger == by.Ledger && by.Journal < have.Journal:
		return ledger.Because(ledger.ErrStale, "the file is older than the ledger in %s", o.Dir)
	}
	return quiet(ctx, o)
}

// quiet empties the write-ahead log of a ledger that is to go: it would be taken
// for the next one's. It fails while another process has the ledger open.
func quiet(ctx context.Context, o Options) error {
	db, err := connect(o.file(), writing)
	if err != nil {
		return err
	}
	err = db.PingContext(ctx)
	if err := errors.Join(err, db.Close()); err != nil {
		return told("closing the old ledger", err)
	}
	if _, err := os.Lstat(o.file() + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return ledger.Because(ledger.ErrHeld, "another process reads the ledger in %s: try again when it has ended", o.Dir)
	}
	return nil
}

func same(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
