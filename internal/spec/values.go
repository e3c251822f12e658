package spec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// loader reads one file's values and collects what is wrong with them. It goes
// on after problems: what has the wrong type reads as its zero value, because
// the schema has reported it.
type loader struct {
	fsys     fs.FS
	doc      *Document
	problems []campaign.Problem
	others   []campaign.Diagnostic // of files that are read along with this one
}

func (l *loader) problem(v val, rule, message, hint string) {
	l.problems = append(l.problems, campaign.Problem{Pointer: v.at(), Rule: rule, Message: message, Hint: hint})
}

func (l *loader) keyProblem(v val, rule, message, hint string) {
	l.problems = append(l.problems, campaign.Problem{Pointer: v.at(), Key: true, Rule: rule, Message: message, Hint: hint})
}

func (l *loader) warning(v val, rule, message, hint string) {
	l.problems = append(l.problems, campaign.Problem{Pointer: v.at(), Rule: rule, Message: message, Hint: hint, Warning: true})
}

// load reads a YAML file and checks it against its schema. The value is nil when
// there is nothing to go on with; ok means that it passed, or has bearable problems only.
func load(fsys fs.FS, file string, limit int64, schema *checker, free [][]string) (doc *Document, root any, diags []campaign.Diagnostic, ok bool) {
	doc = &Document{file: file}
	data, f := read(fsys, file, limit)
	if f != nil {
		return doc, nil, []campaign.Diagnostic{{File: file, Rule: f.rule, Message: f.message, Hint: f.hint}}, false
	}
	doc, diags = parse(file, data)
	if len(diags) > 0 {
		return doc, nil, diags, false
	}
	c := newConverter(doc, free)
	root = c.value(doc.root)
	if root == nil && len(c.found) == 0 {
		return doc, nil, []campaign.Diagnostic{doc.diagnostic(span{line: 1, col: 1}, ruleEmptyFile, "the file holds nothing", "")}, false
	}
	if c.left < 0 {
		return doc, nil, c.found, false
	}
	diags = c.found
	ok = len(c.found)+len(c.soft) == 0
	unknown := map[string]bool{}
	for _, p := range schema.check(root) {
		ok = ok && bearable(p)
		if p.Rule == ruleUnknownKey {
			unknown[p.Pointer] = true
		}
		if p.Key || !c.bad[p.Pointer] {
			diags = append(diags, doc.Diagnostic(p))
		}
	}
	for _, s := range c.soft {
		if !under(s.pointer, unknown) {
			diags = append(diags, s.diag)
		}
	}
	return doc, root, diags, ok
}

// loadAs is load for files that are of use only without an error: read makes of the
// value what it says, which is given then, and its zero value otherwise.
func loadAs[T any](fsys fs.FS, file string, limit int64, schema *checker, free [][]string, read func(*loader, val) T) (of T, doc *Document, diags []campaign.Diagnostic) {
	doc, root, diags, _ := load(fsys, file, limit, schema, free)
	if root == nil {
		return of, doc, campaign.SortDiagnostics(diags)
	}
	l := &loader{fsys: fsys, doc: doc}
	found := read(l, val{v: root})
	if diags = campaign.SortDiagnostics(append(diags, doc.Diagnostics(l.problems)...)); !campaign.HasErrors(diags) {
		of = found
	}
	return of, doc, diags
}

// bearable reports whether others can still make sense of a file with this problem of
// the schema, and find what else is wrong in it: a value that says something of the
// message, has its type, and is only not one of those that are allowed; or a key that
// means nothing.
func bearable(p campaign.Problem) bool {
	return strings.HasPrefix(p.Pointer, "/content/") && slices.Contains([]string{ruleUnknownKey, ruleBadValue, ruleBadFormat, ruleTooLong}, p.Rule)
}

// under reports whether a pointer or one of its parents is in set.
func under(pointer string, set map[string]bool) bool {
	for ; pointer != ""; pointer = pointer[:strings.LastIndexByte(pointer, '/')] {
		if set[pointer] {
			return true
		}
	}
	return false
}

// val is a value of a file and its place. Most places are never told, so that their
// last segment is put behind the others only then.
type val struct {
	in   string // JSON pointer of what holds it, or its own
	step string // key in that; empty: in is its own pointer
	v    any    // nil: not given
}

// at is the value's JSON pointer.
func (v val) at() string {
	if v.step == "" {
		return v.in
	}
	return join(v.in, v.step)
}

func (v val) given() bool { return v.v != nil }

func (v val) key(name string) val {
	m, _ := v.v.(map[string]any)
	if at := v.at(); at != "" && name != "" {
		return val{at, name, m[name]}
	}
	return val{in: join(v.at(), name), v: m[name]} // many keys of it are asked for
}

// keys lists a mapping's keys, sorted.
func (v val) keys() []string {
	m, _ := v.v.(map[string]any)
	return slices.Sorted(maps.Keys(m))
}

func (v val) items() []val {
	list, _ := v.v.([]any)
	if len(list) == 0 {
		return nil
	}
	at, out := v.at(), make([]val, len(list))
	for i, x := range list {
		out[i] = val{at, strconv.Itoa(i), x}
	}
	return out
}

// listed gives the items of a list, or what stands there alone.
func (v val) listed() []val {
	if _, ok := v.v.([]any); ok || !v.given() {
		return v.items()
	}
	return []val{v}
}

func (v val) text() string {
	s, _ := v.v.(string)
	return s
}

func (v val) flag() bool {
	b, _ := v.v.(bool)
	return b
}

func (v val) number() int64 {
	n, _ := v.v.(json.Number)
	i, _ := strconv.ParseInt(string(n), 10, 64)
	return i
}

// texts reads a list of texts or numbers.
func (v val) texts() []string {
	items := v.items()
	if len(items) == 0 {
		return nil
	}
	out := make([]string, 0, len(items))
	for _, x := range items {
		if s, ok := x.v.(string); ok {
			out = append(out, s)
		} else if n, ok := x.v.(json.Number); ok {
			out = append(out, string(n))
		}
	}
	return out
}

// table reads a mapping of texts.
func (v val) table() map[string]string {
	m, _ := v.v.(map[string]any)
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, x := range m {
		out[k], _ = x.(string)
	}
	return out
}

// raw gives the value to whoever decodes it. It must not be changed.
func (v val) raw() campaign.Raw { return campaign.Raw{Pointer: v.at(), Value: v.v} }

// distinct reports values of a list that came before.
func (l *loader) distinct(v val) {
	items := v.items()
	if len(items) < 2 {
		return
	}
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		if item.v == nil {
			continue
		}
		text := fmt.Sprint(item.v)
		if seen[text] {
			shown := cmp.Or(item.key("file").text(), text) // of a list of people its name
			l.problem(item, ruleDuplicateItem, fmt.Sprintf("%s stands twice in %s", clip(shown), name(v.at())), "remove one")
		}
		seen[text] = true
	}
}

var spans = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// rate reads a rate like 50/s; the schema has checked its form.
func (v val) rate() campaign.Rate {
	n, per, _ := strings.Cut(v.text(), "/")
	count, err := strconv.Atoi(n)
	if err != nil || spans[per] == 0 {
		return campaign.Rate{}
	}
	return campaign.Rate{N: count, Per: spans[per]}
}

// Bounds of a file's durations: of what concerns one request, and of what concerns
// a run.
const (
	longest     = time.Hour
	longestWait = 365 * 24 * time.Hour
)

// durationForm is what the schema lets through; of that Go only refuses what is
// too long to count.
var durationForm = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`)

// duration reads a duration like 30s into to, which keeps its value when none is
// given. most is a whole number of hours.
func (l *loader) duration(v val, to *time.Duration, most time.Duration) {
	if !durationForm.MatchString(v.text()) {
		return
	}
	d, err := time.ParseDuration(v.text())
	switch {
	case err != nil, d > most:
		l.problem(v, ruleRange, fmt.Sprintf("%s must be at most %dh", name(v.at()), most/time.Hour), "give a shorter time")
	case d <= 0:
		l.problem(v, ruleRange, name(v.at())+" must be more than nothing", "for example 30s")
	default:
		*to = d
	}
}

// reference resolves a file's name; ok is false when it is not given or wrong.
func (l *loader) reference(v val) (string, bool) {
	if v.text() == "" || strings.TrimSpace(v.text()) == "" {
		return "", false
	}
	name, f := resolve(l.doc.file, v.text())
	if f == nil {
		f = regular(l.fsys, name)
	}
	if f != nil {
		l.problem(v, f.rule, f.message, f.hint)
		return "", false
	}
	return name, true
}
