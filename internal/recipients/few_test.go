package recipients

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// counted is a source that tells how often it was read.
type counted struct {
	rows  int
	cell  string
	fault error // instead of the last row
	reads int
}

func (c *counted) Rows(context.Context) iter.Seq2[Row, error] {
	c.reads++
	return func(yield func(Row, error) bool) {
		for i := range c.rows {
			var err error
			if i == c.rows-1 {
				err = c.fault
			}
			if !yield(Row{Row: int64(i) + 2, Line: i + 2, Cells: []string{c.cell}, Text: c.cell}, err) {
				return
			}
		}
	}
}

// yielded gives what rows yield, as text.
func yielded(ctx context.Context, rows Rows, most int) (all []string) {
	for row, err := range rows.Rows(ctx) {
		all = append(all, fmt.Sprint(row.Row, row.Line, row.Cells, row.Text, err))
		if len(all) == most {
			break
		}
	}
	return all
}

func TestFew(t *testing.T) {
	long := string(make([]byte, fewBytes/4))
	for name, c := range map[string]struct {
		source counted
		reads  int // of two readings
	}{
		"few":             {counted{rows: 20, cell: "a"}, 1},
		"none":            {counted{}, 1},
		"as many as kept": {counted{rows: fewRows, cell: "a"}, 1},
		"one more":        {counted{rows: fewRows + 1, cell: "a"}, 2},
		"long ones":       {counted{rows: 3, cell: long}, 2},
		"a bad row":       {counted{rows: 3, cell: "a", fault: campaign.Diagnostic{Rule: "x"}}, 1},
		"an error":        {counted{rows: 3, cell: "a", fault: errors.New("broken")}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			want := yielded(t.Context(), &c.source, -1)
			c.source.reads = 0
			few := Remember(&c.source)
			for range 2 {
				if diff := cmp.Diff(want, yielded(t.Context(), few, -1)); diff != "" {
					t.Error(diff)
				}
			}
			if c.source.reads != c.reads {
				t.Errorf("the source was read %d times, not %d", c.source.reads, c.reads)
			}
		})
	}
}

// TestFewLeftEarly keeps nothing of a reading that did not come to its end.
func TestFewLeftEarly(t *testing.T) {
	source := &counted{rows: 3, cell: "a"}
	few := Remember(source)
	if got := yielded(t.Context(), few, 2); len(got) != 2 {
		t.Fatalf("%d rows", len(got))
	}
	for range 2 {
		if got := yielded(t.Context(), few, -1); len(got) != 3 {
			t.Errorf("%d rows", len(got))
		}
	}
	if source.reads != 2 {
		t.Errorf("the source was read %d times", source.reads)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := yielded(ctx, few, -1); len(got) != 1 {
		t.Errorf("%d rows of a reading that is over", len(got))
	}
}
