package recipients

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"campaign/internal/campaign"
)

// outcome is what reading a CSV text gave: rows (nil for bad ones) and the rules
// of its problems.
type outcome struct {
	columns []string
	rows    [][]string
	numbers []int64
	lines   []int
	rules   []string
}

func (o *outcome) add(d campaign.Diagnostic) { o.rules = append(o.rules, d.Rule) }

func readAll(t *testing.T, text []byte, l limits) outcome {
	c := csvIn(fstest.MapFS{"r.csv": {Data: text}}, ",").limited(l)
	var o outcome
	columns, ds, err := c.Columns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		if !d.Warning {
			o.add(d)
		}
	}
	if o.columns = columns; columns == nil {
		if len(ds) == 0 {
			t.Fatal("neither columns nor a problem")
		}
		return o
	}
	// The physical lines, to hold positions against.
	lines := strings.Split(string(normaliseLines(nil, bytes.TrimPrefix(text, []byte(byteOrderMark)))), "\n")
	for row, err := range c.Rows(t.Context()) {
		var d campaign.Diagnostic
		if errors.As(err, &d) {
			o.add(d)
			if d.Line < row.Line || d.Line > len(lines) || d.Col > utf8.RuneCountInString(lines[d.Line-1])+1 {
				t.Fatalf("row %d at line %d: problem at %d:%d", row.Row, row.Line, d.Line, d.Col)
			}
		} else if err != nil {
			t.Fatal(err)
		} else if len(row.Cells) != len(columns) {
			t.Fatalf("row %d has %d cells of %d", row.Row, len(row.Cells), len(columns))
		}
		if n := len(o.numbers); n > 0 && (row.Row <= o.numbers[n-1] || row.Line <= o.lines[n-1]) || row.Row > int64(row.Line) {
			t.Fatalf("row %d at line %d after %v at %v", row.Row, row.Line, o.numbers, o.lines)
		}
		if err == nil {
			checkPlaces(t, row, lines)
		}
		o.rows = append(o.rows, row.Cells)
		o.numbers = append(o.numbers, row.Row)
		o.lines = append(o.lines, row.Line)
	}
	return o
}

// checkPlaces holds where the cells of a row begin against the file's lines.
func checkPlaces(t *testing.T, row Row, lines []string) {
	t.Helper()
	for i, cell := range row.Cells {
		line, col := row.Place(i)
		if line < row.Line || line > len(lines) || col < 1 {
			t.Fatalf("cell %d of row %d is at %d:%d", i, row.Row, line, col)
		}
		rest := string([]rune(lines[line-1])[col-1:])
		if first, _, _ := strings.Cut(strings.ReplaceAll(cell, `"`, `""`), "\n"); !strings.HasPrefix(strings.TrimPrefix(rest, `"`), first) {
			t.Fatalf("cell %d of row %d, %q, is not at %d:%d", i, row.Row, cell, line, col)
		}
	}
	if line, col := row.Place(len(row.Cells)); line != row.Line || col != 0 {
		t.Fatalf("a cell that is not there is at %d:%d", line, col)
	}
}

// oracleCSV reads with encoding/csv: all records that are not blank, and the
// lines they begin at; false when it is not well-formed.
func oracleCSV(text []byte) (records [][]string, lines []int, ok bool) {
	text = normaliseLines(nil, bytes.TrimPrefix(text, []byte(byteOrderMark)))
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	from := int64(0)
	for {
		record, err := r.Read()
		if err == io.EOF {
			return records, lines, true
		}
		if err != nil {
			return nil, nil, false
		}
		raw := text[from:r.InputOffset()]
		from = r.InputOffset()
		if len(bytes.Trim(raw, " \t,\n")) == 0 {
			continue
		}
		line, _ := r.FieldPos(0)
		records, lines = append(records, record), append(lines, line)
	}
}

// FuzzCSV holds the scanner against encoding/csv on whatever that calls
// well-formed, and against itself with other buffers on everything.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"", "a,b\n1,2\n", "\uFEFF企业,b\r\n\"1\r\n\"\"2\",\r\n\r\n", "a\rb\r\rc", "a,b\n1\n1,2,3\n", "a,a,\n,,\n\"\",\"\",\n",
		"a\n\"x\ny\"z\n\"\n", "a,b\n\"1\",\"2\"\n \t\n\"3\"\"\",4", "a\n\x00\n\xff\n", "\xff\xfea\x00", "a;b\n1;2\n", "PK\x03\x04",
		"a,b\n\"" + strings.Repeat("x\n", 40) + "\n1,2\n", "a\n" + strings.Repeat("y", 70) + "\n\"z\"\n", "\xd3\xc3\xbb\xa7,b\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := readAll(t, text, defaultLimits)
		if utf8.Valid(text) && !bytes.ContainsAny(text, "\x00\x03") { // else the encoding is guessed from the first buffer
			if small := readAll(t, text, limits{buffer: 16, record: 1 << 20}); !equal(got, small) {
				t.Fatalf("small buffer: %+v\nlarge buffer: %+v", small, got)
			}
			tiny, less := readAll(t, text, limits{buffer: 16, record: 48}), readAll(t, text, limits{buffer: 4096, record: 48})
			if !equal(tiny, less) {
				t.Fatalf("limit of 48, small buffer: %+v\nlarge buffer: %+v", tiny, less)
			}
		}
		whole := slices.DeleteFunc(slices.Clone(got.rules), func(rule string) bool {
			return rule == ruleRowTooLong || rule == ruleRowTooShort || rule == ruleEmptyHeader || rule == ruleDuplicate
		})
		want, lines, ok := oracleCSV(text)
		switch {
		case !ok && len(whole) == 0:
			t.Fatalf("taken for well-formed: %+v", got)
		case !ok || !utf8.Valid(text) || bytes.ContainsAny(text, "\x00\x03"):
			return
		case slices.Contains(got.rules, ruleNotHeader): // encoding/csv looks for no title
			return
		case len(want) == 0:
			if !slices.Equal(got.rules, []string{ruleNoHeader}) {
				t.Fatalf("no records, but %+v", got)
			}
			return
		case len(whole) > 0:
			t.Fatalf("taken for bad: %+v", got)
		}
		for i, name := range want[0] {
			want[0][i] = strings.TrimSpace(name)
		}
		for n := len(want[0]); n > 1 && want[0][n-1] == ""; n-- {
			want[0] = want[0][:n-1]
		}
		if !slices.Equal(want[0], got.columns) {
			t.Fatalf("columns %q, want %q", got.columns, want[0])
		}
		if !slices.Equal(lines[1:], got.lines) {
			t.Fatalf("lines %d, want %d", got.lines, lines[1:])
		}
		for i, record := range want[1:] {
			for n := len(record); n > len(got.columns) && strings.Trim(record[n-1], " \t\u3000") == ""; n-- {
				record = record[:n-1]
			}
			if len(record) != len(got.columns) {
				record = nil
			}
			if !slices.Equal(record, got.rows[i]) || record == nil != (got.rows[i] == nil) {
				t.Fatalf("record %d: %q, want %q", i, got.rows[i], record)
			}
		}
	})
}

func equal(a, b outcome) bool {
	return slices.Equal(a.columns, b.columns) && slices.Equal(a.rules, b.rules) && slices.Equal(a.numbers, b.numbers) &&
		slices.Equal(a.lines, b.lines) && slices.EqualFunc(a.rows, b.rows, slices.Equal[[]string])
}
