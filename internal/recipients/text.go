package recipients

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"campaign/internal/campaign"
)

// Rules of diagnostics about files of text.
const (
	ruleNotUTF8          = "not-utf8"
	ruleOtherFormat      = "other-format"
	ruleOtherEncoding    = "other-encoding"
	ruleEncodingGuessed  = "encoding-guessed"
	ruleEncodingUnknown  = "encoding-unknown"
	ruleNotPacked        = "not-packed"
	rulePackedTooTightly = "packed-too-tightly"
)

// headSize is how much of a file is looked at to find out what it is, in bytes.
const headSize = 64 << 10

// textFile is a text of the project that is decoded to UTF-8, without a byte
// order mark, while it is read. A byte that does not belong to the encoding reads
// as U+FFFD.
type textFile struct {
	fsys     fs.FS
	path     string
	encoding string // a name of Encodings; empty: found by itself
	packed   bool   // with gzip
}

// text is an open textFile.
type text struct {
	*bufio.Reader
	head    []byte // what it begins with: headSize bytes, or all
	whole   bool   // head is all
	decoded string // the encoding that the file has; empty: UTF-8
	file    fs.File
}

func (t *text) Close() error { return t.file.Close() }

// open reads the file's head. A diagnostic that is no warning says that the file
// is not one of text in an encoding that is known; then there is no text.
func (f textFile) open() (*text, []campaign.Diagnostic, error) {
	file, err := f.fsys.Open(f.path)
	if err != nil {
		return nil, nil, fmt.Errorf("recipients: %w", err)
	}
	t, ds, err := f.decode(file)
	if t == nil || err != nil {
		file.Close()
		t = nil
	}
	var d campaign.Diagnostic
	if errors.As(err, &d) {
		return nil, []campaign.Diagnostic{d}, nil
	}
	return t, ds, err
}

func (f textFile) decode(file fs.File) (*text, []campaign.Diagnostic, error) {
	var raw io.Reader = file
	most := headSize // of a head, in bytes
	if info, err := file.Stat(); err == nil && !f.packed {
		most = int(min(headSize, info.Size()+1)) // a small file takes little memory
	}
	if f.packed {
		var err error
		if raw, err = f.unpack(file); err != nil {
			return nil, nil, err
		}
	}
	t := &text{Reader: bufio.NewReaderSize(raw, most), file: file}
	if err := t.peek(f.path); err != nil {
		return nil, nil, err
	}
	if d := f.sniff(t.head); d != nil {
		return nil, []campaign.Diagnostic{*d}, nil
	}
	encoding, mark, ds := f.detect(t.head, t.whole)
	if campaign.HasErrors(ds) {
		return nil, ds, nil
	}
	if _, err := t.Discard(mark); err != nil {
		return nil, nil, err
	}
	if t.head = t.head[mark:]; encoding == utf8Name {
		return t, ds, nil
	}
	t.decoded = encoding
	t.Reader = bufio.NewReaderSize(decoders[encoding]().Reader(t.Reader), min(headSize, 4*most)) // no byte becomes more than three
	return t, ds, t.peek(f.path)
}

// peek looks at the head without consuming it.
func (t *text) peek(path string) error {
	var err error
	t.head, err = t.Peek(t.Size())
	t.whole = err == io.EOF
	if err != nil && err != io.EOF {
		return fmt.Errorf("recipients file %s: reading after line 1: %w", path, err)
	}
	return nil
}

// sniff says what a file is that is certainly no text to be read here.
func (f textFile) sniff(head []byte) *campaign.Diagnostic {
	what, hint := sniff(head)
	if what == "" {
		return nil
	}
	return &campaign.Diagnostic{File: f.path, Rule: ruleOtherFormat, Message: "the file is " + what, Hint: hint}
}

// mostPacked bounds how many bytes a packed one may stand for, once there are
// more than packedFree: lists of people are packed to a tenth, a file that was
// made to fill memory or disk to a thousandth.
const (
	mostPacked = 200
	packedFree = 64 << 20
)

// unpacker unpacks gzip. Its errors are diagnostics where the file is to blame.
type unpacker struct {
	path string
	in   *counter
	zip  *gzip.Reader
	out  int64
}

func (f textFile) unpack(file io.Reader) (io.Reader, error) {
	u := &unpacker{path: f.path, in: &counter{Reader: bufio.NewReader(file)}}
	var err error
	if u.zip, err = gzip.NewReader(u.in); err != nil {
		return nil, u.fault(err)
	}
	return u, nil
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.zip.Read(p)
	u.out += int64(n)
	if u.out > packedFree && u.out > mostPacked*u.in.n {
		return n, campaign.Diagnostic{File: u.path, Rule: rulePackedTooTightly,
			Message: fmt.Sprintf("the file unpacks to more than %d times its size: no list of people does", mostPacked),
			Hint:    "unpack it and look at what it holds"}
	}
	if err != nil && err != io.EOF {
		err = u.fault(err)
	}
	return n, err
}

func (u *unpacker) fault(err error) error {
	switch {
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, io.EOF) && u.out == 0:
		return campaign.Diagnostic{File: u.path, Rule: ruleNotPacked,
			Message: "the file is named .gz and is not packed with gzip", Hint: "take .gz off its name, or pack it with gzip"}
	case errors.Is(err, fs.ErrClosed), u.in.err != nil && u.in.err != io.EOF:
		return err
	default:
		return campaign.Diagnostic{File: u.path, Rule: ruleNotPacked,
			Message: "the packed file is damaged or cut off", Hint: "copy or pack it again"}
	}
}

// counter counts what was read, and keeps the error that reading ended with.
type counter struct {
	*bufio.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	c.err = err
	return n, err
}

// ReadByte is what flate reads by: without it, it would buffer once more.
func (c *counter) ReadByte() (byte, error) {
	b, err := c.Reader.ReadByte()
	if err == nil {
		c.n++
	}
	c.err = err
	return b, err
}

const openDocument = "an OpenDocument sheet"

// sniff says what a file that begins with head is, when it is known not to be a
// text to read, and what to do about it.
func sniff(head []byte) (what, hint string) {
	const openAndSave = `open it in Excel or WPS and save it as "CSV UTF-8" or as .xlsx`
	begin := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(byteOrderMark)), " \t\r\n")
	begin = begin[:min(len(begin), 4<<10)]
	if len(begin) > 0 && strings.IndexByte("<PMmFf", begin[0]) >= 0 { // as all begins that is looked for in it
		begin = bytes.ToLower(begin)
	}
	has := func(prefix string) bool { return bytes.HasPrefix(begin, []byte(prefix)) }
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) && bytes.Contains(begin, []byte("opendocument")):
		return openDocument, "open it in LibreOffice, Excel or WPS and save it as .xlsx"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "an Excel workbook (or another zip archive) that has another name", "name it .xlsx, or save it as \"CSV UTF-8\""
	case bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0")):
		return "a workbook in the old binary format of Excel and WPS, or one with a password", openAndSave + ", without a password"
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "packed with gzip", "end its name in .gz"
	case bytes.HasPrefix(head, []byte("%PDF-")):
		return "a PDF", "ask for the table that it was made of"
	case has("<?xml") && bytes.Contains(begin, []byte("urn:schemas-microsoft-com:office:spreadsheet")):
		return "an XML spreadsheet of Excel 2003", openAndSave
	case has("mime-version:"), has("from: <saved by"):
		return "a web page in one file (.mht)", openAndSave
	case has("<!doctype html"), has("<html"), has("<table"), has("<head"), has("<meta"), has("<style"), has("<?xml") && bytes.Contains(begin, []byte("<html")):
		return "a web page (HTML) as many systems export tables", openAndSave
	}
	return "", ""
}
