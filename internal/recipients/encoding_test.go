package recipients

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"campaign/internal/campaign"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
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
	read := "userid|名称 / u1|示例企业有限公司 / u2|甲乙丙丁"
	le, be := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	tests := []struct {
		name, given, text string
		rows              string // header and rows; "…": whatever
		found             string // about the file as a whole
	}{
		{"utf-8", "", text, read, ""},
		{"utf-8, given", "utf-8", text, read, ""},
		{"utf-8 with a mark, given", "utf-8", byteOrderMark + text, read, ""},
		{"utf-16 le with a mark", "", "\xFF\xFE" + encode(t, le, text), read, ""},
		{"utf-16 be with a mark", "", "\xFE\xFF" + encode(t, be, text), read, ""},
		{"utf-16 with a mark, given", "utf-16", "\xFE\xFF" + encode(t, be, text), read, ""},
		{"utf-16 le, given", "utf-16le", encode(t, le, text), read, ""},
		{"utf-16 be, given", "utf-16be", encode(t, be, text), read, ""},
		{"utf-16 cut in a character", "utf-16le", encode(t, le, "a,b\n1,2") + "x", "a|b / [other-encoding] 2:4: there is a character that is not utf-16le", ""},
		{"gbk", "", encode(t, simplifiedchinese.GBK, text), read, "warning 1:8 encoding-guessed the file is read as GB18030 (GBK), which is 96 % sure"},
		{"gbk, given", "gb18030", encode(t, simplifiedchinese.GBK, text), read, ""},
		{"gbk, no line end", "", encode(t, simplifiedchinese.GBK, "名称,名"), "名称|名", "warning 1:1 encoding-guessed the file is read as GB18030 (GBK), which is 85 % sure"},
		{"gbk, two characters", "", encode(t, simplifiedchinese.GBK, "userid,名称\nu1,x\n"), "userid|名称 / u1|x", "warning 1:8 encoding-guessed the file is read as GB18030 (GBK), which is 80 % sure"},
		{"gbk, one character", "", encode(t, simplifiedchinese.GBK, "userid,名\nu1,x\n"), "",
			"1:8 encoding-unknown the file is not UTF-8; it could be GB18030 (GBK), but that is only 66 % sure"},
		{"gbk, cr", "", encode(t, simplifiedchinese.GBK, "userid,name\ru1,x\ru2,示例企业\r"), "userid|name / u1|x / u2|示例企业", "warning 3:4 encoding-guessed the file is read as GB18030 (GBK), which is 88 % sure"},
		{"gb18030, four bytes", "", encode(t, simplifiedchinese.GB18030, "userid,名称\nu1,示例ǔ㐀\n"), "userid|名称 / u1|示例ǔ㐀", "warning 1:8 encoding-guessed the file is read as GB18030 (GBK), which is 90 % sure"},
		{"gbk, longer than the head", "", encode(t, simplifiedchinese.GBK, many.String()), "…", "warning 1:4 encoding-guessed the file is read as GB18030 (GBK), which is 99 % sure"},
		{"gbk with a bad byte", "gb18030", encode(t, simplifiedchinese.GBK, "a,b\n名,") + "\xFF\n" + "3,4\n", "a|b / [other-encoding] 2:3: there is a character that is not gb18030 / 3|4", ""},
		{"traditional", "", encode(t, traditionalchinese.Big5, "姓名,單位\n張三,測試機關\n"), "", "…"},

		{"utf-16 le without a mark", "", encode(t, le, text), "", "0:0 not-utf8 the file seems to be UTF-16 without a byte order mark"},
		{"utf-16 be without a mark", "", encode(t, be, text), "", "0:0 not-utf8 the file seems to be UTF-16 without a byte order mark"},
		{"utf-16 without a mark, given", "utf-16", encode(t, be, text), "", "0:0 other-encoding the file has no byte order mark that says which UTF-16 it is"},
		{"utf-32 le", "", encode(t, utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), text), "", "0:0 not-utf8 the file seems to be UTF-32, not UTF-8"},
		{"utf-32 be", "", encode(t, utf32.UTF32(utf32.BigEndian, utf32.UseBOM), text), "", "0:0 not-utf8 the file seems to be UTF-32, not UTF-8"},
		{"utf-8 with a mark, another given", "gb18030", byteOrderMark + text, "", "0:0 other-encoding the file is utf-8 by its byte order mark, not gb18030"},
		{"utf-16 with a mark, another given", "utf-16le", "\xFE\xFF" + encode(t, be, text), "", "0:0 other-encoding the file is utf-16be by its byte order mark, not utf-16le"},
		{"utf-8, gb18030 given", "gb18030", text, "", "0:0 other-encoding the file is UTF-8, not GB18030 as encoding says"},

		{"latin-1", "", encode(t, charmap.ISO8859_1, "userid,name\nu1,Müller\n"), "userid|name / [not-utf8] 2:5: the text is not UTF-8", ""},
		{"one gbk row among many", "", text + encode(t, simplifiedchinese.GBK, "u3,示例\n"), read + " / [not-utf8] 4:4: the text is not UTF-8, it seems to be GB18030 (GBK)", ""},
		{"single nul bytes", "", "userid,name\nu1,\x00x\nu2,y\n", "userid|name / [nul-byte] 2:4: there is a NUL byte in the text / u2|y", ""},
		{"a character on the head's edge", "", "a," + strings.Repeat("业", 30000) + "\n", "…", ""},
		{"a row on the head's edge", "", "a,b\n" + strings.Repeat("u,业\n", 30000), "…", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := csvIn(fstest.MapFS{"r.csv": {Data: []byte(test.text)}}, "")
			src.encoding = test.given
			columns, ds, err := src.Columns(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, d := range ds {
				kind := map[bool]string{true: "warning ", false: ""}[d.Warning]
				found = append(found, fmt.Sprintf("%s%d:%d %s %s", kind, d.Line, d.Col, d.Rule, d.Message))
				if d.Hint == "" || d.File != "r.csv" {
					t.Errorf("%+v", d)
				}
			}
			if got := strings.Join(found, " / "); got != test.found && test.found != "…" {
				t.Errorf("found %q, want %q", got, test.found)
			}
			if (columns == nil) != (test.rows == "") {
				t.Errorf("columns %q", columns)
			}
			told := []string{}
			if columns != nil {
				told = append(told, strings.Join(columns, "|"))
			}
			for row, err := range src.Rows(t.Context()) {
				var d campaign.Diagnostic
				switch {
				case columns == nil:
					if !errors.Is(err, ds[0]) {
						t.Errorf("rows say %v", err)
					}
				case errors.As(err, &d):
					told = append(told, fmt.Sprintf("[%s] %d:%d: %s", d.Rule, d.Line, d.Col, d.Message))
				default:
					told = append(told, strings.Join(row.Cells, "|"))
				}
			}
			if got := strings.Join(told, " / "); got != test.rows && test.rows != "…" {
				t.Errorf("read %q\nwant %q", got, test.rows)
			}
			for _, name := range Encodings() {
				if test.given == name {
					return
				}
			}
			if test.given != "" {
				t.Errorf("%s is no name of an encoding", test.given)
			}
		})
	}
}

// TestEncodingOfOneRow: a row in another encoding is bad, the others are not.
func TestEncodingOfOneRow(t *testing.T) {
	text := "userid,名称\nu1,示例\nu2," + encode(t, simplifiedchinese.GBK, "示例") +
		"\nu3," + encode(t, charmap.ISO8859_1, "é") + "\nu4,示例\n"
	var got []string
	for row, err := range csvIn(fstest.MapFS{"r.csv": {Data: []byte(text)}}, "").Rows(t.Context()) {
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
