package recipients

import (
	"bytes"

	"campaign/internal/campaign"
)

// state is how far the attempt to read a record came.
type state uint8

const (
	whole      state = iota // to its end
	more                    // to the end of the buffer: the rest must be read first
	bareQuote               // to a quote in a cell that does not begin with one
	afterQuote              // to text between a closing quote and the separator
	openQuote               // to the end of the file inside quotes
)

// quoted reads a record that has quotes, or is the header: it may go over
// several lines, and where its cells begin is noted.
func (s *scanner) quoted() (Row, *campaign.Diagnostic, error) {
	for {
		s.begin = s.pos
		s.seen = min(s.end, s.pos+s.limits.record+2)
		at, cell, st := s.parse()
		if st == more {
			if s.isTooMuch() {
				return s.tooLong(cell)
			}
			if _, err := s.fill(); err != nil {
				return Row{}, nil, err
			}
			continue
		}
		if st != whole {
			return s.badQuote(at, cell, st)
		}
		row := Row{Row: s.row, Line: s.beginLine, Form: s.form}
		d := s.checkText(at)
		if at-s.begin > s.limits.record {
			d = s.diagnostic(s.beginLine, 0, ruleLineTooLong, "", longRow, s.limits.record)
		}
		if d == nil && s.columns > 0 && (s.cells < s.columns || s.cells > s.columns && len(bytes.Trim(s.text[s.ends[s.columns-1]:], " \t\u3000")) > 0) {
			d = s.miscounted(s.cells)
		}
		if min(s.find(&s.lf, '\n'), s.find(&s.cr, '\r')) < at {
			s.line += countLines(s.buf[s.begin:at])
		}
		if d != nil {
			s.advance(at)
			return row, d, nil
		}
		row.Text = string(s.buf[s.begin:at])
		ends := s.ends
		if s.columns > 0 && s.cells > s.columns { // separators too many
			row.Text = row.Text[:s.starts[s.columns]-1-s.begin]
			ends = ends[:s.columns]
		}
		row.Cells = make([]string, len(ends))
		text, from := string(s.text), 0
		for i, end := range ends {
			row.Cells[i] = text[from:end]
			from = end
		}
		s.advance(at)
		return row, nil, nil
	}
}

// parse reads the record at pos as far as it is in the buffer, into cells,
// starts, ends and text. It gives where it stopped and where the cell in question
// begins.
func (s *scanner) parse() (at, cell int, st state) {
	s.cells, s.starts, s.ends, s.text = 0, s.starts[:0], s.ends[:0], s.text[:0]
	for at = s.pos; ; at++ {
		cell = at
		s.cells++
		if len(s.starts) <= s.mostCells() {
			s.starts = append(s.starts, cell)
		}
		if at < s.seen && s.buf[at] == '"' {
			at, st = s.quotedCell(at + 1)
		} else {
			at, st = s.plainCell(at)
		}
		if st != whole {
			return at, cell, st
		}
		if len(s.ends) <= s.mostCells() {
			s.ends = append(s.ends, len(s.text))
		}
		if at == s.seen || s.buf[at] != s.sep {
			return at, cell, whole
		}
	}
}

// isTooMuch reports whether a record that goes on at seen is too long.
func (s *scanner) isTooMuch() bool { return s.seen-s.begin == s.limits.record+2 }

// isMore reports whether the file may go on at seen.
func (s *scanner) isMore() bool { return !s.eof || s.isTooMuch() }

// mostCells is the number of cells above which a record is wrong anyway.
func (s *scanner) mostCells() int {
	if s.columns > 0 {
		return s.columns
	}
	return maxColumns
}

// plainCell reads a cell without quotes up to what ends it.
func (s *scanner) plainCell(from int) (int, state) {
	for at := from; at < s.seen; at++ {
		switch s.buf[at] {
		case '"':
			return at, bareQuote
		case s.sep, '\n':
			s.text = append(s.text, s.buf[from:at]...)
			return at, whole
		case '\r':
			if at+1 == s.seen && s.isMore() {
				return at, more
			}
			s.text = append(s.text, s.buf[from:at]...)
			return at, whole
		}
	}
	if s.isMore() {
		return s.seen, more
	}
	s.text = append(s.text, s.buf[from:s.seen]...)
	return s.seen, whole
}

// quotedCell reads a cell from behind its opening quote up to what comes after
// the closing one.
func (s *scanner) quotedCell(from int) (int, state) {
	for {
		i := bytes.IndexByte(s.buf[from:s.seen], '"')
		if i < 0 && !s.isMore() {
			return s.seen, openQuote
		}
		at := from + i + 1
		if i < 0 || at == s.seen && s.isMore() {
			return s.seen, more
		}
		s.text = normaliseLines(s.text, s.buf[from:at-1])
		if at == s.seen {
			return at, whole
		}
		switch s.buf[at] {
		case '"':
			s.text = append(s.text, '"')
			from = at + 1
		case s.sep, '\n':
			return at, whole
		case '\r':
			if at+1 == s.seen && s.isMore() {
				return at, more
			}
			return at, whole
		default:
			return at, afterQuote
		}
	}
}

// badQuote says what is wrong with the quotes of the cell that begins at cell.
func (s *scanner) badQuote(at, cell int, st state) (Row, *campaign.Diagnostic, error) {
	raw := s.buf[s.begin:s.end]
	line, col := place(raw, at-s.begin, s.beginLine)
	cellLine, cellCol := place(raw, cell-s.begin, s.beginLine)
	switch {
	case st == bareQuote:
		return s.fail(line, col, ruleBadQuote,
			`put the whole cell into double quotes and write each " inside it twice`,
			"there is a double quote inside a cell that does not begin with one")
	case st == openQuote:
		return s.fail(cellLine, cellCol, ruleQuoteNotClosed,
			`end the cell with a double quote, or write each " inside it twice`,
			"the quoted cell that begins here is never closed")
	case line != cellLine:
		return s.fail(cellLine, cellCol, ruleBadQuote,
			`end the cell with a double quote, or write each " inside it twice`,
			"the quoted cell that begins here goes on to line %d, where more text follows its closing quote", line)
	default:
		return s.fail(line, col, ruleBadQuote,
			`write each " inside a quoted cell twice`,
			"there is text between the closing quote of a cell and the next separator")
	}
}

// tooLong is for a record that does not end within the limit; cell is the last
// one that began.
func (s *scanner) tooLong(cell int) (Row, *campaign.Diagnostic, error) {
	raw := s.buf[s.begin:s.end]
	if cell < s.seen && s.buf[cell] == '"' {
		line, col := place(raw, cell-s.begin, s.beginLine)
		return s.fail(line, col, ruleQuoteNotClosed,
			`end the cell with a double quote, or write each " inside it twice`,
			"the quoted cell that begins here is not closed within the %d bytes that a row may have", s.limits.record)
	}
	return s.fail(s.beginLine, 0, ruleLineTooLong, "", longRow, s.limits.record)
}

// countLines counts the line ends in text.
func countLines(text []byte) int {
	n := bytes.Count(text, []byte{'\n'})
	if bytes.IndexByte(text, '\r') >= 0 {
		n += bytes.Count(text, []byte{'\r'}) - bytes.Count(text, []byte("\r\n"))
	}
	return n
}
