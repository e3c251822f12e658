package recipients

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"campaign/internal/campaign"
)

const saveAsUTF8 = `save the file as UTF-8: in Excel "CSV UTF-8", in WPS CSV with the encoding UTF-8`

// Names of encodings.
const (
	utf8Name    = "utf-8"
	gb18030Name = "gb18030"
	utf16Name   = "utf-16" // with a byte order mark
	utf16leName = "utf-16le"
	utf16beName = "utf-16be"
)

// decoders make what reads the encodings that are not UTF-8. GB18030 has all of
// GBK and GB 2312.
var decoders = map[string]func() *encoding.Decoder{
	gb18030Name: simplifiedchinese.GB18030.NewDecoder,
	utf16leName: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder,
	utf16beName: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder,
}

// Encodings are the names that a file's encoding may be given by.
func Encodings() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(decoders)), utf8Name, utf16Name)))
}

// sureEnough is the confidence, in percent, from which an encoding that was found
// is used: two Chinese characters and nothing against them are 80 % sure.
const sureEnough = 75

// marks are byte order marks.
var marks = []struct{ mark, encoding string }{
	{byteOrderMark, utf8Name}, {"\xFF\xFE\x00\x00", "utf-32"}, {"\x00\x00\xFE\xFF", "utf-32"},
	{"\xFF\xFE", utf16leName}, {"\xFE\xFF", utf16beName},
}

// detect gives the encoding of a file that begins with head, and the length of
// its byte order mark. An encoding that was guessed is a warning that says how
// sure it is; one that is too uncertain, or is not what was given, an error.
func (f textFile) detect(head []byte, whole bool) (name string, mark int, ds []campaign.Diagnostic) {
	fail := func(rule, hint, format string, args ...any) (string, int, []campaign.Diagnostic) {
		return "", 0, []campaign.Diagnostic{{File: f.path, Rule: rule, Message: fmt.Sprintf(format, args...), Hint: hint}}
	}
	for _, m := range marks {
		if !bytes.HasPrefix(head, []byte(m.mark)) {
			continue
		}
		switch {
		case m.encoding == "utf-32":
			return fail(ruleNotUTF8, saveAsUTF8, "the file seems to be UTF-32, not UTF-8")
		case f.encoding != "" && f.encoding != m.encoding && (f.encoding != utf16Name || m.encoding == utf8Name):
			return fail(ruleOtherEncoding, "correct encoding, or leave it out", "the file is %s by its byte order mark, not %s", m.encoding, f.encoding)
		}
		return m.encoding, len(m.mark), nil
	}
	if !whole { // the head may end inside a character
		head = head[:bytes.LastIndexAny(head, "\r\n")+1]
	}
	switch f.encoding {
	case "":
		return f.guess(head)
	case utf16Name:
		return fail(ruleOtherEncoding, "say encoding: utf-16le, which Windows writes, or utf-16be", "the file has no byte order mark that says which UTF-16 it is")
	case gb18030Name:
		if utf8.Valid(head) && len(head)-utf8.RuneCount(head) >= 16 {
			return fail(ruleOtherEncoding, "correct encoding, or leave it out", "the file is UTF-8, not GB18030 as encoding says")
		}
	}
	return f.encoding, 0, nil
}

// guess finds the encoding of a text without a byte order mark.
func (f textFile) guess(head []byte) (name string, mark int, ds []campaign.Diagnostic) {
	d := campaign.Diagnostic{File: f.path}
	if little, big := countUTF16(head); little || big {
		name = map[bool]string{true: utf16leName, false: utf16beName}[little]
		d.Rule, d.Message = ruleNotUTF8, "the file seems to be UTF-16 without a byte order mark"
		d.Hint = fmt.Sprintf("say encoding: %s, or %s", name, saveAsUTF8)
		return "", 0, []campaign.Diagnostic{d}
	}
	g := weighGB18030(head)
	if g.first < 0 {
		return utf8Name, 0, nil // rows that are none are complained about one by one
	}
	sure := g.confidence()
	d.Line, d.Col = place(head, g.first, 1)
	if sure < sureEnough {
		d.Rule, d.Message = ruleEncodingUnknown, fmt.Sprintf("the file is not UTF-8; it could be GB18030 (GBK), but that is only %d %% sure", sure)
		d.Hint = "say encoding: gb18030 if it is, or " + saveAsUTF8
		return "", 0, []campaign.Diagnostic{d}
	}
	d.Rule, d.Warning = ruleEncodingGuessed, true
	d.Message = fmt.Sprintf("the file is read as GB18030 (GBK), which is %d %% sure", sure)
	d.Hint = "if names look right in the preview, say encoding: gb18030"
	return gb18030Name, 0, []campaign.Diagnostic{d}
}

// countUTF16 recognises UTF-16 without a byte order mark: most separators and
// line ends are two bytes, one of them NUL, always on the same side.
func countUTF16(head []byte) (isLittle, isBig bool) {
	if bytes.IndexByte(head, 0) < 0 {
		return false, false
	}
	all, little, big := 0, 0, 0
	for i, b := range head {
		if b != ',' && b != '\t' && b != '\n' && b != '\r' {
			continue
		}
		all++
		if i%2 == 0 && i+1 < len(head) && head[i+1] == 0 {
			little++
		}
		if i%2 == 1 && head[i-1] == 0 {
			big++
		}
	}
	return little*2 > all, big*2 > all
}

// evidence is what speaks for GB18030.
type evidence struct {
	first  int // offset of the first byte that is not UTF-8; -1: none, or it is no GB18030
	pairs  int // characters of two bytes
	common int // of them, in the rows that Chinese text mostly is from
	others int // lines that read as UTF-8 beyond ASCII
}

// confidence is a percentage: the share of common characters, with half a
// character and two for every line of UTF-8 against it.
func (e evidence) confidence() int { return 200 * e.common / (2*e.pairs + 1 + 4*e.others) }

// weighGB18030 looks at the lines that are not UTF-8. When one of them is no
// GB18030 either, or hardly any is among others that read as UTF-8, or the
// characters would be rare ones, the text is UTF-8 with bad rows.
func weighGB18030(head []byte) evidence {
	if utf8.Valid(head) {
		return evidence{first: -1}
	}
	e := evidence{first: -1}
	bad := 0
	for from := 0; from < len(head); {
		end := len(head)
		if i := bytes.IndexAny(head[from:], "\r\n"); i >= 0 {
			end = from + i
		}
		line := head[from:end]
		switch {
		case !utf8.Valid(line):
			pairs, common, ok := readGB18030(line)
			if !ok {
				return evidence{first: -1}
			}
			if bad++; e.first < 0 {
				e.first = from + beyondASCII(line)
			}
			e.pairs += pairs
			e.common += common
		case utf8.RuneCount(line) < len(line):
			e.others++
		}
		from = end + 1
	}
	if bad == 0 || e.others*4 > bad || e.common*2 < e.pairs {
		return evidence{first: -1}
	}
	return e
}

// readGB18030 reports whether text consists of ASCII and GB18030 characters (GB
// 18030-2022: two bytes 81–FE 40–FE without 7F, four bytes 81–FE 30–39 81–FE
// 30–39), and how many of two bytes there are: in all, and of those from the rows
// of GB 2312 for symbols and letters and for the hanzi of level 1, as Chinese text
// mostly is. Latin-1 with a letter here and there is not.
func readGB18030(text []byte) (pairs, common int, ok bool) {
	for i := 0; i < len(text); {
		lead := text[i]
		if lead < 0x80 {
			i++
			continue
		}
		rest := text[i+1:]
		if lead == 0x80 || lead == 0xFF || len(rest) == 0 {
			return 0, 0, false
		}
		trail := rest[0]
		switch {
		case trail >= 0x40 && trail != 0x7F && trail != 0xFF:
			pairs++
			if trail >= 0xA1 && (lead >= 0xA1 && lead <= 0xA9 || lead >= 0xB0 && lead <= 0xD7) {
				common++
			}
			i += 2
		case isDigit(trail) && len(rest) >= 3 && rest[1] >= 0x81 && rest[1] != 0xFF && isDigit(rest[2]):
			i += 4
		default:
			return 0, 0, false
		}
	}
	return pairs, common, pairs > 0
}

// seemsGB18030 reports whether a row reads well as GB18030.
func seemsGB18030(text []byte) bool {
	pairs, common, ok := readGB18030(text)
	return ok && common > 0 && common*2 >= pairs
}
func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// beyondASCII gives the offset of the first byte that is not ASCII. In GB18030
// it may look like UTF-8.
func beyondASCII(text []byte) int {
	return slices.IndexFunc(text, func(b byte) bool { return b >= utf8.RuneSelf })
}

// invalidAt gives the offset of the first byte that is not UTF-8, or -1.
func invalidAt(text []byte) int {
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// place gives the line and the column (from 1, in code points) of an offset in
// text, which begins with the given line.
func place(text []byte, offset, line int) (int, int) {
	begin := 0
	for i := 0; i < offset; i++ {
		if text[i] == '\n' || text[i] == '\r' && (i+1 >= len(text) || text[i+1] != '\n') {
			line++
			begin = i + 1
		}
	}
	return line, utf8.RuneCount(text[begin:offset]) + 1
}
