package diagnostics

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"

	"campaign/internal/campaign"
)

// Text is for people: the place and the sentence, the source line with carets
// under the whole token, and the hint.
func Text(w io.Writer, r Report) error {
	paint := painter(r.Colour)
	var b strings.Builder
	for i, d := range r.Found {
		if i > 0 {
			b.WriteByte('\n')
		}
		tint := red
		if d.Warning {
			tint = yellow
		}
		said := oneLine(d.Message)
		rule := oneLine(fmt.Sprintf(" [%s]", d.Rule))
		place := strings.TrimSuffix(oneLine(d.Error()), ": "+said+rule)
		said = r.say(said)
		if d.Warning {
			said = r.label("warning") + said
		}
		fmt.Fprintf(&b, "%s: %s\n", paint(bold, place), paint(tint, said+rule))
		if d.Source != "" && d.Line > 0 {
			excerpt(&b, d, func(s string) string { return paint(tint, s) })
		}
		if d.Hint != "" {
			label := r.label("hint")
			word := strings.TrimRight(label, " ")
			b.WriteString("  " + paint(bold, word) + label[len(word):] + r.say(oneLine(d.Hint)) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// widest bounds the part of a source line that is shown, in columns.
const widest = 100

// excerpt shows the source line and marks the token. A long line is cut around it.
func excerpt(b *strings.Builder, d campaign.Diagnostic, paint func(string) string) {
	line := []rune(Inert(d.Source))
	from := min(max(d.Col, 1)-1, len(line))
	to := min(max(d.EndCol-1, from+1), len(line))
	start, end := cut(line, from)
	to = max(min(to, end), from)
	before, token := string(line[start:from]), string(line[from:to])
	margin := fmt.Sprintf("%5d | ", d.Line)
	dots := ""
	if start > 0 {
		dots = "…"
	}
	tail := ""
	if end < len(line) {
		tail = "…"
	}
	fmt.Fprintf(b, "%s%s%s%s\n", margin, dots, string(line[start:end]), tail)
	if d.Col == 0 {
		return
	}
	pad := strings.Repeat(" ", width(dots+before))
	fmt.Fprintf(b, "%s| %s%s\n", strings.Repeat(" ", len(margin)-2), pad, paint(strings.Repeat("^", max(width(token), 1))))
}

// cut chooses the part of a line to show, so that the token's beginning is in it.
func cut(line []rune, from int) (start, end int) {
	if width(string(line[:from])) > widest*2/3 {
		for start = from; start > 0 && width(string(line[start-1:from])) <= widest/3; {
			start--
		}
	}
	for end = start; end < len(line) && width(string(line[start:end+1])) <= widest; {
		end++
	}
	return start, max(end, from)
}

// Inert replaces what a terminal would not show in place, one character for one:
// tabs by a space, other control characters by a mark. It is for one line.
func Inert(source string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case control(r):
			return unicode.ReplacementChar
		}
		return r
	}, source)
}

// control reports characters that move a terminal's cursor or turn text around.
func control(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// cells measures text as most terminals show it: CJK is two columns wide, what is
// ambiguous is one.
var cells = runewidth.Condition{StrictEmojiNeutral: true}

func width(text string) int { return cells.StringWidth(text) }

const (
	bold   = "1"
	red    = "31"
	yellow = "33"
)

func painter(colour bool) func(code, text string) string {
	return func(code, text string) string {
		if !colour || text == "" {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
}
