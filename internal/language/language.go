// Package language says in Chinese what the program says in English. Rooms make
// English sentences and know of no other language; where a sentence is shown to a
// person it is looked up here, by the pattern that it was made from.
//
// What stands in a sentence's holes (names, paths, values) stays as it is. A
// sentence that the catalogue does not know, or that it could read in two ways,
// stays English: nothing is dropped and nothing is guessed.
package language

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// deepest bounds how many sentences may stand inside of each other, and longest how
// many bytes of one are looked at: what is beyond stays English.
const (
	deepest = 12
	longest = 8 << 10
)

// Chinese is a sentence in Chinese; false: it is not known, or could mean two things.
func Chinese(text string) (string, bool) {
	if len(text) > longest || !utf8.ValidString(text) {
		return text, false
	}
	b := catalogue()
	if said, ok := b.exact[text]; ok {
		return said, true
	}
	return b.translate(text, deepest)
}

// Lines is text in Chinese line by line, with its indentation. Lines that are not
// known stay as they are.
func Lines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body := strings.TrimRight(line, " \r\n")
		indent := len(body) - len(strings.TrimLeft(body, " "))
		said, _ := Chinese(body[indent:])
		b.WriteString(body[:indent])
		b.WriteString(said)
		b.WriteString(line[len(body):])
	}
	return b.String()
}

// translate finds the sentence itself, else its parts: a context and what follows
// its colon, what stands in brackets behind it, clauses, items of a list.
func (c *book) translate(text string, depth int) (string, bool) {
	if depth == 0 || !lettered(text) {
		return text, false
	}
	if said, found := c.sentence(text, depth-1); found {
		return said, said != text
	}
	for _, split := range []func(string, int) (string, bool){c.tagged, c.placed, c.clauses, c.items, c.context, c.predicate, c.bracketed} {
		if said, ok := split(text, depth-1); ok {
			return said, true
		}
	}
	return text, false
}

// part is a part of a sentence in Chinese, or as it is. words lets it be a single word,
// or a list of such.
func (c *book) part(text string, depth int, words bool) (string, bool) {
	if words && depth > 0 {
		if said, ok := c.exact[text]; ok {
			return said, true
		}
		if said, found := c.sentence(text, depth-1); found && said != text { // before its words are read as a list
			return said, true
		}
		if said, ok := c.listed(text, depth, true); ok {
			return said, true
		}
	}
	return c.translate(text, depth)
}

// ofRule is the name of a rule behind a problem, or the colon behind a question.
var ofRule = regexp.MustCompile(`^(.*[^:])( \[[a-z-]+\]|:)$`)

// tagged takes what is the same in every language from the ends of a line.
func (c *book) tagged(text string, depth int) (string, bool) {
	for _, tag := range []string{"[sandbox] ", "campaign: "} {
		if rest, ok := strings.CutPrefix(text, tag); ok {
			body := strings.TrimLeft(rest, " ")
			said, ok := c.part(body, depth, true)
			return tag + rest[:len(rest)-len(body)] + said, ok
		}
	}
	if m := ofRule.FindStringSubmatch(text); m != nil {
		said, ok := c.translate(m[1], depth)
		if m[2] == ":" {
			return said + "：", ok
		}
		return said + m[2], ok
	}
	return text, false
}

// placed reads "where: what" where the rest is one sentence as a whole.
func (c *book) placed(text string, depth int) (string, bool) {
	for at := range indexes(text, ": ") {
		if said, found := c.sentence(text[at+2:], depth); found && said != text[at+2:] {
			return c.where(text[:at], depth) + "：" + said, true
		}
	}
	return text, false
}

// where is what stands before a colon: a single word is the name of a key or file, and
// stays.
func (c *book) where(text string, depth int) string {
	if !strings.Contains(text, " ") {
		return text
	}
	said, _ := c.translate(text, depth)
	return said
}

// context reads "where: what". The first colon behind which the rest is known wins,
// so that a path may hold one. A single word before a number is what is counted.
func (c *book) context(text string, depth int) (string, bool) {
	for at := range indexes(text, ": ") {
		if said, ok := c.translate(text[at+2:], depth); ok {
			return c.where(text[:at], depth) + "：" + said, true
		}
	}
	for at := range indexes(text, ": ") {
		before, number := text[:at], !strings.ContainsFunc(text[at+2:], unicode.IsLetter)
		if said, ok := c.part(before, depth, number); ok {
			return said + "：" + text[at+2:], true
		}
	}
	return text, false
}

// clauses reads "one; another": each that is known is said in Chinese. A sentence may
// have such a sign itself, so as many parts as are one go together.
func (c *book) clauses(text string, depth int) (string, bool) {
	parts := strings.Split(text, "; ")
	if len(parts) == 1 || len(parts) > mostParts {
		return text, false
	}
	var out []string
	known := false
	for len(parts) > 0 {
		n := len(parts) - 1
		for ; n > 1; n-- {
			if _, found := c.sentence(strings.Join(parts[:n], "; "), depth); found {
				break
			}
		}
		n = max(n, 1)
		said, ok := c.part(strings.Join(parts[:n], "; "), depth, false)
		out, known, parts = append(out, said), known || ok, parts[n:]
	}
	return strings.Join(out, "；"), known
}

// verbs begin what can be said of a value that stands before it.
var verbs = []string{" is ", " has ", " holds ", " stands ", " must ", " cannot ", " waits ", " began "}

// predicate reads "value says something".
func (c *book) predicate(text string, depth int) (string, bool) {
	for _, v := range verbs {
		for at := range indexes(text, v) {
			if said, found := c.sentence(text[at+1:], depth); found && said != text[at+1:] {
				subject, _ := c.part(text[:at], depth, false)
				if subject == "it" {
					subject = "该活动"
				}
				return joined(subject+" ", said), true
			}
		}
	}
	return text, false
}

// bracketed reads "sentence (remark)".
func (c *book) bracketed(text string, depth int) (string, bool) {
	if !strings.HasSuffix(text, ")") {
		return text, false
	}
	for at := range indexes(text, " (") {
		before, first := c.part(text[:at], depth, false)
		remark, second := c.part(text[at+2:len(text)-1], depth, false)
		if first || second {
			return before + "（" + remark + "）", true
		}
	}
	return text, false
}

// items reads a list of sentences or numbers.
func (c *book) items(text string, depth int) (string, bool) { return c.listed(text, depth, false) }

// listed reads "a, b and c": it is one where all are known, or numbers; names may be
// joined by and or or.
func (c *book) listed(text string, depth int, words bool) (string, bool) {
	if depth == 0 {
		return text, false
	}
	for _, sign := range []struct {
		english, chinese string
		names            bool
	}{{", ", "，", false}, {" and ", "和", true}, {" or ", "或", true}} {
		parts := strings.Split(text, sign.english)
		if len(parts) == 1 || len(parts) > mostParts {
			continue
		}
		all, known, out := true, sign.names, ""
		for i, p := range parts {
			said, ok := c.part(p, depth-1, words)
			name := unworded(p) || sign.names && !strings.Contains(p, " ")
			all, known = all && (ok || name), known || ok
			if i > 0 {
				out = joined(out, sign.chinese)
			}
			out = joined(out, said)
		}
		if all && known {
			return out, true
		}
	}
	return text, false
}

// mostParts bounds how many places a sentence is taken apart at.
const mostParts = 12

// indexes are the places of a separator, at most mostParts.
func indexes(text, sep string) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		from := 0
		for range mostParts {
			at := strings.Index(text[from:], sep)
			if at < 0 || !yield(from+at) {
				return
			}
			from += at + len(sep)
		}
	}
}

// amount is a number with its currency.
var amount = regexp.MustCompile(`^[0-9][0-9,.]* [A-Z]{3}$`)

// unworded reports whether a text is the same in every language: it has no word, or is
// an amount of money.
func unworded(text string) bool { return !lettered(text) || amount.MatchString(text) }

// lettered reports whether there is a word in a text.
func lettered(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
}
