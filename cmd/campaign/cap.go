package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	capped, err := s.countCapped(ctx, t)
	if err != nil {
		return err
	}
	defer capped.Close()
	return t.without(ctx, capped)
}

// without plans the campaign anew without those over the cap, if these are others
// than before.
func (t *todo) without(ctx context.Context, capped *plan.Capped) error {
	if capped.Digest() == t.capped {
		return nil
	}
	t.capped = capped.Digest()
	t.plan.LeaveOut(capped)
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

func (s *sender) countCapped(ctx context.Context, t *todo) (*plan.Capped, error) {
	capped, err := t.plan.Cap(ctx, *t.declared.Cap, s.got(ctx, t))
	if errors.Is(err, plan.ErrProblems) {
		return nil, fail(exitProblems, "%s: %w", t.campaign.File, err)
	}
	return capped, err
}

// got yields, for every message that counts for the cap, the id of who got it or is
// to get it.
func (s *sender) got(ctx context.Context, t *todo) iter.Seq2[string, error] {
	since := time.Now().Add(-t.declared.Cap.Per)
	return func(yield func(string, error) bool) {
		for run, err := range s.ledger.Runs(ctx, ledger.Filter{Profile: t.run.Profile}) {
			if err == nil && (run.ID == t.run.ID || run.State == campaign.Planning || run.Target != t.declared.Name) {
				continue
			}
			if err == nil {
				err = s.gotBy(ctx, run, since, func(id string) bool { return yield(id, nil) })
			}
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
	until := expiry(run, j.campaign.Policy)
	return until.IsZero() || time.Now().Before(until)
}
