package recipients

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"campaign/internal/campaign"
)

// endless gives the same bytes again and again, up to a size.
type endless struct {
	piece []byte
	left  int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), e.left)], e.piece)
	e.left -= int64(n)
	return n, nil
}

// tenGB is the size of what hostile files unpack or amount to; with -short it is
// smaller.
func tenGB() int64 {
	if testing.Short() {
		return 256 << 20
	}
	return 10 << 30
}

// bomb packs much of nothing.
func bomb(t *testing.T, before string, size int64, after string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	io.WriteString(z, before)
	if _, err := io.Copy(z, &endless{bytes.Repeat([]byte("0"), 1<<20), size}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(z, after)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// rules reads a source to its end and gives the rules of what is wrong with it. It
// fails when that takes memory.
func rules(t *testing.T, s Source) (found []string) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	add := func(err error) {
		var d campaign.Diagnostic
		if !errors.As(err, &d) {
			t.Fatal(err)
		}
		if len(d.Message) > 300 || d.Source != "" {
			t.Errorf("%+v", d)
		}
		found = append(found, d.Rule)
	}
	columns, ds, err := s.Columns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		add(d)
	}
	if columns != nil {
		for _, err := range s.Rows(t.Context()) {
			if err != nil {
				add(err)
			}
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 48<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	return found
}

// TestHugeLine: a line of 10 GB is an error of that row, for every format of text.
func TestHugeLine(t *testing.T) {
	for _, test := range []struct{ name, before, piece, after, want string }{
		{"r.csv", "a,b\n1,2\n", "x", "\n3,4\n", "[line-too-long]"},
		{"q.csv", "a,b\n1,\"", "x", "\"\n3,4\n", "[line-too-long]"},
		{"h.csv", "", "x", ",b\n", "[line-too-long]"},
		{"r.tsv", "a\tb\n1\t2\n", "x\t", "\n3\t4\n", "[line-too-long]"},
		{"r.ndjson", "{\"a\":\"1\"}\n{\"a\":\"", "x", "\"}\n", "[record-too-long]"},
		{"r.json", "[{\"a\":\"1\"},{\"a\":\"", "x", "\"}]", "[record-too-long]"},
		{"r.yaml", "- a: 1\n- a: ", "x", "\n", "[record-too-long]"},
		{"n.yaml", "- a: 1\n- a:\n", "   - x\n", "", "[record-too-long]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name != "r.csv" && testing.Short() {
				t.Skip("one of them with -short")
			}
			size := tenGB()
			if test.name != "r.csv" {
				size >>= 7 // they are slower, and end in the same way
			}
			open := func() io.Reader {
				piece := bytes.Repeat([]byte(test.piece), 1<<20/len(test.piece))
				return io.MultiReader(strings.NewReader(test.before), &endless{piece, size / int64(len(piece)) * int64(len(piece))}, strings.NewReader(test.after))
			}
			s, err := Open(brokenFS{open}, test.name, campaign.Sheet{})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(rules(t, s)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestGzipBomb(t *testing.T) {
	const size = 80 << 20
	for name, ends := range map[string][2]string{
		"line.csv.gz":    {"a,b\n1,2\n", "\n3,4\n"},
		"line.ndjson.gz": {"{\"a\":\"", "\"}\n"},
		"line.json.gz":   {"[{\"a\":\"", "\"}]"},
		"line.yaml.gz":   {"- a: ", "\n"},
	} {
		if testing.Short() && name != "line.csv.gz" {
			continue
		}
		data := bomb(t, ends[0], size, ends[1])
		s, err := Open(fstest.MapFS{name: {Data: data}}, name, campaign.Sheet{})
		if err != nil {
			t.Fatal(err)
		}
		got := rules(t, s)
		if len(got) == 0 || got[len(got)-1] != rulePackedTooTightly {
			t.Errorf("%s: %v", name, got)
		}
		if _, err := s.Digest(t.Context()); !errors.As(err, new(campaign.Diagnostic)) {
			t.Errorf("%s: digest: %v", name, err)
		}
	}
}

// workbookOf makes a workbook whose sheet is before, so many times of piece, and
// after; and whose shared texts are likewise.
func workbookOf(t *testing.T, sheet, texts io.Reader, more map[string]io.Reader) []byte {
	t.Helper()
	const ns = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	const rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	parts := map[string]io.Reader{
		"[Content_Types].xml": strings.NewReader(`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>`),
		"_rels/.rels":         strings.NewReader(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="` + rel + `officeDocument" Target="xl/workbook.xml"/></Relationships>`),
		"xl/workbook.xml":     strings.NewReader(`<workbook ` + ns + `><sheets><sheet name="名单" sheetId="1" r:id="r1"/></sheets></workbook>`),
		"xl/_rels/workbook.xml.rels": strings.NewReader(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="` + rel +
			`worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="` + rel + `sharedStrings" Target="sharedStrings.xml"/></Relationships>`),
		"xl/worksheets/sheet1.xml": io.MultiReader(strings.NewReader(`<worksheet `+ns+`><sheetData>`), sheet, strings.NewReader(`</sheetData></worksheet>`)),
	}
	if texts != nil {
		parts["xl/sharedStrings.xml"] = io.MultiReader(strings.NewReader(`<sst `+ns+`>`), texts, strings.NewReader(`</sst>`))
	}
	for name, part := range more {
		parts[name] = part
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, part := range parts {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.Copy(w, part)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// text of a cell, of a sheet's row.
func inline(row int, cells ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<row r="%d">`, row)
	for i, c := range cells {
		fmt.Fprintf(&b, `<c r="%s%d" t="inlineStr"><is><t>%s</t></is></c>`, columnName(i), row, c)
	}
	b.WriteString("</row>")
	return b.String()
}

func repeat(piece string, size int64) io.Reader {
	all := []byte(strings.Repeat(piece, max(1<<20/len(piece), 1)))
	return &endless{all, size / int64(len(all)) * int64(len(all))}
}

func TestZipBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long with the race detector")
	}
	const size = 256 << 20
	header := inline(1, "a", "b")
	cell := func(s string) io.Reader { return strings.NewReader(header + s) }
	for _, test := range []struct {
		name string
		data func() []byte
		want string
	}{
		{"whole and small", func() []byte { return workbookOf(t, cell(inline(2, "1", "2")), nil, nil) }, "[]"},
		{"a cell without an end", func() []byte {
			return workbookOf(t, io.MultiReader(cell(`<row r="2"><c r="A2" t="inlineStr"><is><t>`), repeat("0", size), strings.NewReader("</t></is></c></row>")), nil, nil)
		}, "[packed-too-tightly]"},
		{"a cell of 30 MB", func() []byte {
			return workbookOf(t, io.MultiReader(cell(`<row r="2"><c r="A2" t="inlineStr"><is><t>`), repeat("0", 30<<20), strings.NewReader("</t></is></c></row>")), nil, nil)
		}, "[packed-too-tightly]"},
		{"a row of many cells", func() []byte {
			return workbookOf(t, io.MultiReader(cell(`<row r="2">`), repeat("<c><v>1</v></c>", 30<<20), strings.NewReader("</row>")), nil, nil)
		}, "[packed-too-tightly]"},
		{"an attribute without an end", func() []byte {
			return workbookOf(t, io.MultiReader(cell(`<row r="2" x="`), repeat("0", 30<<20), strings.NewReader(`"></row>`)), nil, nil)
		}, "[packed-too-tightly]"},
		{"a text of 30 MB", func() []byte {
			return workbookOf(t, cell(""), io.MultiReader(strings.NewReader("<si><t>"), repeat("0", 30<<20), strings.NewReader("</t></si>")), nil)
		}, "[packed-too-tightly]"},
		{"many texts", func() []byte { return workbookOf(t, cell(""), repeat("<si/>", 25<<20), nil) }, "[bad-workbook]"},
		{"styles of 20 MB", func() []byte {
			return workbookOf(t, cell(""), nil, map[string]io.Reader{"xl/styles.xml": repeat("<xf/>", 20<<20)})
		}, "[packed-too-tightly]"},
		{"pictures of 100 MB do not matter", func() []byte {
			return workbookOf(t, cell(inline(2, "1", "2")), nil, map[string]io.Reader{"xl/media/image1.png": repeat("0", 100<<20), "xl/worksheets/sheet2.xml": repeat("0", 100<<20), "xl/calcChain.xml": repeat("<c/>", 50<<20)})
		}, "[]"},
		{"rows that go back", func() []byte { return workbookOf(t, cell(inline(3, "1", "2")+inline(2, "1", "2")), nil, nil) }, "[bad-workbook]"},
		{"more rows than there are", func() []byte { return workbookOf(t, cell(inline(1<<20+1, "1", "2")), nil, nil) }, "[bad-workbook]"},
		{"broken XML", func() []byte {
			return workbookOf(t, cell(inline(2, "1", "2")+"<row r=\"3\"><c></d></row>"+inline(4, "1", "2")), nil, nil)
		}, "[bad-workbook]"},
		{"no rows", func() []byte { return workbookOf(t, strings.NewReader(""), nil, nil) }, "[no-header]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := Open(fstest.MapFS{"r.xlsx": {Data: test.data()}}, "r.xlsx", campaign.Sheet{})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(rules(t, s)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// TestZipLies: a part that is larger than the archive says is no way around the
// bounds.
func TestZipLies(t *testing.T) {
	data := workbookOf(t, io.MultiReader(strings.NewReader(inline(1, "a")), repeat(`<row><c><v>1</v></c></row>`, 8<<20)), nil, nil)
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, part := range z.File {
		h := part.FileHeader
		if strings.Contains(h.Name, "sheet1") {
			h.UncompressedSize64 = 4096
		}
		to, err := w.CreateRaw(&h)
		if err != nil {
			t.Fatal(err)
		}
		from, err := part.OpenRaw()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(to, from); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(fstest.MapFS{"r.xlsx": {Data: out.Bytes()}}, "r.xlsx", campaign.Sheet{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rules(t, s)); got != "[bad-workbook]" {
		t.Error(got)
	}
}
