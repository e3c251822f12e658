package plan

import (
	"fmt"
	"strings"
	"testing"

	"campaign/internal/targets"
)

// people is one recipient with every kind of cell.
const people = "userid,orgid,company,n,price,zero,day,when,empty,spaces,列名,a header,html,other\n" +
	"u1,o1,宜兴环科园公司,7,1234567.5,0,2026-03-05,2026-03-05 08:30,,\"  \",值,spaced,\"<b>&\"\"'+</b>\",Other\n"

func TestTemplateRenders(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"no template", "no template"},
		{"{{ .company }}", "宜兴环科园公司"},
		{"a {{- .userid -}} b", "au1b"},
		{"{{/* a comment */}}x", "x"},
		{"{{ .列名 }}", "值"},
		{`{{ col "a header" }}`, "spaced"},
		{`{{ "a header" | col }}`, "spaced"},
		{`{{ "{{" }}{{ ("x") }}`, "{{x"},
		{"{{ 3.50 }}{{ true }}{{ -2 }}", "3.5true-2"},
		{"{{ .usertype }}", "2"},
		{"{{ .deadline }}", "2026-12-31"},
		{"{{ .campaign }} {{ .occurrence }} {{ .timezone }}", "census 2026-12-01 09:00 Asia/Shanghai"},

		{"{{ if .company }}yes{{ else }}no{{ end }}", "yes"},
		{"{{ if .empty }}yes{{ else }}no{{ end }}", "no"},
		{"{{ if .spaces }}yes{{ else }}no{{ end }}", "no"},
		{`{{ if eq .n "8" }}a{{ else if eq .n 7 }}b{{ else }}c{{ end }}`, "b"},
		{"{{ if false }}a{{ end }}", ""},
		{"{{ if .occurrence }}a{{ end }}{{ if 0 }}b{{ end }}{{ if .zero }}c{{ end }}", "ac"},
		{"{{ if upper .empty }}a{{ else }}b{{ end }}", "b"},

		{`{{ eq .company "x" "宜兴环科园公司" }}`, "true"},
		{`{{ eq .empty "" }}{{ ne .empty "" }}{{ eq .empty 3 }}`, "truefalsefalse"},
		{`{{ eq .n 7.0 }}{{ ne .n 7 }}`, "truefalse"},
		{"{{ lt .n 10 }}{{ le .n 7 }}{{ gt .n 7 }}{{ ge .n .zero }}", "truetruefalsetrue"},
		{`{{ lt .n "10" }}`, "true"}, // as numbers, not as text
		{`{{ lt .day "2026/12/1" }}{{ gt .occurrence .day }}{{ eq .when (toDate "2006-01-02 15:04" "2026-03-05 08:30") }}`, "truetruetrue"},
		{"{{ and .company .n }}{{ or .empty .n }}{{ not .empty }}", "77true"},
		{`{{ or .n (div 1 .zero) }}{{ if and .empty (div 1 .zero) }}{{ end }}`, "7"}, // not evaluated
		{`{{ eq true false }}`, "false"},

		{`{{ .empty | default "贵单位" }}`, "贵单位"},
		{`{{ default "贵单位" .company }}`, "宜兴环科园公司"},
		{`{{ .spaces | upper | truncate 3 | default .other }}`, "Other"},
		{`{{ default "" .empty }}.`, "."},
		{`{{ default "x" .n | number | add 1 }}`, "8"},
		{"{{ upper .other }}{{ .other | lower }}", "OTHERother"},
		{`{{ trim " a " }}`, "a"},
		{`{{ truncate 2 .company }}|{{ .company | truncate 4 "…" }}|{{ truncate 99 .company }}|{{ truncate 0 .n }}`, "宜兴|宜兴环…|宜兴环科园公司|"},

		{`{{ date "2006年1月2日" .day }}`, "2026年3月5日"},
		{`{{ date "15:04" .when }}{{ date "01/02" .occurrence }}`, "08:3012/01"},
		{`{{ .occurrence | inZone "UTC" | date "2006-01-02 15:04 -0700" }}`, "2026-12-01 01:00 +0000"},
		{`{{ addDays 7 .day | date "2006-01-02" }}{{ addDays -5 .day }}`, "2026-03-122026-02-28 00:00"},
		{`{{ toDate "02.01.2006" "31.12.2026" | date "2006/01/02" }}`, "2026/12/31"},
		{`{{ date "2006-01-02 15:04" "2026-03-05T00:30:00Z" }}`, "2026-03-05 08:30"},
		{`{{ date "02" "20261231" }}{{ date "02" "2026.1.9" }}{{ date "02" "2026年1月8日" }}`, "310908"},

		{"{{ fixed 2 .price }} {{ fixed 0 0.5 }} {{ .price | fixed 2 | thousands }}", "1234567.50 1 1,234,567.50"},
		{`{{ thousands "-1234" }} {{ thousands 999 }} {{ thousands "+1000.25" }}`, "-1,234 999 1,000.25"},
		{"{{ add .n 0.1 }} {{ sub .n 8 }} {{ mul .n 3 }} {{ div 1 3 }} {{ div 1 4 }}", "7.1 -1 21 0.333333333333 0.25"},
		{`{{ number " 007.50 " }}{{ div -1 10000000000000 }}`, "7.50"},
		{`{{ col ("a header") }}`, "spaced"},
	} {
		got, ds := render(t, targets.Plain, c.source, people)
		if got != c.want || len(ds) > 0 {
			t.Errorf("%s: got %q, %v; want %q", c.source, got, ds, c.want)
		}
	}
}

func TestTemplateRefuses(t *testing.T) {
	for _, c := range []struct{ source, rule, says string }{
		{"{{ range .company }}{{ end }}", ruleForbidden, "loops"},
		{"{{ with .company }}{{ end }}", ruleForbidden, "with"},
		{`{{ define "x" }}a{{ end }}`, ruleForbidden, "definitions"},
		{`{{ define "text" }}a{{ end }}`, ruleForbidden, "definitions"},
		{`{{ define "x" }}{{ end }}`, ruleForbidden, "definitions"},
		{`{{ template "x" }}`, ruleForbidden, "call another"},
		{`{{ block "x" . }}a{{ end }}`, ruleForbidden, ""},
		{"{{ break }}", ruleSyntax, "{{break}} outside"},
		{"{{ continue }}", ruleSyntax, "{{continue}} outside"},
		{"{{ $x := .company }}", ruleForbidden, "declared"},
		{"{{ if $x := .company }}{{ end }}", ruleForbidden, "declared"},
		{"{{ $ }}", ruleForbidden, "$ is not"},
		{"{{ . }}", ruleForbidden, "the dot alone"},
		{"{{ upper . }}", ruleForbidden, "the dot alone"},
		{"{{ .company.Name }}", ruleForbidden, "no fields"},
		{"{{ (upper .company).Name }}", ruleForbidden, "no fields"},
		{"{{ eq nil .n }}", ruleForbidden, "nil"},
		{"{{ $.company }}", ruleForbidden, "not available"},
		{"{{ index .company 0 }}", ruleFunction, "no function index"},
		{"{{ call .company }}", ruleFunction, "no function call"},
		{"{{ html .company }}", ruleFunction, "no function html"},
		{"{{ js .company }}", ruleFunction, "no function js"},
		{"{{ urlquery .company }}", ruleFunction, "no function urlquery"},
		{"{{ len .company }}", ruleFunction, "no function len"},
		{"{{ slice .company 1 }}", ruleFunction, "no function slice"},
		{"{{ print .company }}", ruleFunction, "no function print"},
		{`{{ printf "%s" .company }}`, ruleFunction, "no function printf"},
		{"{{ println .company }}", ruleFunction, "no function println"},
		{"{{ env }}", ruleFunction, "no function env"},
		{"{{ uper .company }}", ruleFunction, "no function uper"},

		{"{{ .company", ruleSyntax, "cannot be read"},
		{"{{ }}", ruleSyntax, "cannot be read"},
		{"{{ if .n }}", ruleSyntax, "cannot be read"},
		{"{{ end }}", ruleSyntax, "cannot be read"},
		{"{{ .a b }", ruleSyntax, "cannot be read"},
		{"{{ " + strings.Repeat("(", 20_000), ruleSyntax, "cannot be read"},

		{"{{ upper }}", ruleArguments, "0 arguments"},
		{"{{ upper .n .n }}", ruleArguments, "2 arguments"},
		{"{{ upper trim }}", ruleArguments, "trim has 0 arguments"},
		{"{{ inZone .day .day }}", ruleArguments, "quotes"},
		{"{{ .company .n }}", ruleArguments, "only a function"},
		{"{{ .company | .n }}", ruleArguments, "only a function"},
		{`{{ "a" "b" }}`, ruleArguments, "only a function"},
		{"{{ 1e9 }}", ruleArguments, "decimal"},
		{"{{ 'a' }}", ruleArguments, "decimal"},
		{"{{ 0x10 }}", ruleArguments, "decimal"},
		{"{{ 2i }}", ruleArguments, "decimal"},
		{`{{ truncate "2" .n }}`, ruleArguments, "whole number"},
		{"{{ truncate -1 .n }}", ruleArguments, "whole number"},
		{"{{ truncate 1.5 .n }}", ruleArguments, "whole number"},
		{"{{ fixed 13 .n }}", ruleArguments, "whole number"},
		{"{{ addDays 100000 .day }}", ruleArguments, "whole number"},
		{"{{ col .company }}", ruleArguments, "quotes"},
		{`{{ "a" | upper | col }}`, ruleArguments, "quotes"},
		{`{{ date .company .day }}`, ruleArguments, "quotes"},
		{`{{ date "YYYY-MM-DD" .day }}`, ruleArguments, "no layout"},
		{`{{ date "2006-MM-dd" .day }}`, ruleArguments, "no layout"},
		{`{{ date "%Y-01-02" .day }}`, ruleArguments, "no layout"},
		{`{{ date "day" .day }}`, ruleArguments, "no layout"},
		{`{{ inZone "Local" .day }}`, ruleArguments, "time zone"},
		{`{{ inZone "Mars/Base" .day }}`, ruleArguments, "time zone"},

		{"{{ .compny }}", ruleVariable, "no variable or column .compny"},
		{`{{ col "a heder" }}`, ruleVariable, `no column "a heder"`},
		{"{{ if .nosuch }}{{ end }}", ruleVariable, ".nosuch"},
		{"{{ if true }}{{ else }}{{ .nosuch }}{{ end }}", ruleVariable, ".nosuch"},

		{"{{ .empty }}", "empty-value", ".empty is empty"},
		{"{{ .spaces }}", "empty-value", ".spaces is empty"},
		{`{{ col "empty" }}`, "empty-value", `column "empty" is empty`},
		{"{{ upper .empty }}", "empty-value", ".empty is empty"},
		{"{{ .blank }}", "empty-value", ".blank is empty"},
		{"{{ default .empty .spaces }}", "empty-value", ".empty is empty"},
		{"{{ or .empty .spaces }}", "empty-value", ".spaces is empty"},
		{"{{ lt .empty 3 }}", "empty-value", ".empty is empty"},
		{"{{ number .company }}", "bad-number", ".company is not a number"},
		{"{{ add .company 1 }}", "bad-number", ".company is not a number"},
		{"{{ add 1 .company }}", "bad-number", ".company is not a number"},
		{"{{ fixed 2 .company }}", "bad-number", ".company is not a number"},
		{"{{ thousands .company }}", "bad-number", ".company is not a number"},
		{"{{ number true }}", "bad-number", "the value is not a number"},
		{"{{ eq .company 3 }}", "bad-number", ".company is not a number"},
		{"{{ lt 3 .company }}", "bad-number", ".company is not a number"},
		{"{{ lt .company .n }}", "bad-number", "neither two numbers nor two dates"},
		{"{{ div 1 .zero }}", "bad-number", ".zero is zero"},
		{"{{ div 1 .company }}", "bad-number", ".company is not a number"},
		{"{{ eq (number .company) 1 }}", "bad-number", ".company is not a number"},
		{"{{ eq 1 (number .company) }}", "bad-number", ".company is not a number"},
		{"{{ lt (number .company) 1 }}", "bad-number", ".company is not a number"},
		{"{{ lt 1 (number .company) }}", "bad-number", ".company is not a number"},
		{"{{ upper (number .company) }}", "bad-number", ".company is not a number"},
		{"{{ default 1 (number .company) }}", "bad-number", ".company is not a number"},
		{"{{ not (number .company) }}", "bad-number", ".company is not a number"},
		{"{{ if (number .company) }}{{ end }}", "bad-number", ".company is not a number"},
		{`{{ date "2006" .company }}`, "bad-date", ".company is not a date"},
		{`{{ date "2006" .n }}`, "bad-date", ".n is not a date"},
		{`{{ date "2006" "2026-13-41" }}`, "bad-date", "not a date"},
		{"{{ addDays 1 .company }}", "bad-date", ".company is not a date"},
		{`{{ inZone "UTC" .company }}`, "bad-date", ".company is not a date"},
		{"{{ gt .occurrence .company }}", "bad-date", ".company is not a date"},
		{`{{ eq .occurrence .company }}`, "bad-date", ".company is not a date"},
		{`{{ toDate "02.01.2006" .day }}`, "bad-date", "as the layout says"},
	} {
		got, ds := render(t, targets.Plain, c.source, people)
		if got != "" || len(ds) == 0 {
			t.Errorf("%.60s: rendered as %q", c.source, got)
			continue
		}
		if d := ds[0]; d.Rule != c.rule || !strings.Contains(d.Message, c.says) {
			t.Errorf("%.60s: got %s: %s; want %s: %s", c.source, d.Rule, d.Message, c.rule, c.says)
		}
		for _, d := range ds {
			if text := d.Message + d.Hint; strings.Contains(text, "宜兴") || strings.Contains(text, "parse.") || strings.Contains(text, "template:") {
				t.Errorf("%.60s: the message shows a cell or a type: %s", c.source, text)
			}
		}
	}
}

func TestTemplateHints(t *testing.T) {
	for _, c := range []struct{ source, hint string }{
		{"{{ uper .company }}", "did you mean upper?"},
		{"{{ .compny }}", "did you mean .company?"},
		{`{{ col "a heder" }}`, `did you mean "a header"?`},
		{"{{ .empty }}", `default "…" .empty`},
		{"{{ truncate .n 2 }}", `truncate 20 .name`},
	} {
		_, ds := render(t, targets.Plain, c.source, people)
		if len(ds) != 1 || !strings.Contains(ds[0].Hint, c.hint) {
			t.Errorf("%s: got %v, want the hint %q", c.source, ds, c.hint)
		}
	}
}

func TestTemplateReportsEveryFault(t *testing.T) {
	_, ds := render(t, targets.Plain, "{{ nosuch 1 }}{{ range .a }}{{ end }}{{ upper }}", people)
	if got := strings.Join(rules(ds), " "); got != "template-arguments template-forbidden unknown-function" {
		t.Errorf("got %s", got)
	}
}

func TestTemplateEscapes(t *testing.T) {
	for _, c := range []struct {
		escape       targets.Escape
		source, want string
	}{
		{targets.Plain, "{{ .html }}", `<b>&"'+</b>`},
		{targets.HTML, "<p>{{ .html }}</p>", "<p>&lt;b&gt;&amp;&#34;&#39;&#43;&lt;/b&gt;</p>"},
		{targets.HTML, `<p title="{{ .html }}">x</p>`, `<p title="&lt;b&gt;&amp;&#34;&#39;&#43;&lt;/b&gt;">x</p>`},
		{targets.HTML, `<a href="https://h/?q={{ .html }}">x</a>`, `<a href="https://h/?q=%3cb%3e%26%22%27%2b%3c%2fb%3e">x</a>`},
		{targets.HTML, `<a href="https://h/{{ .html }}">x</a>`, `<a href="https://h/%3cb%3e&amp;%22%27&#43;%3c/b%3e">x</a>`},
		{targets.HTML, `<p title={{ .html }}>x</p>`, `<p title=&lt;b&gt;&amp;&#34;&#39;&#43;&lt;/b&gt;>x</p>`},
		{targets.HTML, `<script>var x = {{ .html }}</script>`, `<script>var x = "\u003cb\u003e\u0026\"'+\u003c/b\u003e"</script>`},
		{targets.HTML, `<textarea>{{ .html }}</textarea>`, "<textarea>&lt;b&gt;&amp;&#34;&#39;&#43;&lt;/b&gt;</textarea>"},
		{targets.HTML, `<script>{{ if .n }}var x = {{ .n }}{{ else }}var y = 1{{ end }}</script>`, `<script>var x = "7"</script>`},
		{targets.HTML, `<a href="{{ .html | default "x" }}">x</a>`, `<a href="%3cb%3e&amp;%22%27&#43;%3c/b%3e">x</a>`},
		{targets.HTML, "<b>literal & as it is</b>", "<b>literal & as it is</b>"},
		{targets.URL, "https://h/?id={{ .html }}&n={{ .n }}", "https://h/?id=%3Cb%3E%26%22%27%2B%3C%2Fb%3E&n=7"},
		{targets.URL, `ZQT_xx/#/detail?id={{ "a b/c" }}`, "ZQT_xx/#/detail?id=a%20b%2Fc"},
		{targets.URL, "{{ if .empty }}http://a{{ else }}http://b{{ end }}/{{ .n }}", "http://b/7"},
	} {
		got, ds := render(t, c.escape, c.source, people)
		if got != c.want || len(ds) > 0 {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.source, got, ds, c.want)
		}
	}
}

// An address that begins with a value would be escaped as a whole.
func TestTemplateAddressBegins(t *testing.T) {
	for source, at := range map[string]int{
		"{{ .html }}":    3,
		" {{ .html }}/x": 4,
		"{{ if .n }}http://a{{ end }}{{ .html }}":      31,
		"{{ if .n }}http://a{{ else }}{{ .n }}{{end}}": 32,
	} {
		spec := base(people, source)
		spec.Layout.Texts[0].Escape = targets.URL
		spec.Layout.Texts[0].File = "x.txt"
		ds := problems(t, spec)
		if len(ds) != 1 || ds[0].Rule != ruleAddress || ds[0].Col != at+1 || !strings.Contains(ds[0].Hint, "https://") {
			t.Errorf("%s: got %v", source, ds)
		}
	}
}

func TestTemplateHTMLContextErrors(t *testing.T) {
	const script = "userid,orgid,url\nu,o,javascript:alert(1)\n"
	for _, c := range []struct{ source, says string }{
		{`<a href="{{ .url }}`, "not clear"},
		{`{{ if .url }}<a href="{{ end }}x`, "not clear"},
		{`<a href="{{ .url }}">x</a>`, "not safe"},
		{`<p style="{{ .url }}">x</p>`, "not safe"},
		{`<p {{ .url }}="x">x</p>`, "not safe"},
		{`<p a"b="{{ .url }}">x</p>`, "not clear: "},
		{`<script>{{ .empty }}</script>`, "no variable"},
	} {
		got, ds := render(t, targets.HTML, c.source, script)
		if got != "" || len(ds) != 1 || !strings.Contains(ds[0].Message, c.says) {
			t.Errorf("%s: got %q, %v", c.source, got, ds)
		}
	}
	for source, rule := range map[string]string{
		"<script>x = {{ .empty }}</script>":                                    "empty-value",
		"<script>x = {{ number .company }}</script>":                           "bad-number",
		"<script>{{ if number .company }}x = {{ .n }}{{ end }}</script>":       "bad-number",
		"<script>{{ if not (number .company) }}x = {{ .n }}{{ end }}</script>": "bad-number",
	} {
		got, ds := render(t, targets.HTML, source, people)
		if got != "" || len(ds) != 1 || ds[0].Rule != rule {
			t.Errorf("%s: got %q, %v", source, got, ds)
		}
	}
}

// Numbers cannot grow for ever: a template within the bounds of its source would
// keep a machine busy for hours.
func TestNumbersAreBounded(t *testing.T) {
	for _, step := range []string{" | mul .price", " | mul 0.123", " | mul 123456789"} {
		got, ds := render(t, targets.Plain, "{{ .price"+strings.Repeat(step, 20_000)+" }}", people)
		if got != "" || len(ds) != 1 || ds[0].Rule != "bad-number" || !strings.Contains(ds[0].Message, "too long") {
			t.Errorf("%s: got %q, %v", step, prefix(got, 20), rules(ds))
		}
	}
}

func TestTemplateBounds(t *testing.T) {
	long := strings.Repeat("长", maxOutput/3/2)
	csv := "userid,orgid,long\nu,o," + long + "\n"
	for _, c := range []struct {
		escape targets.Escape
		source string
	}{
		{targets.Plain, "{{ .long }}{{ .long }}{{ .long }}"},
		{targets.HTML, "<script>{{ .long }}{{ .long }}{{ .long }}</script>"},
		{targets.Plain, "{{ .long }}" + strings.Repeat("x", maxSource)},
		{targets.Plain, strings.Repeat("{{ .n }}", maxActions+1)},
	} {
		got, ds := render(t, c.escape, c.source, csv)
		if got != "" || len(ds) != 1 || ds[0].Rule != "too-large" {
			t.Errorf("%.40s: got %d bytes, %v", c.source, len(got), ds)
		}
	}
	if got, ds := render(t, targets.Plain, "{{ .long }}", csv); got != long || len(ds) > 0 {
		t.Errorf("a text below the bound: got %d bytes, %v", len(got), ds)
	}
}

// A text without a template action goes out as it is, at any length.
func TestLiteralTextIsUntouched(t *testing.T) {
	source := "<!-- a comment --> }} & <b " + strings.Repeat("长", 10)
	if got, ds := render(t, targets.HTML, source, people); got != source || len(ds) > 0 {
		t.Errorf("got %q, %v", got, ds)
	}
}

func TestFunctionsHaveUsage(t *testing.T) {
	for name, fn := range functions {
		if !strings.HasPrefix(fn.usage, name+" ") || fn.min < 1 || fn.max < fn.min {
			t.Errorf("%s: %q, %d to %d arguments", name, fn.usage, fn.min, fn.max)
		}
		if name != "col" && (fn.call == nil) == (fn.lazy == nil) {
			t.Errorf("%s must be either eager or lazy", name)
		}
		source := fmt.Sprintf("{{ %s }}", strings.Split(fn.usage, " or truncate")[0])
		if _, faults := compile(0, targets.Text{Source: source}, &scope{}); len(faults) > 0 && !strings.Contains(fn.usage, "column header") {
			t.Errorf("the usage of %s does not compile: %v", name, faults)
		}
	}
}
