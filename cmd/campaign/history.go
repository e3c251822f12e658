package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/report"
)

func newRuns(a *app) *cobra.Command {
	var filter ledger.Filter
	var format string
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the runs of this project, newest first",
		Long: `runs lists what the ledger knows: every run with its campaign, occurrence, state and numbers. Runs of the sandbox are under
--profile sandbox.`,
		Example: `  campaign runs
  campaign runs --campaign census-supplement --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fail(exitUsage, "--format %s: the formats are text and json", format)
			}
			p, led, err := a.history(cmd.Context())
			if err != nil {
				return err
			}
			if led == nil {
				return a.printRuns(nil, format)
			}
			defer led.Close()
			if a.flags.profile != "" {
				filter.Profile = p.profile.Name
			}
			var rows []runRow
			for run, err := range led.Runs(cmd.Context(), filter) {
				if err != nil {
					return stateError(err)
				}
				run.Began = run.Began.In(p.decl.Location)
				row, err := summarise(cmd.Context(), led, run)
				if err != nil {
					return reportError(err)
				}
				rows = append(rows, row)
			}
			return a.printRuns(rows, format)
		},
	}
	cmd.Flags().StringVar(&filter.Campaign, "campaign", "", "only runs of this campaign")
	cmd.Flags().BoolVar(&filter.Trials, "trials", false, "trials (--to) as well")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// runRow is a run as lists show it.
type runRow struct {
	Run        string          `json:"run"`
	Profile    string          `json:"profile"`
	Campaign   string          `json:"campaign"`
	Occurrence string          `json:"occurrence"`
	Trial      bool            `json:"trial,omitempty"`
	Began      time.Time       `json:"began_at"`
	State      string          `json:"state"`
	Requests   campaign.Counts `json:"requests"`
	Recipients campaign.Counts `json:"recipients"`
}

// summarise folds a run's numbers.
func summarise(ctx context.Context, led *sqlite.Reader, run campaign.Run) (runRow, error) {
	row := runRow{Run: run.ID, Profile: run.Profile, Campaign: run.Campaign, Occurrence: run.Occurrence.Label,
		Trial: run.Trial, Began: run.Began, State: "planning"}
	if run.State == campaign.Planning {
		return row, nil
	}
	owner, err := led.Held(ctx, run.ID)
	if err != nil {
		return row, err
	}
	r, err := report.Fold(run, report.Facts{Version: version(), Running: owner != ""}, led.Results(ctx, run.ID))
	if err != nil {
		return row, err
	}
	row.State, row.Requests, row.Recipients = string(r.State), r.Requests, r.Recipients
	return row, nil
}

func (a *app) printRuns(rows []runRow, format string) error {
	if format == "json" {
		return printJSON(a.stdout, struct {
			FormatVersion int      `json:"format_version"`
			Runs          []runRow `json:"runs"`
		}{1, append([]runRow{}, rows...)})
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.stderr, "no runs yet")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tPROFILE\tCAMPAIGN\tOCCURRENCE\tBEGAN\tSTATE\tRECIPIENTS\tACCEPTED\tREJECTED\tUNKNOWN\tLEFT OUT\tTO DO")
	for _, r := range rows {
		c := r.Recipients
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n", r.Run, r.Profile, r.Campaign, r.Occurrence,
			r.Began.Format("2006-01-02 15:04:05"), r.State, c.Planned, c.Accepted, c.Rejected, c.Unknown, c.Skipped, c.Deferred+c.Pending)
	}
	return w.Flush()
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func newShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show RUN",
		Short:   "Show one run: its numbers, reasons and what wants attention",
		Long:    "show prints a run's report for people, folded anew from the ledger. RUN may be shortened as long as it is unambiguous.",
		Example: "  campaign show 5rrc2ktn5n77",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.printReport(cmd.Context(), args[0], "markdown", a.stdout)
		},
	}
}

func newReport(a *app) *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use:   "report RUN",
		Short: "Make a run's report again, in any format, at any time",
		Long: `report folds a run's report anew from the ledger, also for a run that was interrupted or is going on. ndjson is one line a
recipient, with the ids in full: keep it as you keep the recipients.`,
		Example: `  campaign report 5rrc2ktn5n77 --format markdown
  campaign report 5rrc2ktn5n77 --format ndjson --out recipients.ndjson`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(report.Names(), format) {
				return fail(exitUsage, "--format %s: the formats are %s", format, strings.Join(report.Names(), ", "))
			}
			if out == "" {
				return a.printReport(cmd.Context(), args[0], format, a.stdout)
			}
			return stateError(replaceFile(out, func(w io.Writer) error {
				return a.printReport(cmd.Context(), args[0], format, w)
			}))
		},
	}
	cmd.Flags().StringVar(&format, "format", "json", strings.Join(report.Names(), ", "))
	cmd.Flags().StringVar(&out, "out", "", "write to this file instead of stdout")
	return cmd
}

// printReport folds a run and writes one format of its report.
func (a *app) printReport(ctx context.Context, id, format string, w io.Writer) error {
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
	_, err = report.Print(w, format, run, facts, led.Results(ctx, run.ID))
	return reportError(err)
}
