// Package plan turns a campaign and its recipients into deliveries: a pure
// function, evaluated lazily, in bounded memory, with the same result on any
// machine and with any number of workers (design: delivery, plan).
//
// Every row of the source is in exactly one delivery, or in one skip with its
// reason; or it has a problem, which Summary reports, and then nothing of the
// plan may be sent.
package plan

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
	"campaign/internal/targets"
)

// Version is the planner's version. It is part of every digest: a run that
// another version planned is not rendered again by this one.
const Version = 1

// ErrDiffers says that a block, rendered again, is not what was planned. It
// must not be sent.
var ErrDiffers = errors.New("the plan differs from the one that was made")

// Spec is everything that a plan depends on.
type Spec struct {
	Project    string // the project's id
	Profile    string
	Campaign   *campaign.Campaign
	Account    campaign.Account
	Layout     targets.Layout
	Occurrence campaign.Occurrence
	Zone       *time.Location
	Groups     []campaign.Group // of a group campaign, in order
	// Open gives the source of a recipients, exclusion, suppression or lookup file by
	// its path in the project.
	Open func(path string, sheet campaign.Sheet) (recipients.Source, error)
	// To makes a trial: the plan is for the recipients with these ids, as if the
	// source had no others. An id that is not there is a problem. Empty: no trial.
	To []string
	// Chosen makes the plan one for these ids as well, and not a trial: those that
	// follow an earlier run up. It is sealed. Nil, or To is empty.
	Chosen *Chosen
	// Columns are those of a run that was planned before. They are for Messages,
	// which then needs no recipients file; other plans leave them nil.
	Columns []string
	// Contents makes deliveries say what their recipients read (Delivery.Content),
	// which costs another digest for each recipient with a text of its own.
	Contents bool
	Workers  int    // 0: as many as there are processors
	TempDir  string // for what screening spills; empty: the system's
	// Locate gives problems of the campaign file their place; nil: the file.
	Locate func(campaign.Problem) campaign.Diagnostic
}

// Plan is a campaign that is ready to be planned. Messages may be called from
// several goroutines; everything else is for one at a time.
type Plan struct {
	spec           Spec
	programs       []*program // by text; nil: literal
	scope          scope
	table          *table // nil until the columns are known
	prepared       bool   // the header has been read
	headerProblems []campaign.Diagnostic
	source         recipients.Source
	join           recipients.Join      // of the campaign's lookup
	to             func(id string) bool // whom alone the plan is for; nil: everybody
	only           map[string]bool      // nil: anybody
	leaving        int                  // lists that leave rows out; those that follow say who must not be sent to
	capped         *Capped              // nil: nobody is looked at for it
	newScreener    func() recipients.Screener
	summary        *summary
}

// New compiles a campaign's templates and checks what can be checked without
// reading a recipients file. With problems that are errors the plan is nil.
func New(spec Spec) (*Plan, []campaign.Diagnostic) {
	if spec.Zone == nil {
		spec.Zone = time.UTC
	}
	if spec.Workers <= 0 {
		spec.Workers = runtime.GOMAXPROCS(0)
	}
	p := &Plan{spec: spec, only: set(spec.Account.Only)}
	if named := set(spec.To); len(named) > 0 {
		p.to = func(id string) bool { return named[id] }
	}
	if spec.Chosen != nil {
		p.to = spec.Chosen.Has
	}
	p.newScreener = func() recipients.Screener {
		return recipients.NewScreener(recipients.Options{TempDir: spec.TempDir})
	}
	p.leaving = len(p.lists())
	p.summary = p.newSummary()
	ds := p.compile()
	ds = append(ds, p.checkNames()...)
	ds = append(ds, p.checkDefaults()...)
	if spec.Columns == nil && !campaign.HasErrors(ds) { // a run that was planned has been looked at
		ds = append(ds, p.checkMarkup()...)
	}
	for _, program := range p.programs {
		if program != nil {
			program.variants = nil
		}
	}
	switch {
	case campaign.HasErrors(ds):
	case spec.Columns != nil:
		ds = append(ds, p.bind(&table{columns: spec.Columns}, nil)...)
	case spec.Layout.Groups && len(spec.Groups) == 0:
		ds = append(ds, p.at(campaign.Problem{Pointer: "/recipients", Rule: "no-groups",
			Message: "no user group is selected", Hint: "list the groups of the account with: campaign groups"}))
	case spec.Layout.Groups:
		ds = append(ds, p.bind(&table{columns: p.groupColumns()}, nil)...)
	}
	ds = campaign.SortDiagnostics(ds)
	if campaign.HasErrors(ds) {
		return nil, ds
	}
	return p, ds
}

func set(ids []string) map[string]bool {
	if ids == nil {
		return nil
	}
	m := make(map[string]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}

// compile compiles every text with template actions.
func (p *Plan) compile() (ds []campaign.Diagnostic) {
	p.programs = make([]*program, len(p.spec.Layout.Texts))
	for i, t := range p.spec.Layout.Texts {
		if !hasActions(t.Source) {
			continue
		}
		program, faults := compile(i, t, &p.scope)
		p.programs[i] = program
		for _, f := range faults {
			ds = append(ds, p.inText(i, f))
		}
	}
	return ds
}

// prepare reads the headers and checks columns against variables. The second
// call gives the first one's answer.
func (p *Plan) prepare(ctx context.Context) ([]campaign.Diagnostic, error) {
	if p.prepared || p.table != nil {
		return p.headerProblems, nil
	}
	ds, err := p.readHeader(ctx)
	if err != nil {
		return nil, err
	}
	p.prepared, p.headerProblems = true, campaign.SortDiagnostics(ds)
	return p.headerProblems, nil
}

func (p *Plan) readHeader(ctx context.Context) ([]campaign.Diagnostic, error) {
	source, err := p.open()
	if err != nil {
		return nil, err
	}
	header, ds, err := source.Columns(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the header of %s: %w", p.recipientsFile(), err)
	}
	if campaign.HasErrors(ds) {
		return ds, nil
	}
	if p.spec.Campaign.Recipients.Lookup != nil {
		var more []campaign.Diagnostic
		header, more, err = p.prepareLookup(ctx, source, header)
		if ds = append(ds, more...); err != nil || campaign.HasErrors(more) {
			return ds, err
		}
	}
	t, more := p.layOut(header)
	ds = append(ds, otherHeader(ctx, source, header, p.wanted(), more)...)
	if slices.ContainsFunc(ds, isMissing) && !slices.ContainsFunc(p.wanted(), func(name string) bool { return slices.Contains(header, name) }) {
		return ds, nil // what follows would show the header, which may be people's data
	}
	return append(ds, p.bind(t, ds)...), nil
}

// open gives the source of the campaign's recipients.
func (p *Plan) open() (recipients.Source, error) {
	if p.source != nil {
		return p.source, nil
	}
	r := &p.spec.Campaign.Recipients
	if r.File == "" {
		p.source = recipients.NewList(r.List)
		return p.source, nil
	}
	source, err := p.spec.Open(r.File, r.Sheet)
	if err != nil {
		return nil, fmt.Errorf("open recipients: %w", err)
	}
	p.source = source
	return source, nil
}

// recipientsFile is where rows stand.
func (p *Plan) recipientsFile() string {
	if f := p.spec.Campaign.Recipients.File; f != "" {
		return f
	}
	return p.spec.Campaign.File
}

// Columns says what recipients' cells mean: Layout.Fields first, then the other
// columns under their headers. It is nil until Blocks has read the
// header.
func (p *Plan) Columns() []string {
	if p.table == nil {
		return nil
	}
	return slices.Clone(p.table.columns)
}

// at gives a problem of the campaign file its place.
func (p *Plan) at(problem campaign.Problem) campaign.Diagnostic {
	if p.spec.Locate != nil {
		return p.spec.Locate(problem)
	}
	return campaign.Diagnostic{File: p.spec.Campaign.File, Rule: problem.Rule,
		Message: problem.Message, Hint: problem.Hint, Warning: problem.Warning}
}
