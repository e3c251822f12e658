package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
	"campaign/internal/spec"
)

func newValidate(a *app) *cobra.Command {
	var format string
	var deny bool
	var now string
	var workers int
	cmd := &cobra.Command{
		Use:   "validate [PATH…]",
		Short: "Check campaign files completely, without a network and without secrets",
		Long: `validate checks everything that can be checked offline: YAML, schema, templates against every recipient row, lengths, columns, targets.
All problems are listed at once, each with file, line, column, rule and a hint. Every profile of targets.yaml must be able to send the
campaign; the rows are checked under the chosen one.

With --now it also forecasts whether the campaign would be through before its deadline and before it expires, begun at that time or, with a
schedule, when it is due next. Without it only the deadlines of schedules are held against the next times.

Without PATH the whole project is checked, with warnings about accounts, names and files that no campaign uses, and about lists of people that
git would take although .gitignore keeps others out. A folder means every campaign file below it; - is standard input.

A comment "# campaign: ignore=RULE" above a value takes a warning away, never an error. docs/rules.md explains every rule. The formats
sarif, junit, github and gitlab are for CI; github also writes into the step's summary what GitHub does not annotate.`,
		Example: `  campaign validate
  campaign validate campaigns/census.yaml
  campaign validate --format json > problems.json
  campaign validate --format github --deny-warnings
  campaign validate --now 2026-12-01T09:00:00+08:00`,
		RunE: func(cmd *cobra.Command, args []string) error {
			render, ok := diagnostics.Formats[format]
			if !ok {
				return fail(exitUsage, "--format %s: the formats are %s", format, strings.Join(slices.Sorted(maps.Keys(diagnostics.Formats)), ", "))
			}
			if workers < 1 {
				return fail(exitUsage, "--workers %d: at least one file is checked at a time", workers)
			}
			found, files, err := a.validate(cmd.Context(), args, now, workers)
			if err != nil {
				return err
			}
			found = campaign.SortDiagnostics(found)
			if deny {
				for i := range found {
					found[i].Warning = false
				}
			}
			r := diagnostics.Report{Found: found, Files: files, Colour: a.colour(a.stdout), Say: inWords}
			if diagnostics.FromRepository[format] {
				r = a.fromRepository(r)
			}
			if err := render(a.stdout, r); err != nil {
				return fail(exitState, "the problems could not be written: %w", err)
			}
			fmt.Fprintln(a.stderr, tally(found, len(files)))
			if format == "github" {
				if err := summarize(os.Getenv("GITHUB_STEP_SUMMARY"), r); err != nil {
					return fail(exitState, "the step's summary could not be written: %w", err)
				}
			}
			if campaign.HasErrors(found) {
				return quit(exitProblems)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, oneline, json, sarif, junit, github or gitlab")
	cmd.Flags().StringVar(&now, "now", "", "forecast as if it were this time, as 2026-12-01T09:00:00+08:00")
	cmd.Flags().BoolVar(&deny, "deny-warnings", false, "warnings are errors")
	cmd.Flags().IntVar(&workers, "workers", runtime.GOMAXPROCS(0), "how many files are checked at a time")
	return cmd
}

// validate checks the named campaigns, several at a time and as if it were now where
// that is given, and lists the files.
func (a *app) validate(ctx context.Context, args []string, now string, workers int) (found []campaign.Diagnostic, files []string, err error) {
	o := (&runFlags{}).occasion()
	if err := o.forecast(now, 0); err != nil {
		return nil, nil, err
	}
	p, found, err := a.openProject()
	if err != nil || p == nil {
		return found, []string{spec.TargetsFile}, err
	}
	names, _, err := p.campaignFiles(a.stdin, args)
	if err != nil {
		return nil, nil, err
	}
	if s, ok := p.files.(*snapshot); ok {
		s.most = keptOfFiles
	}
	found = append(found, p.accountProblems()...)
	found, all, err := p.checkAll(ctx, names, workers, o, found)
	if err != nil {
		return nil, nil, err
	}
	if p.whole(args) && !campaign.HasErrors(found) {
		unused, err := p.wholeProject(usesOf(all))
		if err != nil {
			return nil, nil, err
		}
		found = append(found, unused...)
	}
	approvals, more, err := p.approvalProblems(ctx, p.whole(args), campaignsOf(names, all), campaign.HasErrors(found))
	if err != nil {
		return nil, nil, err
	}
	found = append(found, more...)
	commented := slices.Concat([]string{spec.TargetsFile}, withComments(names, all), approvals)
	left, unused := spec.Ignore(p.files, commented, found, diagnostics.Known)
	return append(left, unused...), slices.Concat([]string{spec.TargetsFile}, names, approvals), nil
}

// whole reports whether PATHs name the whole project.
func (p *project) whole(args []string) bool {
	return len(args) == 0 || slices.ContainsFunc(args, func(arg string) bool {
		file, err := p.rel(arg)
		return err == nil && arg != "-" && file == "."
	})
}

// compileAll compiles the named files and finds names that are used twice: a
// campaign's name identifies it for ever.
func (p *project) compileAll(files []string, o occasion) ([]*job, []campaign.Diagnostic) {
	var jobs []*job
	var loaded []spec.Loaded
	var found []campaign.Diagnostic
	for _, file := range files {
		j, more := p.compile(file, o)
		found = append(found, more...)
		if j != nil {
			jobs = append(jobs, j)
			loaded = append(loaded, spec.Loaded{Campaign: j.campaign, Document: j.doc})
		}
	}
	return jobs, append(found, spec.DuplicateNames(loaded)...)
}

// accountProblems decodes every account of every profile.
func (p *project) accountProblems() []campaign.Diagnostic {
	var found []campaign.Diagnostic
	for _, profile := range sortedProfiles(p.decl) {
		for _, name := range slices.Sorted(maps.Keys(profile.Targets)) {
			declared := profile.Targets[name]
			_, problems := p.decode(declared, true)
			for _, problem := range problems {
				found = append(found, p.doc.Diagnostic(problem))
			}
		}
	}
	return found
}

// otherProfiles checks that the campaign can go out under the profiles that were
// not chosen: a campaign goes from test to production without an edit.
func (p *project) otherProfiles(j *job) []campaign.Diagnostic {
	var found []campaign.Diagnostic
	for _, profile := range sortedProfiles(p.decl) {
		if profile.Name == p.profile.Name {
			continue
		}
		var problems []campaign.Problem
		declared, problem := spec.Account(j.campaign, profile)
		if problem != nil {
			problems = append(problems, *problem)
		} else if account, _ := p.decode(declared, true); account != nil { // else accountProblems says it
			_, problems = account.Target(j.campaign)
		}
		for _, problem := range problems {
			problem.Message += " (profile " + profile.Name + ")"
			found = append(found, j.doc.Diagnostic(problem))
		}
	}
	return found
}

func sortedProfiles(decl *campaign.Project) []campaign.Profile {
	profiles := make([]campaign.Profile, 0, len(decl.Profiles))
	for _, name := range slices.Sorted(maps.Keys(decl.Profiles)) {
		profiles = append(profiles, decl.Profiles[name])
	}
	return profiles
}

func tally(found []campaign.Diagnostic, files int) string {
	warnings, problems := 0, 0
	for _, d := range found {
		n := int(max(d.Stands, 1))
		if d.Warning {
			warnings += n
		} else {
			problems += n
		}
	}
	switch {
	case problems == 0 && warnings == 0:
		return count(files, "file") + ", no problem"
	default:
		return fmt.Sprintf("%s, %s, %s", count(files, "file"), count(problems, "problem"), count(warnings, "warning"))
	}
}
