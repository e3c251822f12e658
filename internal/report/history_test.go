package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
)

func TestHistoryIsBounded(t *testing.T) {
	for _, c := range []struct{ notes, shown, omitted int }{{0, 0, 0}, {1, 1, 0}, {50, 50, 0}, {51, 50, 1}, {1000, 50, 950}} {
		m := newMade().block().delivery(1, pending).seal()
		for i := range c.notes {
			m.note(campaign.NoteClaimed, strings.Repeat("界", 2*maxText), fmt.Sprint(i), float64(i))
		}
		r, err := Fold(m.run, m.facts, m.results())
		if err != nil {
			t.Fatal(err)
		}
		if c.notes == 0 {
			if r.History != nil {
				t.Errorf("a history of nothing: %+v", r.History)
			}
			continue
		}
		h := r.History
		if h.Count != int64(c.notes) || len(h.Notes) != c.shown {
			t.Fatalf("%d notes: %d counted, %d shown", c.notes, h.Count, len(h.Notes))
		}
		for i, n := range h.Notes {
			want := i
			if h.Omitted != nil && i >= h.Omitted.After {
				want += int(h.Omitted.Count)
			}
			if n.Text != fmt.Sprint(want) || !n.At.Equal(at(float64(want))) || n.At.Location() != zone || n.Kind != campaign.NoteClaimed {
				t.Errorf("%d notes: note %d is %+v, want number %d", c.notes, i, n, want)
			}
			if len([]rune(n.By)) > maxText {
				t.Errorf("%d characters", len([]rune(n.By)))
			}
		}
		if (h.Omitted == nil) != (c.omitted == 0) || h.Omitted != nil && *h.Omitted != (Omitted{After: maxNotes, Count: int64(c.omitted)}) {
			t.Errorf("%d notes: omitted %+v", c.notes, h.Omitted)
		}
		var out bytes.Buffer
		if _, err := Print(&out, "markdown", m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		gap := fmt.Sprintf("| … | %d more |", c.omitted)
		if rows := strings.Count(out.String(), "| taken up |"); rows != c.shown || strings.Contains(out.String(), gap) != (c.omitted > 0) {
			t.Errorf("%d notes: %d rows, gap %q: %s", c.notes, rows, gap, out.String())
		}
	}
}

// What the notes say of the last invocation, in a report that is made later.
func TestLastEnd(t *testing.T) {
	type note struct{ kind, text string }
	const claimed, ended, resolved, cancelled, stage, opened = campaign.NoteClaimed, campaign.NoteEnded, campaign.NoteResolved, campaign.NoteCancelled, campaign.NoteStage, campaign.NoteOpened
	for _, c := range []struct {
		name   string
		notes  []note
		state  State
		reason string
		stop   string // of Ended; empty: there is none
	}{
		{"no notes", nil, Unfinished, "", ""},
		{"planned", []note{{opened, "abc"}}, Unfinished, "", ""},
		{"crashed", []note{{opened, ""}, {claimed, ""}}, Unfinished, "", ""},
		{"crashed after a stage", []note{{claimed, ""}, {stage, "1: confirmed"}}, Unfinished, "", ""},
		{"interrupted", []note{{claimed, ""}, {ended, "interrupted"}}, Interrupted, "by a signal", "interrupted"},
		{"stopped, with a detail", []note{{claimed, ""}, {ended, "token: refused: twice"}}, Stopped, "the token was refused or could not be renewed: refused: twice", "token"},
		{"stopped, then crashed", []note{{claimed, ""}, {ended, "limit"}, {claimed, ""}}, Unfinished, "", ""},
		{"crashed, then stopped", []note{{claimed, ""}, {claimed, ""}, {ended, "limit"}}, Stopped, "the limit of that invocation is reached (--limit)", "limit"},
		{"stopped, then a word", []note{{claimed, ""}, {ended, "limit"}, {claimed, ""}, {resolved, "1"}}, Stopped, "the limit of that invocation is reached (--limit)", "limit"},
		{"stopped, then two words", []note{{claimed, ""}, {ended, "limit"}, {claimed, ""}, {resolved, "1"}, {claimed, ""}, {resolved, "1"}}, Stopped, "the limit of that invocation is reached (--limit)", "limit"},
		{"crashed, then a word", []note{{claimed, ""}, {claimed, ""}, {resolved, "1"}}, Unfinished, "", ""},
		{"at its end, then a word", []note{{claimed, ""}, {ended, "complete"}, {claimed, ""}, {resolved, "1"}}, Unfinished, broughtBack, "complete"},
		{"a word, then stopped", []note{{claimed, ""}, {resolved, "1"}, {claimed, ""}, {ended, "deferred"}}, Stopped, "what is deferred used up its attempts or must wait", "deferred"},
		{"at its end, things left", []note{{claimed, ""}, {ended, "complete"}}, Unfinished, "", "complete"},
		{"a word that is newer", []note{{claimed, ""}, {ended, "moon-full: wait"}}, Stopped, "moon-full: wait", "moon-full"},
		{"a kind that is newer", []note{{claimed, ""}, {ended, "limit"}, {"waved", "hello"}}, Stopped, "the limit of that invocation is reached (--limit)", "limit"},
		{"stopped, cancelling began", []note{{claimed, ""}, {ended, "limit"}, {claimed, ""}, {cancelled, "x"}}, Stopped, "the limit of that invocation is reached (--limit)", "limit"},
	} {
		m := newMade().block().delivery(1, pending).seal().later()
		for i, n := range c.notes {
			m.note(n.kind, host, n.text, float64(i))
		}
		r, err := Fold(m.run, m.facts, m.results())
		if err != nil {
			t.Fatal(err)
		}
		if r.State != c.state || r.Reason != c.reason || !r.Resumable {
			t.Errorf("%s: %s (%q), resumable %t", c.name, r.State, r.Reason, r.Resumable)
		}
		if (r.Ended == nil) != (c.stop == "") || r.Ended != nil && (r.Ended.Stop != c.stop || r.Ended.By != host || r.Ended.At.Location() != zone) {
			t.Errorf("%s: ended %+v", c.name, r.Ended)
		}
	}
}

func TestNotesInMarkdown(t *testing.T) {
	m := newMade().block().delivery(1, pending).seal()
	kinds := []string{campaign.NoteOpened, campaign.NoteClaimed, campaign.NoteEnded, campaign.NoteCancelled, campaign.NoteStage, campaign.NoteResolved}
	for _, kind := range []string{campaign.NoteChange, campaign.NoteAgain, campaign.NoteApproved} {
		if english.notes[kind] == "" {
			t.Errorf("no word for %s", kind)
		}
	}
	for i, kind := range kinds {
		if english.notes[kind] == "" {
			t.Errorf("no word for %s", kind)
		}
		m.note(kind, host, "text "+kind, float64(i))
	}
	m.note("waved", "", "\x1b[2J\u202eolleh", 7)
	m.facts.Notes[6].At = time.Time{}
	var out bytes.Buffer
	if _, err := Print(&out, "markdown", m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	_, history, _ := strings.Cut(out.String(), "## History\n\n")
	history, _, _ = strings.Cut(history, "\n\n")
	want := "| when | what | more | by |\n| --- | --- | --- | --- |\n" +
		"| 2026-12-01 09:00:00 +08:00 | planned | `text opened` | `" + host + "` |\n" +
		"| 2026-12-01 09:00:01 +08:00 | taken up | `text claimed` | `" + host + "` |\n" +
		"| 2026-12-01 09:00:02 +08:00 | ended | `text ended` | `" + host + "` |\n" +
		"| 2026-12-01 09:00:03 +08:00 | cancelled | `text cancelled` | `" + host + "` |\n" +
		"| 2026-12-01 09:00:04 +08:00 | stage passed | `text stage` | `" + host + "` |\n" +
		"| 2026-12-01 09:00:05 +08:00 | resolved by a person | `text resolved` | `" + host + "` |\n" +
		"| – | `waved` | `\uFFFD[2J\uFFFDolleh` | – |"
	if history != want {
		t.Errorf("got\n%s\nwant\n%s", history, want)
	}
}

// A note that another process left on a run that had ended is no invocation that died.
func TestNotesAfterTheEnd(t *testing.T) {
	for _, kind := range []string{campaign.NoteFollowed, campaign.NoteFollows, campaign.NotePurged} {
		m := newMade().block().delivery(1, pending).seal().later()
		m.note(campaign.NoteClaimed, host, "", 1).note(campaign.NoteEnded, host, "stop-asked", 2).
			note(campaign.NoteClaimed, host, "", 3).note(kind, host, "x: y", 4)
		r, err := Fold(m.run, m.facts, m.results())
		if err != nil {
			t.Fatal(err)
		}
		if r.State != Stopped || r.Ended == nil || r.Ended.Stop != "stop-asked" {
			t.Errorf("%s: %s, %+v", kind, r.State, r.Ended)
		}
	}
}
