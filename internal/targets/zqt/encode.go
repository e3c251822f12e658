package zqt

import (
	"errors"
	"unicode/utf8"
)

var errNotUTF8 = errors.New("is not valid UTF-8")

const hexDigits = "0123456789abcdef"

// appendString appends a text as a JSON string (RFC 8259, section 7): what must
// be escaped is, everything else stays as it is, HTML and CJK included.
func appendString(to []byte, text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return to, errNotUTF8
	}
	to = append(to, '"')
	start := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		to = append(to, text[start:i]...)
		to = appendEscape(to, c)
		start = i + 1
	}
	to = append(to, text[start:]...)
	return append(to, '"'), nil
}

// appendEscape appends the escape of a quote, a backslash or a control character.
func appendEscape(to []byte, c byte) []byte {
	switch c {
	case '\b':
		return append(to, '\\', 'b')
	case '\t':
		return append(to, '\\', 't')
	case '\n':
		return append(to, '\\', 'n')
	case '\f':
		return append(to, '\\', 'f')
	case '\r':
		return append(to, '\\', 'r')
	case '"', '\\', '\'':
		return append(to, '\\', c)
	}
	return append(to, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendSingleQuoted appends a text as a string of the document's JsonString
// values: JSON with single quotes. A single quote is \' (upstream, decisions);
// the rest is escaped as JSON escapes it, double quotes too, so that a reader
// who turns the quotes around still finds the strings' ends.
func appendSingleQuoted(to []byte, text string) []byte {
	to = append(to, '\'')
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c < ' ' || c == '"' || c == '\\' || c == '\'' {
			to = appendEscape(to, c)
			continue
		}
		to = append(to, c)
	}
	return append(to, '\'')
}
