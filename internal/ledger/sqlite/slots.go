package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"iter"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// slotTables hold what was decided of schedules; since version 4, and in some ledgers
// of version 3.
const slotTables = `
CREATE TABLE IF NOT EXISTS schedules (
	profile  TEXT NOT NULL,
	campaign TEXT NOT NULL,
	upto     INTEGER NOT NULL,          -- µs since 1970: everything until then is decided
	PRIMARY KEY (profile, campaign)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slots (
	id         INTEGER PRIMARY KEY,     -- in the order they were decided
	profile    TEXT NOT NULL,
	campaign   TEXT NOT NULL,
	label      TEXT NOT NULL,
	at         INTEGER NOT NULL,        -- µs since 1970, as the other times
	last_label TEXT NOT NULL,           -- of a stretch of skipped ones
	last_at    INTEGER NOT NULL,
	count      INTEGER NOT NULL,
	state      INTEGER NOT NULL,
	reason     TEXT NOT NULL,
	decided    INTEGER NOT NULL,
	owner      TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS slots_once ON slots (profile, campaign, label) WHERE state < 2; -- not of skipped ones
CREATE INDEX IF NOT EXISTS slots_of ON slots (profile, campaign);
CREATE INDEX IF NOT EXISTS slots_due ON slots (at) WHERE state = 0;
`

// slotParts is how many parts of a schema slotTables are.
const slotParts = 5

// Decided implements ledger.Slots.
func (r *Reader) Decided(ctx context.Context, profile string) (map[string]time.Time, error) {
	const doing = "reading the schedules"
	rows, err := r.db.QueryContext(ctx, "SELECT campaign, upto FROM schedules WHERE profile = ?", profile)
	if err != nil {
		return nil, told(doing, err)
	}
	out := map[string]time.Time{}
	_, err = scanAll(rows, func(scan func(...any) error) (struct{}, error) {
		var name string
		var upto int64
		err := scan(&name, &upto)
		out[name] = time.UnixMicro(upto).UTC()
		return struct{}{}, err
	})
	return out, told(doing, err)
}

// Decide implements ledger.Slots.
func (l *Ledger) Decide(ctx context.Context, profile string, decisions []ledger.Decision) ([]bool, error) {
	taken := make([]bool, len(decisions))
	err := inTx(ctx, l.writer, "deciding what is due", func(ctx context.Context, tx *sql.Tx) error {
		d := &decider{tx: tx, profile: profile, prepared: map[string]*sql.Stmt{}}
		for i := range decisions {
			var err error
			if taken[i], err = d.decide(ctx, &decisions[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// decider writes decisions in one transaction.
type decider struct {
	tx       *sql.Tx
	profile  string
	prepared map[string]*sql.Stmt
}

func (d *decider) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := d.prepared[query]; s != nil {
		return s, nil
	}
	s, err := d.tx.PrepareContext(ctx, query) // closed with the transaction
	d.prepared[query] = s
	return s, err
}

func (d *decider) exec(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := d.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	done, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

func (d *decider) decide(ctx context.Context, one *ledger.Decision) (bool, error) {
	var changed int64
	var err error
	if one.From.IsZero() {
		changed, err = d.exec(ctx, "INSERT INTO schedules (profile, campaign, upto) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", d.profile, one.Campaign, one.Upto.UnixMicro())
	} else {
		changed, err = d.exec(ctx, "UPDATE schedules SET upto = max(upto, ?) WHERE profile = ? AND campaign = ? AND upto = ?",
			one.Upto.UnixMicro(), d.profile, one.Campaign, one.From.UnixMicro())
	}
	if err != nil || changed == 0 {
		return false, err
	}
	for i := range one.Slots {
		if err := d.add(ctx, one.Campaign, &one.Slots[i]); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (d *decider) add(ctx context.Context, name string, s *campaign.Slot) error {
	last, err := d.stmt(ctx, "SELECT id, state, reason FROM slots WHERE profile = ? AND campaign = ? ORDER BY id DESC LIMIT 1")
	if err != nil {
		return err
	}
	var id int64
	var before campaign.Slot
	err = last.QueryRowContext(ctx, d.profile, name).Scan(&id, &before.State, &before.Reason)
	if err == nil && ledger.Extends(before, *s) {
		_, err = d.exec(ctx, "UPDATE slots SET last_label = ?, last_at = ?, count = count + ? WHERE id = ?", s.LastLabel, s.LastAt.UnixMicro(), s.Count, id)
		return err
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	_, err = d.exec(ctx, `INSERT INTO slots (profile, campaign, label, at, last_label, last_at, count, state, reason, decided, owner)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		d.profile, name, s.Label, s.At.UnixMicro(), s.LastLabel, s.LastAt.UnixMicro(), s.Count, s.State, s.Reason, s.Decided.UnixMicro(), s.Owner)
	return err
}

// Rewind implements ledger.Slots.
func (l *Ledger) Rewind(ctx context.Context, profile string, to time.Time) (n int64, err error) {
	err = inTx(ctx, l.writer, "setting schedules back", func(ctx context.Context, tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "UPDATE schedules SET upto = ?1 WHERE profile = ?2 AND upto > ?1", to.UnixMicro(), profile)
		if err == nil {
			n, err = done.RowsAffected()
		}
		return err
	})
	return n, err
}

// EndSlot implements ledger.Slots.
func (l *Ledger) EndSlot(ctx context.Context, slot campaign.Slot, state campaign.SlotState, reason string) error {
	return inTx(ctx, l.writer, "recording the end of an occurrence", func(ctx context.Context, tx *sql.Tx) error {
		var there int64
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM slots WHERE profile = ? AND campaign = ? AND label = ?", slot.Profile, slot.Campaign, slot.Label).Scan(&there)
		if err == nil && there == 0 {
			return ledger.NoSlot(slot)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE slots SET state = ?, reason = ? WHERE profile = ? AND campaign = ? AND label = ? AND state = 0",
				state, reason, slot.Profile, slot.Campaign, slot.Label)
		}
		return err
	})
}

// Slots implements ledger.Slots.
func (r *Reader) Slots(ctx context.Context, filter ledger.SlotFilter) iter.Seq2[campaign.Slot, error] {
	return func(yield func(campaign.Slot, error) bool) {
		const doing = "reading the occurrences"
		where := ` FROM slots WHERE (?1 = '' OR profile = ?1) AND (?2 = '' OR campaign = ?2)
			AND (?3 = 0 OR last_at >= ?3) AND (?4 = 0 OR at < ?4)`
		if filter.Open {
			where += " AND state = 0" // in these words, so that its index serves
		}
		if filter.Well {
			where += " AND state = 1 AND reason = ''"
		}
		if filter.Newest {
			where = " FROM slots WHERE id IN (SELECT max(id)" + where + " GROUP BY profile, campaign)"
		}
		rows, err := r.db.QueryContext(ctx, "SELECT profile, campaign, label, at, last_label, last_at, count, state, reason, decided, owner"+where+
			" ORDER BY at, profile, campaign, id", filter.Profile, filter.Campaign, micros(filter.From), micros(filter.Until))
		var all []campaign.Slot
		if err == nil {
			all, err = scanAll(rows, scanSlot)
		}
		if err != nil {
			yield(campaign.Slot{}, told(doing, err))
			return
		}
		for _, s := range all {
			if filter.Selects(s) && !yield(s, nil) {
				return
			}
		}
	}
}

// micros is a bound as it is stored; 0: none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func scanSlot(scan func(...any) error) (campaign.Slot, error) {
	var s campaign.Slot
	var at, last, decided, state int64
	err := scan(&s.Profile, &s.Campaign, &s.Label, &at, &s.LastLabel, &last, &s.Count, &state, &s.Reason, &decided, &s.Owner)
	if err != nil {
		return s, err
	}
	if state < 0 || state > int64(campaign.SlotSkipped) {
		return s, ledger.Because(ledger.ErrDamaged, "the ledger is damaged: an occurrence of %s is in state %d", s.Campaign, state)
	}
	s.State = campaign.SlotState(state)
	s.At, s.LastAt, s.Decided = time.UnixMicro(at).UTC(), time.UnixMicro(last).UTC(), time.UnixMicro(decided).UTC()
	return s, nil
}

// Turn implements ledger.Slots.
func (l *Ledger) Turn(ctx context.Context, profile, name string) (func(), bool, error) {
	const doing = "taking the turn to run a campaign"
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if l.isShut() {
		return nil, false, errShut
	}
	sum := sha256.Sum256([]byte(profile + "\x00" + name))
	lock, err := l.options.lock("turn-" + hex.EncodeToString(sum[:8]))
	if err != nil {
		return nil, false, err
	}
	free, err := lock.TryLock()
	if err != nil {
		return nil, false, told(doing, errors.Join(err, lock.Close()))
	}
	if !free {
		return nil, false, told(doing, lock.Close())
	}
	l.turns.Store(lock, nil)
	return sync.OnceFunc(func() {
		l.turns.Delete(lock)
		_ = lock.Unlock() // closes the file, with which the lock goes
	}), true, nil
}

// leaveTurns gives back every turn that this process has.
func (l *Ledger) leaveTurns() (err error) {
	l.turns.Range(func(lock, _ any) bool {
		err = errors.Join(err, lock.(interface{ Unlock() error }).Unlock())
		return true
	})
	return err
}
