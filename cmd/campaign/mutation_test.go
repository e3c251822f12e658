package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// mutations make a value wrong, whatever it is: each writes what stands in its place.
var mutations = []struct {
	name string
	text func(value string) string
}{
	{"list", func(string) string { return "[[0]]" }},
	{"mapping", func(string) string { return "{}" }},
	{"nothing", func(string) string { return "null" }},
	{"empty", func(string) string { return `""` }},
	{"negative", func(string) string { return "-1" }},
	{"huge", func(string) string { return "99999999999999999999" }},
	{"long", func(string) string { return strings.Repeat("long", 1000) }},
	{"misspelt", func(value string) string { return strconv.Quote(value + "-qx") }},
	{"broken template", func(string) string { return `"{{ .campaign "` }},
	{"unknown variable", func(string) string { return `"{{ .no_such }}"` }},
	{"no file", func(string) string { return `"../no/such.html"` }},
}

// misspeltKey is the one thing that is done to keys.
const misspeltKey = "misspelt key"

// Mutations that leave a kind of text right.
var (
	// anyText is a text that must not be empty, optional one that may be.
	anyText  = []string{"long", "misspelt", "broken template", "unknown variable", "no file"}
	optional = append([]string{"empty"}, anyText...)
	// anyValue may be a number as well, rendered is a template.
	anyValue = append([]string{"negative", "huge"}, optional...)
	rendered = []string{"long", "misspelt", "no file"}
	name     = []string{misspeltKey}
)

// right are leaves for which a mutation is not wrong, or not wrong there. An exception
// that nothing needs any more is an error.
var right = []struct {
	file, path string   // patterns of path.Match; a path joins keys and positions
	mutations  []string // by name
	why        string
}{
	{"*.yaml", "name", []string{"misspelt"}, "the user names campaigns"},
	{"*.yaml", "description", optional, "words for people"},
	{"*.yaml", "labels/*", append(anyValue, misspeltKey), "labels and their values are the user's"},
	{"*.yaml", "vars/*", name, "the user names variables; the template that reads another one is told"},
	{"*.yaml", "channel/from", []string{"mapping"}, "may be a mapping, and three keys are missing in an empty one"},

	{"*.yaml", "content/title", rendered, "words of the message"},
	{"*.yaml", "content/name", []string{"long", "misspelt", "no file"}, "words of the message"},
	{"*.yaml", "content/sender", rendered, "words of the message"},
	{"*.yaml", "content/body", []string{"long", "misspelt"}, "words of the message"},
	{"*.yaml", "content/text", []string{"long", "misspelt"}, "words of the message; an SMS and a call have a bound"},
	{"*.yaml", "content/tag", []string{"misspelt"}, "the tag is the user's, and stays short"},
	{"*.yaml", "content/icon", []string{"misspelt"}, "still an address"},
	{"*.yaml", "content/link/content", rendered, "only the platform knows its articles"},
	{"*.yaml", "content/redirect/app", rendered, "only the app knows its pages"},
	{"*.yaml", "content/attachments/0/*", rendered, "only the platform knows its files"},
	{"*.yaml", "content/display_recipient/org", rendered, "only the platform knows its organisations"},
	{"*.yaml", "content/display_recipient/tags/0", rendered, "only the platform knows its tags"},
	{"*.yaml", "content/ext/*", append(rendered, misspeltKey, "list", "mapping", "empty", "negative", "huge"), "ext is handed on, whatever it holds"},

	{"targets.yaml", "project", []string{"misspelt"}, "the project's id is any word"},
	{"targets.yaml", "profiles/*", name, "the user names profiles"},
	{"targets.yaml", "profiles/*/targets/*", name, "the user names accounts; campaigns that name another one are told"},
	{"targets.yaml", "profiles/*/targets/gov/app/*", anyText, "only the platform knows its applications"},
	{"targets.yaml", "profiles/*/targets/gov/senders/*", name, "the user names senders; campaigns that name another one are told"},
	{"targets.yaml", "profiles/*/targets/gov/senders/*/userid", anyText, "only the platform knows its users"},
	{"targets.yaml", "profiles/*/targets/gov/senders/*/orgid", anyText, "only the platform knows its organisations"},
	{"targets.yaml", "profiles/*/targets/gov/senders/*/deptid", optional, "only the platform knows its departments"},
	{"targets.yaml", "profiles/*/targets/gov/token/file", anyText, "secret files are not looked at: they may lie anywhere"},
	{"targets.yaml", "profiles/*/targets/media/message_types/*", name, "the user names types; campaigns that name another one are told"},
	{"targets.yaml", "profiles/*/targets/media/signatures/*", name, "the user names signatures; campaigns that name another one are told"},

	{"groups.media.lock.yaml", "groups/*/title", optional, "the platform's words"},
	{"groups.media.lock.yaml", "groups/*/department", optional, "the platform's words"},
	{"groups.media.lock.yaml", "groups/*/type", []string{"empty"}, "the platform may leave it out"},

	{"calendars/cn.yaml", "name", anyText, "words for people"},
	{"calendars/cn.yaml", "years/*/source", anyText, "words for people"},
	{"calendars/cn.yaml", "years/*/holidays/*", name, "the user names holidays"},
}

// readers are the campaigns that read a file which is none; all of them read targets.yaml.
var readers = map[string]string{"groups.media.lock.yaml": "water-outage-sms.yaml", "calendars/cn.yaml": "weekday-digest.yaml"}

// TestMutations changes each leaf of the example files to something wrong, in every way
// that there is. validate says one thing, of that place.
func TestMutations(t *testing.T) {
	if raceDetector {
		t.Skip("thousands of commands, each by itself: there is nothing to race with")
	}
	for _, name := range []string{"CAMPAIGN_PROFILE", "CAMPAIGN_DATA"} {
		t.Setenv(name, "")
	}
	present = func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) } // calendars are of their time
	t.Cleanup(func() { present = time.Now })
	examples := os.DirFS(filepath.FromSlash("../../campaigns"))
	defer boundMemory(math.MaxInt64 / 4).free() // beside it no other bound holds: each is made for one command a process
	var mu sync.Mutex
	needed := map[string]bool{}
	t.Run("files", func(t *testing.T) {
		for _, file := range slices.Concat(globbed(t, examples, "*.yaml"), globbed(t, examples, "calendars/*.yaml")) {
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				used := mutate(t, examples, file)
				mu.Lock()
				defer mu.Unlock()
				maps.Copy(needed, used)
			})
		}
	})
	for _, r := range right {
		for _, m := range r.mutations {
			if !needed[r.file+" "+r.path+" "+m] {
				t.Errorf("%s, %s, %s: nothing needs this exception", r.file, r.path, m)
			}
		}
	}
}

func globbed(t *testing.T, fsys fs.FS, pattern string) []string {
	t.Helper()
	files, err := fs.Glob(fsys, pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %v", pattern, files, err)
	}
	return files
}

// mutate makes every leaf of a file wrong, one at a time and in every way. It gives the
// exceptions that were needed.
func mutate(t *testing.T, project fs.FS, file string) (used map[string]bool) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, project); err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(project, file)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"validate", "--format", "json", "--project", dir, dir}
	if bytes.Contains(data, []byte("\nchannel:")) { // the other campaigns have no say in it
		args[len(args)-1] = filepath.Join(dir, file)
	} else if reader := readers[file]; reader != "" {
		args[len(args)-1] = filepath.Join(dir, reader)
	}
	used = map[string]bool{}
	for _, l := range leavesOf(t, string(data)) {
		for m, text := range l.wrong() {
			mutated := string(data[:l.start]) + text + string(data[l.end:])
			if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(file)), []byte(mutated), 0o600); err != nil {
				t.Fatal(err)
			}
			fault := l.judge(file, text, problems(t, args))
			switch exception := isRight(file, l.path, m); {
			case fault != "" && exception == "":
				t.Errorf("%s, %s: %s", l.path, m, fault)
			case fault != "":
				used[exception] = true
			}
		}
	}
	return used
}

// isRight gives the exception that covers a mutation, as the key of needed.
func isRight(file, at, mutation string) string {
	for _, r := range right {
		inFile, err1 := path.Match(r.file, file)
		inPath, err2 := path.Match(r.path, at)
		if err1 == nil && err2 == nil && inFile && inPath && slices.Contains(r.mutations, mutation) {
			return r.file + " " + r.path + " " + mutation
		}
	}
	return ""
}

// problem is one of validate's JSON.
type problem struct {
	File          string
	Line, Column  int
	EndColumn     int `json:"end_column"`
	Rule, Message string
}

// problems validates and gives what is found.
func problems(t *testing.T, args []string) []problem {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(args, strings.NewReader(""), &out, &errs)
	var doc struct{ Diagnostics []problem }
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		return []problem{{Message: fmt.Sprintf("exit code %d: %s", code, errs.String())}}
	}
	return doc.Diagnostics
}

// leaf is a value of a YAML file that holds no others, or a key.
type leaf struct {
	path       string // keys and positions, joined
	key        bool
	value      string
	line, col  int // in code points from 1
	start, end int // in bytes of the file
}

// wrong gives what may stand in the leaf's place and is wrong, by mutation.
func (l leaf) wrong() map[string]string {
	if l.key {
		return map[string]string{misspeltKey: l.value + "x"}
	}
	out := map[string]string{}
	for _, m := range mutations {
		out[m.name] = m.text(l.value)
	}
	return out
}

// judge says what is wrong with the problems that are found when text stands in the
// leaf's place; nothing when it is one, inside of it.
func (l leaf) judge(file, text string, found []problem) string {
	end := l.col + utf8.RuneCountInString(text)
	if len(found) == 1 {
		p := found[0]
		if p.File == file && p.Line == l.line && p.Column >= l.col && p.Column < end && p.EndColumn <= end {
			return ""
		}
		return fmt.Sprintf("a problem that is not at line %d, columns %d to %d: %v", l.line, l.col, end, p)
	}
	return fmt.Sprintf("%d problems: %v", len(found), found)
}

// leavesOf lists the keys and values of a file. Of a list the first and the last item
// stand for all.
func leavesOf(t *testing.T, source string) (out []leaf) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(source), &doc); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(source, "\n")
	var walk func(n *yaml.Node, at string)
	walk = func(n *yaml.Node, at string) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				below := path.Join(at, n.Content[i].Value)
				key := leafOf(t, lines, n.Content[i], below)
				key.key = true
				out = append(out, key)
				walk(n.Content[i+1], below)
			}
		case yaml.SequenceNode:
			for i, item := range n.Content {
				if i == 0 || i == len(n.Content)-1 {
					walk(item, path.Join(at, strconv.Itoa(i)))
				}
			}
		default:
			out = append(out, leafOf(t, lines, n, at))
		}
	}
	walk(doc.Content[0], "")
	return out
}

// leafOf finds the bytes of a scalar: plain and quoted ones stand on one line, block
// texts are indented by four spaces in the examples.
func leafOf(t *testing.T, lines []string, n *yaml.Node, at string) leaf {
	t.Helper()
	l := leaf{path: at, line: n.Line, col: n.Column, value: n.Value}
	for _, line := range lines[:n.Line-1] {
		l.start += len(line)
	}
	head := string([]rune(lines[n.Line-1])[:n.Column-1])
	l.start += len(head)
	rest := lines[n.Line-1][len(head):]
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		l.end = l.start + strings.Index(rest, "\n")
		for _, line := range lines[n.Line:] {
			if !strings.HasPrefix(line, "    ") {
				break
			}
			l.end += len(line)
		}
	case n.Style&yaml.DoubleQuotedStyle != 0:
		l.end = l.start + 2 + strings.Index(strings.ReplaceAll(rest[1:], `\"`, "__"), `"`)
	case strings.HasPrefix(rest, n.Value):
		l.end = l.start + len(n.Value)
	default:
		t.Fatalf("line %d: this test does not know how %q is written", n.Line, n.Value)
	}
	return l
}
