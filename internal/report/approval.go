package report

import (
	"fmt"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// Approval is what a run's history says of the approval under which it began.
type Approval struct {
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Plan      string    `json:"plan"` // the beginning of the digest of what was approved
	Committed string    `json:"committed_by,omitempty"`
	Note      string    `json:"note,omitempty"`
}

func approvalOf(notes []campaign.Note, zone *time.Location) *Approval {
	a := campaign.ApprovalOf(notes)
	if a == nil {
		return nil
	}
	return &Approval{By: cut(a.By, maxText), At: stamp(a.At, zone), Plan: a.Plan, Committed: a.Committed, Note: cut(a.Note, maxText)}
}

// text says it in the words of a page.
func (a *Approval) text(by, plan, committed string) string {
	parts := []string{fmt.Sprintf(by, a.By, clock(a.At)), fmt.Sprintf(plan, a.Plan)}
	if a.Committed != "" {
		parts = append(parts, fmt.Sprintf(committed, a.Committed))
	}
	text := strings.Join(parts, ", ")
	if a.Note != "" {
		text += ": " + a.Note
	}
	return text
}
