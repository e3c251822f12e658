package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Begin implements ledger.Planner.
func (l *Ledger) Begin(ctx context.Context, brought campaign.Run, inputs []campaign.Input) (campaign.Run, error) {
	var found run
	err := inTx(ctx, l.writer, "beginning the run", func(ctx context.Context, tx *sql.Tx) error {
		if err := l.stillOpen(ctx, tx); err != nil {
			return err
		}
		var err error
		found, err = runOf(ctx, tx, brought.ID)
		switch {
		case errors.Is(err, ledger.ErrNotFound):
		case err != nil:
			return err
		case ledger.SamePlan(found.Run, brought):
			return nil
		case found.State != campaign.Planning:
			return ledger.Because(ledger.ErrConflict, "run %s exists with another plan", brought.ID)
		default:
			if err := drop(ctx, tx, found.num); err != nil {
				return err
			}
		}
		found = run{Run: ledger.Begun(brought)}
		if found.num, err = insertRun(ctx, tx, found.Run); err != nil {
			return err
		}
		return freeze(ctx, tx, found.num, inputs)
	})
	if err != nil {
		return found.Run, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plans[brought.ID] = found.num
	return found.Run, nil
}

// drop takes a run back whose planning did not end.
func drop(ctx context.Context, tx *sql.Tx, num int64) error {
	first, last := blockIDs(num)
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{"DELETE FROM blocks WHERE id BETWEEN ? AND ?", []any{first, last}},
		{"DELETE FROM said WHERE block BETWEEN ? AND ?", []any{first, last}},
		{"DELETE FROM inputs WHERE run = ?", []any{num}},
		{"DELETE FROM contents WHERE digest NOT IN (SELECT content FROM inputs WHERE content IS NOT NULL)", nil},
		{"DELETE FROM runs WHERE num = ?", []any{num}},
	} {
		if _, err := tx.ExecContext(ctx, step.sql, step.args...); err != nil {
			return err
		}
	}
	return nil
}

func freeze(ctx context.Context, tx *sql.Tx, num int64, inputs []campaign.Input) error {
	for i, in := range inputs {
		var key []byte
		if in.Data != nil {
			sum := sha256.Sum256(in.Data)
			key = sum[:]
			if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO contents (digest, data) VALUES (?, ?)", key, in.Data); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO inputs (run, position, path, digest, content) VALUES (?, ?, ?, ?, ?)",
			num, i, in.Path, in.Digest, key)
		if err != nil {
			return err
		}
	}
	return nil
}

// keyed reports whether data is what its key says.
func keyed(key, data []byte) bool {
	sum := sha256.Sum256(data)
	return bytes.Equal(key, sum[:])
}

// Block ids: the run's number above, the block's Seq below.
const seqBits = 32

func blockID(num, seq int64) int64 { return num<<seqBits | seq }

func blockIDs(num int64) (first, last int64) { return blockID(num, 0), blockID(num, 1<<seqBits-1) }

// planned finds a run whose plan is the one that this process began, if it began one.
func (l *Ledger) planned(ctx context.Context, tx *sql.Tx, id string) (run, error) {
	if err := l.stillOpen(ctx, tx); err != nil {
		return run{}, err
	}
	r, err := runOf(ctx, tx, id)
	if err != nil {
		return run{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if num, ok := l.plans[id]; ok && num != r.num {
		return run{}, ledger.Replanned(id)
	}
	return r, nil
}

// Add implements ledger.Planner.
func (l *Ledger) Add(ctx context.Context, id string, blocks []campaign.Block) error {
	return inTx(ctx, l.planner, "adding to the plan", func(ctx context.Context, tx *sql.Tx) error {
		r, err := l.planned(ctx, tx, id)
		if err != nil {
			return err
		}
		before := r.added
		for i := range blocks {
			if err := r.add(ctx, tx, &blocks[i]); err != nil {
				return err
			}
		}
		if r.added == before {
			return nil
		}
		_, err = tx.ExecContext(ctx, "UPDATE runs SET blocks = ?, requests = ?, recipients = ?, skipped = ? WHERE num = ?",
			r.added.Blocks, r.added.Requests, r.added.Recipients, r.added.Skipped, r.num)
		return err
	})
}

func (r *run) add(ctx context.Context, tx *sql.Tx, b *campaign.Block) error {
	if b.Seq >= 0 && b.Seq < r.added.Blocks {
		var digest []byte
		err := tx.QueryRowContext(ctx, "SELECT digest FROM blocks WHERE id = ?", blockID(r.num, b.Seq)).Scan(&digest)
		if err != nil {
			return err
		}
		if !bytes.Equal(digest, b.Digest[:]) {
			return ledger.Differs(r.ID, b.Seq)
		}
		return nil
	}
	if r.State != campaign.Planning {
		return ledger.Differs(r.ID, b.Seq)
	}
	first := r.added.Requests
	added, err := ledger.Extend(r.added, b)
	if err != nil {
		return err
	}
	packed, err := ledger.EncodeBlock(*b)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO blocks (id, first, deliveries, digest, packed, stage) VALUES (?, ?, ?, ?, ?, ?)",
		blockID(r.num, b.Seq), first, len(b.Deliveries), b.Digest[:], packed, b.Stage)
	if said := ledger.EncodeContents(b); err == nil && said != nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO said (block, contents) VALUES (?, ?)", blockID(r.num, b.Seq), said)
	}
	r.added = added
	return err
}

// Open implements ledger.Planner. Its commit is the one that makes the blocks of
// Add durable: they stand before it in the same write-ahead log.
func (l *Ledger) Open(ctx context.Context, id string, totals campaign.Totals) error {
	opened := false
	err := inTx(ctx, l.writer, "opening the run", func(ctx context.Context, tx *sql.Tx) error {
		r, err := l.planned(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.added != totals {
			return ledger.Total(id, r.added, totals)
		}
		if r.State != campaign.Planning {
			return nil
		}
		opened = true
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET state = ? WHERE num = ?", campaign.Open, r.num); err != nil {
			return err
		}
		return note(ctx, tx, r.num, 0, kindNoted, campaign.Note{At: time.Now(), Kind: campaign.NoteOpened})
	})
	if err != nil || !opened {
		return err
	}
	return l.raiseMark(ctx)
}

// note writes a journal row that is no group. It moves the high-water mark, so
// that an older copy of the ledger is noticed.
func note(ctx context.Context, tx *sql.Tx, num int64, token uint64, kind int, n campaign.Note) error {
	text, err := json.Marshal(ledger.Noted(n))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO journal (run, token, kind, at, detail)
		VALUES (?, ?, ?, coalesce((SELECT at FROM journal ORDER BY id DESC LIMIT 1), 0), ?)`, num, token, kind, text)
	return err
}

// stillOpen fails when the ledger was exported since this process opened it.
func (l *Ledger) stillOpen(ctx context.Context, tx *sql.Tx) error {
	var closed bool
	if err := tx.QueryRowContext(ctx, "SELECT closed FROM ledger").Scan(&closed); err != nil {
		return err
	}
	if closed {
		return ledger.Because(ledger.ErrClosed, "the ledger %s was exported and is closed for sending", l.file)
	}
	return nil
}
