package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Purge deletes from a held run what tells of people: the cells of its recipients
// unless keepCells says that they are nobody's, the raw answers, what the upstream
// said beside the code of a reason, its ids of messages, and the frozen files. What was
// counted, when, and with which digests stays: the run's results add up as before.
// The bytes are overwritten in the file and its log. The note is added to the run's
// history. Durable, atomic.
func (l *Ledger) Purge(ctx context.Context, h ledger.Hold, keepCells bool, n campaign.Note) error {
	mine, err := l.holding(ctx, h)
	if err != nil {
		return err
	}
	defer mine.mu.Unlock()
	// Freed pages are zeroed (https://www.sqlite.org/pragma.html#pragma_secure_delete).
	if _, err := l.writer.ExecContext(ctx, "PRAGMA secure_delete = ON"); err != nil {
		return told("deleting people's data", err)
	}
	err = inTx(ctx, l.writer, "deleting people's data", func(ctx context.Context, tx *sql.Tx) error {
		r, err := mine.current(ctx, tx)
		if err != nil {
			return err
		}
		if !keepCells {
			if err := purgeBlocks(ctx, tx, r.num); err != nil {
				return err
			}
		}
		if err := purgeJournal(ctx, tx, r.num); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE inputs SET content = NULL WHERE run = ?", r.num); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM contents WHERE digest NOT IN (SELECT content FROM inputs WHERE content IS NOT NULL)"); err != nil {
			return err
		}
		return note(ctx, tx, r.num, h.Token, kindNoted, n)
	})
	if err != nil {
		return err
	}
	_, err = l.writer.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return told("deleting people's data", err)
}

// purgeBlocks takes the cells out of a run's blocks. A block's digest is over its
// deliveries' digests and the rows, not over cells.
func purgeBlocks(ctx context.Context, tx *sql.Tx, num int64) error {
	first, last := blockIDs(num)
	return rewrite(ctx, tx, "SELECT id, packed FROM blocks WHERE id > ? AND id BETWEEN ? AND ? ORDER BY id LIMIT 1", "UPDATE blocks SET packed = ? WHERE id = ?",
		[]any{first, last}, first-1, func(packed []byte) ([]byte, error) {
			b, err := ledger.DecodeBlock(packed)
			if err != nil {
				return nil, err
			}
			for i := range b.Deliveries {
				for j := range b.Deliveries[i].Recipients {
					b.Deliveries[i].Recipients[j].Cells = nil
				}
			}
			for i := range b.Skips {
				b.Skips[i].Recipient.Cells = nil
			}
			stripped, err := ledger.EncodeBlock(b)
			if err == nil && b.Sum() != b.Digest {
				err = ledger.Because(ledger.ErrDamaged, "the ledger is damaged: block %d has another digest than it was planned with", b.Seq)
			}
			return stripped, err
		})
}

// purgeJournal takes the texts out of a run's groups, except the codes of reasons.
func purgeJournal(ctx context.Context, tx *sql.Tx, num int64) error {
	var record []byte
	return rewrite(ctx, tx, "SELECT id, detail, record FROM journal WHERE id > ? AND run = ? AND kind = ? ORDER BY id LIMIT 1", "UPDATE journal SET detail = ? WHERE id = ?",
		[]any{num, kindGroup}, 0, func(detail []byte) ([]byte, error) {
			g, err := ledger.DecodeGroup(record, detail)
			if err != nil {
				return nil, err
			}
			for i := range g.Settlements {
				s := &g.Settlements[i]
				s.Answer, s.Verdict.Ref = nil, ""
				s.Verdict.Reason, _, _ = strings.Cut(s.Verdict.Reason, ": ")
			}
			_, stripped, err := ledger.EncodeGroup(g)
			return stripped, err
		}, &record)
}

// rewrite replaces the bytes of rows one by one: next gives the id and the bytes of the
// row after an id (and what also scans), and update takes new bytes and the id.
func rewrite(ctx context.Context, tx *sql.Tx, next, update string, args []any, after int64, change func([]byte) ([]byte, error), also ...any) error {
	for {
		var data []byte
		err := tx.QueryRowContext(ctx, next, append([]any{after}, args...)...).Scan(append([]any{&after, &data}, also...)...)
		if err == sql.ErrNoRows {
			return nil
		}
		if err != nil {
			return err
		}
		if data, err = change(data); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, update, data, after); err != nil {
			return err
		}
	}
}
