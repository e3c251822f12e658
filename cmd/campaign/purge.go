package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/report"
)

func newPurge(a *app) *cobra.Command {
	var older string
	var yes bool
	cmd := &cobra.Command{
		Use:   "purge --older-than AGE",
		Short: "Delete people's data of old runs and keep the counts",
		Long: `purge deletes from the ledger and the reports of old runs what tells of people: ids and other cells of recipients, raw answers, what the
upstream said, its ids of messages, and the frozen files. Counts, outcomes, times and digests stay, so that reports still add up, and that
a run was made: nobody gets a message again. A run is as old as the last thing that happened in it.

Never of a run that is not complete, and never of one with unknown outcomes: whoever is to settle those needs to know of whom they are.
Without --yes it only says what it would do. What was copied elsewhere (exports of the ledger, evidence, lists) it does not know.`,
		Example: `  campaign purge --older-than 180d
  campaign purge --older-than 180d --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			age, err := parseAge(older)
			if err != nil {
				return fail(exitUsage, "--older-than %s: %w", older, err)
			}
			return a.purge(cmd.Context(), time.Now().Add(-age), "older than "+older, yes)
		},
	}
	cmd.Flags().StringVar(&older, "older-than", "", "the age of runs, for example 180d")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}

// parseAge reads a number of days, "180d", or a duration of Go, "36h".
func parseAge(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 32)
		if err == nil && n > 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if age, err := time.ParseDuration(text); err == nil && age > 0 {
		return age, nil
	}
	return 0, errors.New("give an age such as 180d or 36h")
}

func (a *app) purge(ctx context.Context, before time.Time, why string, yes bool) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	led, err := p.openLedger(ctx)
	if err != nil {
		return err
	}
	defer led.Close()
	var runs []campaign.Run
	for run, err := range led.Runs(ctx, ledger.Filter{Trials: true, Until: before}) {
		if err != nil {
			return stateError(err)
		}
		runs = append(runs, run)
	}
	done := 0
	for _, run := range runs {
		purged, err := a.purgeRun(ctx, p, led, run, before, why, yes)
		if err != nil {
			return err
		}
		if purged {
			done++
		}
	}
	switch {
	case done == 0:
		fmt.Fprintln(a.stderr, "there is no run to purge")
	case !yes:
		fmt.Fprintf(a.stderr, "nothing was deleted: %s would be purged; --yes does it\n", count(done, "run"))
	case done > 0:
		if err := report.WriteIndex(filepath.Join(p.data, "reports"), language(), time.Now().In(p.decl.Location)); err != nil {
			return fail(exitState, "%w", err)
		}
	}
	return nil
}

// purgeRun deletes people's data of one run, or says why not.
func (a *app) purgeRun(ctx context.Context, p *project, led *sqlite.Ledger, run campaign.Run, before time.Time, why string, yes bool) (bool, error) {
	name := fmt.Sprintf("%s %s (run %s)", run.Campaign, run.Occurrence.Label, run.ID)
	notes, err := led.Notes(ctx, run.ID)
	if err != nil {
		return false, stateError(err)
	}
	if purged := purgedFrom(notes); purged != "" {
		return false, purgeReport(ctx, p, led, run, purged)
	}
	if lastActive(run, notes).After(before) {
		return false, nil
	}
	if run.State == campaign.Planning {
		speak(a.stdout, "%s stays: it was never planned as a whole\n", name)
		return false, nil
	}
	if holder, err := led.Held(ctx, run.ID); err != nil || holder != "" {
		speak(a.stdout, "%s stays: %s works on it\n", name, holder)
		return false, stateError(err)
	}
	r, err := p.fold(ctx, led, run)
	switch {
	case err != nil:
		return false, err
	case !r.Complete():
		speak(a.stdout, "%s stays: it is not complete\n", name)
		return false, nil
	case r.HasUnknown():
		speak(a.stdout, "%s stays: %s unknown; `campaign resolve %s` settles them\n", name, count(r.Requests.Unknown, "request"), run.ID)
		return false, nil
	case !yes:
		speak(a.stdout, "%s: would be purged, %s\n", name, count(r.Recipients.Planned, "recipient"))
		return true, nil
	}
	hold, err := led.Claim(ctx, run.ID, owner(), holdLease)
	if err != nil {
		return false, stateError(err)
	}
	err = led.Purge(ctx, hold, toGroups(run.Channel), campaign.Note{At: time.Now(), Kind: campaign.NotePurged, By: owner(), Text: r.Records + ": " + why})
	if err = errors.Join(err, led.Release(context.WithoutCancel(ctx), hold)); err != nil {
		return false, stateError(err)
	}
	if err := writePurged(ctx, p, led, run); err != nil {
		return false, err
	}
	speak(a.stdout, "%s: purged, %s\n", name, count(r.Recipients.Planned, "recipient"))
	return true, nil
}

// writePurged makes the report of a purged run again, so that it tells of nobody.
func writePurged(ctx context.Context, p *project, led *sqlite.Ledger, run campaign.Run) error {
	facts, err := p.facts(ctx, led, run)
	if err != nil {
		return err
	}
	_, err = report.Write(filepath.Join(p.data, "reports"), run, facts, led.Results(ctx, run.ID))
	return reportError(err)
}

// purgeReport makes up for the report of a run whose purge ended before that was
// written: it still is of the records before.
func purgeReport(ctx context.Context, p *project, led *sqlite.Ledger, run campaign.Run, before string) error {
	f, err := os.Open(filepath.Join(report.Dir(filepath.Join(p.data, "reports"), run), "report.json"))
	if err != nil {
		return nil // there is none that could tell of anybody
	}
	defer f.Close()
	if stamp, err := report.ReadStamp(f); err == nil && stamp.Records != before {
		return nil
	}
	return writePurged(ctx, p, led, run)
}

// lastActive is when the last thing happened in a run.
func lastActive(run campaign.Run, notes []campaign.Note) time.Time {
	last := run.Began
	for _, n := range notes {
		if n.At.After(last) {
			last = n.At
		}
	}
	return last
}

// purgedFrom is the digest of a run's records before people's data were deleted;
// empty: they were not.
func purgedFrom(notes []campaign.Note) string {
	for _, n := range notes {
		if n.Kind == campaign.NotePurged {
			digest, _, _ := strings.Cut(n.Text, ": ")
			return digest
		}
	}
	return ""
}
