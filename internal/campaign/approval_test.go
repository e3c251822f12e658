package campaign

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a run's history says of an approval is read again.
func TestApprovalNotes(t *testing.T) {
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	a := Approval{By: "Ada <ada@example.com>", At: at, Plan: "0123456789abcdef"}
	for _, c := range []struct{ committed, note, text string }{
		{"", "", "2026-12-01T09:00:00Z, plan 0123456789ab"},
		{"bo@example.com", "", "2026-12-01T09:00:00Z, plan 0123456789ab, committed by bo@example.com"},
		{"", "as said: now, plan B\n", "2026-12-01T09:00:00Z, plan 0123456789ab: as said: now, plan B"},
		{"bo@example.com", "yes, committed by me", "2026-12-01T09:00:00Z, plan 0123456789ab, committed by bo@example.com: yes, committed by me"},
	} {
		a.Note = c.note
		note := a.Noted(c.committed)
		if note.Text != c.text || note.Kind != NoteApproved || note.By != a.By {
			t.Errorf("%+v", note)
		}
		got := ApprovalOf([]Note{{Kind: NoteOpened}, {Kind: NoteApproved, Text: "of a newer form"}, note})
		want := &ApprovalNote{By: a.By, At: at, Plan: "0123456789ab", Committed: c.committed, Note: got.Note}
		if diff := cmp.Diff(want, got); diff != "" || (got.Note == "") != (c.note == "") {
			t.Errorf("%q (-want +got):\n%s", c.text, diff)
		}
	}
	if got := ApprovalOf([]Note{{Kind: NoteChange, Text: "2026-12-01T09:00:00Z, plan 0"}}); got != nil {
		t.Errorf("of another kind: %+v", got)
	}
}
