package report

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// maxNotes is how many notes of a history are shown from its beginning, and how
// many from its end.
const maxNotes = 25

// History is the run's own history: how many notes there are, the first and the
// last of them.
type History struct {
	Count   int64    `json:"count"`
	Notes   []Note   `json:"notes"`
	Omitted *Omitted `json:"omitted,omitempty"` // nil: these are all
}

// Note is a campaign.Note as it is shown.
type Note struct {
	At   time.Time `json:"at,omitzero"`
	Kind string    `json:"kind"`
	By   string    `json:"by,omitempty"`
	Text string    `json:"text,omitempty"`
}

// Omitted says where a history has a gap, and how many notes stand in it.
type Omitted struct {
	After int   `json:"after"` // so many of the shown notes stand before it
	Count int64 `json:"count"`
}

// Ended is how the last invocation ended, as the run's notes have it.
type Ended struct {
	At     time.Time `json:"at,omitzero"`
	By     string    `json:"by,omitempty"`
	Stop   string    `json:"stop"`             // the runner's word, for example stage-waits
	Detail string    `json:"detail,omitempty"` // more about it
}

func historyOf(notes []campaign.Note, zone *time.Location) *History {
	if len(notes) == 0 {
		return nil
	}
	h := &History{Count: int64(len(notes)), Notes: []Note{}}
	show := func(some []campaign.Note) {
		for _, n := range some {
			h.Notes = append(h.Notes, Note{stamp(n.At, zone), cut(n.Kind, maxCode), cut(n.By, maxText), cut(n.Text, maxText)})
		}
	}
	if len(notes) <= 2*maxNotes {
		show(notes)
		return h
	}
	show(notes[:maxNotes])
	show(notes[len(notes)-maxNotes:])
	h.Omitted = &Omitted{After: maxNotes, Count: int64(len(notes) - 2*maxNotes)}
	return h
}

// lastEnd finds the note with which the last invocation ended; nil when it has
// not, or died. A claim under which a person's word or only a note was given is no invocation;
// reopened reports whether one was given after that end.
func lastEnd(notes []campaign.Note) (ended *campaign.Note, reopened bool) {
	word := false
	for i, n := range slices.Backward(notes) {
		switch n.Kind {
		case campaign.NoteEnded:
			return &notes[i], reopened
		case campaign.NoteResolved:
			word, reopened = true, true
		case campaign.NoteCancelled, campaign.NoteFollowed, campaign.NoteFollows, campaign.NotePurged:
			word = true
		case campaign.NoteClaimed:
			if !word {
				return nil, false
			}
			word = false
		}
	}
	return nil, false
}

func endedOf(notes []campaign.Note, zone *time.Location) *Ended {
	note, _ := lastEnd(notes)
	if note == nil {
		return nil
	}
	stop, detail, _ := strings.Cut(note.Text, ": ")
	return &Ended{At: stamp(note.At, zone), By: cut(note.By, maxText), Stop: cut(stop, maxCode), Detail: cut(detail, maxText)}
}

// hasWord reports whether a person settled something.
func hasWord(notes []campaign.Note) bool {
	return slices.ContainsFunc(notes, func(n campaign.Note) bool { return n.Kind == campaign.NoteResolved })
}

// passedStage reads the note of a stage that was passed: its number, from 1, and
// what let it pass.
func passedStage(n campaign.Note) (number int, why string, ok bool) {
	if n.Kind != campaign.NoteStage {
		return 0, "", false
	}
	text, why, _ := strings.Cut(n.Text, ": ")
	number, err := strconv.Atoi(text)
	return number, why, err == nil && number > 0
}

// timesOf lists when notes of a kind were recorded, in order of time.
func timesOf(notes []campaign.Note, kind string) []time.Time {
	var times []time.Time
	for _, n := range notes {
		if n.Kind == kind && !n.At.IsZero() {
			times = append(times, n.At)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}
