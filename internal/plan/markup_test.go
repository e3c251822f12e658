package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

func TestMarkup(t *testing.T) {
	for _, c := range []struct {
		source string
		want   []string // offset, rule, and the beginning of the message
	}{
		{"plain text & 1 < 2", nil},
		{"<p>a<br>b</p><img src=x><hr/>", nil},
		{"<ul><li>a<li>b</ul><table><tr><td>c<tr><td>d</table>", nil},
		{"<p>one<p>two", nil},
		{"<!DOCTYPE html><html><head><title>a<b</title></head><body>x</body></html>", nil},
		{"<style>p > b { color: red }</style><textarea><b></textarea>", nil},
		{"<svg><path d='x'/></svg><math><mi/></math>", nil},
		{"<!-- <b> <script> --><P>x</p>", nil},
		{"<p title='</b>'>x</p>", nil},

		{"<b>x", []string{"0 html-unclosed <b> is never closed"}},
		{"x<div><p>y</p>", []string{"1 html-unclosed <div> is never closed"}},
		{"<div/>", []string{"0 html-unclosed /> does not close <div>"}},
		{"<b><i>x</b></i>", []string{"3 html-nesting <i> is still open where <b>"}},
		{"<p><div>x</p></div>", []string{"3 html-nesting <div> is still open where <p>"}},
		{"<b><i>x</b></i></i>", []string{"3 html-nesting <i> is still open", "15 html-nesting </i> has no <i>"}},
		{"x</b>", []string{"1 html-nesting </b> has no <b> before it"}},
		{"a</br>", []string{"1 html-nesting </br>: <br> has no content"}},
		{"<p>x</p><a href=\"u", []string{"8 html-tag the tag that begins here has no end"}},
		{"x</b", []string{"1 html-tag the tag that begins here has no end"}},
		{"x<!-- <b>", []string{"1 html-tag the comment that begins here has no end"}},
		{"<svg><g></svg>", []string{"5 html-nesting <g> is still open where <svg>"}},

		{"<p><script>a</b></script></p>", []string{"3 html-script a script"}},
		{"<SCRIPT src=x></SCRIPT>", []string{"0 html-script a script"}},
		{`<p id="onclick" onClick="x()" ONLOAD=y on=z>a</p>`, []string{"16 html-handler onclick runs a script", "30 html-handler onload runs"}},
		{`<img src=x onerror=alert(1)>`, []string{"11 html-handler onerror"}},
		{`<a href="javascript:x()">a</a>`, []string{"3 html-javascript href runs a script"}},
		{"<a href=' Java\tScript&#58;x()'>a</a>", []string{"3 html-javascript href"}},
		{`<a href="https://h/?javascript:x">a</a><a href="#">b</a>`, nil},
		{`<a title="javascript:x">a</a>`, nil},
		{`<iframe src=vbscript:x></iframe>`, []string{"8 html-javascript src"}},
		{`<svg><a xlink:href="javascript:x">a</a></svg>`, []string{"8 html-javascript xlink:href"}},
		{`<form action="https://evil.example/x"><input name=a></form>`, []string{"6 html-form a form that sends what people enter to evil.example"}},
		{`<form action=//evil.example/x></form>`, []string{"6 html-form a form that sends what people enter to evil.example"}},
		{`<form action="/x"><button formaction="http://e.example">a</button></form>`, []string{"26 html-form a form that sends what people enter to e.example"}},
		{`<form action="mailto:a@example.com"></form>`, []string{"6 html-form a form that sends what people enter to a mail address"}},
		{`<form action="https://%zz/"></form>`, []string{"6 html-form a form that sends what people enter to another host"}},
		{`<form><input></form>`, nil},

		// Templates.
		{`<p {{ if .n }}class="a"{{ end }}>{{ .company }}</p>`, nil},
		{`<a href="https://h/?id={{ .n }}">{{ if .n }}<b>{{ .n }}</b>{{ else }}<i>x</i>{{ end }}</a>`, nil},
		{`{{ if .n }}<b>{{ end }}x{{ if .n }}</b>{{ end }}`, nil},
		{`{{ if .n }}<div class="a">{{ else }}<div class="b">{{ end }}x</div>`, nil},
		{`{{ if .n }}<b>{{ end }}{{ if not .n }}<i>{{ end }}x{{ if .n }}</b>{{ else }}</i>{{ end }}`, nil},
		{`{{ if .n }}<b>{{ end }}x`, []string{"11 html-unclosed <b> is never closed"}},
		{`{{ if .n }}<b>{{ end }}x</b>`, []string{"24 html-nesting </b> has no <b>"}},
		{`{{ if eq .n "<b>" }}x{{ end }}{{/* <i> */}}`, nil},
		{"{{- .n -}}  <b>", []string{"12 html-unclosed <b>"}},
		{`<p>{{ .n }</p>`, nil}, // no template, which others complain about
		{`{{ if .a }}{{ end }}{{ if .b }}{{ end }}{{ if .c }}{{ end }}{{ if .d }}<u>{{ end }}{{ if .e }}<b>{{ end }}x{{ if .e }}</b>{{ end }}`,
			[]string{"71 html-unclosed <u>"}},
	} {
		var got []string
		for _, f := range markupOf(variants(c.source)) {
			got = append(got, fmt.Sprintf("%d %s %s", f.at, f.rule, f.message))
			if f.hint == "" {
				t.Errorf("%s: no hint", c.source)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s\ngot  %q\nwant %q", c.source, got, c.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s\ngot  %q\nwant %q", c.source, got[i], c.want[i])
			}
		}
	}
}

// Warnings have their place, in files exactly, and do not keep a plan from being made.
func TestMarkupWarnsWithItsPlace(t *testing.T) {
	spec := base(people, "")
	spec.Layout.Texts = []targets.Text{
		{Pointer: "/content/title", Source: "<b> is no HTML here"},
		{Pointer: "/content/body", File: "content/b.html", Source: "<p>\n  尊敬的<b>{{ .company }}\n</p>\n<script>x</script>\n", Escape: targets.HTML},
	}
	p, ds := New(spec)
	if p == nil {
		t.Fatalf("no plan: %v", ds)
	}
	var got []string
	for _, d := range ds {
		got = append(got, fmt.Sprintf("%v %s | %s", d.Warning, d.Error(), d.Source))
	}
	want := []string{
		"true content/b.html:2:6: <b> is still open where <p>, which stands around it, ends [html-nesting] |   尊敬的<b>{{ .company }}",
		"true content/b.html:4:1: a script: no reader of messages runs it, and some refuse the message [html-script] | <script>x</script>",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	spec.Columns = []string{"userid", "usertype", "orgid"}
	spec.Layout.Texts = []targets.Text{{Pointer: "/content/body", Source: "<b>", Escape: targets.HTML}}
	if _, ds := New(spec); len(ds) > 0 {
		t.Errorf("a run that was planned is complained about: %v", ds)
	}
}

func TestMarkupWarningsAreBounded(t *testing.T) {
	found := markupOf(variants(strings.Repeat("<b>", 400)))
	if last := found[len(found)-1]; len(found) != markupFaults || !strings.HasSuffix(last.message, "; 350 more of the same kinds follow") {
		t.Errorf("%d warnings, the last one: %s", len(found), last.message)
	}
	for _, source := range []string{ // as large as a body may be
		strings.Repeat("<b>", 300_000), strings.Repeat("</b>", 200_000), strings.Repeat("<b>", 400) + strings.Repeat("</i>", 200_000),
		strings.Repeat("<!--", 200_000), strings.Repeat("<!--x-->", 100_000), strings.Repeat("<a ", 300_000), strings.Repeat("<a b=c>", 100_000), strings.Repeat("<", 1<<20),
		strings.Repeat("{{ if .n }}<b></b>{{ end }}", 9_000),
	} {
		if found := markupOf(variants(source)); len(found) > markupFaults {
			t.Errorf("%.12s…: %d warnings", source, len(found))
		}
		certain(source)
	}
}

// Comments are part of what is sent, with and without values in them, wherever
// html/template would drop them.
func TestCommentsAreKept(t *testing.T) {
	for _, source := range []string{
		"<!-- a --><p>x</p>",
		"<!-- a --><p>{{ .company }}</p><!-- b -->\n<!---->y",
		"<!-- <p>{{ .company }}</p> -->{{ .n }}",
		"{{ if .n }}<!-- yes {{ .n }} -->{{ else }}<!-- no -->{{ end }}{{ .n }}",
		"<!-- {{ if .n }}a{{ else }}b{{ end }} -->{{ .n }}",
		"<!--[if mso]><b>{{ .n }}</b><![endif]-->",
		"\uE000<!-- \uE001 -->{{ .n }}",
		"<p title={{ .n }}><!-- without quotes --></p>", // rendered by html/template itself
	} {
		got := renderHTML(t, source)
		want := strings.NewReplacer("{{ .company }}", "宜兴环科园公司", "{{ .n }}", "7", "{{ if .n }}", "", "{{ else }}<!-- no -->{{ end }}", "", "{{ else }}b{{ end }}", "").Replace(source)
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// Many comments and branches take no time that grows faster than they do.
func TestManyComments(t *testing.T) {
	source := "{{ .n }}" + strings.Repeat("<!-- a -->", 90_000)
	if got := renderHTML(t, source); got != "7"+strings.Repeat("<!-- a -->", 90_000) {
		t.Errorf("%d bytes of %d", len(got), len(source))
	}
	source = strings.Repeat("{{ if .n }}<!-- {{ .n }} -->{{ end }}", 2_000)
	if got := renderHTML(t, source); got != strings.Repeat("<!-- 7 -->", 2_000) {
		t.Errorf("%d bytes of %d", len(got), len(source))
	}
}

// A value cannot end the comment that it stands in.
func TestValuesStayInComments(t *testing.T) {
	const csv = "userid,orgid,v\nu,o,--><script>x</script>\n"
	spec := base(csv, "")
	spec.Layout.Texts[0].Source, spec.Layout.Texts[0].Escape = "<!-- {{ .v }} -->", targets.HTML
	p := mustNew(t, spec)
	blocks(t, p)
	if got := p.Summary().First.Texts[0]; got != "<!-- --&gt;&lt;script&gt;x&lt;/script&gt; -->" {
		t.Errorf("got %q", got)
	}
}

// Comments over the edge of a branch stay html/template's to refuse.
func TestCommentsOverBranches(t *testing.T) {
	for _, source := range []string{
		"{{ if .n }}<!-- {{ end }}x{{ if .n }} -->{{ end }}",
		"<!-- {{ if .n }}-->{{ end }}x",
		"{{ if .n }}<!-- a{{ else }}b -->{{ end }}",
	} {
		spec := base(people, source)
		spec.Layout.Texts[0].Escape = targets.HTML
		if p, ds := New(spec); p != nil || !campaign.HasErrors(ds) {
			t.Errorf("%s: no problem", source)
		}
	}
}

func renderHTML(t testing.TB, source string) string {
	t.Helper()
	spec := base(people, source)
	spec.Layout.Texts[0].Escape = targets.HTML
	p := mustNew(t, spec)
	blocks(t, p)
	if p.Summary().First == nil {
		t.Fatalf("%s: no message", source)
	}
	return p.Summary().First.Texts[0]
}

// Whatever is written: no panic, and every warning stands in the text.
func FuzzMarkup(f *testing.F) {
	for _, s := range []string{"<b><i></b>", "<!-- {{ .n }} -->", `{{ if .n }}<a href="{{ else }}<b title="><!-- {{ .n }} -->{{ end }}">`, "<p/ =x='>", "</ x>", "<a\x00b=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		for _, fault := range markupOf(variants(source)) {
			if fault.at < 0 || fault.at > len(source) {
				t.Fatalf("%q: a warning at %d of %d", source, fault.at, len(source))
			}
		}
		certain(source)
	})
}

// Names of attributes are found where the tokenizer finds attributes.
func TestPlacesAreThoseOfTheTokenizer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := "<a" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{" ", "/", "=", "x", "onx", "Y", `"`, "'", "\n", ">", "<", `="a b"`, "=c"}), 0, 12).Draw(t, "parts"), "")
		found := places([]byte(source))
		m := &markup{source: source}
		m.read()
		for _, f := range m.found {
			if f.rule != ruleHandler {
				continue
			}
			name, _, _ := strings.Cut(f.message, " ")
			at, ok := found[name]
			if !ok || !strings.EqualFold(source[at:at+len(name)], name) || f.at != at {
				t.Fatalf("%q: %s is said to stand at %d", source, name, f.at)
			}
		}
	})
}
