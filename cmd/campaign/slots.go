package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

// slotRow is an occurrence of a schedule that has no run, as lists show it: one that
// was skipped, a stretch of such, or one that is due and not begun.
type slotRow struct {
	Profile    string    `json:"profile"`
	Campaign   string    `json:"campaign"`
	Occurrence string    `json:"occurrence"`
	At         time.Time `json:"at"`
	Last       string    `json:"last_occurrence,omitempty"` // of a stretch
	Count      int64     `json:"count"`
	State      string    `json:"state"`
	Reason     string    `json:"reason,omitempty"`
	Decided    time.Time `json:"decided_at"`
}

// slotStates are the states that are no run's.
const (
	stateSkipped = "skipped"
	stateDue     = "due"
)

// slotRows gives the occurrences that are in no run, newest first.
func (p *project) slotRows(ctx context.Context, led *sqlite.Reader, filter ledger.Filter, runs []runRow) (rows []slotRow, err error) {
	begun := map[string]bool{}
	for _, r := range runs {
		begun[r.Run] = true
	}
	for s, err := range led.Slots(ctx, ledger.SlotFilter{Profile: filter.Profile, Campaign: filter.Campaign, From: filter.From, Until: filter.Until}) {
		if err != nil {
			return nil, stateError(err)
		}
		if s.State == campaign.SlotRan || begun[campaign.RunID(s.Profile, s.Campaign, s.Label)] {
			continue
		}
		row := slotRow{Profile: s.Profile, Campaign: s.Campaign, Occurrence: s.Label, At: s.At, Count: s.Count, State: s.State.String(), Reason: s.Reason, Decided: s.Decided}
		if s.Count > 1 {
			row.Last = s.LastLabel
		}
		rows = append(rows, row)
	}
	slices.Reverse(rows)
	return rows, nil
}

func (a *app) printSlots(rows []slotRow) error {
	if len(rows) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PROFILE\tCAMPAIGN\tOCCURRENCE\tUNTIL\tCOUNT\tSTATE\tREASON")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", r.Profile, r.Campaign, r.Occurrence, r.Last, r.Count, r.State, inWords(r.Reason))
	}
	return w.Flush()
}
