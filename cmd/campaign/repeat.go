package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/recipients"
)

// repeatWithin is how long the same message to the same people is taken for a
// mistake: a campaign file that was copied, or renamed after it was sent.
const repeatWithin = 30 * 24 * time.Hour

// repeat is another campaign's run by which largely the same people got the same.
type repeat struct {
	run      campaign.Run
	both     int64 // recipients of both
	all, had int64 // recipients of this run, and of the other
	unit     string
}

func (r *repeat) String() string {
	return fmt.Sprintf("%d of %s have the same message from %s (run %s, of %s)", r.both, count(r.all, r.unit), r.run.Campaign, r.run.ID, r.run.Began.Format("2006-01-02"))
}

func (r *repeat) stops() string {
	return fmt.Sprintf("stopped before anything was sent: %s, and that was within %d days. To send it again: --again \"why\"", r, int(repeatWithin.Hours())/24)
}

// guardRepeat sets the todo's guard unless nobody did the same, or a person knows of it.
func (s *sender) guardRepeat(ctx context.Context, t *todo) error {
	again, err := s.repeatOf(ctx, t)
	switch {
	case again == nil || err != nil:
		return err
	case s.flags.again == "":
		t.guard = again.stops()
	default:
		t.override(campaign.NoteAgain, again.String()+": "+s.flags.again)
	}
	return nil
}

// repeatOf looks for campaigns of other names that sent the same message, or owe it,
// to half of the smaller of both audiences or more. Trials do not count, nor does
// anything in the sandbox. Another occurrence of this campaign does not either: a
// label, like a schedule, says that it is to go out once more. Nil: there is none.
func (s *sender) repeatOf(ctx context.Context, t *todo) (_ *repeat, err error) {
	if s.standIn != nil {
		return nil, nil
	}
	keys := recipients.NewKeyed(recipients.Options{})
	defer func() { err = errors.Join(err, keys.Close()) }()
	var runs []campaign.Run
	for run, err := range s.ledger.Runs(ctx, ledger.Filter{Profile: t.run.Profile, From: time.Now().Add(-repeatWithin)}) {
		if err != nil {
			return nil, stateError(err)
		}
		if run.Campaign == t.run.Campaign || run.State == campaign.Planning {
			continue
		}
		some, err := s.addSame(ctx, keys, run.ID, &t.said, uint64(len(runs))+1)
		if err != nil {
			return nil, err
		}
		if some {
			runs = append(runs, run)
		}
	}
	if len(runs) == 0 {
		return nil, nil
	}
	return s.largest(ctx, t, keys, runs)
}

// addSame adds, with a tag, who got one of the wanted contents by a run.
func (s *sender) addSame(ctx context.Context, keys *recipients.Keyed, run string, wanted *contents, tag uint64) (some bool, err error) {
	var key []byte
	for block, err := range s.ledger.Containing(ctx, run, wanted.has) {
		if err != nil {
			return false, stateError(err)
		}
		for d, r := range leaves(block) {
			if o := r.Verdict.Outcome; o == campaign.Rejected || o == campaign.Skipped || !wanted.has(d.Content) {
				continue
			}
			for _, who := range r.Part.Of(d.Recipients) {
				some, key = true, sameKey(key, d.Content, who)
				if err := keys.Add(key, tag); err != nil {
					return false, err
				}
			}
		}
	}
	return some, nil
}

func sameKey(key []byte, said campaign.Digest, who campaign.Recipient) []byte {
	return append(append(key[:0], said[:]...), who.ID()...)
}

// largest holds this run's recipients against those of the others, and gives the one
// that has most of them, if that is largely the same audience.
func (s *sender) largest(ctx context.Context, t *todo, keys *recipients.Keyed, runs []campaign.Run) (*repeat, error) {
	var key []byte
	for block, err := range t.plan.Blocks(ctx) {
		if err != nil {
			return nil, fail(exitProblems, "%s: %w", t.campaign.File, err)
		}
		for _, d := range block.Deliveries {
			for _, who := range d.Recipients {
				key = sameKey(key, d.Content, who)
				if err := keys.Add(key, 0); err != nil {
					return nil, err
				}
			}
		}
	}
	both := make([]int64, len(runs))
	var all int64
	var mine bool
	var last uint64
	err := keys.Each(ctx, func(first bool, tag uint64) error {
		if first {
			mine, last = tag == 0, 0
			if mine {
				all++
			}
		}
		if mine && tag != last {
			both[tag-1]++
		}
		last = tag
		return nil
	})
	if err != nil {
		return nil, err
	}
	var found *repeat
	for i, run := range runs {
		had := run.Totals.Recipients - run.Totals.Skipped
		if 2*both[i] >= min(all, had) && both[i] > 0 && (found == nil || both[i] > found.both) {
			found = &repeat{run, both[i], all, had, t.unit()}
		}
	}
	return found, nil
}

// contents is a set of what deliveries say. Few are kept as they are; of many it
// may have some that were not added, about one in twenty of a million, and never
// lacks one: 1 MiB.
type contents struct {
	few  map[campaign.Digest]bool
	many []uint64 // bits
}

const (
	fewContents = 4096
	contentBits = 23
)

func (c *contents) add(d campaign.Digest) {
	if c.many != nil {
		for _, bit := range bitsOf(d) {
			c.many[bit/64] |= 1 << (bit % 64)
		}
		return
	}
	if c.few == nil {
		c.few = map[campaign.Digest]bool{}
	}
	if c.few[d] = true; len(c.few) <= fewContents {
		return
	}
	all := c.few
	c.few, c.many = nil, make([]uint64, 1<<contentBits/64)
	for d := range all {
		c.add(d)
	}
}

func (c *contents) has(d campaign.Digest) bool {
	switch {
	case d == campaign.Digest{}: // it does not say
		return false
	case c.many == nil:
		return c.few[d]
	}
	for _, bit := range bitsOf(d) {
		if c.many[bit/64]>>(bit%64)&1 == 0 {
			return false
		}
	}
	return true
}

// bitsOf are two places that a digest, which is as good as random, stands for.
func bitsOf(d campaign.Digest) [2]uint64 {
	var n uint64
	for _, b := range d {
		n = n<<8 | uint64(b)
	}
	const mask = 1<<contentBits - 1
	return [2]uint64{n & mask, n >> contentBits & mask}
}
