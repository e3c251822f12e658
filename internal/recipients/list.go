package recipients

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
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

// Digest is over columns and cells, each with its length before it: neither the
// order of keys in a row nor a missing key instead of an empty value matters.
func (l *list) Digest(ctx context.Context) (string, error) {
	h := sha256.New()
	var buf []byte
	write := func(texts []string) {
		buf = binary.AppendUvarint(buf[:0], uint64(len(texts)))
		for _, text := range texts {
			buf = binary.AppendUvarint(buf, uint64(len(text)))
			buf = append(buf, text...)
		}
		h.Write(buf)
	}
	write(l.columns)
	for row, err := range l.Rows(ctx) {
		if err != nil {
			return "", err
		}
		write(row.Cells)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
