package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
)

// constants reads the string constants of a file of another room: name → value.
// Only those of the given type, unless it is empty.
func constants(t *testing.T, file, of string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", filepath.FromSlash(file)), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, d := range parsed.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if kind, _ := v.Type.(*ast.Ident); of != "" && (kind == nil || kind.Name != of) {
				continue
			}
			for i, value := range v.Values {
				if text, ok := value.(*ast.BasicLit); ok && text.Kind == token.STRING {
					if found[v.Names[i].Name], err = strconv.Unquote(text.Value); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	return found
}

// Every word with which an invocation may end means something in a report.
func TestStopWords(t *testing.T) {
	words := constants(t, "runner/stop.go", "Stop")
	if len(words) < 10 {
		t.Fatalf("only %d words were found", len(words))
	}
	used := map[string]bool{}
	for name, word := range words {
		used[word] = true
		if _, known := stops[word]; !known {
			t.Errorf("%s, %q, means nothing in a report", name, word)
		}
	}
	for word := range stops {
		if !used[word] {
			t.Errorf("no invocation ends with %q", word)
		}
	}
}

// The codes that a report tells apart are those that others write.
func TestReasonCodes(t *testing.T) {
	for _, c := range []struct{ file, name, want string }{
		{"ledger/results.go", "ReasonUnsettled", codeUnsettled},
		{"runner/expire.go", "reasonExpired", codeExpired},
		{"runner/resend.go", "reasonResend", codeResend},
	} {
		if got := constants(t, c.file, "")[c.name]; codeOf(got) != c.want || got == c.want {
			t.Errorf("%s of %s is %q, want %q and more", c.name, c.file, got, c.want+": ")
		}
	}
}

func TestFailedStage(t *testing.T) {
	for detail, want := range map[string]int{
		"": 0, "stage 3: 2 of 4 requests were rejected: the threshold is 2 and 20%": 3, "stage x: y": 0, "stage -1: y": 0, "stage 2": 2,
		"20 of 80 requests were rejected: the threshold is 20 and 20%": 0,
	} {
		if got := failedStage(detail); got != want {
			t.Errorf("%q: %d, want %d", detail, got, want)
		}
	}
}

func TestEndedBy(t *testing.T) {
	for _, c := range []struct {
		text   string
		state  State
		reason string
	}{
		{"complete", "", ""},
		{"complete: x", "", ""},
		{"interrupted", Interrupted, "by a signal"},
		{"killed", Interrupted, "by a second signal"},
		{"limit", Stopped, "the limit of that invocation is reached (--limit)"},
		{"aborted: 3 of 10 requests: refused", Stopped, "a threshold was passed: 3 of 10 requests: refused"},
		{"stage-waits", Stopped, "a stage waits for a person"},
		{"stage-waits: stage 2 is settled and waits for a person", Stopped, "stage 2 is settled and waits for a person"},
		{"window-closed", Stopped, "the window is closed"},
		{"window-closed: the window does not open again", Stopped, "the window does not open again"},
		{"out-of-stamps: buy some", Stopped, "out-of-stamps: buy some"},
	} {
		if state, reason := EndedBy(c.text); state != c.state || reason != c.reason {
			t.Errorf("%q: %s, %q", c.text, state, reason)
		}
	}
	for word, stop := range stops {
		if (stop.state == "") != (stop.reason == "") || (stop.state == "") != (word == "complete") {
			t.Errorf("%s: %q because of %q", word, stop.state, stop.reason)
		}
	}
}

// A guard that the run waits at, and how it goes on from there.
func TestGuards(t *testing.T) {
	const again = "It can go on: run the campaign again, or `campaign resume ijm2jztfny6v`."
	const waits = "When that is right, `campaign resume ijm2jztfny6v` lets it go on; running the campaign again does not."
	const settledAndWaits = "stage 2 is settled and waits for a person"
	const failedOften = "stage 2: 1 of 2 requests were rejected: the threshold is 2 and 20%"
	for _, c := range []struct {
		name   string
		change func(*made)
		guard  *Guard
		says   []string // after the state
		line   string   // in the verdict line
	}{
		{"staged", nil, &Guard{Kind: "stage-waits", Detail: settledAndWaits, Stage: 2, Stages: 2},
			[]string{"Stage 2 of 2 came to 2 requests, 1 accepted, 1 rejected.", waits},
			"stopped (stage 2 is settled and waits for a person): stage 2 of 2 came to 2 requests, 1 accepted, 1 rejected; 5 of 11 recipients"},
		{"staged", func(m *made) { m.facts.Stages = nil }, &Guard{Kind: "stage-waits", Detail: settledAndWaits, Stage: 2},
			[]string{"Stage 2 came to 2 requests, 1 accepted, 1 rejected.", waits}, "stage 2 came to 2 requests"},
		{"staged", func(m *made) { m.facts.Notes = slices.Delete(m.facts.Notes, 2, 3) }, &Guard{Kind: "stage-waits", Detail: settledAndWaits, Stage: 1, Stages: 2},
			[]string{"Stage 1 of 2 came to 1 request, 1 accepted.", waits}, "stage 1 of 2 came to 1 request, 1 accepted;"},
		// A stage that failed too often fails again when the campaign is run again.
		{"staged", func(m *made) { m.facts.Notes[3].Text = "aborted: " + failedOften }, &Guard{Kind: "aborted", Detail: failedOften, Stage: 2, Stages: 2},
			[]string{"Stage 2 of 2 came to 2 requests, 1 accepted, 1 rejected.", waits},
			"stopped (a threshold was passed: " + failedOften + "): stage 2 of 2 came to 2 requests"},
		{"closed", func(m *made) { m.facts.Notes[1].Text = "stage-waits" }, &Guard{Kind: "stage-waits", Stage: 1}, []string{waits}, "stopped (a stage waits for a person): 2 of"},
		{"aborted", nil, &Guard{Kind: "aborted", Detail: "2 of 2 requests were rejected: the threshold is 2 and 20%"},
			[]string{"Look at what failed first: once it goes on, failures are counted anew.", again},
			"stopped (a threshold was passed: 2 of 2 requests were rejected: the threshold is 2 and 20%): 0 of 3"},
		{"closed", nil, &Guard{Kind: "window-closed", Detail: "the window is closed", Opens: at(257400)},
			[]string{"Requests may start again at 2026-12-04 08:30:00 +08:00.", again},
			"stopped (the window is closed): requests may start again at 2026-12-04 08:30:00 +08:00; 2 of"},
		{"closed", func(m *made) { m.facts.Opens = time.Time{} }, &Guard{Kind: "window-closed", Detail: "the window is closed"}, []string{again}, "stopped (the window is closed): 2 of"},
		{"closed", func(m *made) { m.facts.Running = true }, nil, []string{english.running}, "running: 2 of"},
		{"resend", nil, nil, []string{again}, "stopped (by campaign stop): 4 of"},
	} {
		m := guarded()[c.name]
		if c.change != nil {
			c.change(m)
		}
		r, err := Fold(m.run, m.facts, m.results())
		if err != nil {
			t.Fatal(err)
		}
		if (r.Guard == nil) != (c.guard == nil) || r.Guard != nil && !sameGuard(*r.Guard, *c.guard) {
			t.Errorf("%s: %+v, want %+v", c.name, r.Guard, c.guard)
		}
		if got := r.Sentences[1:min(1+len(c.says), len(r.Sentences))]; !slices.Equal(got, c.says) {
			t.Errorf("%s: %q, want %q", c.name, got, c.says)
		}
		if !strings.Contains(Verdict(r), c.line) {
			t.Errorf("%s: %s\ndoes not say %s", c.name, Verdict(r), c.line)
		}
	}
}

func sameGuard(a, b Guard) bool {
	opens := a.Opens.Equal(b.Opens)
	a.Opens, b.Opens = time.Time{}, time.Time{}
	return opens && a == b
}

// What the command says of its own invocation goes before what the notes say.
func TestInvocationGoesFirst(t *testing.T) {
	m := guarded()["closed"]
	m.facts.Invocation = Invocation{Began: t0, Ended: at(3), Stop: Stopped, Reason: "outside of 08:30 to 20:00"}
	r, err := Fold(m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	if r.State != Stopped || r.Reason != "outside of 08:30 to 20:00" || r.Guard == nil || r.Guard.Kind != stopWindow {
		t.Errorf("%s, %q, %+v", r.State, r.Reason, r.Guard)
	}
	m = newMade().block().delivery(1, campaign.Result{Verdict: campaign.Verdict{Outcome: campaign.Accepted}}).seal()
	m.note(campaign.NoteEnded, host, "aborted: x", 3)
	if r, err = Fold(m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	if r.State != Complete || r.Guard != nil || r.Ended == nil || r.Ended.Stop != stopAborted {
		t.Errorf("a complete run: %s, %+v, %+v", r.State, r.Guard, r.Ended)
	}
}
