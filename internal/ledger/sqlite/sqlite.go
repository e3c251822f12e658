// Package sqlite is the ledger on a disk: one SQLite file (pure Go), shared by
// the processes of one host.
//
// Durable means fsync: the file is in WAL mode with synchronous=FULL, so each
// method that writes returns after its transaction is on the disk. Blocks are
// added without, since Open makes them durable together. A run is held by a lock
// on a file, which dies with its process; leases are not looked at.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the database driver "sqlite"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Options say where a ledger is and whose.
type Options struct {
	Dir     string // folder of the ledger and its locks
	Project string // the project's id
	// Mark is the file with the ledger's high-water mark, kept away from Dir so that
	// an older copy of Dir is noticed. Empty for ledgers that reach nobody (sandbox).
	Mark string
}

// fileName is the ledger's file in Options.Dir.
const fileName = "ledger.db"

func (o Options) file() string { return filepath.Join(o.Dir, fileName) }

// Reader reads a ledger, also while others write it. It takes no lock.
type Reader struct {
	db    *sql.DB
	id    identity
	file  string
	block *sql.Stmt
	group *sql.Stmt
}

// Ledger is an open ledger: the right to send.
type Ledger struct {
	*Reader
	options Options
	writer  *sql.DB     // one connection, every commit on the disk
	planner *sql.DB     // one connection, for blocks, which Open makes durable
	insert  *sql.Stmt   // of a group, on writer
	self    fs.FileInfo // of the file, to notice that another stands in its place

	accounts accounts
	turns    sync.Map // *flock.Flock that this process has

	mu    sync.Mutex
	holds map[string]*hold // by run
	plans map[string]int64 // number of the run that this process began, by ID
}

var (
	_ ledger.Ledger = (*Ledger)(nil)
	_ ledger.Reader = (*Reader)(nil)
)

// Open opens the ledger for sending (design: delivery, rule 3). It fails with
// ErrNoState, ErrForeign, ErrStale, ErrClosed, ErrDamaged or ErrFormat.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	r, err := openReader(ctx, o)
	if err != nil {
		return nil, err
	}
	l, err := r.forSending(ctx, o)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return l, nil
}

func (r *Reader) forSending(ctx context.Context, o Options) (*Ledger, error) {
	if r.id.closed {
		return nil, ledger.Because(ledger.ErrClosed, "the ledger %s was exported and is closed for sending: its copy goes on elsewhere, and comes back with campaign state import", r.file)
	}
	if err := checkMark(ctx, r, o); err != nil {
		return nil, err
	}
	self, err := os.Stat(r.file)
	if err != nil {
		return nil, told("opening the ledger", err)
	}
	l := &Ledger{Reader: r, options: o, self: self, holds: map[string]*hold{}, plans: map[string]int64{}}
	if l.writer, err = connect(r.file, writing); err != nil {
		return nil, err
	}
	if l.planner, err = connect(r.file, planning); err != nil {
		return nil, errors.Join(err, l.writer.Close())
	}
	if err := l.ready(ctx); err != nil {
		return nil, errors.Join(err, l.planner.Close(), l.writer.Close())
	}
	return l, nil
}

// ready checks that the file is durable as this package promises, and raises the
// mark to where the ledger stands.
func (l *Ledger) ready(ctx context.Context) error {
	var mode string
	var synchronous int
	if err := l.writer.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return told("opening the ledger", err)
	}
	if err := l.writer.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return told("opening the ledger", err)
	}
	if mode != "wal" || synchronous != syncFull {
		return ledger.Because(ledger.ErrDamaged, "the ledger %s is in journal mode %s with synchronous=%d: nothing written to it would be safe", l.file, mode, synchronous)
	}
	var err error
	if l.insert, err = l.writer.PrepareContext(ctx, insertGroup); err != nil {
		return told("opening the ledger", err)
	}
	return l.raiseMark(ctx)
}

// OpenReadOnly opens the ledger for reports. Stale and closed ledgers are
// readable; the other errors are Open's.
func OpenReadOnly(ctx context.Context, o Options) (*Reader, error) {
	return openReader(ctx, o)
}

func openReader(ctx context.Context, o Options) (*Reader, error) {
	if err := checkPlace(o); err != nil {
		return nil, err
	}
	return openFile(ctx, o.file(), o.Project)
}

// openFile opens a ledger that may stand anywhere.
func openFile(ctx context.Context, file, project string) (*Reader, error) {
	db, err := connect(file, reading)
	if err != nil {
		return nil, err
	}
	r := &Reader{db: db, file: file}
	if err := r.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := r.ready(ctx, project); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

func (r *Reader) ready(ctx context.Context, project string) error {
	err := r.identify(ctx, project)
	if err == nil {
		r.block, err = r.db.PrepareContext(ctx, "SELECT packed, digest, contents FROM blocks LEFT JOIN said ON block = id WHERE id = ?")
	}
	if err == nil {
		r.group, err = r.db.PrepareContext(ctx, "SELECT record, detail FROM journal WHERE id = ?")
	}
	return told("opening the ledger", err)
}

// Closed reports whether the ledger was exported: it can be read and not sent from.
func (r *Reader) Closed() bool { return r.id.closed }

// Close ends reading.
func (r *Reader) Close() error { return told("closing the ledger", r.db.Close()) }

// Close gives back what is held and ends all work.
func (l *Ledger) Close() error {
	l.mu.Lock()
	holds := l.holds
	l.holds = nil
	l.mu.Unlock()
	if holds == nil {
		return nil
	}
	failures := []error{l.raiseMark(context.Background())}
	for _, h := range holds {
		h.mu.Lock() // a Record that is being written ends first, and none begins
		h.gone = true
		failures = append(failures, h.lock.Unlock())
		h.mu.Unlock()
	}
	failures = append(failures, l.accounts.close(), l.leaveTurns(), l.planner.Close(), l.writer.Close(), l.Reader.Close())
	return told("closing the ledger", errors.Join(failures...))
}

func (l *Ledger) isShut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holds == nil
}

// errShut is what a closed handle answers.
var errShut = errors.New("the ledger was closed")

// stateOf reads a stored state.
func stateOf(v int64) (campaign.RunState, error) {
	if v < 0 || v > int64(campaign.Cancelled) {
		return 0, ledger.Because(ledger.ErrDamaged, "the ledger is damaged: a run is in state %d", v)
	}
	return campaign.RunState(v), nil
}
