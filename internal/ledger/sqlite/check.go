package sqlite

import (
	"context"
	"errors"
	"fmt"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Checked counts what Check read.
type Checked struct {
	Closed       bool // exported: closed for sending
	Runs, Groups int64
	Blocks       int64
	Deliveries   int64
}

// Check reads the whole ledger: the file's structure, frozen inputs, plans and
// journal, and that every run's leaves cover its recipients. What is wrong is
// ErrDamaged, or ErrStale when the high-water mark has seen more.
func Check(ctx context.Context, o Options) (Checked, error) {
	r, err := openReader(ctx, o)
	if err != nil {
		return Checked{}, err
	}
	checked, err := r.check(ctx)
	if !r.Closed() {
		err = errors.Join(err, checkMark(ctx, r, o))
	}
	return checked, errors.Join(err, r.Close())
}

func (r *Reader) check(ctx context.Context) (Checked, error) {
	checked := Checked{Closed: r.Closed()}
	if err := r.checkStructure(ctx); err != nil {
		return checked, err
	}
	err := r.checkContents(ctx)
	for found, failed := range r.Runs(ctx, ledger.Filter{Trials: true}) {
		if failed != nil {
			return checked, errors.Join(err, failed)
		}
		if wrong := r.checkRun(ctx, found.ID, &checked); wrong != nil {
			err = errors.Join(err, ledger.Because(wrong, "run %s: %v", found.ID, wrong))
		}
		checked.Runs++
	}
	return checked, err
}

// checkStructure lets SQLite read every page and index.
func (r *Reader) checkStructure(ctx context.Context) error {
	rows, err := r.db.QueryContext(ctx, "PRAGMA integrity_check(10)")
	if err != nil {
		return told("checking the ledger", err)
	}
	said, err := scanAll(rows, func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
	if err != nil {
		return told("checking the ledger", err)
	}
	if len(said) != 1 || said[0] != "ok" {
		return ledger.Because(ledger.ErrDamaged, "the ledger %s is damaged: %v", r.file, said)
	}
	var orphans int64
	err = r.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM journal WHERE run NOT IN (SELECT num FROM runs) AND (run <> 0 OR kind = 0))
		+ (SELECT count(*) FROM blocks WHERE id >> 32 NOT IN (SELECT num FROM runs))
		+ (SELECT count(*) FROM said WHERE block NOT IN (SELECT id FROM blocks))`).Scan(&orphans)
	if err == nil && orphans > 0 {
		return ledger.Because(ledger.ErrDamaged, "the ledger %s is damaged: %d rows belong to no run", r.file, orphans)
	}
	return told("checking the ledger", err)
}

func (r *Reader) checkContents(ctx context.Context) error {
	rows, err := r.db.QueryContext(ctx, "SELECT digest, data FROM contents")
	if err != nil {
		return told("checking the inputs", err)
	}
	_, err = scanAll(rows, func(scan func(...any) error) (struct{}, error) {
		var key, data []byte
		err := scan(&key, &data)
		if err == nil && !keyed(key, data) {
			err = ledger.Because(ledger.ErrDamaged, "the ledger is damaged: the frozen input %x is not what its digest says", key)
		}
		return struct{}{}, err
	})
	return told("checking the inputs", err)
}

func (r *Reader) checkRun(ctx context.Context, id string, checked *Checked) error {
	if _, err := r.Inputs(ctx, id); err != nil {
		return err
	}
	s, err := r.snapshot(ctx, id, true)
	if err != nil {
		return err
	}
	totals := campaign.Totals{}
	for b, err := range r.Results(ctx, id) {
		if err != nil {
			return err
		}
		if totals, err = ledger.Extend(totals, &b.Block); err != nil {
			return ledger.Because(ledger.ErrDamaged, "the ledger is damaged: %v", err)
		}
		if err := covered(b); err != nil {
			return err
		}
	}
	if totals != s.run.added {
		return ledger.Because(ledger.ErrDamaged, "the ledger is damaged: %v", ledger.Total(id, totals, s.run.added))
	}
	checked.Blocks += totals.Blocks
	checked.Deliveries += totals.Requests
	return r.checkGroups(ctx, s.run.num, checked)
}

// covered checks the conservation law of a block: its leaves are its recipients,
// each once (design: delivery, Words).
func covered(b campaign.BlockResults) error {
	next := 0
	for _, d := range b.Block.Deliveries {
		from := 0
		for ; next < len(b.Results) && b.Results[next].Part.Seq == d.Seq; next++ {
			p := b.Results[next].Part
			if p.From != from || len(p.Of(d.Recipients)) == 0 && len(d.Recipients) > 0 {
				return gap(d.Seq)
			}
			from += len(p.Of(d.Recipients))
		}
		if from != len(d.Recipients) {
			return gap(d.Seq)
		}
	}
	if next != len(b.Results) {
		return ledger.Because(ledger.ErrDamaged, "the ledger is damaged: block %d has results of deliveries that are not in it", b.Block.Seq)
	}
	return nil
}

func gap(seq int64) error {
	return ledger.Because(ledger.ErrDamaged, "the ledger is damaged: the parts of delivery %d are not its recipients", seq)
}

// checkGroups reads the details of every group, answers included.
func (r *Reader) checkGroups(ctx context.Context, num int64, checked *Checked) error {
	rows, err := r.db.QueryContext(ctx, "SELECT id, record, detail FROM journal WHERE run = ? AND kind = ? ORDER BY id", num, kindGroup)
	if err != nil {
		return told("checking the journal", err)
	}
	_, err = scanAll(rows, func(scan func(...any) error) (struct{}, error) {
		var id int64
		var record, detail []byte
		if err := scan(&id, &record, &detail); err != nil {
			return struct{}{}, err
		}
		checked.Groups++
		if _, err := ledger.DecodeGroup(record, detail); err != nil {
			return struct{}{}, fmt.Errorf("group %d: %w", id, err)
		}
		return struct{}{}, nil
	})
	return told("checking the journal", err)
}
