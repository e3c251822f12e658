package ledger

import (
	"context"
	"iter"

	"campaign/internal/campaign"
)

// View reads the results of a run as they were at one moment: its fold and its
// run are of that moment, and the rows behind source never change.
type View struct {
	Run    campaign.Run
	Spans  []Span // the blocks to read, in plan order
	Leaves func(Span) (Leaves, error)
	Source Source
}

// All yields the view's blocks with their results.
func (v View) All(ctx context.Context) iter.Seq2[campaign.BlockResults, error] {
	return func(yield func(campaign.BlockResults, error) bool) {
		groups := NewGroups(v.Source)
		for _, span := range v.Spans {
			results, err := v.block(ctx, span, groups)
			if err != nil {
				yield(campaign.BlockResults{}, err)
				return
			}
			if !yield(results, nil) {
				return
			}
		}
	}
}

func (v View) block(ctx context.Context, span Span, groups *Groups) (campaign.BlockResults, error) {
	if err := ctx.Err(); err != nil {
		return campaign.BlockResults{}, err
	}
	block, err := v.Source.Block(ctx, span.Block)
	if err != nil {
		return campaign.BlockResults{}, err
	}
	block.Stage = span.Stage
	leaves, err := v.Leaves(span)
	if err != nil {
		return campaign.BlockResults{}, err
	}
	results, err := leaves.Results(ctx, &v.Run, groups)
	return campaign.BlockResults{Block: block, Results: results}, err
}

// Wanting selects the blocks with a leaf that is Pending or Deferred.
func (f *Fold) Wanting(spans []Span) []Span { return f.with(spans, leaf.wants) }

// Unknown selects the blocks with a leaf that is Unknown, and is not being tried by
// the hold of token.
func (f *Fold) Unknown(token uint64, spans []Span) []Span { return f.with(spans, f.lost(token)) }

func (f *Fold) with(spans []Span, such func(leaf) bool) []Span {
	var found []Span
	for _, s := range spans {
		if f.has(s, such) {
			found = append(found, s)
		}
	}
	return found
}
