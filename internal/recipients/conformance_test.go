package recipients

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"campaign/internal/campaign"
)

// TestCSVConformance has the cases that public sets of CSV tests cover (RFC 4180
// section 2, and what programs differ in), written anew. Rows are cells with | and
// lines with / between them; a problem is its rule and column.
func TestCSVConformance(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		// RFC 4180, section 2, by its rules.
		{"1: records on lines", "aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", "aaa|bbb|ccc / zzz|yyy|xxx"},
		{"2: the last line has no line end", "aaa,bbb,ccc\r\nzzz,yyy,xxx", "aaa|bbb|ccc / zzz|yyy|xxx"},
		{"3: a header with as many fields", "name,code\r\nx,1\r\n", "name|code / x|1"},
		{"4: spaces are part of a field", "a,b\r\n x , y\r\n", "a|b /  x | y"},
		{"4: not the same number of fields", "a,b\r\n1\r\n1,2,3\r\n", "a|b / row-too-short 2:0 / row-too-long 3:5"},
		{"4: no comma behind the last field", "a,b\r\n1,2,\r\n", "a|b / 1|2"},
		{"5: fields in quotes or not", "\"aaa\",bbb,\"ccc\"\r\nzzz,\"yyy\",xxx\r\n", "aaa|bbb|ccc / zzz|yyy|xxx"},
		{"5: no quotes in a field without", "a,b\r\nx\"y,2\r\n", "a|b / bad-quote 2:2"},
		{"6: line breaks, quotes and commas in quotes", "a,b\r\n\"x\r\ny\",\"1,2\"\r\n", "a|b / x\ny|1,2"},
		{"7: quotes twice", "aaa,bbb\r\n\"a\"\"b\"\"\",\"\"\"\"\r\n", "aaa|bbb / a\"b\"|\""},

		// Line ends.
		{"lf", "a,b\n1,2\n", "a|b / 1|2"},
		{"cr", "a,b\r1,2\r", "a|b / 1|2"},
		{"every line end", "a,b\r\n1,2\n3,4\r5,6", "a|b / 1|2 / 3|4 / 5|6"},
		{"cr, lf and crlf in quotes", "a,b\r\n\"1\r2\n3\r\n4\",x\r\n", "a|b / 1\n2\n3\n4|x"},
		{"only line ends", "\n\n\r\n", "no-header 1:0"},
		{"line ends around", "\r\n\r\na,b\r\n\r\n1,2\r\n\r\n", "a|b / 1|2"},

		// Quotes.
		{"everything in quotes", "\"a\",\"b\"\n\"1\",\"2\"\n", "a|b / 1|2"},
		{"empty in quotes", "a,b\n\"\",\"\"\n", "a|b / |"},
		{"only quotes", "a,b\n\"\"\"\",\"\"\"\"\"\"\n", "a|b / \"|\"\""},
		{"a comma in quotes", "a,b\n\"1,000\",\",\"\n", "a|b / 1,000|,"},
		{"json in quotes", "key,val\n1,\"{\"\"type\"\": \"\"Point\"\", \"\"at\"\": [1, 2]}\"\n", "key|val / 1|{\"type\": \"Point\", \"at\": [1, 2]}"},
		{"a backslash is nothing special", "a,b\n\\\"1,2\n\"\\\",2\n", "a|b / bad-quote 2:2 / \\|2"},
		{"single quotes are nothing special", "a,b\n'1,2'\n", "a|b / '1|2'"},
		{"spaces before a quote", "a,b\n1, \"2\"\n", "a|b / bad-quote 2:4"},
		{"spaces behind a quote", "a,b\n\"1\" ,2\n", "a|b / bad-quote 2:4"},
		{"quote at the end of the file", "a,b\n1,\"2\"", "a|b / 1|2"},
		{"quote never closed", "a,b\n1,\"2\n3,4\n", "a|b / quote-not-closed 2:3 / 3|4"},
		{"quotes in the header", "\"first \"\"name\"\"\",b\n1,2\n", "first \"name\"|b / 1|2"},
		{"a line break in the header", "\"a\nb\",c\n1,2\n", "a\nb|c / 1|2"},

		// Fields and columns.
		{"empty fields", "a,b,c\n1,\"\",\"\"\n2,,\n,,3\n", "a|b|c / 1|| / 2|| / ||3"},
		{"one column", "a\n1\n\n2\n", "a / 1 / 2"},
		{"one column, in quotes", "\"a\"\n\"1\"\n\"\"\n", "a / 1 / "},
		{"one row, no line end", "a,b\n1,2", "a|b / 1|2"},
		{"only a header", "a,b,c\n", "a|b|c"},
		{"only a header, no line end", "a,b,c", "a|b|c"},
		{"nothing", "", "no-header 1:0"},
		{"many columns", "a,b,c,d,e,f,g,h\n1,2,3,4,5,6,7,8\n", "a|b|c|d|e|f|g|h / 1|2|3|4|5|6|7|8"},
		{"names that are numbers", "1,2\n3,4\n", "1|2 / 3|4"},
		{"a row of spaces", "a,b\n ,\t\n1,2\n", "a|b / 1|2"},
		{"a hash is no comment", "a,b\n#1,2\n", "a|b / #1|2"},
		{"the sep= line of Excel", "sep=;\na;b\n1;2\n", "not-the-header 1:0"},

		// Text.
		{"utf-8", "a,b,c\n1,2,ʤ\n4,企业,😀\n", "a|b|c / 1|2|ʤ / 4|企业|😀"},
		{"a byte order mark", "\uFEFFa,b\n1,2\n", "a|b / 1|2"},
		{"a byte order mark before quotes", "\uFEFF\"a\",\"b\"\n1,2\n", "a|b / 1|2"},
		{"a byte order mark in the middle is text", "a,b\n\uFEFF1,2\n", "a|b / \uFEFF1|2"},
		{"combining characters", "a,b\ne\u0301,n\u0303\n", "a|b / e\u0301|n\u0303"},
		{"other line separators are text", "a,b\n1\u2028x,2\u0085\v\f\n", "a|b / 1\u2028x|2\u0085\v\f"},
		{"a NUL", "a,b\n1,\x00\n", "a|b / nul-byte 2:3"},
		{"latin-1", "a,b\n1,caf\xe9\n", "a|b / not-utf8 2:6"},
		{"a value that looks like a formula", "a,b\n=1+1,@x\n", "a|b / =1+1|@x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := csvIn(fstest.MapFS{"r.csv": {Data: []byte(test.text)}}, "")
			var got []string
			told := func(err error) {
				var d campaign.Diagnostic
				if !errors.As(err, &d) {
					t.Fatal(err)
				}
				if !d.Warning {
					got = append(got, fmt.Sprintf("%s %d:%d", d.Rule, d.Line, d.Col))
				}
			}
			columns, ds, err := c.Columns(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range ds {
				told(d)
			}
			if columns != nil {
				got = append(got, strings.Join(columns, "|"))
				for row, err := range c.Rows(t.Context()) {
					if err != nil {
						told(err)
						continue
					}
					got = append(got, strings.Join(row.Cells, "|"))
				}
			}
			if s := strings.Join(got, " / "); s != test.want {
				t.Errorf("got  %q\nwant %q", s, test.want)
			}
		})
	}
}
