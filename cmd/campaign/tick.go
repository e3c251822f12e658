package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"campaign/internal/campaign"
	"campaign/internal/daemon"
)

// scheduleFlags are the flags of commands that run schedules.
type scheduleFlags struct {
	runFlags
	parallel int
}

// maxParallel bounds the campaigns that run at the same time.
const maxParallel = 256

func (f *scheduleFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.sandbox, "sandbox", false, "send to the built-in upstream instead, with a state of its own")
	flags.IntVar(&f.parallel, "parallel", max(4, 2*runtime.NumCPU()), "campaigns that run at the same time")
	flags.DurationVar(&f.upstream, "wait-for-upstream", 0, "how long a run waits for an upstream in trouble before it is left for later")
	flags.DurationVar(&f.window, "wait-for-window", time.Minute, "how long a run waits for its delivery window to open before it is left for later")
}

func (f *scheduleFlags) check() error {
	switch {
	case f.parallel < 1 || f.parallel > maxParallel:
		return fail(exitUsage, "--parallel %d: give a number from 1 to %d", f.parallel, maxParallel)
	case f.window < 0 || f.upstream < 0:
		return fail(exitUsage, "a time to wait is not negative")
	}
	f.yes = true
	return nil
}

func newTick(a *app) *cobra.Command {
	var f scheduleFlags
	cmd := &cobra.Command{
		Use:   "tick [PATH…]",
		Short: "Run what schedules owe since the last tick, then exit",
		Long: `tick is for system cron and Kubernetes CronJobs: it runs every occurrence that came due since something last looked, bounded by each
campaign's missed policy, records the others as skipped with their reason, and ends with the worst exit code. Ticks may overlap, and
work beside campaign serve: each occurrence is run by one of them. The first tick of a campaign owes nothing.

An occurrence that was missed makes tick end with 1. What could not be finished the next tick goes on with.`,
		Example: "  campaign tick\n  campaign tick --profile production campaigns/",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.tick(cmd.Context(), args, f)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func (a *app) tick(ctx context.Context, args []string, f scheduleFlags) error {
	s := &shelf{app: a, args: args}
	found, err := s.scan(func(string) bool { return false })
	if err != nil {
		return err
	}
	a.show(a.stderr, found)
	code := exitDone
	if campaign.HasErrors(found) {
		code = exitProblems // the others are run
	}
	entries := s.entries()
	if len(entries) == 0 && code != exitDone {
		return quit(code)
	}
	c, err := a.openCrew(ctx, f.runFlags, s.real())
	if err != nil {
		return err
	}
	defer c.close()
	c.partial = len(args) > 0
	keepBeside()
	options, news := c.options(f.parallel, c.logger()), c.missed()
	options.Observe = news.event
	d := daemon.New(options)
	codes, missed, err := d.Pass(ctx, entries)
	news.close(missedAtEnd)
	if missed > 0 {
		fmt.Fprintf(c.stderr, "missed: %s (`campaign runs --state skipped`)\n", count(missed, "occurrence"))
		codes = append(codes, exitProblems)
	}
	if ctx.Err() != nil {
		codes = append(codes, exitUnfinished)
	}
	code = worst(append(codes, code)...)
	if err != nil {
		return daemonError(err)
	}
	return quit(code)
}

// options are a daemon's, for the ledger of this crew.
func (c *crew) options(parallel int, log *slog.Logger) daemon.Options {
	return daemon.Options{Ledger: c.ledger, Profile: c.profile, Owner: owner(), Now: present, Parallel: parallel,
		Carry: c.carry, Orphan: c.orphan, Log: log}
}

// daemonError classifies why a daemon stopped.
func daemonError(err error) error {
	if daemon.ErrClock(err) {
		return fail(exitState, "%w", err)
	}
	var e *exit
	if errors.As(err, &e) {
		return err
	}
	return stateError(err)
}
