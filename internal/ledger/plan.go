package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// SamePlan reports whether a run that is there is the one that Begin brings.
func SamePlan(found, brought campaign.Run) bool {
	return found.PlanDigest == brought.PlanDigest && found.Planner == brought.Planner
}

// Begun is a run as a ledger stores it at its beginning: what only later steps may
// set is empty, and times are kept to the microsecond.
func Begun(brought campaign.Run) campaign.Run {
	r := brought
	r.State, r.Reason, r.Totals = campaign.Planning, "", campaign.Totals{}
	r.Columns = slices.Clone(r.Columns)
	r.Began = r.Began.UTC().Truncate(time.Microsecond)
	r.Occurrence.Time = r.Occurrence.Time.Truncate(time.Microsecond)
	return r
}

// Noted is a note as a ledger stores it: its time to the microsecond, in UTC, and
// its texts in valid UTF-8.
func Noted(n campaign.Note) campaign.Note {
	n.At = n.At.UTC().Truncate(time.Microsecond)
	for _, text := range []*string{&n.Kind, &n.By, &n.Text} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
	}
	return n
}

// Extend counts a block that is to stand after what sofar counts. Its place, and
// that of its deliveries, must be the next one.
func Extend(sofar campaign.Totals, b *campaign.Block) (campaign.Totals, error) {
	if b.Seq != sofar.Blocks {
		return sofar, Because(ErrConflict, "block %d was added where block %d is next", b.Seq, sofar.Blocks)
	}
	for i := range b.Deliveries {
		if want := sofar.Requests + int64(i); b.Deliveries[i].Seq != want {
			return sofar, Because(ErrConflict, "block %d has delivery %d where delivery %d is next", b.Seq, b.Deliveries[i].Seq, want)
		}
		sofar.Recipients += int64(len(b.Deliveries[i].Recipients))
	}
	sofar.Blocks++
	sofar.Requests += int64(len(b.Deliveries))
	sofar.Skipped += int64(len(b.Skips))
	sofar.Recipients += int64(len(b.Skips))
	return sofar, nil
}

// Differs is the error for a repeated block whose digest is not the stored one.
func Differs(run string, seq int64) error {
	return Because(ErrConflict, "run %s has another block %d", run, seq)
}

// Replanned is the error for a planner whose plan was dropped for another one.
func Replanned(run string) error {
	return Because(ErrConflict, "run %s was begun anew with another plan", run)
}

// Total is the error for totals that are not what was added.
func Total(run string, have, want campaign.Totals) error {
	return Because(ErrConflict, "run %s has %s, and its planner counted %s", run, counted(have), counted(want))
}

func counted(t campaign.Totals) string {
	return fmt.Sprintf("%d blocks, %d requests, %d recipients and %d skipped", t.Blocks, t.Requests, t.Recipients, t.Skipped)
}

// Pick finds the run that id or a prefix of it names, among the ids that begin
// with it.
func Pick(id string, found []string) (string, error) {
	switch {
	case id == "":
		return "", Because(ErrNotFound, "no run was named")
	case len(found) == 0:
		return "", Because(ErrNotFound, "no run %s", id)
	case len(found) == 1:
		return found[0], nil
	}
	for _, f := range found {
		if f == id {
			return f, nil
		}
	}
	names := strings.Join(found[:min(len(found), 5)], ", ")
	return "", Because(ErrAmbiguous, "%s is the beginning of %d runs: %s", id, len(found), names)
}

// Newer orders runs by when they began, the newest first, then by ID.
func Newer(a, b campaign.Run) int {
	return cmp.Or(b.Began.Compare(a.Began), cmp.Compare(a.ID, b.ID))
}

// Selects reports whether a run matches.
func (f Filter) Selects(r campaign.Run) bool {
	return (f.Profile == "" || f.Profile == r.Profile) &&
		(f.Campaign == "" || f.Campaign == r.Campaign) &&
		(f.Trials || !r.Trial) &&
		!r.Began.Before(f.From) &&
		(f.Until.IsZero() || r.Began.Before(f.Until))
}

// NotOpen is the error for work on a run that is in another state than Open.
func NotOpen(run string, state campaign.RunState) error {
	if state == campaign.Cancelled {
		return Because(ErrState, "run %s was cancelled", run)
	}
	return Because(ErrState, "run %s is not planned to its end", run)
}

// Lost is the error for a hold that is not the run's any more.
func Lost(run string) error {
	return Because(ErrHoldLost, "the hold on run %s was lost: another process claimed it, or it was released", run)
}

// Compare orders a span against a delivery, for binary searches: 0 when the
// delivery is in it.
func (s Span) Compare(seq int64) int {
	switch {
	case seq < s.First:
		return 1
	case seq >= s.First+s.Len:
		return -1
	}
	return 0
}
