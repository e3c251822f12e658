package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"

	"campaign/internal/ledger"
)

const (
	applicationID = 0x43414d50 // "CAMP", at offset 68 of the file (https://www.sqlite.org/fileformat.html, The Database Header)
	schemaVersion = 1          // user_version, at offset 60
	pageSize      = 4096
)

// schema of version 1. A block's id is its run's number in the upper 32 bits and
// its Seq in the lower: sequential, so the table only ever grows at one place a
// run. The journal is append-only; its id orders all records of all runs.
const schema = `
PRAGMA page_size = 4096;
PRAGMA application_id = 1128353104;
PRAGMA user_version = 1;
CREATE TABLE ledger (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	id      TEXT NOT NULL,              -- random: which ledger this is, copies included
	project TEXT NOT NULL,
	closed  INTEGER NOT NULL DEFAULT 0  -- 1: exported, closed for sending
) STRICT;
CREATE TABLE runs (
	num             INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
	id              TEXT NOT NULL UNIQUE,
	project         TEXT NOT NULL,
	profile         TEXT NOT NULL,
	campaign        TEXT NOT NULL,
	occurrence      TEXT NOT NULL,
	occurrence_at   TEXT NOT NULL,      -- RFC 3339
	occurrence_zone TEXT NOT NULL,      -- IANA name, or empty
	trial           INTEGER NOT NULL,
	file            TEXT NOT NULL,
	target          TEXT NOT NULL,
	channel         TEXT NOT NULL,
	began           INTEGER NOT NULL,   -- µs since 1970
	state           INTEGER NOT NULL DEFAULT 0,
	reason          TEXT NOT NULL DEFAULT '',
	planner         INTEGER NOT NULL,
	plan_digest     TEXT NOT NULL,
	columns         TEXT NOT NULL,      -- JSON array
	blocks          INTEGER NOT NULL DEFAULT 0, -- these four: of what was added
	requests        INTEGER NOT NULL DEFAULT 0,
	recipients      INTEGER NOT NULL DEFAULT 0,
	skipped         INTEGER NOT NULL DEFAULT 0,
	token           INTEGER NOT NULL DEFAULT 0, -- of the last claim
	asked           INTEGER NOT NULL DEFAULT 0, -- token whose holder was asked to stop
	owner           TEXT NOT NULL DEFAULT ''    -- who claimed last
) STRICT;
CREATE TABLE inputs (
	run      INTEGER NOT NULL,
	position INTEGER NOT NULL,
	path     TEXT NOT NULL,
	digest   TEXT NOT NULL,
	content  BLOB,                      -- key in contents; NULL: not kept
	PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE contents (
	digest BLOB PRIMARY KEY NOT NULL,   -- SHA-256 of data
	data   BLOB NOT NULL
) STRICT;
CREATE TABLE blocks (
	id         INTEGER PRIMARY KEY,
	first      INTEGER NOT NULL,        -- Seq of its first delivery
	deliveries INTEGER NOT NULL,
	digest     BLOB NOT NULL,
	packed     BLOB NOT NULL
) STRICT;
CREATE TABLE journal (
	id     INTEGER PRIMARY KEY,
	run    INTEGER NOT NULL,
	token  INTEGER NOT NULL,
	kind   INTEGER NOT NULL,            -- 0 group, 1 opened, 2 claimed, 3 cancelled
	at     INTEGER NOT NULL,            -- µs since 1970: the latest time of this and all before
	record BLOB,                        -- of a group: what a fold reads
	detail BLOB                         -- of a group: the rest; else a text
) STRICT;
CREATE INDEX journal_run ON journal (run);
`

// Kinds of journal rows. Values are stored: they never change their number.
const (
	kindGroup = iota
	kindOpened
	kindClaimed
	kindCancelled
)

// tables are the parts of schema, as sqlite_schema counts them without its own.
const tables = 7

const headerSize = 100

// checkHeader tells a ledger from what is none, without opening it as a database.
func checkHeader(o Options) error {
	f, err := os.Open(o.file())
	if errors.Is(err, fs.ErrNotExist) {
		return missing(o)
	}
	if err != nil {
		return told("opening the ledger", err)
	}
	defer f.Close()
	return checkFile(f, o.file())
}

func checkFile(f *os.File, name string) error {
	info, err := f.Stat()
	if err != nil {
		return told("opening the ledger", err)
	}
	damaged := func(why string) error {
		return ledger.Because(ledger.ErrDamaged, "the ledger %s is damaged: %s", name, why)
	}
	var h [headerSize]byte
	if _, err := io.ReadFull(f, h[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it is too short")
	} else if err != nil {
		return told("opening the ledger", err)
	}
	if string(h[:16]) != "SQLite format 3\x00" {
		return damaged("it does not begin as one")
	}
	if binary.BigEndian.Uint32(h[68:]) != applicationID {
		return damaged("it is a database of another program")
	}
	if v := binary.BigEndian.Uint32(h[60:]); v != schemaVersion {
		return ledger.Because(ledger.ErrFormat, "the ledger %s is of format %d and this program knows format %d: use the version of campaign that wrote it", name, v, schemaVersion)
	}
	pages := int64(binary.BigEndian.Uint32(h[28:]))
	counted := binary.BigEndian.Uint32(h[24:]) == binary.BigEndian.Uint32(h[92:])
	if counted && info.Size() < pages*pageSize {
		return damaged("its end is missing")
	}
	return nil
}

// identity is what a ledger says of itself.
type identity struct {
	ledger, project string
	closed          bool
}

func (r *Reader) identify(ctx context.Context, project string) error {
	id, err := identityOf(ctx, r.db, r.file)
	if err != nil {
		return err
	}
	if id.project != project {
		return ledger.Because(ledger.ErrForeign, "the ledger %s is of project %q and this project is %q: use campaign state init or campaign state import for this project's own", r.file, id.project, project)
	}
	r.id = id
	return nil
}

func identityOf(ctx context.Context, db *sql.DB, file string) (identity, error) {
	var id identity
	var parts int
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").Scan(&parts)
	if err == nil && parts != tables {
		return id, ledger.Because(ledger.ErrDamaged, "the ledger %s is damaged: %d of its %d parts are there", file, parts, tables)
	}
	if err == nil {
		err = db.QueryRowContext(ctx, "SELECT id, project, closed FROM ledger").Scan(&id.ledger, &id.project, &id.closed)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return id, ledger.Because(ledger.ErrDamaged, "the ledger %s is damaged: it does not say whose it is", file)
	}
	return id, told("opening the ledger", err)
}
