package recipients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"campaign/internal/campaign"
)

// Rules of diagnostics about files whose records name their values.
const (
	ruleNotJSON       = "bad-json"
	ruleNotYAML       = "bad-yaml"
	ruleNotList       = "not-a-list"
	ruleNotFlat       = "not-flat"
	ruleDuplicateKey  = "duplicate-key"
	ruleRecordTooLong = "record-too-long"
	ruleChanged       = "file-changed"
)

// value is what a record says about one column, and where in the record.
type value struct{ name, text string }

// splitter cuts a file into records. It goes on after a bad one.
type splitter interface {
	// next gives a record: its text, its number from 1 and the line where it begins.
	// Exactly one of three, as of scanner.next.
	next() (item, *campaign.Diagnostic, error)
}

type item struct {
	text   []byte // valid until the next one is read
	number int64
	line   int
}

// fault is what is wrong with a record; line counts from 0 at the record's
// beginning.
type fault struct {
	line, col           int
	rule, message, hint string
}

// records is a file of records that name their values: lines of JSON, a JSON
// array, a YAML list. Its columns are all names that occur, in the order in which
// they come up; a record without a name has an empty cell there. Numbers, true and
// false are the text that they are written as.
type records struct {
	textFile
	limits limits
	split  func(t *text, path string, l limits) splitter
	parse  func(text []byte) ([]value, *fault)

	columns []string // after the first reading
	index   map[string]int
}

// Columns reads the whole file: any record may have a name that no other has.
func (r *records) Columns(ctx context.Context) ([]string, []campaign.Diagnostic, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	index := map[string]int{}
	var columns []string
	var ds []campaign.Diagnostic
	err := r.each(ctx, func(rec item, values []value, d *campaign.Diagnostic) bool {
		if d != nil && rec.number == 0 && len(columns) == 0 { // it is no list
			ds = append(ds, *d)
			return false
		}
		for _, v := range values {
			if _, ok := index[v.name]; ok {
				continue
			}
			index[v.name] = len(columns)
			if columns = append(columns, v.name); len(columns) > maxColumns {
				ds = append(ds, *tooManyColumns(r.path, rec.line, len(columns)))
				return false
			}
		}
		return true
	})
	var file *wholeFile
	var damaged campaign.Diagnostic
	switch {
	case errors.As(err, &file):
		return nil, file.found, nil
	case errors.As(err, &damaged):
		return nil, append(ds, damaged), nil
	case err != nil, campaign.HasErrors(ds):
		return nil, ds, err
	}
	if len(columns) == 0 {
		columns = []string{}
	}
	r.columns, r.index = columns, index
	return slices.Clone(columns), r.warnings(), nil
}

// warnings are those about the file's encoding.
func (r *records) warnings() []campaign.Diagnostic {
	t, ds, _ := r.open()
	if t != nil {
		t.Close()
	}
	return ds
}

// wholeFile is an error of problems with the file as a whole.
type wholeFile struct{ found []campaign.Diagnostic }

func (w *wholeFile) Error() string { return w.found[0].Error() }

// each calls do for every record, with its values or what is wrong with it.
func (r *records) each(ctx context.Context, do func(item, []value, *campaign.Diagnostic) bool) error {
	t, ds, err := r.open()
	if err != nil {
		return err
	}
	if t == nil {
		return &wholeFile{ds}
	}
	defer t.Close()
	s := r.split(t, r.path, r.limits)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		rec, d, err := s.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("recipients file %s: %w", r.path, err)
		}
		var values []value
		if d == nil {
			values, d = r.values(t, rec)
		}
		if !do(rec, values, d) {
			return nil
		}
	}
}

func (r *records) values(t *text, rec item) ([]value, *campaign.Diagnostic) {
	f := notText(rec.text, t.decoded)
	var values []value
	if f == nil {
		values, f = r.parse(rec.text)
	}
	if f == nil {
		return values, nil
	}
	return nil, &campaign.Diagnostic{File: r.path, Line: rec.line + f.line, Col: f.col, Rule: f.rule, Hint: f.hint,
		Message: fmt.Sprintf("record %d: %s", rec.number, f.message)}
}

// notText complains about bytes that are no text.
func notText(text []byte, decoded string) *fault {
	s := &scanner{buf: text, end: len(text), beginLine: 1, decoded: decoded}
	d := s.checkText(len(text))
	if d == nil {
		return nil
	}
	return &fault{line: d.Line - 1, col: d.Col, rule: d.Rule, message: d.Message, hint: d.Hint}
}

func (r *records) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if r.index == nil {
			if _, ds, err := r.Columns(ctx); err != nil || campaign.HasErrors(ds) {
				if err != nil {
					yield(Row{}, err)
					return
				}
				yieldAll(ds, yield)
				return
			}
		}
		stopped := false
		err := r.each(ctx, func(rec item, values []value, d *campaign.Diagnostic) bool {
			row := Row{Row: rec.number, Line: rec.line}
			var err error
			if d == nil {
				row.Cells, d = r.cells(rec, values)
			}
			if d != nil {
				err = *d
			}
			stopped = !yield(row, err)
			return !stopped
		})
		var file *wholeFile
		switch {
		case stopped:
		case errors.As(err, &file):
			yieldAll(file.found, yield)
		case err != nil:
			yield(Row{}, err)
		}
	}
}

// cells puts a record's values under the columns.
func (r *records) cells(rec item, values []value) ([]string, *campaign.Diagnostic) {
	cells := make([]string, len(r.columns))
	for _, v := range values {
		i, ok := r.index[v.name]
		if !ok {
			d := changed(r.path, rec.line, fmt.Sprintf("record %d has a name that was not there when the file was read first", rec.number))
			return nil, &d
		}
		cells[i] = v.text
	}
	return cells, nil
}

// changed is for a file that somebody writes while it is read.
func changed(file string, line int, message string) campaign.Diagnostic {
	return campaign.Diagnostic{File: file, Line: line, Rule: ruleChanged, Message: message, Hint: "try again when nobody writes the file"}
}

func (r *records) Digest(ctx context.Context) (string, error) { return digestRows(ctx, r) }

// flat makes values of a record's names and texts; a name twice is a fault.
type flat struct {
	values []value
	seen   map[string]bool
}

func (f *flat) add(name, text string) *fault {
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	if name == "" {
		return &fault{rule: ruleEmptyHeader, message: "a value has an empty name"}
	}
	if f.seen[name] {
		return &fault{rule: ruleDuplicateKey, message: "a name stands twice", hint: "keep one of them"}
	}
	f.seen[name] = true
	f.values = append(f.values, value{name, text})
	return nil
}
