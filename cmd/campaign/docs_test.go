package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

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
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// write puts files below a folder.
func write(t *testing.T, dir string, files map[string]string) {
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
		"content/census.html":   "<p>{{ .company }}：请于 {{ date \"2006年1月2日\" .deadline }} 前完成。</p>\n",
		"recipients/optout.csv": "退订用户\nu-2\n",
		"recipients/never.csv":  "用户ID\nu-9\n",
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

// TestREADMEQuotesItsCampaign holds the READMEs' campaign against the file that
// it is taken from, line by line, and validates it in its place.
func TestREADMEQuotesItsCampaign(t *testing.T) {
	for _, name := range []string{readme, readmeZH} {
		fences, _ := split(t, name)
		quoted := 0
		for _, f := range fences {
			if f.info != "yaml" {
				continue
			}
			first, rest, _ := strings.Cut(f.text, "\n")
			source, ok := strings.CutPrefix(first, "# campaigns/")
			if !ok {
				t.Errorf("%s:%d: the YAML does not begin with # campaigns/FILE", name, f.line)
				continue
			}
			quoted++
			original := codeLines(page(t, "campaigns/"+source))
			for _, line := range codeLines(rest) {
				at := slices.Index(original, line)
				if at < 0 {
					t.Errorf("%s:%d: campaigns/%s has no line %q, or not there", name, f.line, source, line)
					continue
				}
				original = original[at+1:]
			}
			dir := t.TempDir()
			copyExamples(t, dir)
			write(t, dir, map[string]string{source: f.text})
			if code, out, said := command(t, "validate", "--project", dir, dir); code != exitDone {
				t.Errorf("%s:%d: exit code %d\n%s%s", name, f.line, code, out, said)
			}
		}
		if quoted == 0 {
			t.Errorf("%s shows no campaign", name)
		}
	}
}

var comment = regexp.MustCompile(`(^|\s+)#( .*)?$`)

// codeLines are the lines of code without their comments.
func codeLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(comment.ReplaceAllString(strings.TrimRight(line, "\n"), ""), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// copyExamples copies campaigns/ without what runs have left there.
func copyExamples(t *testing.T, dir string) {
	t.Helper()
	from := filepath.FromSlash("../../campaigns")
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch {
		case e.Name() == ".campaign", e.Name() == "reports":
		case e.IsDir():
			if err := os.CopyFS(filepath.Join(dir, e.Name()), os.DirFS(filepath.Join(from, e.Name()))); err != nil {
				t.Fatal(err)
			}
		default:
			write(t, dir, map[string]string{e.Name(): page(t, "campaigns/"+e.Name())})
		}
	}
}

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
	var line struct{ Message map[string]string }
	if err := json.Unmarshal([]byte(out), &line); err != nil || status != exitDone {
		t.Fatalf("exit code %d, %v\n%s%s", status, err, out, said)
	}
	for name := range line.Message {
		if !strings.HasPrefix(name, "content.ext.") {
			delete(line.Message, name)
		}
	}
	if diff := cmp.Diff(want, line.Message); diff != "" {
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
	for _, name := range []string{"campaign", "targets"} {
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
		if len(keys) < 30 || len(values) < 10 {
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

// pages lists the documents that people read.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{readme, readmeZH, "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join("../..", filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			list = append(list, strings.TrimPrefix(filepath.ToSlash(name), "../../"))
		}
	}
	if !slices.Contains(list, filesMD) {
		t.Fatalf("%s is not among the documents: %v", filesMD, list)
	}
	return list
}

// anchor is the name by which a link reaches a heading.
func anchor(title string) string {
	kept := strings.Map(func(r rune) rune {
		if strings.ContainsRune("`.,:;()[]!?/'\"", r) {
			return -1
		}
		return r
	}, strings.ToLower(title))
	return strings.ReplaceAll(kept, " ", "-")
}

func TestLinksLeadSomewhere(t *testing.T) {
	checked := 0
	for _, name := range pages(t) {
		_, prose := split(t, name)
		for _, m := range link.FindAllStringSubmatch(strings.Join(prose, "\n"), -1) {
			to, part, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			checked++
			file := name
			if to != "" {
				file = path.Join(path.Dir(name), to)
			}
			if _, err := os.Stat(filepath.Join("../..", filepath.FromSlash(file))); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
				continue
			}
			if part == "" {
				continue
			}
			_, target := split(t, file)
			if !slices.ContainsFunc(target, func(line string) bool {
				h := heading.FindStringSubmatch(line)
				return h != nil && anchor(h[2]) == part
			}) {
				t.Errorf("%s links to %s: there is no such heading", name, m[1])
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d links were found", checked)
	}
}

// TestREADMEsAgree compares the two READMEs: the same structure, the same
// commands, the same links, and no word of delivery in either.
func TestREADMEsAgree(t *testing.T) {
	shapes := map[string]map[string][]string{}
	for name, other := range map[string]string{readme: readmeZH, readmeZH: readme} {
		fences, prose := split(t, name)
		if n := strings.Count(page(t, name), "\n"); n > 150 {
			t.Errorf("%s has %d lines, more than 150", name, n)
		}
		shape := map[string][]string{}
		for _, f := range fences {
			shape["code"] = append(shape["code"], f.info+"\n"+strings.Join(codeLines(f.text), "\n"))
		}
		for _, line := range prose {
			switch h := heading.FindStringSubmatch(line); {
			case h != nil:
				shape["headings"] = append(shape["headings"], h[1])
			case strings.HasPrefix(line, "|"):
				shape["rows"] = append(shape["rows"], fmt.Sprint(strings.Count(line, "|")))
			case strings.HasPrefix(line, "- "):
				shape["items"] = append(shape["items"], "-")
			}
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				shape["links"] = append(shape["links"], strings.Replace(m[1], other, "the other README", 1))
			}
		}
		for _, what := range []string{"code", "headings", "rows", "items", "links"} {
			if len(shape[what]) < 3 {
				t.Errorf("%s: only %d %s were found", name, len(shape[what]), what)
			}
		}
		shapes[name] = shape
	}
	if diff := cmp.Diff(shapes[readme], shapes[readmeZH]); diff != "" {
		t.Errorf("(-%s +%s):\n%s", readme, readmeZH, diff)
	}
	if zh := page(t, readmeZH); !strings.Contains(zh, "平台已受理") || strings.Contains(zh, "已送达") {
		t.Errorf("%s must call what is accepted 平台已受理 and nothing 已送达", readmeZH)
	}
}

// TestDocumentedCommandsExist looks up every command line of the documents.
func TestDocumentedCommandsExist(t *testing.T) {
	root := newRoot(&app{})
	all := append(root.Commands(), root)
	for _, name := range []string{readme, readmeZH, filesMD} {
		fences, prose := split(t, name)
		var lines []string
		for _, f := range fences {
			if f.info == "" {
				lines = append(lines, codeLines(f.text)...)
			}
		}
		for _, m := range code.FindAllStringSubmatch(strings.Join(prose, "\n"), -1) {
			lines = append(lines, m[1])
		}
		checked := 0
		for _, line := range lines {
			words := strings.Fields(strings.TrimPrefix(line, "go run ./cmd/"))
			if strings.HasPrefix(line, "--") && !slices.ContainsFunc(all, func(c *cobra.Command) bool { return hasFlag(c, words[0]) }) {
				t.Errorf("%s: no command has the flag %s", name, words[0])
			}
			if len(words) < 2 || words[0] != "campaign" || strings.ToUpper(words[1]) == words[1] {
				continue
			}
			checked++
			cmd, _, err := root.Find(words[1:])
			if err != nil {
				t.Errorf("%s: %s: %v", name, line, err)
				continue
			}
			for _, word := range words {
				if strings.HasPrefix(word, "--") && !hasFlag(cmd, word) {
					t.Errorf("%s: %s: there is no flag %s", name, line, word)
				}
			}
		}
		if checked < 5 {
			t.Errorf("%s: only %d command lines were found", name, checked)
		}
	}
}

func hasFlag(c *cobra.Command, word string) bool {
	c.InitDefaultHelpFlag()
	name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	return c.Flag(name) != nil || c.InheritedFlags().Lookup(name) != nil
}
