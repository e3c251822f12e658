package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
	"campaign/internal/targets"
)

// table says how rows become recipients and where variables come from.
type table struct {
	columns  []string // of the run: Layout.Fields, then other headers
	sources  []int    // by column: index in the source's rows, -1 for none; nil for groups and earlier plans
	defaults []string // by column
	slots    []binding
	identity []int  // columns of the dedupe key; empty: no deduplication
	prefix   []byte // over the texts that are the same for everybody
	shared   []string
	personal []bool // by text: depends on the recipient
	anybody  bool   // no text depends on the recipient
	reads    []int  // texts that recipients read
	readSums []byte // 32 bytes over what they are, then over each; of one that depends on the recipient: not yet
	reading  campaign.Digest
	readsOwn bool // one of those depends on the recipient
}

// builtin are the variables that every template has.
var builtin = []string{"campaign", "occurrence", "timezone"}

// layOut maps a source's header to the run's columns. Header columns that no
// field is read from keep their order and name.
func (p *Plan) layOut(header []string) (*table, []campaign.Diagnostic) {
	r := &p.spec.Campaign.Recipients
	var ds []campaign.Diagnostic
	index := map[string]int{}
	for i, h := range header {
		if _, ok := index[h]; !ok {
			index[h] = i
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Columns)) {
		if _, ok := index[r.Columns[name]]; !ok {
			ds = append(ds, p.at(campaign.Problem{Pointer: pointer("/recipients/columns", name), Rule: "missing-column",
				Message: fmt.Sprintf("%s has no column %q", p.recipientsFile(), r.Columns[name]),
				Hint:    meantColumn(r.Columns[name], header, p.wanted())}))
		}
	}
	t := &table{}
	taken := map[int]bool{}
	for _, f := range p.spec.Layout.Fields {
		h, mapped := r.Columns[f.Name]
		if !mapped {
			h = f.Name
		}
		source, ok := index[h]
		if !ok {
			source = -1
		}
		fallback, hasDefault := r.Defaults[f.Name]
		if !ok && !mapped && !hasDefault && f.Required {
			ds = append(ds, p.noColumn(f.Name, header))
		}
		taken[source] = true
		t.add(f.Name, source, p.normal(f, fallback))
	}
	alias := map[string]string{}
	for name, h := range r.Columns {
		if d, ok := r.Defaults[name]; ok {
			alias[h] = d
		}
	}
	for i, h := range header {
		if taken[i] || index[h] != i {
			continue
		}
		fallback, ok := r.Defaults[h]
		if !ok {
			fallback = alias[h]
		}
		t.add(h, i, fallback)
	}
	return t, ds
}

func (t *table) add(name string, source int, fallback string) {
	t.columns = append(t.columns, name)
	t.sources = append(t.sources, source)
	t.defaults = append(t.defaults, fallback)
}

func (p *Plan) noColumn(name string, header []string) campaign.Diagnostic {
	message := fmt.Sprintf("there is no column for %s, which each recipient needs", name)
	hint := fmt.Sprintf("name its column: columns: {%s: HEADER}; %s", name, meantColumn(name, header, p.wanted()))
	if at := p.misspelt(name); at != "" {
		return p.at(campaign.Problem{Pointer: at, Key: true, Rule: "missing-column", Message: message, Hint: fmt.Sprintf("did you mean %s?", name)})
	}
	if f := p.spec.Campaign.Recipients.File; f != "" {
		return campaign.Diagnostic{File: f, Line: 1, Rule: "missing-column", Message: message, Hint: strings.TrimSuffix(hint, "; ")}
	}
	return p.at(campaign.Problem{Pointer: "/recipients/list", Rule: "missing-column", Message: message,
		Hint: fmt.Sprintf("give each recipient a key %s", name)})
}

// misspelt points to the key of columns or defaults that was probably meant as a field,
// or to nothing.
func (p *Plan) misspelt(field string) string {
	r := &p.spec.Campaign.Recipients
	for _, place := range []struct {
		at    string
		names map[string]string
	}{{"/recipients/columns", r.Columns}, {"/recipients/defaults", r.Defaults}} {
		for _, name := range slices.Sorted(maps.Keys(place.names)) {
			if !p.means(name) && nearest(name, []string{field}) != "" {
				return pointer(place.at, name)
			}
		}
	}
	return ""
}

// means reports whether a name is a field or is read by a template.
func (p *Plan) means(name string) bool {
	return slices.ContainsFunc(p.spec.Layout.Fields, func(f targets.Field) bool { return f.Name == name }) ||
		slices.ContainsFunc(p.scope.slots, func(s slot) bool { return s.name == name })
}

// wanted are the headers that the recipients' file is to have.
func (p *Plan) wanted() []string {
	r := &p.spec.Campaign.Recipients
	names := slices.Collect(maps.Values(r.Columns))
	for _, f := range p.spec.Layout.Fields {
		if _, mapped := r.Columns[f.Name]; !mapped {
			names = append(names, f.Name)
		}
	}
	if r.Lookup != nil {
		names = append(names, r.Lookup.Key)
	}
	return names
}

// otherHeader says for columns that are missing in a header which row has them, if
// one of the file's first rows does.
func otherHeader(ctx context.Context, source recipients.Source, header, wanted []string, ds []campaign.Diagnostic) []campaign.Diagnostic {
	peeker, ok := source.(recipients.Peeker)
	if !ok || !slices.ContainsFunc(ds, isMissing) {
		return ds
	}
	row := recipients.FindHeader(peeker.Peek(ctx, 30), header, wanted)
	for i := range ds {
		if row > 0 && isMissing(ds[i]) {
			ds[i].Hint = fmt.Sprintf("row %d looks like the header: say header_row: %d", row, row)
		}
	}
	return ds
}

func isMissing(d campaign.Diagnostic) bool { return d.Rule == "missing-column" }

// meantColumn is a hint for a column that is not there. Of a header that has none
// of the wanted columns nothing is shown but what is nearly the name: it may be the
// first row of a list without a header.
func meantColumn(name string, header, wanted []string) string {
	if slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(header, w) }) {
		return didYouMean(name, header, "%q")
	}
	if near := nearest(name, header); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "it has none of the columns that are looked for: is its first row the header?"
}

// columnOf gives the run's column that a variable is read from, as messages name
// it, or -1.
func (t *table) columnOf(variable string) int {
	for _, s := range t.slots {
		if s.name == variable && s.cell >= 0 {
			return s.cell
		}
	}
	return -1
}

// normal is the normal form of a default, which checkDefaults has checked.
func (p *Plan) normal(f targets.Field, v string) string {
	v = strings.TrimSpace(v)
	if v != "" && f.Parse != nil {
		v, _ = f.Parse(v)
	}
	return v
}

// checkDefaults checks the defaults of fields like cells.
func (p *Plan) checkDefaults() (ds []campaign.Diagnostic) {
	for _, f := range p.spec.Layout.Fields {
		v, ok := p.spec.Campaign.Recipients.Defaults[f.Name]
		if !ok || f.Parse == nil || blank(v) {
			continue
		}
		if _, err := f.Parse(strings.TrimSpace(v)); err != nil {
			ds = append(ds, p.at(campaign.Problem{Pointer: pointer("/recipients/defaults", f.Name), Rule: "bad-value",
				Message: fmt.Sprintf("%s %s", f.Name, err)}))
		}
	}
	return ds
}

// checkNames refuses names that templates already give a meaning.
func (p *Plan) checkNames() (ds []campaign.Diagnostic) {
	c := p.spec.Campaign
	for place, names := range map[string]map[string]string{
		"/vars": c.Vars, "/recipients/columns": c.Recipients.Columns, "/recipients/defaults": c.Recipients.Defaults,
	} {
		for name := range names {
			if slices.Contains(builtin, name) {
				ds = append(ds, p.at(campaign.Problem{Pointer: pointer(place, name), Key: true, Rule: "reserved-name",
					Message: fmt.Sprintf(".%s is a variable that every template has", name), Hint: "choose another name"}))
			}
		}
	}
	return ds
}

// inPointer writes a key as a segment of a JSON pointer.
var inPointer = strings.NewReplacer("~", "~0", "/", "~1")

// pointer appends a key to a JSON pointer (RFC 6901, section 3).
func pointer(base, key string) string {
	return base + "/" + inPointer.Replace(key)
}
