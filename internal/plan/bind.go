package plan

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"campaign/internal/campaign"
)

// bind resolves every variable against the table's columns, renders the texts
// that are the same for everybody, and makes t the plan's table unless there are
// errors, those that were found before included.
func (p *Plan) bind(t *table, before []campaign.Diagnostic) (ds []campaign.Diagnostic) {
	names, ds := p.variables(t)
	if campaign.HasErrors(before) {
		ds = nil // a column that is missing makes others look doubled
	}
	for _, s := range p.scope.slots {
		b, message, hint := p.resolve(t, names, s)
		t.slots = append(t.slots, b)
		for _, u := range s.uses {
			if message != "" {
				ds = append(ds, p.inText(u.text, fault{at: u.at, rule: ruleVariable, message: message, hint: hint}))
			}
		}
	}
	ds = append(ds, p.bindIdentity(t, names)...)
	ds = append(ds, p.idleDefaults(t)...)
	if campaign.HasErrors(ds) || campaign.HasErrors(before) {
		return ds
	}
	ds = append(ds, p.renderShared(t)...)
	p.table = t
	return ds
}

// variables names everything that a template can read, built-in ones apart.
// The same name twice is an error.
func (p *Plan) variables(t *table) (map[string]binding, []campaign.Diagnostic) {
	c := p.spec.Campaign
	var ds []campaign.Diagnostic
	names := map[string]binding{}
	twice := func(place, name, what string) {
		ds = append(ds, p.at(campaign.Problem{Pointer: pointer(place, name), Key: true, Rule: "duplicate-variable",
			Message: fmt.Sprintf("%s is also the name of %s", name, what), Hint: "rename one of the two: templates could not tell them apart"}))
	}
	if !p.spec.Layout.Groups {
		renamed := map[string]bool{} // headers that have another name in templates
		for name, h := range c.Recipients.Columns {
			if name != h {
				renamed[h] = true
			}
		}
		for i, name := range t.columns {
			if i < len(p.spec.Layout.Fields) || !renamed[name] {
				names[name] = binding{cell: i, name: "." + name}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(c.Recipients.Columns)) {
			cell := p.cellOf(t, c.Recipients.Columns[name])
			b, ok := names[name]
			if ok && cell >= 0 && b.cell != cell {
				twice("/recipients/columns", name, "another column")
			}
			names[name] = binding{cell: cell, name: "." + name}
		}
		for name, v := range c.Recipients.Defaults {
			if _, ok := names[name]; !ok && p.cellOf(t, name) < 0 {
				names[name] = binding{cell: -1, value: value{text: v, name: "." + name}}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Vars)) {
		if _, ok := names[name]; ok {
			twice("/vars", name, "a column or default of the recipients")
		}
		names[name] = binding{cell: -1, value: value{text: c.Vars[name], name: "." + name}}
	}
	return names, ds
}

// cellOf gives the run's column that holds the source's column header, or -1.
func (p *Plan) cellOf(t *table, header string) int {
	fields := len(p.spec.Layout.Fields)
	for i, f := range p.spec.Layout.Fields {
		h, ok := p.spec.Campaign.Recipients.Columns[f.Name]
		if (ok && h == header) || (!ok && f.Name == header) {
			return i
		}
	}
	if i := slices.Index(t.columns[min(fields, len(t.columns)):], header); i >= 0 {
		return fields + i
	}
	return -1
}

// resolve says where a slot's variable comes from, or what is wrong with it.
func (p *Plan) resolve(t *table, names map[string]binding, s slot) (b binding, message, hint string) {
	if s.header {
		cell := -1
		if !p.spec.Layout.Groups {
			cell = p.cellOf(t, s.name)
		}
		if cell < 0 {
			return b, fmt.Sprintf("there is no column %q", s.name), didYouMean(s.name, t.columns, "%q")
		}
		return binding{cell: cell, name: fmt.Sprintf("column %q", s.name)}, "", ""
	}
	b, ok := names[s.name]
	switch {
	case slices.Contains(builtin, s.name) && ok:
		return b, fmt.Sprintf(".%s could be the column or the variable that every template has", s.name),
			fmt.Sprintf("give the column another name: columns: {NAME: %s}", s.name)
	case ok:
		return b, "", ""
	}
	v := value{name: "." + s.name}
	switch s.name {
	case "campaign":
		v.text = p.spec.Campaign.Name
	case "occurrence":
		v.kind, v.at = moment, p.spec.Occurrence.Time.In(p.spec.Zone)
	case "timezone":
		v.text = p.spec.Zone.String()
	default:
		all := slices.AppendSeq(slices.Clone(builtin), maps.Keys(names))
		slices.Sort(all)
		hint := didYouMean(s.name, all, ".%s")
		if p.spec.Layout.Groups {
			return b, fmt.Sprintf("there is no variable .%s: user groups have no columns", s.name), hint
		}
		for _, name := range slices.Sorted(maps.Keys(p.spec.Campaign.Recipients.Columns)) {
			if p.spec.Campaign.Recipients.Columns[name] == s.name {
				hint = fmt.Sprintf("use .%s: columns maps it", name)
				break
			}
		}
		return b, fmt.Sprintf("there is no variable or column .%s", s.name), hint
	}
	return binding{cell: -1, value: v}, "", ""
}

// bindIdentity finds the columns of the dedupe key.
func (p *Plan) bindIdentity(t *table, names map[string]binding) (ds []campaign.Diagnostic) {
	if p.spec.Layout.Groups {
		t.identity = []int{0}
		return nil
	}
	for i, name := range p.dedupe() {
		b, ok := names[name]
		if !ok || b.cell < 0 {
			ds = append(ds, p.at(campaign.Problem{Pointer: fmt.Sprintf("/recipients/dedupe/%d", i), Rule: "missing-column",
				Message: fmt.Sprintf("there is no column %s to tell recipients apart by", name), Hint: didYouMean(name, t.columns, "%s")}))
			continue
		}
		t.identity = append(t.identity, b.cell)
	}
	return ds
}

// idleDefaults refuses defaults that nothing reads: they are misspelt.
func (p *Plan) idleDefaults(t *table) (ds []campaign.Diagnostic) {
	r := &p.spec.Campaign.Recipients
	for name := range r.Defaults {
		_, mapped := r.Columns[name]
		_, read := p.scope.index[slotKey{name, false}]
		if !mapped && !read && p.cellOf(t, name) < 0 && !slices.Contains(t.columns, name) && !p.meantAsField(t, name) {
			ds = append(ds, p.at(campaign.Problem{Pointer: pointer("/recipients/defaults", name), Key: true, Rule: ruleVariable,
				Message: fmt.Sprintf("nothing reads %s: it is no field, column or variable", name), Hint: didYouMean(name, t.columns, "%s")}))
		}
	}
	return ds
}

// meantAsField reports whether a default was said to be a misspelt field.
func (p *Plan) meantAsField(t *table, name string) bool {
	r := &p.spec.Campaign.Recipients
	for i, f := range p.spec.Layout.Fields {
		_, mapped := r.Columns[f.Name]
		_, fallback := r.Defaults[f.Name]
		if f.Required && !mapped && !fallback && i < len(t.sources) && t.sources[i] < 0 && p.misspelt(f.Name) == pointer("/recipients/defaults", name) {
			return true
		}
	}
	return false
}

// overLimit reports whether s has more than limit characters; 0 is no limit.
func overLimit(s []byte, limit int) (int, bool) {
	if limit == 0 || len(s) <= limit {
		return 0, false
	}
	n := utf8.RuneCount(s)
	return n, n > limit
}
