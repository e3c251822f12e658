package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

func newResume(a *app) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "resume RUN",
		Short: "Go on with an interrupted run, as it was planned",
		Long: `resume sends what a run still owes, from the inputs that were frozen when it began: edits made since change nothing. What is unknown
stays unknown, what was refused stays refused. Where a stage is settled and waits for a person, resume lets the next one begin.`,
		Example: "  campaign resume 5rrc2ktn5n77 --yes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			ctx := cmd.Context()
			s, run, err := a.findForWork(ctx, args[0])
			if err != nil {
				return err
			}
			defer s.close()
			defer s.ledger.Close()
			f.confirmed = true
			s.flags = f
			return s.resume(ctx, run)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func (s *sender) resume(ctx context.Context, run campaign.Run) error {
	switch run.State {
	case campaign.Planning:
		if run.Occurrence.Label != campaign.Once { // run FILE alone would be for everybody
			return fail(exitGuard, "run %s was never planned as a whole and nothing of it was sent: the command that began it, given again with all its flags, plans it anew", run.ID)
		}
		return fail(exitGuard, "run %s was never planned as a whole and nothing of it was sent: `campaign run %s` plans it anew", run.ID, run.File)
	case campaign.Cancelled:
		return fail(exitGuard, "run %s was cancelled (%s): a new name or --occurrence sends again", run.ID, run.Reason)
	}
	_, j, err := s.thaw(ctx, s.ledger, run)
	if err != nil {
		return err
	}
	t := &todo{job: j, run: run, known: true}
	if err := s.guard([]*todo{t}); err != nil {
		return err
	}
	if s.real([]*todo{t}) {
		if err := s.remembers(); err != nil {
			return err
		}
	}
	if going, err := s.leftToOther(ctx, t); going || err != nil {
		return cmp.Or(err, quit(exitHeld))
	}
	if err := s.lookAgain(ctx, t); err != nil {
		return err
	}
	if open, code, err := s.wantsMore(ctx, t); !open || err != nil {
		return cmp.Or(err, quit(code))
	}
	if err := s.confirm(ctx, []*todo{t}); err != nil {
		return err
	}
	code, err := s.carryOut(ctx, t)
	if err != nil {
		return &exit{code, err}
	}
	return quit(code)
}

// findForWork opens the ledger that has the run, for working on it, and under
// the run's profile.
func (a *app) findForWork(ctx context.Context, id string) (*sender, campaign.Run, error) {
	p, led, run, err := a.findRun(ctx, id)
	if err != nil {
		return nil, campaign.Run{}, err
	}
	if err := led.Close(); err != nil {
		return nil, run, stateError(err)
	}
	a.flags.profile = run.Profile
	if run.Profile == sandboxProfile {
		a.flags.profile = p.base
	}
	if p, err = a.project(); err != nil {
		return nil, run, err
	}
	s := &sender{app: a, project: p, accounts: map[string]*line{}}
	if run.Profile == sandboxProfile {
		p.profile.Name = sandboxProfile
		if s.standIn, err = p.startStandIn(); err != nil {
			return nil, run, err
		}
	}
	if s.ledger, err = p.openLedger(ctx); err != nil {
		s.close()
		return nil, run, err
	}
	return s, run, nil
}

func newStop(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "stop RUN | --all",
		Short: "Ask a run that goes on in another terminal to stop; it can be resumed",
		Long: `stop asks the process that holds a run to stop as Ctrl-C does: no new requests, those in flight finish, the report is written. It
returns at once; the run stops within a few seconds.`,
		Example: "  campaign stop 5rrc2ktn5n77\n  campaign stop --all",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all != (len(args) == 0) {
				return fail(exitUsage, "name a run, or give --all")
			}
			if !all {
				s, run, err := a.findForWork(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				defer s.close()
				defer s.ledger.Close()
				return s.ask(cmd.Context(), run)
			}
			return a.stopAll(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every run of this project that is not complete")
	return cmd
}

// ask asks a run's holder to stop.
func (s *sender) ask(ctx context.Context, run campaign.Run) error {
	if run.State != campaign.Open {
		return fail(exitGuard, "run %s is not going on: there is nothing to stop", run.ID)
	}
	// What is on the wire reads as unknown, and may yet be deferred.
	r, err := s.fold(ctx, s.ledger, run)
	if err != nil {
		return err
	}
	if r.Complete() && !r.HasUnknown() {
		speak(s.stdout, "%s (run %s) is complete: there is nothing to stop\n", run.Campaign, run.ID)
		return nil
	}
	owner, err := s.ledger.Held(ctx, run.ID)
	if err != nil {
		return stateError(err)
	}
	if owner == "" {
		speak(s.stdout, "nobody works on %s (run %s): there is nothing to stop; `campaign resume %s` goes on\n", run.Campaign, run.ID, run.ID)
		return nil
	}
	if err := s.ledger.Stop(ctx, run.ID); err != nil {
		return stateError(err)
	}
	speak(s.stdout, "asked %s (run %s) to stop; `campaign resume %s` goes on\n", run.Campaign, run.ID, run.ID)
	return nil
}

func (a *app) stopAll(ctx context.Context) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	s := &sender{app: a, project: p}
	if s.ledger, err = p.openLedger(ctx); err != nil {
		return err
	}
	defer s.ledger.Close()
	var open []campaign.Run
	for run, err := range s.ledger.Runs(ctx, ledger.Filter{Trials: true}) {
		if err != nil {
			return stateError(err)
		}
		if run.State == campaign.Open {
			open = append(open, run)
		}
	}
	asked := 0
	for _, run := range open {
		owner, err := s.ledger.Held(ctx, run.ID)
		if err != nil {
			return stateError(err)
		}
		if owner == "" {
			continue
		}
		if err := s.ask(ctx, run); err != nil {
			return err
		}
		asked++
	}
	if asked == 0 {
		speak(s.stdout, "no run is going on\n")
	}
	return nil
}

func newCancel(a *app) *cobra.Command {
	var reason string
	var wait bool
	cmd := &cobra.Command{
		Use:   "cancel RUN --reason TEXT",
		Short: "End a run for good: what is not sent is skipped",
		Long: `cancel ends a run that is not complete. What was sent stays as it is, what was not sent is skipped with the reason, and nothing of this
run is ever sent again. A run that goes on must be stopped first, or waited for with --wait.`,
		Example: `  campaign cancel 5rrc2ktn5n77 --reason "wrong deadline in the text"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkReason(reason); err != nil {
				return err
			}
			ctx := cmd.Context()
			s, run, err := a.findForWork(ctx, args[0])
			if err != nil {
				return err
			}
			defer s.close()
			defer s.ledger.Close()
			s.flags.wait = wait
			return s.cancel(ctx, run, reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the report")
	addWait(cmd.Flags(), &wait)
	return cmd
}

// checkReason wants a line that a report can show.
func checkReason(text string) error {
	if strings.TrimSpace(text) == "" {
		return fail(exitUsage, "--reason TEXT is missing: it stands in the report")
	}
	if !reason(text) {
		return fail(exitUsage, "--reason: give one line of text")
	}
	return nil
}

func (s *sender) cancel(ctx context.Context, run campaign.Run, reason string) error {
	switch run.State {
	case campaign.Planning:
		return fail(exitGuard, "run %s was never planned as a whole and nothing of it was sent: there is nothing to cancel", run.ID)
	case campaign.Cancelled:
		return fail(exitGuard, "run %s was cancelled already (%s)", run.ID, run.Reason)
	}
	hold, err := s.claim(ctx, run)
	if err != nil {
		return err
	}
	err = s.cancelHeld(ctx, hold, run, reason)
	if err = errors.Join(err, stateError(s.ledger.Release(context.WithoutCancel(ctx), hold))); err != nil {
		return err
	}
	facts, err := s.facts(ctx, s.ledger, run)
	if err != nil {
		return err
	}
	_, err = s.writeReport(&todo{run: run}, facts)
	return err
}

// cancelHeld cancels a run that nobody else can be working on.
func (s *sender) cancelHeld(ctx context.Context, hold ledger.Hold, run campaign.Run, reason string) error {
	r, err := s.fold(ctx, s.ledger, run)
	if err != nil {
		return err
	}
	if r.Complete() {
		return fail(exitGuard, "run %s is complete: there is nothing left to cancel", run.ID)
	}
	return stateError(s.ledger.Cancel(ctx, hold, reason))
}
