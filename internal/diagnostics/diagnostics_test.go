package diagnostics

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

var found = []campaign.Diagnostic{
	{File: "a.yaml", Rule: "no-file", Message: "there is no file"},
	{File: "a.yaml", Line: 7, Col: 3, EndCol: 7, Rule: "unknown-key", Message: `the key "tilte" is not known`, Hint: "did you mean title?", Source: "  tilte: x"},
	{File: "a.yaml", Line: 9, Col: 7, EndCol: 9, Rule: "bad-value", Message: "级别 is wrong", Source: "  级别: 特急 # 全角", Warning: true},
	{File: "a.yaml", Line: 11, Col: 5, Rule: "tabs", Message: "a\nbreak and \x1b[31m colour", Source: "\tx: \u202ey"},
	{File: "r.csv", Line: 12, Rule: "row-too-short", Message: "the row has 2 columns, the header 3"},
}

func render(t *testing.T, f Format, found []campaign.Diagnostic, colour bool) string {
	t.Helper()
	var b strings.Builder
	if err := f(&b, Report{Found: found, Files: []string{"a.yaml", "fine.yaml"}, Colour: colour}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	want := `a.yaml: there is no file [no-file]

a.yaml:7:3: the key "tilte" is not known [unknown-key]
    7 |   tilte: x
      |   ^^^^
  hint: did you mean title?

a.yaml:9:7: warning: 级别 is wrong [bad-value]
    9 |   级别: 特急 # 全角
      |         ^^^^

a.yaml:11:5: a break and  [31m colour [tabs]
   11 |  x: ` + "\ufffd" + `y
      |     ^

r.csv:12:1: the row has 2 columns, the header 3 [row-too-short]
`
	if diff := cmp.Diff(want, render(t, Text, found, false)); diff != "" {
		t.Error(diff)
	}
	if coloured := render(t, Text, found, true); !strings.Contains(coloured, "\x1b[31m") || !strings.Contains(coloured, "\x1b[33m") {
		t.Error("no colour where colour was asked for")
	}
}

// The caret stands under the token whatever is before it, also in a line that is
// too long to be shown.
func TestCaretUnderToken(t *testing.T) {
	for _, before := range []string{"", "abc", "公告", strings.Repeat("公", 90), strings.Repeat("x ", 400)} {
		for _, after := range []string{"", " tail", strings.Repeat("尾", 300)} {
			line := before + "TOKEN" + after
			col := len([]rune(before)) + 1
			out := render(t, Text, []campaign.Diagnostic{{File: "f", Line: 1, Col: col, EndCol: col + 5, Source: line, Rule: "r", Message: "m"}}, false)
			lines := strings.Split(out, "\n")
			at := strings.Index(lines[1], "TOKEN")
			caret := strings.Index(lines[2], "^^^^^")
			if at < 0 || caret < 0 || width(lines[1][:at]) != width(lines[2][:caret]) {
				t.Errorf("the caret is not under the token:\n%s", out)
			}
			if width(lines[1]) > widest+20 {
				t.Errorf("a line of %d columns", width(lines[1]))
			}
		}
	}
}

func TestPositionsBeyondTheLine(t *testing.T) {
	for _, d := range []campaign.Diagnostic{
		{File: "f", Line: 1, Col: 99, EndCol: 120, Source: "short"},
		{File: "f", Line: 1, Col: 3, EndCol: 2, Source: "short"},
		{File: "f", Line: 1, Col: 1, EndCol: 400, Source: "short"},
		{File: "f", Line: 1, Source: "short"},
	} {
		if out := render(t, Text, []campaign.Diagnostic{d}, false); !strings.Contains(out, "short") {
			t.Errorf("%+v: %s", d, out)
		}
	}
}

// A file's name may hold what stands between the place and the sentence.
func TestPlaceWithColons(t *testing.T) {
	d := campaign.Diagnostic{File: "a: b.yaml", Line: 1, Col: 2, Rule: "r", Message: "m: n", Warning: true}
	if out := render(t, Text, []campaign.Diagnostic{d}, false); out != "a: b.yaml:1:2: warning: m: n [r]\n" {
		t.Errorf("got %q", out)
	}
}

func TestOneline(t *testing.T) {
	line := regexp.MustCompile(`^([^:]+)(?::(\d+):(\d+))?: (.+) \[([a-z0-9-]+)\]$`)
	out := render(t, Oneline, found, true)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(found) {
		t.Fatalf("%d lines for %d problems", len(lines), len(found))
	}
	for i, l := range lines {
		if m := line.FindStringSubmatch(l); m == nil || m[1] != found[i].File || m[5] != found[i].Rule {
			t.Errorf("%q does not parse", l)
		}
	}
}

// Whatever a message holds, a problem is one line whose beginning and end stay what
// they are. A name with a colon cannot be told from a place, and no example has one.
func TestOnelineOfHostileMessages(t *testing.T) {
	line := regexp.MustCompile(`^([^:]+)(?::(\d+):(\d+))?: (.+) \[([a-z0-9-]+)\]$`)
	for _, message := range []string{"x\ny.yaml:1:1: z [other-rule]", "b.yaml:3:4: m", "[a-b] c", "m [no-such]\r", "\u2028x\u2029y\u0085z", "\x1b]0;t\a\x1b[2J", "\u202e\u2066m\x00", ": : "} {
		for _, lineNumber := range []int{0, 7} {
			d := campaign.Diagnostic{File: "a.yaml", Line: lineNumber, Col: min(lineNumber, 3), Rule: "bad-value", Message: message}
			out := render(t, Oneline, []campaign.Diagnostic{d}, true)
			m := line.FindStringSubmatch(strings.TrimSuffix(out, "\n"))
			if m == nil || m[1] != "a.yaml" || (m[2] == "7") != (lineNumber == 7) || m[5] != "bad-value" {
				t.Errorf("%q: %q", out, m)
			}
			if strings.ContainsFunc(strings.TrimSuffix(out, "\n"), control) {
				t.Errorf("%q is not inert", out)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	var got struct {
		FormatVersion int              `json:"format_version"`
		Diagnostics   []map[string]any `json:"diagnostics"`
	}
	if err := json.Unmarshal([]byte(render(t, JSON, found, false)), &got); err != nil {
		t.Fatal(err)
	}
	if got.FormatVersion != 1 || len(got.Diagnostics) != len(found) {
		t.Fatalf("got %+v", got)
	}
	want := map[string]any{"file": "a.yaml", "line": 9.0, "column": 7.0, "end_column": 9.0, "severity": "warning", "rule": "bad-value", "message": "级别 is wrong"}
	if diff := cmp.Diff(want, got.Diagnostics[2]); diff != "" {
		t.Error(diff)
	}
	if none := render(t, JSON, nil, false); !strings.Contains(none, `"diagnostics": []`) {
		t.Errorf("no problems are written as %s", none)
	}
}

func TestWriteErrorsAreSaid(t *testing.T) {
	for name, f := range Formats {
		if err := f(failing{}, Report{Found: found}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errFull = errors.New("no space")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
