package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"campaign/internal/spec"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/plan"
	"campaign/internal/report"
	"campaign/internal/targets"
)

// runFlags are the flags of commands that send.
type runFlags struct {
	occurrence string
	to         []string
	limit      int64
	sandbox    bool
	dryRun     bool
	yes        bool
	wait       time.Duration
}

func newRun(a *app) *cobra.Command {
	var f runFlags
	var planFlags planFlags
	cmd := &cobra.Command{
		Use:   "run PATH…",
		Short: "Carry out what is not yet done",
		Long: `run validates every named campaign, sends what is not yet sent, and writes a report per campaign. Running again is always safe: a
campaign that is done is left alone, an interrupted one goes on where it stood, and nobody gets a message twice.

On a terminal it asks for the number of recipients; elsewhere it needs --yes.`,
		Example: `  campaign run census-supplement.yaml
  campaign run --sandbox                     # every campaign, to the built-in upstream
  campaign run census.yaml --to u-1,u-2      # a trial to two people; uses nothing up
  campaign run --profile production census.yaml --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.limit < 0 {
				return fail(exitUsage, "--limit %d: give a number of recipients", f.limit)
			}
			if f.dryRun {
				return a.plan(cmd.Context(), args, planFlags, f)
			}
			if len(args) == 0 && !f.sandbox {
				return fail(exitUsage, "name the campaigns to run: a file, a folder or a glob (with --sandbox it may be left out)")
			}
			return a.run(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.occurrence, "occurrence", "", "a label: the campaign goes out once for each")
	flags.StringSliceVar(&f.to, "to", nil, "a trial to these recipients only; uses nothing up")
	flags.Int64Var(&f.limit, "limit", 0, "begin at most this many recipients now; running again goes on")
	flags.BoolVar(&f.sandbox, "sandbox", false, "send to the built-in upstream instead, with a state of its own")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "show what would be sent (as campaign plan)")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	flags.DurationVar(&f.wait, "wait-for-upstream", 0, "how long to wait for an upstream in trouble before giving up")
	return cmd
}

// sender is one invocation that sends.
type sender struct {
	*app
	*project
	flags    runFlags
	ledger   ledger.Ledger
	standIn  *standIn // nil: the accounts' own addresses
	accounts map[string]*line
}

// todo is a campaign that a run looks at.
type todo struct {
	*job
	named   bool // by itself, not found in a folder
	summary plan.Summary
	digest  string
	run     campaign.Run
	known   bool // the ledger has the run
	counts  report.Report
}

func (a *app) run(ctx context.Context, args []string, f runFlags) error {
	s, files, named, err := a.openSender(f, args)
	if err != nil {
		return err
	}
	defer s.close()
	jobs, err := s.prepare(ctx, files, f)
	if err != nil {
		return err
	}
	if err := s.guard(jobs); err != nil {
		return err
	}
	if s.ledger, err = s.openLedger(ctx, s.real(jobs)); err != nil {
		return err
	}
	defer s.ledger.Close()
	var work []*todo
	code := exitDone
	for _, t := range jobs {
		t.named = named[t.campaign.File]
		open, c, err := s.standing(ctx, t)
		if err != nil {
			return err
		}
		code = worst(code, c)
		if open {
			work = append(work, t)
		}
	}
	if err := s.confirm(work); err != nil {
		return err
	}
	for _, t := range work {
		c, err := s.carryOut(ctx, t)
		if err != nil {
			fmt.Fprintf(s.stderr, "campaign: %s: %v\n", t.campaign.Name, err)
		}
		code = worst(code, c)
		if ctx.Err() != nil {
			break
		}
	}
	return quit(code)
}

// openSender opens the project for sending; with --sandbox under a profile of its
// own.
func (a *app) openSender(f runFlags, args []string) (*sender, []string, map[string]bool, error) {
	p, err := a.project()
	if err != nil {
		return nil, nil, nil, err
	}
	s := &sender{app: a, project: p, flags: f, accounts: map[string]*line{}}
	if f.sandbox || p.profile.Name == sandboxProfile {
		p.profile.Name = sandboxProfile
		if s.standIn, err = p.startStandIn(); err != nil {
			return nil, nil, nil, err
		}
		fmt.Fprintf(a.stderr, "[sandbox] the built-in upstream stands in for every target at %s: nothing leaves this machine\n", s.standIn.URL())
	}
	files, named, err := p.campaignFiles(a.stdin, args)
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	return s, files, named, nil
}

func (s *sender) close() {
	for _, l := range s.accounts {
		l.out.close()
	}
	if s.standIn != nil {
		s.standIn.Close()
	}
}

// tag begins every line that matters of a run that does not reach real people.
func (s *sender) tag() string {
	if s.standIn != nil {
		return "[sandbox] "
	}
	return ""
}

// prepare validates everything that was named and plans it as a whole; with one
// invalid file nothing is sent.
func (s *sender) prepare(ctx context.Context, files []string, f runFlags) ([]*todo, error) {
	o := occasion{occurrence: once(f.occurrence), to: f.to}
	if f.to != nil {
		o.occurrence.Label = "trial-" + o.occurrence.Time.UTC().Format("20060102T150405.000Z")
	}
	if s.standIn != nil {
		o.endpoint = s.standIn.URL()
	}
	jobs, found := s.compileAll(files, o)
	if campaign.HasErrors(found) {
		return nil, s.invalid(found)
	}
	var out []*todo
	for _, j := range jobs {
		j, more, err := s.refresh(ctx, j, o)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
		if j == nil {
			continue
		}
		t := &todo{job: j}
		var rows []campaign.Diagnostic
		if t.summary, rows, err = j.check(ctx); err != nil {
			return nil, fail(exitProblems, "%w", err)
		}
		if found = append(found, rows...); campaign.HasErrors(found) {
			continue
		}
		if t.digest, err = j.plan.Digest(ctx); err != nil {
			return nil, fail(exitProblems, "%s: %w", j.campaign.File, err)
		}
		out = append(out, t)
	}
	if campaign.HasErrors(found) {
		return nil, s.invalid(found)
	}
	s.show(s.stderr, campaign.SortDiagnostics(found))
	return out, nil
}

func (s *sender) invalid(found []campaign.Diagnostic) error {
	s.show(s.stderr, campaign.SortDiagnostics(found))
	return fail(exitProblems, "nothing was sent: correct the problems above first")
}

// refresh asks the upstream for its groups when a campaign goes to groups by
// match: what it finds now must be what was locked and reviewed, unless the
// campaign accepts changes.
func (s *sender) refresh(ctx context.Context, j *job, o occasion) (*job, []campaign.Diagnostic, error) {
	wanted := j.campaign.Recipients.Groups
	if wanted == nil || wanted.Match == nil {
		return j, nil, nil
	}
	var secrets standIns
	if s.standIn != nil {
		secrets = s.standIn.secrets
	}
	groups, err := s.askGroups(ctx, j.declared, j.account, j.account.(targets.Grouper), secrets)
	if err != nil {
		return nil, nil, err
	}
	now := plan.MatchGroups(*wanted.Match, groups)
	if slices.Equal(ids(now), ids(j.groups)) {
		return j, nil, nil
	}
	if !wanted.Match.AcceptChanges {
		return nil, nil, fail(exitGuard, "%s: the groups that match have changed since %s was written: locked %v, now %v; look at them, then `campaign groups --target %s --lock`",
			j.campaign.File, spec.GroupsFile(j.declared.Name), ids(j.groups), ids(now), j.declared.Name)
	}
	o.groups = groups
	fresh, found := s.compile(j.campaign.File, o)
	return fresh, found, nil
}

func ids(groups []campaign.Group) []int64 {
	out := make([]int64, len(groups))
	for i, g := range groups {
		out[i] = g.ID
	}
	slices.Sort(out)
	return out
}

// guard refuses accounts that nobody on this machine has looked at.
func (s *sender) guard(jobs []*todo) error {
	if s.standIn != nil {
		return nil
	}
	trust, err := readTrust()
	if err != nil {
		return fail(exitState, "%w", err)
	}
	for _, t := range jobs {
		if err := s.guardTrust(trust, t.job); err != nil {
			return err
		}
	}
	return nil
}

// real reports whether a job goes beyond this machine.
func (s *sender) real(jobs []*todo) bool {
	return s.standIn == nil && slices.ContainsFunc(jobs, func(t *todo) bool { return !onLoopback(t.declared, t.account) })
}
