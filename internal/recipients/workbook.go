package recipients

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"campaign/internal/campaign"
)

// Bounds of a workbook. What it unpacks to is known before anything is unpacked,
// and checked while it is.
const (
	mostUnzipped = 4 << 30  // bytes of the parts that are read
	mostParsed   = 16 << 20 // bytes of a part that is held in memory: styles, the list of sheets
	mostRatio    = 400      // unpacked to packed, of a part above ratioFree
	ratioFree    = 64 << 20
	mostElement  = 4 << 20 // bytes of a row or a shared text, and of what stands between two tags
	mostTexts    = 4 << 20 // shared texts
	mostWorkbook = 512 << 20
	mostMerges   = 4096 // merged cells near the top
	mergesUntil  = 100  // the row
)

// sheetFacts is what is known of a sheet before it is read by the library.
type sheetFacts struct {
	name    string
	part    *zip.File
	lastRow int64  // that it has
	merged  []area // cells near the top that are merged
	exact   bool   // what cells show is all there is to know: no number is kept in scientific notation
}

// area is a range of cells, columns from 0 and rows from 1.
type area struct {
	left, right int
	top, bottom int64
}

// random gives random access to a file.
func random(file io.Reader) (io.ReaderAt, int64, error) {
	at, ok := file.(io.ReaderAt)
	seeker, okSeek := file.(io.Seeker)
	if ok && okSeek {
		size, err := seeker.Seek(0, io.SeekEnd)
		if err != nil || size <= mostWorkbook {
			return at, size, err
		}
		return nil, 0, errTooBig
	}
	data, err := io.ReadAll(io.LimitReader(file, mostWorkbook+1))
	if err == nil && len(data) > mostWorkbook {
		err = errTooBig
	}
	return bytes.NewReader(data), int64(len(data)), err
}

var errTooBig = fmt.Errorf("a workbook may have %d MiB at most: save such a list as CSV", mostWorkbook>>20)

// inspect looks at a workbook before the library reads it, which would unpack
// whatever there is and takes what it cannot read for the end: it finds the sheet,
// its last row and the parts that are needed, and refuses those that are too large
// for what they are.
func (x *xlsxFile) inspect(ctx context.Context, at io.ReaderAt, size int64) (facts sheetFacts, parts []*zip.File, err error) {
	head := make([]byte, min(size, 4<<10))
	if _, err := at.ReadAt(head, 0); err != nil && err != io.EOF {
		return facts, nil, err
	}
	if what, hint := sniff(head); !bytes.HasPrefix(head, []byte("PK")) || what == openDocument {
		if what == "" {
			what, hint = "no Excel workbook: it seems to be text", "name it .csv, or open it in Excel or WPS and save it as .xlsx"
		}
		return facts, nil, campaign.Diagnostic{File: x.path, Rule: ruleOtherFormat, Message: "the file is " + what, Hint: hint}
	}
	z, err := zip.NewReader(at, size)
	if err != nil {
		return facts, nil, badWorkbook(x.path, "the workbook is damaged or cut off")
	}
	if facts, err = x.findSheet(z); err != nil {
		return facts, nil, err
	}
	var all uint64
	for _, part := range z.File {
		isSheet, isTexts := part == facts.part, is(part, "xl/sharedStrings.xml")
		if !isSheet && !isTexts && !slices.ContainsFunc(needed, func(name string) bool { return is(part, name) }) {
			continue
		}
		parts = append(parts, part)
		n := part.UncompressedSize64
		all += n
		if n > ratioFree && n/mostRatio > part.CompressedSize64 || n > mostUnzipped || all > mostUnzipped || !isSheet && !isTexts && n > mostParsed {
			return facts, nil, campaign.Diagnostic{File: x.path, Rule: rulePackedTooTightly,
				Message: "the workbook unpacks to far more than a list of people has", Hint: "copy the list to a new workbook, without formats, and save that"}
		}
		if isSheet {
			err = x.scanSheet(ctx, &facts)
		} else if isTexts {
			err = x.scanTexts(ctx, part)
		}
		if err != nil {
			return facts, nil, err
		}
	}
	return facts, parts, nil
}

// needed are the parts that reading a sheet needs, beside it and its texts.
// Pictures, comments, other sheets and the order of formulas are left out.
var needed = []string{"[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/theme/theme1.xml"}

func is(part *zip.File, name string) bool { return strings.EqualFold(partName(part.Name), name) }

func partName(name string) string {
	return strings.TrimPrefix(strings.ReplaceAll(name, "\\", "/"), "/")
}

func (x *xlsxFile) scanSheet(ctx context.Context, facts *sheetFacts) error {
	s, err := x.scan(ctx, facts.part, "row")
	facts.lastRow, facts.merged, facts.exact = s.lastRow, s.merged, !s.scientific
	if err == nil && !s.closed {
		err = badWorkbook(x.path, fmt.Sprintf("sheet %q is cut off", facts.name))
	}
	return err
}

func (x *xlsxFile) scanTexts(ctx context.Context, part *zip.File) error {
	s, err := x.scan(ctx, part, "si")
	if err == nil && s.count > mostTexts {
		err = badWorkbook(x.path, fmt.Sprintf("the workbook has more than %d different texts", mostTexts))
	}
	return err
}

// copyParts writes the parts, packed as they are, to a workbook of their own.
func copyParts(name string, parts []*zip.File) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	z := zip.NewWriter(file)
	for _, part := range parts {
		err = errors.Join(err, copyPart(z, part))
	}
	return errors.Join(err, z.Close(), file.Close())
}

// errUnread says that a part cannot be read, in distinction to being written.
var errUnread = errors.New("a part of the workbook cannot be read")

func copyPart(z *zip.Writer, part *zip.File) error {
	from, err := part.OpenRaw()
	if err != nil {
		return errUnread
	}
	header := part.FileHeader
	to, err := z.CreateRaw(&header)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, unread{from})
	return err
}

// unread makes every error of reading errUnread.
type unread struct{ io.Reader }

func (u unread) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = errUnread
	}
	return n, err
}

// findSheet finds the sheet by its name, or the first that people see.
func (x *xlsxFile) findSheet(z *zip.Reader) (facts sheetFacts, err error) {
	var book struct {
		Sheets []struct {
			Name  string     `xml:"name,attr"`
			State string     `xml:"state,attr"` // visible, hidden, veryHidden
			ID    []xml.Attr `xml:",any,attr"`
		} `xml:"sheets>sheet"`
	}
	var relations struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Type   string `xml:"Type,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if slices.ContainsFunc(z.File, func(part *zip.File) bool { return is(part, "xl/workbook.bin") }) {
		return facts, campaign.Diagnostic{File: x.path, Rule: ruleOtherFormat, Message: "the file is a binary workbook (.xlsb)", Hint: "open it in Excel and save it as .xlsx"}
	}
	if err := errors.Join(readPart(z, "xl/workbook.xml", &book), readPart(z, "xl/_rels/workbook.xml.rels", &relations)); err != nil {
		return facts, badWorkbook(x.path, "the workbook is damaged: its list of sheets cannot be read")
	}
	var names []string
	for _, sheet := range book.Sheets {
		target := ""
		for _, a := range sheet.ID {
			for _, r := range relations.All {
				if a.Name.Local == "id" && r.ID == a.Value && strings.HasSuffix(r.Type, "/worksheet") {
					target = r.Target
				}
			}
		}
		if target == "" {
			continue // a chart
		}
		isHidden := strings.HasSuffix(strings.ToLower(sheet.State), "hidden")
		if x.sheet.Name != "" && sheet.Name != x.sheet.Name || x.sheet.Name == "" && isHidden {
			names = append(names, sheet.Name)
			continue
		}
		if !strings.HasPrefix(target, "/") {
			target = path.Join("xl", target)
		}
		for _, part := range z.File {
			if strings.EqualFold(partName(part.Name), strings.TrimPrefix(target, "/")) {
				return sheetFacts{name: sheet.Name, part: part}, nil
			}
		}
		return facts, badWorkbook(x.path, fmt.Sprintf("the workbook is damaged: sheet %q is missing", sheet.Name))
	}
	hint := "it has none"
	if len(names) > 0 {
		hint = "there are: " + strings.Join(names[:min(len(names), 20)], ", ")
	}
	if x.sheet.Name == "" {
		return facts, badWorkbook(x.path, "the workbook has no sheet with cells that can be seen")
	}
	return facts, campaign.Diagnostic{File: x.path, Rule: ruleNoSheet, Message: fmt.Sprintf("the workbook has no sheet %q", x.sheet.Name), Hint: hint}
}

// readPart decodes a small part.
func readPart(z *zip.Reader, name string, to any) error {
	for _, part := range z.File {
		if !strings.EqualFold(partName(part.Name), name) {
			continue
		}
		r, err := part.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		return xml.NewDecoder(io.LimitReader(r, mostParsed)).Decode(to)
	}
	return fmt.Errorf("there is no %s", name)
}

// scanned is what a pass over a part found.
type scanned struct {
	count   int   // of elements
	lastRow int64 // their greatest number
	closed  bool  // all its rows have come
	merged  []area
	// scientific: a cell is a number in scientific notation.
	scientific bool
}

// scan passes over a part without taking it apart: it finds the beginnings of
// elements of one name and holds what stands between them, and between any two
// tags, against the bounds of memory. Rows must ascend, as they do in every
// workbook: the library passes over others.
func (x *xlsxFile) scan(ctx context.Context, part *zip.File, element string) (s scanned, err error) {
	r, err := part.Open()
	if err != nil {
		return s, badWorkbook(x.path, "the workbook is damaged")
	}
	defer r.Close()
	in := bufio.NewReaderSize(r, 64<<10)
	since, sinceTag := 0, 0
	var tag []byte
	inTag, inValue := false, false
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return s, ctx.Err()
		}
		// What ends here is text up to a tag, or a tag.
		until := byte('<')
		if inTag {
			until = '>'
		}
		piece, err := in.ReadSlice(until)
		since += len(piece)
		sinceTag += len(piece)
		if since > mostElement || sinceTag > mostElement {
			return s, campaign.Diagnostic{File: x.path, Rule: rulePackedTooTightly,
				Message: fmt.Sprintf("the workbook has a row or a text of more than %d MiB", mostElement>>20), Hint: "save the list as CSV to see what it holds"}
		}
		if inValue && !inTag && len(piece) < 32 {
			s.scientific = s.scientific || bytes.ContainsAny(piece, "eE") && scientific.Match(bytes.TrimRight(piece, "<"))
		}
		if inTag && len(tag) < 256 {
			tag = append(tag, piece[:min(len(piece), 256)]...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF:
			return s, nil
		case err != nil:
			return s, badWorkbook(x.path, "the workbook is damaged or cut off")
		}
		if inTag {
			name := tagName(tag)
			inValue = name == "v"
			switch {
			case name == element:
				since = 0
				s.count++
				if element == "row" && !s.follows(attribute(tag, "r")) {
					return s, badWorkbook(x.path, fmt.Sprintf("the rows of the sheet are not in order behind row %d", s.lastRow))
				}
			case name == "/"+element:
				since = 0
			case name == "mergeCell":
				s.merge(tag)
				since = 0
			case name == "/sheetData", name == "sheetData" && bytes.HasSuffix(tag, []byte("/>")):
				s.closed = true
				since = 0
			case s.closed:
				since = 0
			}
		}
		inTag, sinceTag, tag = !inTag, 0, tag[:0]
	}
}

// follows takes the next row's number on; without one it is one more than the
// last.
func (s *scanned) follows(attribute string) bool {
	number, err := strconv.ParseInt(attribute, 10, 64)
	if err != nil {
		number = s.lastRow + 1
	}
	ok := number > s.lastRow
	s.lastRow = number
	return ok
}

// merge keeps merged cells near the top.
func (s *scanned) merge(tag []byte) {
	from, to, _ := strings.Cut(attribute(tag, "ref"), ":")
	left, top, err := excelize.CellNameToCoordinates(from)
	right, bottom, err2 := excelize.CellNameToCoordinates(to)
	if err == nil && err2 == nil && top <= mergesUntil && len(s.merged) < mostMerges {
		s.merged = append(s.merged, area{left - 1, right - 1, int64(top), int64(bottom)})
	}
}

// tagName is the name of a tag without its namespace, with / before it when it
// closes.
func tagName(tag []byte) string {
	tag = bytes.TrimRight(tag, ">")
	closing := bytes.HasPrefix(tag, []byte("/"))
	name := bytes.TrimPrefix(tag, []byte("/"))
	if i := bytes.IndexAny(name, " \t\r\n/"); i >= 0 {
		name = name[:i]
	}
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	if closing {
		return "/" + string(name)
	}
	return string(name)
}

// attribute reads an attribute of a tag; empty when there is none.
func attribute(tag []byte, name string) string {
	for _, quote := range []string{`"`, `'`} {
		if _, rest, ok := bytes.Cut(tag, []byte(" "+name+"="+quote)); ok {
			value, _, _ := bytes.Cut(rest, []byte(quote))
			return string(value)
		}
	}
	return ""
}
