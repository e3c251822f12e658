package ledger

import (
	"context"
	"slices"

	"campaign/internal/campaign"
)

// ReasonUnsettled is the reason of a delivery whose last attempt has no
// settlement: it is on the wire, or its process died.
const ReasonUnsettled = "unsettled: the attempt began, and how it ended is not recorded"

// ReasonCancelled stands before the reason of a cancelled run in its skipped deliveries.
const ReasonCancelled = "cancelled: "

// Span is where a block's deliveries stand in a run.
type Span struct {
	Block      int64 // Seq of the block
	First, Len int64 // its deliveries
	Stage      int
}

// Source reads the immutable rows of one run.
type Source interface {
	Block(ctx context.Context, seq int64) (campaign.Block, error)
	Group(ctx context.Context, id int64) (Group, error)
}

// Leaves is what a fold says of the leaves of a block, at one moment.
type Leaves []placed

type placed struct {
	seq int64
	leaf
}

// Leaves copies the leaves of a block out of the fold, in the order of Seq and From.
func (f *Fold) Leaves(s Span) Leaves {
	leaves := make(Leaves, 0, s.Len)
	for seq := s.First; seq < s.First+s.Len; seq++ {
		if f.states[seq] != elsewhere {
			leaves = append(leaves, placed{seq, f.unpack(f.states[seq])})
			continue
		}
		for _, l := range f.apart[seq] {
			leaves = append(leaves, placed{seq, l})
		}
	}
	return leaves
}

// UnknownLeaves copies those leaves of a block for which Unknown selects it.
func (f *Fold) UnknownLeaves(token uint64, s Span) Leaves {
	lost := f.lost(token)
	return slices.DeleteFunc(f.Leaves(s), func(l placed) bool { return !lost(l.leaf) })
}

// Results looks up the details of leaves. In a cancelled run what wants an
// attempt is skipped.
func (ls Leaves) Results(ctx context.Context, run *campaign.Run, groups *Groups) ([]campaign.Result, error) {
	results := make([]campaign.Result, len(ls))
	for i, l := range ls {
		r := &results[i]
		r.Part = campaign.Part{Seq: l.seq, From: l.from, To: l.to}
		r.Verdict.Outcome, r.Attempts, r.Reopened = l.outcome, l.attempts, l.reopened
		if l.ref != 0 {
			if err := l.detail(ctx, r, groups); err != nil {
				return nil, err
			}
		}
		if run.State == campaign.Cancelled && l.wants() {
			r.Verdict = campaign.Verdict{Outcome: campaign.Skipped, Reason: ReasonCancelled + run.Reason}
		}
	}
	return results, nil
}

func (l placed) detail(ctx context.Context, r *campaign.Result, groups *Groups) error {
	g, err := groups.get(ctx, l.ref)
	if err != nil {
		return err
	}
	if l.open {
		if l.index >= len(g.Intents) || g.Intents[l.index].Part != r.Part {
			return unreadable("the journal")
		}
		r.At = g.Intents[l.index].At
		r.Verdict = campaign.Verdict{Outcome: campaign.Unknown, Reason: ReasonUnsettled}
		return nil
	}
	if l.index >= len(g.Settlements) || g.Settlements[l.index].Part != r.Part {
		return unreadable("the journal")
	}
	r.At, r.Verdict = g.Settlements[l.index].At, g.Settlements[l.index].Verdict
	return nil
}

// Groups keeps the groups that were read last: deliveries that stand together in
// the plan were mostly settled together. It is not safe for concurrent use.
type Groups struct {
	source     Source
	young, old map[int64]*Group // old holds what was not asked for since young began
	entries    int              // settlements and intents in young
}

// keepEntries bounds the settlements and intents in each half of a Groups, and so
// its memory to a few MB.
const keepEntries = 4096

// NewGroups makes an empty cache over source.
func NewGroups(source Source) *Groups {
	return &Groups{source: source, young: map[int64]*Group{}}
}

func (c *Groups) get(ctx context.Context, id int64) (*Group, error) {
	if g, ok := c.young[id]; ok {
		return g, nil
	}
	g, ok := c.old[id]
	if !ok {
		read, err := c.source.Group(ctx, id)
		if err != nil {
			return nil, err
		}
		for i := range read.Settlements {
			read.Settlements[i].Answer = nil
		}
		g = &read
	}
	if c.entries >= keepEntries {
		c.old, c.young, c.entries = c.young, map[int64]*Group{}, 0
	}
	c.young[id] = g
	c.entries += len(g.Settlements) + len(g.Intents)
	return g, nil
}

// AttemptsAt gives what a group says of one delivery and its parts, in order.
func (g *Group) AttemptsAt(seq int64) []Attempt {
	var found []Attempt
	for i := range g.Settlements {
		if g.Settlements[i].Part.Seq == seq {
			found = append(found, Attempt{Settlement: &g.Settlements[i]})
		}
	}
	for i := range g.Intents {
		if g.Intents[i].Part.Seq == seq {
			found = append(found, Attempt{Intent: &g.Intents[i]})
		}
	}
	return found
}
