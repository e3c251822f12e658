package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/plan"
	"campaign/internal/report"
)

// standing finds out what the ledger knows of a campaign's run, and whether there
// is something to do (design: delivery, rule 2).
func (s *sender) standing(ctx context.Context, t *todo) (open bool, code int, err error) {
	o := t.spec.Occurrence
	id := campaign.RunID(s.profile.Name, t.campaign.Name, o.Label)
	t.run = campaign.Run{
		ID: id, Project: s.decl.ID, Profile: s.profile.Name, Campaign: t.campaign.Name, Occurrence: o, Trial: s.flags.to != nil,
		File: t.campaign.File, Target: t.declared.Name, Channel: t.campaign.Channel.Type, Began: o.Time,
		Planner: plan.Version, PlanDigest: t.digest, Columns: t.plan.Columns(),
	}
	found, err := s.ledger.Run(ctx, id)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return true, exitDone, nil
	case err != nil:
		return false, 0, stateError(err)
	case found.ID != id: // a prefix of another's
		return true, exitDone, nil
	case found.State == campaign.Planning:
		return true, exitDone, nil
	}
	t.run, t.known = found, true
	if t.counts, err = s.fold(ctx, s.ledger, found); err != nil {
		return false, 0, err
	}
	changed := found.PlanDigest != t.digest
	name := fmt.Sprintf("%s%s (run %s)", s.tag(), t.campaign.Name, id)
	switch {
	case found.State == campaign.Cancelled:
		fmt.Fprintf(s.stdout, "%s was cancelled: nothing is sent. A new name or --occurrence sends again.\n", name)
		return false, s.outcome(t.counts), nil
	case t.counts.Complete() && !changed:
		fmt.Fprintf(s.stdout, "%s is done since %s: nothing to do. %s\n", name, found.Began.Format("2006-01-02 15:04"), report.Verdict(t.counts))
		return false, s.outcome(t.counts), nil
	case t.counts.Complete():
		fmt.Fprintf(s.stderr, "%s is done, but its files have changed since: what they say now was not sent. A new name or --occurrence sends again.\n", name)
		if t.named {
			return false, exitGuard, nil
		}
		return false, s.outcome(t.counts), nil
	case changed:
		fmt.Fprintf(s.stderr, "%s was interrupted and its files have changed since it began: it is left alone. Choose:\n"+
			"  campaign resume %s                 sends the rest as it was planned\n"+
			"  campaign cancel %s --reason TEXT   skips the rest; a new name or --occurrence then sends the new text\n", name, id, id)
		return false, exitGuard, nil
	}
	return true, exitDone, nil
}

// outcome is the exit code that a run's numbers stand for.
func (s *sender) outcome(r report.Report) int { return codeOf(r) }

func codeOf(r report.Report) int {
	switch {
	case r.HasUnknown():
		return exitUnknown
	case !r.Complete():
		return exitUnfinished
	case r.HasRejected():
		return exitProblems
	}
	return exitDone
}

// confirm lets a person see the number before anything leaves.
func (s *sender) confirm(work []*todo) error {
	if len(work) == 0 {
		return nil
	}
	var total int64
	for _, t := range work {
		fmt.Fprintln(s.stderr, s.tag()+announce(t))
		total += t.waiting()
	}
	if s.flags.limit > 0 && s.flags.limit < total {
		fmt.Fprintf(s.stderr, "%sat most %d recipients are begun now (--limit)\n", s.tag(), s.flags.limit)
		total = s.flags.limit
	}
	if s.flags.yes {
		return nil
	}
	if !terminal(s.stdin) {
		return fail(exitUsage, "nothing was sent: this is no terminal, so --yes is needed to send to %d recipients", total)
	}
	fmt.Fprintf(s.stderr, "Type the number of recipients to send: ")
	answer, err := bufio.NewReader(s.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fail(exitUsage, "nothing was sent: %w", err)
	}
	if n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(answer), ",", ""), 10, 64); err != nil || n != total {
		return fail(exitUsage, "nothing was sent: %q is not %d", strings.TrimSpace(answer), total)
	}
	return nil
}

// waiting is the number of recipients that a run still wants to reach.
func (t *todo) waiting() int64 {
	if t.known {
		return t.counts.Recipients.Pending + t.counts.Recipients.Deferred
	}
	return t.summary.Totals.Recipients - t.summary.Totals.Skipped
}

// announce says what a campaign is about to do.
func announce(t *todo) string {
	what := "recipients"
	if t.target.Layout().Groups {
		what = "user groups"
	}
	verb := "sends to"
	if t.known {
		verb = "goes on with"
	}
	text := fmt.Sprintf("%s %s %d %s in %d requests through %s at %s", t.campaign.Name, verb, t.waiting(), what,
		t.requests(), t.declared.Name, t.account.BaseURL())
	if n := t.summary.Totals.Skipped; n > 0 {
		text += fmt.Sprintf("; %d left out (%s)", n, leftOut(t.summary))
	}
	return text
}

func (t *todo) requests() int64 {
	if t.known {
		return t.counts.Requests.Pending + t.counts.Requests.Deferred
	}
	return t.summary.Totals.Requests
}

// leftOut names the reasons why rows are left out, with their numbers.
func leftOut(s plan.Summary) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(s.Skipped)) {
		parts = append(parts, fmt.Sprintf("%s: %d", reason, s.Skipped[reason]))
	}
	return strings.Join(parts, ", ")
}
