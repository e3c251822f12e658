package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"campaign/internal/ledger"
)

// migrations bring a ledger from the version of their place to the next one. A
// ledger of that version stays what it was but for what it has no place for.
var migrations = []string{
	1: `ALTER TABLE blocks ADD COLUMN stage INTEGER NOT NULL DEFAULT 0;
		PRAGMA user_version = 2`,
	2: `CREATE TABLE said (block INTEGER PRIMARY KEY, contents BLOB NOT NULL) STRICT;
		PRAGMA user_version = 3`,
	3: slotTables + "PRAGMA user_version = 4",
}

// migrate brings an older ledger to this version, in one transaction. It needs no
// right to write a ledger that is of this version.
func (r *Reader) migrate(ctx context.Context) error {
	version, err := versionOf(ctx, r.db)
	if err != nil || version < 1 || version >= schemaVersion {
		return nil // nothing to do here, or identify says what is wrong
	}
	db, err := connect(r.file, writing)
	if err != nil {
		return err
	}
	doing := fmt.Sprintf("bringing the ledger %s from format %d to format %d, before it can be used", r.file, version, schemaVersion)
	err = inTx(ctx, db, doing, func(ctx context.Context, tx *sql.Tx) error {
		for {
			now, err := versionOf(ctx, tx)
			if err != nil || now >= schemaVersion { // perhaps another process was faster
				return err
			}
			if _, err := tx.ExecContext(ctx, migrations[now]); err != nil {
				return err
			}
		}
	})
	err = errors.Join(err, db.Close())
	if err == nil || errors.Is(err, ledger.ErrDamaged) || ctx.Err() != nil {
		return err
	}
	return ledger.Because(ledger.ErrFormat, "%v", err)
}

// versionOf gives the version of a ledger of ours; 0 of anything else.
func versionOf(ctx context.Context, q querier) (int, error) {
	var program, version int
	err := q.QueryRowContext(ctx, "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&program, &version)
	if err != nil || program != applicationID {
		return 0, err
	}
	return version, nil
}
