package plan

import (
	"fmt"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// entry is one row on its way through the pipeline.
type entry struct {
	row      int64
	line     int
	text     string // of the record, for the place of a cell
	form     *recipients.Form
	from, to int // its raw cells in the chunk
	left     recipients.Left
	missing  bool // the lookup has nothing for it, and that is no error
	capped   bool // has got as many messages as the account allows
	// What the workers make of it:
	ignored  bool                  // a trial does not name it
	problems []campaign.Diagnostic // it is in no delivery
	skip     string                // why no delivery covers it
	cells    []string              // in the order of the run's columns
	content  content
	reading  campaign.Digest // of what the recipient reads; zero: nobody asks
	mark     mark
}

// Reasons of skips, as the part before the colon (campaign.Skip).
const (
	skipDuplicate  = "duplicate"
	skipExcluded   = "excluded"
	skipSuppressed = "suppressed"
	skipNotAllowed = "not-allowed"
	skipNotFound   = "not-found"

	// SkipCapped: the recipient has got as many messages as the account allows.
	SkipCapped = "capped"
)

// recipient fills cells, one a column, from a row's raw cells: normalised
// fields first. It reports whether the row counts at all, and what is wrong
// with it. Both passes over a source take their decisions here.
func (p *Plan) recipient(t *table, e *entry, raw, cells []string) {
	e.ignored, e.problems = false, nil
	for i, source := range t.sources {
		v := ""
		if source >= 0 && source < len(raw) {
			v = raw[source]
		}
		if i < len(p.spec.Layout.Fields) && !e.missing {
			v = p.field(t, e, i, v)
		} else if t.defaults[i] != "" && blank(v) {
			v = t.defaults[i]
		}
		cells[i] = v
		if i == 0 && p.to != nil && !p.to(v) {
			e.ignored, e.problems = true, nil
			return
		}
	}
}

// field gives a field's normal form.
func (p *Plan) field(t *table, e *entry, i int, v string) string {
	f := &p.spec.Layout.Fields[i]
	if v = recipients.Plain(v); v == "" {
		if v = t.defaults[i]; v == "" && f.Required {
			e.problems = append(e.problems, p.inRow(t, e, i, fault{rule: "empty-required",
				message: fmt.Sprintf("%s is empty", p.fieldName(i)), hint: p.fillHint(t, i)}))
		}
		return v
	}
	if f.Parse == nil {
		if complaint, hint := recipients.Mangled(v); complaint != "" {
			e.problems = append(e.problems, p.inRow(t, e, i, fault{rule: ruleMangled, message: p.fieldName(i) + " " + complaint, hint: hint}))
		}
		return v
	}
	normal, err := f.Parse(v)
	if err != nil {
		e.problems = append(e.problems, p.inRow(t, e, i, fault{rule: "bad-value", message: fmt.Sprintf("%s %s", p.fieldName(i), err)}))
	}
	return normal
}

// fillHint says what to do about an empty cell of a field.
func (p *Plan) fillHint(t *table, i int) string {
	if l := p.spec.Campaign.Recipients.Lookup; l != nil && t.sources[i] >= p.join.Width {
		return fmt.Sprintf("%s has none for the row's %s: fill the cell there", l.File, l.Key)
	}
	return "fill the cell, or give defaults: a value for such rows"
}

// ruleMangled is for ids that a spreadsheet has made numbers of.
const ruleMangled = "mangled-id"

// fieldName names a field, with its column where that has another name.
func (p *Plan) fieldName(i int) string {
	name := p.spec.Layout.Fields[i].Name
	if h, ok := p.spec.Campaign.Recipients.Columns[name]; ok && h != name {
		return fmt.Sprintf("%s (column %q)", name, h)
	}
	return name
}

// decide says what becomes of a row: a skip, a problem, or its content.
func (p *Plan) decide(t *table, r *renderer, e *entry) {
	e.skip = ""
	if e.ignored || len(e.problems) > 0 {
		return
	}
	switch {
	case e.missing:
		e.skip = skipNotFound + ": " + p.spec.Campaign.Recipients.Lookup.File
		return
	case p.only != nil && !p.only[e.cells[0]]:
		e.skip = skipNotAllowed + ": the account's only list"
		return
	case e.left.Reason == recipients.Excluded && e.left.List >= p.leaving:
		e.problems = append(e.problems, p.mustNot(t, e))
		return
	case e.left.Reason == recipients.Excluded:
		e.skip = p.listReason(e.left.List)
		return
	case e.left.Reason == recipients.Duplicate:
		e.skip = fmt.Sprintf("%s: row %d", skipDuplicate, e.left.First)
		return
	case e.capped:
		e.skip = p.cappedReason()
		return
	}
	c, reading, err := r.judged(t, e.cells)
	if err != nil {
		e.problems = p.misfits(t, r, e)
		return
	}
	e.content, e.reading, e.mark = c, reading, r.mark(e.row, e.cells)
}

// misfits says why texts cannot be rendered for a row: the first reason of each
// text, and of each cell only once.
func (p *Plan) misfits(t *table, r *renderer, e *entry) (ds []campaign.Diagnostic) {
	seen := map[string]bool{}
	for i, personal := range t.personal {
		if !personal {
			continue
		}
		r.buf = r.buf[:0]
		err := r.text(i)
		if err == nil {
			continue
		}
		f := faultOf(err)
		if f.variable != "" && seen[f.message] {
			continue
		}
		seen[f.message] = true
		f.message = fmt.Sprintf("%s: %s", strings.TrimPrefix(p.spec.Layout.Texts[i].Pointer, "/"), f.message)
		ds = append(ds, p.inRow(t, e, t.columnOf(f.variable), f))
	}
	return ds
}
