package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/plan"
	"campaign/internal/recipients"
)

// Guards that hold a campaign against what was sent before, when a run of it is
// about to begin. A run that has begun is not asked again, and a trial never.

// guardPast reports whether a guard stops the campaign, and says so.
func (s *sender) guardPast(ctx context.Context, t *todo) (stops bool, err error) {
	if t.known || s.flags.to != nil {
		return false, nil
	}
	if s.flags.followUp.asked() { // for some of an earlier run, by a person's word; a cap counts it
		return false, s.foreseeCap(ctx, t)
	}
	change, err := s.changeOf(ctx, t)
	if err != nil {
		return false, err
	}
	if change != nil && s.flags.change == "" {
		t.guard = fmt.Sprintf("stopped before anything was sent: %s. If that is right: --accept-change \"why\"", change)
		return s.stoppedBy(t), nil
	}
	if err := s.guardRepeat(ctx, t); err != nil {
		return false, err
	}
	if t.guard != "" {
		return s.stoppedBy(t), nil
	}
	if change != nil {
		t.override(campaign.NoteChange, change.String()+": "+s.flags.change)
	}
	return false, s.foreseeCap(ctx, t)
}

// stoppedBy says which guard stops a campaign.
func (s *sender) stoppedBy(t *todo) bool {
	fmt.Fprintf(s.stderr, "%s%s: %s\n", s.tag(), t.campaign.Name, t.guard)
	return true
}

// override is for the run's history: by whose word a guard let it begin.
func (t *todo) override(kind, text string) {
	t.overrides = slices.DeleteFunc(t.overrides, func(n campaign.Note) bool { return n.Kind == kind }) // that was looked at before
	t.overrides = append(t.overrides, campaign.Note{Kind: kind, By: person(), Text: text})
}

// change is how the recipients differ from those of the previous occurrence.
type change struct {
	before      campaign.Run
	had         int64 // recipients then
	fresh, gone int64
	most        float64
}

func (c *change) String() string {
	return fmt.Sprintf("%d new and %d gone against the %s of the previous occurrence (run %s), more than the %s of max_change",
		c.fresh, c.gone, count(c.had, "recipient"), c.before.ID, percent(c.most))
}

func percent(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.4f", share*100), "0"), ".") + "%"
}

// changeOf compares the recipients with those of the previous occurrence: exactly,
// by what identifies them for the upstream. Nil: no more than max_change are others,
// or there is nothing to compare.
func (s *sender) changeOf(ctx context.Context, t *todo) (_ *change, err error) {
	most := t.campaign.Recipients.Audience.MaxChange
	if most == nil {
		return nil, nil
	}
	before, ok, err := previous(ctx, s.ledger, t.run)
	if err != nil || !ok {
		return nil, err
	}
	keys := recipients.NewKeyed(recipients.Options{})
	defer func() { err = errors.Join(err, keys.Close()) }()
	const then, now = 1, 2
	had := keysOf(before.Columns, t.target.Layout().Identity)
	for block, err := range s.ledger.Results(ctx, before.ID) {
		if err != nil {
			return nil, stateError(err)
		}
		if err := addAudience(keys, &block.Block, had, then); err != nil {
			return nil, err
		}
	}
	have := keysOf(t.run.Columns, t.target.Layout().Identity)
	for block, err := range t.plan.Blocks(ctx) {
		if err != nil {
			return nil, fail(exitProblems, "%s: %w", t.campaign.File, err)
		}
		if err := addAudience(keys, &block, have, now); err != nil {
			return nil, err
		}
	}
	c := &change{before: before, most: *most}
	seen := uint64(0)
	count := func() {
		switch seen {
		case then:
			c.gone++
			c.had++
		case now:
			c.fresh++
		case then | now:
			c.had++
		}
		seen = 0
	}
	err = keys.Each(ctx, func(first bool, tag uint64) error {
		if first {
			count()
		}
		seen |= tag
		return nil
	})
	count()
	if err != nil || float64(c.fresh+c.gone) <= *most*float64(c.had) {
		return nil, err
	}
	return c, nil
}

// addAudience adds who a block is for: those that it reaches, and those that only a
// cap leaves out, who belong to the audience all the same.
func addAudience(keys *recipients.Keyed, b *campaign.Block, key func(campaign.Recipient) []byte, tag uint64) error {
	for _, d := range b.Deliveries {
		for _, r := range d.Recipients {
			if err := keys.Add(key(r), tag); err != nil {
				return err
			}
		}
	}
	for _, skip := range b.Skips {
		if !strings.HasPrefix(skip.Reason, plan.SkipCapped+":") {
			continue
		}
		if err := keys.Add(key(skip.Recipient), tag); err != nil {
			return err
		}
	}
	return nil
}

// keysOf makes the key of a recipient out of the named columns, as far as there are
// such; without any out of its id.
func keysOf(columns, names []string) func(campaign.Recipient) []byte {
	var at []int
	for _, name := range names {
		if i := slices.Index(columns, name); i >= 0 {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		at = []int{0}
	}
	var key []byte
	return func(r campaign.Recipient) []byte {
		key = key[:0]
		for _, i := range at {
			if i < len(r.Cells) {
				key = binary.AppendUvarint(key, uint64(len(r.Cells[i])))
				key = append(key, r.Cells[i]...)
			}
		}
		return key
	}
}

// previous finds the campaign's newest other run that reached somebody, or may have:
// a run that was cancelled before anything was sent is no occurrence to compare with.
func previous(ctx context.Context, led ledger.Reader, run campaign.Run) (campaign.Run, bool, error) {
	for found, err := range led.Runs(ctx, ledger.Filter{Profile: run.Profile, Campaign: run.Campaign}) {
		if err != nil {
			return found, false, stateError(err)
		}
		if found.ID == run.ID || found.State == campaign.Planning {
			continue
		}
		notes, err := led.Notes(ctx, found.ID)
		if err != nil {
			return found, false, stateError(err)
		}
		if slices.ContainsFunc(notes, func(n campaign.Note) bool { return n.Kind == campaign.NoteFollows }) {
			continue // for some of an earlier run only
		}
		reached, err := reachedAny(ctx, led, found.ID)
		if err != nil || reached {
			return found, reached, err
		}
	}
	return campaign.Run{}, false, nil
}

func reachedAny(ctx context.Context, led ledger.Reader, run string) (bool, error) {
	for block, err := range led.Results(ctx, run) {
		if err != nil {
			return false, stateError(err)
		}
		for _, r := range block.Results {
			if o := r.Verdict.Outcome; o == campaign.Accepted || o == campaign.Unknown {
				return true, nil
			}
		}
	}
	return false, nil
}

// sameContent reports whether a campaign says what its previous occurrence said, as
// written: texts before they are rendered, content files and vars. ok is false when
// there is no previous occurrence.
func (p *project) sameContent(ctx context.Context, led ledger.Reader, c *campaign.Campaign, run campaign.Run) (same, ok bool, err error) {
	before, ok, err := previous(ctx, led, run)
	if err != nil || !ok {
		return false, false, err
	}
	_, j, err := p.thaw(ctx, led, before, "")
	if err != nil {
		return false, false, err
	}
	now, err := plan.ContentDigest(c)
	if err != nil {
		return false, false, err
	}
	then, err := plan.ContentDigest(j.campaign)
	return now == then, true, err
}

// noteOverrides records, once a run is there, by whose word a guard let it begin.
func (s *sender) noteOverrides(ctx context.Context, t *todo) error {
	if len(t.overrides) == 0 {
		return nil
	}
	hold, err := s.ledger.Claim(ctx, t.run.ID, owner(), holdLease)
	if errors.Is(err, ledger.ErrHeld) {
		return nil // who began at the same moment had to give a word of its own
	}
	if err != nil {
		return err
	}
	for _, note := range t.overrides {
		note.At = time.Now()
		err = errors.Join(err, s.ledger.Note(ctx, hold, note))
	}
	t.overrides = nil
	return errors.Join(err, s.ledger.Release(context.WithoutCancel(ctx), hold))
}
