package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/contract"
	"campaign/internal/diagnostics"
	"campaign/internal/plan"
	"campaign/internal/spec"
)

// approvals are what the project's files say was approved of a campaign; none without
// its file.
func (p *project) approvals(name string) ([]campaign.Approval, *spec.Document, []campaign.Diagnostic) {
	file := spec.ApprovalsFile(name)
	if _, err := fs.Stat(p.files, file); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	return spec.LoadApprovals(p.files, file)
}

// scheduleDigest is over when a campaign goes out; empty: it has no schedule.
func scheduleDigest(j *job) string {
	if j.table == nil {
		return ""
	}
	text := rulesOf(j)
	if j.campaign.Schedule.MustChange {
		text += "must change\n"
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// wanted is what a job comes to, as approvals are held against it where there is no
// ledger to ask: an occurrence of its schedule is the first one.
func (p *project) wanted(ctx context.Context, j *job, s plan.Summary, digest string) (contract.Wanted, error) {
	now, err := p.contractOf(ctx, j, s, digest)
	w := contract.Wanted{Plan: now, MaxChange: j.campaign.Recipients.Audience.MaxChange}
	switch {
	case j.spec.To != nil || j.spec.Chosen != nil:
		w.Scope = contract.Part
	case now.Schedule != "" && now.Occurrence == campaign.Once:
		w.Scope = contract.Recurring
	}
	return w, err
}

// wanted is what a campaign that is about to begin comes to.
func (s *sender) wanted(ctx context.Context, t *todo) (contract.Wanted, error) {
	w, err := s.project.wanted(ctx, t.job, t.summary, t.digest)
	if err != nil {
		return w, err
	}
	switch {
	case s.crew != nil:
		w.Scope = contract.Recurring
		if w.MaxChange != nil {
			before, _, failed := previous(ctx, s.ledger, t.run)
			w.Before, err = before.Began, failed
		}
	case s.flags.followUp.asked():
		notes, failed := s.ledger.Notes(ctx, s.flags.of)
		err = failed
		switch approved := campaign.ApprovalOf(notes) != nil; {
		case !approved:
			w.MaxChange = nil // whom the earlier run went to, nobody approved
		case !w.Personalised:
			w.Scope = contract.Few
		}
	}
	return w, err
}

// guardApproval stops what nobody approved, under a profile that wants that, and says
// so. A run that was begun goes on as it was planned.
func (s *sender) guardApproval(ctx context.Context, t *todo) (stops bool, err error) {
	require := s.profile.Require
	if !require.Approval || s.standIn != nil || t.known {
		return false, nil
	}
	all, _, found := s.approvals(t.campaign.Name)
	if campaign.HasErrors(found) {
		t.guard = "stopped before anything was sent: its approvals cannot be read: " + firstProblem(found)
		return s.stoppedBy(t), nil
	}
	w, err := s.wanted(ctx, t)
	if err != nil {
		return false, err
	}
	approval, refused := contract.Judge(&w, all)
	if refused != nil {
		t.guard = fmt.Sprintf("stopped before anything was sent: the profile %s wants an approval, and %s. %s", s.profile.Name, refused.Why, s.howToApprove(t, &w))
		return s.stoppedBy(t), nil
	}
	by := ""
	if require.Clean {
		var why string
		if by, why = s.committed(ctx, t, approval, &w); why != "" {
			t.guard = fmt.Sprintf("stopped before anything was sent: the profile %s wants its approval from a commit, and %s", s.profile.Name, why)
			return s.stoppedBy(t), nil
		}
	}
	note := approval.Noted(by)
	note.By, note.Text = diagnostics.Inert(note.By), diagnostics.Inert(note.Text)
	t.overrides = slices.DeleteFunc(t.overrides, func(n campaign.Note) bool { return n.Kind == note.Kind })
	t.overrides = append(t.overrides, note)
	return false, nil
}

// howToApprove says how a campaign is approved as it is now.
func (s *sender) howToApprove(t *todo, w *contract.Wanted) string {
	label := ""
	if w.Scope == contract.Whole && w.Occurrence != campaign.Once {
		label = fmt.Sprintf(" --occurrence %q", w.Occurrence)
	}
	return fmt.Sprintf("`campaign plan %s --profile %s%s --out plan.json` is what a reviewer reads, `campaign approve plan.json` approves it", t.campaign.File, s.profile.Name, label)
}

// plannedApproval says whether a plan may be carried out under a profile that wants
// an approval. Whether it stands in a commit is looked at when it is.
type plannedApproval struct {
	Approved bool      `json:"approved"`
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Why      string    `json:"why,omitempty"` // it is not
}

func (a *plannedApproval) sentence() string {
	if !a.Approved {
		return "no: " + a.Why
	}
	return "by " + diagnostics.Inert(a.By) + " at " + a.At.UTC().Format(time.RFC3339)
}

// plannedApproval is nil under a profile that wants none, and in the sandbox.
func (p *project) plannedApproval(ctx context.Context, j *job, s plan.Summary, digest string) (*plannedApproval, error) {
	if !p.profile.Require.Approval || p.profile.Name == sandboxProfile {
		return nil, nil
	}
	all, _, found := p.approvals(j.campaign.Name)
	if campaign.HasErrors(found) {
		return &plannedApproval{Why: "its approvals cannot be read: " + firstProblem(found)}, nil
	}
	w, err := p.wanted(ctx, j, s, digest)
	if err != nil {
		return nil, err
	}
	a, refused := contract.Judge(&w, all)
	if refused != nil {
		return &plannedApproval{Why: refused.Why}, nil
	}
	return &plannedApproval{Approved: true, By: a.By, At: a.At}, nil
}
