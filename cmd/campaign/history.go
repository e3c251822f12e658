package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
	"campaign/internal/report"
)

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(diagnostics.EscapeJSON(w))
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
markdown show ids masked unless --show-recipients is given. csv is one line a recipient for spreadsheets, junit is for CI systems.
recipients is a file of those with the given outcomes, which can be edited and named by a campaign.`,
		Example: `  campaign report 5rrc2ktn5n77 --format html --out report.html
  campaign report 5rrc2ktn5n77 --format ndjson --out recipients.ndjson
  campaign report 5rrc2ktn5n77 --format recipients --outcome rejected,unknown --out recipients/again.csv`,
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
	format  string
	show    bool     // ids in full
	outcome []string // of whom a file of recipients is made
}

// formatRecipients is a file of recipients that campaigns can name.
const formatRecipients = "recipients"

// formats are those that a report can be asked for in.
func formats() string { return strings.Join(append(report.Names(), formatRecipients), ", ") }

func (r *asked) add(flags *pflag.FlagSet) {
	flags.StringVar(&r.format, "format", "json", formats())
	flags.StringSliceVar(&r.outcome, "outcome", nil, "recipients: whom, for example rejected,unknown")
	flags.BoolVar(&r.show, "show-recipients", false, "html and markdown: ids in full")
}

func (r *asked) check() error {
	switch {
	case r.format == formatRecipients:
		if _, err := report.Select(r.outcome); err != nil {
			return fail(exitUsage, "--outcome: %w", err)
		}
	case !slices.Contains(report.Names(), r.format):
		return fail(exitUsage, "--format %s: the formats are %s", r.format, formats())
	case r.outcome != nil:
		return fail(exitUsage, "--outcome is for --format %s only", formatRecipients)
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
	if want.format == formatRecipients {
		return a.printRecipients(w, want, run, facts, led.Results(ctx, run.ID))
	}
	facts.ShowRecipients = want.show && (want.format == "html" || want.format == "markdown")
	_, err = report.Print(w, want.format, run, facts, led.Results(ctx, run.ID))
	return reportError(err)
}

// printRecipients writes a file of the recipients that were asked for, and says how
// many they are.
func (a *app) printRecipients(w io.Writer, want asked, run campaign.Run, facts report.Facts, results iter.Seq2[campaign.BlockResults, error]) error {
	chosen, err := report.Select(want.outcome)
	if err != nil {
		return fail(exitUsage, "--outcome: %w", err)
	}
	n, err := report.WriteList(w, run, facts, results, chosen)
	if errors.Is(err, report.ErrGroups) {
		return fail(exitUsage, "%w", err)
	}
	if err != nil {
		return reportError(err)
	}
	fmt.Fprintf(a.stderr, "%s of run %s: %s\n", count(n.Recipients, "recipient"), run.ID, chosen)
	fmt.Fprintf(a.stderr, "its columns are %s: a campaign that names it needs no columns for them\n", diagnostics.Inert(strings.Join(run.Columns, ", ")))
	if n.Marked > 0 {
		fmt.Fprintf(a.stderr, "%s would be a formula in a spreadsheet and got an apostrophe before it: take that away before the file is used\n", count(n.Marked, "cell"))
	}
	return nil
}
