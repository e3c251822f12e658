package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/plan"
	"campaign/internal/report"
)

// followUp are the flags of a run for some recipients of an earlier run.
type followUp struct {
	of   string   // the earlier run
	only []string // whom of it
}

// asked reports whether a follow-up is wanted.
func (f *followUp) asked() bool { return f.of != "" || f.only != nil }

func (f *followUp) check(to []string) error {
	switch {
	case !f.asked():
		return nil
	case f.of == "":
		return fail(exitUsage, "--only says whom of an earlier run: name that run with --of RUN")
	case to != nil:
		return fail(exitUsage, "--to and --only exclude each other: both say for whom the run is")
	}
	if _, err := report.Select(f.only); err != nil {
		return fail(exitUsage, "--only: %w", err)
	}
	return nil
}

// noteText is what the two runs' histories say of each other.
func (f *followUp) noteText(other string, chosen report.Selection) string {
	return other + ": " + chosen.String()
}

// follow makes the occasion one for the chosen recipients of the earlier run. Its
// label says of whom, so that the same follow-up is one run, however often the
// command is given. None of them is left: the occasion is for nobody, and that is
// said.
func (s *sender) follow(ctx context.Context, o occasion, files []string) (occasion, error) {
	f := &s.flags.followUp
	if len(files) != 1 {
		return o, fail(exitUsage, "a follow-up is of one campaign: name one file, not %d", len(files))
	}
	led, err := sqlite.OpenReadOnly(ctx, s.stateOptions())
	if err != nil {
		return o, stateError(err)
	}
	defer led.Close()
	run, err := led.Run(ctx, f.of)
	if err != nil {
		return o, stateError(err)
	}
	f.of = run.ID
	chosen, err := report.Select(f.only)
	if err != nil {
		return o, fail(exitUsage, "--only: %w", err)
	}
	f.only = chosen
	ids, err := s.chosenOf(ctx, led, run, chosen)
	if err != nil {
		return o, err
	}
	if ids.Len() == 0 {
		return o, fail(exitUsage, "nothing was sent: nobody of run %s is %s", run.ID, chosen)
	}
	keepAlso(ids.Size())
	o.chosen = ids
	if s.flags.occurrence == "" {
		o.occurrence.Label = "follow-up-" + run.ID + "-" + strings.Join(chosen, "-")
	}
	fmt.Fprintf(s.stderr, "%sa follow-up of run %s (%s): %s, %s\n", s.tag(), run.ID, run.Campaign, count(ids.Len(), "recipient"), chosen)
	if slices.Contains(chosen, "unknown") {
		fmt.Fprintf(s.stderr, "%sthose that are unknown may have got the first message: they may get a second one now\n", s.tag())
	}
	return o, nil
}

// chosenOf gives the ids of the chosen recipients, sealed. The earlier run must owe
// nobody anything any more: what it would still send, the follow-up would send twice.
func (s *sender) chosenOf(ctx context.Context, led *sqlite.Reader, run campaign.Run, chosen report.Selection) (*plan.Chosen, error) {
	switch holder, err := led.Held(ctx, run.ID); {
	case err != nil:
		return nil, stateError(err)
	case holder != "":
		return nil, fail(exitHeld, "run %s is going on (%s): follow it up when it has ended", run.ID, holder)
	case run.Profile != s.profile.Name:
		return nil, fail(exitGuard, "run %s is of profile %s and this one of %s: a follow-up stays in the profile", run.ID, run.Profile, s.profile.Name)
	}
	facts, err := s.facts(ctx, led, run)
	switch {
	case err != nil:
		return nil, err
	case purgedFrom(facts.Notes) != "" && !facts.Groups:
		return nil, fail(exitGuard, "run %s was purged: to whom it went is not known any more", run.ID)
	}
	facts.Exchanges = nil // of no use here
	defer boundMemory(memoryOfPlan + memoryOfChosen*(run.Totals.Recipients-run.Totals.Skipped)).free()
	ids := &plan.Chosen{}
	r, err := report.List(run, facts, led.Results(ctx, run.ID), chosen, func(who campaign.Recipient) error {
		ids.Add(who.ID())
		return nil
	})
	ids.Seal()
	var twice error
	if err == nil {
		tally := ids.Tally()
		_, err = report.List(run, facts, led.Results(ctx, run.ID), everybody, func(who campaign.Recipient) error {
			if tally.Take(who.ID()) {
				twice = fail(exitGuard, "row %d of run %s: its id stands in several rows, so that a follow-up by id could reach others: take `campaign report %s --format recipients --outcome %s` and name that file in a campaign of its own",
					who.Row, run.ID, run.ID, chosen)
			}
			return twice
		})
	}
	switch {
	case twice != nil:
		return nil, twice
	case err != nil:
		return nil, reportError(err)
	case run.State == campaign.Open && !r.Complete():
		return nil, fail(exitGuard, "run %s still owes messages: `campaign resume %s` sends them, or `campaign cancel %s --reason TEXT` ends it; then follow it up", run.ID, run.ID, run.ID)
	case run.State == campaign.Open && facts.Resend && r.HasUnknown() && slices.Contains(chosen, "unknown"):
		return nil, fail(exitGuard, "run %s may send what is unknown once more by itself (unknown: resend): `campaign cancel %s --reason TEXT` ends it; then follow it up", run.ID, run.ID)
	}
	return ids, nil
}

// sameKind refuses a follow-up by people's ids of a run whose ids are those of groups,
// and the other way round.
func (s *sender) sameKind(ctx context.Context, jobs []*todo) error {
	if !s.flags.followUp.asked() {
		return nil
	}
	earlier, err := s.ledger.Run(ctx, s.flags.of)
	if err != nil {
		return stateError(err)
	}
	for _, t := range jobs {
		if now := t.campaign.Channel.Type; toGroups(now) != toGroups(earlier.Channel) {
			return fail(exitGuard, "run %s went out as %s and %s goes out as %s: one names user groups and the other people, so that its ids mean others there", earlier.ID, earlier.Channel, t.campaign.File, now)
		}
	}
	return nil
}

// everybody was to be sent to.
var everybody = report.Selection{"accepted", "rejected", "unknown", "deferred", "pending", "cancelled", "expired"}

// linkFollowUp records in the histories of both runs that one follows the other up,
// once, and makes the report of the earlier one again.
func (s *sender) linkFollowUp(ctx context.Context, run campaign.Run) error {
	f := &s.flags.followUp
	if !f.asked() {
		return nil
	}
	chosen := report.Selection(f.only)
	earlier, err := s.ledger.Run(ctx, f.of)
	if err != nil {
		return stateError(err)
	}
	// The new run first: another process may hold the earlier one.
	if err := s.noteOnce(ctx, run, campaign.NoteFollows, f.noteText(earlier.ID, chosen)); err != nil {
		return err
	}
	if err := s.noteOnce(ctx, earlier, campaign.NoteFollowed, f.noteText(run.ID, chosen)); err != nil {
		return err
	}
	defer boundMemory(memoryOfPlan).free()
	facts, err := s.facts(ctx, s.ledger, earlier)
	if err != nil {
		return err
	}
	_, err = report.Write(filepath.Join(s.data, "reports"), earlier, facts, s.ledger.Results(ctx, earlier.ID))
	return reportError(err)
}

// noteOnce adds a note to a run's history unless it is there.
func (s *sender) noteOnce(ctx context.Context, run campaign.Run, kind, text string) error {
	notes, err := s.ledger.Notes(ctx, run.ID)
	if err != nil {
		return stateError(err)
	}
	if slices.ContainsFunc(notes, func(n campaign.Note) bool { return n.Kind == kind && n.Text == text }) {
		return nil
	}
	hold, err := s.ledger.Claim(ctx, run.ID, owner(), holdLease)
	if errors.Is(err, ledger.ErrHeld) {
		return fail(exitHeld, "another process works on run %s: follow it up when it has ended", run.ID)
	}
	if err != nil {
		return stateError(err)
	}
	err = s.ledger.Note(ctx, hold, campaign.Note{At: time.Now(), Kind: kind, By: owner(), Text: text})
	return stateError(errors.Join(err, s.ledger.Release(context.WithoutCancel(ctx), hold)))
}

// followedUp is a run that followed another one up for those with an outcome; empty: there
// is none.
func (s *sender) followedUp(ctx context.Context, run campaign.Run, o campaign.Outcome) (string, error) {
	notes, err := s.ledger.Notes(ctx, run.ID)
	if err != nil {
		return "", stateError(err)
	}
	for _, n := range notes {
		by, which, _ := strings.Cut(n.Text, ": ")
		if n.Kind == campaign.NoteFollowed && slices.Contains(strings.Split(which, ","), o.String()) {
			return by, nil
		}
	}
	return "", nil
}

// relatedRuns are the runs that a run's history names.
func relatedRuns(ctx context.Context, led ledger.Reader, notes []campaign.Note) ([]report.Related, error) {
	var all []report.Related
	for _, n := range notes {
		if n.Kind != campaign.NoteFollows && n.Kind != campaign.NoteFollowed {
			continue
		}
		id, which, _ := strings.Cut(n.Text, ": ")
		r := report.Related{Run: id, Follows: n.Kind == campaign.NoteFollows, Which: which}
		switch run, err := led.Run(ctx, id); {
		case err == nil:
			r.Campaign = run.Campaign
		case !errors.Is(err, ledger.ErrNotFound):
			return nil, stateError(err)
		}
		all = append(all, r)
	}
	return all, nil
}
