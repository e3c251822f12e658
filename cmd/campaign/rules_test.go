package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"campaign/internal/diagnostics"
)

var update = flag.Bool("update", false, "write docs/rules.md from the rules and their examples")

const rulesMD = "docs/rules.md"

// example shows a rule: what breaks it, what keeps it, and what both need besides.
type example struct{ bad, good, with map[string]string }

// examples are those of testdata/rules.txtar, and the project that they change.
func examples(t *testing.T) (base map[string]string, of map[string]*example) {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.FromSlash("testdata/rules.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	base, of = map[string]string{}, map[string]*example{}
	for _, f := range archive.Files {
		words := strings.Fields(f.Name)
		if len(words) == 2 && words[0] == "base" {
			base[words[1]] = string(f.Data)
			continue
		}
		if len(words) != 3 {
			t.Fatalf("%q is not RULE bad|good|with FILE", f.Name)
		}
		e := of[words[0]]
		if e == nil {
			e = &example{map[string]string{}, map[string]string{}, map[string]string{}}
			of[words[0]] = e
		}
		into := map[string]map[string]string{"bad": e.bad, "good": e.good, "with": e.with}[words[1]]
		if into == nil || into[words[2]] != "" {
			t.Fatalf("%q", f.Name)
		}
		into[words[2]] = string(f.Data)
	}
	return base, of
}

// section is a top-level key of a YAML file with the lines that belong to it.
type section struct {
	key   string
	lines []string
}

// sections divides lines at those that are indented by in; comments belong to what
// follows them.
func sections(lines []string, in string) (out []section) {
	begins := true
	for _, line := range lines {
		rest, at := strings.CutPrefix(line, in)
		at = at && rest != "" && rest[0] != ' ' && rest[0] != '-'
		if at && begins || len(out) == 0 {
			out = append(out, section{})
		}
		last := &out[len(out)-1]
		last.lines = append(last.lines, line)
		comment := at && rest[0] == '#'
		if at && !comment {
			key, _, _ := strings.Cut(rest, ":")
			if last.key != "" { // without a comment before it
				last.lines = last.lines[:len(last.lines)-1]
				out = append(out, section{key, []string{line}})
			} else {
				last.key = key
			}
		}
		begins = !comment
	}
	return out
}

// merged is a YAML file in which the keys of an example stand instead of its own, down
// to the second level. An example that gives the version is a whole file.
func merged(base, change string) string {
	if base == "" || !strings.HasSuffix(change, "\n") || strings.HasPrefix(change, "version:") {
		return change
	}
	out := sections(strings.Split(strings.TrimSuffix(base, "\n"), "\n"), "")
	for _, s := range sections(strings.Split(strings.TrimSuffix(change, "\n"), "\n"), "") {
		at := slices.IndexFunc(out, func(o section) bool { return o.key == s.key })
		if at < 0 {
			out = append(out, s)
			continue
		}
		head := slices.Index(s.lines, s.key+":")
		if head < 0 || out[at].lines[0] != s.key+":" {
			out[at] = s
			continue
		}
		lines := slices.Clone(s.lines[:head+1])
		inner := sections(out[at].lines[1:], "  ")
		given := map[string]bool{}
		for _, i := range sections(s.lines[head+1:], "  ") {
			given[i.key] = true
		}
		for _, i := range inner {
			if !given[i.key] {
				lines = append(lines, i.lines...)
			}
		}
		out[at].lines = append(lines, s.lines[head+1:]...)
	}
	var b strings.Builder
	for _, s := range out {
		for _, line := range s.lines {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// said validates the base with changes and gives the rules of what is found.
func said(t *testing.T, base map[string]string, changes ...map[string]string) (rules []string, code int, text string) {
	t.Helper()
	project := maps.Clone(base)
	for _, change := range changes {
		for name, data := range change {
			if name == "campaign.yaml" || name == "targets.yaml" {
				data = merged(project[name], data)
			}
			project[name] = data
		}
	}
	dir := t.TempDir()
	write(t, dir, project)
	code, out, errs := command(t, "validate", "--format", "json", "--project", dir, dir)
	var doc struct{ Diagnostics []struct{ Rule string } }
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, out, errs)
	}
	for _, d := range doc.Diagnostics {
		rules = append(rules, d.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules), code, out
}

// TestRuleExamples validates every example: a bad one breaks its rule and no other, a
// good one none.
func TestRuleExamples(t *testing.T) {
	base, of := examples(t)
	if rules, _, out := said(t, base); len(rules) != 0 {
		t.Fatalf("the base is not good: %s", out)
	}
	for _, r := range diagnostics.Rules {
		e := of[r.ID]
		delete(of, r.ID)
		if (e == nil) != (r.Unshown != "") {
			t.Errorf("%s: an example, or a reason why there is none", r.ID)
		}
		if e == nil {
			continue
		}
		if len(e.bad) == 0 || len(e.good) == 0 {
			t.Errorf("%s: a bad and a good example", r.ID)
		}
		if rules, _, out := said(t, base, e.with, e.bad); !slices.Equal(rules, []string{r.ID}) {
			t.Errorf("%s: the bad example breaks %v\n%s", r.ID, rules, out)
		}
		if rules, code, out := said(t, base, e.with, e.good); len(rules) != 0 || code != exitDone {
			t.Errorf("%s: the good example breaks %v\n%s", r.ID, rules, out)
		}
	}
	for id := range of {
		t.Errorf("there is no rule %s", id)
	}
}

// TestRulesPage holds docs/rules.md against the rules and the examples.
func TestRulesPage(t *testing.T) {
	base, of := examples(t)
	want := rulesPage(base, of)
	if *update {
		if err := os.WriteFile(filepath.FromSlash("../../"+rulesMD), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, page(t, rulesMD)); diff != "" {
		t.Errorf("go test ./cmd/campaign -run TestRulesPage -update writes the page (-want +page):\n%s", diff)
	}
}

func rulesPage(base map[string]string, of map[string]*example) string {
	var b strings.Builder
	b.WriteString(`# The rules

Every problem that is found in files has a rule, whose name stands in brackets behind it. The names are stable. This page is written by a test
from the rules and from examples that are validated: each bad one breaks its rule, each good one none.

The examples change this project: the keys that they show stand instead of its own, files that begin with ` + "`version`" + ` and other files are shown whole.

`)
	for _, name := range slices.Sorted(maps.Keys(base)) {
		b.WriteString(fenced("", name, base[name]))
	}
	for _, area := range diagnostics.Areas {
		fmt.Fprintf(&b, "## %s\n\n", area)
		for _, r := range diagnostics.Rules {
			if r.Area != area {
				continue
			}
			fmt.Fprintf(&b, "### `%s`\n\n%s\n\n", r.ID, r.About)
			if e := of[r.ID]; e != nil {
				b.WriteString(shown("Both need", e.with) + shown("Bad", e.bad) + shown("Good", e.good))
			} else {
				fmt.Fprintf(&b, "No example: %s.\n\n", r.Unshown)
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func shown(what string, files map[string]string) (out string) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		out += fenced(what+", ", name, files[name])
	}
	return out
}

// fenced shows a file with what it is and its name.
func fenced(what, name, text string) string {
	if text == "" {
		return fmt.Sprintf("%s`%s`: an empty file\n\n", what, name)
	}
	return fmt.Sprintf("%s`%s`:\n\n```%s\n%s```\n\n", what, name, strings.TrimPrefix(path.Ext(name), "."), text)
}
