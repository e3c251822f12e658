package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"campaign/internal/ledger"
	"campaign/internal/sandbox"
)

// told is recipients.ndjson: what a report says became of everybody.
type told struct {
	lines                []toldLine
	state                string
	recipients, requests map[string]int64
}

type toldLine struct{ ID, Outcome, Reason, Delivery string }

func readTold(text string) (told, error) {
	var r told
	for line := range strings.Lines(text) {
		var l struct {
			toldLine
			Kind    string
			Summary *struct {
				State                string
				Recipients, Requests map[string]int64
			}
		}
		switch err := json.Unmarshal([]byte(line), &l); {
		case err != nil:
			return r, fmt.Errorf("a line of the report: %w", err)
		case l.Summary != nil:
			r.state, r.recipients, r.requests = l.Summary.State, l.Summary.Recipients, l.Summary.Requests
		case l.Kind == "":
			r.lines = append(r.lines, l.toldLine)
		}
	}
	if r.state == "" {
		return r, fmt.Errorf("the report has no summary: it is not whole")
	}
	return r, nil
}

// unknown gives the requests that the report lists as unknown and the recipients
// of each; unsettled, those of them that were in flight when their process died.
func (r told) unknown() (all map[string][]string, unsettled int) {
	all = map[string][]string{}
	for _, l := range r.lines {
		if l.Outcome != "unknown" {
			continue
		}
		if all[l.Delivery] == nil && l.Reason == ledger.ReasonUnsettled {
			unsettled++
		}
		all[l.Delivery] = append(all[l.Delivery], l.ID)
	}
	return all, unsettled
}

// promise is what a run owes, whatever happened to its processes.
type promise struct {
	ids      []string // everybody whom the campaign names
	inFlight int      // requests that were in flight at its kills, all together
	// lostAnswers is how many answers the upstream's faults may have lost.
	lostAnswers int
	refuses     bool // the upstream refuses somebody
	over        bool // it was cancelled: what was not sent is skipped
}

// arrivals are the recipients or groups of an accepted request, as reports name
// them: people by their userid alone.
func arrivals(q sandbox.Request) []string {
	ids := slices.Clone(q.Groups)
	for _, person := range q.Recipients {
		id, _, _ := strings.Cut(person, "/")
		ids = append(ids, id)
	}
	return ids
}

// findings are broken promises, by their kind.
type findings struct {
	lost, twice, unlisted, others []string
}

func (f findings) all() []string { return slices.Concat(f.lost, f.twice, f.unlisted, f.others) }

// check holds a report of a run that has ended against the upstream's own record.
func (p promise) check(r told, record []sandbox.Request) findings {
	var f findings
	say := func(to *[]string, format string, args ...any) { *to = append(*to, fmt.Sprintf(format, args...)) }
	got := map[string]int{}
	for _, q := range record {
		for _, id := range arrivals(q) {
			got[id]++
		}
	}
	stands := map[string]string{}
	counted := map[string]int64{}
	for _, l := range r.lines {
		if stands[l.ID] != "" {
			say(&f.others, "%s stands in the report twice", l.ID)
		}
		stands[l.ID] = l.Outcome
		counted[l.Outcome]++
	}
	for _, id := range p.ids {
		n, outcome := got[id], stands[id]
		delete(stands, id)
		if n > 1 {
			say(&f.twice, "%s was accepted %d times and stands as %s", id, n, outcome)
		}
		switch outcome {
		case "accepted":
			if n == 0 {
				say(&f.lost, "%s stands as accepted and never arrived", id)
			}
		case "unknown": // may or may not have arrived, and that is said
		case "rejected", "skipped":
			if outcome == "rejected" && !p.refuses || outcome == "skipped" && !p.over {
				say(&f.lost, "%s is %s for no reason", id, outcome)
			}
			if n > 0 {
				say(&f.unlisted, "%s arrived and stands as %s", id, outcome)
			}
		default:
			say(&f.lost, "%s stands as %q in a run that has ended", id, outcome)
		}
	}
	for id := range stands {
		say(&f.others, "%s stands in the report and is not one of the campaign's", id)
	}
	p.checkNumbers(r, counted, &f)
	return f
}

// checkNumbers holds a report's numbers against its lines and the kills.
func (p promise) checkNumbers(r told, counted map[string]int64, f *findings) {
	say := func(format string, args ...any) { f.others = append(f.others, fmt.Sprintf(format, args...)) }
	if want := map[bool]string{false: "complete", true: "cancelled"}[p.over]; r.state != want {
		say("the run is %s, want %s", r.state, want)
	}
	if !balanced(r.recipients) || !balanced(r.requests) || r.recipients["planned"] != int64(len(p.ids)) {
		say("%d recipients do not add up: %v, requests %v", len(p.ids), r.recipients, r.requests)
	}
	for outcome, n := range counted {
		if r.recipients[outcome] != n {
			say("%d lines are %s, the summary says %d", n, outcome, r.recipients[outcome])
		}
	}
	unknown, unsettled := r.unknown()
	if n := int64(len(unknown)); n != r.requests["unknown"] {
		say("%d requests are listed as unknown, the summary says %d", n, r.requests["unknown"])
	}
	if unsettled > p.inFlight {
		say("%d requests are unknown by kills, and %d were in flight then", unsettled, p.inFlight)
	}
	if n := len(unknown) - unsettled; n > p.lostAnswers {
		say("%d requests are unknown by lost answers, and %d answers can have been lost", n, p.lostAnswers)
	}
}

// The check sees every kind of broken promise.
func TestCrashCheckSees(t *testing.T) {
	const head = `{"format_version":1,"kind":"recipients","run":"r"}` + "\n"
	line := func(id, outcome, reason, delivery string) string {
		return fmt.Sprintf(`{"row":2,"id":%q,"outcome":%q,"reason":%q,"delivery":%q}`+"\n", id, outcome, reason, delivery)
	}
	tail := func(state string, accepted, rejected, unknown, skipped, pending int) string {
		counts := fmt.Sprintf(`{"planned":%d,"accepted":%d,"rejected":%d,"unknown":%d,"deferred":0,"skipped":%d,"pending":%d}`,
			accepted+rejected+unknown+skipped+pending, accepted, rejected, unknown, skipped, pending)
		return fmt.Sprintf(`{"summary":{"state":%q,"recipients":%[2]s,"requests":%[2]s}}`+"\n", state, counts)
	}
	a, b, open := line("a", "accepted", "", "0-1"), line("b", "accepted", "", "1-1"), line("b", "unknown", ledger.ReasonUnsettled, "1-1")
	lost := line("b", "unknown", "answer-lost: reset", "1-1")
	both := promise{ids: []string{"a", "b"}}
	with := func(change func(*promise)) promise { p := both; change(&p); return p }
	for name, tt := range map[string]struct {
		promise  promise
		report   string
		arrived  []string // requests, their recipients apart by spaces
		want     string   // kinds of what is found
		inReport string   // a word of it
	}{
		"all is well":             {both, a + b + tail("complete", 2, 0, 0, 0, 0), []string{"a", "b"}, "", ""},
		"one batch":               {both, a + b + tail("complete", 2, 0, 0, 0, 0), []string{"a b"}, "", ""},
		"accepted and not there":  {both, a + b + tail("complete", 2, 0, 0, 0, 0), []string{"a"}, "lost", "never arrived"},
		"accepted twice":          {both, a + b + tail("complete", 2, 0, 0, 0, 0), []string{"a", "b", "b"}, "twice", "2 times"},
		"twice in one request":    {both, a + b + tail("complete", 2, 0, 0, 0, 0), []string{"a", "b b"}, "twice", "2 times"},
		"unknown and there":       {with(func(p *promise) { p.inFlight = 1 }), a + open + tail("complete", 1, 0, 1, 0, 0), []string{"a", "b"}, "", ""},
		"unknown and not there":   {with(func(p *promise) { p.inFlight = 1 }), a + open + tail("complete", 1, 0, 1, 0, 0), []string{"a"}, "", ""},
		"unknown and twice":       {with(func(p *promise) { p.inFlight = 1 }), a + open + tail("complete", 1, 0, 1, 0, 0), []string{"a", "b", "b"}, "twice", "unknown"},
		"more than in flight":     {both, a + open + tail("complete", 1, 0, 1, 0, 0), []string{"a"}, "others", "in flight"},
		"an answer lost":          {with(func(p *promise) { p.lostAnswers = 1 }), a + lost + tail("complete", 1, 0, 1, 0, 0), []string{"a"}, "", ""},
		"no answer can be lost":   {both, a + lost + tail("complete", 1, 0, 1, 0, 0), []string{"a"}, "others", "can have been lost"},
		"left out of the report":  {both, a + tail("complete", 1, 0, 0, 0, 0), []string{"a"}, "lost others", "stands as \"\""},
		"doubtful and not listed": {with(func(p *promise) { p.over = true }), a + line("b", "skipped", "cancelled", "1-1") + tail("cancelled", 1, 0, 0, 1, 0), []string{"a", "b"}, "unlisted", "arrived and stands as skipped"},
		"skipped as cancelled":    {with(func(p *promise) { p.over = true }), a + line("b", "skipped", "cancelled", "1-1") + tail("cancelled", 1, 0, 0, 1, 0), []string{"a"}, "", ""},
		"skipped for no reason":   {both, a + line("b", "skipped", "", "1-1") + tail("complete", 1, 0, 0, 1, 0), []string{"a"}, "lost", "no reason"},
		"refused":                 {with(func(p *promise) { p.refuses = true }), a + line("b", "rejected", "", "1-1") + tail("complete", 1, 1, 0, 0, 0), []string{"a"}, "", ""},
		"refused and there":       {with(func(p *promise) { p.refuses = true }), a + line("b", "rejected", "", "1-1") + tail("complete", 1, 1, 0, 0, 0), []string{"a", "b"}, "unlisted", "arrived"},
		"refused by nobody":       {both, a + line("b", "rejected", "", "1-1") + tail("complete", 1, 1, 0, 0, 0), []string{"a"}, "lost", "no reason"},
		"never tried":             {both, a + line("b", "pending", "", "1-1") + tail("complete", 1, 0, 0, 0, 1), []string{"a"}, "lost", "pending"},
		"not at its end":          {both, a + b + tail("unfinished", 2, 0, 0, 0, 0), []string{"a", "b"}, "others", "unfinished"},
		"a line twice":            {both, a + b + b + tail("complete", 3, 0, 0, 0, 0), []string{"a", "b"}, "others", "twice"},
		"a stranger":              {both, a + b + line("c", "accepted", "", "2-1") + tail("complete", 3, 0, 0, 0, 0), []string{"a", "b", "c"}, "others", "not one of"},
		"sums that do not add up": {both, a + b + strings.Replace(tail("complete", 2, 0, 0, 0, 0), `"planned":2`, `"planned":3`, 1), []string{"a", "b"}, "others", "add up"},
		"lines and sums differ":   {both, a + b + tail("complete", 1, 1, 0, 0, 0), []string{"a", "b"}, "others", "2 lines are accepted"},
		"unknown and not counted": {with(func(p *promise) { p.inFlight = 1 }), a + open + tail("complete", 2, 0, 0, 0, 0), []string{"a"}, "others", "summary says 0"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := readTold(head + tt.report)
			if err != nil {
				t.Fatal(err)
			}
			var record []sandbox.Request
			for _, ids := range tt.arrived {
				record = append(record, sandbox.Request{Recipients: strings.Fields(ids)})
			}
			f := tt.promise.check(r, record)
			var kinds []string
			for _, k := range []struct {
				name  string
				found []string
			}{{"lost", f.lost}, {"twice", f.twice}, {"unlisted", f.unlisted}, {"others", f.others}} {
				if len(k.found) > 0 {
					kinds = append(kinds, k.name)
				}
			}
			if got := strings.Join(kinds, " "); got != tt.want {
				t.Errorf("found %q, want %q: %q", got, tt.want, f.all())
			}
			if text := strings.Join(f.all(), "; "); !strings.Contains(text, tt.inReport) {
				t.Errorf("%q does not say %q", text, tt.inReport)
			}
		})
	}
	for name, text := range map[string]string{"cut off": head + a, "no JSON": head + "{", "empty": ""} {
		if _, err := readTold(text); err == nil {
			t.Errorf("a report that is %s is read", name)
		}
	}
}
