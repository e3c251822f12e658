package targets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"campaign/internal/campaign"
)

// Node is a value of a Raw together with its place. Reading a value that has
// another type reports a problem at that place and gives the zero value, so
// that a member can read on and all problems come out at once. An absent value
// (and a null) reads as the zero value without a problem.
type Node struct {
	Pointer  string // JSON pointer in the file
	parent   string
	key      string
	value    any
	problems *[]campaign.Problem
}

// Read opens a Raw; problems are appended to the list. It takes any bytes.
func Read(raw campaign.Raw, problems *[]campaign.Problem) Node {
	n := Node{Pointer: raw.Pointer, parent: raw.Pointer, problems: problems}
	if n.value = raw.Value; raw.JSON != nil || raw.Value == nil {
		decoder := json.NewDecoder(bytes.NewReader(raw.JSON))
		decoder.UseNumber()
		if decoder.Decode(&n.value) != nil || !atEnd(decoder) {
			n.value = nil
			n.Report("type", "is not one JSON value", "")
			return n
		}
	}
	if _, ok := n.value.(map[string]any); !ok {
		n.value = nil
		n.Report("type", "must be a mapping", "")
	}
	return n
}

func atEnd(decoder *json.Decoder) bool {
	_, err := decoder.Token()
	return err == io.EOF
}

// Get gives a key's value, absent when n is no mapping or lacks the key.
func (n Node) Get(key string) Node {
	child := n.child(key)
	if mapping, ok := n.value.(map[string]any); ok {
		child.value = mapping[key]
	}
	return child
}

// inPointer writes a key as a segment of a JSON pointer (RFC 6901).
var inPointer = strings.NewReplacer("~", "~0", "/", "~1")

func (n Node) child(key string) Node {
	segment := key
	if strings.ContainsAny(key, "~/") {
		segment = inPointer.Replace(key)
	}
	return Node{Pointer: n.Pointer + "/" + segment, parent: n.Pointer, key: key, problems: n.problems}
}

// Exists reports whether there is a value other than null.
func (n Node) Exists() bool { return n.value != nil }

// Required reports an absent value as a problem of the mapping that should hold it.
func (n Node) Required() Node {
	if !n.Exists() {
		*n.problems = append(*n.problems, campaign.Problem{
			Pointer: n.parent, Rule: "required", Message: fmt.Sprintf("%q is missing", n.key)})
	}
	return n
}

// Report adds a problem with this value.
func (n Node) Report(rule, message, hint string) {
	*n.problems = append(*n.problems, campaign.Problem{Pointer: n.Pointer, Rule: rule, Message: message, Hint: hint})
}

// Text reads a text.
func (n Node) Text() string {
	text, ok := n.value.(string)
	if !ok && n.Exists() {
		n.Report("type", "must be text", "")
	}
	return text
}

// Filled reads a text that is more than blanks.
func (n Node) Filled() string {
	text := n.Text()
	if n.IsText() && strings.TrimSpace(text) == "" {
		n.Report("empty", "must not be empty", "")
	}
	return text
}

// IsText reports whether the value is a text.
func (n Node) IsText() bool {
	_, ok := n.value.(string)
	return ok
}

// TextOrFile reads a text that stands here or in a file: {file: PATH}, whose text
// is in files. A file name is given back with its text.
func (n Node) TextOrFile(files map[string]string) (source, file string) {
	if !n.IsMapping() {
		return n.Text(), ""
	}
	named := n.Get("file").Required()
	file = named.Text()
	source, ok := files[file]
	if !ok && named.IsText() {
		named.Report("no-file", fmt.Sprintf("file %q was not read", file), "")
	}
	return source, file
}

// IsMapping reports whether the value is a mapping.
func (n Node) IsMapping() bool {
	_, ok := n.value.(map[string]any)
	return ok
}

// Bool reads true or false.
func (n Node) Bool() bool {
	value, ok := n.value.(bool)
	if !ok && n.Exists() {
		n.Report("type", "must be true or false", "")
	}
	return value
}

// Number reads a whole number that fits 64 bits; ok is false when there is none.
func (n Node) Number() (value int64, ok bool) {
	if !n.Exists() {
		return 0, false
	}
	number, _ := n.value.(json.Number)
	value, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		n.Report("type", "must be a whole number", "")
		return 0, false
	}
	return value, true
}

// List reads a list.
func (n Node) List() []Node {
	values, ok := n.value.([]any)
	if !ok {
		if n.Exists() {
			n.Report("type", "must be a list", "")
		}
		return nil
	}
	nodes := make([]Node, len(values))
	for i, value := range values {
		nodes[i] = n.child(strconv.Itoa(i))
		nodes[i].value = value
	}
	return nodes
}

// Texts reads a list of texts.
func (n Node) Texts() []string {
	var texts []string
	for _, item := range n.List() {
		if !item.Exists() {
			item.Report("type", "must be text", "")
		}
		texts = append(texts, item.Text())
	}
	return texts
}

// Keys gives a mapping's keys in sorted order.
func (n Node) Keys() []string {
	mapping, ok := n.value.(map[string]any)
	if !ok && n.Exists() {
		n.Report("type", "must be a mapping", "")
	}
	return slices.Sorted(maps.Keys(mapping))
}

// Value gives what encoding/json makes of the value, numbers as json.Number.
func (n Node) Value() any { return n.value }

// URL reads an absolute http or https address without a user, a fragment and
// (unless query is true) a query. It is nil when there is none or a wrong one.
func (n Node) URL(query bool) *url.URL {
	text := n.Text()
	if text == "" {
		if n.IsText() {
			n.Report("url", "is empty", "write an address such as https://gateway.example.org")
		}
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		n.Report("url", "is not an http or https address", "write it whole, for example https://gateway.example.org")
	case u.User != nil:
		n.Report("url", "must not hold a user name or password", "give secrets as {env: NAME} or {file: PATH}")
	case !query && (u.RawQuery != "" || u.ForceQuery) || u.Fragment != "" || strings.HasSuffix(text, "#"):
		n.Report("url", "must end with the path", "leave out what follows ? or #")
	default:
		return u
	}
	return nil
}

// HasErrors reports whether a problem is more than a warning.
func HasErrors(problems []campaign.Problem) bool {
	return slices.ContainsFunc(problems, func(p campaign.Problem) bool { return !p.Warning })
}

// Suggest is a hint for a name that is not among the known ones.
func Suggest(name string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	known = slices.Sorted(slices.Values(known))
	best, distance := "", 1<<30
	for _, candidate := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	if longest := max(len([]rune(name)), len([]rune(best))); distance*2 <= longest {
		return fmt.Sprintf("did you mean %q?", best)
	}
	const shown = 10
	if len(known) > shown {
		return fmt.Sprintf("known are %s and %d more", strings.Join(known[:shown], ", "), len(known)-shown)
	}
	return "known are " + strings.Join(known, ", ")
}

// TrimSlash gives an address without the slashes at its end.
func TrimSlash(u *url.URL) *url.URL {
	trimmed := *u
	trimmed.RawPath = strings.TrimRight(u.EscapedPath(), "/")
	trimmed.Path, _ = url.PathUnescape(trimmed.RawPath) // trimming leaves it an escaped path
	return &trimmed
}
