package spec

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// problemsIn marks problems of a file in its text: a line with WARN holds a warning of the
// rule behind it, one with FAIL an error.
func problemsIn(text string) (found []campaign.Diagnostic) {
	for i, line := range strings.Split(text, "\n") {
		for _, kind := range []string{"WARN:", "FAIL:"} {
			if _, rule, ok := strings.Cut(line, kind); ok {
				rule, _, _ = strings.Cut(rule, " ")
				found = append(found, campaign.Diagnostic{File: "a.yaml", Line: i + 1, Col: 1, Rule: rule, Warning: kind == "WARN:"})
			}
		}
	}
	return found
}

func TestIgnore(t *testing.T) {
	known := func(rule string) bool { return strings.HasPrefix(rule, "r-") }
	for name, test := range map[string]struct {
		text   string
		left   string // rules that stay, with their lines
		unused string // what is said of comments
	}{
		"a warning":               {"# campaign: ignore=r-a\na: WARN:r-a\nb: WARN:r-a\n", "3 r-a", ""},
		"several rules":           {"# campaign: ignore=r-a , r-b\na: WARN:r-a\n", "", "1:26 r-b ignores nothing"},
		"with a reason":           {"x:\n  # campaign: ignore=r-a the office wants it, r-b too\n  a: WARN:r-a\n", "", ""},
		"an error":                {"# campaign: ignore=r-a\na: FAIL:r-a\n", "2 r-a", "1:20 r-a is an error here"},
		"another rule":            {"# campaign: ignore=r-b\na: WARN:r-a\n", "2 r-a", "1:20 r-b ignores nothing"},
		"no rule":                 {"# campaign: ignore=q-a\na: WARN:q-a\n", "", `1:20 there is no rule "q-a"`},
		"an error elsewhere":      {"# campaign: ignore=r-b,q-z\na: FAIL:r-a\n", "2 r-a", `1:24 there is no rule "q-z"`},
		"the same twice":          {"# campaign: ignore=r-a,r-a\na: WARN:r-a\n", "", ""},
		"names nothing":           {"# campaign: ignore\na: WARN:r-a\n", "2 r-a", "1:1 the comment names no rule"},
		"an empty list":           {"# campaign: ignore=\na: WARN:r-a\n", "2 r-a", "1:1 the comment names no rule"},
		"no list":                 {"# campaign: ignore=R A!\na: WARN:r-a\n", "2 r-a", `1:20 there is no rule "R A!"`},
		"CRLF":                    {"# campaign: ignore=r-a\r\na: WARN:r-a \r\n", "", ""},
		"comments between":        {"# campaign: ignore=r-a\n# why\n\n# campaign: ignore=r-b\na: WARN:r-a\n", "", "4:20 r-b ignores nothing"},
		"not two lines on":        {"# campaign: ignore=r-a\na: b\nc: WARN:r-a\n", "3 r-a", "1:20 r-a ignores nothing"},
		"behind a value":          {"a: WARN:r-a # campaign: ignore=r-a\n", "1 r-a", ""},
		"at the end":              {"a: b\n# campaign: ignore=r-a\n", "", "2:20 r-a ignores nothing"},
		"a block":                 {"# campaign: ignore=r-a\na: |\n  x\n\n  WARN:r-a\nb: WARN:r-a\n", "6 r-a", ""},
		"in a block it is text":   {"a: |\n  # campaign: ignore=r-a\n  WARN:r-a\n", "3 r-a", ""},
		"in a folded block":       {"a: >-\n  x\n  # campaign: ignore=r-a\n  WARN:r-a\n", "4 r-a", ""},
		"in quotes it is text":    {"a: \"x\n  # campaign: ignore=r-a\n  WARN:r-a \"\n", "3 r-a", ""},
		"in a flow":               {"a: [\n  # campaign: ignore=r-a\n  WARN:r-a ,\n  b]\n", "", ""},
		"in a list":               {"a:\n  # campaign: ignore=r-a\n  - WARN:r-a\n  - WARN:r-a\n", "4 r-a", ""},
		"not YAML":                {"# campaign: ignore=syntax,r-a\na: [\nb: FAIL:syntax\nc: WARN:r-a\n", "3 syntax, 4 r-a", ""},
		"another comment":         {"# campaign: spring\n# campaign: ignored=r-a\na: WARN:r-a\n", "3 r-a", ""},
		"a mark of ours in text":  {"# campaign: ignore=r-a\na: WARN:r-a ignoring-on-line-9.\n", "", ""},
		"a warning and an error":  {"# campaign: ignore=r-a\na: WARN:r-a FAIL:r-a\n", "2 r-a", "1:20 r-a is an error here"},
		"the whole file's is not": {"# campaign: ignore=r-a\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(test.text, "q-a\na: WARN:q-a", "q-a\na: b")
			fsys := fstest.MapFS{"a.yaml": {Data: []byte(text)}}
			left, unused := Ignore(fsys, []string{"a.yaml", "none.yaml"}, problemsIn(text), known)
			var stay, said []string
			for _, d := range left {
				stay = append(stay, fmt.Sprintf("%d %s", d.Line, d.Rule))
			}
			for _, d := range unused {
				if d.Rule != ruleUnusedIgnore || !d.Warning || d.Hint == "" || d.File != "a.yaml" {
					t.Errorf("%+v", d)
				}
				message, _, _ := strings.Cut(d.Message, ":")
				message = strings.TrimSuffix(message, ", and only warnings can be ignored")
				said = append(said, fmt.Sprintf("%d:%d %s", d.Line, d.Col, message))
			}
			if diff := cmp.Diff(test.left, strings.Join(stay, ", ")); diff != "" {
				t.Errorf("what stays:\n%s", diff)
			}
			if diff := cmp.Diff(test.unused, strings.Join(said, ", ")); diff != "" {
				t.Errorf("what is said:\n%s", diff)
			}
		})
	}
}

// Problems of other files stay, also on the same line.
func TestIgnoreIsForItsFile(t *testing.T) {
	fsys := fstest.MapFS{"a.yaml": {Data: []byte("# campaign: ignore=r-a\na: b\n")}}
	found := []campaign.Diagnostic{{File: "b.csv", Line: 2, Rule: "r-a", Warning: true}, {File: "a.yaml", Rule: "r-a", Warning: true}}
	left, unused := Ignore(fsys, []string{"a.yaml"}, found, func(string) bool { return true })
	if diff := cmp.Diff(found, left); diff != "" || len(unused) != 1 {
		t.Errorf("%s%v", diff, unused)
	}
}

// A file full of what looks like comments is read in a time that grows with it.
func TestIgnoreManyComments(t *testing.T) {
	var b strings.Builder
	b.WriteString("a: |\n")
	for b.Len() < maxFile-100 {
		b.WriteString("  # campaign: ignore=r-a\n")
	}
	fsys := fstest.MapFS{"a.yaml": {Data: []byte(b.String())}}
	if left, unused := Ignore(fsys, []string{"a.yaml"}, nil, func(string) bool { return true }); len(left)+len(unused) > 0 {
		t.Errorf("%d comments were found in a text", len(unused))
	}
	fsys["a.yaml"].Data = []byte(strings.Replace(b.String(), "a: |\n", "a: WARN:r-a\n", 1) + "b: WARN:r-a\n")
	left, unused := Ignore(fsys, []string{"a.yaml"}, problemsIn(string(fsys["a.yaml"].Data)), func(string) bool { return true })
	if len(left) != 1 || len(unused) > 0 {
		t.Errorf("%d problems stay, %d comments are not used", len(left), len(unused))
	}
}
