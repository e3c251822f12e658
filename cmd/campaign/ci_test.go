package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"campaign/internal/diagnostics"
)

// readYAML reads a file of the repository into a structure that knows all its keys.
func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(page(t, name)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// runs carries out a line of CI for a project that is fine and for one that is not. The
// line is one call of campaign: variables are replaced, what the shell does with its end
// is left out.
func runs(t *testing.T, line string, variables map[string]string) {
	t.Helper()
	good, bad := t.TempDir(), t.TempDir()
	base, _ := examples(t)
	write(t, good, base)
	write(t, bad, base)
	write(t, bad, map[string]string{"campaign.yaml": merged(base["campaign.yaml"], "tilte: x\n")})
	line, _, _ = strings.Cut(line, " > ")
	for dir, want := range map[string]int{good: exitDone, bad: exitProblems} {
		variables["CAMPAIGN_PROJECT"] = dir
		var args []string
		for _, word := range strings.Fields(line) {
			args = append(args, os.Expand(strings.ReplaceAll(word, `"`, ""), func(name string) string {
				value, known := variables[name]
				if !known {
					t.Errorf("%s: nothing gives %s", line, name)
				}
				return value
			}))
		}
		if args[0] != "campaign" {
			t.Fatalf("%q is no call of campaign", line)
		}
		t.Run(fmt.Sprintf("exit code %d", want), func(t *testing.T) {
			t.Chdir(dir) // a hook has no other way to say where
			if code, out, said := command(t, args[1:]...); code != want {
				t.Errorf("%s: exit code %d, want %d\n%s%s", line, code, want, out, said)
			}
		})
	}
}

func TestGitHubAction(t *testing.T) {
	var action struct {
		Name, Description string
		Inputs            map[string]struct{ Description, Default string }
		Runs              struct {
			Using string
			Steps []struct {
				Shell, Run string
				Env        map[string]string
			}
		}
	}
	readYAML(t, "deploy/ci/github/action.yml", &action)
	if action.Name == "" || action.Description == "" || action.Runs.Using != "composite" || len(action.Runs.Steps) != 1 {
		t.Fatalf("got %+v", action)
	}
	input := regexp.MustCompile(`^\$\{\{ inputs\.([a-z-]+) \}\}$`)
	for _, step := range action.Runs.Steps {
		if step.Shell != "bash" || strings.Contains(step.Run, "${{") {
			t.Errorf("a composite step needs its shell, and no expression in its script: %+v", step)
		}
		variables := map[string]string{}
		for name, value := range step.Env {
			m := input.FindStringSubmatch(value)
			if m == nil || action.Inputs[m[1]].Description == "" {
				t.Errorf("%s is %q, which is no input", name, value)
				continue
			}
			variables[name] = action.Inputs[m[1]].Default
		}
		runs(t, step.Run, variables)
	}
}

func TestGitLabJob(t *testing.T) {
	var file map[string]struct {
		Stage     string
		Variables map[string]string
		Script    []string
		Artifacts struct {
			When    string
			Reports map[string]string
		}
	}
	readYAML(t, "deploy/ci/gitlab.yml", &file)
	job := file["campaign-validate"]
	if len(file) != 1 || len(job.Script) != 3 || job.Artifacts.When != "always" {
		t.Fatalf("got %+v", file)
	}
	script := strings.Join(job.Script, "\n")
	for kind, name := range job.Artifacts.Reports {
		if !map[string]bool{"codequality": true, "junit": true}[kind] || strings.Count(script, "> "+name) != 1 {
			t.Errorf("the report %s of %s", name, kind)
		}
	}
	for _, line := range job.Script {
		runs(t, line, map[string]string{})
	}
}

func TestPreCommitHook(t *testing.T) {
	var hooks []struct {
		ID, Name, Description, Entry, Language string
		PassFilenames                          *bool `yaml:"pass_filenames"`
	}
	readYAML(t, ".pre-commit-hooks.yaml", &hooks)
	if len(hooks) != 1 || hooks[0].ID == "" || hooks[0].Name == "" || hooks[0].Language != "system" || hooks[0].PassFilenames == nil || *hooks[0].PassFilenames {
		t.Fatalf("got %+v", hooks)
	}
	runs(t, hooks[0].Entry, map[string]string{})
}

// The problem matcher finds what oneline says of a place.
func TestProblemMatcher(t *testing.T) {
	var file struct {
		ProblemMatcher []struct {
			Owner   string
			Pattern []struct {
				Regexp                            string
				File, Line, Column, Message, Code int
			}
		}
	}
	if err := json.Unmarshal([]byte(page(t, "deploy/ci/problem-matcher.json")), &file); err != nil {
		t.Fatal(err)
	}
	pattern := file.ProblemMatcher[0].Pattern[0]
	base, _ := examples(t)
	dir := t.TempDir()
	write(t, dir, base)
	write(t, dir, map[string]string{"campaign.yaml": merged(base["campaign.yaml"], "tilte: x\n")})
	code, out, _ := command(t, "validate", "--format", "oneline", "--project", dir, dir)
	m := regexp.MustCompile(pattern.Regexp).FindStringSubmatch(strings.TrimSuffix(out, "\n"))
	if code != exitProblems || m == nil || m[pattern.File] != "campaign.yaml" || m[pattern.Line] != "16" || m[pattern.Column] != "1" ||
		!strings.Contains(m[pattern.Message], "tilte") || m[pattern.Code] != "unknown-key" {
		t.Errorf("exit code %d: %q is found in %s", code, m, out)
	}
}

// docs/ci.md names every format, and its example is one.
func TestCIPage(t *testing.T) {
	fences, prose := split(t, "docs/ci.md")
	named := map[string]bool{}
	for _, row := range table(prose, "| `--format` |") {
		named[strings.Trim(row[0], "`")] = true
	}
	for name := range diagnostics.Formats {
		if !named[name] {
			t.Errorf("the format %s is not explained", name)
		}
	}
	if len(named) != len(diagnostics.Formats) {
		t.Errorf("formats: %v", named)
	}
	base, _ := examples(t)
	fences = slices.DeleteFunc(fences, func(f fence) bool { return f.info != "yaml" }) // commands
	for _, f := range fences {
		if _, code, out := said(t, base, map[string]string{"campaign.yaml": f.text}); code != exitDone || strings.Contains(out, `"rule"`) {
			t.Errorf("line %d: exit code %d\n%s", f.line, code, out)
		}
		without := regexp.MustCompile(`(?m)^ *# campaign: .*\n`).ReplaceAllString(f.text, "")
		if rules, _, _ := said(t, base, map[string]string{"campaign.yaml": without}); len(rules) != 2 {
			t.Errorf("line %d: without the comment %v", f.line, rules)
		}
	}
	if len(fences) != 1 {
		t.Errorf("%d examples", len(fences))
	}
}

// What validate writes does not depend on how many processors there are, or on the run.
func TestValidateIsTheSameEveryTime(t *testing.T) {
	base, of := examples(t)
	dir := t.TempDir()
	write(t, dir, base)
	for id, e := range of {
		if text, ok := e.bad["campaign.yaml"]; ok {
			write(t, dir, map[string]string{id + ".yaml": merged(base["campaign.yaml"], text)})
		}
	}
	for name := range diagnostics.Formats {
		_, want, _ := command(t, "validate", "--format", name, "--project", dir, dir)
		for _, processors := range []int{1, 2, 7} {
			atMost(t, processors)
			if _, got, _ := command(t, "validate", "--format", name, "--project", dir, dir); got != want || len(want) < 1000 {
				t.Errorf("%s with %d processors differs", name, processors)
			}
		}
	}
}

// atMost lets the program have so many processors until the test ends.
func atMost(t *testing.T, processors int) {
	t.Helper()
	before := runtime.GOMAXPROCS(processors)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}
