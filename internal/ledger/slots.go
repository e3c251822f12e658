package ledger

import (
	"context"
	"iter"
	"time"

	"campaign/internal/campaign"
)

// Decision is what one process says became of a campaign's occurrences between two
// instants.
type Decision struct {
	Campaign string
	From     time.Time // as Decided gave it; zero: nobody looked before
	Upto     time.Time // everything until then, itself included, is decided now
	Slots    []campaign.Slot
}

// SlotFilter selects slots; zero fields select all.
type SlotFilter struct {
	Profile, Campaign string
	Open              bool      // those that are due, and no others
	Well              bool      // those that ran and all went well, and no others
	Newest            bool      // of those that match so far, each campaign's last that was decided
	From, Until       time.Time // due at From or later, and before Until; of a stretch some occurrence
}

// Slots is the side of the ledger on which the processes that run schedules agree who
// runs which occurrence. Times are kept to the microsecond.
type Slots interface {
	// Decided gives, for each campaign of a profile that was ever looked at, the
	// instant up to which its occurrences are decided.
	Decided(ctx context.Context, profile string) (map[string]time.Time, error)
	// Decide records decisions of one profile, each as a whole or not at all: taken[i]
	// is false, and nothing of decisions[i] is there, when From is not up to where the
	// campaign is decided by now: another process was faster. Upto never goes back. A
	// slot that is due and whose label is known keeps what it was. A skipped one that
	// follows a skipped one of the same reason makes one stretch with it. Durable,
	// atomic for all decisions together.
	Decide(ctx context.Context, profile string, decisions []Decision) (taken []bool, err error)
	// Rewind sets every campaign of a profile that is decided beyond an instant back to
	// it, and gives their number: for clocks that stood wrong. Labels that were claimed
	// stay claimed. Durable, atomic.
	Rewind(ctx context.Context, profile string, to time.Time) (int64, error)
	// EndSlot moves a due slot to Ran or to Skipped, with the reason for the latter. A
	// slot that is not due stays as it is (no error); ErrNotFound when there is none.
	// Durable, atomic.
	EndSlot(ctx context.Context, slot campaign.Slot, state campaign.SlotState, reason string) error
	// Slots yields the slots that match, in the order they were due.
	Slots(ctx context.Context, filter SlotFilter) iter.Seq2[campaign.Slot, error]
	// Turn takes the turn to run a campaign's occurrences: at most one live process has
	// it. It does not wait: ok is false when another one, or the same, has it. leave
	// gives it back; Close, and a process's death, do so too.
	Turn(ctx context.Context, profile, campaign string) (leave func(), ok bool, err error)
}

// Selects reports whether a slot matches.
func (f SlotFilter) Selects(s campaign.Slot) bool {
	return (f.Profile == "" || f.Profile == s.Profile) && (f.Campaign == "" || f.Campaign == s.Campaign) &&
		(!f.Open || s.State == campaign.SlotDue) && (!f.Well || s.State == campaign.SlotRan && s.Reason == "") &&
		(f.From.IsZero() || !s.LastAt.Before(f.From)) && (f.Until.IsZero() || s.At.Before(f.Until))
}

// NoSlot is the error for an occurrence that nobody decided.
func NoSlot(s campaign.Slot) error {
	return Because(ErrNotFound, "no occurrence %s of %s was decided", s.Label, s.Campaign)
}

// Extends reports whether a slot goes on with the stretch that the campaign's last
// slot is.
func Extends(last, next campaign.Slot) bool {
	return last.State == campaign.SlotSkipped && next.State == campaign.SlotSkipped && last.Reason == next.Reason
}
