package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Note implements ledger.Worker.
func (l *Ledger) Note(ctx context.Context, h ledger.Hold, n campaign.Note) error {
	mine, err := l.holding(ctx, h)
	if err != nil {
		return err
	}
	defer mine.mu.Unlock()
	return inTx(ctx, l.writer, "recording a note", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := mine.current(ctx, tx); err != nil {
			return err
		}
		return note(ctx, tx, mine.run.num, h.Token, kindNoted, n)
	})
}

// Notes implements ledger.Reader.
func (r *Reader) Notes(ctx context.Context, id string) ([]campaign.Note, error) {
	found, err := runOf(ctx, r.db, id)
	if err != nil {
		return nil, err
	}
	rows, err := r.db.QueryContext(ctx, "SELECT kind, at, detail FROM journal WHERE run = ? AND kind <> ? ORDER BY id", found.num, kindGroup)
	if err != nil {
		return nil, told("reading the run's notes", err)
	}
	notes, err := scanAll(rows, func(scan func(...any) error) (n campaign.Note, err error) {
		var kind int
		var at int64
		var detail []byte
		if err := scan(&kind, &at, &detail); err != nil {
			return n, err
		}
		n.At = time.UnixMicro(at).UTC() // of rows of version 1: that of the last record before it
		switch kind {
		case kindOpened:
			n.Kind = campaign.NoteOpened
		case kindClaimed:
			n.Kind, n.By = campaign.NoteClaimed, string(detail)
		case kindCancelled:
			n.Kind, n.Text = campaign.NoteCancelled, string(detail)
		case kindNoted:
			if err := json.Unmarshal(detail, &n); err != nil {
				return n, ledger.Because(ledger.ErrDamaged, "the ledger is damaged: a note of run %s is not readable", id)
			}
		default:
			return n, ledger.Because(ledger.ErrDamaged, "the ledger is damaged: run %s has a record of kind %d", id, kind)
		}
		return n, nil
	})
	return notes, told("reading the run's notes", err)
}
