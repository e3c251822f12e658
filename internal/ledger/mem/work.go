package mem

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sort"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// Claim implements ledger.Worker. The lease is not looked at: a hold lasts until
// its handle is closed or killed.
func (l *Ledger) Claim(ctx context.Context, id string, owner string, _ time.Duration) (ledger.Hold, error) {
	r, leave, err := l.enter(ctx, id)
	if err != nil {
		return ledger.Hold{}, err
	}
	defer leave()
	if r.holder != nil {
		return ledger.Hold{}, ledger.Because(ledger.ErrHeld, "run %s is held by %s", id, r.owner)
	}
	if r.State == campaign.Planning {
		return ledger.Hold{}, ledger.NotOpen(id, r.State)
	}
	fold, err := r.fold()
	if err != nil {
		return ledger.Hold{}, err
	}
	r.token++
	r.holder, r.owner = l, owner
	l.holds[id] = &hold{token: r.token, fold: fold}
	r.note(campaign.NoteClaimed, owner, "")
	return ledger.Hold{Run: id, Token: r.token}, nil
}

func (r *run) fold() (*ledger.Fold, error) {
	fold := ledger.NewFold(r.totals.Requests)
	var group ledger.Group
	for _, row := range r.journal {
		if err := ledger.DecodeIndex(row.index, &group); err != nil {
			return nil, err
		}
		if err := fold.Apply(row.id, row.token, &group); err != nil {
			return nil, err
		}
	}
	return fold, nil
}

// held enters for the holder of h.
func (l *Ledger) held(ctx context.Context, h ledger.Hold) (*run, *hold, func(), error) {
	r, leave, err := l.enter(ctx, h.Run)
	if err != nil {
		return nil, nil, nil, err
	}
	mine := l.holds[h.Run]
	if mine == nil || mine.token != h.Token || r.token != h.Token {
		leave()
		return nil, nil, nil, ledger.Lost(h.Run)
	}
	return r, mine, leave, nil
}

// Release implements ledger.Worker.
func (l *Ledger) Release(ctx context.Context, h ledger.Hold) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	if mine := l.holds[h.Run]; mine != nil && mine.token == h.Token {
		l.store.runs[h.Run].drop(l)
		delete(l.holds, h.Run)
	}
	return nil
}

// Work implements ledger.Worker.
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
	r, mine, leave, err := l.held(ctx, h)
	if err != nil {
		return ledger.View{}, err
	}
	defer leave()
	view := ledger.View{Run: r.copy(), Source: source{l.store, r}}
	switch {
	case unknown:
		view.Spans = mine.fold.Unknown(h.Token, r.spans)
	case r.State == campaign.Open:
		view.Spans = mine.fold.Wanting(r.spans)
	}
	view.Leaves = func(s ledger.Span) (ledger.Leaves, error) {
		l.store.mu.Lock()
		defer l.store.mu.Unlock()
		if l.holds[h.Run] != mine {
			return nil, ledger.Lost(h.Run)
		}
		if unknown {
			return mine.fold.UnknownLeaves(h.Token, s), nil
		}
		return mine.fold.Leaves(s), nil
	}
	return view, nil
}

// Record implements ledger.Worker.
func (l *Ledger) Record(ctx context.Context, h ledger.Hold, settlements []ledger.Settlement, intents []ledger.Intent) error {
	r, mine, leave, err := l.held(ctx, h)
	if err != nil {
		return err
	}
	defer leave()
	group := ledger.Group{Settlements: settlements, Intents: intents}
	if r.State != campaign.Open && !mine.fold.Words(&group) {
		return ledger.NotOpen(h.Run, r.State)
	}
	if group.Empty() {
		return nil
	}
	earliest, latest := group.Bounds()
	if err := ledger.ClockBack(earliest, l.store.latest); err != nil {
		return err
	}
	if err := mine.fold.Check(h.Token, &group, r.size); err != nil {
		return err
	}
	index, detail, err := ledger.EncodeGroup(group)
	if err != nil {
		return err
	}
	l.store.groups++
	if latest.After(l.store.latest) {
		l.store.latest = latest
	}
	r.journal = append(r.journal, row{l.store.groups, h.Token, index, detail})
	return mine.fold.Apply(l.store.groups, h.Token, &group)
}

func (r *run) size(seq int64) (int, error) {
	i, _ := slices.BinarySearchFunc(r.spans, seq, ledger.Span.Compare)
	block, err := ledger.DecodeBlock(r.blocks[i])
	if err != nil {
		return 0, err
	}
	return len(block.Deliveries[seq-r.spans[i].First].Recipients), nil
}

// Cancel implements ledger.Worker.
func (l *Ledger) Cancel(ctx context.Context, h ledger.Hold, reason string) error {
	r, _, leave, err := l.held(ctx, h)
	if err != nil {
		return err
	}
	defer leave()
	if r.State == campaign.Open {
		r.note(campaign.NoteCancelled, r.owner, reason)
		r.State, r.Reason = campaign.Cancelled, reason
	}
	return nil
}

// Stop implements ledger.Worker.
func (l *Ledger) Stop(ctx context.Context, id string) error {
	r, leave, err := l.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	r.asked = r.token
	return nil
}

// Stopped implements ledger.Worker.
func (l *Ledger) Stopped(ctx context.Context, h ledger.Hold) (bool, error) {
	r, _, leave, err := l.held(ctx, h)
	if err != nil {
		return false, err
	}
	defer leave()
	return r.asked == h.Token, nil
}

// Results implements ledger.Reader.
func (l *Ledger) Results(ctx context.Context, id string) iter.Seq2[campaign.BlockResults, error] {
	return func(yield func(campaign.BlockResults, error) bool) {
		view, err := l.view(ctx, id)
		if err != nil {
			yield(campaign.BlockResults{}, err)
			return
		}
		view.All(ctx)(yield)
	}
}

// Containing implements ledger.Reader.
func (l *Ledger) Containing(ctx context.Context, id string, wanted func(campaign.Digest) bool) iter.Seq2[campaign.BlockResults, error] {
	return func(yield func(campaign.BlockResults, error) bool) {
		view, err := l.view(ctx, id)
		if err != nil {
			yield(campaign.BlockResults{}, err)
			return
		}
		said := view.Source.(source).run.said
		view.Spans = slices.DeleteFunc(slices.Clone(view.Spans), func(s ledger.Span) bool {
			has, failed := ledger.HasContent(said[s.Block], wanted)
			err = errors.Join(err, failed)
			return !has
		})
		if err != nil {
			yield(campaign.BlockResults{}, err)
			return
		}
		view.All(ctx)(yield)
	}
}

func (l *Ledger) view(ctx context.Context, id string) (ledger.View, error) {
	r, leave, err := l.enter(ctx, id)
	if err != nil {
		return ledger.View{}, err
	}
	defer leave()
	fold, err := r.fold()
	if err != nil {
		return ledger.View{}, err
	}
	frozen := run{plan: r.plan, journal: r.journal} // a plan that begins anew meanwhile is another one
	leaves := func(s ledger.Span) (ledger.Leaves, error) { return fold.Leaves(s), nil }
	return ledger.View{Run: r.copy(), Spans: r.spans, Leaves: leaves, Source: source{l.store, &frozen}}, nil
}

// source reads a run's rows, which never change once they are there.
type source struct {
	store *store
	run   *run
}

func (s source) Block(_ context.Context, seq int64) (campaign.Block, error) {
	s.store.mu.Lock()
	packed, said := s.run.blocks[seq], s.run.said[seq]
	s.store.mu.Unlock()
	b, err := ledger.DecodeBlock(packed)
	if err == nil {
		err = ledger.SetContents(&b, said)
	}
	return b, err
}

func (s source) Group(_ context.Context, id int64) (ledger.Group, error) {
	s.store.mu.Lock()
	journal := s.run.journal
	s.store.mu.Unlock()
	i := sort.Search(len(journal), func(i int) bool { return journal[i].id >= id })
	return ledger.DecodeGroup(journal[i].index, journal[i].detail)
}

// Attempts implements ledger.Reader.
func (l *Ledger) Attempts(ctx context.Context, id string, seq int64) iter.Seq2[ledger.Attempt, error] {
	return func(yield func(ledger.Attempt, error) bool) {
		r, leave, err := l.enter(ctx, id)
		if err != nil {
			yield(ledger.Attempt{}, err)
			return
		}
		journal := r.journal
		leave()
		for _, row := range journal {
			group, err := ledger.DecodeGroup(row.index, row.detail)
			if err != nil {
				yield(ledger.Attempt{}, err)
				return
			}
			for _, a := range group.AttemptsAt(seq) {
				if !yield(a, nil) {
					return
				}
			}
		}
	}
}
