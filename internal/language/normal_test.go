package language

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	touching = regexp.MustCompile(`(?:%[sdq]){2,}`)
	tagged   = regexp.MustCompile(`^%s {2,}`)
	around   = regexp.MustCompile(`^(?:[,;:] )+`)
)

// normal is a format string as the catalogue has it: verbs are %s, %d or %q, and what
// joins it to others is taken off.
func normal(format string) string {
	var b strings.Builder
	texts, verbs := cut(format)
	for i, text := range texts {
		b.WriteString(strings.ReplaceAll(text, "%", "%%"))
		if i < len(verbs) {
			kind := verbs[i].kind
			if kind == 'v' {
				kind = 's'
			}
			b.WriteString("%" + string(kind))
		}
	}
	s := strings.TrimSpace(touching.ReplaceAllString(b.String(), "%s"))
	s = around.ReplaceAllString(tagged.ReplaceAllString(s, ""), "")
	for _, tag := range []string{"campaign: ", "[sandbox] ", "- ", "# "} {
		s = strings.TrimPrefix(s, tag)
	}
	s = strings.TrimRight(s, ":;, ")
	if strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") && strings.Count(s, "(") == 1 {
		s = s[1 : len(s)-1]
	}
	return s
}

// sentence reports whether there are words for people: two of them, or one beside a hole.
func sentence(english string) bool {
	texts, verbs := cut(english)
	words := 0
	for _, t := range texts {
		for _, f := range strings.FieldsFunc(t, unicode.IsSpace) {
			if len(strings.TrimFunc(f, func(r rune) bool { return !unicode.IsLetter(r) || r > unicode.MaxLatin1 })) > 1 {
				words++
			}
		}
	}
	return words > 1 || words == 1 && len(verbs) > 0 && strings.Contains(english, " ")
}
