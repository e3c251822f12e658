package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"campaign/internal/ledger"
)

// syncFull is the value of PRAGMA synchronous at which a commit in WAL mode is
// fsynced (https://www.sqlite.org/pragma.html#pragma_synchronous).
const syncFull = 2

// use is what connections are opened for. Pragmas belong to a connection, so they
// stand in its address.
type use struct {
	mode    string
	open    int // connections at most
	pragmas []string
}

var always = []string{
	"busy_timeout(20000)", // ms: another process's checkpoint, or a block being added
	"trusted_schema(0)", "cell_size_check(1)", "temp_store(2)",
}

var (
	reading = use{"rw", 4, append(always[:len(always):len(always)], "query_only(1)", "cache_size(-256)")}
	writing = use{"rw", 1, append(always[:len(always):len(always)],
		"synchronous(FULL)", "cache_size(-1024)", "wal_autocheckpoint(2000)", "journal_size_limit(33554432)")}
	planning = use{"rw", 1, append(always[:len(always):len(always)],
		"synchronous(NORMAL)", "cache_size(-512)", "wal_autocheckpoint(2000)", "journal_size_limit(33554432)")}
	creating = use{"rwc", 1, append(always[:len(always):len(always)],
		"synchronous(FULL)", "cache_size(-1024)")}
)

func connect(file string, u use) (*sql.DB, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, told("opening the ledger", err)
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // file:///C:/…
	}
	query := url.Values{"mode": {u.mode}, "_txlock": {"immediate"}, "_pragma": u.pragmas}
	address := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, told("opening the ledger", err)
	}
	db.SetMaxOpenConns(u.open)
	db.SetMaxIdleConns(u.open)
	return db, nil
}

// told puts what was done in front of an error and what the storage means into words.
func told(doing string, err error) error {
	if err == nil || ledger.Said(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var code *driver.Error
	if !errors.As(err, &code) {
		return ledger.Because(err, "%s: %v", doing, err)
	}
	if code.Code() == codes.SQLITE_IOERR_SHMSIZE { // https://www.sqlite.org/rescode.html: the file beside the log cannot grow
		return ledger.Because(err, "%s: no space is left on the disk (%v)", doing, err)
	}
	switch code.Code() & 0xff {
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return ledger.Because(ledger.ErrDamaged, "%s: the ledger is damaged (%v)", doing, err)
	case codes.SQLITE_FULL:
		return ledger.Because(err, "%s: no space is left on the disk (%v)", doing, err)
	case codes.SQLITE_READONLY:
		return ledger.Because(err, "%s: the ledger cannot be written (%v)", doing, err)
	case codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN:
		return ledger.Because(err, "%s: the disk failed (%v)", doing, err)
	case codes.SQLITE_BUSY:
		return ledger.Because(err, "%s: another process keeps the ledger locked (%v)", doing, err)
	}
	return ledger.Because(err, "%s: %v", doing, err)
}

// inTx runs a transaction. The context is asked before it and not while it runs,
// so that a call that is given up leaves no doubt whether it had its effect.
func inTx(ctx context.Context, db *sql.DB, doing string, do func(ctx context.Context, tx *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return told(doing, err)
	}
	if err := do(ctx, tx); err != nil {
		if undo := tx.Rollback(); undo != nil {
			err = errors.Join(err, undo)
		}
		return told(doing, err)
	}
	return told(doing, tx.Commit())
}
