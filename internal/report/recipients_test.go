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
	From     *time.Time       `json:"sent_from"`
	Until    *time.Time       `json:"sent_until"`
	Stage    int              `json:"stage"`
	Reopened bool             `json:"reopened"`
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
			back := Line{Row: got.Row, ID: got.ID, Outcome: got.Outcome, Reason: got.Reason, Ref: got.Ref, Attempts: got.Attempts, Delivery: got.Delivery, Status: got.Status, Stage: got.Stage, Reopened: got.Reopened}
			for _, at := range []struct {
				from *time.Time
				to   *time.Time
			}{{got.At, &back.At}, {got.From, &back.From}, {got.Until, &back.Until}} {
				if at.from != nil {
					*at.to = *at.from
				}
			}
			l.ID, l.Reason, l.Ref = strings.ToValidUTF8(l.ID, "\uFFFD"), strings.ToValidUTF8(l.Reason, "\uFFFD"), strings.ToValidUTF8(l.Ref, "\uFFFD")
			l.said = "" // is not written
			if diff := cmp.Diff(l, back, cmp.AllowUnexported(Line{})); diff != "" {
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

// Every recipient of an unknown request stands in the file with what a person
// needs to look it up, however many there are; and every one that may have got
// the message before is marked.
func TestUnknownLinesAreComplete(t *testing.T) {
	m := newMade()
	want := map[int64]string{} // row → key
	marked := map[int64]bool{}
	for i := range 3 * maxListed {
		if i%40 == 0 {
			m.block()
		}
		first := m.row + 1
		switch i % 4 {
		case 0:
			m.delivery(3, part(0, 1, accepted("1", 1)), part(1, 3, lost("answer-lost: connection reset", float64(i))))
		case 1:
			m.delivery(2, reopened(lost(unsettled, float64(i))))
		case 2:
			m.delivery(1, accepted("2", 2))
			continue
		case 3:
			m.delivery(1, reopened(accepted("3", 3)))
			marked[first] = true
			continue
		}
		d := m.last().Block.Deliveries[len(m.last().Block.Deliveries)-1]
		for j, r := range d.Recipients {
			switch {
			case i%4 == 1:
				want[r.Row], marked[r.Row] = d.Key(campaign.Part{Seq: d.Seq}), true
			case j > 0:
				want[r.Row] = d.Key(campaign.Part{Seq: d.Seq, From: 1, To: 3})
			}
		}
	}
	m.seal()
	var out bytes.Buffer
	r, err := Print(&out, "ndjson", m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	if r.Unknown.Requests <= maxListed || len(r.Unknown.Listed) != maxListed || int64(len(want)) != r.Unknown.Recipients {
		t.Fatalf("%d requests, %d listed, %d recipients, %d are expected", r.Unknown.Requests, len(r.Unknown.Listed), r.Unknown.Recipients, len(want))
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	var head recipientsHead
	if err := json.Unmarshal([]byte(lines[0]), &head); err != nil {
		t.Fatal(err)
	}
	if head.Target != "gov" || head.Channel != "zqt.message" || head.Title != "清查补充登记公告" || head.BaseURL != "http://127.0.0.1:8080/AGCS_zqc" {
		t.Errorf("the head is %+v", head)
	}
	for _, text := range lines[1 : len(lines)-1] {
		var l recipientLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if l.Reopened != marked[l.Row] {
			t.Errorf("row %d is marked: %t", l.Row, l.Reopened)
		}
		key, unknown := want[l.Row]
		delete(want, l.Row)
		if unknown != (l.Outcome == campaign.Unknown) || unknown && l.Delivery != key {
			t.Errorf("row %d is %s in %s, want %s", l.Row, l.Outcome, l.Delivery, key)
		}
		spanned := l.From != nil && l.Until != nil && !l.At.Before(*l.From) && l.Until.Sub(*l.From) < time.Minute
		if unknown != spanned || unknown && (l.Reason == "" || l.ID == "" || l.Attempts == 0) {
			t.Errorf("a person cannot look this up: %s", text)
		}
	}
	if len(want) > 0 {
		t.Errorf("%d recipients are not in the file", len(want))
	}
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
