package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// run is a row of runs. Its Totals are set when it is open; added counts its blocks.
type run struct {
	campaign.Run
	num   int64
	added campaign.Totals
	token uint64
	asked uint64
	owner string
}

const runColumns = `num, id, project, profile, campaign, occurrence, occurrence_at, occurrence_zone, trial,
	file, target, channel, began, state, reason, planner, plan_digest, columns,
	blocks, requests, recipients, skipped, token, asked, owner`

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func scanRun(scan func(...any) error) (run, error) {
	var r run
	var when, zone, columns string
	var began, state int64
	err := scan(&r.num, &r.ID, &r.Project, &r.Profile, &r.Campaign, &r.Occurrence.Label, &when, &zone, &r.Trial,
		&r.File, &r.Target, &r.Channel, &began, &state, &r.Reason, &r.Planner, &r.PlanDigest, &columns,
		&r.added.Blocks, &r.added.Requests, &r.added.Recipients, &r.added.Skipped, &r.token, &r.asked, &r.owner)
	if err != nil {
		return run{}, err
	}
	r.Began = time.UnixMicro(began).UTC()
	if r.State, err = stateOf(state); err != nil {
		return run{}, err
	}
	if r.State != campaign.Planning {
		r.Totals = r.added
	}
	if r.Occurrence.Time, err = time.Parse(time.RFC3339Nano, when); err != nil {
		return run{}, ledger.Because(ledger.ErrDamaged, "the ledger is damaged: run %s is due at %q", r.ID, when)
	}
	// A zone that this machine does not know leaves the offset that was written.
	if place, err := time.LoadLocation(zone); zone != "" && err == nil {
		r.Occurrence.Time = r.Occurrence.Time.In(place)
	}
	if err := json.Unmarshal([]byte(columns), &r.Columns); err != nil {
		return run{}, ledger.Because(ledger.ErrDamaged, "the ledger is damaged: the columns of run %s are not readable", r.ID)
	}
	return r, nil
}

// runOf finds a run by its whole ID.
func runOf(ctx context.Context, q querier, id string) (run, error) {
	r, err := scanRun(q.QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs WHERE id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return run{}, ledger.Because(ledger.ErrNotFound, "no run %s", id)
	}
	return r, told("reading the run", err)
}

func insertRun(ctx context.Context, tx *sql.Tx, r campaign.Run) (int64, error) {
	columns, err := json.Marshal(r.Columns)
	if err != nil {
		return 0, err
	}
	zone := r.Occurrence.Time.Location().String()
	if zone == "Local" {
		zone = "" // another machine's local time is another one
	}
	done, err := tx.ExecContext(ctx, `INSERT INTO runs (id, project, profile, campaign, occurrence, occurrence_at,
		occurrence_zone, trial, file, target, channel, began, planner, plan_digest, columns)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Project, r.Profile, r.Campaign, r.Occurrence.Label, r.Occurrence.Time.Format(time.RFC3339Nano),
		zone, r.Trial, r.File, r.Target, r.Channel, r.Began.UnixMicro(), r.Planner, r.PlanDigest, string(columns))
	if err != nil {
		return 0, err
	}
	return done.LastInsertId()
}

// Run implements ledger.Reader.
func (r *Reader) Run(ctx context.Context, id string) (campaign.Run, error) {
	var found []string
	rows, err := r.db.QueryContext(ctx, "SELECT id FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id", id)
	if err == nil {
		found, err = scanAll(rows, func(scan func(...any) error) (name string, err error) { return name, scan(&name) })
	}
	if err != nil {
		return campaign.Run{}, told("reading the runs", err)
	}
	name, err := ledger.Pick(id, found)
	if err != nil {
		return campaign.Run{}, err
	}
	got, err := runOf(ctx, r.db, name)
	return got.Run, err
}

// Runs implements ledger.Reader.
func (r *Reader) Runs(ctx context.Context, filter ledger.Filter) iter.Seq2[campaign.Run, error] {
	return func(yield func(campaign.Run, error) bool) {
		rows, err := r.db.QueryContext(ctx, "SELECT "+runColumns+` FROM runs
			WHERE (?1 = '' OR profile = ?1) AND (?2 = '' OR campaign = ?2) AND (?3 OR NOT trial)
			ORDER BY began DESC, id`, filter.Profile, filter.Campaign, filter.Trials)
		var all []run
		if err == nil {
			all, err = scanAll(rows, scanRun) // no reader keeps the write-ahead log from being reused
		}
		if err != nil {
			yield(campaign.Run{}, told("reading the runs", err))
			return
		}
		for _, found := range all {
			if filter.Selects(found.Run) && !yield(found.Run, nil) {
				return
			}
		}
	}
}

// scanAll reads rows to their end and closes them.
func scanAll[T any](rows *sql.Rows, one func(scan func(...any) error) (T, error)) ([]T, error) {
	defer rows.Close() // what it would say, Err says
	var all []T
	for rows.Next() {
		v, err := one(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// Inputs implements ledger.Reader.
func (r *Reader) Inputs(ctx context.Context, id string) ([]campaign.Input, error) {
	found, err := runOf(ctx, r.db, id)
	if err != nil {
		return nil, err
	}
	rows, err := r.db.QueryContext(ctx, `SELECT path, i.digest, content, data FROM inputs i
		LEFT JOIN contents c ON c.digest = content WHERE run = ? ORDER BY position`, found.num)
	if err != nil {
		return nil, told("reading the inputs", err)
	}
	inputs, err := scanAll(rows, func(scan func(...any) error) (campaign.Input, error) {
		var in campaign.Input
		var key, data []byte
		if err := scan(&in.Path, &in.Digest, &key, &data); err != nil {
			return in, err
		}
		if key != nil {
			if !keyed(key, data) {
				return in, ledger.Because(ledger.ErrDamaged, "the ledger is damaged: %s is not as it was frozen for run %s", in.Path, id)
			}
			in.Data = append([]byte{}, data...)
		}
		return in, nil
	})
	return inputs, told("reading the inputs", err)
}
