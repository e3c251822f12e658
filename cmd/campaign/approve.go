package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/contract"
	"campaign/internal/diagnostics"
	"campaign/internal/spec"
)

// maxNote bounds what an approver notes, in bytes; maxBy their name and address, in
// characters.
const (
	maxNote = 2000
	maxBy   = 300
)

func newApprove(a *app) *cobra.Command {
	var note string
	var yes bool
	cmd := &cobra.Command{
		Use:   "approve PLAN",
		Short: "Approve what a saved plan says, for profiles that want an approval",
		Long: `approve writes down that what a saved plan says may be sent: approvals/<campaign>.yaml, for the reviewer to commit. It holds digests
and counts, and no recipient. The files must still say exactly what the plan says, or nothing is approved (exit code 4).

Under a profile with require: {approval: true}, run, serve and tick send nothing else. A campaign without a schedule is approved as a whole,
recipients included. Of one with a schedule every occurrence is approved: its content and its schedule, and its recipients or, with
max_change, about so many. A plan made with --occurrence is approved for that label.

On a terminal it asks for the number of recipients; elsewhere it needs --yes.`,
		Example: `  campaign plan --profile production --out plan.json
  campaign approve plan.json
  campaign approve plan.json --yes --note "as discussed on Tuesday"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("note") && (strings.TrimSpace(note) == "" || len(note) > maxNote || diagnostics.Inert(note) != note) {
				return fail(exitUsage, "--note: give one line of text, %d bytes at most", maxNote)
			}
			return a.approve(cmd.Context(), args[0], note, yes)
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "what is to be remembered of it; stands in the run's history")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) approve(ctx context.Context, file, note string, yes bool) error {
	d, err := readPlan(file)
	if err != nil {
		return err
	}
	if wanted := firstOf(a.flags.profile, os.Getenv("CAMPAIGN_PROFILE"), d.Profile); wanted != d.Profile {
		return fail(exitGuard, "nothing was approved: %s is for the profile %s, and this is %s", file, d.Profile, wanted)
	}
	if d.Profile == sandboxProfile {
		return fail(exitUsage, "%s is for the sandbox, which needs no approval", file)
	}
	a.flags.profile = d.Profile
	p, err := a.project()
	if err != nil {
		return err
	}
	defer p.close()
	jobs, plans, err := a.stillHolds(ctx, p, file, &d)
	if err != nil {
		return err
	}
	if !p.profile.Require.Approval {
		fmt.Fprintf(a.stderr, "the profile %s requires no approval: this one stops nothing\n", p.profile.Name)
	}
	var people int64
	for i, j := range jobs {
		fmt.Fprint(verbatim(a.stderr), announceApproval(j, &plans[i]))
		people += plans[i].Reached()
	}
	if err := a.confirmApproval(ctx, people, yes); err != nil {
		return err
	}
	by, at := approverOf(ctx, p.dir), time.Now().UTC().Truncate(time.Second)
	for i := range plans {
		approval := contract.Approve(&plans[i])
		approval.By, approval.At, approval.Note = by, at, note
		if err := a.writeApproval(p, plans[i].Campaign, approval); err != nil {
			return err
		}
	}
	return nil
}

// stillHolds plans the campaigns of a saved plan again: what is approved is what the
// reviewer read in it.
func (a *app) stillHolds(ctx context.Context, p *project, name string, d *contract.Document) ([]*job, []contract.Plan, error) {
	paths, err := p.plannedFiles(name, d)
	var files []string
	if err == nil {
		files, _, err = p.campaignFiles(nil, paths)
	}
	if err != nil {
		return nil, nil, fail(exitCode(err), "nothing was approved: %w", err)
	}
	f := runFlags{}
	if d.Occurrence != campaign.Once {
		f.occurrence = d.Occurrence
	}
	jobs, found := p.compileAll(files, f.occasion())
	var plans []contract.Plan
	var changes []string
	for _, j := range jobs {
		s, rows, err := j.check(ctx)
		if found = append(found, rows...); campaign.HasErrors(found) {
			continue
		}
		var digest string
		if err == nil {
			digest, err = j.plan.Digest(ctx)
		}
		if err != nil {
			return nil, nil, fail(exitProblems, "%w", err)
		}
		now, err := p.contractOf(ctx, j, s, digest)
		if err != nil {
			return nil, nil, err
		}
		for _, change := range d.Changes(&now) {
			changes = append(changes, fmt.Sprintf("%s: %s", now.Campaign, change))
		}
		plans = append(plans, now)
	}
	a.show(a.stderr, p.heard(files, found))
	switch {
	case campaign.HasErrors(found):
		return nil, nil, fail(exitGuard, "nothing was approved: %s does not hold any more, see the problems above", name)
	case len(changes) > 0:
		return nil, nil, fail(exitGuard, "nothing was approved, because %s does not hold any more:\n  %s", name, strings.Join(changes, "\n  "))
	}
	return jobs, plans, nil
}

// What people are shown of a text before they approve it.
const (
	shownLines = 4
	shownRunes = 120
)

// announceApproval says what is about to be approved, in the language of the locale.
// What the message says stays as it is.
func announceApproval(j *job, p *contract.Plan) string {
	var b strings.Builder
	what := "the occurrence " + diagnostics.Inert(p.Occurrence)
	switch {
	case p.Schedule != "" && p.Occurrence == campaign.Once:
		what = "every occurrence of its schedule"
	case p.Occurrence == campaign.Once:
		what = "once"
	}
	speak(&b, "%s (%s): %s in %s through %s (%s) at %s, %s\n", p.Campaign, p.File, count(p.Reached(), j.unit()), count(p.Requests, "request"),
		p.Target, p.Profile, p.Address, what)
	if most := j.campaign.Recipients.Audience.MaxChange; most != nil && p.Schedule != "" && p.Occurrence == campaign.Once {
		speak(&b, "  its recipients may change: by %s from one occurrence to the next (max_change)\n", percent(*most))
	}
	speak(&b, "  %s\n", p.Cost.CountsText())
	if price := p.Cost.Price(); price != "" {
		speak(&b, "  it costs %s\n", price)
	}
	for _, t := range j.target.Layout().Texts {
		if t.Source != "" {
			name := strings.ReplaceAll(strings.TrimPrefix(t.Pointer, "/"), "/", ".")
			fmt.Fprintf(&b, "  %s: %s\n", name, strings.TrimSpace(indent(firstLines(t.Source))))
		}
	}
	return b.String()
}

// firstLines are what is shown of a text.
func firstLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	more := len(lines) - shownLines
	lines = lines[:min(shownLines, len(lines))]
	for i, line := range lines {
		runes := []rune(diagnostics.Inert(line))
		if len(runes) > shownRunes {
			runes = append(runes[:shownRunes:shownRunes], '…')
		}
		lines[i] = string(runes)
	}
	if more > 0 {
		lines = append(lines, inWords(fmt.Sprintf("… and %s more", count(more, "line"))))
	}
	return strings.Join(lines, "\n")
}

// confirmApproval lets a person see the number before it is approved.
func (a *app) confirmApproval(ctx context.Context, people int64, yes bool) error {
	if yes {
		return nil
	}
	if !terminal(a.stdin) {
		return fail(exitUsage, "nothing was approved: this is no terminal, so --yes is needed to approve it for %s", count(people, "recipient"))
	}
	fmt.Fprintf(a.stderr, "Type the number of recipients to approve: ")
	if err := a.typed(ctx, people); err != nil {
		return fail(exitUsage, "nothing was approved: %w", err)
	}
	return nil
}

// approverOf is who git knows the user as, else the login on this machine.
func approverOf(ctx context.Context, dir string) string {
	say := func(key string) string {
		out, err := git(ctx, dir, "config", "--get", key)
		if err != nil {
			return ""
		}
		return diagnostics.Inert(strings.TrimSpace(string(out)))
	}
	by := say("user.name")
	if email := say("user.email"); email != "" {
		by = strings.TrimSpace(by + " <" + email + ">")
	}
	runes := []rune(firstOf(by, person()))
	return string(runes[:min(maxBy, len(runes))])
}

// writeApproval adds an approval to the campaign's file, which is replaced as a whole
// or not at all.
func (a *app) writeApproval(p *project, name string, approval campaign.Approval) error {
	all, _, found := p.approvals(name)
	if campaign.HasErrors(found) {
		a.show(a.stderr, found)
		return fail(exitProblems, "%s was not approved: correct its approvals first, or remove them", name)
	}
	file := spec.ApprovalsFile(name)
	data := spec.MarshalApprovals(name, p.modeline(file, "approval"), contract.Add(all, approval))
	if err := p.replaceCommitted(file, data); err != nil {
		return fail(exitState, "%s was not approved: %w", name, err)
	}
	speak(a.stdout, "wrote %s\n", filepath.Join(p.dir, filepath.FromSlash(file)))
	return nil
}

// replaceCommitted writes a file that is to be committed, and nothing outside the
// project, whatever links stand in it.
func (p *project) replaceCommitted(file string, data []byte) (err error) {
	if err := p.root.MkdirAll(path.Dir(file), 0o755); err != nil {
		return err
	}
	temp := path.Join(path.Dir(file), fmt.Sprintf(".%s-%d", path.Base(file), os.Getpid()))
	f, err := p.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = p.root.Remove(temp)
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return p.root.Rename(temp, file)
}
