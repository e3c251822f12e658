package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/schema"
)

// What the documents show is held against the program: their files are
// validated, their template functions rendered, their commands and keys looked
// up.

const (
	filesMD  = "docs/files.md"
	readme   = "README.md"
	readmeZH = "README.zh-CN.md"
)

// page reads a document of the repository.
func page(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// fence is a fenced code block of a document.
type fence struct {
	line int    // of its first line
	info string // what stands behind the opening marks
	text string
}

// split takes a document apart: its code blocks, and the lines around them.
func split(t *testing.T, name string) (fences []fence, prose []string) {
	t.Helper()
	inside := false
	for i, line := range strings.Split(page(t, name), "\n") {
		info, mark := strings.CutPrefix(line, "```")
		switch {
		case mark && !inside:
			fences = append(fences, fence{line: i + 2, info: info})
			inside = true
		case mark:
			inside = false
		case inside:
			fences[len(fences)-1].text += line + "\n"
		default:
			prose = append(prose, line)
		}
	}
	if inside {
		t.Fatalf("%s: the code block at line %d is not closed", name, fences[len(fences)-1].line)
	}
	return fences, prose
}

// command runs the program as main does.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	for _, name := range []string{"CAMPAIGN_PROFILE", "CAMPAIGN_DATA"} {
		t.Setenv(name, "")
	}
	t.Setenv("CAMPAIGN_LOOPBACK_ONLY", "1")
	present = func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) } // calendars are of their time
	t.Cleanup(func() { present = time.Now })
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// write puts files below a folder.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// documented are the files of the project that docs/files.md shows: YAML says
// its name in a comment, other files say it behind their language.
func documented(t *testing.T) (project map[string]string, yaml []string) {
	t.Helper()
	project = map[string]string{ // what it names without showing it
		"content/census.html":    "<p>{{ .company }}：请于 {{ date \"2006年1月2日\" .deadline }} 前完成。</p>\n",
		"recipients/optout.csv":  "退订用户\nu-2\n",
		"recipients/testers.csv": "用户ID\nu-test-2\n",
		"recipients/never.csv":   "用户ID\nu-9\n",
	}
	fences, _ := split(t, filesMD)
	for _, f := range fences {
		kind, name, _ := strings.Cut(f.info, " ")
		if kind == "yaml" {
			first, _, _ := strings.Cut(f.text, "\n")
			var ok bool
			if name, ok = strings.CutPrefix(first, "# file: "); !ok {
				t.Errorf("%s:%d: this YAML does not begin with # file: NAME, so nothing checks it", filesMD, f.line)
				continue
			}
			yaml = append(yaml, name)
		}
		if _, twice := project[name]; twice {
			t.Errorf("%s:%d: %s stands there twice", filesMD, f.line, name)
		}
		if name != "" {
			project[name] = f.text
		}
	}
	if len(yaml) < 4 {
		t.Fatalf("%s shows %d YAML files: %v", filesMD, len(yaml), yaml)
	}
	return project, yaml
}

func TestDocumentedFilesAreValid(t *testing.T) {
	project, yaml := documented(t)
	dir := t.TempDir()
	write(t, dir, project)
	if code, out, said := command(t, "validate", "--project", dir, dir); code != exitDone || !strings.Contains(said, "no problem") {
		t.Fatalf("exit code %d\n%s%s", code, out, said)
	}
	for _, name := range yaml { // each of them is read: a key that is not there is noticed
		broken := t.TempDir()
		write(t, broken, project)
		write(t, broken, map[string]string{name: project[name] + "nosuchkey: 1\n"})
		code, out, _ := command(t, "validate", "--format", "json", "--project", broken, broken)
		if code != exitProblems || !strings.Contains(out, "nosuchkey") || !strings.Contains(out, name) {
			t.Errorf("%s with an unknown key: exit code %d\n%s", name, code, out)
		}
	}
}

var comment = regexp.MustCompile(`(^|\s+)#( .*)?$`)

var (
	code      = regexp.MustCompile("`([^`]+)`")
	keyWord   = regexp.MustCompile(`[a-z][a-z0-9_]*`)
	functions = regexp.MustCompile(`the functions are ([a-zA-Z, ]+)`)
)

// table gives the cells of a document's tables whose header begins like that.
func table(prose []string, header string) (rows [][]string) {
	inside := false
	for _, line := range prose {
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case strings.HasPrefix(line, header):
			inside = true
		case inside && !strings.HasPrefix(line, "| ---"):
			cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
			}
			rows = append(rows, cells[1:len(cells)-1])
		}
	}
	return rows
}

// TestDocumentedFunctions renders every example of the functions' table for the
// recipient that the document shows, and compares the names with the program's.
func TestDocumentedFunctions(t *testing.T) {
	const shown = "tax-reminder.yaml"
	project, _ := documented(t)
	_, prose := split(t, filesMD)
	rows := table(prose, "| function |")
	var named []string
	ext, want := "", map[string]string{}
	for i, row := range rows {
		for _, m := range code.FindAllStringSubmatch(row[0], -1) {
			named = append(named, m[1])
		}
		example := code.FindStringSubmatch(row[1])
		if len(row) != 3 || example == nil {
			t.Fatalf("no example: %q", row)
		}
		ext += fmt.Sprintf("    e%02d: '%s'\n", i, strings.ReplaceAll(example[1], "'", "''"))
		want[fmt.Sprintf("content.ext.e%02d", i)] = row[2]
	}
	dir := t.TempDir()
	project[shown] = strings.Replace(project[shown], "\ncontent:\n", "\ncontent:\n  ext:\n"+ext, 1)
	write(t, dir, project)
	status, out, said := command(t, "plan", "--project", dir, "--preview", "u-1", "--format", "json", filepath.Join(dir, shown))
	var shownTo struct{ Previews []plannedPreview }
	if err := json.Unmarshal([]byte(out), &shownTo); err != nil || status != exitDone || len(shownTo.Previews) != 1 {
		t.Fatalf("exit code %d, %v\n%s%s", status, err, out, said)
	}
	message := shownTo.Previews[0].Message
	maps.DeleteFunc(message, func(name, _ string) bool { return !strings.HasPrefix(name, "content.ext.") })
	if diff := cmp.Diff(want, message); diff != "" {
		t.Errorf("the examples (-document +program):\n%s", diff)
	}

	project[shown] = strings.Replace(project[shown], "\ncontent:\n  ext:\n", "\ncontent:\n  ext:\n    no: '{{ nosuchfunctionatall }}'\n", 1)
	write(t, dir, project)
	_, out, _ = command(t, "validate", "--project", dir, "--format", "json", filepath.Join(dir, shown))
	hint := functions.FindStringSubmatch(out)
	if hint == nil {
		t.Fatalf("the program does not list its functions:\n%s", out)
	}
	slices.Sort(named)
	if diff := cmp.Diff(strings.Split(hint[1], ", "), named); diff != "" {
		t.Errorf("functions (-program +document):\n%s", diff)
	}
}

// TestEveryKeyIsDocumented compares the keys and listed values of the schemas
// with those that docs/files.md explains.
func TestEveryKeyIsDocumented(t *testing.T) {
	_, prose := split(t, filesMD)
	explained, text := map[string]bool{}, strings.Join(prose, "\n")
	for _, m := range code.FindAllStringSubmatch(text, -1) {
		for _, word := range keyWord.FindAllString(m[1], -1) {
			explained[word] = true
		}
	}
	known := map[string]bool{}
	for _, name := range []string{"calendar", "campaign", "targets"} {
		data, err := schema.Bytes(name)
		if err != nil {
			t.Fatal(err)
		}
		var root any
		if err := json.Unmarshal(data, &root); err != nil {
			t.Fatal(err)
		}
		keys, values := map[string]bool{}, map[string]bool{}
		collect(root, keys, values)
		if name != "calendar" && (len(keys) < 30 || len(values) < 10) || len(keys) < 8 || len(values) < 7 {
			t.Fatalf("%s: %d keys and %d values were found in the schema", name, len(keys), len(values))
		}
		for key := range keys {
			known[key] = true
			if !explained[key] {
				t.Errorf("%s: the schema of %s has a key %s", filesMD, name, key)
			}
		}
		for value := range values {
			if !strings.Contains(text, "`"+value+"`") {
				t.Errorf("%s: the schema of %s has a value %s", filesMD, name, value)
			}
		}
	}
	rows := table(prose, "| key ")
	for _, row := range rows {
		for _, m := range code.FindAllStringSubmatch(row[0], -1) {
			if !known[m[1]] {
				t.Errorf("%s explains %s, which no schema has", filesMD, m[1])
			}
		}
	}
	if len(rows) < 50 {
		t.Errorf("%d rows of keys were found", len(rows))
	}
}

// collect gathers the keys that a schema has properties for, and the texts that
// it lists.
func collect(node any, keys, values map[string]bool) {
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			collect(item, keys, values)
		}
	case map[string]any:
		if properties, ok := node["properties"].(map[string]any); ok {
			for key := range properties {
				keys[key] = true
			}
		}
		if listed, ok := node["enum"].([]any); ok {
			for _, value := range listed {
				values[fmt.Sprint(value)] = true
			}
		}
		for _, item := range node {
			collect(item, keys, values)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`^(#+) (.*)$`)
)
