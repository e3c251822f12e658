package recipients

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"campaign/internal/campaign"
)

// limits bound what a scanner holds in memory, in bytes.
type limits struct {
	buffer int // read at once
	record int // of one record without its line end
}

var defaultLimits = limits{buffer: 64 << 10, record: 1 << 20}

const longRow = "the row is longer than %d bytes"

// scanner splits CSV in UTF-8 into records. encoding/csv is not used because it takes a
// lone CR for content, reads a field whose quote is never closed into memory to
// the end of the file, cannot go on behind it, and takes any bytes for text.
//
// After a bad record it goes on at the line after the one where the problem
// stands; for a quoted field that ends badly that is where the field begins, so
// that a stray quote hides one row and not all up to the next quote. That stays
// linear: between a field's opening quote and the quote that ends it badly each
// line has only doubled quotes, and a record that begins at such a line never
// goes past its end with an open quote.
type scanner struct {
	src    io.Reader
	file   string
	limits limits

	buf      []byte // buf[pos:end] is not yet consumed
	pos, end int
	eof      bool

	// lf, cr, quote and nul are searched once: buf[pos:x] has no such byte, and x
	// is where one stands or where the search ended.
	lf, cr, quote, nul int

	sep     byte   // between cells: ASCII, no quote and no line end
	decoded string // the encoding that the text had; empty: UTF-8
	columns int    // cells that a record must have; 0: any number, for the header
	stop    string // the list ends above the row whose first filled cell says this; empty: nowhere
	stopped bool   // there
	line    int    // physical line of pos
	row     int64  // number of the record that was read last
	form    *Form  // of its rows

	// The record that was read last, valid until the next one is read.
	begin     int   // where it begins in buf
	seen      int   // with quotes: how far it may go, two bytes more than the limit
	beginLine int   // its first physical line
	cells     int   // how many it has
	starts    []int // where they begin in buf, as far as they matter
	ends      []int // where they end in text
	text      []byte
}

// newScanner reads text that has no byte order mark.
func newScanner(r io.Reader, file string, sep byte, l limits) *scanner {
	if t, ok := r.(*text); ok && t.whole {
		l.buffer = min(l.buffer, len(t.head)+1)
	}
	return &scanner{src: r, file: file, sep: sep, limits: l, buf: make([]byte, l.buffer), line: 1}
}

// fill makes room and reads. It reports false when the buffer holds as much of
// one record as it ever may.
func (s *scanner) fill() (bool, error) {
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		for _, at := range []*int{&s.lf, &s.cr, &s.quote, &s.nul} {
			*at = max(0, *at-s.pos)
		}
		s.end -= s.pos
		s.pos = 0
	}
	if s.end == len(s.buf) {
		// Two bytes more than a record: enough to see that it ends there.
		most := s.limits.record + 2
		if s.end >= most {
			return false, nil
		}
		grown := make([]byte, min(2*len(s.buf), most))
		copy(grown, s.buf)
		s.buf = grown
	}
	n, err := readFull(s.src, s.buf[s.end:])
	s.end += n
	if err == io.EOF {
		s.eof, err = true, nil
	}
	if err != nil {
		return false, fmt.Errorf("recipients file %s: reading after line %d: %w", s.file, s.line, err)
	}
	return true, nil
}

// find gives the next b at or after pos, or end.
func (s *scanner) find(at *int, b byte) int {
	from := max(*at, s.pos)
	if from < s.end && s.buf[from] != b {
		if i := bytes.IndexByte(s.buf[from:s.end], b); i >= 0 {
			from += i
		} else {
			from = s.end
		}
	}
	*at = from
	return from
}

// next reads a record that is not blank. Exactly one of three: a row, a
// diagnostic (with the row's number and line), or an error, io.EOF at the end.
func (s *scanner) next() (Row, *campaign.Diagnostic, error) {
	for {
		end, err := s.lineEnd()
		if err != nil {
			return Row{}, nil, err
		}
		s.row++
		s.begin, s.beginLine = s.pos, s.line
		if end < 0 || end-s.pos > s.limits.record {
			return s.fail(s.beginLine, 0, ruleLineTooLong, "", longRow, s.limits.record)
		}
		line := s.buf[s.pos:end]
		if s.mayBeBlank(line) && s.isBlank(line) {
			s.advance(end)
			continue
		}
		if s.stop != "" && s.stopsAt(line) {
			s.stopped = true
			s.row-- // it is read again by whoever wants to know what follows
			return Row{}, nil, io.EOF
		}
		quotes := s.find(&s.quote, '"') < end
		if s.columns == 0 {
			return s.quoted()
		}
		if n := bytes.Count(line, []byte{s.sep}) + 1; !quotes && n != s.columns {
			if d := s.checkText(end); d != nil {
				return s.failed(d)
			}
			s.split(line)
			if n < s.columns || !s.isBlank(s.buf[s.starts[s.columns]:end]) {
				return s.failed(s.miscounted(n))
			}
			line = line[:s.starts[s.columns]-1-s.begin] // separators too many, as sheets are saved beside which something was
		}
		row := Row{Row: s.row, Line: s.line, Cells: make([]string, s.columns), Text: string(line), Form: s.form}
		if !s.cut(row.Text, row.Cells, quotes) {
			return s.quoted()
		}
		if d := s.checkText(end); d != nil {
			return s.failed(d)
		}
		s.advance(end)
		return row, nil, nil
	}
}

// cut takes a line apart into exactly the cells that there should be. It reports
// false when that is not all there is to it.
func (s *scanner) cut(line string, cells []string, quotes bool) bool {
	for i := range cells {
		var end int
		if quotes && line != "" && line[0] == '"' {
			cells[i], end = cutQuoted(line)
		} else {
			if end = strings.IndexByte(line, s.sep); end < 0 {
				end = len(line)
			}
			cells[i] = line[:end]
			if quotes && strings.IndexByte(cells[i], '"') >= 0 {
				return false
			}
		}
		switch {
		case i == len(cells)-1:
			return end == len(line)
		case end >= len(line) || line[end] != s.sep:
			return false
		}
		line = line[end+1:]
	}
	return false
}

// cutQuoted gives the quoted cell that line begins with, and where it ends; past
// the line when it does not.
func cutQuoted(line string) (cell string, end int) {
	twice := false
	for at := 1; ; at += 2 {
		i := strings.IndexByte(line[at:], '"')
		if i < 0 {
			return "", len(line) + 1
		}
		at += i
		if at+1 < len(line) && line[at+1] == '"' {
			twice = true
			continue
		}
		cell = line[1:at]
		if twice {
			cell = strings.ReplaceAll(cell, `""`, `"`)
		}
		return cell, at + 1
	}
}

// lineEnd finds where the line at pos ends, without its line end; -1: nowhere
// within the limit. At the end of the file the error is io.EOF.
func (s *scanner) lineEnd() (int, error) {
	for {
		end := min(s.find(&s.lf, '\n'), s.find(&s.cr, '\r'))
		if s.eof && s.pos == s.end {
			return 0, io.EOF
		}
		// A CR that is the last byte may be half of a CR LF.
		if s.eof || end < s.end && (s.buf[end] == '\n' || end+1 < s.end) {
			return end, nil
		}
		if ok, err := s.fill(); err != nil || !ok {
			return -1, err
		}
	}
}

// advance consumes up to end and the line end that stands there.
func (s *scanner) advance(end int) {
	s.pos = end
	if s.pos == s.end {
		return
	}
	if s.buf[s.pos] == '\r' && s.pos+1 < s.end && s.buf[s.pos+1] == '\n' {
		s.pos++
	}
	s.pos++
	s.line++
}

// mayBeBlank sees cheaply that most lines are not.
func (s *scanner) mayBeBlank(line []byte) bool {
	return len(line) == 0 || line[0] == s.sep || line[0] == ' ' || line[0] == '\t' || bytes.HasPrefix(line, []byte("\u3000"))
}

// isBlank reports whether there is nothing but separators and white space.
func (s *scanner) isBlank(line []byte) bool {
	for _, r := range string(line) {
		if r != rune(s.sep) && r != ' ' && r != '\t' && r != '\u3000' {
			return false
		}
	}
	return true
}

// stopsAt reports whether the first filled cell of a line ends the list.
func (s *scanner) stopsAt(line []byte) bool {
	rest := string(line)
	for {
		rest = strings.TrimLeft(rest, " \t\u3000")
		cell, _, more := strings.Cut(rest, string(s.sep))
		if strings.HasPrefix(rest, `"`) {
			var end int
			if cell, end = cutQuoted(rest); end > len(rest) {
				return false
			}
			more = end < len(rest)
			rest = rest[end:]
		}
		if Plain(cell) != "" || !more {
			return isStop(cell, s.stop)
		}
		_, rest, _ = strings.Cut(rest, string(s.sep))
	}
}

// checkText complains about bytes of the record that are no text.
func (s *scanner) checkText(end int) *campaign.Diagnostic {
	raw := s.buf[s.begin:end]
	if nul := s.find(&s.nul, 0); nul < end {
		line, col := place(raw, nul-s.begin, s.beginLine)
		return s.diagnostic(line, col, ruleNUL, saveAsUTF8, "there is a NUL byte in the text")
	}
	if s.decoded != "" {
		at := bytes.Index(raw, []byte("\uFFFD"))
		if at < 0 {
			return nil
		}
		line, col := place(raw, at, s.beginLine)
		return s.diagnostic(line, col, ruleOtherEncoding, saveAsUTF8, "there is a character that is not %s", s.decoded)
	}
	if utf8.Valid(raw) {
		return nil
	}
	at, seems := invalidAt(raw), ""
	if seemsGB18030(raw) {
		at, seems = beyondASCII(raw), ", it seems to be GB18030 (GBK)"
	}
	line, col := place(raw, at, s.beginLine)
	return s.diagnostic(line, col, ruleNotUTF8, saveAsUTF8, "the text is not UTF-8%s", seems)
}

// miscounted is for a record with n cells, another number than the header has.
func (s *scanner) miscounted(n int) *campaign.Diagnostic {
	line, col, rule, hint := s.beginLine, 0, ruleRowTooShort, fmt.Sprintf("each row has as many cells as the header: put a %s for each that is missing, or complete the row", nameOf(s.sep))
	if n > s.columns {
		line, col = s.placeOfCell(s.columns)
		rule, hint = ruleRowTooLong, fmt.Sprintf("put cells that contain a %s into double quotes; a column that is meant needs a name in the header", nameOf(s.sep))
	}
	return s.diagnostic(line, col, rule, hint, "the row has %d cells, the header has %d", n, s.columns)
}

// split notes where the cells of a line without quotes begin.
func (s *scanner) split(line []byte) {
	s.starts = append(s.starts[:0], 0)
	for i, b := range line {
		if b == s.sep && len(s.starts) <= s.columns {
			s.starts = append(s.starts, i+1)
		}
	}
	for i := range s.starts {
		s.starts[i] += s.begin
	}
}

// placeOfCell gives line and column of a cell of the last record.
func (s *scanner) placeOfCell(i int) (line, col int) {
	start := s.starts[i]
	return place(s.buf[s.begin:s.end], start-s.begin, s.beginLine)
}

func (s *scanner) diagnostic(line, col int, rule, hint, format string, args ...any) *campaign.Diagnostic {
	return &campaign.Diagnostic{
		File: s.file, Line: line, Col: col, Rule: rule, Hint: hint, Message: fmt.Sprintf(format, args...),
	}
}

func (s *scanner) fail(line, col int, rule, hint, format string, args ...any) (Row, *campaign.Diagnostic, error) {
	return s.failed(s.diagnostic(line, col, rule, hint, format, args...))
}

// failed gives up a record and moves behind the line that d names.
func (s *scanner) failed(d *campaign.Diagnostic) (Row, *campaign.Diagnostic, error) {
	row := Row{Row: s.row, Line: s.beginLine}
	for s.line <= d.Line {
		end, err := s.lineEnd()
		if err == io.EOF {
			break
		}
		if err != nil {
			return row, nil, err
		}
		if end >= 0 {
			s.advance(end)
			continue
		}
		if s.pos = s.end; s.buf[s.end-1] == '\r' {
			s.pos-- // a line end, or half of one
		}
	}
	return row, d, nil
}
