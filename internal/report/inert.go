package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cut shortens a text to n characters, the last of them an ellipsis.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	count := 0
	end := 0 // where n-1 characters end
	for i := range s {
		if count == n-1 {
			end = i
		}
		if count++; count > n {
			return s[:end] + "…"
		}
	}
	return s
}

// plain makes somebody else's text safe to stand in a line on a terminal: white
// space is one space, and what cannot be printed (control characters, escape
// sequences, marks that turn the direction of writing or have no width, bytes
// that are no UTF-8) is U+FFFD. It is cut.
func plain(s string) string {
	s = strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
	return cut(s, maxText)
}

var codeSpan = strings.NewReplacer("`", "ˋ", "|", "¦")

// code makes somebody else's text a code span, in which Markdown knows neither
// markup nor HTML, links, mentions and entities (CommonMark 0.31, section 6.1).
// Back quotes, which end a span, and bars, which end a table's cell even inside
// of one, are shown as look-alikes.
func code(s string) string {
	s = codeSpan.Replace(plain(s))
	if s == "" {
		return "–"
	}
	return "`" + s + "`"
}

// shown makes a text of several lines safe to show as it is, and cuts it to n bytes.
// Line breaks and tabs stay; what cannot be printed is U+FFFD.
func shown(s string, n int) string {
	s = strings.ReplaceAll(s[:min(len(s), max(n, 0)+utf8.UTFMax)], "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
