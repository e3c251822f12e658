package recipients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"campaign/internal/campaign"
)

// Rules of diagnostics about delimited files.
const (
	ruleNUL            = "nul-byte"
	ruleBadQuote       = "bad-quote"
	ruleQuoteNotClosed = "quote-not-closed"
	ruleLineTooLong    = "line-too-long"
	ruleRowTooShort    = "row-too-short"
	ruleRowTooLong     = "row-too-long"
	ruleSeparator      = "other-separator"
)

// csvFile is a file of delimited text with a header: RFC 4180, and what people
// make of it. Lines end with LF, CR LF or CR; lines that are blank, or hold nothing
// but separators and spaces (as spreadsheets save emptied rows), are no rows but
// count. White space around names in the header is cut off, cells stay as they
// are; line ends inside a quoted cell become LF, so that a file has the same cells
// however it was checked out. Separators too many at the end of the header or of a
// row are passed over.
//
// No message holds a cell's content: it is people's data, and a file without a
// header has it in the first row as well.
type csvFile struct {
	textFile
	sheet  campaign.Sheet
	usual  byte // the separator that the file's extension stands for
	limits limits
}

func openCSV(f textFile, sheet campaign.Sheet) Source {
	return &csvFile{textFile: f, sheet: sheet, usual: ',', limits: defaultLimits}
}

func openTSV(f textFile, sheet campaign.Sheet) Source {
	return &csvFile{textFile: f, sheet: sheet, usual: '\t', limits: defaultLimits}
}

// begin opens the file and makes its scanner.
func (c *csvFile) begin() (*text, *scanner, []campaign.Diagnostic, error) {
	t, ds, err := c.open()
	if t == nil {
		return nil, nil, ds, err
	}
	sep := c.usual
	if c.sheet.Delimiter != "" {
		sep = c.sheet.Delimiter[0]
	} else {
		sep = findSeparator(t.head, t.whole, sep)
	}
	s := newScanner(t, c.path, sep, c.limits)
	s.decoded, s.form = t.decoded, &Form{Separator: sep}
	return t, s, ds, nil
}

func (c *csvFile) Columns(ctx context.Context) ([]string, []campaign.Diagnostic, error) {
	t, _, names, ds, err := c.header(ctx)
	if t != nil {
		defer t.Close()
	}
	return names, ds, err
}

func (c *csvFile) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		t, s, names, ds, err := c.header(ctx)
		if t != nil {
			defer t.Close()
		}
		if err != nil {
			yield(Row{}, err)
			return
		}
		if names == nil { // no row can be read without knowing the columns
			yieldAll(ds, yield)
			return
		}
		s.stop = Plain(c.sheet.StopAt)
		for {
			if err := ctx.Err(); err != nil {
				yield(Row{}, err)
				return
			}
			row, d, err := s.next()
			if err == io.EOF {
				yieldAll(c.checkStop(ctx, s), yield)
				return
			}
			if err == nil && d == nil {
				d = repeated(c.path, row, names)
			}
			if d != nil {
				row.Cells, err = nil, *d
			}
			if !yield(row, err) || err != nil && d == nil {
				return
			}
		}
	}
}

// yieldAll yields problems of the file as a whole.
func yieldAll(ds []campaign.Diagnostic, yield func(Row, error) bool) {
	for _, d := range ds {
		if !yield(Row{}, d) {
			return
		}
	}
}

// checkStop says what is suspicious about where the list ended.
func (c *csvFile) checkStop(ctx context.Context, s *scanner) []campaign.Diagnostic {
	if s.stop == "" {
		return nil
	}
	if !s.stopped {
		return []campaign.Diagnostic{noStop(c.path)}
	}
	stop := stopped{file: c.path, line: s.line, columns: s.columns}
	s.stop = ""
	for ctx.Err() == nil {
		row, d, err := s.next()
		if err != nil {
			break
		}
		if d == nil && row.Line > stop.line {
			stop.after(row)
		}
	}
	return stop.warning()
}

func (c *csvFile) Peek(ctx context.Context, n int) (rows []Row) {
	t, s, _, err := c.begin()
	if err != nil || t == nil {
		return nil
	}
	defer t.Close()
	for len(rows) < n && ctx.Err() == nil {
		row, d, err := s.next()
		if err != nil {
			break
		}
		if d == nil {
			rows = append(rows, row)
		}
	}
	return rows
}

func (c *csvFile) Digest(ctx context.Context) (string, error) {
	t, ds, err := c.open()
	if err != nil {
		return "", err
	}
	if t == nil {
		return "", ds[0]
	}
	defer t.Close()
	sum, err := digestText(ctx, t)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("recipients file %s: %w", c.path, err)
	}
	return sum, err
}

// header opens the file and reads up to its header. Without names it has no header
// that can be read, and the diagnostics say why. The caller closes the text.
func (c *csvFile) header(ctx context.Context) (*text, *scanner, []string, []campaign.Diagnostic, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, nil, err
	}
	t, s, ds, err := c.begin()
	if t == nil {
		return nil, nil, nil, ds, err
	}
	row, d, err := s.headerRow(c.sheet.HeaderRow)
	var damaged campaign.Diagnostic
	switch {
	case errors.As(err, &damaged):
		return t, s, nil, append(ds, damaged), nil
	case err != nil && err != io.EOF:
		return t, s, nil, nil, err
	case err == io.EOF:
		d = noHeader(c.path, c.sheet.HeaderRow)
	case d == nil && len(row.Cells) > maxColumns:
		d = tooManyColumns(c.path, row.Line, s.cells)
	}
	if d != nil {
		return t, s, nil, append(ds, *d), nil
	}
	h := header{file: c.path, row: row, names: row.Cells, place: s.placeOfCell}
	more := h.check()
	if c.sheet.HeaderRow == 0 && len(h.names) == 1 {
		if d := h.otherRow(c.Peek(ctx, peekRows)); d != nil {
			return t, s, nil, append(ds, *d), nil
		}
	}
	if len(h.names) == 1 && strings.ContainsAny(h.names[0], ",;\t|") {
		more = append(more, campaign.Diagnostic{File: c.path, Line: row.Line, Col: 1, Rule: ruleSeparator, Warning: true,
			Message: "the header is a single column with commas, semicolons or tabs in its name",
			Hint:    "say delimiter: with what stands between the cells"})
	}
	s.columns = len(h.names)
	return t, s, h.names, append(ds, more...), nil
}

// headerRow reads up to the header: the given row, or with 0 the first. Rows above
// it may be anything.
func (s *scanner) headerRow(number int64) (Row, *campaign.Diagnostic, error) {
	for {
		row, d, err := s.next()
		switch {
		case err != nil, s.row == number || number == 0:
			return row, d, err
		case s.row > number:
			return row, blankHeader(s.file, row.Line, number), nil
		}
	}
}
