package diagnostics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"campaign/internal/campaign"
)

// hostile is what a merge request may bring: names and texts that mean something to
// whoever reads the output.
var hostile = []campaign.Diagnostic{
	{File: "100%,a:b\r\n::error::x.yaml", Line: 1, Col: 2, EndCol: 2, Rule: "bad-value", Message: "50% of\r\n::add-mask::x ##[add-mask]y", Hint: "a\nb"},
	{File: "<a>&\"公告\".yaml", Rule: "no-recipients", Message: "]]> <b> \x00 \u202e `x``y`", Stands: 7, Warning: true},
	{File: "s p/#?.csv", Line: 3, Rule: "row-too-short", Message: "a & b"},
}

// many are more problems than GitHub annotates.
func many() (out []campaign.Diagnostic) {
	for i := range 25 {
		out = append(out, campaign.Diagnostic{File: "a.yaml", Line: i + 1, Col: 1, Rule: "bad-value", Message: fmt.Sprintf("```%d ##[x]", i), Warning: i%5 == 0})
	}
	return out
}

// schemaOf reads a schema of ours: that of our format, or sarif.schema.json of what we
// write of the standard's.
func schemaOf(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return compiled(t, data)
}

func compiled(t *testing.T, data []byte) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	if err := c.AddResource("schema.json", bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSARIF(t *testing.T) {
	schema := schemaOf(t, "testdata/sarif.schema.json")
	for _, found := range [][]campaign.Diagnostic{nil, found, hostile, many()} {
		out := render(t, SARIF, found, true)
		var doc any
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		var log sarifLog
		if err := json.Unmarshal([]byte(out), &log); err != nil {
			t.Fatal(err)
		}
		run := log.Runs[0]
		if len(run.Results) != len(found) {
			t.Fatalf("%d results of %d problems", len(run.Results), len(found))
		}
		for i, r := range run.Results {
			d := found[i]
			if r.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[r.RuleIndex].ID != d.Rule || r.RuleID != d.Rule {
				t.Errorf("result %d has the rule %d, %s", i, r.RuleIndex, r.RuleID)
			}
			at := r.Locations[0].PhysicalLocation
			if file, err := url.PathUnescape(at.ArtifactLocation.URI); err != nil || file != d.File {
				t.Errorf("%q is said of %q (%v)", file, d.File, err)
			}
			if diff := cmp.Diff(region(d), at.Region); diff != "" || (at.Region == nil) != (d.Line == 0) || r.Level != severity(d) || r.OccurrenceCount != d.Stands {
				t.Errorf("result %d: %+v\n%s", i, r, diff)
			}
		}
	}
}

// The schema is one that can be broken.
func TestSARIFIsChecked(t *testing.T) {
	schema := schemaOf(t, "testdata/sarif.schema.json")
	out := render(t, SARIF, found, false)
	for _, wrong := range [][2]string{{`"level": "error"`, `"level": "fatal"`}, {`"2.1.0"`, `"2.1"`}, {`"startLine": 7`, `"startLine": 0`},
		{`"unicodeCodePoints"`, `"runes"`}, {`"a.yaml"`, `"a b.yaml"`}, {`"ruleIndex"`, `"rule"`}} {
		broken := strings.Replace(out, wrong[0], wrong[1], 1)
		if broken == out {
			t.Fatalf("%s is not in the log", wrong[0])
		}
		var doc any
		if err := json.Unmarshal([]byte(broken), &doc); err != nil {
			t.Fatal(err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("%s passes", wrong[1])
		}
	}
}

// What we write is what the published schema names, and nothing else; readers are told
// to pass over what they do not know.
func TestJSONSchema(t *testing.T) {
	const name = "../../schema/problems.schema.json"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	schema := schemaOf(t, name)
	strict := compiled(t, bytes.ReplaceAll(data, []byte(`"properties":`), []byte(`"additionalProperties": false, "properties":`)))
	for _, found := range [][]campaign.Diagnostic{nil, found, hostile, many()} {
		var doc map[string]any
		if err := json.Unmarshal([]byte(render(t, JSON, found, true)), &doc); err != nil {
			t.Fatal(err)
		}
		if err := strict.Validate(doc); err != nil {
			t.Error(err)
		}
		doc["problems"] = 1
		if err := schema.Validate(doc); err != nil {
			t.Errorf("a later version's member is refused: %v", err)
		}
		if strict.Validate(doc) == nil {
			t.Error("a member that nobody knows passes")
		}
	}
	for _, wrong := range []string{`{}`, `{"format_version": 2, "diagnostics": []}`, `{"format_version": 1, "diagnostics": null}`,
		`{"format_version": 1, "diagnostics": [{"file": "a", "rule": "r", "message": "m"}]}`,
		`{"format_version": 1, "diagnostics": [{"file": "a", "column": 1, "severity": "error", "rule": "r", "message": "m"}]}`,
		`{"format_version": 1, "diagnostics": [{"file": "a", "line": 0, "severity": "error", "rule": "r", "message": "m"}]}`} {
		var doc any
		if err := json.Unmarshal([]byte(wrong), &doc); err != nil {
			t.Fatal(err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("%s passes", wrong)
		}
	}
}

func TestSARIFPlaces(t *testing.T) {
	for file, want := range map[string]string{
		"a/b.yaml": "a/b.yaml", "公告.yaml": "%E5%85%AC%E5%91%8A.yaml", "a b#?%.csv": "a%20b%23%3F%25.csv", "a:b/c": "a%3Ab/c", "-": "-",
	} {
		if got := reference(file); got != want {
			t.Errorf("%q is written as %q, want %q", file, got, want)
		}
	}
}

// command is a workflow command as GitHub's runner reads it.
var command = regexp.MustCompile(`^::(error|warning) ([^\r\n]*?)::([^\r\n]*)$`)

var unescape = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")

func TestGitHub(t *testing.T) {
	all := append(append([]campaign.Diagnostic{}, found...), hostile...)
	lines := strings.Split(strings.TrimSuffix(render(t, GitHub, all, true), "\n"), "\n")
	if len(lines) != len(all) {
		t.Fatalf("%d lines of %d problems", len(lines), len(all))
	}
	for i, line := range lines {
		m := command.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("%q is no command", line)
			continue
		}
		got := map[string]string{}
		for part := range strings.SplitSeq(m[2], ",") {
			name, value, _ := strings.Cut(part, "=")
			got[name] = unescape.Replace(value)
		}
		d := all[i]
		want := map[string]string{"file": d.File, "title": d.Rule}
		if d.Line > 0 {
			want["line"] = strconv.Itoa(d.Line)
		}
		if d.Col > 0 {
			want["col"] = strconv.Itoa(d.Col)
		}
		if d.EndCol > d.Col {
			want["endColumn"] = strconv.Itoa(d.EndCol - 1)
		}
		if diff := cmp.Diff(want, got); diff != "" || m[1] != severity(d) || unescape.Replace(m[3]) != sentence(d) {
			t.Errorf("%s\n%s", line, diff)
		}
		if strings.Contains(strings.ReplaceAll(line, "%25", ""), "%") && !regexp.MustCompile(`%(0A|0D|3A|2C)`).MatchString(line) {
			t.Errorf("%q has a mark that is not escaped", line)
		}
	}
}

// Of 25 problems with 5 warnings ten errors and all warnings are annotated. The rest
// follows, and none of its lines is a command.
func TestGitHubShowsTheRest(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(render(t, GitHub, many(), false), "\n"), "\n")
	if len(lines) != 26 || lines[15] != "10 more are not annotated:" {
		t.Fatalf("got %q", lines)
	}
	for i, line := range lines {
		if command.MatchString(line) != (i < 15) || i >= 15 && (strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[")) {
			t.Errorf("line %d: %q", i, line)
		}
	}
	summary := render(t, Summary, many(), false)
	for _, d := range many()[13:] {
		if !d.Warning && !strings.Contains(summary, fmt.Sprintf("a.yaml:%d:1", d.Line)) {
			t.Errorf("line %d is not in the summary:\n%s", d.Line, summary)
		}
	}
	if strings.Contains(summary, "```` ```` ") || !strings.Contains(summary, "- ```` a.yaml:") {
		t.Errorf("the summary is not fenced:\n%s", summary)
	}
	if got := render(t, Summary, many()[:10], false); got != "" {
		t.Errorf("nothing is left out, and the summary says %s", got)
	}
	huge := make([]campaign.Diagnostic, 20000)
	for i := range huge {
		huge[i] = campaign.Diagnostic{File: "a.yaml", Line: i + 1, Rule: "bad-value", Message: strings.Repeat("x", 100)}
	}
	if got := render(t, Summary, huge, false); len(got) > 600<<10 || !strings.Contains(got, "more: the step's log has them") {
		t.Errorf("a summary of %d bytes", len(got))
	}
}

// What GitLab wants of an issue (docs: code quality report format).
func TestGitLab(t *testing.T) {
	for _, found := range [][]campaign.Diagnostic{nil, found, hostile, append(many(), many()...)} {
		out := render(t, GitLab, found, true)
		var issues []struct {
			Description string `json:"description"`
			CheckName   string `json:"check_name"`
			Fingerprint string `json:"fingerprint"`
			Severity    string `json:"severity"`
			Location    struct {
				Path  string `json:"path"`
				Lines struct {
					Begin int `json:"begin"`
				} `json:"lines"`
			} `json:"location"`
		}
		d := json.NewDecoder(strings.NewReader(out))
		d.DisallowUnknownFields()
		if err := d.Decode(&issues); err != nil || issues == nil || len(issues) != len(found) {
			t.Fatalf("%v: %s", err, out)
		}
		seen := map[string]bool{}
		for i, issue := range issues {
			if issue.Description == "" || issue.CheckName != found[i].Rule || issue.Location.Path != found[i].File || issue.Location.Lines.Begin < 1 ||
				issue.Severity != map[bool]string{false: "critical", true: "minor"}[found[i].Warning] {
				t.Errorf("got %+v", issue)
			}
			if seen[issue.Fingerprint] || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(issue.Fingerprint) {
				t.Errorf("the fingerprint %q", issue.Fingerprint)
			}
			seen[issue.Fingerprint] = true
		}
	}
}

// A problem keeps its fingerprint when lines are put in before it.
func TestFingerprintsStay(t *testing.T) {
	moved := append([]campaign.Diagnostic{{File: "a.yaml", Line: 1, Rule: "new"}}, found...)
	for i := range moved {
		moved[i].Line += 3
	}
	if diff := cmp.Diff(fingerprints(found), fingerprints(moved)[1:]); diff != "" {
		t.Error(diff)
	}
}

// No format shows the order in which problems were found.
func TestOrderNeverShows(t *testing.T) {
	all := append(append(append([]campaign.Diagnostic{}, found...), hostile...), many()...)
	for i := range all[:6] { // alike but for what is compared last
		twin := all[i]
		twin.Hint, twin.Warning = "another", !twin.Warning
		all = append(all, twin, all[i])
	}
	for name, f := range Formats {
		want := ""
		for seed := range uint64(20) {
			shuffled := append([]campaign.Diagnostic{}, all...)
			rand.New(rand.NewPCG(seed, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			got := render(t, f, campaign.SortDiagnostics(shuffled), false)
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%s depends on the order", name)
			}
		}
	}
}

// Rules are in one table, each once, with a sentence.
func TestRulesTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules {
		if !regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`).MatchString(r.ID) || seen[r.ID] || !strings.HasSuffix(r.About, ".") {
			t.Errorf("%+v", r)
		}
		seen[r.ID] = true
	}
	if About("no-such-rule") != "" || Known("no-such-rule") || !Known("syntax") {
		t.Error("what is no rule is known")
	}
}
