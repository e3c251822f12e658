package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// readCSV reads a table back: its mark is there, and each row has every column.
func readCSV(t *testing.T, data string) [][]string {
	t.Helper()
	rest, marked := strings.CutPrefix(data, byteOrderMark)
	if !marked {
		t.Errorf("no mark before %q", data[:min(len(data), 20)])
	}
	rows, err := csv.NewReader(strings.NewReader(rest)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// The sums of csv and junit are the ledger's.
func TestSumsOfTables(t *testing.T) {
	for name, m := range goldenRuns() {
		var table, suite bytes.Buffer
		r, err := Print(&table, "csv", m.run, m.facts, m.results())
		if err != nil {
			t.Fatal(err)
		}
		got := campaign.Counts{}
		for _, row := range readCSV(t, table.String())[1:] {
			var o campaign.Outcome
			if err := o.UnmarshalText([]byte(row[2])); err != nil {
				t.Fatal(err)
			}
			got.Add(o, 1)
			got.Planned++
		}
		if got != r.Recipients {
			t.Errorf("%s: csv has %+v, the report %+v", name, got, r.Recipients)
		}
		if _, err := Print(&suite, "junit", m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		var read junitSuites
		if err := xml.Unmarshal(suite.Bytes(), &read); err != nil {
			t.Fatal(err)
		}
		for _, p := range read.Suite.Properties {
			word, ok := strings.CutPrefix(p.Name, "recipients.")
			if !ok || word == "planned" {
				continue
			}
			var o campaign.Outcome
			if err := o.UnmarshalText([]byte(word)); err != nil {
				t.Fatal(err)
			}
			if p.Value != strconv.FormatInt(r.Recipients.Of(o), 10) {
				t.Errorf("%s: junit has %s %s", name, p.Name, p.Value)
			}
		}
		bad := read.Suite.Errors+read.Suite.Failures > 0
		if bad != (r.HasUnknown() || r.HasRejected() || !r.Complete()) {
			t.Errorf("%s: %d errors, %d failures of %s", name, read.Suite.Errors, read.Suite.Failures, r.State)
		}
	}
}

func TestTablesAreInert(t *testing.T) {
	for _, text := range append([]string{"=1+1", "+cmd|' /C calc'!A0", "-1", "@SUM(A1)", "＝1", " =1", "\t=1", "\r\n=1", `","=1`, "<script>", "]]>"}, hostile...) {
		m := hostileRun(text)
		var out, suite bytes.Buffer
		if _, err := Print(&out, "csv", m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		rows := readCSV(t, out.String())
		if len(rows) != 7 {
			t.Errorf("%q makes %d rows", text, len(rows))
		}
		for _, row := range rows[1:] {
			for _, cell := range row {
				if strings.IndexAny(strings.TrimLeft(cell, " "), formulas) == 0 || plain(cell) != cut(strings.Join(strings.Fields(cell), " "), maxText) {
					t.Errorf("%q leaves the cell %q", text, cell)
				}
			}
		}
		if _, err := Print(&suite, "junit", m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		var read junitSuites
		if err := xml.Unmarshal(suite.Bytes(), &read); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if len(read.Suite.Cases) != len(campaign.Outcomes) {
			t.Errorf("%q makes %d cases", text, len(read.Suite.Cases))
		}
	}
}

func TestSelect(t *testing.T) {
	s, err := Select([]string{"unknown", "rejected", "unknown"})
	if err != nil || s.String() != "rejected,unknown" {
		t.Error(s, err)
	}
	for _, words := range [][]string{nil, {"skipped"}, {"rejected", "Unknown"}, {""}} {
		if _, err := Select(words); err == nil || !strings.Contains(err.Error(), "accepted, rejected, unknown") {
			t.Errorf("%q: %v", words, err)
		}
	}
}

func selected(t *testing.T, m *made, words ...string) ([][]string, Written) {
	t.Helper()
	s, err := Select(words)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	n, err := WriteList(&out, m.run, m.facts, m.results(), s)
	if err != nil {
		t.Fatal(err)
	}
	rows := readCSV(t, out.String())
	if int64(len(rows)-1) != n.Recipients {
		t.Errorf("%d rows for %d recipients", len(rows)-1, n.Recipients)
	}
	return rows, n
}

// A list holds each recipient of the outcomes that were asked for once, in the order
// of the plan, and nobody else.
func TestWriteList(t *testing.T) {
	runs := goldenRuns()
	for name, m := range runs {
		if m.facts.Groups {
			continue
		}
		r, err := Fold(m.run, m.facts, m.results())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []campaign.Outcome{campaign.Accepted, campaign.Rejected, campaign.Unknown, campaign.Deferred, campaign.Pending} {
			if _, n := selected(t, m, o.String()); n.Recipients != r.Recipients.Of(o) {
				t.Errorf("%s: %d are %s, want %d", name, n.Recipients, o, r.Recipients.Of(o))
			}
		}
	}
	rows, _ := selected(t, runs["split"], "rejected")
	want := [][]string{{"userid", "orgid"}, {"2fb5c7c3-0000-4000-8000-000000000006", "org"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, n := selected(t, runs["cancelled"], "cancelled"); n.Recipients != 2 {
		t.Errorf("%d were cancelled", n.Recipients)
	}
	if _, n := selected(t, runs["resend"], "expired", "unknown"); n.Recipients != 4 {
		t.Errorf("%d expired or are unknown", n.Recipients)
	}
	if _, n := selected(t, runs["left-out"], choices...); n.Recipients != 0 {
		t.Errorf("%d of those whom the planner left out", n.Recipients)
	}
}

func TestWriteListMarksFormulas(t *testing.T) {
	m := newMade().block()
	cells := []string{"=1", "+8613800000000", "-1", "+1+cmd", "@a", "a=1", "", "-", "＝1", "13800000000"}
	for range cells {
		m.delivery(1, refused("no", 1))
	}
	m.seal()
	for i, c := range cells {
		m.blocks[0].Block.Deliveries[i].Recipients[0].Cells[1] = c
	}
	rows, n := selected(t, m, "rejected")
	var got []string
	for _, row := range rows[1:] {
		got = append(got, row[1])
	}
	want := []string{"'=1", "+8613800000000", "-1", "'+1+cmd", "'@a", "a=1", "", "'-", "'＝1", "13800000000"}
	if diff := cmp.Diff(want, got); diff != "" || n.Marked != 5 {
		t.Errorf("%d marked (-want +got):\n%s", n.Marked, diff)
	}
}

func TestWriteListFails(t *testing.T) {
	m := goldenRuns()["groups"]
	if _, err := WriteList(&bytes.Buffer{}, m.run, m.facts, m.results(), Selection{"unknown"}); !errors.Is(err, ErrGroups) {
		t.Error(err)
	}
	m = goldenRuns()["mixed"]
	if _, err := WriteList(full{}, m.run, m.facts, m.results(), Selection{"rejected"}); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	stop := fmt.Errorf("stop")
	if _, err := List(m.run, m.facts, m.results(), Selection{"rejected"}, func(campaign.Recipient) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	m.run.Totals.Recipients++
	if _, err := WriteList(&bytes.Buffer{}, m.run, m.facts, m.results(), Selection{"rejected"}); !errors.Is(err, ErrUnbalanced) {
		t.Error(err)
	}
	if instant(time.Time{}) != "" {
		t.Error("a zero time is written")
	}
}
