package recipients

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"campaign/internal/campaign"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

func encode(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	encoded, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestEncodings(t *testing.T) {
	const text = "userid,名称\nu1,示例企业有限公司\nu2,甲乙丙丁\n"
	var many strings.Builder
	for range 10000 {
		many.WriteString("u1,示例企业有限公司\n")
	}
	const (
		utf16        = "the file seems to be UTF-16 (Excel calls it Unicode text), not UTF-8"
		utf32Message = "the file seems to be UTF-32, not UTF-8"
		gb           = "the file seems to be GB18030 (GBK, ANSI on a Chinese Windows), not UTF-8"
		excel        = "the file seems to be an Excel workbook that was given the name of a CSV file"
	)
	tests := []struct {
		name, text    string
		message, rule string // empty: the file as a whole is all right
		line, col     int
	}{
		{"utf-8", text, "", "", 0, 0},
		{"utf-16 le with a mark", encode(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text), utf16, "not-utf8", 0, 0},
		{"utf-16 be with a mark", encode(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), text), utf16, "not-utf8", 0, 0},
		{"utf-16 le", encode(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), text), utf16, "not-utf8", 0, 0},
		{"utf-16 be", encode(t, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), text), utf16, "not-utf8", 0, 0},
		{"utf-32 le", encode(t, utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), text), utf32Message, "not-utf8", 0, 0},
		{"utf-32 be", encode(t, utf32.UTF32(utf32.BigEndian, utf32.UseBOM), text), utf32Message, "not-utf8", 0, 0},
		{"gbk", encode(t, simplifiedchinese.GBK, text), gb, "not-utf8", 1, 8},
		{"gbk, no line end", encode(t, simplifiedchinese.GBK, "名称,名"), gb, "not-utf8", 1, 1},
		{"gbk, cr", encode(t, simplifiedchinese.GBK, "userid,name\ru1,x\ru2,示例企业\r"), gb, "not-utf8", 3, 4},
		{"gb18030, four bytes", encode(t, simplifiedchinese.GB18030, "userid,名称\nu1,示例ǔ㐀\n"), gb, "not-utf8", 1, 8},
		{"gbk, longer than the head", encode(t, simplifiedchinese.GBK, many.String()), gb, "not-utf8", 1, 4},
		{"excel", "PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00", excel, "not-csv", 0, 0},
		{"old excel", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", excel, "not-csv", 0, 0},

		{"latin-1", encode(t, charmap.ISO8859_1, "userid,name\nu1,Müller\nu2,René\n"), "", "", 0, 0},
		{"one gbk row among many", text + encode(t, simplifiedchinese.GBK, "u3,示例\n"), "", "", 0, 0},
		{"single nul bytes", "userid,name\nu1,\x00x\nu2,\x00\n", "", "", 0, 0},
		{"a character on the head's edge", "a," + strings.Repeat("业", 30000) + "\n", "", "", 0, 0},
		{"a row on the head's edge", "a,b\n" + strings.Repeat("u,业\n", 30000), "", "", 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := openCSV(fstest.MapFS{"r.csv": {Data: []byte(test.text)}}, "r.csv")
			columns, ds, err := src.Columns(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if test.message == "" {
				if columns == nil || ds != nil {
					t.Errorf("columns %q, %v", columns, ds)
				}
				return
			}
			if columns != nil || len(ds) != 1 {
				t.Fatalf("columns %q, %v", columns, ds)
			}
			d := ds[0]
			if d.Message != test.message || d.Rule != test.rule || d.Line != test.line || d.Col != test.col {
				t.Errorf("%+v", d)
			}
			if !strings.Contains(d.Hint, "UTF-8") {
				t.Errorf("hint %q", d.Hint)
			}
			n := 0
			for _, err := range src.Rows(t.Context()) {
				if n++; !errors.Is(err, d) {
					t.Errorf("rows say %v", err)
				}
			}
			if n != 1 {
				t.Errorf("%d problems in the rows", n)
			}
		})
	}
}

// TestEncodingOfOneRow: a row in another encoding is bad, the others are not.
func TestEncodingOfOneRow(t *testing.T) {
	text := "userid,名称\nu1,示例\nu2," + encode(t, simplifiedchinese.GBK, "示例") +
		"\nu3," + encode(t, charmap.ISO8859_1, "é") + "\nu4,示例\n"
	var got []string
	for row, err := range openCSV(fstest.MapFS{"r.csv": {Data: []byte(text)}}, "r.csv").Rows(t.Context()) {
		var d campaign.Diagnostic
		if errors.As(err, &d) {
			got = append(got, d.Error())
		} else {
			got = append(got, row.Cells[0])
		}
	}
	want := "u1 | r.csv:3:4: the text is not UTF-8, it seems to be GB18030 (GBK) [not-utf8] | " +
		"r.csv:4:4: the text is not UTF-8 [not-utf8] | u4"
	if s := strings.Join(got, " | "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}
