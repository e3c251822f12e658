package sqlite

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// exchangeGroups is how many groups of the journal are read at a time.
const exchangeGroups = 256

// Exchanges yields the attempts of a run that have an end, in the order in which
// they ended. A person's word, and what was given up, is none. Memory: some groups,
// and the attempts that are under way or died.
func (r *Reader) Exchanges(ctx context.Context, id string) iter.Seq2[campaign.Exchange, error] {
	return func(yield func(campaign.Exchange, error) bool) {
		s, err := r.snapshot(ctx, id, false)
		var begun under
		for after := int64(0); err == nil && after < s.last; {
			var groups []heldGroup
			groups, after, err = r.groups(ctx, s, after)
			for i := range groups {
				for _, e := range begun.exchanges(&groups[i]) {
					if !yield(e, nil) {
						return
					}
				}
			}
		}
		if err != nil {
			yield(campaign.Exchange{}, err)
		}
	}
}

// heldGroup is a group with the token of the hold that recorded it.
type heldGroup struct {
	ledger.Group
	token int64
}

// under are the attempts of one hold that have no end yet. Another hold never
// hears how they ended: what it says of them later is a word, no answer.
type under struct {
	token int64
	begun map[campaign.Part]time.Time
}

// exchanges matches a group's settlements with the attempts that were begun, and
// adds those that it begins.
func (u *under) exchanges(g *heldGroup) []campaign.Exchange {
	if u.begun == nil || g.token != u.token {
		u.token, u.begun = g.token, map[campaign.Part]time.Time{}
	}
	var ended []campaign.Exchange
	for i := range g.Settlements {
		s := &g.Settlements[i]
		at, open := u.begun[s.Part]
		if !open {
			continue
		}
		delete(u.begun, s.Part)
		if s.Verdict.Outcome != campaign.Skipped {
			ended = append(ended, campaign.Exchange{Part: s.Part, Began: at, Ended: s.At, Outcome: s.Verdict.Outcome, Status: s.Verdict.Status})
		}
	}
	for _, in := range g.Intents {
		u.begun[in.Part] = in.At
	}
	return ended
}

// groups reads the next groups of a run's journal; next is the last one's id, or
// the snapshot's end.
func (r *Reader) groups(ctx context.Context, s *snapshot, after int64) (found []heldGroup, next int64, err error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id, token, record, detail FROM journal
		WHERE run = ? AND kind = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?`, s.run.num, kindGroup, after, s.last, exchangeGroups)
	if err != nil {
		return nil, 0, told("reading the journal", err)
	}
	found, err = scanAll(rows, func(scan func(...any) error) (g heldGroup, err error) {
		var record, detail sql.RawBytes
		if err := scan(&next, &g.token, &record, &detail); err != nil {
			return g, err
		}
		g.Group, err = ledger.DecodeGroup(record, detail)
		return g, err
	})
	if err != nil {
		return nil, 0, told("reading the journal", err)
	}
	if len(found) < exchangeGroups {
		next = s.last
	}
	return found, next, nil
}
