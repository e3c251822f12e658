package main

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"campaign/internal/report"
)

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func newShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN",
		Short: "Show one run: its numbers, reasons, what wants attention, and its history",
		Long: `show prints a run's report for people, folded anew from the ledger, and the run's history: who worked on it, how each invocation ended,
which stages were passed, and what people settled by their word. RUN may be shortened as long as it is unambiguous.`,
		Example: "  campaign show 5rrc2ktn5n77",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.printReport(cmd.Context(), args[0], asked{format: "markdown"}, a.stdout)
		},
	}
}

func newReport(a *app) *cobra.Command {
	var want asked
	var out string
	cmd := &cobra.Command{
		Use:   "report RUN",
		Short: "Make a run's report again, in any format, at any time",
		Long: `report folds a run's report anew from the ledger, also for a run that was interrupted or is going on. ndjson is one line a
recipient, with the ids in full: keep it as you keep the recipients. html is one page for people, in the language of the locale; it and
markdown show ids masked unless --show-recipients is given.`,
		Example: `  campaign report 5rrc2ktn5n77 --format html --out report.html
  campaign report 5rrc2ktn5n77 --format ndjson --out recipients.ndjson`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := want.check(); err != nil {
				return err
			}
			if out == "" {
				return a.printReport(cmd.Context(), args[0], want, a.stdout)
			}
			return stateError(replaceFile(out, func(w io.Writer) error {
				return a.printReport(cmd.Context(), args[0], want, w)
			}))
		},
	}
	want.add(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "write to this file instead of stdout")
	return cmd
}

// asked is the report that a person asks for.
type asked struct {
	format string
	show   bool // ids in full
}

func (r *asked) add(flags *pflag.FlagSet) {
	flags.StringVar(&r.format, "format", "json", strings.Join(report.Names(), ", "))
	flags.BoolVar(&r.show, "show-recipients", false, "html and markdown: ids in full")
}

func (r *asked) check() error {
	if !slices.Contains(report.Names(), r.format) {
		return fail(exitUsage, "--format %s: the formats are %s", r.format, strings.Join(report.Names(), ", "))
	}
	return nil
}

// printReport folds a run and writes one format of its report.
func (a *app) printReport(ctx context.Context, id string, want asked, w io.Writer) error {
	p, led, run, err := a.findRun(ctx, id)
	if err != nil {
		return err
	}
	defer led.Close()
	facts, err := p.facts(ctx, led, run)
	if err != nil {
		return err
	}
	owner, err := led.Held(ctx, run.ID)
	if err != nil {
		return stateError(err)
	}
	facts.Running = owner != ""
	facts.ShowRecipients = want.show && (want.format == "html" || want.format == "markdown")
	_, err = report.Print(w, want.format, run, facts, led.Results(ctx, run.ID))
	return reportError(err)
}
