package report

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// sums are the counts that one format shows.
type sums struct{ Requests, Recipients campaign.Counts }

var (
	markdownRow = regexp.MustCompile(`(?m)^\| (recipients|user groups|requests) \|(.*)\|$`)
	pageRow     = regexp.MustCompile(`<tr><(?:td class="(\w+)"|th scope="row")>[^<]*</t[dh]><td class="number">([\d,]+)</td><td class="number">([\d,]+)</td></tr>`)
)

func numberOf(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// readSums reads the sums back from a format that people read.
var readSums = map[string]func(t *testing.T, data string) sums{
	"markdown": func(t *testing.T, data string) (s sums) {
		for _, row := range markdownRow.FindAllStringSubmatch(data, 2) { // the first table
			n := strings.Split(row[2], "|")
			c := campaign.Counts{Planned: numberOf(t, n[0]), Accepted: numberOf(t, n[1]), Rejected: numberOf(t, n[2]), Unknown: numberOf(t, n[3]),
				Deferred: numberOf(t, n[4]), Skipped: numberOf(t, n[5]), Pending: numberOf(t, n[6])}
			if row[1] == "requests" {
				s.Requests = c
			} else {
				s.Recipients = c
			}
		}
		return s
	},
	"html": func(t *testing.T, data string) (s sums) {
		for _, row := range pageRow.FindAllStringSubmatch(data, len(campaign.Outcomes)+1) {
			recipients, requests := numberOf(t, row[2]), numberOf(t, row[3])
			if row[1] == "" { // the sum
				s.Recipients.Planned, s.Requests.Planned = recipients, requests
				continue
			}
			var o campaign.Outcome
			if err := o.UnmarshalText([]byte(row[1])); err != nil {
				t.Fatal(err)
			}
			s.Recipients.Add(o, recipients)
			s.Requests.Add(o, requests)
		}
		return s
	},
	"json": func(t *testing.T, data string) (s sums) {
		if err := json.Unmarshal([]byte(data), &s); err != nil {
			t.Fatal(err)
		}
		return s
	},
	"ndjson": func(t *testing.T, data string) (s sums) {
		lines := strings.Split(strings.TrimSpace(data), "\n")
		var last struct{ Summary sums }
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatal(err)
		}
		s = last.Summary
		var counted campaign.Counts
		for _, line := range lines[1 : len(lines)-1] {
			var l struct{ Outcome campaign.Outcome }
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			counted.Add(l.Outcome, 1)
			counted.Planned++
		}
		if counted != s.Recipients {
			t.Errorf("the lines have %+v, the last one says %+v", counted, s.Recipients)
		}
		return s
	},
}

// The sums that each format shows are those of the ledger's blocks, counted without
// the fold. Of csv and junit TestSumsOfTables says so.
func TestSumsAreTheLedgers(t *testing.T) {
	for _, f := range slices.Concat(Formats, Extra) {
		if readSums[f.Name] == nil && f.Name != "csv" && f.Name != "junit" {
			t.Errorf("nobody reads the sums of %s", f.Name)
		}
	}
	for name, m := range goldenRuns() {
		var want sums
		want.Requests, want.Recipients = counted(m)
		for format, read := range readSums {
			var out bytes.Buffer
			if _, err := Print(&out, format, m.run, m.facts, m.results()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, read(t, out.String())); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", format, name, diff)
			}
		}
	}
}
