package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
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
	jobs, err := s.ready(ctx, files, named, o)
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
	if err := s.sameKind(ctx, jobs); err != nil {
		return err
	}
	work, code, err := s.choose(ctx, jobs, named, o)
	if err != nil {
		return err
	}
	s.warnWebhooks(ctx, work)
	if err := s.confirm(ctx, work); err != nil {
		return err
	}
	return quit(worst(code, s.carryOutAll(ctx, work)))
}

// ready gives the campaigns that this invocation is about, valid and as planned.
func (s *sender) ready(ctx context.Context, files []string, named map[string]bool, o occasion) ([]*todo, error) {
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
	return jobs, err
}

// choose finds the campaigns of which something is to be sent and that no guard stops.
// The code is that of the others.
func (s *sender) choose(ctx context.Context, jobs []*todo, named map[string]bool, o occasion) (work []*todo, code int, err error) {
	for _, t := range jobs {
		t.named = named[t.campaign.File]
		open, c, err := s.standing(ctx, t, o)
		if err != nil {
			return nil, 0, err
		}
		t.code, t.looked = c, !open
		code = worst(code, c)
		if !open {
			continue
		}
		if err := s.refresh(ctx, t, o); err != nil {
			return nil, 0, err
		}
		stops, err := s.guardApproval(ctx, t)
		if err == nil && !stops {
			stops, err = s.guardPast(ctx, t)
		}
		if err != nil {
			return nil, 0, stateError(err)
		}
		if stops {
			t.code, t.looked = exitGuard, true
			code = worst(code, exitGuard)
			continue
		}
		work = append(work, t)
	}
	return work, code, nil
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
