package main

import (
	"context"
	"fmt"
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

// runStates are the words for where a run stands; planning is one of which nothing was
// sent yet, and the last two are occurrences of schedules without a run.
var runStates = []string{
	string(report.Complete), string(report.Running), string(report.Interrupted), string(report.Stopped),
	string(report.Unfinished), string(report.Cancelled), statePlanning, stateDue, stateSkipped,
}

const statePlanning = "planning"

func newRuns(a *app) *cobra.Command {
	var filter ledger.Filter
	var format, since, until string
	var states []string
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the runs of this project, newest first",
		Long: `runs lists what the ledger knows: every run with its campaign, occurrence, state and numbers. --since and --until are about when a run
began: a date (both days are included) or an instant such as 2026-12-01T09:00:00+08:00, dates in the project's zone. --profile shows one
profile only; runs of the sandbox are under --profile sandbox.

States: ` + strings.Join(runStates, ", ") + `. unfinished is not complete, and nobody works on it: a crash. Occurrences of schedules that
were skipped, with their reason, and those that are due and not begun are listed below the runs.`,
		Example: `  campaign runs
  campaign runs --state interrupted,stopped,unfinished
  campaign runs --campaign census-supplement --since 2026-12-01 --until 2026-12-31 --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fail(exitUsage, "--format %s: the formats are text and json", format)
			}
			for _, s := range states {
				if !slices.Contains(runStates, s) {
					return fail(exitUsage, "--state %s: the states are %s", s, strings.Join(runStates, ", "))
				}
			}
			p, led, err := a.history(cmd.Context())
			if err != nil {
				return err
			}
			if filter.From, err = instant("--since", since, p.decl.Location, false); err != nil {
				return err
			}
			if filter.Until, err = instant("--until", until, p.decl.Location, true); err != nil {
				return err
			}
			if led == nil {
				return a.printRuns(nil, nil, format, "no runs yet")
			}
			defer led.Close()
			if a.flags.profile != "" {
				filter.Profile = p.profile.Name
			}
			rows, err := p.list(cmd.Context(), led, filter, states)
			if err != nil {
				return err
			}
			slots, err := p.slotRows(cmd.Context(), led, filter, rows)
			if err != nil {
				return err
			}
			if len(states) > 0 {
				slots = slices.DeleteFunc(slots, func(r slotRow) bool { return !slices.Contains(states, r.State) })
			}
			none := "no runs yet"
			if len(states) > 0 || filter != (ledger.Filter{Trials: filter.Trials}) {
				none = "no such run"
			}
			return a.printRuns(rows, slots, format, none)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Campaign, "campaign", "", "only runs of this campaign")
	flags.StringSliceVar(&states, "state", nil, "only runs in these states")
	flags.StringVar(&since, "since", "", "only runs that began on this date or later, or at this instant or later")
	flags.StringVar(&until, "until", "", "only runs that began on this date or earlier, or before this instant")
	flags.BoolVar(&filter.Trials, "trials", false, "trials (--to) as well")
	flags.StringVar(&format, "format", "text", "text or json")
	return cmd
}

// instant reads a date or an RFC 3339 instant. The end of a date is the beginning
// of the next one. An empty text is no bound.
func instant(flag, text string, zone *time.Location, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return t, fail(exitUsage, "%s %s: give a date such as 2026-12-01, or an instant such as 2026-12-01T09:00:00+08:00", flag, text)
	}
	if end {
		y, m, d := t.Date()
		t = time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	}
	return t, nil
}

// list gives the runs that match, newest first.
func (p *project) list(ctx context.Context, led *sqlite.Reader, filter ledger.Filter, states []string) ([]runRow, error) {
	var rows []runRow
	for run, err := range led.Runs(ctx, filter) {
		if err != nil {
			return nil, stateError(err)
		}
		run.Began = run.Began.In(p.decl.Location)
		row, err := p.summarise(ctx, led, run)
		if err != nil {
			return nil, reportError(err)
		}
		if len(states) == 0 || slices.Contains(states, row.State) {
			rows = append(rows, row)
		}
	}
	return rows, nil
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
	Reason     string          `json:"reason,omitempty"` // why it is in that state
	Requests   campaign.Counts `json:"requests"`
	Recipients campaign.Counts `json:"recipients"`
}

// summarise folds a run's numbers.
func (p *project) summarise(ctx context.Context, led *sqlite.Reader, run campaign.Run) (runRow, error) {
	row := runRow{Run: run.ID, Profile: run.Profile, Campaign: run.Campaign, Occurrence: run.Occurrence.Label,
		Trial: run.Trial, Began: run.Began, State: statePlanning}
	if run.State == campaign.Planning {
		return row, nil
	}
	owner, err := led.Held(ctx, run.ID)
	if err != nil {
		return row, err
	}
	notes, err := led.Notes(ctx, run.ID)
	if err != nil {
		return row, err
	}
	facts := report.Facts{Version: version(), Running: owner != "", Notes: notes}
	r, err := report.Fold(run, facts, led.Results(ctx, run.ID))
	if err != nil {
		return row, err
	}
	row.State, row.Reason, row.Requests, row.Recipients = string(r.State), r.Reason, r.Requests, r.Recipients
	return row, nil
}

func (a *app) printRuns(rows []runRow, slots []slotRow, format, none string) error {
	if format == "json" {
		return printJSON(a.stdout, struct {
			FormatVersion int       `json:"format_version"`
			Runs          []runRow  `json:"runs"`
			Occurrences   []slotRow `json:"occurrences,omitempty"`
		}{1, append([]runRow{}, rows...), slots})
	}
	if len(rows) == 0 && len(slots) > 0 {
		return a.printSlots(slots)
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.stderr, none)
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tPROFILE\tCAMPAIGN\tOCCURRENCE\tBEGAN\tSTATE\tRECIPIENTS\tACCEPTED\tREJECTED\tUNKNOWN\tLEFT OUT\tTO DO")
	for _, r := range rows {
		c := r.Recipients
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n", r.Run, r.Profile, r.Campaign, r.Occurrence,
			r.Began.Format("2006-01-02 15:04:05"), r.State, c.Planned, c.Accepted, c.Rejected, c.Unknown, c.Skipped, c.Deferred+c.Pending)
	}
	if err := w.Flush(); err != nil || len(slots) == 0 {
		return err
	}
	fmt.Fprintln(a.stdout)
	return a.printSlots(slots)
}
