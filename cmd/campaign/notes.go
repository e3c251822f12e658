package main

import (
	"time"

	"campaign/internal/campaign"
)

// shownNote is a line of a run's history.
type shownNote struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	By   string    `json:"by,omitempty"`
	Text string    `json:"text,omitempty"`
}

func shownNotes(notes []campaign.Note) []shownNote {
	out := make([]shownNote, len(notes))
	for i, n := range notes {
		out[i] = shownNote{n.At, n.Kind, n.By, n.Text}
	}
	return out
}

// line is a note for people; show makes a text fit for where it stands.
func (n shownNote) line(show func(string) string) string {
	text := n.At.Format(timeLayout) + " " + n.Kind
	if n.By != "" {
		text += " by " + show(n.By)
	}
	if n.Text != "" {
		text += ": " + show(n.Text)
	}
	return text
}
