package main

import (
	"context"
	"errors"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/schedule"
)

// opens gives the earliest time, not before now, at which a campaign's requests
// may start; nil: at any time.
func opens(policy campaign.Policy, zone *time.Location) func(now time.Time) time.Time {
	if policy.Window == nil {
		return nil
	}
	return func(now time.Time) time.Time { return schedule.Opens(*policy.Window, zone, now) }
}

// closes gives the earliest time, not before now, at which the window is shut, zero when
// it never is; nil: there is none.
func closes(policy campaign.Policy, zone *time.Location) func(now time.Time) time.Time {
	if policy.Window == nil {
		return nil
	}
	return func(now time.Time) time.Time { return schedule.Closes(*policy.Window, zone, now) }
}

// shutUntil is when the window opens again that is closed now; zero: it is open, or
// there is none.
func shutUntil(policy campaign.Policy, zone *time.Location, now time.Time) time.Time {
	if open := opens(policy, zone); open != nil {
		if at := open(now); !at.Equal(now) {
			return at
		}
	}
	return time.Time{}
}

// noteOutside records in a run's history, before anything is sent, that somebody does
// not let it wait for its window, and why.
func (s *sender) noteOutside(ctx context.Context, run campaign.Run) error {
	hold, err := s.ledger.Claim(ctx, run.ID, owner(), holdLease)
	if err != nil {
		return stateError(err)
	}
	err = s.ledger.Note(ctx, hold, campaign.Note{At: time.Now(), Kind: campaign.NoteWindow, By: owner(), Text: "not waited for: " + s.flags.outside})
	return stateError(errors.Join(err, s.ledger.Release(context.WithoutCancel(ctx), hold)))
}
