package language

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The catalogue is a file a room: an English sentence on a line of its own, and the
// Chinese one indented by a tab on the next. Lines that begin with # are comments.
//
// English sentences are the format strings of the code, without blanks and line
// breaks around them: a value that is put in with + is %s, and holes that touch are
// one. In the Chinese sentence %s, %d and %q keep their order or have a number, as
// %[2]s; %m is a hole whose text is a sentence itself, or a number of things, and is
// translated again, %n one that may also be a single word. A word alone is translated
// nowhere else: it could be the name of a key or of a file. %v is a hole for any text,
// where a sentence has so few words of its own that its holes must look like values.
// `%d recipient(s)` stands for the singular and the plural.
//
//go:embed zh/*.txt
var texts embed.FS

// book is the catalogue, ready to be looked up.
type book struct {
	mu       sync.Mutex // for expressions, which are made when they are wanted
	exact    map[string]string
	patterns []*pattern     // those with holes, most literal text first
	index    map[gram][]int // those that have it in their longest text, as places in patterns
	short    []int          // those whose longest text has no gram
}

// gram is a piece of a text by which sentences are found.
type gram [4]byte

var catalogue = sync.OnceValue(func() *book {
	b, err := open(texts)
	if err != nil {
		panic("language: the embedded catalogue: " + err.Error()) // a test opens it
	}
	return b
})

// entry is one pair of the catalogue.
type entry struct{ file, english, chinese string }

// entries reads all files of the catalogue.
func entries(files fs.FS) ([]entry, error) {
	names, err := fs.Glob(files, "zh/*.txt")
	if err != nil {
		return nil, err
	}
	var out []entry
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		english := ""
		for i, line := range strings.Split(string(data), "\n") {
			chinese, indented := strings.CutPrefix(strings.TrimRight(line, "\r"), "\t")
			switch {
			case line == "" || strings.HasPrefix(line, "#"):
			case indented && english == "":
				return nil, fmt.Errorf("%s:%d: a Chinese sentence without an English one before it", name, i+1)
			case indented:
				out = append(out, entry{name, english, chinese})
				english = ""
			case english != "":
				return nil, fmt.Errorf("%s:%d: %q has no Chinese sentence", name, i, english)
			default:
				english = strings.TrimRight(line, "\r")
			}
		}
		if english != "" {
			return nil, fmt.Errorf("%s: %q has no Chinese sentence", name, english)
		}
	}
	return out, nil
}

// open makes a book of the files of a catalogue.
func open(files fs.FS) (*book, error) {
	all, err := entries(files)
	if err != nil {
		return nil, err
	}
	b := &book{exact: map[string]string{}}
	seen := map[string]string{}
	for _, e := range all {
		for _, english := range numbers(e.english) {
			if other, twice := seen[english]; twice {
				return nil, fmt.Errorf("%s: %q is in %s too", e.file, english, other)
			}
			seen[english] = e.file
			p, err := parse(english, e.chinese)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.file, err)
			}
			if len(p.holes) == 0 {
				b.exact[p.between[0]] = p.chinese[0].text
				continue
			}
			b.patterns = append(b.patterns, p)
		}
	}
	slices.SortFunc(b.patterns, func(x, y *pattern) int {
		return cmp.Or(cmp.Compare(y.literal, x.literal), cmp.Compare(x.english, y.english))
	})
	b.makeIndex()
	return b, nil
}

// makeIndex files each sentence under the gram of its longest text that is rarest.
func (b *book) makeIndex() {
	often := map[gram]int{}
	for _, p := range b.patterns {
		for i := 0; i+4 <= len(p.longest); i++ {
			often[gram([]byte(p.longest[i:i+4]))]++
		}
	}
	b.index = map[gram][]int{}
	for n, p := range b.patterns {
		if len(p.longest) < 4 {
			b.short = append(b.short, n)
			continue
		}
		rarest := gram([]byte(p.longest[:4]))
		for i := 1; i+4 <= len(p.longest); i++ {
			if g := gram([]byte(p.longest[i : i+4])); often[g] < often[rarest] {
				rarest = g
			}
		}
		b.index[rarest] = append(b.index[rarest], n)
	}
}

// candidates are the sentences that a text could be, most literal text first.
func (b *book) candidates(text string) []int {
	found := slices.Clone(b.short)
	for i := 0; i+4 <= len(text); i++ {
		found = append(found, b.index[gram{text[i], text[i+1], text[i+2], text[i+3]}]...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// numbers are the singular and the plural of an entry that stands for both.
func numbers(english string) []string {
	if !strings.HasPrefix(english, "%d ") || !strings.HasSuffix(english, "(s)") {
		return []string{english}
	}
	return []string{strings.Replace(english, "(s)", "", 1), strings.Replace(english, "(s)", "s", 1)}
}

// sentence is the Chinese of a whole sentence. found is false where there is no such
// sentence; a sentence that could be read in two ways is found and stays English.
func (b *book) sentence(text string, depth int) (said string, found bool) {
	if said, ok := b.exact[text]; ok && strings.Contains(text, " ") {
		return said, true
	}
	var best *pattern
	var places []int
	for _, n := range b.candidates(text) {
		p := b.patterns[n]
		if !strings.Contains(text, p.longest) {
			continue
		}
		at, ok, ambiguous := b.match(p, text)
		switch {
		case !ok || !b.values(p, text, at, depth):
		case best == nil && ambiguous:
			return text, true
		case best == nil:
			best, places = p, at
		case contradicts(text, best, places, p, at):
			return text, true
		}
	}
	if best == nil {
		return text, false
	}
	return b.fill(best, text, places, depth), true
}

func (b *book) match(p *pattern, text string) ([]int, bool, bool) {
	b.mu.Lock()
	if p.first == nil {
		p.compile()
	}
	b.mu.Unlock()
	return p.match(text)
}

// contradicts reports whether another reading of a text takes for words of its own
// what the first holds for a value.
func contradicts(text string, best *pattern, places []int, other *pattern, at []int) bool {
	from := 0
	for i := range other.between {
		to := from + len(other.between[i])
		if i < len(other.holes) {
			to = at[2*i]
		}
		for k := from; k < to; k++ {
			if !best.covers(places, k) && lettered(text[k:k+1]) {
				return true
			}
		}
		if i < len(other.holes) {
			from = at[2*i+1]
		}
	}
	return false
}

// values reports whether a sentence's holes can hold what they would: one at its
// beginning no context of its own, one for words no sentences, and those of a short sentence values without blanks,
// lists of such, or sentences that are known.
func (b *book) values(p *pattern, text string, places []int, depth int) bool {
	for i := range p.holes {
		value := text[places[2*i]:places[2*i+1]]
		c := p.in(i + 1)
		if p.holes[i] != 's' || c.free {
			continue
		}
		if p.weak && c.again && strings.Contains(value, "; ") || c.words && (strings.Contains(value, "; ") || strings.Contains(value, ": ")) {
			return false
		}
		if (!c.again || p.weak) && places[2*i] == 0 && strings.Contains(value, ": ") {
			return false
		}
		if !p.weak || !strings.Contains(strings.ReplaceAll(value, ", ", ""), " ") || unworded(value) { // a time has blanks
			continue
		}
		if !c.again {
			return false
		}
		if _, ok := b.part(value, depth, true); !ok {
			return false
		}
	}
	return true
}

// fill puts what stands in the holes into the Chinese sentence.
func (b *book) fill(p *pattern, text string, places []int, depth int) string {
	out := ""
	for _, c := range p.chinese {
		if c.hole == 0 {
			out = joined(out, c.text)
			continue
		}
		value := text[places[2*c.hole-2]:places[2*c.hole-1]]
		if c.again {
			value, _ = b.part(value, depth, c.words)
		}
		out = joined(out, value)
	}
	return out
}

// joined puts texts together as Chinese typesetting has it: a blank between Chinese and
// other letters, none between Chinese ones.
func joined(before, after string) string {
	left, _ := utf8.DecodeLastRuneInString(before)
	right, size := utf8.DecodeRuneInString(after)
	next, _ := utf8.DecodeRuneInString(after[size:])
	switch {
	case right == ' ' && wide(left) && wide(next):
		return before + after[size:]
	case left == ' ' && wide(right):
		if r, _ := utf8.DecodeLastRuneInString(before[:len(before)-1]); wide(r) {
			return before[:len(before)-1] + after
		}
	case unicode.Is(unicode.Han, left) && plain(right) || plain(left) && unicode.Is(unicode.Han, right):
		return before + " " + after
	}
	return before + after
}

// wide reports Chinese characters and their punctuation.
func wide(r rune) bool {
	return unicode.Is(unicode.Han, r) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xffef
}

// plain reports letters and digits that stand apart from Chinese ones.
func plain(r rune) bool { return r >= '0' && r <= '9' || r < unicode.MaxASCII && unicode.IsLetter(r) }
