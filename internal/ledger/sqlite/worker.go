package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// hold is a run that this process works on.
type hold struct {
	run   run
	lock  *flock.Flock
	spans []ledger.Span

	mu sync.Mutex
	// fold is nil when a write failed and it is open whether it happened: the
	// journal is read again then.
	fold *ledger.Fold
	gone bool // released
}

// Claim implements ledger.Worker.
func (l *Ledger) Claim(ctx context.Context, id string, owner string, _ time.Duration) (ledger.Hold, error) {
	found, err := runOf(ctx, l.db, id)
	if err != nil {
		return ledger.Hold{}, err
	}
	lock, err := l.options.lockRun(found.num)
	if err != nil {
		return ledger.Hold{}, err
	}
	if lock == nil {
		return ledger.Hold{}, ledger.Because(ledger.ErrHeld, "run %s is held by %s", id, found.owner)
	}
	h, err := l.claim(ctx, id, owner)
	if err != nil {
		return ledger.Hold{}, errors.Join(err, lock.Unlock())
	}
	h.lock = lock
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holds == nil {
		return ledger.Hold{}, errors.Join(errShut, lock.Unlock())
	}
	l.holds[id] = h
	return ledger.Hold{Run: id, Token: h.run.token}, nil
}

// claim does what is to be done under the lock.
func (l *Ledger) claim(ctx context.Context, id, owner string) (*hold, error) {
	h := &hold{}
	err := inTx(ctx, l.writer, "claiming the run", func(ctx context.Context, tx *sql.Tx) error {
		if err := l.stillOpen(ctx, tx); err != nil {
			return err
		}
		var err error
		if h.run, err = runOf(ctx, tx, id); err != nil {
			return err
		}
		if h.run.State == campaign.Planning {
			return ledger.NotOpen(id, h.run.State)
		}
		h.run.token++
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET token = ?, owner = ? WHERE num = ?", h.run.token, owner, h.run.num); err != nil {
			return err
		}
		return note(ctx, tx, h.run.num, h.run.token, kindNoted, campaign.Note{At: time.Now(), Kind: campaign.NoteClaimed, By: owner})
	})
	if err != nil {
		return nil, err
	}
	if err := l.raiseMark(ctx); err != nil {
		return nil, err
	}
	snapshot, err := l.snapshot(ctx, id, true)
	if err != nil {
		return nil, err
	}
	h.spans, h.fold = snapshot.spans, snapshot.fold
	return h, nil
}

// holding finds the hold that h names and locks it.
func (l *Ledger) holding(ctx context.Context, h ledger.Hold) (*hold, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	mine, shut := l.holds[h.Run], l.holds == nil
	l.mu.Unlock()
	if shut {
		return nil, errShut
	}
	if mine == nil {
		if _, err := runOf(ctx, l.db, h.Run); err != nil {
			return nil, err
		}
		return nil, ledger.Lost(h.Run)
	}
	mine.mu.Lock()
	if mine.gone || mine.run.token != h.Token {
		mine.mu.Unlock()
		return nil, ledger.Lost(h.Run)
	}
	return mine, nil
}

// current fails unless the run is open and the hold is its last claim.
func (h *hold) current(ctx context.Context, q querier) (run, error) {
	r, err := runOf(ctx, q, h.run.ID)
	if err == nil && r.token != h.run.token {
		err = ledger.Lost(h.run.ID)
	}
	return r, err
}

// Release implements ledger.Worker.
func (l *Ledger) Release(ctx context.Context, h ledger.Hold) error {
	mine, err := l.holding(ctx, h)
	if errors.Is(err, ledger.ErrHoldLost) || errors.Is(err, ledger.ErrNotFound) || errors.Is(err, errShut) {
		return nil
	}
	if err != nil {
		return err
	}
	defer mine.mu.Unlock()
	mine.gone, mine.fold = true, nil
	l.mu.Lock()
	if l.holds[h.Run] == mine {
		delete(l.holds, h.Run)
	}
	l.mu.Unlock()
	return errors.Join(l.raiseMark(ctx), told("releasing the run", mine.lock.Unlock()))
}

// Work implements ledger.Worker. The results are those of the moment at which a
// block is yielded.
func (l *Ledger) Work(ctx context.Context, h ledger.Hold) iter.Seq2[ledger.Work, error] {
	return func(yield func(ledger.Work, error) bool) {
		l.yield(ctx, h, false, yield)
	}
}

// Unknown implements ledger.Worker.
func (l *Ledger) Unknown(ctx context.Context, h ledger.Hold) iter.Seq2[ledger.Work, error] {
	return func(yield func(ledger.Work, error) bool) {
		l.yield(ctx, h, true, yield)
	}
}

func (l *Ledger) yield(ctx context.Context, h ledger.Hold, unknown bool, yield func(ledger.Work, error) bool) {
	view, err := l.work(ctx, h, unknown)
	if err != nil {
		yield(ledger.Work{}, err)
		return
	}
	view.All(ctx)(yield)
}

func (l *Ledger) work(ctx context.Context, h ledger.Hold, unknown bool) (ledger.View, error) {
	mine, err := l.holding(ctx, h)
	if err != nil {
		return ledger.View{}, err
	}
	defer mine.mu.Unlock()
	r, err := mine.current(ctx, l.db)
	if err == nil {
		err = l.refold(ctx, mine)
	}
	if err != nil {
		return ledger.View{}, err
	}
	view := ledger.View{Run: r.Run, Source: source{l.Reader, mine.run.num}}
	switch {
	case unknown:
		view.Spans = mine.fold.Unknown(h.Token, mine.spans)
	case r.State == campaign.Open:
		view.Spans = mine.fold.Wanting(mine.spans)
	}
	view.Leaves = func(s ledger.Span) (ledger.Leaves, error) {
		mine.mu.Lock()
		defer mine.mu.Unlock()
		if mine.gone {
			return nil, ledger.Lost(h.Run)
		}
		if err := l.refold(ctx, mine); err != nil {
			return nil, err
		}
		if unknown {
			return mine.fold.UnknownLeaves(h.Token, s), nil
		}
		return mine.fold.Leaves(s), nil
	}
	return view, nil
}

// refold reads the journal again after a write whose effect is in doubt.
func (l *Ledger) refold(ctx context.Context, h *hold) error {
	if h.fold != nil {
		return nil
	}
	snapshot, err := l.snapshot(ctx, h.run.ID, true)
	if err == nil {
		h.fold = snapshot.fold
	}
	return err
}

// insertGroup appends a group if the token is the run's last and the run is still
// in the state that the group was checked for.
// One statement is one transaction, so the check and the row are one.
const insertGroup = `INSERT INTO journal (run, token, kind, at, record, detail)
	SELECT num, token, 0, max(?1, coalesce((SELECT at FROM journal ORDER BY id DESC LIMIT 1), ?1)), ?2, ?3
	FROM runs WHERE num = ?4 AND token = ?5 AND state = ?8
	AND ?6 >= coalesce((SELECT at FROM journal ORDER BY id DESC LIMIT 1), ?6) - ?7`

// Record implements ledger.Worker.
func (l *Ledger) Record(ctx context.Context, h ledger.Hold, settlements []ledger.Settlement, intents []ledger.Intent) error {
	mine, err := l.holding(ctx, h)
	if err != nil {
		return err
	}
	defer mine.mu.Unlock()
	group := ledger.Group{Settlements: settlements, Intents: intents}
	if group.Empty() {
		_, err := mine.current(ctx, l.db)
		return err
	}
	if err := l.refold(ctx, mine); err != nil {
		return err
	}
	if mine.run.State != campaign.Open && !mine.fold.Words(&group) {
		return ledger.NotOpen(h.Run, mine.run.State)
	}
	if err := mine.fold.Check(h.Token, &group, l.size(ctx, mine)); err != nil {
		return mine.because(ctx, l.db, time.Time{}, err)
	}
	record, detail, err := ledger.EncodeGroup(group)
	if err != nil {
		return err
	}
	earliest, latest := group.Bounds()
	// Not given up half-way: its effect would be in doubt.
	done, err := l.insert.ExecContext(context.WithoutCancel(ctx), latest.UnixMicro(), record, detail,
		mine.run.num, h.Token, earliest.UnixMicro(), ledger.ClockSlack.Microseconds(), mine.run.State)
	if err != nil {
		mine.fold = nil
		return told("recording", err)
	}
	return mine.recorded(ctx, l, done, earliest, &group)
}

func (h *hold) recorded(ctx context.Context, l *Ledger, done sql.Result, earliest time.Time, g *ledger.Group) error {
	rows, err := done.RowsAffected()
	if err != nil {
		return err
	}
	if rows == 0 {
		return h.because(ctx, l.db, earliest, ledger.Lost(h.run.ID))
	}
	id, err := done.LastInsertId()
	if err == nil {
		err = h.fold.Apply(id, h.run.token, g)
	}
	if err != nil {
		h.fold = nil
	}
	return err
}

// because finds the reason why nothing was recorded, or else gives its own.
func (h *hold) because(ctx context.Context, q querier, earliest time.Time, own error) error {
	r, err := h.current(ctx, q)
	if err != nil {
		return err
	}
	if r.State != h.run.State {
		return ledger.NotOpen(h.run.ID, r.State)
	}
	if earliest.IsZero() {
		return own
	}
	var last int64
	err = q.QueryRowContext(ctx, "SELECT at FROM journal ORDER BY id DESC LIMIT 1").Scan(&last)
	if err != nil {
		return told("recording", err)
	}
	return errors.Join(ledger.ClockBack(earliest, time.UnixMicro(last)))
}

// size tells how many recipients a delivery has.
func (l *Ledger) size(ctx context.Context, h *hold) ledger.Size {
	return func(seq int64) (int, error) {
		i, _ := slices.BinarySearchFunc(h.spans, seq, ledger.Span.Compare)
		block, err := source{l.Reader, h.run.num}.Block(ctx, h.spans[i].Block)
		if err != nil {
			return 0, err
		}
		return len(block.Deliveries[seq-h.spans[i].First].Recipients), nil
	}
}

// Cancel implements ledger.Worker.
func (l *Ledger) Cancel(ctx context.Context, h ledger.Hold, reason string) error {
	mine, err := l.holding(ctx, h)
	if err != nil {
		return err
	}
	defer mine.mu.Unlock()
	err = inTx(ctx, l.writer, "cancelling the run", func(ctx context.Context, tx *sql.Tx) error {
		r, err := mine.current(ctx, tx)
		if err != nil || r.State != campaign.Open {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET state = ?, reason = ? WHERE num = ?", campaign.Cancelled, reason, r.num); err != nil {
			return err
		}
		return note(ctx, tx, r.num, r.token, kindNoted, campaign.Note{At: time.Now(), Kind: campaign.NoteCancelled, By: r.owner, Text: reason})
	})
	if err != nil {
		return err
	}
	mine.run.State = campaign.Cancelled
	return l.raiseMark(ctx)
}

// Stop implements ledger.Worker.
func (l *Ledger) Stop(ctx context.Context, id string) error {
	return inTx(ctx, l.writer, "stopping the run", func(ctx context.Context, tx *sql.Tx) error {
		r, err := runOf(ctx, tx, id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE runs SET asked = token WHERE num = ?", r.num)
		return err
	})
}

// Stopped implements ledger.Worker. It also notices that the ledger's file was
// taken away or exchanged: what is recorded then would be lost.
func (l *Ledger) Stopped(ctx context.Context, h ledger.Hold) (bool, error) {
	mine, err := l.holding(ctx, h)
	if err != nil {
		return false, err
	}
	defer mine.mu.Unlock()
	now, err := os.Stat(l.file)
	if err != nil || !os.SameFile(now, l.self) {
		return false, ledger.Because(ledger.ErrNoState, "the ledger %s was removed or exchanged while it was in use", l.file)
	}
	r, err := mine.current(ctx, l.db)
	return r.asked == r.token, err
}
