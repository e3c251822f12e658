package main

import (
	"context"
	"fmt"
	"path"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/contract"
	"campaign/internal/plan"
	"campaign/internal/spec"
)

// The rules of approvals.
const (
	ruleApprovalUnused = "approval-unused"
	ruleApprovalStale  = "approval-stale"
)

// approvalProblems checks the approvals of the campaigns that were named, by their
// files; of the whole project, when that was. It gives the files that it read.
func (p *project) approvalProblems(ctx context.Context, whole bool, campaigns map[string]string, invalid bool) (files []string, found []campaign.Diagnostic, err error) {
	for _, file := range spec.ApprovalsFiles(p.files) {
		name := strings.TrimSuffix(path.Base(file), path.Ext(file))
		of, known := campaigns[name]
		if !known && !whole {
			continue
		}
		files = append(files, file)
		all, doc, problems := spec.LoadApprovals(p.files, file)
		found = append(found, problems...)
		if !known && !invalid && !campaign.HasErrors(problems) { // else it may be one of the files with errors
			found = append(found, doc.Diagnostic(campaign.Problem{Pointer: "/campaign", Rule: ruleApprovalUnused, Warning: true,
				Message: fmt.Sprintf("there is no campaign %s in the project", name), Hint: "remove the file, unless the campaign comes back"}))
		}
		stale, err := p.staleApprovals(ctx, of, all)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, doc.Diagnostics(stale)...)
	}
	return files, found, nil
}

// staleApprovals are the problems of a campaign's approvals. That one does not hold any
// more is none while another one for the same profile does: that of an earlier label was
// for what went out then.
func (p *project) staleApprovals(ctx context.Context, of string, all []campaign.Approval) (found []campaign.Problem, err error) {
	type kind struct {
		profile   string
		scheduled bool
	}
	under, current := map[string]*approvable{}, map[kind]bool{}
	problems := make([]*campaign.Problem, len(all))
	for i := range all {
		if problems[i], err = p.approvalProblem(ctx, of, &all[i], under); err != nil {
			return nil, err
		}
		if problems[i] == nil {
			current[kind{all[i].Profile, all[i].Schedule != ""}] = true
		}
	}
	for i, problem := range problems {
		if problem == nil || problem.Rule == ruleApprovalStale && current[kind{all[i].Profile, all[i].Schedule != ""}] {
			continue
		}
		problem.Pointer, problem.Warning = fmt.Sprintf("/approvals/%d/%s", i, problem.Pointer), true
		found = append(found, *problem)
	}
	return found, nil
}

// approvable is what a campaign comes to under a profile: the same for all of its
// occurrences, as far as approvals are held against it.
type approvable struct {
	p       *project
	job     *job // nil: it has errors, which are said where they stand
	wanted  contract.Wanted
	counted bool
}

// approvalProblem says why an approval lets nothing be sent; nil: it does, or nothing
// is known of it. of is the campaign's file; empty: it is not there, has errors, or its
// name is used twice.
func (p *project) approvalProblem(ctx context.Context, of string, a *campaign.Approval, under map[string]*approvable) (*campaign.Problem, error) {
	profile, known := p.decl.Profiles[a.Profile]
	switch {
	case !known:
		return &campaign.Problem{Pointer: "profile", Rule: ruleApprovalUnused, Message: fmt.Sprintf("there is no profile %s any more", a.Profile),
			Hint: "remove the approval, or correct its profile"}, nil
	case of == "" || !profile.Require.Approval:
		return nil, nil
	}
	if under[a.Profile] == nil {
		w, err := p.approvableUnder(ctx, profile, of)
		if err != nil {
			return nil, err
		}
		under[a.Profile] = w
	}
	w := under[a.Profile]
	if w.job == nil {
		return nil, nil
	}
	refused := w.judge(a)
	if refused == nil {
		return nil, nil
	}
	if refused.Key == "audience" { // their number is said
		if err := w.count(ctx); err != nil {
			return nil, err
		}
		if w.job == nil {
			return nil, nil
		}
		refused = w.judge(a)
	}
	return &campaign.Problem{Pointer: refused.Key, Rule: ruleApprovalStale, Message: refused.Why,
		Hint: fmt.Sprintf("nothing is sent under the profile %s until somebody approves it as it is: `campaign plan --out`, `campaign approve`", a.Profile)}, nil
}

func (p *project) approvableUnder(ctx context.Context, profile campaign.Profile, file string) (*approvable, error) {
	under := *p
	under.profile, under.base = profile, profile.Name
	j, found := under.compile(file, (&runFlags{}).occasion())
	if j == nil || campaign.HasErrors(found) {
		return &approvable{}, nil
	}
	w, err := under.wanted(ctx, j, plan.Summary{}, "")
	if err != nil { // a list that cannot be read, likewise
		return &approvable{}, ctx.Err()
	}
	return &approvable{p: &under, job: j, wanted: w}, nil
}

// judge holds the campaign against one approval. Content and recipients make the
// digest of the plan. By how much they have changed since the occurrence before only
// the ledger knows.
func (w *approvable) judge(a *campaign.Approval) *contract.Refusal {
	now := w.wanted
	now.Digest, now.Before = a.Plan, a.At.AddDate(0, 0, 1)
	if a.Occurrence != "" && a.Occurrence != campaign.Once {
		now.Occurrence, now.Scope = a.Occurrence, contract.Whole
	}
	_, refused := contract.Judge(&now, []campaign.Approval{*a})
	return refused
}

// count plans the campaign as a whole.
func (w *approvable) count(ctx context.Context) error {
	if w.counted {
		return nil
	}
	w.counted = true
	s, rows, err := w.job.check(ctx)
	if err == nil && !campaign.HasErrors(rows) {
		w.wanted, err = w.p.wanted(ctx, w.job, s, "")
	}
	if err != nil || campaign.HasErrors(rows) {
		w.job = nil // likewise
	}
	return ctx.Err()
}
