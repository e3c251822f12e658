package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// prepareLookup finds the columns of the lookup and gives the header as if the list
// had those that are taken.
func (p *Plan) prepareLookup(ctx context.Context, list recipients.Source, header []string) ([]string, []campaign.Diagnostic, error) {
	l := p.spec.Campaign.Recipients.Lookup
	directory, err := p.spec.Open(l.File, l.Sheet)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", l.File, err)
	}
	there, ds, err := directory.Columns(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read the header of %s: %w", l.File, err)
	}
	if campaign.HasErrors(ds) {
		return nil, ds, nil
	}
	p.join = recipients.Join{Directory: patient{directory, l.File}, ListFile: p.recipientsFile(), DirectoryFile: l.File,
		Name: l.Key, Width: len(header), Optional: l.Skip}
	here := l.Key
	if h, ok := p.spec.Campaign.Recipients.Columns[l.Key]; ok {
		here = h
	}
	wanted := append(slices.Collect(maps.Values(l.Take)), l.Key)
	missing := func(at, file, name string, header, wanted []string) {
		ds = append(ds, p.at(campaign.Problem{Pointer: at, Rule: "missing-column",
			Message: fmt.Sprintf("%s has no column %q", file, name), Hint: meantColumn(name, header, wanted)}))
	}
	if p.join.Key = slices.Index(header, here); p.join.Key < 0 {
		missing("/recipients/lookup/key", p.recipientsFile(), here, header, p.wanted())
		ds = otherHeader(ctx, list, header, p.wanted(), ds)
	}
	if p.join.DirectoryKey = slices.Index(there, l.Key); p.join.DirectoryKey < 0 {
		missing("/recipients/lookup/key", l.File, l.Key, there, wanted)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Take)) {
		at := slices.Index(there, l.Take[name])
		if at < 0 {
			missing(pointer("/recipients/lookup/take", name), l.File, l.Take[name], there, wanted)
		}
		if slices.Contains(header[:p.join.Width], name) {
			ds = append(ds, p.at(campaign.Problem{Pointer: pointer("/recipients/lookup/take", name), Key: true, Rule: "duplicate-variable",
				Message: fmt.Sprintf("%s is also a column of %s", name, p.recipientsFile()), Hint: "take it under another name, or leave it out: templates could not tell them apart"}))
		}
		p.join.Take = append(p.join.Take, at)
		header = append(header, name)
	}
	return header, ds, nil
}

// joinDirectory reads list and directory. The caller closes what it gives.
func (p *Plan) joinDirectory(ctx context.Context, list recipients.Rows) (*recipients.Joined, error) {
	p.join.List = list
	joined, err := p.join.Open(ctx, recipients.Options{TempDir: p.spec.TempDir}, p.summary.problem)
	if err != nil {
		return nil, fmt.Errorf("look up the recipients of %s: %w", p.recipientsFile(), err)
	}
	return joined, nil
}

// standsIn gives the cell of the list that a cell of a row comes from: for what is
// looked up, the key.
func (p *Plan) standsIn(cell int) int {
	if p.join.Directory != nil && cell >= p.join.Width {
		return p.join.Key
	}
	return cell
}
