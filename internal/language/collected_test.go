package language

import (
	"slices"
	"testing"
	"testing/fstest"
)

// TestCollect keeps the collection itself honest: it sees each way in which the code
// makes a sentence, and none of what people are not shown.
func TestCollect(t *testing.T) {
	const room = `package a

import "fmt"

const hint = "write it otherwise"

func fail(code int, format string, args ...any) error { return fmt.Errorf(format, args...) }

func f(x string, n int) (string, error) {
	told := func(format string, args ...any) {}
	told("the list ends\nbefore row %d", n)
	p := Problem{Message: "the list " + x + " has no rows", Hint: "fill " + x + "; " + hint}
	if x == "not for anybody to read" || strings.Contains(x, "nor is this one") {
		panic("a programmer reads this")
	}
	log.Info("a log is English", "key", x)
	p.Message += " (profile " + x + ")"
	switch x {
	case "a case says nothing":
	}
	fmt.Fprintf(w, "%s%s: it is 100%% %q\n", s.tag(), x, x)
	return count(n, "other recipient"), fail(4, "read %5.1f of %+v: %w", 1.0, x, nil)
}

type tagged struct { F int ` + "`json:\"no sentence either\"`" + ` }
`
	const schema = `{"$defs": {"day": {"description": "A day of the week."}}, "required": ["day"], "properties": {"day": {"$ref": "#/$defs/day"},
		"span": {"title": "Span of time", "description": "Two times.", "pattern": "x"}, "free": {"description": "Nobody is shown this."},
		"plain": {"not": {"pattern": "y", "description": "no pattern here"}}}}`
	got := collect(t, fstest.MapFS{
		"internal/a/a.go":             {Data: []byte(room)},
		"internal/a/a_test.go":        {Data: []byte("package a\nconst x = \"tests say nothing\"\n")},
		"internal/sandbox/s.go":       {Data: []byte("package sandbox\nconst x = \"exempt as a room\"\n")},
		"schema/campaign.schema.json": {Data: []byte(schema)},
	})
	var english []string
	for _, m := range got.messages {
		english = append(english, m.english)
	}
	slices.Sort(english)
	want := []string{
		"%d other recipient(s)", "%s: it is 100%% %q", "a day of the week", "before row %d",
		"fill %s; write it otherwise", "no pattern here", "profile %s", "read %d of %s: %s",
		"span of time", "the list %s has no rows", "the list ends", "two times", "write it otherwise",
	}
	if english = slices.Compact(english); !slices.Equal(english, want) {
		t.Errorf("got  %q\nwant %q", english, want)
	}
	if !got.literals["fill "] || got.literals["exempt as a room"] {
		t.Error("single words are looked for in the same files")
	}
}
