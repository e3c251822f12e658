package recipients

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"

	"campaign/internal/campaign"
)

// openYAML reads a YAML list of mappings, an entry at a time: each begins with -
// as far from the left as the first one.
func openYAML(f textFile, _ campaign.Sheet) Source {
	return &records{textFile: f, limits: defaultLimits, parse: parseEntry, split: func(t *text, path string, l limits) splitter {
		return &entrySplitter{s: newScanner(t, path, 0, l), indent: -1}
	}}
}

// entrySplitter finds the entries of a block list by their first lines.
type entrySplitter struct {
	s      *scanner
	indent int // of the entries; -1: none has come
	number int64
	buf    []byte // the entry that is read
	held   []byte // the line that begins the next one
	over   bool
}

func (e *entrySplitter) next() (item, *campaign.Diagnostic, error) {
	r := item{}
	long := false
	e.buf = e.buf[:0]
	if e.held != nil {
		r.line = e.s.line - 1
		e.buf, e.held = append(e.buf, e.held...), nil
	}
	for !e.over {
		line, err := e.read()
		if err == io.EOF {
			e.over = true
			break
		}
		if err != nil {
			return r, nil, err
		}
		kind := e.kind(line)
		switch {
		case line == nil && r.line == 0:
			e.over = true
			return r, e.fail(ruleRecordTooLong, "", "a line is longer than %d bytes", e.s.limits.record), nil
		case kind == other && r.line == 0, kind == outside:
			e.over = true
			return r, e.fail(ruleNotList, "write the recipients as a list: each begins with - on a line of its own, all equally far from the left", "the file is no YAML list of recipients"), nil
		case kind == blank && r.line == 0:
			continue
		case kind == entry && r.line == 0:
			r.line = e.s.line - 1
		case kind == entry:
			e.held = append(bytes.Clone(line), '\n')
		}
		if e.held != nil {
			break
		}
		if long = long || line == nil || len(e.buf)+len(line) > e.s.limits.record; !long {
			e.buf = append(append(e.buf, line...), '\n')
		}
	}
	if r.line == 0 {
		return r, nil, io.EOF
	}
	if e.number++; long {
		return item{number: e.number, line: r.line}, &campaign.Diagnostic{File: e.s.file, Line: r.line, Rule: ruleRecordTooLong,
			Message: fmt.Sprintf("record %d is longer than %d bytes", e.number, e.s.limits.record)}, nil
	}
	return item{text: e.buf, number: e.number, line: r.line}, nil, nil
}

// What a line is to a list.
type lineKind uint8

const (
	other   lineKind = iota // part of an entry
	blank                   // nothing, a comment, or the mark of a document's beginning before the list
	entry                   // the beginning of an entry
	outside                 // neither: the list is not all there is
)

func (e *entrySplitter) kind(line []byte) lineKind {
	text := bytes.TrimLeft(line, " ")
	indent := len(line) - len(text)
	isEntry := bytes.HasPrefix(text, []byte("- ")) || bytes.Equal(bytes.TrimSpace(text), []byte("-"))
	switch {
	case len(bytes.TrimSpace(text)) == 0 || text[0] == '#':
		return blank
	case e.indent < 0 && bytes.Equal(bytes.TrimSpace(line), []byte("---")):
		return blank
	case e.indent < 0 && isEntry:
		e.indent = indent
		return entry
	case e.indent < 0:
		return other
	case isEntry && indent == e.indent:
		return entry
	case indent <= e.indent:
		return outside
	}
	return other
}

// read gives the next line, nil for one that is too long.
func (e *entrySplitter) read() ([]byte, error) {
	s := e.s
	end, err := s.lineEnd()
	if err != nil {
		return nil, err
	}
	s.begin, s.beginLine = s.pos, s.line
	if end < 0 || end-s.pos > s.limits.record {
		_, _, err := s.fail(s.beginLine, 0, ruleRecordTooLong, "", longRow, s.limits.record)
		return nil, err
	}
	line := s.buf[s.pos:end:end]
	s.advance(end)
	return line, nil
}

func (e *entrySplitter) fail(rule, hint, format string, args ...any) *campaign.Diagnostic {
	return e.s.diagnostic(e.s.beginLine, 0, rule, hint, format, args...)
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// parseEntry reads a YAML list of one mapping of plain values.
func parseEntry(text []byte) ([]value, *fault) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		f := &fault{rule: ruleNotYAML, message: "it is no valid YAML", hint: "put texts with : or # or quotes in them into single quotes"}
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil { // the rest of the message may hold a value
			n, _ := strconv.Atoi(m[1])
			f.line = max(n-1, 0)
		}
		return nil, f
	}
	if len(doc.Content) != 1 || len(doc.Content[0].Content) != 1 {
		return nil, &fault{rule: ruleNotYAML, message: "it is no single entry of a list"}
	}
	m := doc.Content[0].Content[0]
	if m.Kind != yaml.MappingNode {
		return nil, &fault{line: m.Line - 1, col: m.Column, rule: ruleNotFlat, message: "it is no mapping", hint: "each entry is a mapping, as - userid: u-1"}
	}
	var out flat
	for i := 0; i+1 < len(m.Content); i += 2 {
		name, v := m.Content[i], m.Content[i+1]
		at := func(f fault) *fault {
			f.line, f.col = v.Line-1, v.Column
			return &f
		}
		if !plainNode(name) || !plainNode(v) {
			return nil, at(fault{rule: ruleNotFlat, message: "a value is no plain text", hint: "values are texts, numbers, true or false: no lists, mappings, anchors, aliases or tags"})
		}
		cell := v.Value
		if v.Tag == "!!null" {
			cell = ""
		}
		if f := out.add(name.Value, cell); f != nil {
			return nil, at(*f)
		}
	}
	return out.values, nil
}

// plainNode reports whether a node is a scalar without anything special about it.
func plainNode(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 && n.Tag != "!!merge" && n.Tag != "!!binary"
}
