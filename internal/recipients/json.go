package recipients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"campaign/internal/campaign"
)

// openNDJSON reads lines of JSON objects; blank lines are passed over.
func openNDJSON(f textFile, _ campaign.Sheet) Source {
	return &records{textFile: f, limits: defaultLimits, parse: parseObject, split: func(t *text, path string, l limits) splitter {
		return &lineSplitter{newScanner(t, path, 0, l)}
	}}
}

// openJSON reads an array of JSON objects.
func openJSON(f textFile, _ campaign.Sheet) Source {
	return &records{textFile: f, limits: defaultLimits, parse: parseObject, split: func(t *text, path string, l limits) splitter {
		return &arraySplitter{in: t.Reader, path: path, most: l.record, line: 1}
	}}
}

// lineSplitter makes each line a record. Its number is the line's.
type lineSplitter struct{ s *scanner }

func (l *lineSplitter) next() (item, *campaign.Diagnostic, error) {
	s := l.s
	for {
		end, err := s.lineEnd()
		if err != nil {
			return item{}, nil, err
		}
		s.row++
		s.begin, s.beginLine = s.pos, s.line
		if end < 0 || end-s.pos > s.limits.record {
			_, d, err := s.fail(s.beginLine, 0, ruleRecordTooLong, "", "record %d is longer than %d bytes", s.row, s.limits.record)
			return item{number: s.row, line: s.beginLine}, d, err
		}
		text := s.buf[s.pos:end]
		s.advance(end)
		if len(bytes.TrimSpace(text)) > 0 {
			return item{text: text, number: s.row, line: s.beginLine}, nil, nil
		}
	}
}

// arraySplitter finds the elements of a JSON array without reading them: it only
// follows strings and brackets.
type arraySplitter struct {
	in     *bufio.Reader
	path   string
	most   int // bytes of an element
	line   int
	number int64
	buf    []byte
	began  bool // the array has
	over   bool // nothing more is read
}

func (a *arraySplitter) next() (item, *campaign.Diagnostic, error) {
	if a.over {
		return item{}, nil, io.EOF
	}
	c, err := a.skipSpace()
	if err != nil {
		return a.broken(err)
	}
	switch {
	case !a.began && c != '[':
		return a.fail(ruleNotList, "begin the file with [ and end it with ]; a file with an object on each line is .ndjson", "the file is no JSON array")
	case !a.began:
		a.began = true
		if c, err = a.skipSpace(); err == nil && c == ']' {
			return a.end()
		}
	case c == ']':
		return a.end()
	case c != ',':
		return a.fail(ruleNotJSON, "put a comma between two records", "after record %d there is neither a comma nor the end of the list", a.number)
	default:
		c, err = a.skipSpace()
	}
	if err != nil {
		return a.broken(err)
	}
	return a.element(c)
}

// element reads from its first byte to its last.
func (a *arraySplitter) element(c byte) (item, *campaign.Diagnostic, error) {
	a.number++
	r := item{number: a.number, line: a.line}
	a.buf = a.buf[:0]
	depth, quoted, escaped, long := 0, false, false, false
	for {
		if len(a.buf) < a.most {
			a.buf = append(a.buf, c)
		} else {
			long = true
		}
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if !quoted && depth <= 0 {
			next, err := a.in.Peek(1)
			if depth < 0 || c == '}' || c == ']' || err != nil || bytes.IndexByte([]byte(",]} \t\r\n"), next[0]) >= 0 {
				break
			}
		}
		var err error
		if c, err = a.in.ReadByte(); err != nil {
			return a.broken(err)
		}
		if c == '\n' {
			a.line++
		}
	}
	if long {
		return r, &campaign.Diagnostic{File: a.path, Line: r.line, Rule: ruleRecordTooLong,
			Message: fmt.Sprintf("record %d is longer than %d bytes", r.number, a.most)}, nil
	}
	r.text = a.buf
	return r, nil, nil
}

func (a *arraySplitter) skipSpace() (byte, error) {
	for {
		c, err := a.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			a.line++
		case ' ', '\t', '\r':
		default:
			return c, nil
		}
	}
}

// end looks behind the array: nothing may follow.
func (a *arraySplitter) end() (item, *campaign.Diagnostic, error) {
	_, err := a.skipSpace()
	if err == nil {
		return a.fail(ruleNotJSON, "a file is one list", "there is more text behind the end of the list")
	}
	a.over = true
	return item{}, nil, err
}

// broken is for a file that ends inside the array.
func (a *arraySplitter) broken(err error) (item, *campaign.Diagnostic, error) {
	if err != io.EOF {
		return item{}, nil, err
	}
	if !a.began {
		return a.fail(ruleNotList, "begin the file with [ and end it with ]", "the file holds nothing")
	}
	return a.fail(ruleNotJSON, "the file seems to be cut off", "the list does not end: ] is missing")
}

func (a *arraySplitter) fail(rule, hint, format string, args ...any) (item, *campaign.Diagnostic, error) {
	a.over = true
	return item{line: a.line}, &campaign.Diagnostic{File: a.path, Line: a.line, Rule: rule, Hint: hint, Message: fmt.Sprintf(format, args...)}, nil
}

// parseObject reads a JSON object of plain values.
func parseObject(text []byte) ([]value, *fault) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	at := func(f fault) *fault {
		f.line, f.col = place(text, min(int(d.InputOffset()), len(text)), 0)
		return &f
	}
	token, err := d.Token()
	if err == nil && token != json.Delim('{') {
		return nil, at(fault{rule: ruleNotFlat, message: "it is no object", hint: `each record is an object, as {"userid": "u-1"}`})
	}
	var out flat
	for err == nil && d.More() {
		var name json.Token
		if name, err = d.Token(); err != nil {
			break
		}
		if token, err = d.Token(); err != nil {
			break
		}
		cell := ""
		switch v := token.(type) {
		case json.Delim:
			return nil, at(fault{rule: ruleNotFlat, message: "a value is a list or an object", hint: "values are texts, numbers, true or false"})
		case nil:
		case string:
			cell = v
		default:
			cell = fmt.Sprint(v)
		}
		if f := out.add(name.(string), cell); f != nil {
			return nil, at(*f)
		}
	}
	if err == nil {
		_, err = d.Token() // the closing bracket
	}
	if err != nil {
		return nil, at(fault{rule: ruleNotJSON, message: "it is no valid JSON", hint: "texts and names stand in double quotes, with a comma between two values"})
	}
	if len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return nil, at(fault{rule: ruleNotJSON, message: "there is more text behind the object", hint: "one object a record"})
	}
	return out.values, nil
}
