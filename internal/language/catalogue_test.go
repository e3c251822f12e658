package language

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// TestEverythingIsTranslated holds the catalogue against the code: each sentence that
// people are shown is in it, and nothing else is.
func TestEverythingIsTranslated(t *testing.T) {
	c := collect(t, os.DirFS(filepath.FromSlash("../..")))
	all, err := entries(texts)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, e := range all {
		have[e.english] = true
	}
	said := map[string]bool{}
	missing := map[string][]string{}
	for _, m := range c.messages {
		if said[m.english] {
			continue
		}
		said[m.english] = true
		if !have[m.english] {
			missing[m.room] = append(missing[m.room], fmt.Sprintf("# %s\n%s\n\t\n", m.place, m.english))
		}
	}
	for _, room := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("%d sentences of %s have no Chinese: put them into %s, the Chinese behind the tab:\n\n%s",
			len(missing[room]), room, fileOf(room), strings.Join(missing[room], ""))
	}
	for _, e := range all {
		if e.file != system && !said[e.english] && !c.literals[e.english] && !(e.file == composed && c.composed(e.english)) {
			t.Errorf("%s: no code says this any more, remove it:\n%s\n\t%s\n", e.file, e.english, e.chinese)
		}
		if english, _ := cut(e.english); !lettered(strings.Join(english, "")) {
			t.Errorf("%s: %q has no word: it would be found in anything", e.file, e.english)
		}
		if !strings.ContainsFunc(e.chinese, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%s: the Chinese of %q has no Chinese character: %q", e.file, e.english, e.chinese)
		}
	}
}

// system is the file of what others say: the system and libraries.
const system = "zh/system.txt"

// composed is the file of sentences that stand in no place of the code as a whole.
const composed = "zh/composed.txt"

// composed reports whether all words of a sentence are in texts of the code.
func (c *collection) composed(english string) bool {
	between, _ := cut(english)
	said := slices.Collect(maps.Keys(c.literals))
	for _, word := range strings.Fields(strings.Join(between, " ")) {
		if !slices.ContainsFunc(said, func(l string) bool { return strings.Contains(l, word) }) {
			return false
		}
	}
	return true
}

// fileOf is where the sentences of a room belong.
func fileOf(room string) string {
	return "internal/language/zh/" + strings.ReplaceAll(strings.TrimPrefix(room, "internal/"), "/", "-") + ".txt"
}

// TestKnownMistakes says in Chinese what internal/spec says of each broken file that it
// keeps: sentences are found as they are filled in.
func TestKnownMistakes(t *testing.T) {
	data, err := os.ReadFile(filepath.FromSlash("../spec/testdata/broken.txt"))
	if err != nil {
		t.Fatal(err)
	}
	place := regexp.MustCompile(`^[a-z]+-[^:]*(?::\d+:\d+)?: (.*) \[[a-z-]+\]$`)
	n := 0
	for line := range strings.Lines(string(data)) {
		said := strings.TrimSpace(line)
		if m := place.FindStringSubmatch(said); m != nil {
			said = m[1]
		} else if !strings.HasPrefix(line, "    ") {
			continue
		}
		if n++; strings.HasPrefix(said, "executing ") { // the library's words
			continue
		}
		if chinese, ok := Chinese(said); !ok || sentences.MatchString(quoted.ReplaceAllString(chinese, "")) {
			t.Errorf("%s\n%s", said, chinese)
		}
	}
	if n < 500 {
		t.Errorf("%d sentences", n)
	}
}

var (
	quoted    = regexp.MustCompile("\"[^\"]*\"|`[^`]*`|\\{.*\\}")
	sentences = regexp.MustCompile(`[a-z]{2,} [a-z]{2,} [a-z]{2,}`)
)
