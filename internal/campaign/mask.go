package campaign

import (
	"strings"
	"unicode"
)

// Mask shortens a recipient's id for terminals, logs and whatever people pass
// on: at most the first 4 and the last 2 characters stay, and never more than
// half of them, so that no id is ever shown whole (design: delivery, rule 13).
// Characters are code points; what cannot be printed shows as U+FFFD.
func Mask(id string) string {
	if id == "" {
		return ""
	}
	runes := []rune(id)
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = unicode.ReplacementChar
		}
	}
	n := len(runes)
	head, tail := min(4, n/3), min(2, n/6)
	var b strings.Builder
	b.WriteString(string(runes[:head]))
	b.WriteRune('…')
	b.WriteString(string(runes[n-tail:]))
	return b.String()
}
