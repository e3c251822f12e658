package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"

	"campaign/internal/ledger"
)

const (
	applicationID = 0x43414d50 // "CAMP" (https://www.sqlite.org/fileformat.html, The Database Header)
	schemaVersion = 4          // user_version
)

// schema of version 3. A block's id is its run's number in the upper 32 bits and
// its Seq in the lower: sequential, so the table only ever grows at one place a
// run. The journal is append-only; its id orders all records of all runs.
const schema = `
PRAGMA page_size = 4096;
PRAGMA application_id = 1128353104;
PRAGMA user_version = 4;
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
	packed     BLOB NOT NULL,
	stage      INTEGER NOT NULL DEFAULT 0 -- since version 2
) STRICT;
CREATE TABLE said (                     -- since version 3
	block    INTEGER PRIMARY KEY,       -- id in blocks
	contents BLOB NOT NULL              -- see ledger.EncodeContents
) STRICT;
CREATE TABLE journal (
	id     INTEGER PRIMARY KEY,
	run    INTEGER NOT NULL,
	token  INTEGER NOT NULL,
	kind   INTEGER NOT NULL,            -- see the constants below
	at     INTEGER NOT NULL,            -- µs since 1970: the latest time of this and all before
	record BLOB,                        -- of a group: what a fold reads
	detail BLOB                         -- of a group: the rest; else a text
) STRICT;
CREATE INDEX journal_run ON journal (run);
` + slotTables

// Kinds of journal rows. Values are stored: they never change their number.
const (
	kindGroup     = iota
	kindOpened    // this and the next two: of version 1, now kindNoted
	kindClaimed   // detail: the owner
	kindCancelled // detail: the reason
	kindExported  // of no run
	kindImported  // of no run
	kindNoted     // detail: a campaign.Note; since version 2
)

// tables are the parts of schema, as sqlite_schema counts them without its own.
const tables = 8 + slotParts

const headerSize = 100

// checkPlace tells whether a file can be a ledger, without opening it: on POSIX,
// closing a file drops the locks that SQLite holds on it in the same process.
func checkPlace(o Options) error {
	info, err := os.Stat(o.file())
	if errors.Is(err, fs.ErrNotExist) {
		return missing(o)
	}
	if err != nil {
		return told("opening the ledger", err)
	}
	if !info.Mode().IsRegular() || info.Size() < headerSize {
		return damaged(o.file(), "it is too short, or no file")
	}
	return nil
}

func damaged(file, why string) error {
	return ledger.Because(ledger.ErrDamaged, "the ledger %s is damaged: %s", file, why)
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
	var program, version, parts int
	err := db.QueryRowContext(ctx, `SELECT application_id, user_version,
		(SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%')
		FROM pragma_application_id, pragma_user_version`).Scan(&program, &version, &parts)
	switch {
	case err != nil:
		return id, told("opening the ledger "+file, err)
	case program != applicationID:
		return id, damaged(file, "it is a database of another program")
	case version != schemaVersion:
		return id, ledger.Because(ledger.ErrFormat, "the ledger %s is of format %d and this program knows format %d: use the version of campaign that wrote it", file, version, schemaVersion)
	case parts != tables:
		return id, damaged(file, "parts of it are missing")
	}
	err = db.QueryRowContext(ctx, "SELECT id, project, closed FROM ledger").Scan(&id.ledger, &id.project, &id.closed)
	if errors.Is(err, sql.ErrNoRows) {
		return id, damaged(file, "it does not say whose it is")
	}
	return id, told("opening the ledger "+file, err)
}
