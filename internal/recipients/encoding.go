package recipients

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"campaign/internal/campaign"
)

const saveAsUTF8 = `save the file as UTF-8: in Excel "CSV UTF-8", in WPS CSV with the encoding UTF-8`

// checkEncoding looks at the head of a file and says what it seems to be when it
// cannot be CSV in UTF-8 as a whole. Single bad rows of a file that is UTF-8
// otherwise are not its business. Unless it is the whole file, the head may end
// inside a line or a character.
func checkEncoding(file string, head []byte, wholeFile bool) *campaign.Diagnostic {
	d := &campaign.Diagnostic{File: file, Rule: ruleNotUTF8, Hint: saveAsUTF8}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0")):
		d.Rule = ruleNotCSV
		d.Message = "the file seems to be an Excel workbook that was given the name of a CSV file"
		d.Hint = `open it in Excel or WPS and save it as "CSV UTF-8"`
		return d
	case bytes.HasPrefix(head, []byte("\xFF\xFE\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xFE\xFF")):
		d.Message = "the file seems to be UTF-32, not UTF-8"
		return d
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("\xFE\xFF")), seemsUTF16(head):
		d.Message = "the file seems to be UTF-16 (Excel calls it Unicode text), not UTF-8"
		return d
	}
	if !wholeFile {
		head = head[:bytes.LastIndexAny(head, "\r\n")+1]
	}
	if at := firstGB18030(head); at >= 0 {
		d.Line, d.Col = place(head, at, 1)
		d.Message = "the file seems to be GB18030 (GBK, ANSI on a Chinese Windows), not UTF-8"
		return d
	}
	return nil
}

// seemsUTF16 recognises UTF-16 without a byte order mark: most commas and line
// ends are two bytes, one of them NUL, always on the same side.
func seemsUTF16(head []byte) bool {
	all, little, big := 0, 0, 0
	for i, b := range head {
		if b != ',' && b != '\n' && b != '\r' {
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
	return max(little, big)*2 > all
}

// firstGB18030 gives the offset of the first byte that is not UTF-8 when the
// lines that are not UTF-8 read well as GB18030 and hardly a line reads as UTF-8
// beyond ASCII; otherwise -1.
func firstGB18030(head []byte) int {
	if utf8.Valid(head) {
		return -1
	}
	first, bad, good := -1, 0, 0
	for from := 0; from < len(head); {
		end := len(head)
		if i := bytes.IndexAny(head[from:], "\r\n"); i >= 0 {
			end = from + i
		}
		line := head[from:end]
		switch {
		case !utf8.Valid(line):
			if !seemsGB18030(line) {
				return -1
			}
			if bad++; first < 0 {
				first = from + beyondASCII(line)
			}
		case utf8.RuneCount(line) < len(line):
			good++
		}
		from = end + 1
	}
	if bad == 0 || good*4 > bad {
		return -1
	}
	return first
}

// seemsGB18030 reports whether text consists of ASCII and GB18030 characters
// (GB 18030-2022: two bytes 81–FE 40–FE without 7F, four bytes 81–FE 30–39 81–FE
// 30–39), most of them from the rows of GB 2312, as Chinese text is. Latin-1
// with a letter here and there is not.
func seemsGB18030(text []byte) bool {
	pairs, common := 0, 0
	for i := 0; i < len(text); {
		lead := text[i]
		if lead < 0x80 {
			i++
			continue
		}
		rest := text[i+1:]
		if lead == 0x80 || lead == 0xFF || len(rest) == 0 {
			return false
		}
		trail := rest[0]
		switch {
		case trail >= 0x40 && trail != 0x7F && trail != 0xFF:
			pairs++
			if lead >= 0xA1 && trail >= 0xA1 {
				common++
			}
			i += 2
		case isDigit(trail) && len(rest) >= 3 && rest[1] >= 0x81 && rest[1] != 0xFF && isDigit(rest[2]):
			i += 4
		default:
			return false
		}
	}
	return common > 0 && common*2 >= pairs
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
