package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"campaign/internal/ledger"
)

// migrations bring a ledger from the version of their place, counted from 1, to
// the next. A ledger that cannot be written stays as it is and is refused.
var migrations = []string{
	1: "ALTER TABLE blocks ADD COLUMN stage INTEGER NOT NULL DEFAULT 0",
}

// migrate brings an older ledger to this version, in one transaction a step.
func migrate(ctx context.Context, file string) error {
	db, err := connect(file, writing)
	if err != nil {
		return err
	}
	defer db.Close() // what it wrote is committed
	for {
		version, err := versionOf(ctx, db)
		if err != nil || version < 1 || version >= schemaVersion {
			return nil // nothing to do here, or identify says what is wrong
		}
		err = inTx(ctx, db, "bringing the ledger to this version's format", func(ctx context.Context, tx *sql.Tx) error {
			now, err := versionOf(ctx, tx)
			if err != nil || now != version { // another process was faster
				return err
			}
			if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, versions[version+1])
			return err
		})
		if err != nil {
			return errors.Join(ledger.Because(ledger.ErrFormat, "the ledger %s is of format %d and could not be brought to format %d: %v", file, version, schemaVersion, err))
		}
	}
}

// versions set the version: a pragma takes no parameter.
var versions = []string{2: "PRAGMA user_version = 2"}

// versionOf gives the version of a ledger of ours; 0 of anything else.
func versionOf(ctx context.Context, q querier) (int, error) {
	var program, version int
	err := q.QueryRowContext(ctx, "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&program, &version)
	if err != nil || program != applicationID {
		return 0, err
	}
	return version, nil
}
