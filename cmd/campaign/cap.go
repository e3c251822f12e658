package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/plan"
	"campaign/internal/runner"
)

// A cap counts what the ledger says of the account's runs: accepted, unknown, and
// what open runs still owe. So a run reserves its messages by being opened, in the
// transaction that opens it, and whatever is definitely not sent (refused, expired,
// cancelled) is given back the moment that is recorded, without a count of its own
// that could say otherwise. One run of a profile begins at a time (turn): what was
// counted holds until the run is there.

// turn waits until no other run of the profile begins. leave lets the next one
// begin; a process that dies does so too.
func (s *sender) turn(ctx context.Context) (leave func(), err error) {
	for said := false; ; said = true {
		leave, ok, err := s.ledger.Place(ctx, s.profile.Name+" begins a run", 1)
		if err != nil || ok {
			return leave, err
		}
		if !said {
			fmt.Fprintf(s.stderr, "%swaiting for another run of this profile to begin\n", s.tag())
		}
		select {
		case <-ctx.Done():
			return nil, fail(exitUnfinished, "interrupted while another run began: nothing was sent")
		case <-time.After(holdPoll):
		}
	}
}

// caps reports whether a campaign is under a cap. A trial uses nothing up, and is
// not held up either.
func (s *sender) caps(t *todo) bool { return t.declared.Cap != nil && s.flags.to == nil }

// foreseeCap counts who is over the cap now, so that people are asked about the
// right number. What holds is counted when the run begins.
func (s *sender) foreseeCap(ctx context.Context, t *todo) error {
	if !s.caps(t) {
		return nil
	}
	if err := s.countCapped(ctx, t); err != nil {
		return err
	}
	return t.without(ctx)
}

// capCount is who is over the cap, as counted at a time from certain runs.
type capCount struct {
	*plan.Capped
	at   time.Time
	runs []string
}

// capFresh is how long a count holds while no other run of the account begins: what
// runs do meanwhile can only give messages back.
const capFresh = time.Minute

// without plans the campaign anew without those over the cap, if these are others
// than before.
func (t *todo) without(ctx context.Context) error {
	if t.cap.Digest() == t.capped {
		return nil
	}
	t.capped = t.cap.Digest()
	t.plan.LeaveOut(t.cap.Capped)
	defer t.plan.LeaveOut(nil)
	summary, rows, err := t.check(ctx)
	if err == nil && campaign.HasErrors(rows) {
		err = errors.New("the recipients changed while they were read")
	}
	if err != nil {
		return fail(exitProblems, "%s: %w", t.campaign.File, err)
	}
	t.summary = summary
	return nil
}

// countCapped counts who is over the cap, unless that was done a moment ago.
func (s *sender) countCapped(ctx context.Context, t *todo) error {
	runs, err := s.counted(ctx, t)
	if err != nil {
		return err
	}
	var ids []string
	for _, run := range runs {
		ids = append(ids, run.ID)
	}
	if t.cap.Capped != nil && time.Since(t.cap.at) < capFresh && slices.Equal(ids, t.cap.runs) {
		return nil
	}
	at := time.Now()
	capped, err := t.plan.Cap(ctx, *t.declared.Cap, s.got(ctx, runs, at.Add(-t.declared.Cap.Per)))
	if errors.Is(err, plan.ErrProblems) {
		return fail(exitProblems, "%s: %w", t.campaign.File, err)
	}
	if err != nil {
		return err
	}
	err = t.cap.Close()
	t.cap = capCount{capped, at, ids}
	return err
}

// counted are the runs of a campaign's account that count, but for its own.
func (s *sender) counted(ctx context.Context, t *todo) ([]campaign.Run, error) {
	var runs []campaign.Run
	for run, err := range s.ledger.Runs(ctx, ledger.Filter{Profile: t.run.Profile}) {
		if err != nil {
			return nil, stateError(err)
		}
		if run.ID != t.run.ID && run.State != campaign.Planning && run.Target == t.declared.Name {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// got yields, for every message of some runs that counts for the cap, the id of who
// got it or is to get it.
func (s *sender) got(ctx context.Context, runs []campaign.Run, since time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, run := range runs {
			err := s.gotBy(ctx, run, since, func(id string) bool { return yield(id, nil) })
			if errors.Is(err, errEnough) {
				return
			}
			if err != nil {
				yield("", stateError(err))
				return
			}
		}
	}
}

// errEnough says that nobody wants to hear more.
var errEnough = errors.New("enough")

// gotBy gives the ids of one run. What it still owes counts, however long ago it
// began; what has expired is not owed any more, whether or not that was recorded.
func (s *sender) gotBy(ctx context.Context, run campaign.Run, since time.Time, yield func(string) bool) error {
	if rests, err := rests(ctx, s.ledger, run, since); rests || err != nil {
		return err
	}
	owes := sync.OnceValue(func() bool { return s.stillOwes(ctx, run) })
	for block, err := range s.ledger.Results(ctx, run.ID) {
		if err != nil {
			return err
		}
		for d, r := range leaves(block) {
			if !counts(r, since, owes) {
				continue
			}
			for _, who := range r.Part.Of(d.Recipients) {
				if !yield(who.ID()) {
					return errEnough
				}
			}
		}
	}
	return nil
}

// counts reports whether a request counts for the cap: it was accepted or may have
// been since then, or it is owed.
func counts(r campaign.Result, since time.Time, owes func() bool) bool {
	switch r.Verdict.Outcome {
	case campaign.Accepted, campaign.Unknown:
		return !r.At.Before(since)
	case campaign.Pending, campaign.Deferred:
		return owes()
	}
	return false
}

// rests reports whether a run owes nothing and did nothing since then: it is passed
// over without being read.
func rests(ctx context.Context, led ledger.Reader, run campaign.Run, since time.Time) (bool, error) {
	if !run.Began.Before(since) {
		return false, nil
	}
	notes, err := led.Notes(ctx, run.ID)
	if err != nil || len(notes) == 0 {
		return false, err
	}
	last := notes[len(notes)-1]
	over := last.Kind == campaign.NoteEnded && last.Text == string(runner.Complete) || last.Kind == campaign.NoteCancelled
	return over && last.At.Before(since), nil
}

// stillOwes reports whether what a run has not sent may yet be sent. A run that
// cannot be read any more is taken to owe it.
func (s *sender) stillOwes(ctx context.Context, run campaign.Run) bool {
	_, j, err := s.thaw(ctx, s.ledger, run)
	if err != nil {
		return true
	}
	until := j.expires(run)
	return until.IsZero() || time.Now().Before(until)
}
