package sqlite

import "database/sql"

// Options gives tests where the ledger is.
func (l *Ledger) Options() Options { return l.options }

// Databases gives tests the connections of a ledger.
func (l *Ledger) Databases() (readers, writer, planner *sql.DB) { return l.db, l.writer, l.planner }
