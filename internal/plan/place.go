package plan

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// hasActions reports whether a text is a template at all. Other texts go out
// as they are written.
func hasActions(source string) bool { return strings.Contains(source, "{{") }

// inText gives a fault of a text its place: exact in a file of its own and in a
// value on one line of the campaign file, else the value's beginning.
func (p *Plan) inText(i int, f fault) campaign.Diagnostic {
	t := p.spec.Layout.Texts[i]
	before := t.Source[:f.at]
	if t.File != "" {
		start := strings.LastIndexByte(before, '\n') + 1
		line, _, _ := strings.Cut(t.Source[start:], "\n")
		return campaign.Diagnostic{File: t.File, Line: strings.Count(before, "\n") + 1,
			Col:  utf8.RuneCountInString(before[start:]) + 1,
			Rule: f.rule, Message: f.message, Hint: f.hint, Source: line}
	}
	message := f.message
	if lines := strings.Count(before, "\n"); lines > 0 {
		message = fmt.Sprintf("%s (line %d of the text)", message, lines+1)
	}
	d := p.at(campaign.Problem{Pointer: t.Pointer, Rule: f.rule, Message: message, Hint: f.hint})
	if f.at > 0 && d.Col > 0 && !strings.Contains(t.Source, "\n") {
		from := len(prefix(d.Source, d.Col-1))
		if at := strings.Index(d.Source[from:], t.Source); at >= 0 {
			d.Col = utf8.RuneCountInString(d.Source[:from+at]) + utf8.RuneCountInString(before) + 1
			d.EndCol = 0
		}
	}
	return d
}

// inShared gives a fault of a text that is the same for everybody its place: the value
// of the variable that is wrong, where the campaign file gives it, else the text.
func (p *Plan) inShared(i int, f fault) campaign.Diagnostic {
	c, name := p.spec.Campaign, strings.TrimPrefix(f.variable, ".")
	at := ""
	if _, ok := c.Vars[name]; ok {
		at = pointer("/vars", name)
	} else if _, ok := c.Recipients.Defaults[name]; ok {
		at = pointer("/recipients/defaults", name)
	}
	if at == "" || !strings.HasPrefix(f.variable, ".") {
		return p.inText(i, f)
	}
	message := fmt.Sprintf("%s: %s", strings.TrimPrefix(p.spec.Layout.Texts[i].Pointer, "/"), f.message)
	return p.at(campaign.Problem{Pointer: at, Rule: f.rule, Message: message, Hint: f.hint})
}

// inRow gives a problem of a row its place: the cell of the run's column, or
// with -1 the row. It shows no cell and, for inline lists, not the line that
// holds them.
func (p *Plan) inRow(t *table, e *entry, column int, f fault) campaign.Diagnostic {
	d := campaign.Diagnostic{File: p.spec.Campaign.Recipients.File, Rule: f.rule, Hint: f.hint,
		Message: fmt.Sprintf("row %d: %s", e.row, f.message)}
	if d.File != "" {
		cell := -1
		if column >= 0 {
			cell = p.standsIn(t.sources[column])
		}
		row := recipients.Row{Row: e.row, Line: e.line, Text: e.text, Form: e.form}
		d.Line, d.Col = row.Place(cell)
		d.Message = fmt.Sprintf("%s: %s", row.Where(cell), f.message)
		return d
	}
	at := fmt.Sprintf("/recipients/list/%d", e.row-1)
	if column >= 0 {
		at = pointer(at, t.columns[column])
	}
	d = p.at(campaign.Problem{Pointer: at, Rule: d.Rule, Message: d.Message, Hint: d.Hint})
	d.Source = ""
	return d
}

// nearest gives the candidate that was probably meant, or nothing. Of equally
// near ones it is the first.
func nearest(name string, candidates []string) string {
	best, distance := "", max(1, utf8.RuneCountInString(name)/3)+1
	for _, c := range candidates {
		if campaign.Swapped(strings.ToLower(name), strings.ToLower(c)) {
			return c
		}
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// didYouMean is a hint for a name that is not there.
func didYouMean(name string, candidates []string, format string) string {
	if near := nearest(name, candidates); near != "" {
		return fmt.Sprintf("did you mean "+format+"?", near)
	}
	if len(candidates) == 0 {
		return ""
	}
	const shown = 20
	list := candidates
	if len(list) > shown {
		list = append(list[:shown:shown], "…")
	}
	return "there are: " + strings.Join(list, ", ")
}
