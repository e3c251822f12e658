package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

const (
	// holdPoll is how often a waiting process looks whether a run was let go.
	holdPoll = 200 * time.Millisecond
	// holdLease is how long a command holds a run that it changes itself.
	holdLease = time.Minute
)

// leftToOther reports whether another live process works on a run, after waiting
// for its end if --wait was given.
func (s *sender) leftToOther(ctx context.Context, t *todo) (bool, error) {
	owner, err := s.ledger.Held(ctx, t.run.ID)
	if err != nil || owner == "" {
		return false, stateError(err)
	}
	if s.flags.wait {
		return false, s.await(ctx, t.run)
	}
	fmt.Fprintf(s.stderr, "%s: another process works on it (%s): --wait waits for its end, `campaign stop %s` stops it\n", t.title(s), owner, t.run.ID)
	return true, nil
}

// await returns when no other live process holds the run.
func (s *sender) await(ctx context.Context, run campaign.Run) error {
	said := false
	for {
		owner, err := s.ledger.Held(ctx, run.ID)
		if err != nil {
			return stateError(err)
		}
		if owner == "" {
			return nil
		}
		if !said {
			said = true
			fmt.Fprintf(s.stderr, "%s%s (run %s): waiting for the process that works on it (%s)\n", s.tag(), run.Campaign, run.ID, owner)
		}
		select {
		case <-ctx.Done():
			return fail(exitHeld, "run %s: interrupted while another process worked on it (%s)", run.ID, owner)
		case <-time.After(holdPoll):
		}
	}
}

// claim takes hold of a run for a command that changes it itself, after waiting
// for the process that has it if --wait was given.
func (s *sender) claim(ctx context.Context, run campaign.Run) (ledger.Hold, error) {
	for {
		hold, err := s.ledger.Claim(ctx, run.ID, owner(), holdLease)
		switch {
		case err == nil:
			return hold, nil
		case !errors.Is(err, ledger.ErrHeld):
			return hold, stateError(err)
		case !s.flags.wait:
			return hold, fail(exitHeld, "run %s is going on in another process: wait for it with --wait, or `campaign stop %s` first", run.ID, run.ID)
		}
		if err := s.await(ctx, run); err != nil {
			return hold, err
		}
	}
}
