package recipients

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain is the form in which an id or key is compared and sent: full-width
// letters, digits and signs, as Chinese input methods give them, in ASCII, without
// white space and invisible characters around it.
func Plain(id string) string {
	for i := 0; i < len(id); i++ {
		if id[i] >= utf8.RuneSelf {
			return strings.TrimFunc(strings.Map(halfWidth, id), isAround)
		}
	}
	return strings.TrimSpace(id)
}

// halfWidth maps the full-width forms (Unicode: FF01–FF5E) and the ideographic
// and no-break spaces to ASCII.
func halfWidth(r rune) rune {
	switch {
	case r >= 0xFF01 && r <= 0xFF5E:
		return r - 0xFF01 + '!'
	case r == 0x3000 || r == 0xA0 || r == 0x202F:
		return ' '
	}
	return r
}

// isAround reports whether a character beside an id is not part of it: white
// space, a byte order mark, a zero-width character.
func isAround(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
}

// What spreadsheets, and programs that hold numbers as floating point, make of an
// id. 5e12 is none of it: an id may look like that.
var (
	scientific = regexp.MustCompile(`^[+-]?[0-9]([.][0-9]+[eE][+-]?|[eE][+-])[0-9]{1,3}$`)
	fraction   = regexp.MustCompile(`^[+-]?[0-9]+[.]0+$`)
	sheetError = regexp.MustCompile(`^#(N/A|REF!|VALUE!|DIV/0!|NAME[?]|NULL!|NUM!|SPILL!|CALC!)$`)
)

// Mangled says what a spreadsheet has made of an id in its plain form, completing
// the sentence "<column> …", and what to do; nothing when it is as it was typed.
func Mangled(id string) (complaint, hint string) {
	if !strings.HasPrefix(id, "#") && !strings.ContainsAny(numeric(id), ".eE") {
		return "", "" // as nearly all ids
	}
	const asText = "format the column as text, then enter or import the ids again: what is in the cell now has lost digits"
	switch {
	case scientific.MatchString(id):
		return "is a number in scientific notation (as 1.38E+10), which a spreadsheet has made of an id", asText
	case fraction.MatchString(id):
		return "is a number with decimal places (as 123.0), which a spreadsheet or program has made of an id", "format the column as text and write the ids without them"
	case IsFormulaError(id):
		return "holds the error of a formula", "correct the formula, then save the values"
	}
	return "", ""
}

// IsFormulaError reports whether a cell holds what a spreadsheet shows of a formula
// that has no result, as #N/A.
func IsFormulaError(cell string) bool {
	return strings.HasPrefix(cell, "#") && sheetError.MatchString(cell)
}

// numeric is id if it has only characters of numbers, else empty.
func numeric(id string) string {
	for i := 0; i < len(id); i++ {
		switch c := id[i]; {
		case c >= '0' && c <= '9', c == '.', c == '+', c == '-', i > 0 && (c == 'e' || c == 'E'):
		default:
			return ""
		}
	}
	return id
}

// isStop reports whether a cell is what ends a list: 合计, also with a colon.
func isStop(cell, stop string) bool {
	cell = Plain(cell)
	return cell == stop || strings.TrimRight(strings.TrimSuffix(cell, ":"), " ") == stop
}
