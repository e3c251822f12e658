package campaign

import (
	"strings"
	"time"
)

// Require is what a profile wants before anything is sent under it. Its zero value
// wants nothing.
type Require struct {
	Approval bool // only what somebody approved is sent
	// Clean: the approval and what is sent stand in a commit of git, and whoever
	// committed the approval wrote nothing of it. Only with Approval.
	Clean bool
}

// Approval is one entry of a campaign's approvals file: what somebody agreed to. It
// names no recipient. Digests are lower-case hex of a SHA-256.
type Approval struct {
	Profile    string
	Occurrence string // the label; empty: every occurrence of the schedule
	Planner    int    // version of the planner that made the digests
	Plan       string // over everything that the plan was made of
	Content    string // over what it says and how it goes out, whoever it is for
	Schedule   string // over when it goes out; empty: it has no schedule
	Audience   string // over whom it is for
	People     int64  // recipients that it reaches, or user groups
	Requests   int64
	Cost       string         // as people read it, for example 59.40 CNY; empty: nothing has a price
	Files      []ApprovedFile // that it was made of, sorted
	By         string
	At         time.Time
	Note       string // may be empty
}

// ApprovedFile is a file of the project as it was when it was approved.
type ApprovedFile struct {
	File   string
	Digest string
}

// shownDigest is how much of a digest people are shown.
const shownDigest = 12

// ApprovalNote is what a run's history says of the approval under which it began.
type ApprovalNote struct {
	By        string
	At        time.Time
	Plan      string // the beginning of its plan's digest
	Committed string // address of who committed it; empty: nobody asked git
	Note      string
}

const (
	noted     = ", plan "
	committed = ", committed by "
)

// Noted is the note of a run that begins under an approval. committedBy may be empty.
func (a *Approval) Noted(committedBy string) Note {
	text := a.At.UTC().Format(time.RFC3339) + noted + a.Plan[:min(shownDigest, len(a.Plan))]
	if committedBy != "" {
		text += committed + strings.Join(strings.Fields(committedBy), "")
	}
	if note := strings.Join(strings.Fields(a.Note), " "); note != "" {
		text += ": " + note
	}
	return Note{Kind: NoteApproved, By: a.By, Text: text}
}

// ApprovalOf reads from a run's history under which approval it began; nil: none is
// known.
func ApprovalOf(notes []Note) *ApprovalNote {
	for _, n := range notes {
		at, rest, ok := strings.Cut(n.Text, noted)
		when, err := time.Parse(time.RFC3339, at)
		if n.Kind != NoteApproved || !ok || err != nil {
			continue
		}
		out := &ApprovalNote{By: n.By, At: when}
		rest, out.Note, _ = strings.Cut(rest, ": ")
		out.Plan, out.Committed, _ = strings.Cut(rest, committed)
		return out
	}
	return nil
}
