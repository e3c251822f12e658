package recipients

import (
	"context"
	"fmt"
	"io"
	"slices"

	"campaign/internal/campaign"
)

// walk reads rows below the header.
type walk struct {
	book    *book
	names   []string
	columns int
	stop    string
	stopped bool
}

func (w *walk) next() (Row, error) {
	row, err := w.book.next()
	if err != nil {
		return row, err
	}
	if w.stop != "" && isStop(firstFilled(row.Cells), w.stop) {
		w.stopped = true
		return Row{}, io.EOF
	}
	cells := row.Cells
	if extra := cells[min(len(cells), w.columns):]; filled(extra) > 0 {
		at := w.columns + slices.IndexFunc(extra, func(c string) bool { return Plain(c) != "" })
		row.Cells = nil
		return row, campaign.Diagnostic{File: w.book.path, Line: int(row.Row), Col: at + 1, Rule: ruleRowTooLong,
			Message: fmt.Sprintf("%s: the cell stands beside the %d columns of the header", row.Where(at), w.columns),
			Hint:    "name its column in the header, or empty the cell"}
	}
	row.Cells = make([]string, w.columns)
	copy(row.Cells, cells)
	if d := repeated(w.book.path, row, w.names); d != nil {
		row.Cells = nil
		return row, *d
	}
	return row, nil
}

func firstFilled(cells []string) string {
	for _, cell := range cells {
		if Plain(cell) != "" {
			return cell
		}
	}
	return ""
}

// end says what is suspicious about the rows as a whole.
func (w *walk) end(ctx context.Context) (ds []campaign.Diagnostic) {
	b := w.book
	switch {
	case w.stopped:
		stop := stopped{file: b.path, line: int(b.row), columns: w.columns}
		hidden := b.hidden
		for ctx.Err() == nil {
			row, err := b.next()
			if err != nil {
				break
			}
			stop.after(row)
		}
		b.hidden = hidden
		ds = stop.warning()
	case w.stop != "":
		ds = append(ds, b.in(noStop(b.path)))
	}
	if b.hidden > 0 {
		ds = append(ds, b.in(campaign.Diagnostic{File: b.path, Line: int(b.firstHidden), Rule: ruleHiddenRows, Warning: true,
			Message: fmt.Sprintf("hidden rows (by a filter, or by hand) are read like the others: %d, the first is row %d", b.hidden, b.firstHidden),
			Hint:    "delete the rows that are not meant, or copy the visible ones to another sheet"}))
	}
	return ds
}
