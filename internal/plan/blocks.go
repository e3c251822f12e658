package plan

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// Blocks yields the plan in order. It is lazy: nothing is read before, and what
// it holds in memory does not grow with the source. The blocks are the same for
// any number of workers. Problems of rows do not end it: Summary has them, and
// a plan with problems must not be sent. An error ends it.
func (p *Plan) Blocks(ctx context.Context) iter.Seq2[campaign.Block, error] {
	return func(yield func(campaign.Block, error) bool) {
		stopped, err := p.run(ctx, func(b campaign.Block) bool { return yield(b, nil) })
		if err != nil && !stopped {
			yield(campaign.Block{}, err)
		}
	}
}

// run plans. It reports whether emit has stopped it.
func (p *Plan) run(ctx context.Context, emit func(campaign.Block) bool) (stopped bool, err error) {
	p.summary = p.newSummary()
	if p.spec.Columns != nil {
		return false, errors.New("a run that is planned already is not planned again")
	}
	ds, err := p.prepare(ctx)
	if err != nil {
		return false, err
	}
	for _, d := range ds {
		p.summary.problem(d)
	}
	if campaign.HasErrors(ds) {
		return false, nil
	}
	b := p.batcher(p.spec.Campaign.Policy.Batch, func(block campaign.Block) bool {
		p.summary.block(&block)
		return emit(block)
	})
	b.first = p.preview
	if p.spec.Layout.Groups {
		err = p.groups(b)
	} else {
		err = p.rows(ctx, b)
	}
	if err != nil || b.stopped {
		return b.stopped, err
	}
	b.finish()
	if !b.stopped && !p.summary.gaveUp() {
		p.judge()
	}
	return b.stopped, nil
}

// rowsOf gives the rows of the list, joined with their directory, for more than one
// pass. The caller closes it.
func (p *Plan) rowsOf(ctx context.Context) (recipients.Rows, func() error, error) {
	var source recipients.Rows = p.source
	done := func() error { return nil }
	if recipients.IsSlow(p.source) {
		held := recipients.Hold(p.source, recipients.Options{TempDir: p.spec.TempDir})
		source, done = held, held.Close
	} else {
		source = recipients.Remember(p.source)
	}
	source = patient{source, p.spec.Campaign.Recipients.File}
	if p.spec.Campaign.Recipients.Lookup == nil {
		return source, done, nil
	}
	joined, err := p.joinDirectory(ctx, source)
	if err != nil {
		return nil, nil, errors.Join(err, done())
	}
	return joined, func() error { return errors.Join(joined.Close(), done()) }, nil
}

// rows plans a source: one pass to screen and count it, one to plan.
func (p *Plan) rows(ctx context.Context, b *batcher) (err error) {
	source, done, err := p.rowsOf(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	screener, found, err := p.screening(ctx, source, b)
	if err != nil {
		return err
	}
	if screener != nil {
		defer func() { err = errors.Join(err, screener.Close()) }()
	}
	call, err := p.rollCall(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, call.close()) }()
	second := pass{source: source, worker: p.planner(p.table), collect: func(c *chunk) (bool, error) {
		if err := call.take(c); err != nil {
			return false, err
		}
		return p.collect(b, c)
	}}
	if screener != nil {
		second.left = found.Left(ctx)
	}
	second.capped = p.capped.all(ctx)
	if err := second.run(ctx, p.spec.Workers); err != nil {
		return fmt.Errorf("read %s: %w", p.recipientsFile(), err)
	}
	if found != nil {
		for i := range p.summary.lists {
			p.summary.lists[i].Matched = found.Matched(i)
		}
	}
	if b.stopped || p.summary.gaveUp() {
		return nil
	}
	return call.judge(ctx)
}

// preview keeps the first message for the summary.
func (p *Plan) preview(d campaign.Delivery) {
	texts, _, err := p.renderer(p.table).texts(p.table, d.Recipients[0].Cells)
	if err == nil {
		p.summary.first = &message{Texts: texts, Recipients: slices.Clone(d.Recipients)}
	}
}

// judge adds the problems that only the whole plan shows.
func (p *Plan) judge() {
	s, c := p.summary, p.spec.Campaign
	p.named()
	if n := s.totals.Recipients - s.totals.Skipped - s.invalid; c.Policy.MaxRecipients > 0 && n > int64(c.Policy.MaxRecipients) {
		what := "recipients"
		if p.spec.Layout.Groups {
			what = "user groups (not people)"
		}
		s.problem(p.at(campaign.Problem{Pointer: "/delivery/max_recipients", Rule: RuleMaxRecipients,
			Message: fmt.Sprintf("the campaign is for %d %s, more than max_recipients allows: %d", n, what, c.Policy.MaxRecipients),
			Hint:    "check the recipients; if they are right, raise max_recipients under delivery"}))
	}
	p.expected()
	if s.repeated != nil && p.to == nil {
		s.problem(s.duplicates())
	}
	if s.totals.Recipients == 0 && p.to == nil && !campaign.HasErrors(s.problems) {
		s.problem(campaign.Diagnostic{File: p.recipientsFile(), Rule: "no-recipients",
			Message: "the list has no row: there is nobody to send to",
			Hint:    "fill the list; a campaign is sent once, also to nobody"})
	}
	for i, stage := range s.ends() {
		if i > 0 && p.to == nil && s.stages[i].Recipients == 0 && stage.Recipients < s.totals.Recipients-s.totals.Skipped-s.invalid {
			s.problem(p.at(campaign.Problem{Pointer: fmt.Sprintf("/delivery/stages/%d", i), Rule: "empty-stage", Warning: true,
				Message: fmt.Sprintf("stage %d has nobody: stage %d already reaches as far as %d", i+1, i, stage.Recipients),
				Hint:    "each stage counts from the campaign's first recipient"}))
		}
	}
	for i, l := range s.lists {
		if campaign.HasErrors(s.problems) {
			break // a list that could not be read matches nothing
		}
		if !l.Suppress && l.Matched == 0 && p.to == nil {
			s.problem(p.at(campaign.Problem{Pointer: fmt.Sprintf("/recipients/exclude/%d", i), Rule: "exclusion-matched-nothing", Warning: true,
				Message: fmt.Sprintf("%s leaves nobody out: none of its entries is among the recipients", l.File),
				Hint:    "check that both files identify recipients by the same values; a spreadsheet drops zeros at the beginning of a number"}))
		}
	}
}

// repeats warns of the first row that is left out as a duplicate.
func (p *Plan) repeats(e *entry) *campaign.Diagnostic {
	d := p.inRow(p.table, e, 0, fault{rule: "duplicate-recipient", message: fmt.Sprintf("the same recipient as in row %d", e.left.First),
		hint: "the first row of each is sent; the report names all of them"})
	d.Warning = true
	return &d
}

// duplicates is that warning with the number of all such rows.
func (s *summary) duplicates() campaign.Diagnostic {
	d := *s.repeated
	if n := s.skipped[skipDuplicate]; n > 1 {
		d.Message += fmt.Sprintf("; %s rows repeat others", campaign.Grouped(n))
	}
	return d
}

// dedupe names the fields that identify a recipient; none: no deduplication.
func (p *Plan) dedupe() []string {
	if p.spec.Campaign.Recipients.DedupeDefault {
		return p.spec.Layout.Identity
	}
	return p.spec.Campaign.Recipients.Dedupe
}
