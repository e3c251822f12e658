package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/plan"
	"campaign/internal/runner"
	"campaign/internal/spec"
	"campaign/internal/targets"
)

func newRun(a *app) *cobra.Command {
	var f runFlags
	var planFlags planFlags
	cmd := &cobra.Command{
		Use:   "run PATH…",
		Short: "Carry out what is not yet done",
		Long: `run validates every named campaign, sends what is not yet sent, and writes a report per campaign. Running again is always safe: a
campaign that is done is left alone, an interrupted one goes on where it stood, and nobody gets a message twice.

Guards stop a campaign before anything is sent (exit code 4): its recipients differ from the previous occurrence's by more than
max_change, or a campaign of another name sent the same message to largely the same people within 30 days. A person overrides them
with --accept-change "why" and --again "why".

On a terminal it asks for the number of recipients; elsewhere it needs --yes. A run that waits for a person between two stages is left
alone: campaign resume lets it go on.

--plan FILE runs what ` + "`campaign plan --out FILE`" + ` saved, all of it and nothing else: when what the files say now comes to anything else it
names what changed and sends nothing (exit code 4).

--only OUTCOMES --of RUN makes a run of its own for exactly those recipients of an earlier run that have these outcomes (accepted, rejected,
unknown) or were left out for these reasons (cancelled, expired). It is recorded in both runs, and given again it is the same run.`,
		Example: `  campaign run census-supplement.yaml
  campaign run --sandbox                     # every campaign, to the built-in upstream
  campaign run census.yaml --to u-1,u-2      # a trial to two people; uses nothing up
  campaign run --profile production census.yaml --yes
  campaign run census-2.yaml --again "the first text had the wrong room"
  campaign run --plan approved.json --yes    # exactly what was reviewed
  campaign run census.yaml --only rejected,cancelled --of 5rrc2ktn5n77
  campaign run census.yaml --yes --wait --wait-for-window 2h
  campaign run typhoon.yaml --outside-window "台风红色预警，市应急办批准"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			if f.planFile != "" {
				if err := a.underPlan(cmd, args, &f); err != nil {
					return err
				}
			} else if f.dryRun {
				return a.plan(cmd.Context(), args, planFlags, f)
			}
			if len(args) == 0 && !f.sandbox && f.saved == nil {
				return fail(exitUsage, "name the campaigns to run: a file, a folder or a glob (with --sandbox it may be left out)")
			}
			switch f.format {
			case "json":
				return a.runJSON(cmd.Context(), args, f)
			case "text":
				return a.run(cmd.Context(), args, f)
			}
			return fail(exitUsage, "--format %s: the formats are text and json", f.format)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.occurrence, "occurrence", "", "a label: the campaign goes out once for each")
	flags.StringVar(&f.change, "accept-change", "", "why more recipients than max_change allows may be other ones; stands in the run's history")
	flags.StringVar(&f.again, "again", "", "why the same message may go to the same people again; stands in the run's history")
	flags.StringVar(&f.planFile, "plan", "", "run exactly what this saved plan says (campaign plan --out), or refuse")
	flags.StringSliceVar(&f.to, "to", nil, "a trial to these recipients only; uses nothing up")
	flags.StringSliceVar(&f.only, "only", nil, "a follow-up for these recipients of an earlier run (--of), for example rejected,cancelled")
	flags.StringVar(&f.of, "of", "", "the earlier run of a follow-up (--only)")
	flags.BoolVar(&f.sandbox, "sandbox", false, "send to the built-in upstream instead, with a state of its own")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "show what would be sent (as campaign plan)")
	flags.StringVar(&f.outside, "outside-window", "", "for emergencies: do not wait for the delivery window, for this reason, which is recorded")
	flags.StringVar(&f.format, "format", "text", "text, or json: one document at the end, everything for people goes to stderr")
	f.add(flags)
	return cmd
}

// sender is one invocation that sends.
type sender struct {
	*app
	*project
	flags    runFlags
	begun    int64 // recipients, against flags.limit
	ledger   *sqlite.Ledger
	standIn  *standIn // nil: the accounts' own addresses
	accounts map[string]*line
	jobs     []*todo // of `run`, once they are valid
	crew     *crew   // of a process that runs schedules; nil: this one is alone
	shared   []*sharedLine
}

// todo is a campaign that a run looks at.
type todo struct {
	*job
	named   bool // by itself, not found in a folder
	summary plan.Summary
	digest  string
	run     campaign.Run
	known   bool // the ledger has the run
	counts  survey
	looked  bool   // code says what became of it
	code    int    //
	report  string // the file, once it is written
	guard   string // why one stops it before it begins
	said    contents
	cap     capCount
	capped  string // digest of whom the summary leaves out for the cap
	// overrides say by whose word a guard let the run begin; they go into its history.
	overrides []campaign.Note
	ended     runner.Summary // of this invocation, once it is over
}

func (a *app) run(ctx context.Context, args []string, f runFlags) error {
	s, files, named, err := a.openSender(f, args)
	if err != nil {
		return err
	}
	defer s.close()
	return s.run(ctx, files, named)
}

func (s *sender) run(ctx context.Context, files []string, named map[string]bool) (err error) {
	o := s.flags.occasion()
	o.contents = true
	if s.standIn != nil {
		o.endpoint = s.standIn.URL()
	}
	if s.flags.followUp.asked() {
		var err error
		if o, err = s.follow(ctx, o, files); err != nil {
			return err
		}
	}
	jobs, err := s.prepare(ctx, files, o)
	if s.flags.saved != nil && exitCode(err) == exitProblems {
		err = fail(exitGuard, "%s does not hold any more: %w", s.flags.planFile, err)
	}
	if err == nil {
		jobs, err = s.unscheduled(jobs, named)
	}
	if err == nil {
		err = s.asPlanned(ctx, jobs)
	}
	if err != nil {
		return err
	}
	s.jobs = jobs
	defer func() {
		for _, t := range jobs {
			if failed := t.cap.Close(); failed != nil {
				err = errors.Join(err, failed)
			}
		}
	}()
	if err := s.guard(jobs); err != nil {
		return err
	}
	if s.ledger, err = s.openForSending(ctx, s.real(jobs)); err != nil {
		return err
	}
	defer s.ledger.Close()
	var work []*todo
	code := exitDone
	for _, t := range jobs {
		t.named = named[t.campaign.File]
		open, c, err := s.standing(ctx, t, o)
		if err != nil {
			return err
		}
		t.code, t.looked = c, !open
		code = worst(code, c)
		if !open {
			continue
		}
		if err := s.refresh(ctx, t, o); err != nil {
			return err
		}
		stops, err := s.guardApproval(ctx, t)
		if err == nil && !stops {
			stops, err = s.guardPast(ctx, t)
		}
		if err != nil {
			return stateError(err)
		}
		if stops {
			t.code, t.looked = exitGuard, true
			code = worst(code, exitGuard)
			continue
		}
		work = append(work, t)
	}
	s.warnWebhooks(ctx, work)
	if err := s.confirm(ctx, work); err != nil {
		return err
	}
	return quit(worst(code, s.carryOutAll(ctx, work)))
}

// carryOutAll sends one campaign after the other. What it does not begin it
// names, and that counts as not finished.
func (s *sender) carryOutAll(ctx context.Context, work []*todo) int {
	code := exitDone
	for i, t := range work {
		if why := s.over(ctx, code); why != "" {
			for _, left := range work[i:] {
				left.code, left.looked = exitUnfinished, true
				fmt.Fprintf(s.stderr, "%s%s is not begun: %s\n", s.tag(), left.campaign.Name, why)
			}
			return worst(code, exitUnfinished)
		}
		c, err := s.carryOut(ctx, t)
		if err != nil {
			fmt.Fprintf(s.stderr, "campaign: %s: %v\n", t.campaign.Name, err)
		}
		t.code, t.looked = c, true
		code = worst(code, c)
	}
	return code
}

// over says why no further campaign may begin; empty: it may.
func (s *sender) over(ctx context.Context, code int) string {
	switch {
	case ctx.Err() != nil:
		return "interrupted"
	case code == exitState || code == exitBug: // design: delivery, rule 8
		return "sending has stopped"
	case s.flags.limit > 0 && s.begun >= s.flags.limit:
		return "the limit of this invocation is reached (--limit)"
	}
	return ""
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
	if f.saved != nil {
		if args, err = p.plannedFiles(f.planFile, f.saved); err != nil {
			err = fail(exitCode(err), "nothing was sent: %w", err)
		}
	}
	var files []string
	var named map[string]bool
	if err == nil {
		files, named, err = p.campaignFiles(a.stdin, args)
	}
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	if f.saved != nil && len(files) > 1 { // nobody named them now
		named = nil
	}
	return s, files, named, nil
}

func (s *sender) close() {
	if s.crew != nil {
		for _, l := range s.shared {
			s.crew.lines.leave(l)
		}
		return
	}
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
		if err := s.guardTrust(trust, t.declared, t.account); err != nil {
			return fail(exitGuard, "%s: %w", t.campaign.File, err)
		}
	}
	return nil
}

// real reports whether a job goes beyond this machine.
func (s *sender) real(jobs []*todo) bool {
	return s.standIn == nil && slices.ContainsFunc(jobs, func(t *todo) bool { return !onLoopback(t.declared, t.account) })
}
