package recipients

import (
	"context"
	"iter"
	"maps"
	"slices"

	"campaign/internal/campaign"
)

// list is an inline list of a campaign file.
type list struct {
	columns []string
	rows    []map[string]string
}

// NewList gives the source for inline recipients. Its columns are all names that
// occur, sorted; a row without a name has an empty cell there. The rows must not
// be changed afterwards.
func NewList(rows []map[string]string) Source {
	names := map[string]struct{}{}
	for _, row := range rows {
		for name := range row {
			names[name] = struct{}{}
		}
	}
	return &list{columns: slices.Sorted(maps.Keys(names)), rows: rows}
}

func (l *list) Columns(ctx context.Context) ([]string, []campaign.Diagnostic, error) {
	return slices.Clone(l.columns), nil, ctx.Err()
}

func (l *list) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for i, values := range l.rows {
			if err := ctx.Err(); err != nil {
				yield(Row{}, err)
				return
			}
			cells := make([]string, len(l.columns))
			for j, name := range l.columns {
				cells[j] = values[name]
			}
			if !yield(Row{Row: int64(i) + 1, Cells: cells}, nil) {
				return
			}
		}
	}
}

func (l *list) Digest(ctx context.Context) (string, error) { return digestRows(ctx, l) }
