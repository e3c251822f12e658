package plan

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"text/template"
	"text/template/parse"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/targets"
)

// bound compiles a text and gives it a frame in which every variable has the
// value that cells has for it.
func bound(source string, escape targets.Escape, cells map[string]string) (*program, *frame, []fault) {
	s := &scope{}
	p, faults := compile(0, targets.Text{Source: source, Escape: escape}, s)
	return p, frameOf(s, cells), faults
}

func frameOf(s *scope, cells map[string]string) *frame {
	f := &frame{zone: time.UTC}
	for i, slot := range s.slots {
		f.slots = append(f.slots, binding{cell: i, name: "." + slot.name})
		f.cells = append(f.cells, cells[slot.name])
	}
	return f
}

// byHTMLTemplate renders with html/template alone.
func byHTMLTemplate(source string, cells map[string]string) (string, error) {
	s := &scope{}
	c := &compiler{source: source, scope: s}
	tree := parse.New("text")
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(source, "", "", map[string]*parse.Tree{}); err != nil {
		return "", err
	}
	c.list(tree.Root)
	t, f := escapeHTML(tree, source)
	if f != nil {
		return "", errors.New(f.message)
	}
	out, err := (&program{html: t, values: c.values, when: c.when}).append(nil, frameOf(s, cells))
	return string(out), err
}

// action draws a template of the subset in which Go templates and ours agree.
func action(t *rapid.T, depth int) string {
	name := rapid.SampledFrom([]string{".a", ".b", ".列"})
	if depth > 3 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
		return rapid.SampledFrom([]string{"text ", " {{ %s }}", "{{- %s -}}", "\n{{ (%s) }}", "{{ and %s .b }}", "{{ or .a %s | and .b }}"}).Draw(t, "text")
	}
	var b strings.Builder
	for range rapid.IntRange(1, 3).Draw(t, "parts") {
		sub := action(t, depth+1)
		if strings.Contains(sub, "%s") {
			sub = fmt.Sprintf(sub, name.Draw(t, "name"))
		}
		when := rapid.SampledFrom([]string{".a", "not .a", `eq .a "x"`, `eq .a .b`, `ne .b "x" | not`, `and .a (eq .b "<")`, `or (not .a) .b`}).Draw(t, "when")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			b.WriteString(sub)
		case 1:
			fmt.Fprintf(&b, "{{ if %s }}%s{{ end }}", when, sub)
		case 2:
			fmt.Fprintf(&b, "{{ if %s }}%s{{ else }}e{{ end }}", when, sub)
		case 3:
			fmt.Fprintf(&b, "{{ if %s }}%s{{ else if .b }}%s{{ else }}z{{ end }}", when, sub, sub)
		}
	}
	return b.String()
}

func drawCells(t *rapid.T) map[string]string {
	cell := rapid.SampledFrom([]string{"x", "<", "宜兴", `"&'+` + "\x00", "a b/c?d=e", "javascript:x"})
	return map[string]string{"a": cell.Draw(t, "a"), "b": cell.Draw(t, "b"), "列": cell.Draw(t, "列")}
}

func fill(t *rapid.T) string {
	source := action(t, 0)
	if strings.Contains(source, "%s") {
		source = fmt.Sprintf(source, ".a")
	}
	return source
}

// Where Go's own templates say the same as ours, they give the same text.
func TestAgreesWithGoTemplates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source, cells := fill(t), drawCells(t)
		p, f, faults := bound(source, targets.Plain, cells)
		if len(faults) > 0 {
			t.Fatalf("%q: %v", source, faults)
		}
		got, err := p.append(nil, f)
		if err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		var want strings.Builder
		if err := template.Must(template.New("").Parse(source)).Execute(&want, cells); err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		if string(got) != want.String() {
			t.Fatalf("%q: got %q, want %q", source, got, want.String())
		}
	})
}

// What is escaped here is escaped as html/template does. It drops comments, which
// are kept here: see TestCommentsAreKept.
func TestAgreesWithHTMLTemplate(t *testing.T) {
	native := 0
	rapid.Check(t, func(t *rapid.T) {
		source := rapid.SampledFrom([]string{"<p>%s</p>", `<a title="%s">`, `<a href="https://h/?q=%s&amp;r=%s">`, "<title>%s</title>",
			"<!-- c -->%s", "%s<!-- c --><b>%s</b>", `<a title='%s' href='?%s'>`, "<script>%s</script>"}).Draw(t, "around")
		source = strings.ReplaceAll(source, "%s", fill(t))
		cells := drawCells(t)
		p, f, faults := bound(source, targets.HTML, cells)
		want, failed := byHTMLTemplate(source, cells)
		if len(faults) > 0 {
			if failed == nil {
				t.Fatalf("%q: %v", source, faults)
			}
			return
		}
		if p.html == nil {
			native++
		}
		got, err := p.append(nil, f)
		if strings.ReplaceAll(string(got), "<!-- c -->", "") != want || (err == nil) != (failed == nil) {
			t.Fatalf("%q: got %q, %v; want %q, %v", source, got, err, want, failed)
		}
	})
	if native == 0 {
		t.Error("no text was rendered without html/template")
	}
}

// fuzzing reports whether inputs are being made up: only then time is judged.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}

// FuzzTemplate: no source makes compiling or rendering panic, hang or grow
// without bound, and what is rendered without html/template is what it gives.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"{{ .a }}", "{{ if .a }}<b title='{{ .b }}'>{{ else }}{{ col \"x\" }}{{ end }}", `{{ .a | default "x" | truncate 3 "…" | upper }}`,
		`{{ date "2006-01-02" .a }}{{ addDays 3 .a }}{{ inZone "UTC" .a }}`, `{{ fixed 2 (mul .a 3.5) | thousands }}{{ div .a .b }}`,
		`<a href="https://h/?q={{ .a }}">{{ .b }}</a><script>{{ .a }}</script><style>p{color:{{ .b }}}</style>`,
		`{{ define "text" }}{{ end }}`, "{{ range .a }}{{ break }}{{ end }}", "{{ $x := .a }}", "{{/* c */}}{{- 1.5 -}}", "{{ and (or .a .b) (not (eq .a 1 2)) }}",
		"{{ template \"x\" . }}", "{{ block \"x\" . }}{{ end }}", "{{ .a.b }}{{ (.a).b }}{{ nil }}", "{{ lt .a .b }}{{ 0x1p-2 }}{{ 'x' }}{{ 1i }}",
	} {
		f.Add(s, "2026-03-05", "12.5")
		f.Add(s, "<宜兴>", " ")
	}
	f.Fuzz(func(t *testing.T, source, a, b string) {
		cells := map[string]string{"a": a, "b": b, "x": a + b}
		for _, escape := range []targets.Escape{targets.Plain, targets.HTML, targets.URL} {
			begin := time.Now()
			p, frame, faults := bound(source, escape, cells)
			if (p == nil) != (len(faults) > 0) {
				t.Fatalf("%v %v", p, faults)
			}
			for _, f := range faults {
				if f.rule == "" || f.message == "" || f.at < 0 || f.at > len(source) {
					t.Fatalf("%+v", f)
				}
			}
			if p == nil {
				continue
			}
			out, err := p.append([]byte("before"), frame)
			var m *misfit
			if err != nil && !errors.As(err, &m) {
				t.Fatalf("%v", err)
			}
			if err == nil && len(out) > maxOutput+len("before") {
				t.Fatalf("%d bytes", len(out))
			}
			if !strings.HasPrefix(string(out), "before") || len(frame.stack) != 0 {
				t.Fatalf("%d left on the stack", len(frame.stack))
			}
			if escape == targets.HTML && p.html == nil && err == nil {
				want, err := byHTMLTemplate(source, cells)
				if got := string(out[len("before"):]); got != want && !strings.Contains(want, unsafeMark) {
					t.Fatalf("got %q, html/template gives %q, %v", got, want, err)
				}
			}
			if spent := time.Since(begin); fuzzing() && spent > 20*time.Second {
				t.Fatalf("%d bytes took %s", len(source), spent)
			}
		}
	})
}
