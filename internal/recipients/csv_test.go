package recipients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"unicode/utf8"

	"campaign/internal/campaign"

	"github.com/google/go-cmp/cmp"
)

// read gives the rows and problems of a CSV text as short lines: "row@line
// cell|cell" and "row@line line:col rule".
func read(t *testing.T, text string, l limits) (columns []string, lines []string) {
	t.Helper()
	c := csvIn(fstest.MapFS{"r.csv": {Data: []byte(text)}}, "").limited(l)
	columns, ds, err := c.Columns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		lines = append(lines, fmt.Sprintf("header %d:%d %s", d.Line, d.Col, d.Rule))
	}
	if columns == nil {
		return nil, lines
	}
	for row, err := range c.Rows(t.Context()) {
		at := fmt.Sprintf("%d@%d ", row.Row, row.Line)
		var d campaign.Diagnostic
		switch {
		case err == nil:
			lines = append(lines, at+strings.Join(row.Cells, "|"))
		case errors.As(err, &d):
			if d.File != "r.csv" || d.Source != "" || d.Warning || row.Cells != nil {
				t.Errorf("%+v with %v", d, row.Cells)
			}
			lines = append(lines, at+fmt.Sprintf("%d:%d %s", d.Line, d.Col, d.Rule))
		default:
			t.Fatal(err)
		}
	}
	return columns, lines
}

func TestCSV(t *testing.T) {
	small := limits{buffer: 16, record: 20}
	tests := []struct {
		name    string
		text    string
		columns string
		lines   []string
	}{
		{"lf", "a,b\n1,2\n3,4\n", "a|b", []string{"2@2 1|2", "3@3 3|4"}},
		{"crlf", "a,b\r\n1,2\r\n3,4\r\n", "a|b", []string{"2@2 1|2", "3@3 3|4"}},
		{"lone cr", "a,b\r1,2\r3,4\r", "a|b", []string{"2@2 1|2", "3@3 3|4"}},
		{"mixed line ends", "a,b\r1,2\n\r3,4\r\n5,6", "a|b", []string{"2@2 1|2", "4@4 3|4", "5@5 5|6"}},
		{"no line end at the end", "a,b\n1,2", "a|b", []string{"2@2 1|2"}},
		{"byte order mark", "\uFEFFa,b\n1,2\n", "a|b", []string{"2@2 1|2"}},
		{"byte order mark before a quote", "\uFEFF\"a\",b\n1,2\n", "a|b", []string{"2@2 1|2"}},
		{"columns after a byte order mark", "\uFEFF企业,企业\n", "企业|企业", []string{"header 1:4 duplicate-header"}},
		{"spaces around names only", " a ,\tb\u3000\n 1 ,\t2\u3000\n", "a|b", []string{"2@2  1 |\t2\u3000"}},
		{"blank lines count", "\n\na,b\n\n1,2\n \t\n,\n3,4\n\n\r\n,,,,\n", "a|b", []string{"5@5 1|2", "8@8 3|4"}},
		{"an empty quoted row is a row", "a,b\n\"\",\n", "a|b", []string{"2@2 |"}},
		{"empty cells", "a,b,c\n,2,\n1,,\n", "a|b|c", []string{"2@2 |2|", "3@3 1||"}},
		{"quotes", "a,b\n\"1,\"\"x\"\"\",\"\"\n", "a|b", []string{`2@2 1,"x"|`}},
		{"lines in quotes", "a,b\n\"1\r\n2\r3\n4\",x\n5,6\n", "a|b", []string{"2@2 1\n2\n3\n4|x", "3@6 5|6"}},
		{"quotes in the header", "\"a\nb\",\"c\"\"\"\n1,2\n", "a\nb|c\"", []string{"2@3 1|2"}},
		{"quote ends the file", "a,b\n1,\"2\"", "a|b", []string{"2@2 1|2"}},
		{"quote before a last cr", "a,b\r1,\"2\"\r", "a|b", []string{"2@2 1|2"}},

		{"too short", "a,b,c\n1,2\n3,4,5\n", "a|b|c", []string{"2@2 2:0 row-too-short", "3@3 3|4|5"}},
		{"too long", "a,b\n企业,2,3,4\n3,4\n", "a|b", []string{"2@2 2:6 row-too-long", "3@3 3|4"}},
		{"too long on a later line", "a,b\n\"1\n企\",2,3\n3,4\n", "a|b", []string{"2@2 3:6 row-too-long", "3@4 3|4"}},
		{"too short with quotes", "a,b\n\"1\n2\"\n3,4\n", "a|b", []string{"2@2 2:0 row-too-short", "3@4 3|4"}},
		{"bare quote", "a,b\n企x,企\"y\n3,4\n", "a|b", []string{"2@2 2:5 bad-quote", "3@3 3|4"}},
		{"space before a quote", "a,b\n1, \"y\"\n3,4\n", "a|b", []string{"2@2 2:4 bad-quote", "3@3 3|4"}},
		{"text after a quote", "a,b\n\"企\"y,2\n3,4\n", "a|b", []string{"2@2 2:4 bad-quote", "3@3 3|4"}},
		{
			"stray quote hides one row", "a,b\n1,\"2\n3,4\n5,6\n\"7\",8\n9,0\n", "a|b",
			[]string{"2@2 2:3 bad-quote", "3@3 3|4", "4@4 5|6", "5@5 7|8", "6@6 9|0"},
		},
		{
			"never closed", "a,b\n1,2\n\"3,4\n5,6\n7,8\n", "a|b",
			[]string{"2@2 1|2", "3@3 3:1 quote-not-closed", "4@4 5|6", "5@5 7|8"},
		},
		{"never closed on the last line", "a,b\n1,\"", "a|b", []string{"2@2 2:3 quote-not-closed"}},
		{"nul", "a,b\n企,\x00\n3,4\n", "a|b", []string{"2@2 2:3 nul-byte", "3@3 3|4"}},
		{"nul in quotes", "a,b\n\"企\n\x00\n\",2\n3,4\n", "a|b", []string{"2@2 3:1 nul-byte", "3@5 3|4"}},
		{"not utf-8", "a,企\n1,企\n企,\xff\n3,4\n", "a|企", []string{"2@2 1|企", "3@3 3:3 not-utf8", "4@4 3|4"}},
		{"not utf-8 in quotes", "a,b\n\"1\r\r\xff\n\",2\n3,4\n", "a|b", []string{"2@2 4:1 not-utf8", "3@6 3|4"}},
		{"surrogates and overlong forms", "a\n\xed\xa0\x80\n\xc0\xaf\n", "a", []string{"2@2 2:1 not-utf8", "3@3 3:1 not-utf8"}},
		{"a real replacement character", "a\n\uFFFD\n", "a", []string{"2@2 \uFFFD"}},

		{"empty", "", "", []string{"header 1:0 no-header"}},
		{"only a byte order mark", "\uFEFF", "", []string{"header 1:0 no-header"}},
		{"only blank lines", "\n\r\n\r ,\n", "", []string{"header 1:0 no-header"}},
		{"header only", "a,b\n", "a|b", nil},
		{"empty names", "a,, ,b\n1,2,3,4\n", "a|||b", []string{"header 1:3 empty-header", "header 1:4 empty-header", "2@2 1|2|3|4"}},
		{"separators behind the header", "a,b,, \n1,2,,\n1,2\n1,\"2\",\n1,2,3\n\"1\",2,,3\n", "a|b", []string{"2@2 1|2", "3@3 1|2", "4@4 1|2", "5@5 5:5 row-too-long", "6@6 6:7 row-too-long"}},
		{"separators behind rows", "a,b\n1,2,,\n\"1\",2, ,\n", "a|b", []string{"2@2 1|2", "3@3 1|2"}},
		{"a title above", "名单\n\na,b\n1,2\n", "", []string{"header 1:0 not-the-header"}},
		{"same names", "\"a\n\",b,a,b\n", "a|b|a|b", []string{"header 2:5 duplicate-header", "header 2:7 duplicate-header"}},
		{"bad quote in the header", "a,b\"\n1,2\n", "", []string{"header 1:4 bad-quote"}},
		{"unclosed header", "\"a,b\n1,2\n", "", []string{"header 1:1 quote-not-closed"}},
		{"header not utf-8", "a\xff,b\n1,2\n", "", []string{"header 1:2 not-utf8"}},
		{"semicolons", "a;b\n1,5;2\n", "a|b", []string{"2@2 1,5|2"}},
		{"tabs", "a\tb\n1\t\"2\t\"\n", "a|b", []string{"2@2 1|2\t"}},
		{"bars", "a|b|c\n1|2|3\n", "a|b|c", []string{"2@2 1|2|3"}},
		{"other separator", "a:b;\n", "a:b", nil},
		{
			"as many columns as there may be", strings.Repeat("a,", maxColumns), "",
			[]string{"header 1:0 too-many-columns"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, l := range []limits{defaultLimits, {buffer: 16, record: 1 << 20}} {
				if l.buffer == 16 && (strings.ContainsRune(test.text, 0) || !utf8.ValidString(test.text)) {
					continue // the encoding is guessed from the first buffer
				}
				columns, lines := read(t, test.text, l)
				if got := strings.Join(columns, "|"); got != test.columns {
					t.Errorf("columns %q, want %q", got, test.columns)
				}
				if diff := cmp.Diff(test.lines, lines); diff != "" {
					t.Errorf("buffer %d: (-want +got)\n%s", l.buffer, diff)
				}
			}
		})
	}

	long := []struct {
		name, text string
		lines      []string
	}{
		{"as long as may be", "a,b\n123456789,1234567890\n3,4\n", []string{"2@2 123456789|1234567890", "3@3 3|4"}},
		{"one more", "a,b\n123456789,12345678901\n3,4\n", []string{"2@2 2:0 line-too-long", "3@3 3|4"}},
		{"two more", "a,b\r\n123456789,123456789012\r\n3,4\n", []string{"2@2 2:0 line-too-long", "3@3 3|4"}},
		{"lone cr at the edge", "a,b\r123456789,12345678901\r3,4\r", []string{"2@2 2:0 line-too-long", "3@3 3|4"}},
		{"crlf at the edge", "a,b\r\n123456789,12345678901\r\n3,4\r\n", []string{"2@2 2:0 line-too-long", "3@3 3|4"}},
		{"much more", "a,b\n" + strings.Repeat("1234,\"", 100) + "\n3,4\n", []string{"2@2 2:0 line-too-long", "3@3 3|4"}},
		{"huge", "a,b\n" + strings.Repeat("x", 1000) + "\n3,4\n", []string{"2@2 2:0 line-too-long", "3@3 3|4"}},
		{"huge and last", "a,b\n" + strings.Repeat("x", 1000), []string{"2@2 2:0 line-too-long"}},
		{"quoted, as long as may be", "a,b\n\"12345678\n\",12345678\n3,4\n", []string{"2@2 12345678\n|12345678", "3@4 3|4"}},
		{"quoted, one more", "a,b\n\"12345678\n\",123456789\n3,4\n", []string{"2@2 2:0 line-too-long", "3@4 3|4"}},
		{"quoted, much more", "a,b\n\"1\n\",1234567890123456789\n3,4\n", []string{"2@2 2:0 line-too-long", "3@3 3:0 line-too-long", "4@4 3|4"}},
		{
			"quote never closed", "a,b\n1,\"2\n3,4\n" + strings.Repeat("\n", 30) + "5,6\n",
			[]string{"2@2 2:3 quote-not-closed", "3@3 3|4", "34@34 5|6"},
		},
		{
			"quote never closed in a huge line", "a,b\n1,\"" + strings.Repeat("x", 100) + "\n5,6\n",
			[]string{"2@2 2:0 line-too-long", "3@3 5|6"},
		},
	}
	for _, test := range long {
		t.Run(test.name, func(t *testing.T) {
			for _, l := range []limits{small, {buffer: 22, record: 20}, {buffer: 4096, record: 20}} {
				if _, lines := read(t, test.text, l); cmp.Diff(test.lines, lines) != "" {
					t.Errorf("buffer %d: (-want +got)\n%s", l.buffer, cmp.Diff(test.lines, lines))
				}
			}
		})
	}
}

// TestCSVMasksCells puts a marker into every cell of every kind of bad file: no
// part of a diagnostic may show it.
func TestCSVMasksCells(t *testing.T) {
	const who = "张三13800000000"
	texts := []string{
		who, who + "," + who + "\n", who + ";" + who + "\n", "a,b\n" + who + "\n", "a,b\n1,2," + who + "\n",
		"a,b\n" + who + "\"" + who + ",2\n", "a,b\n\"" + who + "\"" + who + ",2\n", "a,b\n\"" + who + "\n" + who,
		"a,b\n\"" + who + "\n" + who + "\"" + who + "\n", "a,b\n" + who + "\x00,2\n", "a,企\n企,企\n" + who + "\xff,2\n",
		"\"" + who, "\xff" + who, "\xff\xfe" + who, who + "\xff\n", strings.Repeat(who+",", 20000),
	}
	found := 0
	for _, text := range texts {
		c := csvIn(fstest.MapFS{"r.csv": {Data: []byte(text)}}, "").limited(limits{64 << 10, 100 << 10})
		_, ds, err := c.Columns(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range c.Rows(t.Context()) {
			var d campaign.Diagnostic
			if errors.As(err, &d) {
				ds = append(ds, d)
			} else if err != nil {
				t.Fatal(err)
			}
		}
		found += len(ds)
		for _, d := range ds {
			all := fmt.Sprintf("%+v", d) + d.Error()
			if strings.Contains(all, "张") || strings.Contains(all, "1380") {
				t.Errorf("%q shows the cell: %s", text[:min(len(text), 60)], all)
			}
		}
	}
	if found < len(texts)-1 { // the first is only a header
		t.Errorf("only %d problems in %d texts", found, len(texts))
	}
}

// TestCSVKeepsCells: rows stay as they were while reading goes on.
func TestCSVKeepsCells(t *testing.T) {
	var text strings.Builder
	text.WriteString("a,b\n")
	for i := range 20000 {
		fmt.Fprintf(&text, "%d,\"x%d\"\n", i, i)
	}
	src := csvIn(fstest.MapFS{"r.csv": {Data: []byte(text.String())}}, "")
	var rows []Row
	for row, err := range src.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if len(rows) != 20000 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, row := range rows {
		if want := (Row{Row: int64(i) + 2, Line: i + 2, Cells: []string{fmt.Sprint(i), fmt.Sprint("x", i)}, Text: fmt.Sprintf("%d,\"x%d\"", i, i), Form: &Form{Separator: ','}}); !cmp.Equal(row, want) {
			t.Fatalf("row %v, want %v", row, want)
		}
	}
	for range 2 { // and it can be read again, and left early
		for row, err := range src.Rows(t.Context()) {
			if err != nil || row.Cells[0] != "0" {
				t.Fatal(row, err)
			}
			break
		}
	}
}

// brokenFS gives one file that reads with a reader.
type brokenFS struct{ reader func() io.Reader }

type brokenFile struct {
	io.Reader
	fs.File
}

func (b brokenFile) Read(p []byte) (int, error) { return b.Reader.Read(p) }
func (b brokenFile) Close() error               { return nil }
func (b brokenFile) Stat() (fs.FileInfo, error) { return nil, errors.New("device is gone") }

func (b brokenFS) Open(string) (fs.File, error) { return brokenFile{Reader: b.reader()}, nil }

type stuckReader struct{}

func (stuckReader) Read([]byte) (int, error) { return 0, nil }

func TestCSVReadErrors(t *testing.T) {
	broken := errors.New("device is gone")
	body := "a,b\n" + strings.Repeat("1,2\n", 30000)
	tests := []struct {
		name   string
		reader func() io.Reader
		want   error
		rows   bool // some rows come before
	}{
		{"at once", func() io.Reader { return iotest.ErrReader(broken) }, broken, false},
		{"later", func() io.Reader { return io.MultiReader(strings.NewReader(body), iotest.ErrReader(broken)) }, broken, true},
		{"in quotes", func() io.Reader {
			return io.MultiReader(strings.NewReader(body+"\""+strings.Repeat("x\n", 50000)), iotest.ErrReader(broken))
		}, broken, true},
		{"while passing over a long line", func() io.Reader {
			return io.MultiReader(strings.NewReader(body+strings.Repeat("x", 3<<20)), iotest.ErrReader(broken))
		}, broken, true},
		{"cut off", func() io.Reader {
			return io.MultiReader(strings.NewReader(body), iotest.ErrReader(io.ErrUnexpectedEOF))
		}, io.ErrUnexpectedEOF, true},
		{"stuck", func() io.Reader { return stuckReader{} }, io.ErrNoProgress, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := csvIn(brokenFS{test.reader}, "")
			rows, last := 0, error(nil)
			for _, err := range src.Rows(t.Context()) {
				if last != nil {
					t.Fatalf("goes on after %v", last)
				}
				if err == nil {
					rows++
				}
				last = err
			}
			if !errors.Is(last, test.want) || (rows > 0) != test.rows {
				t.Errorf("%d rows, then %v", rows, last)
			}
			if last != nil && !strings.HasPrefix(last.Error(), "recipients file r.csv: reading after line ") {
				t.Errorf("message %q", last)
			}
			if _, err := src.Digest(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("digest: %v", err)
			}
			if _, _, err := src.Columns(t.Context()); (err != nil) != !test.rows {
				t.Errorf("columns: %v", err)
			}
		})
	}
}

func TestCSVMissingFile(t *testing.T) {
	src, err := Open(fstest.MapFS{}, "x/r.csv", campaign.Sheet{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := src.Columns(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("columns: %v", err)
	}
	if _, err := src.Digest(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("digest: %v", err)
	}
	n := 0
	for _, err := range src.Rows(t.Context()) {
		if n++; !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("rows: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d errors", n)
	}
}

// TestCSVHeaderProblemsInRows: who does not ask for the columns still learns that
// there are none.
func TestCSVHeaderProblemsInRows(t *testing.T) {
	src := csvIn(fstest.MapFS{"r.csv": {Data: []byte("a\"\n1\n")}}, "")
	n := 0
	for _, err := range src.Rows(t.Context()) {
		var d campaign.Diagnostic
		if n++; !errors.As(err, &d) || d.Rule != "bad-quote" || d.Line != 1 || d.Col != 2 {
			t.Errorf("rows: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d problems", n)
	}
}

func TestCSVCancelled(t *testing.T) {
	src := csvIn(fstest.MapFS{"r.csv": {Data: []byte("a\n1\n2\n3\n")}}, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rows, last := 0, error(nil)
	for _, err := range src.Rows(ctx) {
		if last = err; err == nil {
			rows++
		}
		cancel()
	}
	if rows != 1 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d rows, then %v", rows, last)
	}
	if _, _, err := src.Columns(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("columns: %v", err)
	}
	if _, err := src.Digest(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("digest: %v", err)
	}
	for _, err := range src.Rows(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("rows: %v", err)
		}
	}
}
