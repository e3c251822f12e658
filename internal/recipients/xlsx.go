package recipients

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"campaign/internal/campaign"
)

// Rules of diagnostics about workbooks.
const (
	ruleNoSheet      = "no-such-sheet"
	ruleBadWorkbook  = "bad-workbook"
	ruleMergedHeader = "merged-header"
	ruleHiddenRows   = "hidden-rows"
)

// xlsxFile is one sheet of an Excel workbook, with a header. Cells are as the
// sheet shows them, dates and amounts in their formats; but a number is never
// shortened to what would fit: whole numbers have all their digits, and one that
// the workbook itself keeps in scientific notation stays so, because digits of it
// are lost. Rows that are blank are no rows but count; hidden rows are rows.
type xlsxFile struct {
	textFile
	sheet campaign.Sheet

	columns []string // after the first reading: finding them reads all texts of the workbook
	found   []campaign.Diagnostic
}

func openXLSX(f textFile, sheet campaign.Sheet) Source { return &xlsxFile{textFile: f, sheet: sheet} }

// Columns reads the workbook when it is called first.
func (x *xlsxFile) Columns(ctx context.Context) ([]string, []campaign.Diagnostic, error) {
	if x.columns != nil {
		return slices.Clone(x.columns), slices.Clone(x.found), ctx.Err()
	}
	b, names, ds, err := x.header(ctx)
	if b != nil {
		err = errors.Join(err, b.Close())
	}
	if err == nil {
		x.columns, x.found = slices.Clone(names), slices.Clone(ds)
	}
	return names, ds, err
}

func (x *xlsxFile) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		b, names, ds, err := x.header(ctx)
		if b != nil {
			defer b.Close()
		}
		if err != nil {
			yield(Row{}, err)
			return
		}
		if names == nil {
			yieldAll(ds, yield)
			return
		}
		if x.columns != nil && !slices.Equal(names, x.columns) {
			yieldAll([]campaign.Diagnostic{changed(x.path, 0, "the header is another one than when the file was read first")}, yield)
			return
		}
		w := walk{book: b, names: names, columns: len(names), stop: Plain(x.sheet.StopAt)}
		for {
			if err := ctx.Err(); err != nil {
				yield(Row{}, err)
				return
			}
			row, err := w.next()
			var d campaign.Diagnostic
			switch {
			case err == io.EOF:
				yieldAll(w.end(ctx), yield)
				return
			case err == nil, errors.As(err, &d) && row.Row > 0:
				if !yield(row, err) {
					return
				}
			default:
				yield(Row{}, err)
				return
			}
		}
	}
}

func (x *xlsxFile) Peek(ctx context.Context, n int) (rows []Row) {
	b, ds, err := x.begin(ctx)
	if err != nil || campaign.HasErrors(ds) {
		return nil
	}
	defer b.Close()
	return b.peek(n)
}

func (x *xlsxFile) Digest(ctx context.Context) (string, error) { return digestRows(ctx, x) }

// header opens the workbook and reads up to the header of its sheet. The caller
// closes what is given.
func (x *xlsxFile) header(ctx context.Context) (*book, []string, []campaign.Diagnostic, error) {
	b, ds, err := x.begin(ctx)
	if err != nil || campaign.HasErrors(ds) {
		return nil, nil, ds, err
	}
	number := x.sheet.HeaderRow
	row, err := b.next()
	for err == nil && row.Row < number {
		if row.Row <= mergesUntil {
			b.above = append(b.above, row)
		}
		row, err = b.next()
	}
	var d campaign.Diagnostic
	switch {
	case errors.As(err, &d):
		return b, nil, append(ds, d), nil
	case err == io.EOF:
		return b, nil, append(ds, b.in(*noHeader(x.path, number))), nil
	case err != nil:
		return b, nil, nil, err
	case number > 0 && row.Row > number:
		return b, nil, append(ds, b.in(*blankHeader(x.path, int(number), number))), nil
	}
	if err := b.room(); err != nil {
		return b, nil, nil, err
	}
	h := header{file: x.path, row: row, names: row.Cells, place: row.Place}
	if number > 0 || filled(h.names) > 1 { // else it is a title, which is looked at below
		if d := b.mergedNames(&h); d != nil {
			return b, nil, append(ds, *d), nil
		}
	}
	ds = append(ds, h.check()...)
	if number == 0 && len(h.names) == 1 {
		if d := h.otherRow(x.Peek(ctx, peekRows)); d != nil {
			return b, nil, append(ds, b.in(*d)), nil
		}
	}
	return b, h.names, ds, nil
}

// begin opens the workbook at its sheet.
func (x *xlsxFile) begin(ctx context.Context) (*book, []campaign.Diagnostic, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	file, err := x.fsys.Open(x.path)
	if err != nil {
		return nil, nil, fmt.Errorf("recipients: %w", err)
	}
	defer file.Close()
	b, err := x.load(ctx, file)
	var d campaign.Diagnostic
	if errors.As(err, &d) {
		return nil, []campaign.Diagnostic{d}, nil
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("recipients file %s: %w", x.path, err)
	}
	return b, nil, err
}

// book is an open workbook at a sheet. Where it matters its rows are read twice at
// the same time: as they are shown, and as they are kept.
type book struct {
	path  string
	form  *Form
	file  *excelize.File
	dir   string // of the temporary files
	facts sheetFacts
	shown *excelize.Rows
	kept  *excelize.Rows // nil: as shown
	row   int64
	above []Row // the header, as far as merged cells matter

	hidden      int64
	firstHidden int64
}

// unzippedInMemory is the size of a part of a workbook above which it is unpacked
// to a temporary file, in bytes.
const unzippedInMemory = 1 << 20

// load reads a workbook, after what makes it safe to.
func (x *xlsxFile) load(ctx context.Context, file io.Reader) (*book, error) {
	at, size, err := random(file)
	if err != nil {
		return nil, err
	}
	facts, parts, err := x.inspect(ctx, at, size)
	if err != nil {
		return nil, err
	}
	b := &book{path: x.path, facts: facts, form: &Form{Sheet: facts.name}}
	if b.dir, err = os.MkdirTemp("", "campaign-sheet-*"); err != nil { // mode 0700
		return nil, fmt.Errorf("create a temporary folder: %w", err)
	}
	if err := b.open(parts); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// open has the library read the parts from a file: from a reader it would take the
// whole workbook into memory.
func (b *book) open(parts []*zip.File) (err error) {
	name := filepath.Join(b.dir, "list.xlsx")
	if err := copyParts(name, parts); errors.Is(err, errUnread) {
		return b.damaged()
	} else if err != nil {
		return fmt.Errorf("copy the workbook to a temporary file: %w", err)
	}
	b.file, err = excelize.OpenFile(name, excelize.Options{
		UnzipSizeLimit: mostUnzipped, UnzipXMLSizeLimit: unzippedInMemory, TmpDir: b.dir,
		CultureInfo: excelize.CultureNameZhCN, ShortDatePattern: "yyyy/m/d", // what a Chinese Excel shows for its own formats
	})
	if err == nil {
		b.shown, err = b.file.Rows(b.form.Sheet)
	}
	if err == nil && !b.facts.exact {
		b.kept, err = b.file.Rows(b.form.Sheet)
	}
	if err != nil {
		return b.damaged()
	}
	return nil
}

// damaged is the diagnostic for a workbook that cannot be read. What the library
// says may hold a cell.
func (b *book) damaged() campaign.Diagnostic { return badWorkbook(b.path, "the workbook is damaged") }

func badWorkbook(path, message string) campaign.Diagnostic {
	return campaign.Diagnostic{File: path, Rule: ruleBadWorkbook, Message: message, Hint: "open it in Excel or WPS and save it again as .xlsx"}
}

func (b *book) Close() error {
	var errs []error
	for _, rows := range []*excelize.Rows{b.shown, b.kept} {
		if rows != nil {
			rows.Close() // its error is that of reading, which was said
		}
	}
	if b.file != nil {
		errs = append(errs, b.file.Close())
	}
	if b.dir != "" {
		errs = append(errs, os.RemoveAll(b.dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", b.path, err)
	}
	return nil
}

// next gives the next row that is not blank, with as many cells as it has; io.EOF
// behind the last one.
func (b *book) next() (Row, error) {
	for b.shown.Next() && (b.kept == nil || b.kept.Next()) {
		b.row++
		hidden := b.shown.GetRowOpts().Hidden
		shown, err := b.shown.Columns()
		if err == nil && b.kept != nil {
			var kept []string
			if kept, err = b.kept.Columns(excelize.Options{RawCellValue: true}); err == nil {
				exact(shown, kept)
			}
		}
		if err != nil {
			return Row{}, b.damaged()
		}
		if filled(shown) == 0 {
			continue
		}
		if hidden {
			if b.hidden++; b.hidden == 1 {
				b.firstHidden = b.row
			}
		}
		return Row{Row: b.row, Line: int(b.row), Cells: shown, Form: b.form}, nil
	}
	if b.shown.Error() != nil || b.row < b.facts.lastRow { // the library takes what it cannot read for the end
		return Row{}, badWorkbook(b.path, fmt.Sprintf("sheet %q cannot be read behind row %d", b.form.Sheet, b.row))
	}
	return Row{}, io.EOF
}

// exact puts numbers that are kept in scientific notation in the place of what is
// shown of them: the digits that a format adds were never entered.
func exact(shown, kept []string) {
	for i, k := range kept[:min(len(kept), len(shown))] {
		if k == shown[i] || k == "" || k[0] != '-' && (k[0] < '0' || k[0] > '9') {
			continue
		}
		if scientific.MatchString(k) && !strings.Contains(k, "-") {
			shown[i] = k
		}
	}
}

// mergedNames puts names that stand in merged cells where the header lacks them:
// a cell that reaches down into the header from a row above names its column. One
// that reaches over several columns names none of them.
func (b *book) mergedNames(h *header) *campaign.Diagnostic {
	for _, a := range b.facts.merged {
		if h.row.Row < a.top || h.row.Row > a.bottom {
			continue
		}
		if a.right > a.left {
			return &campaign.Diagnostic{File: b.path, Line: int(h.row.Row), Col: a.left + 1, Rule: ruleMergedHeader,
				Message: fmt.Sprintf("%s: one merged cell is the header of columns %s to %s", h.row.Where(a.left), columnName(a.left), columnName(a.right)),
				Hint:    "say header_row: with the row that names each column, or take the cell apart"}
		}
		for _, row := range b.above {
			if row.Row != a.top || a.left >= len(row.Cells) {
				continue
			}
			for len(h.names) <= a.left {
				h.names = append(h.names, "")
			}
			h.names[a.left] = row.Cells[a.left]
		}
	}
	return nil
}

// peek gives the first rows.
func (b *book) peek(n int) (rows []Row) {
	for len(rows) < n {
		row, err := b.next()
		if err != nil {
			break
		}
		rows = append(rows, row)
	}
	return rows
}

// room makes sure that the disk of the temporary files did not fill up while the
// library wrote them: it says nothing of it, and texts would be empty or cut off.
// By now all are written: the workbook's texts with the header.
func (b *book) room() error {
	name := filepath.Join(b.dir, "room")
	err := os.WriteFile(name, make([]byte, 1<<20), 0o600)
	if err = errors.Join(err, os.Remove(name)); err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	return nil
}

// in names the sheet in a diagnostic.
func (b *book) in(d campaign.Diagnostic) campaign.Diagnostic {
	d.Message = fmt.Sprintf("sheet %q: %s", b.form.Sheet, d.Message)
	return d
}
