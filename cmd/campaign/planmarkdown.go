package main

import (
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"

	"campaign/internal/diagnostics"
	"campaign/internal/plan"
	"campaign/internal/report"
)

// mostShown bounds what a comment of a merge request shows of a text, in lines.
const mostShown = 120

// markdown writes a campaign as a comment of a merge request: whom it goes to, in
// how many requests, what it says. No recipient is in it. Whatever is not ours stands
// in code spans and fenced blocks. What is ours is in the language of the locale.
func (v *planView) markdown(j *job, d planned, s plan.Summary, sources []report.Source) error {
	w := &strings.Builder{}
	fmt.Fprintf(w, "### %s%s%s%s%s\n\n| | |\n|---|---|\n", asMarkdown(d.Campaign), sign(": ", "："),
		inWords(count(d.Reached(), j.unit())), sign(" in ", "，共 "), inWords(count(d.Requests, "request")))
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "| %s | %s |\n", inWords(name), markdownLine(format, args))
	}
	line("file", "%s", d.File)
	d.lines(j, s, line)
	if d.Diff != nil {
		line("since", "%s", d.Diff.sentence())
		for _, f := range d.Diff.Files {
			fold(w, inWords("what changed in "+f.File), "diff", f.Diff)
		}
	}
	for _, s := range sources {
		fold(w, s.Path, "", s.Text)
	}
	fmt.Fprintln(w)
	_, err := io.WriteString(v.w, w.String())
	return err
}

// markdownLine fills in a line of a plan. Each value is shown by itself; a line that is
// one value may be a sentence as a whole, and is translated before.
func markdownLine(format string, args []any) string {
	for i, arg := range args {
		text, ok := arg.(string)
		switch {
		case ok && format == "%s":
			return asMarkdown(inWords(text))
		case ok:
			args[i] = asMarkdown(text)
		}
	}
	return inWords(fmt.Sprintf(format, args...))
}

// prose is text that means nothing to Markdown, in either language; two dots or slashes
// in a row and www. make links.
var prose = regexp.MustCompile(`^[\pL\pN ,;%()/.:?+，、；：。？（）-]*$`)

// asMarkdown shows a text unchanged in Markdown: as it is where nothing in it is
// markup, else as a code span. Back quotes and bars, which would end it, are shown as
// look-alikes.
func asMarkdown(text string) string {
	if prose.MatchString(text) && !strings.Contains(text, "//") && !strings.Contains(text, "www.") {
		return text
	}
	return "`" + strings.NewReplacer("`", "ˋ", "|", "¦").Replace(diagnostics.Inert(text)) + "`"
}

// fold writes a text that a reader opens, in a block with a longer fence than any in
// it, so that nothing in it is markup.
func fold(w *strings.Builder, title, language, text string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	more := ""
	if n := len(lines) - mostShown; n > 0 {
		lines, more = lines[:mostShown], "\n"+inWords(fmt.Sprintf("%s more, not shown here", count(n, "line")))+"\n"
	}
	for i, line := range lines {
		lines[i] = diagnostics.Inert(strings.TrimSuffix(line, "\r"))
	}
	body, fence := strings.Join(lines, "\n"), "```"
	for strings.Contains(body, fence) {
		fence += "`"
	}
	fmt.Fprintf(w, "\n<details><summary><code>%s</code></summary>\n\n%s%s\n%s\n%s\n%s\n</details>\n",
		html.EscapeString(diagnostics.Inert(title)), fence, language, body, fence, more)
}
