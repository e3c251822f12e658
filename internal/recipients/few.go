package recipients

import (
	"context"
	"errors"
	"iter"

	"campaign/internal/campaign"
)

// Bounds of what Few keeps.
const (
	fewRows  = 500
	fewBytes = 64 << 10 // of cells and lines of text
)

// Few reads the rows of a source once, and again from memory where there are few:
// finding and splitting them takes longer than all that is made of them. Of more
// rows nothing is kept, and they are read from the source each time.
type Few struct {
	source Rows
	kept   []fewRow
	size   int
	whole  bool // kept is all
	many   bool
}

type fewRow struct {
	row Row
	err error
}

// Remember keeps the rows of a source if they are few. It is for one reader at a time.
func Remember(s Rows) *Few { return &Few{source: s} }

// Rows are those of the source. Their cells must not be changed.
func (f *Few) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if !f.whole {
			f.first(ctx, yield)
			return
		}
		for _, k := range f.kept {
			if err := ctx.Err(); err != nil {
				yield(Row{}, err)
				return
			}
			if !yield(k.row, k.err) {
				return
			}
		}
	}
}

// first reads the source and keeps what it gives, unless it is left early, ends with
// an error or gives much.
func (f *Few) first(ctx context.Context, yield func(Row, error) bool) {
	f.kept, f.size = make([]fewRow, 0, 32), 0
	for row, err := range f.source.Rows(ctx) {
		f.keep(row, err)
		if !yield(row, err) {
			return
		}
	}
	f.whole = !f.many && ctx.Err() == nil
}

func (f *Few) keep(row Row, err error) {
	if f.many {
		return
	}
	f.size += len(row.Text)
	for _, cell := range row.Cells {
		f.size += len(cell)
	}
	failed := err != nil && !errors.As(err, new(campaign.Diagnostic))
	if f.many = failed || len(f.kept) == fewRows || f.size > fewBytes; f.many {
		f.kept = nil
		return
	}
	f.kept = append(f.kept, fewRow{row, err})
}
