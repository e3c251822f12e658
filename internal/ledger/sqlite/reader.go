package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"iter"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// snapshot is a run at one moment. The rows that it counts never change, so
// nothing is kept open while it is read: the write-ahead log stays short.
type snapshot struct {
	run   run
	spans []ledger.Span
	fold  *ledger.Fold
	last  int64 // the journal's last id of that moment
}

// snapshot reads a run in one transaction, and folds its journal if asked.
func (r *Reader) snapshot(ctx context.Context, id string, folded bool) (*snapshot, error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, told("reading the run", err)
	}
	defer tx.Rollback() // it wrote nothing
	s := &snapshot{}
	if s.run, err = runOf(ctx, tx, id); err != nil {
		return nil, err
	}
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM journal").Scan(&s.last); err != nil {
		return nil, told("reading the journal", err)
	}
	if !folded {
		return s, nil
	}
	if s.spans, err = spansOf(ctx, tx, &s.run); err != nil {
		return nil, err
	}
	s.fold, err = foldOf(ctx, tx, &s.run)
	return s, err
}

func spansOf(ctx context.Context, q querier, r *run) ([]ledger.Span, error) {
	first, last := blockIDs(r.num)
	rows, err := q.QueryContext(ctx, "SELECT id, first, deliveries, stage FROM blocks WHERE id BETWEEN ? AND ? ORDER BY id", first, last)
	if err != nil {
		return nil, told("reading the plan", err)
	}
	next := int64(0)
	spans, err := scanAll(rows, func(scan func(...any) error) (s ledger.Span, err error) {
		if err := scan(&s.Block, &s.First, &s.Len, &s.Stage); err != nil {
			return s, err
		}
		s.Block -= first
		if s.First != next || s.Len < 0 {
			return s, ledger.Because(ledger.ErrDamaged, "the ledger is damaged: block %d of run %s is out of place", s.Block, r.ID)
		}
		next += s.Len
		return s, nil
	})
	if err != nil {
		return nil, told("reading the plan", err)
	}
	if int64(len(spans)) != r.added.Blocks || next != r.added.Requests {
		return nil, ledger.Because(ledger.ErrDamaged, "the ledger is damaged: run %s has %d blocks with %d deliveries, and %d with %d were added",
			r.ID, len(spans), next, r.added.Blocks, r.added.Requests)
	}
	return spans, nil
}

func foldOf(ctx context.Context, q querier, r *run) (*ledger.Fold, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, token, record FROM journal WHERE run = ? AND kind = ? ORDER BY id", r.num, kindGroup)
	if err != nil {
		return nil, told("reading the journal", err)
	}
	defer rows.Close() // what it would say, Err says
	fold := ledger.NewFold(r.added.Requests)
	var group ledger.Group
	var id int64
	var token uint64
	var record sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&id, &token, &record); err != nil {
			return nil, told("reading the journal", err)
		}
		if err := ledger.DecodeIndex(record, &group); err != nil {
			return nil, err
		}
		if err := fold.Apply(id, token, &group); err != nil {
			return nil, err
		}
	}
	return fold, told("reading the journal", rows.Err())
}

// Results implements ledger.Reader.
func (r *Reader) Results(ctx context.Context, id string) iter.Seq2[campaign.BlockResults, error] {
	return func(yield func(campaign.BlockResults, error) bool) {
		s, err := r.snapshot(ctx, id, true)
		if err != nil {
			yield(campaign.BlockResults{}, err)
			return
		}
		view := ledger.View{Run: s.run.Run, Spans: s.spans, Source: source{r, s.run.num}}
		view.Leaves = func(span ledger.Span) (ledger.Leaves, error) { return s.fold.Leaves(span), nil }
		view.All(ctx)(yield)
	}
}

// Containing implements ledger.Reader.
func (r *Reader) Containing(ctx context.Context, id string, wanted func(campaign.Digest) bool) iter.Seq2[campaign.BlockResults, error] {
	return func(yield func(campaign.BlockResults, error) bool) {
		blocks, err := r.containing(ctx, id, wanted)
		if err == nil && len(blocks) == 0 {
			return
		}
		var s *snapshot
		if err == nil {
			s, err = r.snapshot(ctx, id, true)
		}
		if err != nil {
			yield(campaign.BlockResults{}, err)
			return
		}
		view := ledger.View{Run: s.run.Run, Spans: ledger.Among(s.spans, blocks), Source: source{r, s.run.num}}
		view.Leaves = func(span ledger.Span) (ledger.Leaves, error) { return s.fold.Leaves(span), nil }
		view.All(ctx)(yield)
	}
}

// containing gives the Seqs of a run's blocks that have a wanted content.
func (r *Reader) containing(ctx context.Context, id string, wanted func(campaign.Digest) bool) ([]int64, error) {
	found, err := runOf(ctx, r.db, id)
	if err != nil {
		return nil, err
	}
	first, last := blockIDs(found.num)
	rows, err := r.db.QueryContext(ctx, "SELECT block, contents FROM said WHERE block BETWEEN ? AND ? ORDER BY block", first, last)
	if err != nil {
		return nil, told("reading the plan", err)
	}
	defer rows.Close() // what it would say, Err says
	var blocks []int64
	for rows.Next() {
		var block int64
		var contents sql.RawBytes
		if err := rows.Scan(&block, &contents); err != nil {
			return nil, told("reading the plan", err)
		}
		has, err := ledger.HasContent(contents, wanted)
		if err != nil {
			return nil, err
		}
		if has {
			blocks = append(blocks, block-first)
		}
	}
	return blocks, told("reading the plan", rows.Err())
}

// source reads the rows of one run.
type source struct {
	r   *Reader
	num int64
}

func (s source) Block(ctx context.Context, seq int64) (campaign.Block, error) {
	var packed, digest, said []byte
	err := s.r.block.QueryRowContext(ctx, blockID(s.num, seq)).Scan(&packed, &digest, &said)
	if errors.Is(err, sql.ErrNoRows) {
		return campaign.Block{}, ledger.Because(ledger.ErrConflict, "the run was begun anew with another plan while it was read")
	}
	if err != nil {
		return campaign.Block{}, told("reading the plan", err)
	}
	b, err := ledger.DecodeBlock(packed)
	if err == nil && (b.Seq != seq || !bytes.Equal(b.Digest[:], digest)) {
		err = ledger.Because(ledger.ErrDamaged, "the ledger is damaged: another block stands in the place of block %d", seq)
	}
	if err == nil {
		err = ledger.SetContents(&b, said)
	}
	return b, err
}

func (s source) Group(ctx context.Context, id int64) (ledger.Group, error) {
	var record, detail []byte
	err := s.r.group.QueryRowContext(ctx, id).Scan(&record, &detail)
	if err != nil {
		return ledger.Group{}, told("reading the journal", err)
	}
	return ledger.DecodeGroup(record, detail)
}

// Attempts implements ledger.Reader.
func (r *Reader) Attempts(ctx context.Context, id string, seq int64) iter.Seq2[ledger.Attempt, error] {
	return func(yield func(ledger.Attempt, error) bool) {
		s, err := r.snapshot(ctx, id, false)
		for after := int64(0); err == nil && after < s.last; {
			var attempts []ledger.Attempt
			attempts, after, err = r.attempts(ctx, s, seq, after)
			for i := 0; err == nil && i < len(attempts); i++ {
				if !yield(attempts[i], nil) {
					return
				}
			}
		}
		if err != nil {
			yield(ledger.Attempt{}, err)
		}
	}
}

// attemptGroups is how many groups are looked through at a time.
const attemptGroups = 1024

func (r *Reader) attempts(ctx context.Context, s *snapshot, seq, after int64) (found []ledger.Attempt, next int64, err error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id, record FROM journal
		WHERE run = ? AND kind = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?`, s.run.num, kindGroup, after, s.last, attemptGroups)
	if err != nil {
		return nil, 0, told("reading the journal", err)
	}
	var index ledger.Group
	seen := 0
	ids, err := scanAll(rows, func(scan func(...any) error) (id int64, err error) {
		var record sql.RawBytes
		if err = scan(&next, &record); err == nil {
			err = ledger.DecodeIndex(record, &index)
		}
		if err == nil && len(index.AttemptsAt(seq)) > 0 {
			id = next
		}
		seen++
		return id, err
	})
	if err != nil {
		return nil, 0, told("reading the journal", err)
	}
	if seen < attemptGroups {
		next = s.last
	}
	for _, id := range ids {
		if id == 0 {
			continue
		}
		group, err := source{r, s.run.num}.Group(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		found = append(found, group.AttemptsAt(seq)...)
	}
	return found, next, nil
}
