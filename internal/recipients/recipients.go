// Package recipients reads who a campaign is for: the port Source and its
// members, one file a format, and the screening that finds duplicates and
// exclusions in bounded memory.
package recipients

import (
	"context"
	"fmt"
	"iter"

	"campaign/internal/campaign"
)

// Row is one record of a source.
type Row struct {
	Row   int64    // as a spreadsheet numbers it: the header is row 1, blank lines count; position from 1 in lists
	Line  int      // physical line of the file, from 1, for diagnostics; 0: none
	Cells []string // as many as Columns
	Text  string   // the record as it stands in the file, for Place; empty in lists and workbooks
	Form  *Form    // of the source, for Place; nil: a list
	// Missing: the row was looked up in a directory that does not have it, and that
	// is no error (Join.Optional). Cells that come from there are empty.
	Missing bool
}

// Form says how the cells of a source's rows are found.
type Form struct {
	Separator byte   // of a delimited text
	Sheet     string // of a workbook, else empty
}

// Place gives the line and the column where a cell begins: of a text the column
// from 1 in code points, of a workbook the row's and the column's number. A column
// of 0 is not known: the row is of a list, or has no such cell.
func (r Row) Place(cell int) (line, col int) {
	if r.Form != nil && r.Form.Sheet != "" {
		return int(r.Row), max(cell+1, 0)
	}
	if cell < 0 || r.Form == nil {
		return r.Line, 0
	}
	at, quoted := 0, false
	for ; at < len(r.Text) && cell > 0; at++ {
		switch {
		case r.Text[at] == '"':
			quoted = !quoted
		case r.Text[at] == r.Form.Separator && !quoted:
			cell--
		}
	}
	if cell != 0 {
		return r.Line, 0
	}
	return place([]byte(r.Text), at, r.Line)
}

// Where names a row, or with a cell of a workbook that, for messages.
func (r Row) Where(cell int) string {
	switch {
	case r.Form == nil || r.Form.Sheet == "":
		return fmt.Sprintf("row %d", r.Row)
	case cell < 0:
		return fmt.Sprintf("sheet %q, row %d", r.Form.Sheet, r.Row)
	default:
		return fmt.Sprintf("sheet %q, cell %s%d", r.Form.Sheet, columnName(cell), r.Row)
	}
}

// columnName is what spreadsheets call a column: A to Z, AA and so on.
func columnName(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// Rows are read from the beginning each time.
type Rows interface {
	Rows(ctx context.Context) iter.Seq2[Row, error]
}

// Source is a list of recipients that can be read again and again. It holds no
// more than a buffer of it in memory.
type Source interface {
	// Columns are the header's names, in order. Reading them checks the header:
	// problems are campaign.Diagnostics.
	Columns(ctx context.Context) ([]string, []campaign.Diagnostic, error)
	// Rows reads from the beginning. A bad row is yielded with an error that is a
	// campaign.Diagnostic, and reading goes on; any other error ends it. A
	// diagnostic with row 0 is about the file and no row, and may be a warning.
	Rows(ctx context.Context) iter.Seq2[Row, error]
	// Digest is a SHA-256 over the content, lower-case hex: of delimited text over
	// the text in UTF-8 with line endings normalised to LF and without a byte order
	// mark, of others over columns and cells. It is the same on any system, and
	// for a file that was saved in another encoding or packed.
	Digest(ctx context.Context) (string, error)
}

// Peeker is a Source that can show how its file begins, the header and what may
// stand above it included: to find the header where it is looked for in the wrong
// row.
type Peeker interface {
	// Peek gives at most n rows that are not blank. Rows that cannot be read are
	// passed over; after an error there are the rows before it.
	Peek(ctx context.Context, n int) []Row
}

// Reason says why screening leaves a row out.
type Reason uint8

// The reasons.
const (
	Duplicate Reason = iota + 1 // an earlier row has the same key
	Excluded                    // in an exclusion list
)

// Left is a row that is left out.
type Left struct {
	Row    int64
	Reason Reason
	First  int64 // Duplicate: the first row with that key that is not excluded
	List   int   // Excluded: which list, by the number given to Exclude; the lowest of several
}

// Screener finds the rows of a source that are duplicates or stand in exclusion
// lists: exactly (keys are compared by 128 bits of SHA-256), in bounded memory
// (entries beyond Options.Memory are sorted and spilled to temporary files).
//
// Use: Exclude for every entry of every list, Row for every row in ascending
// order, then Finish; another order is an error. A kind names which fields a key
// is made of, so that a list which only has user ids excludes by user id: Row is
// called once for each kind that a row has a key of, and with dedupe for at most
// one of them.
//
// A row is excluded when one of its keys is an entry of a list, of the same kind.
// A row that is not excluded is a duplicate when an earlier row that is not
// excluded has the same key, both with dedupe. So the first of a group of
// duplicates is always a row that is sent.
//
// After an error every later call gives the same error.
type Screener interface {
	Exclude(list int, kind uint8, key []byte) error
	Row(row int64, kind uint8, key []byte, dedupe bool) error
	// Finish yields the rows that are left out in ascending order, each once
	// (exclusion wins over duplicate), and how many rows each list matched. Close
	// removes the temporary files.
	Finish(ctx context.Context) (Screening, error)
	Close() error
}

// Screening is what Finish found.
type Screening interface {
	// Left yields in ascending order of Row; it can be called again.
	Left(ctx context.Context) iter.Seq2[Left, error]
	// Matched is the number of rows that stand in a list, those that an other list
	// names as well included: 0 means that the list was of no use.
	Matched(list int) int64
}
