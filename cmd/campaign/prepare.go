package main

import (
	"context"
	"fmt"
	"slices"

	"campaign/internal/campaign"
	"campaign/internal/plan"
	"campaign/internal/spec"
	"campaign/internal/targets"
)

// prepare validates everything that was named and plans it as a whole; with one
// invalid file nothing is sent.
func (s *sender) prepare(ctx context.Context, files []string, o occasion) ([]*todo, error) {
	jobs, found := s.compileAll(files, o)
	if campaign.HasErrors(found) {
		return nil, s.invalid(found)
	}
	var out []*todo
	for _, j := range jobs {
		t := &todo{job: j}
		rows, err := t.planAll(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, rows...)
		out = append(out, t)
	}
	if campaign.HasErrors(found) {
		return nil, s.invalid(found)
	}
	s.show(s.stderr, s.heard(files, found))
	return out, nil
}

// planAll plans the campaign as a whole and gives the problems of its rows.
func (t *todo) planAll(ctx context.Context) ([]campaign.Diagnostic, error) {
	var rows []campaign.Diagnostic
	var err error
	t.said = contents{}
	if t.summary, rows, err = t.look(ctx, t.said.add); err != nil {
		return nil, fail(exitProblems, "%w", err)
	}
	if campaign.HasErrors(rows) {
		return rows, nil
	}
	if t.digest, err = t.job.plan.Digest(ctx); err != nil {
		return nil, fail(exitProblems, "%s: %w", t.campaign.File, err)
	}
	return rows, nil
}

// guardRules are the rules whose problems are guards that stop a run; other
// problems are mistakes to be corrected.
var guardRules = []string{plan.RuleMaxRecipients, plan.RuleExpectedRows, plan.RuleMustInclude, plan.RuleMustExclude}

// invalid refuses to send: stopped by a guard when nothing but guards complain.
func (s *sender) invalid(found []campaign.Diagnostic) error {
	s.show(s.stderr, campaign.SortDiagnostics(found))
	code := exitGuard
	for _, d := range found {
		if !d.Warning && !slices.Contains(guardRules, d.Rule) {
			code = exitProblems
		}
	}
	if s.crew != nil { // it is read where the problems are not
		return fail(code, "nothing was sent: %s", firstProblem(found))
	}
	return fail(code, "nothing was sent: correct the problems above first")
}

// firstProblem is the first error, and how many more there are.
func firstProblem(found []campaign.Diagnostic) string {
	text, more := "", -1
	for _, d := range found {
		if d.Warning {
			continue
		}
		if more++; more == 0 {
			text = d.Error()
		}
	}
	if more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// refresh asks the upstream for its groups when a campaign goes to groups by
// match: what it finds now must be what was locked and reviewed, unless the
// campaign accepts changes. A run that began with accepted changes goes on with
// the groups it has. The sandbox has those of the lock files and nothing to say.
func (s *sender) refresh(ctx context.Context, t *todo, o occasion) error {
	wanted := t.campaign.Recipients.Groups
	if wanted == nil || wanted.Match == nil || s.standIn != nil || t.known && wanted.Match.AcceptChanges {
		return nil
	}
	groups, err := s.askGroups(ctx, t.declared, t.account, t.account.(targets.Grouper))
	if err != nil {
		return err
	}
	now := plan.MatchGroups(*wanted.Match, groups)
	if slices.Equal(ids(now), ids(t.groups)) {
		return nil
	}
	if !wanted.Match.AcceptChanges {
		return fail(exitGuard, "%s: the groups that match have changed since %s was written: locked %v, now %v; look at them, then `campaign groups --target %s --lock`",
			t.campaign.File, spec.GroupsFile(t.declared.Name), ids(t.groups), ids(now), t.declared.Name)
	}
	o.groups = groups
	fresh, found := s.compile(t.campaign.File, o)
	if campaign.HasErrors(found) {
		return s.invalid(found)
	}
	t.job = fresh
	rows, err := t.planAll(ctx)
	if err != nil {
		return err
	}
	if campaign.HasErrors(rows) {
		return s.invalid(rows)
	}
	t.run = s.newRun(t)
	return s.asPlanned(ctx, []*todo{t})
}

func ids(groups []campaign.Group) []int64 {
	out := make([]int64, len(groups))
	for i, g := range groups {
		out[i] = g.ID
	}
	slices.Sort(out)
	return out
}
