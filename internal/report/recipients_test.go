package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

// recipientLine is a line as others read it.
type recipientLine struct {
	Row      int64            `json:"row"`
	ID       string           `json:"id"`
	Outcome  campaign.Outcome `json:"outcome"`
	Reason   string           `json:"reason"`
	Ref      string           `json:"ref"`
	Attempts int              `json:"attempts"`
	At       *time.Time       `json:"at"`
	Delivery string           `json:"delivery"`
	Status   int              `json:"status"`
}

func TestRecipientsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawn(t)
		text := rapid.String()
		for _, b := range m.blocks {
			for _, d := range b.Block.Deliveries {
				for i := range d.Recipients {
					d.Recipients[i].Cells[0] = text.Draw(t, "id")
				}
			}
			for i := range b.Results {
				b.Results[i].Verdict.Ref = text.Draw(t, "ref")
				b.Results[i].Verdict.Status = rapid.SampledFrom([]int{0, 200, 503}).Draw(t, "status")
			}
		}
		var want []Line
		var out bytes.Buffer
		w, err := openRecipients(&out, m.run, m.facts)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Fold(m.run, m.facts, m.results(), func(l Line) error { want = append(want, l); return nil }, w.(liner).line)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.end(r); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != len(want)+2 {
			t.Fatalf("%d lines for %d recipients", len(lines), len(want))
		}
		for i, l := range want {
			var got recipientLine
			d := json.NewDecoder(strings.NewReader(lines[i+1]))
			d.DisallowUnknownFields()
			if err := d.Decode(&got); err != nil {
				t.Fatalf("%v in %s", err, lines[i+1])
			}
			back := Line{Row: got.Row, ID: got.ID, Outcome: got.Outcome, Reason: got.Reason, Ref: got.Ref, Attempts: got.Attempts, Delivery: got.Delivery, Status: got.Status}
			if got.At != nil {
				back.At = *got.At
			}
			l.ID, l.Reason, l.Ref = strings.ToValidUTF8(l.ID, "\uFFFD"), strings.ToValidUTF8(l.Reason, "\uFFFD"), strings.ToValidUTF8(l.Ref, "\uFFFD")
			if diff := cmp.Diff(l, back); diff != "" {
				t.Fatalf("line %s (-want +got):\n%s", lines[i+1], diff)
			}
		}
	})
}

func TestAppendString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]*`)).Draw(t, "s")
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendString([]byte("x"), s); string(got) != "x"+string(want) {
			t.Fatalf("appendString(%q) = %s, want %s", s, got, want)
		}
	})
}

// A line is written even when it is longer than the buffer, and nothing is held
// back at the end.
func TestLongLines(t *testing.T) {
	m := newMade().block().delivery(1, refused("refused: "+strings.Repeat("x", 3*flushAt), 1)).delivery(1, accepted("2", 2)).seal()
	var out bytes.Buffer
	if _, err := Print(&out, "ndjson", m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 5 || len(lines[1]) < 3*flushAt || !strings.HasPrefix(lines[3], `{"summary":{"state":"complete"`) || lines[4] != "" {
		t.Errorf("%d lines", len(lines))
	}
}
