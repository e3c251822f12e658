package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/contract"
	"campaign/internal/plan"
)

// maxPlanFile bounds a saved plan, in bytes: it holds content, never recipients.
const maxPlanFile = 64 << 20

// contractOf is what people agree to when they agree to a campaign as it is planned
// now.
func (p *project) contractOf(ctx context.Context, j *job, s plan.Summary, digest string) (contract.Plan, error) {
	out := describe(p, j, s, digest).Plan
	if p.profile.Name == sandboxProfile { // wherever it listens
		out.Address = sandboxProfile
	}
	var err error
	if out.Content, err = j.plan.StandingDigest(); err != nil {
		return out, fail(exitProblems, "%s: %w", j.campaign.File, err)
	}
	if out.Audience, err = j.plan.AudienceDigest(ctx); err != nil {
		return out, fail(exitProblems, "%s: %w", j.campaign.File, err)
	}
	out.Schedule = scheduleDigest(j)
	inputs, err := p.inputs(ctx, j)
	if err != nil {
		return out, err
	}
	out.Inputs = contract.InputsOf(inputs)
	for _, s := range sentSources(inputs, j) {
		out.Sources = append(out.Sources, contract.Source{File: s.Path, Text: s.Text, Hidden: s.Hidden})
	}
	return out, nil
}

// savePlan writes plans for people to agree to, and for `run --plan`.
func (p *project) savePlan(file, occurrence string, plans []contract.Plan) error {
	data, err := contract.Encode(contract.Document{Made: time.Now().UTC().Truncate(time.Second), Tool: version(),
		Project: p.decl.ID, Profile: p.profile.Name, Occurrence: occurrence, Plans: plans})
	if err != nil {
		return fail(exitState, "%w", err)
	}
	if err := writeFile(file, data); err != nil {
		return fail(exitState, "%w", err)
	}
	return nil
}

// readPlan reads a saved plan.
func readPlan(file string) (contract.Document, error) {
	f, err := os.Open(file)
	if err != nil {
		return contract.Document{}, fail(exitUsage, "the plan: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPlanFile+1))
	if err == nil && len(data) > maxPlanFile {
		err = errors.New("no saved plan is so large")
	}
	var d contract.Document
	if err == nil {
		d, err = contract.Decode(data)
	}
	if err != nil {
		return d, fail(exitUsage, "%s: %w", file, err)
	}
	return d, nil
}

// underPlan lets a saved plan say what is run: which campaigns, under which profile
// and label.
func (a *app) underPlan(cmd *cobra.Command, args []string, f *runFlags) error {
	for _, other := range []string{"occurrence", "to", "only", "of", "dry-run"} {
		if cmd.Flags().Changed(other) {
			return fail(exitUsage, "--plan and --%s exclude each other: the plan says what is run", other)
		}
	}
	if len(args) > 0 {
		return fail(exitUsage, "--plan says which campaigns are run: leave %s out", strings.Join(args, " "))
	}
	d, err := readPlan(f.planFile)
	if err != nil {
		return err
	}
	wanted := firstOf(a.flags.profile, os.Getenv("CAMPAIGN_PROFILE"), d.Profile)
	if f.sandbox {
		wanted = sandboxProfile
	}
	if wanted != d.Profile {
		return fail(exitGuard, "nothing was sent: %s is for the profile %s, and this is %s: `campaign plan --profile %s --out FILE` makes one", f.planFile, d.Profile, wanted, wanted)
	}
	a.flags.profile = d.Profile
	if d.Occurrence != campaign.Once {
		f.occurrence = d.Occurrence
	}
	f.saved = &d
	return nil
}

// plannedFiles are the campaign files of a saved plan, as paths of this system.
func (p *project) plannedFiles(name string, d *contract.Document) (files []string, err error) {
	if d.Project != p.decl.ID {
		return nil, fail(exitGuard, "%s is of the project %q, and this is %q", name, d.Project, p.decl.ID)
	}
	for _, saved := range d.Plans {
		file := filepath.FromSlash(saved.File)
		if !filepath.IsLocal(file) {
			return nil, fail(exitUsage, "%s names %s, which is no file of a project", name, saved.File)
		}
		if _, err := fs.Stat(p.files, saved.File); err != nil {
			return nil, fail(exitGuard, "%s does not hold any more: %s: %w", name, saved.File, plainPathError(err))
		}
		files = append(files, filepath.Join(p.dir, file))
	}
	return files, nil
}

// asPlanned refuses campaigns that are not what a saved plan says.
func (s *sender) asPlanned(ctx context.Context, jobs []*todo) error {
	if s.flags.saved == nil {
		return nil
	}
	var found []string
	for _, t := range jobs {
		now, err := s.contractOf(ctx, t.job, t.summary, t.digest)
		if err != nil {
			return err
		}
		for _, change := range s.flags.saved.Changes(&now) {
			found = append(found, fmt.Sprintf("%s: %s", t.campaign.Name, change))
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fail(exitGuard, "nothing was sent, because %s does not hold any more:\n  %s", s.flags.planFile, strings.Join(found, "\n  "))
}
