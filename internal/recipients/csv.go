package recipients

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"

	"campaign/internal/campaign"
)

// Rules of diagnostics about CSV files.
const (
	ruleNotUTF8        = "not-utf8"
	ruleNotCSV         = "not-csv"
	ruleNUL            = "nul-byte"
	ruleBadQuote       = "bad-quote"
	ruleQuoteNotClosed = "quote-not-closed"
	ruleLineTooLong    = "line-too-long"
	ruleRowTooShort    = "row-too-short"
	ruleRowTooLong     = "row-too-long"
	ruleNoHeader       = "no-header"
	ruleEmptyHeader    = "empty-header"
	ruleDuplicate      = "duplicate-header"
	ruleTooManyColumns = "too-many-columns"
	ruleSeparator      = "other-separator"
)

// csvFile is a CSV file in UTF-8 with a header: RFC 4180, and what people make
// of it. A byte order mark is passed over; lines end with LF, CR LF or CR; lines
// that are blank, or hold nothing but separators (as spreadsheets save emptied
// rows), are no rows but count. White space around names in the header is cut
// off, cells stay as they are; line ends inside a quoted cell become LF, so that
// a file has the same cells however it was checked out.
//
// No message holds a cell's content: it is people's data, and a file without a
// header has it in the first row as well.
type csvFile struct {
	fsys   fs.FS
	path   string
	limits limits
}

func openCSV(fsys fs.FS, path string) Source {
	return &csvFile{fsys: fsys, path: path, limits: defaultLimits}
}

func (c *csvFile) Columns(ctx context.Context) ([]string, []campaign.Diagnostic, error) {
	f, err := c.fsys.Open(c.path)
	if err != nil {
		return nil, nil, fmt.Errorf("recipients: %w", err)
	}
	defer f.Close()
	_, names, ds, err := c.header(ctx, f)
	return names, ds, err
}

func (c *csvFile) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		f, err := c.fsys.Open(c.path)
		if err != nil {
			yield(Row{}, fmt.Errorf("recipients: %w", err))
			return
		}
		defer f.Close()
		s, names, ds, err := c.header(ctx, f)
		if err != nil {
			yield(Row{}, err)
			return
		}
		if names == nil { // no row can be read without knowing the columns
			for _, d := range ds {
				if !yield(Row{Row: s.row, Line: d.Line}, d) {
					return
				}
			}
			return
		}
		for {
			if err := ctx.Err(); err != nil {
				yield(Row{}, err)
				return
			}
			row, d, err := s.next()
			if err == io.EOF {
				return
			}
			if d != nil {
				err = *d
			}
			if !yield(row, err) || err != nil && d == nil {
				return
			}
		}
	}
}

func (c *csvFile) Digest(ctx context.Context) (string, error) {
	f, err := c.fsys.Open(c.path)
	if err != nil {
		return "", fmt.Errorf("recipients: %w", err)
	}
	defer f.Close()
	sum, err := digestText(ctx, f)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("recipients file %s: %w", c.path, err)
	}
	return sum, err
}

// header reads the first row. Without names the file has no header that can be
// read, and the diagnostics say why.
func (c *csvFile) header(ctx context.Context, r io.Reader) (*scanner, []string, []campaign.Diagnostic, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	s, d, err := newScanner(r, c.path, c.limits)
	if err != nil {
		return nil, nil, nil, err
	}
	if d != nil {
		return s, nil, []campaign.Diagnostic{*d}, nil
	}
	row, d, err := s.next()
	switch {
	case err == io.EOF:
		return s, nil, []campaign.Diagnostic{{
			File: c.path, Line: 1, Rule: ruleNoHeader,
			Message: "the file has no rows, not even a header",
			Hint:    "put the names of the columns into the first row",
		}}, nil
	case err != nil:
		return nil, nil, nil, err
	case d != nil:
		return s, nil, []campaign.Diagnostic{*d}, nil
	case len(row.Cells) > maxColumns:
		return s, nil, []campaign.Diagnostic{{
			File: c.path, Line: row.Line, Rule: ruleTooManyColumns,
			Message: fmt.Sprintf("the header has %d columns, more than %d", s.cells, maxColumns),
		}}, nil
	}
	names := row.Cells
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	s.columns = len(names)
	return s, names, c.checkNames(s, names), nil
}

// checkNames complains about names of columns that cannot be told apart. It is
// called while the scanner still stands at the header.
func (c *csvFile) checkNames(s *scanner, names []string) []campaign.Diagnostic {
	var ds []campaign.Diagnostic
	add := func(column int, warning bool, rule, hint, format string, args ...any) {
		line, col := s.placeOfCell(column)
		ds = append(ds, campaign.Diagnostic{
			File: c.path, Line: line, Col: col, Rule: rule,
			Message: fmt.Sprintf(format, args...), Hint: hint, Warning: warning,
		})
	}
	first := make(map[string]int, len(names))
	for i, name := range names {
		if name == "" {
			add(i, false, ruleEmptyHeader, "name the column or delete it", "column %d has no name", i+1)
			continue
		}
		if j, ok := first[name]; ok {
			add(i, false, ruleDuplicate, "rename or delete one of them",
				"column %d has the same name as column %d", i+1, j+1)
			continue
		}
		first[name] = i
	}
	if len(names) == 1 && strings.ContainsAny(names[0], ";\t") {
		add(0, true, ruleSeparator, "save the file as comma-separated values",
			"the header is a single column with semicolons or tabs in its name")
	}
	return ds
}
