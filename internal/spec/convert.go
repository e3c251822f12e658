package spec

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"campaign/internal/campaign"
)

// Bounds of a file, far above what a person writes. Aliases count as often as
// they are used, so that a short file cannot become a huge value.
const (
	maxValues = 100_000
	maxDepth  = 64
	maxDigits = 40
)

// converter turns YAML nodes into plain JSON values (map[string]any, []any,
// string, json.Number, bool, nil). The library's own decoding is not used: into
// nodes it checks neither duplicate keys nor alias bombs, and into values it
// changes what numbers and dates look like.
type converter struct {
	at     cursor // of the last node whose source was looked at
	doc    *Document
	free   [][]string // paths of values that are text whatever they look like; * stands for any key
	left   int        // values that may still come
	active map[*yaml.Node]bool
	alias  *yaml.Node // outermost alias that is being expanded
	path   []string
	found  []campaign.Diagnostic
	bad    map[string]bool // pointers of values that are reported already
	soft   []soft
}

// soft is a problem that is worth telling only where the value's key is known.
type soft struct {
	pointer string
	diag    campaign.Diagnostic
}

func newConverter(d *Document, free [][]string) *converter {
	return &converter{doc: d, free: free, left: maxValues, active: map[*yaml.Node]bool{}, bad: map[string]bool{}}
}

func (c *converter) pointer() string {
	var b strings.Builder
	for _, s := range c.path {
		b.WriteString(join("", s))
	}
	return b.String()
}

func (c *converter) report(n *yaml.Node, rule, message, hint string) {
	c.bad[c.pointer()] = true
	c.found = append(c.found, c.diagnostic(n, rule, message, hint))
}

func (c *converter) reportSoft(n *yaml.Node, rule, message, hint string) {
	pointer := c.pointer()
	c.bad[pointer] = true
	c.soft = append(c.soft, soft{pointer, c.diagnostic(n, rule, message, hint)})
}

func (c *converter) diagnostic(n *yaml.Node, rule, message, hint string) campaign.Diagnostic {
	at := c.doc.span(n)
	diag := c.doc.diagnostic(at, rule, message, hint)
	if n.Kind == yaml.ScalarNode && secret(c.pointer()) {
		diag.Source = hide(diag.Source, at)
	}
	return diag
}

// in runs f for the value under a key or index.
func (c *converter) in(segment string, f func() any) any {
	c.path = append(c.path, segment)
	v := f()
	c.path = c.path[:len(c.path)-1]
	return v
}

func (c *converter) value(n *yaml.Node) any {
	if c.left--; c.left < 0 {
		if c.left == -1 {
			at := n
			if c.alias != nil {
				at = c.alias
			}
			c.report(at, ruleTooMany, fmt.Sprintf("the file holds more than %d values", maxValues), "aliases count as often as they are used; long lists belong in a file of recipients, as .csv or .xlsx")
		}
		return nil
	}
	if len(c.path) > maxDepth {
		c.report(n, ruleTooDeep, fmt.Sprintf("values are nested more than %d levels deep", maxDepth), "")
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return c.expand(n)
	}
	if c.tagged(n) {
		c.report(n, ruleTag, "tags are not supported, apart from !!str", "remove the tag")
		return n.Value
	}
	switch n.Kind {
	case yaml.MappingNode:
		defer c.enter(n)()
		return c.mapping(n)
	case yaml.SequenceNode:
		defer c.enter(n)()
		list := make([]any, 0, len(n.Content))
		for i, item := range n.Content {
			if c.left < 0 {
				break
			}
			list = append(list, c.in(strconv.Itoa(i), func() any { return c.value(item) }))
		}
		return list
	}
	return c.scalar(n)
}

// enter notes that a node that aliases may name is being converted, until the result
// is called.
func (c *converter) enter(n *yaml.Node) func() {
	if n.Anchor == "" {
		return func() {}
	}
	c.active[n] = true
	return func() { delete(c.active, n) }
}

func (c *converter) expand(n *yaml.Node) any {
	if c.active[n.Alias] {
		c.report(n, ruleAliasCycle, "this alias stands inside of what it names", "write the value out")
		return nil
	}
	if c.alias == nil {
		c.alias = n
		defer func() { c.alias = nil }()
	}
	return c.value(n.Alias)
}

// tagged reports whether a node has a tag of its own that is not !!str.
func (c *converter) tagged(n *yaml.Node) bool {
	explicit := n.Style&yaml.TaggedStyle != 0
	if c.doc.exclaims && n.Line >= 1 && n.Line <= len(c.doc.lines()) && n.Kind == yaml.ScalarNode && n.Style&^yaml.TaggedStyle == 0 {
		explicit = explicit || strings.HasPrefix(c.from(n), "!")
	}
	return explicit && (n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str")
}

// from gives the source line from a node's column on. Nodes come in the order of
// the file: it goes on where it was, so that a line of many values is read once.
func (c *converter) from(n *yaml.Node) string {
	line := c.doc.lines()[n.Line-1]
	if n.Line != c.at.line || n.Column < c.at.col {
		c.at = cursor{line: n.Line, col: 1}
	}
	rest := afterRunes(line[c.at.offset:], n.Column-c.at.col)
	c.at.col, c.at.offset = n.Column, len(line)-len(rest)
	return rest
}

// cursor is a place in a line: its column and the offset in bytes.
type cursor struct{ line, col, offset int }

func (c *converter) mapping(n *yaml.Node) any {
	if text, ok := c.template(n); ok {
		c.report(n, ruleTemplate, "a template stands here without quotes", quoteTemplate)
		return text
	}
	m := make(map[string]any, len(n.Content)/2)
	var first map[string]int // of wide mappings
	if len(n.Content)/2 > wide {
		first = make(map[string]int, len(n.Content)/2)
	}
	var twice map[int]bool // first places of keys that came again
	for i := 0; i+1 < len(n.Content) && c.left >= 0; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, ok := keyText(key)
		if !ok {
			c.badKey(key)
			continue
		}
		if _, again := m[name]; again {
			at := firstPlace(n, first, name)
			if !twice[at] {
				if twice == nil {
					twice = map[int]bool{}
				}
				twice[at] = true
				c.duplicate(n.Content[at], key, name)
			}
			c.duplicate(key, n.Content[at], name)
			continue
		}
		if first != nil {
			first[name] = i
		}
		m[name] = c.in(name, func() any { return c.value(value) })
	}
	if len(first) > wide {
		c.doc.keys[n] = first
	}
	return m
}

// firstPlace finds a key that a mapping has. Of a wide one first says where.
func firstPlace(n *yaml.Node, first map[string]int, name string) int {
	if first != nil {
		return first[name]
	}
	for i := 0; ; i += 2 {
		if text, ok := keyText(n.Content[i]); ok && text == name {
			return i
		}
	}
}

func (c *converter) duplicate(at, other *yaml.Node, name string) {
	c.found = append(c.found, c.doc.diagnostic(c.doc.span(at), ruleDuplicateKey,
		fmt.Sprintf("key %q is given twice in one mapping", clip(name)), fmt.Sprintf("the other one is in line %d", other.Line)))
}

func (c *converter) badKey(key *yaml.Node) {
	rule, message, hint := ruleKeyNotText, "a key must be text", ""
	switch {
	case key.ShortTag() == "!!merge":
		rule, message, hint = ruleMergeKey, "merge keys (<<) are not supported", "repeat the keys, or use an alias for a whole value"
	case key.Kind == yaml.ScalarNode && key.Value != "":
		hint = quoted(key.Value)
	}
	c.found = append(c.found, c.doc.diagnostic(c.doc.span(key), rule, message, hint))
}

// keyText gives the text of a mapping's key.
func keyText(key *yaml.Node) (string, bool) {
	if key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	return key.Value, key.Kind == yaml.ScalarNode && key.ShortTag() == "!!str"
}

// template recognises {{ .name }} without quotes: in YAML a mapping whose only
// key is a mapping.
func (c *converter) template(n *yaml.Node) (string, bool) {
	if n.Style&yaml.FlowStyle == 0 || len(n.Content) != 2 {
		return "", false
	}
	key := n.Content[0]
	if key.Kind != yaml.MappingNode || key.Style&yaml.FlowStyle == 0 || key.Line != n.Line || key.Column != n.Column+1 {
		return "", false
	}
	return "{{ }}", true
}

// Numbers that every YAML reader reads the same way, and those among them that
// JSON Schema takes for whole numbers and Go does not.
var (
	plainNumber   = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$`)
	wholeFraction = regexp.MustCompile(`\.0+$`)
	notFinite     = regexp.MustCompile(`(?i)^[+-]?\.(?:nan|inf)$`)
)

func (c *converter) scalar(n *yaml.Node) any {
	tag := n.ShortTag()
	if tag == "!!str" {
		return n.Value
	}
	free := c.isFree()
	switch tag {
	case "!!null":
		if free {
			c.report(n, ruleEmpty, "there is no value here", `write "" for an empty text`)
			return ""
		}
		return nil
	case "!!bool":
		if !free {
			return strings.EqualFold(n.Value, "true")
		}
	case "!!int", "!!float":
		if c.number(n, free) && !free {
			return json.Number(n.Value)
		}
	case "!!timestamp":
		if !free {
			shown := c.shown(n)
			c.reportSoft(n, ruleDate, fmt.Sprintf("%s is a date where none is expected", shown), quoted(shown)+" if it is text")
		}
	}
	return n.Value
}

// number reports a number whose text readers could take for another one. Text
// keeps its digits, so only values that are not free must be whole as written.
func (c *converter) number(n *yaml.Node, free bool) bool {
	switch {
	case notFinite.MatchString(n.Value):
		shown := c.shown(n)
		c.reportSoft(n, ruleNumber, shown+" is no number that can be sent", quoted(shown)+" if it is text")
	case !plainNumber.MatchString(n.Value):
		shown := c.shown(n)
		c.reportSoft(n, ruleNumber, fmt.Sprintf("YAML readers do not agree what number %s is", shown), quoted(shown)+" if it is text, or write the number with digits only")
	case !free && wholeFraction.MatchString(n.Value):
		shown := c.shown(n)
		c.reportSoft(n, ruleNumber, fmt.Sprintf("%s is a whole number written with a fraction", shown), "write it without the fraction, or "+quoted(shown)+" if it is text")
	case len(n.Value) > maxDigits:
		c.reportSoft(n, ruleNumber, fmt.Sprintf("a number has at most %d digits", maxDigits), "quote it if it is text")
	default:
		return true
	}
	return false
}

// shown is a value as messages may show it.
func (c *converter) shown(n *yaml.Node) string {
	if secret(c.pointer()) {
		return "this"
	}
	return clip(n.Value)
}

// isFree reports whether the current value is text whatever it looks like.
func (c *converter) isFree() bool {
	for _, pattern := range c.free {
		if len(pattern) != len(c.path) {
			continue
		}
		match := true
		for i, segment := range pattern {
			match = match && (segment == "*" || segment == c.path[i])
		}
		if match {
			return true
		}
	}
	return false
}

// quoted is the hint to write a value in quotes.
func quoted(value string) string {
	if value == "this" {
		return "quote it"
	}
	return fmt.Sprintf("quote it: %q", clip(value))
}

// clip shortens a value of the file for a message.
func clip(s string) string {
	const most = 40
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}
