package main

import (
	"context"
	"fmt"
	"path"
	"slices"
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

// approvalProblems checks the approvals of the campaigns that were named; of the whole
// project, when that was. It gives the files that it read.
func (p *project) approvalProblems(ctx context.Context, args []string, jobs []*job, invalid bool) (files []string, found []campaign.Diagnostic, err error) {
	whole := len(args) == 0 || slices.ContainsFunc(args, func(arg string) bool { at, err := p.rel(arg); return err == nil && at == "." })
	byName := map[string]*job{}
	for _, j := range jobs {
		name := j.campaign.Name
		if _, twice := byName[name]; twice {
			j = nil // whose approvals they are is not known
		}
		byName[name] = j
	}
	for _, file := range spec.ApprovalsFiles(p.files) {
		name := strings.TrimSuffix(path.Base(file), path.Ext(file))
		j := byName[name]
		if j == nil && !whole {
			continue
		}
		files = append(files, file)
		all, doc, problems := spec.LoadApprovals(p.files, file)
		found = append(found, problems...)
		if j == nil && !invalid && !campaign.HasErrors(problems) { // else it may be one of the files with errors
			found = append(found, doc.Diagnostic(campaign.Problem{Pointer: "/campaign", Rule: ruleApprovalUnused, Warning: true,
				Message: fmt.Sprintf("there is no campaign %s in the project", name), Hint: "remove the file, unless the campaign comes back"}))
		}
		for i := range all {
			problem, err := p.approvalProblem(ctx, j, &all[i])
			if err != nil {
				return nil, nil, err
			}
			if problem != nil {
				problem.Pointer, problem.Warning = fmt.Sprintf("/approvals/%d/%s", i, problem.Pointer), true
				found = append(found, doc.Diagnostic(*problem))
			}
		}
	}
	return files, found, nil
}

// approvalProblem says why an approval lets nothing be sent; nil: it does, or nothing
// is known of it. j is nil for a campaign that is not there or has errors.
func (p *project) approvalProblem(ctx context.Context, j *job, a *campaign.Approval) (*campaign.Problem, error) {
	profile, known := p.decl.Profiles[a.Profile]
	switch {
	case !known:
		return &campaign.Problem{Pointer: "profile", Rule: ruleApprovalUnused, Message: fmt.Sprintf("there is no profile %s any more", a.Profile),
			Hint: "remove the approval, or correct its profile"}, nil
	case j == nil || !profile.Require.Approval:
		return nil, nil
	}
	under := *p
	under.profile, under.base = profile, profile.Name
	f := runFlags{}
	if a.Occurrence != campaign.Once {
		f.occurrence = a.Occurrence
	}
	j, found := under.compile(j.campaign.File, f.occasion())
	if j == nil || campaign.HasErrors(found) { // which is said where it stands
		return nil, nil
	}
	refused, err := under.refusal(ctx, j, a)
	if refused == nil || err != nil {
		return nil, err
	}
	return &campaign.Problem{Pointer: refused.Key, Rule: ruleApprovalStale, Message: refused.Why,
		Hint: fmt.Sprintf("nothing is sent under the profile %s until somebody approves it as it is: `campaign plan --out`, `campaign approve`", a.Profile)}, nil
}

// refusal holds a job against one approval. Recipients are counted only when it depends
// on their number, or that is to be said.
func (p *project) refusal(ctx context.Context, j *job, a *campaign.Approval) (*contract.Refusal, error) {
	digest, err := j.plan.Digest(ctx)
	if err != nil {
		return nil, nil // what cannot be read is said where it is named
	}
	w, err := p.wanted(ctx, j, plan.Summary{}, digest)
	if err != nil {
		return nil, err
	}
	counts := w.Scope == contract.Recurring && w.MaxChange != nil
	if _, refused := contract.Judge(&w, []campaign.Approval{*a}); refused == nil && !counts {
		return nil, nil
	}
	s, rows, err := j.check(ctx)
	if err != nil || campaign.HasErrors(rows) {
		return nil, nil // likewise
	}
	if w, err = p.wanted(ctx, j, s, digest); err != nil {
		return nil, err
	}
	_, refused := contract.Judge(&w, []campaign.Approval{*a})
	return refused, nil
}
