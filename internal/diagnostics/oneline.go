package diagnostics

import (
	"io"
	"strings"
)

// Oneline writes `path:line:col: message [rule]`, a line each, for editors and
// regular expressions. Line breaks inside a message become spaces.
func Oneline(w io.Writer, r Report) error {
	var b strings.Builder
	for _, d := range r.Found {
		b.WriteString(oneLine(d.Error()))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine keeps a text on one line of a terminal: no control characters.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if control(r) {
			return ' '
		}
		return r
	}, text)
}
