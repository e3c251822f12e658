// Package mem is the ledger without a disk: for tests, and for what may be
// forgotten. It packs, folds and refuses exactly as the members on disk do.
package mem

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Ledger is one process's handle on a store in memory.
type Ledger struct {
	store *store
	holds map[string]*hold // by run; guarded by store.mu
	plans map[string]*plan // what this process began
	gone  bool             // closed or killed
}

var _ ledger.Ledger = (*Ledger)(nil)

type store struct {
	mu     sync.Mutex
	runs   map[string]*run
	groups int64 // journal id of the last group of all runs
	latest time.Time

	cells  map[string][]byte
	places map[string]*places
	slots  slots
}

type run struct {
	campaign.Run
	*plan
	journal []row
	notes   []campaign.Note
	token   uint64
	asked   uint64  // the token whose holder was asked to stop
	holder  *Ledger // nil: nobody
	owner   string
}

// plan is what Begin and Add brought; a run that begins anew has another one.
type plan struct {
	inputs  []campaign.Input
	totals  campaign.Totals // of the blocks that were added
	spans   []ledger.Span
	blocks  [][]byte
	digests [][sha256.Size]byte
	said    [][]byte // of the blocks: see ledger.EncodeContents
}

type row struct {
	id            int64
	token         uint64
	index, detail []byte
}

type hold struct {
	token uint64
	fold  *ledger.Fold
}

// New makes an empty store and the first handle on it.
func New() *Ledger {
	return (&Ledger{store: &store{runs: map[string]*run{}, cells: map[string][]byte{}, places: map[string]*places{}, slots: newSlots()}}).Fork()
}

// Fork gives another process's handle on the same store.
func (l *Ledger) Fork() *Ledger {
	return &Ledger{store: l.store, holds: map[string]*hold{}, plans: map[string]*plan{}}
}

// Kill ends the handle's process: its holds go with it, without a word.
func (l *Ledger) Kill() { l.leave() }

// Close gives up the handle. What it held is released.
func (l *Ledger) Close() error {
	l.leave()
	return nil
}

func (l *Ledger) leave() {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	for id := range l.holds {
		l.store.runs[id].drop(l)
	}
	for _, p := range l.store.places {
		p.drop(l)
	}
	l.store.slots.drop(l)
	l.holds, l.gone = nil, true
}

// Expire ends the lease of whoever holds the run, while that process lives on.
func (l *Ledger) Expire(id string) {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	if r := l.store.runs[id]; r != nil {
		r.holder = nil
	}
}

func (r *run) drop(l *Ledger) {
	if r.holder == l {
		r.holder = nil
	}
}

var errGone = errors.New("the ledger was closed")

// lock takes the store for one method.
func (l *Ledger) lock(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.store.mu.Lock()
	if l.gone {
		l.store.mu.Unlock()
		return nil, errGone
	}
	return l.store.mu.Unlock, nil
}

// enter takes the store for one method on a run.
func (l *Ledger) enter(ctx context.Context, id string) (*run, func(), error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return nil, nil, err
	}
	r := l.store.runs[id]
	if r == nil {
		leave()
		return nil, nil, ledger.Because(ledger.ErrNotFound, "no run %s", id)
	}
	return r, leave, nil
}

// planned enters for a planner, whose plan must be the run's still.
func (l *Ledger) planned(ctx context.Context, id string) (*run, func(), error) {
	r, leave, err := l.enter(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if mine := l.plans[id]; mine != nil && mine != r.plan {
		leave()
		return nil, nil, ledger.Replanned(id)
	}
	return r, leave, nil
}

// Begin implements ledger.Planner.
func (l *Ledger) Begin(ctx context.Context, brought campaign.Run, inputs []campaign.Input) (campaign.Run, error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return campaign.Run{}, err
	}
	defer leave()
	r := l.store.runs[brought.ID]
	switch {
	case r == nil:
		r = &run{}
		l.store.runs[brought.ID] = r
		r.begin(brought, inputs)
	case ledger.SamePlan(r.Run, brought):
	case r.State != campaign.Planning:
		return r.copy(), ledger.Because(ledger.ErrConflict, "run %s exists with another plan", brought.ID)
	default:
		r.begin(brought, inputs)
	}
	l.plans[brought.ID] = r.plan
	return r.copy(), nil
}

func (r *run) begin(brought campaign.Run, inputs []campaign.Input) {
	r.Run, r.plan = ledger.Begun(brought), &plan{inputs: copied(inputs)}
}

func (r *run) copy() campaign.Run {
	out := r.Run
	out.Columns = slices.Clone(out.Columns)
	return out
}

func copied(inputs []campaign.Input) []campaign.Input {
	out := slices.Clone(inputs)
	for i := range out {
		out[i].Data = bytes.Clone(out[i].Data)
	}
	return out
}

// Add implements ledger.Planner.
func (l *Ledger) Add(ctx context.Context, id string, blocks []campaign.Block) error {
	r, leave, err := l.planned(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	totals, spans, packed, digests, said := r.totals, r.spans, r.blocks, r.digests, r.said
	for i := range blocks {
		b := &blocks[i]
		if b.Seq >= 0 && b.Seq < int64(len(digests)) {
			if digests[b.Seq] != b.Digest {
				return ledger.Differs(id, b.Seq)
			}
			continue
		}
		if r.State != campaign.Planning {
			return ledger.Differs(id, b.Seq)
		}
		span := ledger.Span{Block: b.Seq, First: totals.Requests, Len: int64(len(b.Deliveries)), Stage: b.Stage}
		if totals, err = ledger.Extend(totals, b); err != nil {
			return err
		}
		data, err := ledger.EncodeBlock(*b)
		if err != nil {
			return err
		}
		spans, packed, digests = append(spans, span), append(packed, data), append(digests, b.Digest)
		said = append(said, ledger.EncodeContents(b))
	}
	r.totals, r.spans, r.blocks, r.digests, r.said = totals, spans, packed, digests, said
	return nil
}

// Open implements ledger.Planner.
func (l *Ledger) Open(ctx context.Context, id string, totals campaign.Totals) error {
	r, leave, err := l.planned(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	if r.totals != totals {
		return ledger.Total(id, r.totals, totals)
	}
	if r.State == campaign.Planning {
		r.State, r.Totals = campaign.Open, totals
		r.note(campaign.NoteOpened, "", "")
	}
	return nil
}

func (r *run) note(kind, by, text string) {
	r.notes = append(r.notes, ledger.Noted(campaign.Note{At: time.Now(), Kind: kind, By: by, Text: text}))
}

// Run implements ledger.Reader.
func (l *Ledger) Run(ctx context.Context, id string) (campaign.Run, error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return campaign.Run{}, err
	}
	defer leave()
	var found []string
	for name := range l.store.runs {
		if strings.HasPrefix(name, id) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	name, err := ledger.Pick(id, found)
	if err != nil {
		return campaign.Run{}, err
	}
	return l.store.runs[name].copy(), nil
}

// Runs implements ledger.Reader.
func (l *Ledger) Runs(ctx context.Context, filter ledger.Filter) iter.Seq2[campaign.Run, error] {
	return func(yield func(campaign.Run, error) bool) {
		runs, err := l.selected(ctx, filter)
		if err != nil {
			yield(campaign.Run{}, err)
			return
		}
		for _, r := range runs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (l *Ledger) selected(ctx context.Context, filter ledger.Filter) ([]campaign.Run, error) {
	leave, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var runs []campaign.Run
	for _, r := range l.store.runs {
		if filter.Selects(r.Run) {
			runs = append(runs, r.copy())
		}
	}
	slices.SortFunc(runs, ledger.Newer)
	return runs, nil
}

// Inputs implements ledger.Reader.
func (l *Ledger) Inputs(ctx context.Context, id string) ([]campaign.Input, error) {
	r, leave, err := l.enter(ctx, id)
	if err != nil {
		return nil, err
	}
	defer leave()
	return copied(r.inputs), nil
}
