package spec

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"campaign/internal/campaign"
)

// Document is a file as it was read: it knows where each value stands. It is
// never modified after loading.
type Document struct {
	file     string                        // path in the project
	split    func() []string               // gives the lines, which only problems show; nil: there are none
	ignores  bool                          // it may have a comment that ignores warnings
	exclaims bool                          // there is a ! in it: perhaps a tag
	root     *yaml.Node                    // the first document's value; nil when there is none
	keys     map[*yaml.Node]map[string]int // of big mappings: key → index of its node
}

// lines are the file's, as far as they can be shown.
func (d *Document) lines() []string {
	if d.split == nil {
		return nil
	}
	return d.split()
}

// wide is the number of keys from which a mapping gets an index.
const wide = 32

// File is the document's path in the project.
func (d *Document) File() string { return d.file }

// span is a place in one line: columns in code points from 1, end exclusive; 0: unknown.
type span struct{ line, col, end int }

// Position gives the place of the value that a JSON pointer names, or of its
// key. A pointer that leads nowhere gives the innermost value on its way. Line
// 0 means that the document has no values at all. end is exclusive, on the same
// line; 0: unknown.
func (d *Document) Position(pointer string, key bool) (line, col, end int) {
	s := d.locate(pointer, key)
	return s.line, s.col, s.end
}

func (d *Document) locate(pointer string, key bool) span {
	if d.root == nil {
		return span{}
	}
	node, keyNode := d.root, (*yaml.Node)(nil)
	for _, segment := range segments(pointer) {
		k, v := d.child(node, segment)
		if v == nil {
			key = false
			break
		}
		node, keyNode = v, k
	}
	if keyNode != nil && (key || standsByKey(node)) {
		return d.span(keyNode)
	}
	if node == d.root && node.Kind != yaml.ScalarNode {
		return span{node.Line, node.Column, 0}
	}
	return d.span(node)
}

// standsByKey reports whether a value is best shown at its key: it covers
// several lines, or there is nothing to see.
func standsByKey(n *yaml.Node) bool {
	switch n.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		return n.Style&yaml.FlowStyle == 0
	case yaml.ScalarNode:
		return n.Value == "" && n.Style == 0
	}
	return false
}

// child finds a mapping's or list's entry; the key is nil in lists.
func (d *Document) child(n *yaml.Node, segment string) (key, value *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		if index, ok := d.keys[n]; ok {
			if i, ok := index[segment]; ok {
				return n.Content[i], n.Content[i+1]
			}
			return nil, nil
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if text, ok := keyText(n.Content[i]); ok && text == segment {
				return n.Content[i], n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(segment); err == nil && i >= 0 && i < len(n.Content) {
			return nil, n.Content[i]
		}
	}
	return nil, nil
}

// longLine is the length in bytes from which a line is not shown and tokens in it
// are not measured: nobody reads it, and a file may hold many problems in one line.
const longLine = 4000

// span gives the place of a node's token, as far as it reaches on its line.
func (d *Document) span(n *yaml.Node) span {
	if n.Line < 1 || n.Line > len(d.lines()) || len(d.lines()[n.Line-1]) > longLine {
		return span{n.Line, n.Column, 0}
	}
	rest := afterRunes(d.lines()[n.Line-1], n.Column-1)
	length := utf8.RuneCountInString(rest[:token(n, rest)])
	if length == 0 {
		return span{n.Line, n.Column, 0}
	}
	return span{n.Line, n.Column, n.Column + length}
}

// token gives the length in bytes of n's token at the beginning of text.
func token(n *yaml.Node, text string) int {
	skip := 0
	for strings.HasPrefix(text[skip:], "&") || strings.HasPrefix(text[skip:], "!") { // anchor, tag
		word := strings.IndexAny(text[skip:], " \t")
		if word < 0 {
			return len(text)
		}
		skip += word
		skip += len(text[skip:]) - len(strings.TrimLeft(text[skip:], " \t"))
	}
	body := text[skip:]
	switch {
	case n.Kind == yaml.AliasNode:
		return skip + wordEnd(body, " \t,]}")
	case strings.HasPrefix(body, `"`), strings.HasPrefix(body, "'"):
		return skip + quotedEnd(body)
	case strings.HasPrefix(body, "["), strings.HasPrefix(body, "{"):
		return skip + bracketEnd(body)
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return skip + wordEnd(body, " \t")
	case n.Kind == yaml.ScalarNode && strings.HasPrefix(body, n.Value):
		return skip + len(n.Value)
	case n.Kind == yaml.ScalarNode: // a plain text over several lines
		if i := strings.Index(body, " #"); i >= 0 {
			body = body[:i]
		}
		return skip + len(strings.TrimRight(body, " \t"))
	}
	return skip
}

func wordEnd(s, stops string) int {
	if i := strings.IndexAny(s, stops); i >= 0 {
		return i
	}
	return len(s)
}

// quotedEnd finds the end of the quoted text that s begins with; all of s when
// it goes on in the next line.
func quotedEnd(s string) int {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == '"':
			i++
		case s[i] == quote && quote == '\'' && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// bracketEnd finds the bracket that closes the one s begins with; all of s when
// that stands in a later line.
func bracketEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"', '\'':
			if i > 0 && strings.IndexByte(" ,[{:", s[i-1]) >= 0 {
				i += quotedEnd(s[i:]) - 1
			}
		}
	}
	return len(strings.TrimRight(s, " \t"))
}

// afterRunes drops the first n code points.
func afterRunes(s string, n int) string {
	for ; n > 0 && s != ""; n-- {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	return s
}

// Diagnostic gives a problem its place.
func (d *Document) Diagnostic(p campaign.Problem) campaign.Diagnostic {
	at := d.locate(p.Pointer, p.Key)
	diag := d.diagnostic(at, p.Rule, p.Message, p.Hint)
	diag.Warning = p.Warning
	if tellsSecret(p) {
		diag.Source = hide(diag.Source, at)
	}
	return diag
}

// Diagnostics gives each problem its place.
func (d *Document) Diagnostics(problems []campaign.Problem) []campaign.Diagnostic {
	out := make([]campaign.Diagnostic, 0, len(problems))
	for _, p := range problems {
		out = append(out, d.Diagnostic(p))
	}
	return out
}

func (d *Document) diagnostic(at span, rule, message, hint string) campaign.Diagnostic {
	diag := campaign.Diagnostic{File: d.file, Line: at.line, Col: at.col, EndCol: at.end, Rule: rule, Message: message, Hint: hint}
	if at.line >= 1 && at.line <= len(d.lines()) && len(d.lines()[at.line-1]) <= longLine {
		diag.Source = redact(d.lines()[at.line-1])
	}
	return diag
}

// secretKeys are keys whose values are, or could by mistake be, secrets. Their
// values appear in no message.
var secretKeys = map[string]bool{"token": true, "connect_no": true, "client_secret": true, "headers": true, "proxy": true}

func secret(pointer string) bool {
	for _, segment := range segments(pointer) {
		if secretKeys[segment] {
			return true
		}
	}
	return false
}

// Values that look like an inlined secret: a plain text after a key that wants a
// reference, a header that carries credentials, user part and query of a URL, a value
// given as the name of an environment variable.
var (
	inlined  = regexp.MustCompile(`(?i)(?:^|[\s{,"'])(?:token|connect_no|connectno|client_secret|password|authorization|proxy-authorization|cookie)["']?\s*:\s*([^\s{\[][^,}]*)`)
	userInfo = regexp.MustCompile(`://([^/@\s]+)@`)
	urlQuery = regexp.MustCompile(`://[^\s?]*\?([^\s"'}]+)`)
	envValue = regexp.MustCompile(`(?:^|[\s{,"'])env["']?\s*:\s*([^\s,}]+)`)
	envName  = regexp.MustCompile(`^["']?[A-Za-z_][A-Za-z0-9_]*["']?$`)
)

// redact replaces what looks like a secret in a source line, keeping its length
// in code points.
func redact(line string) string {
	for _, pattern := range []*regexp.Regexp{inlined, userInfo, urlQuery, envValue} {
		matches := pattern.FindAllStringSubmatchIndex(line, -1)
		for _, m := range slices.Backward(matches) { // so that the offsets of the others stay right
			if pattern == envValue && envName.MatchString(line[m[2]:m[3]]) {
				continue
			}
			line = line[:m[2]] + stars(line[m[2]:m[3]]) + line[m[3]:]
		}
	}
	return line
}

// hide replaces the text of a span.
func hide(line string, at span) string {
	if at.end <= at.col {
		return line
	}
	head := len(line) - len(afterRunes(line, at.col-1))
	tail := len(line) - len(afterRunes(line, at.end-1))
	return line[:head] + stars(line[head:tail]) + line[tail:]
}

func stars(s string) string { return strings.Repeat("*", utf8.RuneCountInString(s)) }

// segments splits a JSON pointer (RFC 6901).
func segments(pointer string) []string {
	if pointer == "" {
		return nil
	}
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
	}
	return parts
}

// join appends a segment to a JSON pointer.
func join(pointer, segment string) string {
	if !strings.ContainsAny(segment, "~/") {
		return pointer + "/" + segment
	}
	return pointer + "/" + strings.ReplaceAll(strings.ReplaceAll(segment, "~", "~0"), "/", "~1")
}
