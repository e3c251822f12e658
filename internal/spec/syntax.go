package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"campaign/internal/campaign"
)

// parse reads the bytes of a YAML file. With problems the document has no
// values, but it can still show its lines.
func parse(file string, data []byte) (*Document, []campaign.Diagnostic) {
	d := &Document{file: file, keys: map[*yaml.Node]map[string]int{}}
	fail := func(at span, rule, message, hint string) (*Document, []campaign.Diagnostic) {
		return d, []campaign.Diagnostic{d.diagnostic(at, rule, message, hint)}
	}
	if utf16(data) {
		d.split = func() []string { return []string{""} } // nothing of it can be shown
		return fail(span{line: 1, col: 1}, ruleEncoding, "the file is UTF-16, not UTF-8", "save it as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	d.split = sync.OnceValue(func() []string { return splitLines(strings.ToValidUTF8(string(data), "\uFFFD")) })
	d.ignores = bytes.Contains(data, []byte("ignore"))
	d.exclaims = bytes.IndexByte(data, '!') >= 0
	if at, message := badCharacter(data); message != "" {
		return fail(at, ruleEncoding, message, "save the file as plain text in UTF-8")
	}
	first, second, err := decode(data)
	switch {
	case err != nil:
		diag := syntaxProblem(d, data, err.Error())
		return d, []campaign.Diagnostic{diag}
	case first == nil:
		return fail(span{line: 1, col: 1}, ruleEmptyFile, "the file holds nothing", "")
	case second != nil:
		return fail(span{second.Line, second.Column, 0}, ruleSecondDocument, "a second document begins here", "one file holds one document: move this to a file of its own, or remove the ---")
	}
	d.root = first.Content[0]
	return d, nil
}

// utf16 recognises UTF-16 by its byte order mark, or by the zero bytes that its
// first ASCII characters have.
func utf16(data []byte) bool {
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		return true
	}
	return len(data) >= 4 && (data[0] == 0 && data[2] == 0 && data[1] != 0 && data[3] != 0 ||
		data[1] == 0 && data[3] == 0 && data[0] != 0 && data[2] != 0)
}

// badCharacter finds the first byte or character that YAML does not allow.
func badCharacter(data []byte) (span, string) {
	at := span{line: 1, col: 1}
	for i := 0; i < len(data); {
		if 0x20 <= data[i] && data[i] < 0x7F {
			at.col++
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return at, "the file is not UTF-8 from here on"
		case r == 0:
			return at, "a zero byte stands here"
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r', r >= 0x7F && r < 0xA0 && r != 0x85, r == 0xFFFE, r == 0xFFFF:
			return at, fmt.Sprintf("the control character U+%04X stands here", r)
		}
		if n := breakLen(data[i:]); n > 0 {
			at.line, at.col = at.line+1, 1
			i += n
			continue
		}
		at.col++
		i += size
	}
	return span{}, ""
}

// breakLen gives the length of the YAML line break that data begins with, else 0.
func breakLen[T string | []byte](data T) int {
	switch {
	case len(data) == 0:
		return 0
	case data[0] == '\r' && len(data) > 1 && data[1] == '\n':
		return 2
	case data[0] == '\r', data[0] == '\n':
		return 1
	case len(data) > 1 && data[0] == 0xC2 && data[1] == 0x85: // next line
		return 2
	case len(data) > 2 && data[0] == 0xE2 && data[1] == 0x80 && (data[2] == 0xA8 || data[2] == 0xA9): // line and paragraph separator
		return 3
	}
	return 0
}

// splitLines splits at what YAML takes for a line break, so that line numbers agree.
func splitLines(s string) []string {
	lines := make([]string, 0, strings.Count(s, "\n")+1)
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c != '\n' && c != '\r' && c != 0xC2 && c != 0xE2 { // what a break begins with
			i++
			continue
		}
		n := breakLen(s[i:])
		if n == 0 {
			i++
			continue
		}
		lines = append(lines, s[start:i])
		i += n
		start = i
	}
	return append(lines, s[start:])
}

// decode reads up to two documents. A file without any gives nil for both.
func decode(data []byte) (first, second *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil { // the parser indexes out of range on some broken input
			first, second, err = nil, nil, errors.New("not valid YAML")
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var nodes [2]*yaml.Node
	for i := range nodes {
		var n yaml.Node
		if err := decoder.Decode(&n); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, err
		}
		if len(n.Content) == 1 {
			nodes[i] = &n
		}
	}
	return nodes[0], nodes[1], nil
}

// The parser's errors have a line that often is that of something earlier, and
// no column. breakPoint therefore looks for the shortest beginning of the file
// that already has the same error: its last character is where things go wrong.
func breakPoint(d *Document, data []byte, message string) span {
	same := func(n int) bool {
		_, _, err := decode(data[:n])
		return err != nil && (err.Error() == message || atEnd(message) && atEnd(err.Error()))
	}
	ends := make([]int, 0, len(d.lines())) // where each line ends in data
	for i := 0; i < len(data); {
		if n := breakLen(data[i:]); n > 0 {
			i += n
			ends = append(ends, i)
			continue
		}
		i++
	}
	ends = append(ends, len(data))
	line := sort.Search(len(ends)-1, func(i int) bool { return same(ends[i]) })
	start := 0
	if line > 0 {
		start = ends[line-1]
	}
	text := []rune(string(data[start:ends[line]]))
	n := sort.Search(len(text), func(i int) bool { return same(start + len(string(text[:i+1]))) })
	if n < len(text) && breakLen(string(text[n])) > 0 && line+1 < len(ends) { // the break itself: what follows is wrong
		return span{line + 1, max(n, 1), 0}
	}
	return span{line + 1, min(n, max(len(text)-1, 0)) + 1, 0}
}

// atEnd recognises errors whose line is that of the end of the file.
func atEnd(message string) bool { return strings.Contains(message, "end of stream") }

var (
	bareTemplate  = regexp.MustCompile(`(?:^|[:\-,\[]\s+|[\[,])(\{\{.*?(?:\}\}|$))`)
	valueOpens    = regexp.MustCompile(`(?:^|:\s|-\s)\s*(["'\[{])`)
	messagePrefix = regexp.MustCompile(`^yaml: (?:line \d+: )?`)
)

// syntaxProblem says where and what is wrong in words that help.
func syntaxProblem(d *Document, data []byte, message string) campaign.Diagnostic {
	at := breakPoint(d, data, message)
	for _, line := range []int{at.line, at.line - 1} {
		if line < 1 || line > len(d.lines()) {
			continue
		}
		source := d.lines()[line-1]
		if m := bareTemplate.FindStringSubmatchIndex(source); m != nil {
			col := utf8.RuneCountInString(source[:m[2]]) + 1
			where := span{line, col, col + utf8.RuneCountInString(source[m[2]:m[3]])}
			return d.diagnostic(where, ruleTemplate, "a template stands here without quotes", quoteTemplate)
		}
	}
	source := ""
	if at.line <= len(d.lines()) {
		source = d.lines()[at.line-1]
	}
	if strings.Contains(message, "unknown anchor") { // told at the name's end
		before := source[:len(source)-len(afterRunes(source, at.col))]
		if star := strings.LastIndexByte(before, '*'); star >= 0 {
			at.col, at.end = utf8.RuneCountInString(source[:star])+1, at.col+1
		}
	}
	text, hint := explain(messagePrefix.ReplaceAllString(message, ""), source, at.col)
	rule := ruleSyntax
	if strings.Contains(message, "exceeded max depth") {
		rule = ruleTooDeep
	}
	return d.diagnostic(at, rule, text, hint)
}

const (
	quoteTemplate = `quote the template: the whole text in "…"`
	quoteText     = `quote the whole text: "…"`
)

// explain puts the parser's message in a user's words.
func explain(message, source string, col int) (text, hint string) {
	has := func(s string) bool { return strings.Contains(message, s) }
	char, _ := utf8.DecodeRuneInString(afterRunes(source, col-1))
	switch {
	case has("tab character"), has("cannot start any token") && char == '\t':
		return "a tab stands where indentation is", "indent with blanks"
	case has("cannot start any token"):
		return fmt.Sprintf("a text cannot begin with %c without quotes", char), quoteText
	case has("mapping values are not allowed"):
		return "a colon and a blank begin a new value here", "quote the whole text if the colon belongs to it, or check the indentation"
	case has("did not find expected key"), has("',' or ']'") && closed(source), has("',' or '}'") && closed(source):
		if valueOpens.MatchString(source) {
			return "text goes on after a closing quote or bracket", quoteText
		}
		return "a key is expected here", "check the indentation: keys of one mapping begin in the same column"
	case has("',' or ']'"):
		return "a list in [ ] is not closed, or a comma is missing", "separate the values by commas and close the list with ]"
	case has("',' or '}'"):
		return "a mapping in { } is not closed, or a comma is missing", "separate the entries by commas and close the mapping with }"
	case has("could not find expected ':'"):
		return "this line is neither a key nor the rest of a text", "a key needs a colon and a blank after it"
	case has("end of stream"):
		return "the quote that opens here is never closed", "close it"
	case has("unknown anchor"), has("alphabetic or numeric character"):
		return "a text cannot begin with * or & without quotes", quoteText
	case has("'-' indicator"):
		return "a list ends here and something else begins", "check the indentation: each entry of a list begins with - in the same column"
	case has("block sequence entries"):
		return "a list cannot begin on the line of its key", "write its first - on the next line"
	case has("exceeded max depth"):
		return "values are nested too deeply", ""
	}
	return "not valid YAML: " + message, ""
}

// closed reports whether a line closes the brackets that it opens.
func closed(line string) bool {
	return strings.Count(line, "[")+strings.Count(line, "{") == strings.Count(line, "]")+strings.Count(line, "}")
}
