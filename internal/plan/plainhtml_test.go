package plan

import (
	"strings"
	"testing"
	"text/template/parse"

	"pgregory.net/rapid"
)

func TestPlainHTML(t *testing.T) {
	for source, want := range map[string]bool{
		`<p>{{ .a }}</p><BR/><h1 >x</h1 >`:                              true,
		`<a href="https://x.cn/?a=1&b" class="c">{{ .a }}</a>`:          true,
		"<td\n colspan=\"2\" />{{ if .a }}<b>a</b>{{ else }}x{{ end }}": true,
		`a > b & "c" 'd'`:                     true,
		`<a href="{{ .a }}">x</a>`:            false,
		`<{{ .a }}>`:                          false,
		`1 < 2 {{ .a }}`:                      false,
		`<!-- {{ .a }} -->`:                   false,
		`<!doctype html><p>{{ .a }}</p>`:      false,
		`<SCRIPT>{{ .a }}</SCRIPT>`:           false,
		`<textarea>{{ .a }}</textarea>`:       false,
		`<p style="color: red">{{ .a }}</p>`:  false,
		`<p onclick="x()">{{ .a }}</p>`:       false,
		`<p hidden>{{ .a }}</p>`:              false,
		`<a href=x>{{ .a }}</a>`:              false,
		`<a href="x"class="y">{{ .a }}</a>`:   false,
		`<a / href="x">{{ .a }}</a>`:          false,
		`<a href="<b>">{{ .a }}</a>`:          false,
		`{{ if .a }}<p{{ else }}x{{ end }}>`:  false,
		`{{ if .a }}x{{ else }}<p{{ end }} >`: false,
		`<1>{{ .a }}`:                         false,
		`<x-y>{{ .a }}`:                       false,
	} {
		tree, ok := parsed(source)
		if !ok {
			t.Fatalf("%s cannot be parsed", source)
		}
		if got := plainHTML(tree.Root); got != want {
			t.Errorf("%s: %v", source, got)
		}
	}
}

// TestPlainHTMLAsTemplates holds plainHTML against html/template: what it lets through,
// html/template leaves as it is, with each value escaped as text.
func TestPlainHTMLAsTemplates(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		"<p>", "</p>", "<br/>", "<b class=\"x\">", "</b >", "<a href=\"https://x.cn/?a=1&b='c\">", "<img src=\"a\" alt=\"b\" />", "<td\n width=\"1\"\tid=\"{2}\">",
		"<script>", "</script>", "<style>", "<title>", "</title>", "<textarea>", "<!--", "-->", "<!doctype html>", "<", ">", "\"", "'", "=", "/", " ", "p", "on", "href",
		"style=\"", "href=\"", "<svg>", "<a ", "javascript:", "一", "&amp;", "\x00", "{{ .a }}", "{{ .b }}", "{{ if .a }}", "{{ else }}", "{{ end }}", "<meta content=\"", "<template>", "<x:y>", "</",
	})
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		source := strings.Join(rapid.SliceOfN(pieces, 1, 12).Draw(t, "pieces"), "")
		tree, ok := parsed(source)
		if !ok {
			t.Skip("no template")
		}
		c := &compiler{source: source, scope: &scope{}}
		if c.list(tree.Root); len(c.faults) > 0 || !plainHTML(tree.Root) {
			t.Skip("not plain")
		}
		plain++
		var before []string
		for _, text := range textsOf(nil, tree.Root) {
			before = append(before, string(text.Text))
		}
		if _, f := escapeHTML(tree, source); f != nil {
			t.Fatalf("%q: html/template complains: %s", source, f.message)
		}
		for i, text := range textsOf(nil, tree.Root) {
			if string(text.Text) != before[i] {
				t.Fatalf("%q: %q became %q", source, before[i], text.Text)
			}
		}
		checkEscapers(t, source, tree.Root)
	})
	if plain == 0 {
		t.Error("nothing was plain")
	}
}

// checkEscapers wants every value to be escaped as text.
func checkEscapers(t *rapid.T, source string, l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			if how, known := escapers(n.Pipe); how != htmlText || !known {
				t.Fatalf("%q: html/template writes %s", source, n)
			}
		case *parse.IfNode:
			checkEscapers(t, source, n.List)
			checkEscapers(t, source, n.ElseList)
		}
	}
}
