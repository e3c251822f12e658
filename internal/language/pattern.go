package language

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// pattern is a sentence with holes, as a format string of fmt has them.
type pattern struct {
	english string   // as it stands in the catalogue
	between []string // the texts around the holes: one more than there are holes
	holes   []rune   // d: a number; q: a quoted text; s: any text
	chinese []piece
	longest string // of between: what a text must have to be this sentence
	literal int    // bytes of between
	weak    bool   // few words of its own: what stands in its holes must look like values

	first, last *regexp.Regexp // each hole as short, or as long, as can be; made when wanted
}

// piece is a part of the Chinese sentence: a text, or a hole.
type piece struct {
	text  string
	hole  int  // 1-based; 0: a text
	again bool // what stands in the hole is a sentence itself, or a part of one
	words bool // and may be a single word of the catalogue
	free  bool // what stands in the hole may be any text, also in a short sentence
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[-+# 0]*\d*(?:\.\d+)?([a-zA-Z%])`)

// parse reads an English sentence and its Chinese one. Holes without a number are
// counted as fmt does; %m in the Chinese is a hole that holds a sentence itself, and %n
// one that may hold a single word of the catalogue, %v one that may hold anything where
// the sentence has few words of its own.
func parse(english, chinese string) (*pattern, error) {
	p := &pattern{english: english}
	texts, verbs := cut(english)
	p.between = texts
	for _, v := range verbs {
		if v.kind == 'v' { // any text, in English as well
			v.kind = 's'
		}
		p.holes = append(p.holes, v.kind)
	}
	for _, text := range texts {
		p.literal += len(text)
		if len(text) > len(p.longest) {
			p.longest = text
		}
	}
	p.weak = letters(strings.Join(texts, "")) < fewLetters
	for i := 1; i < len(texts)-1; i++ {
		if texts[i] == "" {
			return nil, fmt.Errorf("two holes touch in %q: write them as one", english)
		}
	}
	texts, verbs = cut(chinese)
	used := map[int]bool{}
	for i, text := range texts {
		if text != "" {
			p.chinese = append(p.chinese, piece{text: text})
		}
		if i == len(verbs) {
			break
		}
		n := verbs[i].number
		if n == 0 {
			n = i + 1
		}
		if n > len(p.holes) || used[n] {
			return nil, fmt.Errorf("%q has %d holes, and hole %d is named out of them or twice in %q", english, len(p.holes), n, chinese)
		}
		used[n] = true
		p.chinese = append(p.chinese, piece{hole: n, again: verbs[i].kind == 'm' || verbs[i].kind == 'n', words: verbs[i].kind == 'n', free: verbs[i].kind == 'v'})
	}
	if len(used) != len(p.holes) {
		return nil, fmt.Errorf("%q has %d holes and %d of them are in %q: nothing may be left out", english, len(p.holes), len(used), chinese)
	}
	return p, nil
}

// fewLetters is how many letters make a sentence so short that it could be found in
// others by chance.
const fewLetters = 20

func letters(text string) (n int) {
	for _, r := range text {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			n++
		}
	}
	return n
}

type hole struct {
	number int
	kind   rune
}

// cut takes a format string apart into the texts around its verbs, and these.
func cut(format string) (texts []string, verbs []hole) {
	text := ""
	for format != "" {
		at := verb.FindStringSubmatchIndex(format)
		if at == nil {
			break
		}
		text += format[:at[0]]
		letter := format[at[4]:at[5]]
		if letter == "%" {
			text += "%"
			format = format[at[1]:]
			continue
		}
		h := hole{kind: kindOf(letter)}
		if at[2] >= 0 {
			h.number, _ = strconv.Atoi(format[at[2]:at[3]])
		}
		texts, verbs, text = append(texts, text), append(verbs, h), ""
		format = format[at[1]:]
	}
	return append(texts, text+format), verbs
}

func kindOf(letter string) rune {
	switch letter {
	case "d", "f", "g":
		return 'd'
	case "q":
		return 'q'
	case "m", "n", "v":
		return rune(letter[0])
	}
	return 's'
}

// compile makes the two expressions: where both find the same holes, a text can be
// read in one way only.
func (p *pattern) compile() {
	shortest, widest := "(.*?)", "(.*)"
	build := func(any string) *regexp.Regexp {
		var b strings.Builder
		b.WriteString(`(?s)^`)
		for i, text := range p.between {
			b.WriteString(regexp.QuoteMeta(text))
			if i == len(p.holes) {
				break
			}
			switch p.holes[i] {
			case 'd':
				b.WriteString(`([-+]?[0-9][0-9,.]*(?:e[-+]?[0-9]+)?|[-+]?[0-9])`)
			case 'q':
				b.WriteString(`("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`)")
			default:
				b.WriteString(any)
			}
		}
		b.WriteString(`$`)
		return regexp.MustCompile(b.String())
	}
	p.first, p.last = build(shortest), build(widest)
}

// match finds what stands in the holes, as pairs of places; ambiguous: words of the
// sentence could stand elsewhere in the text as well.
func (p *pattern) match(text string) (places []int, found, ambiguous bool) {
	if len(p.holes) == 0 {
		return nil, text == p.english, false
	}
	places = p.first.FindStringSubmatchIndex(text)
	if places == nil {
		return nil, false, false
	}
	places = places[2:]
	other := p.last.FindStringSubmatchIndex(text)[2:]
	for i := 1; i < len(p.holes); i++ { // between[i] stands between hole i-1 and i
		switch {
		case places[2*i] == other[2*i]:
		case lettered(p.between[i]):
			return places, true, true
		case strings.TrimSpace(p.between[i]) == "": // any blank could be the one
			return nil, false, false
		}
	}
	return places, true, false
}

// covers reports whether a byte of a text at a place is the sentence's own, or stands in
// a hole that is translated again.
func (p *pattern) covers(places []int, at int) bool {
	for i := range p.holes {
		if at >= places[2*i] && at < places[2*i+1] {
			return p.isSentence(i + 1)
		}
	}
	return true
}

func (p *pattern) isSentence(hole int) bool { return p.in(hole).again }

// in is where a hole stands in the Chinese sentence.
func (p *pattern) in(hole int) piece {
	for _, c := range p.chinese {
		if c.hole == hole {
			return c
		}
	}
	return piece{}
}
