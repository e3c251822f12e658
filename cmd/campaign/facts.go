package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/report"
	"campaign/internal/runner"
)

// facts are what a report of a run says beside the ledger's numbers, from the
// run's frozen inputs. A run of another version of the program has fewer.
func (p *project) facts(ctx context.Context, led ledger.Reader, run campaign.Run) (report.Facts, error) {
	frozen, j, err := p.thaw(ctx, led, run, "")
	if err != nil {
		var e *exit
		if errors.As(err, &e) && e.code == exitGuard {
			return p.bareFacts(ctx, led, run, err)
		}
		return report.Facts{}, err
	}
	return frozen.factsOf(led, run, j)
}

// bareFacts are the facts of a run that cannot be rendered again, and why.
func (p *project) bareFacts(ctx context.Context, led ledger.Reader, run campaign.Run, why error) (report.Facts, error) {
	notes, err := led.Notes(ctx, run.ID)
	if err != nil {
		return report.Facts{}, stateError(err)
	}
	f := report.Facts{
		Version: version(), Generated: time.Now(), Location: p.decl.Location, Warnings: []string{why.Error()},
		Sandbox: run.Profile == sandboxProfile, Groups: toGroups(run.Channel),
	}
	if purgedFrom(notes) != "" {
		f.Warnings = []string{"people's data of this run were deleted (campaign purge): ids and what the platform said are not known any more"}
	}
	return history(led, run, nil, f)
}

// timeout of one request is the shorter of the campaign's and the account's.
func (j *job) timeout() time.Duration {
	own, account := j.campaign.Policy.Timeout, j.declared.Timeout
	if own > 0 && account > 0 {
		return min(own, account)
	}
	return cmp.Or(own, account, campaign.DefaultTimeout)
}

// toGroups reports whether a channel's recipients are user groups.
func toGroups(channel string) bool { return strings.HasPrefix(channel, "chuanbo.") }

func (p *project) factsOf(led ledger.Reader, run campaign.Run, j *job) (report.Facts, error) {
	f := report.Facts{
		Sandbox: run.Profile == sandboxProfile,
		Version: version(), Generated: time.Now(), Location: p.decl.Location,
		System: j.declared.System, BaseURL: j.account.BaseURL().String(),
		Limits: report.Limits{
			Rate:        runner.Slower(j.campaign.Policy.Rate, j.declared.Limits.Rate),
			Concurrency: max(j.declared.Limits.Concurrency, 1),
			Timeout:     j.timeout(),
		},
		Groups:   j.target.Layout().Groups,
		Loopback: onLoopback(j.declared, j.account),
		Stages:   j.campaign.Policy.Stages,
		Resend:   j.campaign.Policy.Resend,
		Opens:    shutUntil(j.campaign.Policy, p.decl.Location, time.Now()),
	}
	if n := j.campaign.Policy.Concurrency; n > 0 {
		f.Limits.Concurrency = min(n, f.Limits.Concurrency)
	}
	for _, pointer := range []string{"/content/title", "/content/name"} { // a push is known by its name
		for _, t := range j.target.Layout().Texts {
			if t.Pointer == pointer {
				f.Title = t.Source
			}
		}
	}
	idle, err := idleLists(led, run, j)
	if err != nil {
		return f, err
	}
	for _, file := range idle {
		f.Warnings = append(f.Warnings, file+" left nobody out: is it for this campaign, and does it name people the same way?")
	}
	return history(led, run, j, f)
}

// history adds what the run's own history says, and what a page shows besides. j is
// nil when the run cannot be rendered any more.
func history(led ledger.Reader, run campaign.Run, j *job, f report.Facts) (report.Facts, error) {
	notes, err := led.Notes(context.Background(), run.ID) // also after an interruption
	if err != nil {
		return f, stateError(err)
	}
	f.Notes, f.Commit = notes, commitFrom(notes)
	if f.Related, err = relatedRuns(context.Background(), led, notes); err != nil {
		return f, err
	}
	return pageFacts(led, run, j, f)
}

// idleLists are the campaign's exclusion lists that left nobody out. An account's
// own need not, nor does any in a run for a few: a trial, or a test account.
func idleLists(led ledger.Reader, run campaign.Run, j *job) ([]string, error) {
	var files []string
	for _, e := range j.campaign.Recipients.Exclude {
		files = append(files, e.File)
	}
	if len(files) == 0 || run.Trial || j.declared.Only != nil {
		return nil, nil
	}
	// Also after an interruption: the report is written all the same.
	for block, err := range led.Results(context.Background(), run.ID) {
		if err != nil {
			return nil, stateError(err)
		}
		for _, skip := range block.Block.Skips {
			_, by, _ := strings.Cut(skip.Reason, ": ")
			files = slices.DeleteFunc(files, func(file string) bool { return file == by })
		}
		if len(files) == 0 {
			break
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// fold makes the report of a run without storing it.
func (p *project) fold(ctx context.Context, led ledger.Reader, run campaign.Run) (report.Report, error) {
	facts := report.Facts{Version: version(), Generated: time.Now(), Sandbox: run.Profile == sandboxProfile, Groups: toGroups(run.Channel)}
	r, err := report.Fold(run, facts, led.Results(ctx, run.ID))
	return r, reportError(err)
}

// reportError classifies what a report said: numbers that do not add up are a
// bug that fails the run, a file that cannot be written is a state failure.
func reportError(err error) error {
	var e *exit
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, report.ErrUnbalanced):
		return fail(exitBug, "%w: this is a bug or damage, do not trust the numbers; `campaign state check` looks at the ledger", err)
	case errors.Is(err, report.ErrPlanning):
		return fail(exitGuard, "%w", err)
	case errors.Is(err, report.ErrWrite), errors.Is(err, fs.ErrPermission):
		return fail(exitState, "%w", err)
	}
	return stateError(err)
}
