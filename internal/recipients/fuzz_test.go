package recipients

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
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
	c.encoding = utf8Name
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
			return rule == ruleRowTooLong || rule == ruleRowTooShort || rule == ruleEmptyHeader || rule == ruleDuplicate || rule == ruleRepeatedHeader
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
			if len(record) != len(got.columns) || slices.EqualFunc(record, got.columns, func(cell, name string) bool { return strings.TrimSpace(cell) == name }) {
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

// checkSource reads a source as a plan does: whatever the file is, it ends, its
// rows have as many cells as there are columns and ascend, problems have a rule and
// lie in the file, and a second reading gives the same.
func checkSource(t *testing.T, s Source) {
	read := func() (told []string) {
		columns, ds, err := s.Columns(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if columns == nil && !campaign.HasErrors(ds) {
			t.Fatal("neither columns nor a problem")
		}
		last := int64(0)
		for row, err := range s.Rows(t.Context()) {
			var d campaign.Diagnostic
			switch {
			case errors.As(err, &d):
				if d.Rule == "" || d.Message == "" || d.Line < 0 || d.Source != "" {
					t.Fatalf("%+v", d)
				}
				told = append(told, d.Error())
			case err != nil:
				t.Fatal(err)
			case columns == nil || len(row.Cells) != len(columns):
				t.Fatalf("row %d has %d cells of %d", row.Row, len(row.Cells), len(columns))
			default:
				told = append(told, strings.Join(row.Cells, "\x00"))
			}
			if err == nil && row.Row <= last || row.Row < 0 {
				t.Fatalf("row %d after %d", row.Row, last)
			}
			if row.Row > 0 {
				last = row.Row
			}
			for i := range row.Cells {
				row.Place(i)
			}
		}
		return told
	}
	if first, second := read(), read(); !slices.Equal(first, second) {
		t.Fatalf("read twice: %q, then %q", first, second)
	}
	if p, ok := s.(Peeker); ok {
		p.Peek(t.Context(), 5)
	}
	s.Digest(t.Context())
}

func openText(t *testing.T, name string, text []byte, sheet campaign.Sheet) Source {
	s, err := Open(fstest.MapFS{name: {Data: text}}, name, sheet)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// corpusFiles adds the files of the corpus with an extension as seeds.
func corpusFiles(f *testing.F, add func(data []byte), extensions ...string) {
	names, err := filepath.Glob("testdata/corpus/*")
	if err != nil || len(names) == 0 {
		f.Fatalf("no corpus: %v", err)
	}
	for _, name := range names {
		for _, extension := range extensions {
			if strings.HasSuffix(name, extension) {
				data, err := os.ReadFile(name)
				if err != nil {
					f.Fatal(err)
				}
				add(data)
			}
		}
	}
}

// FuzzDelimited reads delimited text as it is found and as it is said to be.
func FuzzDelimited(f *testing.F) {
	corpusFiles(f, func(data []byte) { f.Add(data, "", "", uint8(0), "") }, ".csv", ".tsv")
	corpusFiles(f, func(data []byte) { f.Add(data, ";", "gb18030", uint8(3), "合计") }, ".csv")
	f.Fuzz(func(t *testing.T, data []byte, delimiter, encoding string, header uint8, stop string) {
		sheet := campaign.Sheet{HeaderRow: int64(header), StopAt: stop}
		if slices.Contains([]string{",", "\t", ";", "|"}, delimiter) {
			sheet.Delimiter = delimiter
		}
		if slices.Contains(Encodings(), encoding) {
			sheet.Encoding = encoding
		}
		checkSource(t, openText(t, "r.csv", data, sheet))
		checkSource(t, openText(t, "r.tsv", data, campaign.Sheet{}))
	})
}

func FuzzGzip(f *testing.F) {
	corpusFiles(f, func(data []byte) { f.Add(data) }, ".gz")
	f.Fuzz(func(t *testing.T, data []byte) { checkSource(t, openText(t, "r.csv.gz", data, campaign.Sheet{})) })
}

func FuzzNDJSON(f *testing.F) {
	corpusFiles(f, func(data []byte) { f.Add(data) }, ".ndjson", ".json")
	f.Fuzz(func(t *testing.T, data []byte) { checkSource(t, openText(t, "r.ndjson", data, campaign.Sheet{})) })
}

// FuzzJSON holds the cutting of arrays against encoding/json: what that takes for
// an array of flat objects gives as many rows, and what it does not a problem.
func FuzzJSON(f *testing.F) {
	corpusFiles(f, func(data []byte) { f.Add(data) }, ".json", ".ndjson")
	f.Fuzz(func(t *testing.T, data []byte) {
		s := openText(t, "r.json", data, campaign.Sheet{})
		checkSource(t, s)
		var want []map[string]any
		if !utf8.Valid(data) || bytes.HasPrefix(data, []byte(byteOrderMark)) || bytes.IndexByte(data, 0) >= 0 {
			return
		}
		err := json.Unmarshal(data, &want)
		if err == nil && want == nil {
			return // null
		}
		rows, problems := 0, 0
		for _, err := range s.Rows(t.Context()) {
			if err != nil {
				problems++
			} else {
				rows++
			}
		}
		if err != nil && problems == 0 || err == nil && rows+problems != len(want) {
			t.Fatalf("%d rows and %d problems; encoding/json: %d, %v", rows, problems, len(want), err)
		}
	})
}

func FuzzYAML(f *testing.F) {
	corpusFiles(f, func(data []byte) { f.Add(data) }, ".yaml")
	f.Fuzz(func(t *testing.T, data []byte) { checkSource(t, openText(t, "r.yaml", data, campaign.Sheet{})) })
}

// FuzzXLSX reads any bytes as a workbook.
func FuzzXLSX(f *testing.F) {
	corpusFiles(f, func(data []byte) { f.Add(data, uint8(0)) }, ".xlsx")
	f.Fuzz(func(t *testing.T, data []byte, header uint8) {
		checkSource(t, openText(t, "r.xlsx", data, campaign.Sheet{HeaderRow: int64(header)}))
	})
}

// FuzzSheet reads any XML as the sheet and the shared texts of a workbook.
func FuzzSheet(f *testing.F) {
	f.Add([]byte(inline(1, "a", "b")+inline(2, "1", "2")), []byte("<si><t>x</t></si>"), []byte(""))
	f.Add([]byte(`<row r="1"><c t="s"><v>0</v></c><c r="C1"><v>1.38E+10</v></c></row><row hidden="1"><c><v>5</v></c></row>`), []byte("<si><t>x</t></si>"),
		[]byte(`<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs><xf numFmtId="14"/></cellXfs></styleSheet>`))
	f.Fuzz(func(t *testing.T, sheet, texts, styles []byte) {
		more := map[string]io.Reader{}
		if len(styles) > 0 {
			more["xl/styles.xml"] = bytes.NewReader(styles)
		}
		checkSource(t, openText(t, "r.xlsx", workbookOf(t, bytes.NewReader(sheet), bytes.NewReader(texts), more), campaign.Sheet{}))
	})
}
