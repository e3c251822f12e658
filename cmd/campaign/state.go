package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/spec"
)

// stateOptions say where a project's ledger lies.
func (p *project) stateOptions() sqlite.Options {
	return sqlite.Options{
		Dir: p.stateDir(), Project: p.decl.ID,
		Mark: filepath.Join(p.data, "reports", p.markName()),
	}
}

// markName is the file of the ledger's high-water mark, beside the reports.
func (p *project) markName() string {
	if p.profile.Name == sandboxProfile {
		return ".ledger-mark-sandbox.json"
	}
	return ".ledger-mark.json"
}

// openLedger opens a ledger that is there.
func (p *project) openLedger(ctx context.Context) (*sqlite.Ledger, error) {
	led, err := sqlite.Open(ctx, p.stateOptions())
	if err != nil {
		return nil, stateError(err)
	}
	return led, nil
}

// openForSending opens the ledger, and makes a missing one for runs that only
// reach loopback. One for real targets is never made: a missing memory would send
// all of history again (design: delivery, rule 3).
func (p *project) openForSending(ctx context.Context, real bool) (*sqlite.Ledger, error) {
	if real {
		if err := p.remembers(); err != nil {
			return nil, err
		}
		return p.openLedger(ctx)
	}
	led, err := p.openLedger(ctx)
	if !errors.Is(err, ledger.ErrNoState) {
		return led, err
	}
	// The mark is there first: whatever happens in between, real targets stay shut.
	if err := p.markLoopback(); err != nil {
		return nil, fail(exitState, "%w", err)
	}
	if err := sqlite.Init(ctx, p.stateOptions(), false); err != nil && !errors.Is(err, sqlite.ErrExists) {
		return nil, stateError(err)
	}
	return p.openLedger(ctx)
}

// loopbackMark is the file that says of a ledger that nobody vouched for it: it
// was made because runs to this machine's own addresses need none. It knows
// nothing of what the project sent elsewhere.
func (p *project) loopbackMark() string { return filepath.Join(p.stateDir(), "loopback-only") }

func (p *project) markLoopback() error {
	if err := os.MkdirAll(p.stateDir(), 0o700); err != nil {
		return err
	}
	return writeFile(p.loopbackMark(), []byte("This ledger was made by runs to loopback addresses. campaign state init makes it the project's.\n"))
}

// remembers refuses real targets when the ledger cannot know what was sent to them.
func (p *project) remembers() error {
	if p.decl.ID == "" {
		return fail(exitGuard, "%s has no project id, which ties the ledger to it: add a line `project: %s`", spec.TargetsFile, newProjectID(p.dir))
	}
	switch _, err := os.Lstat(p.loopbackMark()); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fail(exitState, "%w", err)
	}
	return fail(exitGuard, "the ledger in %s was made by runs to loopback addresses and knows of no other: if this project has never sent, `campaign state init` makes it the project's; if it has, carry its state over with `campaign state export` there and `campaign state import FILE` here", p.stateDir())
}

// initLedger makes the project's ledger, or takes the one of its loopback runs.
func (p *project) initLedger(ctx context.Context) error {
	_, marked := os.Lstat(p.loopbackMark())
	err := sqlite.Init(ctx, p.stateOptions(), false)
	if err != nil && !(marked == nil && errors.Is(err, sqlite.ErrExists)) {
		return err
	}
	return p.unmarkLoopback()
}

func (p *project) unmarkLoopback() error {
	if err := os.Remove(p.loopbackMark()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(exitState, "%w", err)
	}
	return nil
}

// importLedger takes over an exported ledger. One of loopback runs makes room:
// it is set aside with its high-water mark.
func (p *project) importLedger(ctx context.Context, file string) error {
	if _, err := os.Stat(file); err != nil {
		return fail(exitUsage, "%s: %w", file, plainPathError(err))
	}
	o := p.stateOptions()
	err := sqlite.Import(ctx, o, file)
	if _, marked := os.Lstat(p.loopbackMark()); marked == nil && (errors.Is(err, sqlite.ErrExists) || errors.Is(err, ledger.ErrStale)) {
		aside := p.stateDir() + ".loopback-" + time.Now().UTC().Format("20060102T150405")
		if err := os.Rename(p.stateDir(), aside); err != nil {
			return fail(exitState, "%w", err)
		}
		if err := os.Remove(o.Mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(exitState, "%w", err)
		}
		err = sqlite.Import(ctx, o, file)
	}
	if err != nil {
		return err
	}
	return p.unmarkLoopback()
}

// history opens the ledger of the chosen profile for reading; nil: there is none,
// no run was ever made here.
func (a *app) history(ctx context.Context) (*project, *sqlite.Reader, error) {
	p, err := a.project()
	if err != nil {
		return nil, nil, err
	}
	led, err := sqlite.OpenReadOnly(ctx, p.stateOptions())
	if errors.Is(err, ledger.ErrNoState) {
		return p, nil, nil
	}
	if err != nil {
		return nil, nil, stateError(err)
	}
	return p, led, nil
}

// findRun finds a run in the project's ledger, then in the sandbox's.
func (a *app) findRun(ctx context.Context, id string) (*project, *sqlite.Reader, campaign.Run, error) {
	p, err := a.project()
	if err != nil {
		return nil, nil, campaign.Run{}, err
	}
	chosen := p.profile.Name
	var missing error
	for _, profile := range []string{chosen, sandboxProfile} {
		p.profile.Name = profile
		led, err := sqlite.OpenReadOnly(ctx, p.stateOptions())
		if errors.Is(err, ledger.ErrNoState) {
			continue
		}
		if err != nil {
			return nil, nil, campaign.Run{}, stateError(err)
		}
		run, err := led.Run(ctx, id)
		if err == nil {
			return p, led, run, nil
		}
		led.Close()
		if !errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ledger.ErrAmbiguous) {
			return nil, nil, campaign.Run{}, stateError(err)
		}
		missing = err
	}
	return nil, nil, campaign.Run{}, stateError(cmp.Or(missing, fmt.Errorf("%w: %s", ledger.ErrNotFound, id)))
}

func newState(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "The ledger's life: first use, moving to another machine, integrity",
		Long: `The ledger remembers what was sent. It lies in .campaign/ (or --data) and belongs to one project and one machine at a time: without it,
or with an old copy, nothing is sent to real targets, because it could be sent again.`,
		Example: "  campaign state check",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	sub := func(use, short, long, example string, args cobra.PositionalArgs, run func(context.Context, *project, []string) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: args,
			RunE: func(cmd *cobra.Command, args []string) error {
				p, err := a.project()
				if err != nil {
					return err
				}
				return stateError(run(cmd.Context(), p, args))
			}}
	}
	cmd.AddCommand(
		sub("init", "Make the ledger of a project that has never sent",
			"init makes an empty ledger, or takes the one that runs to loopback addresses made. It refuses when another is here, or when the reports show\nthat this project has sent before.",
			"  campaign state init", cobra.NoArgs,
			func(ctx context.Context, p *project, _ []string) error {
				if p.decl.ID == "" {
					return fail(exitGuard, "%s has no project id: add a line `project: %s`", spec.TargetsFile, newProjectID(p.dir))
				}
				if err := p.initLedger(ctx); err != nil {
					return err
				}
				speak(a.stdout, "made the ledger of %s in %s\n", p.decl.ID, p.stateDir())
				return nil
			}),
		sub("export FILE", "Write the ledger to a file to carry over, and close this copy for sending",
			"export writes a whole copy of the ledger. From then on this copy can be read but sends nothing: two ledgers of one project would send twice.",
			"  campaign state export ledger.campaign", cobra.ExactArgs(1),
			func(ctx context.Context, p *project, args []string) error {
				if err := p.remembers(); err != nil {
					return err
				}
				if _, err := os.Lstat(args[0]); !errors.Is(err, fs.ErrNotExist) {
					return fail(exitUsage, "%s is there already: name a new file", args[0])
				}
				if err := sqlite.Export(ctx, p.stateOptions(), args[0]); err != nil {
					return err
				}
				speak(a.stdout, "wrote %s; this copy is closed for sending. On the other machine: campaign state import %s\n", args[0], filepath.Base(args[0]))
				return nil
			}),
		sub("clock", "Let schedules go on from now after the clock stood wrong",
			"clock is for machines whose clock stood ahead and was set right: schedules have decided occurrences of the future then, and run nothing until it is there.\nWhat was run stays run; occurrences that were skipped meanwhile are decided anew when their time comes.",
			"  campaign state clock", cobra.NoArgs,
			func(ctx context.Context, p *project, _ []string) error {
				led, err := p.openLedger(ctx)
				if err != nil {
					return err
				}
				defer led.Close()
				n, err := led.Rewind(ctx, p.profile.Name, present())
				if err != nil {
					return err
				}
				speak(a.stdout, "%s set back to now\n", count(n, "schedule"))
				return nil
			}),
		sub("import FILE", "Take over a ledger that was exported",
			"import checks an exported ledger and makes it this project's.",
			"  campaign state import ledger.campaign", cobra.ExactArgs(1),
			func(ctx context.Context, p *project, args []string) error {
				if err := p.importLedger(ctx, args[0]); err != nil {
					return err
				}
				speak(a.stdout, "the ledger of %s is here now, in %s\n", p.decl.ID, p.stateDir())
				return nil
			}),
		sub("check", "Check the ledger's integrity and every run's sums",
			"check reads the whole ledger: the file's own integrity, every record, and that every run adds up.",
			"  campaign state check", cobra.NoArgs,
			func(ctx context.Context, p *project, _ []string) error { return a.checkState(ctx, p) }),
	)
	return cmd
}

func (a *app) checkState(ctx context.Context, p *project) error {
	if _, err := sqlite.Check(ctx, p.stateOptions()); err != nil {
		return err
	}
	led, err := sqlite.OpenReadOnly(ctx, p.stateOptions())
	if err != nil {
		return err
	}
	defer led.Close()
	runs := 0
	for run, err := range led.Runs(ctx, ledger.Filter{Trials: true}) {
		if err != nil {
			return err
		}
		if run.State != campaign.Planning {
			if _, err := p.fold(ctx, led, run); err != nil {
				return fmt.Errorf("run %s: %w", run.ID, err)
			}
		}
		runs++
	}
	speak(a.stdout, "the ledger in %s is sound: %s, all add up\n", p.stateDir(), count(runs, "run"))
	return nil
}

// initState makes the ledger of a new project.
func (a *app) initState(ctx context.Context, dir string) error {
	a.flags.project = dir
	p, found, err := a.openProfile("") // which one is chosen does not matter
	if err != nil {
		return err
	}
	if p == nil {
		a.show(a.stderr, found)
		return quit(exitProblems)
	}
	if err := p.initLedger(ctx); err != nil {
		return stateError(err)
	}
	speak(a.stdout, "made the ledger in %s\nFill in %s, then `campaign new TYPE` and `campaign validate`.\n", p.stateDir(), spec.TargetsFile)
	return nil
}
