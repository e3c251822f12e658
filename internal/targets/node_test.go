package targets

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"campaign/internal/campaign"
)

func read(text string) (Node, *[]campaign.Problem) {
	problems := &[]campaign.Problem{}
	return Read(campaign.Raw{Pointer: "/at", JSON: []byte(text)}, problems), problems
}

func problemLines(problems []campaign.Problem) string {
	var all []string
	for _, p := range problems {
		all = append(all, p.Pointer+" "+p.Message)
	}
	return strings.Join(all, "\n")
}

func TestReadNeedsAMapping(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "", ` {"a": 1} `: "",
		``: "/at is not one JSON value", `{`: "/at is not one JSON value", `{} 1`: "/at is not one JSON value", `{}}`: "/at is not one JSON value",
		`null`: "/at must be a mapping", `[]`: "/at must be a mapping", `"a"`: "/at must be a mapping", `1`: "/at must be a mapping",
	} {
		n, problems := read(text)
		if got := problemLines(*problems); got != want {
			t.Errorf("%s: %s", text, got)
		}
		if n.Exists() != (want == "") || n.Get("x").Get("y").Exists() {
			t.Errorf("%s: exists is %t", text, n.Exists())
		}
	}
}

func TestNodeValues(t *testing.T) {
	n, problems := read(`{"text": "t", "bool": true, "number": 9007199254740993, "list": ["a", "b"], "null": null, "a/b~": {"k": {"~": 1}}}`)
	if n.Get("text").Text() != "t" || !n.Get("bool").Bool() || !slices.Equal(n.Get("list").Texts(), []string{"a", "b"}) {
		t.Error("a value is another one")
	}
	if number, ok := n.Get("number").Number(); number != 9007199254740993 || !ok {
		t.Errorf("number %d %t", number, ok)
	}
	if !slices.Equal(n.Keys(), []string{"a/b~", "bool", "list", "null", "number", "text"}) {
		t.Errorf("keys %q", n.Keys())
	}
	if at := n.Get("a/b~").Get("k").Get("~").Pointer; at != "/at/a~1b~0/k/~0" {
		t.Errorf("pointer %s", at)
	}
	for _, key := range []string{"null", "absent"} {
		v := n.Get(key)
		number, ok := v.Number()
		if v.Exists() || v.Text() != "" || v.Filled() != "" || v.Bool() || number != 0 || ok || v.List() != nil || v.Keys() != nil || v.URL(false) != nil || v.Credential().Env != "" {
			t.Errorf("%s has a value", key)
		}
	}
	if len(*problems) > 0 {
		t.Errorf("problems %v", *problems)
	}
}

func TestNodeProblems(t *testing.T) {
	n, problems := read(`{"text": "t", "blank": " ", "bool": true, "number": 1.0, "list": [1, null], "map": {}}`)
	n.Get("bool").Text()
	n.Get("text").Bool()
	n.Get("number").Number()
	n.Get("text").Number()
	n.Get("map").List()
	n.Get("list").Keys()
	n.Get("list").Texts()
	n.Get("blank").Filled()
	n.Get("map").Get("x").Required()
	n.Get("number").URL(false)
	want := `/at/bool must be text
/at/text must be true or false
/at/number must be a whole number
/at/text must be a whole number
/at/map must be a list
/at/list must be a mapping
/at/list/0 must be text
/at/list/1 must be text
/at/blank must not be empty
/at/map "x" is missing
/at/number must be text`
	if got := problemLines(*problems); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSuggest(t *testing.T) {
	many := strings.Split("k01 k02 k03 k04 k05 k06 k07 k08 k09 k10 k11 k12", " ")
	for _, c := range []struct {
		name  string
		known []string
		want  string
	}{
		{"x", nil, ""},
		{"统计居", []string{"民政局", "统计局"}, `did you mean "统计局"?`},
		{"GOV", []string{"media", "gov"}, `did you mean "gov"?`},
		{"zzzzzz", []string{"b", "a"}, "known are a, b"},
		{"zzzzzz", many, "known are k01, k02, k03, k04, k05, k06, k07, k08, k09, k10 and 2 more"},
		{"", []string{"a"}, "known are a"},
	} {
		if got := Suggest(c.name, c.known); got != c.want {
			t.Errorf("%q: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://h": "https://h", "http://h:80/a/": "http://h:80/a", "http://h//": "http://h", "http://h/a%2F/": "http://h/a%2F", "http://[::1]:8/x": "http://[::1]:8/x",
	} {
		n, problems := read(fmt.Sprintf(`{"u": %q}`, text))
		u := n.Get("u").URL(false)
		if u == nil || TrimSlash(u).String() != want {
			t.Errorf("%s: %v %v", text, u, *problems)
		}
	}
	n, problems := read(`{"u": "http://h/t?a=b"}`)
	if u := n.Get("u").URL(true); u == nil || u.String() != "http://h/t?a=b" || len(*problems) > 0 {
		t.Errorf("with a query: %v %v", u, *problems)
	}
	for _, text := range []string{"", "h", "//h", "http://", "http:///x", "http://:80", "mailto:a", "http://h:port", "http://h\x00", "http://u@h", "http://h?", "http://h/#a", "http://h#"} {
		n, problems := read(fmt.Sprintf(`{"u": %q}`, text))
		if u := n.Get("u").URL(false); u != nil {
			t.Errorf("%q is taken: %v, %v", text, u, *problems)
		}
	}
}
