package main

import (
	"context"
	"iter"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/targets"
)

// search looks for a recipient in runs.
type search struct {
	id     string
	column string // with value, in the place of id
	value  string
}

func newSearch(args []string, by string) (search, error) {
	if by == "" {
		if len(args) != 1 || args[0] == "" {
			return search{}, fail(exitUsage, "name one recipient by its id, or by --by COLUMN=VALUE")
		}
		return search{id: args[0]}, nil
	}
	column, value, ok := strings.Cut(by, "=")
	if len(args) > 0 || !ok || column == "" || value == "" {
		return search{}, fail(exitUsage, "give a recipient's id or --by COLUMN=VALUE, one of the two")
	}
	return search{column: column, value: value}, nil
}

// past is a run that is looked into. Its frozen inputs are read when they are
// needed.
type past struct {
	project *project
	ledger  ledger.Reader
	run     campaign.Run

	loaded bool
	job    *job  // nil: this version of the program cannot render the run again
	why    error // why it cannot
	names  []int // which cells of a recipient say who it is
}

func (w *past) load(ctx context.Context) {
	if w.loaded {
		return
	}
	w.loaded, w.names = true, []int{0}
	if _, w.job, w.why = w.project.thaw(ctx, w.ledger, w.run, ""); w.why != nil {
		return
	}
	for i, f := range w.job.target.Layout().Fields {
		if i > 0 && f.Parse == nil {
			w.names = append(w.names, i)
		}
	}
}

// groups reports whether the run went to user groups.
func (w *past) groups() bool { return toGroups(w.run.Channel) }

// hit is a row of a run that a search is about.
type hit struct {
	recipient campaign.Recipient
	delivery  campaign.Delivery
	at        int             // which of the delivery's recipients it is
	result    campaign.Result // of the request that covers it
	block     campaign.Block  // of the delivery
	skip      string          // why no delivery covers it; delivery is empty then
}

// key names the request that covers the row.
func (h *hit) key() string { return h.delivery.Key(h.result.Part) }

// others are the delivery's recipients beside the one that is meant.
func (h *hit) others() []campaign.Recipient {
	return slices.Concat(h.delivery.Recipients[:h.at], h.delivery.Recipients[h.at+1:])
}

// cell is the place in a run's cells that the search compares, or -1. A column may
// be named as the run does, or by its header in the recipients file.
func (q search) cell(ctx context.Context, w *past) int {
	if q.column == "" {
		return 0
	}
	if at := slices.Index(w.run.Columns, q.column); at >= 0 {
		return at
	}
	if w.load(ctx); w.job == nil {
		return -1 // its headers are not known
	}
	for field, header := range w.job.campaign.Recipients.Columns {
		if header == q.column {
			return slices.Index(w.run.Columns, field)
		}
	}
	return -1
}

// in yields the rows of a run that are meant, in plan order. Memory: a block. It
// reads the run to its end, since a row may be there again as a duplicate; a user
// group is there once.
func (q search) in(ctx context.Context, w *past, cell int) iter.Seq2[*hit, error] {
	want := firstOf(q.id, q.value)
	meant := func(r campaign.Recipient) bool { return cell < len(r.Cells) && r.Cells[cell] == want }
	once := cell == 0 && w.groups()
	return func(yield func(*hit, error) bool) {
		for b, err := range w.ledger.Results(ctx, w.run.ID) {
			if err != nil {
				yield(nil, stateError(err))
				return
			}
			for d, leaf := range leaves(b) {
				for i, r := range leaf.Part.Of(d.Recipients) {
					if !meant(r) {
						continue
					}
					h := &hit{recipient: r, delivery: d, at: leaf.Part.From + i, result: leaf, block: b.Block}
					if !yield(h, nil) || once {
						return
					}
				}
			}
			for _, s := range b.Block.Skips {
				if !meant(s.Recipient) {
					continue
				}
				if !yield(&hit{recipient: s.Recipient, skip: s.Reason}, nil) || once {
					return
				}
			}
		}
	}
}

// hider takes the other recipients of a hit's request out of texts. User groups
// are nobody's.
func (w *past) hider(ctx context.Context, h *hit) hider {
	if w.groups() || h.skip != "" {
		return hider{}
	}
	w.load(ctx)
	return newHider(h.recipient, h.others(), w.names)
}

// message renders what the hit's request says, from the frozen inputs. It fails
// when that is not what was planned.
func (w *past) message(ctx context.Context, h *hit) (targets.Message, error) {
	if w.load(ctx); w.why != nil {
		return targets.Message{}, w.why
	}
	messages, err := w.job.plan.Messages(h.block)
	if err != nil {
		return targets.Message{}, err
	}
	at := slices.IndexFunc(h.block.Deliveries, func(d campaign.Delivery) bool { return d.Seq == h.delivery.Seq })
	return messages[at], nil
}
