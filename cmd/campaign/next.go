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
	"campaign/internal/schedule"
)

// maxNext bounds what one campaign lists.
const maxNext = 1000

func newNext(a *app) *cobra.Command {
	var n int
	var format string
	cmd := &cobra.Command{
		Use:   "next [PATH…]",
		Short: "Show the coming occurrences of scheduled campaigns",
		Long: `next lists when each scheduled campaign is due, in its zone and in UTC, earliest first. Occurrences that the schedule leaves out, because
of its dates or a calendar, are listed with the reason and do not count.`,
		Example: "  campaign next\n  campaign next report.yaml -n 20\n  campaign next --format json",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case format != "text" && format != "json":
				return fail(exitUsage, "--format %s: the formats are text and json", format)
			case n < 1 || n > maxNext:
				return fail(exitUsage, "-n %d: give a number from 1 to %d", n, maxNext)
			}
			return a.next(cmd.Context(), args, n, format)
		},
	}
	cmd.Flags().IntVarP(&n, "number", "n", 5, "occurrences of each campaign")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// coming is an occurrence to come as it is shown.
type coming struct {
	Campaign   string    `json:"campaign"`
	Occurrence string    `json:"occurrence"`
	At         time.Time `json:"at"`
	UTC        time.Time `json:"utc"`
	Run        string    `json:"run"`
	Skipped    string    `json:"skipped,omitempty"` // why
	Count      int       `json:"count,omitempty"`   // so many in a row are skipped for this reason, this one included
	Last       string    `json:"last_occurrence,omitempty"`
}

func (a *app) next(ctx context.Context, args []string, n int, format string) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	files, _, err := p.campaignFiles(a.stdin, args)
	if err != nil {
		return err
	}
	jobs, found := p.compileAll(files, (&runFlags{}).occasion())
	if campaign.HasErrors(found) {
		a.show(a.stderr, campaign.SortDiagnostics(found))
		return fail(exitProblems, "correct the problems above first")
	}
	var all []coming
	for _, j := range jobs {
		if j.table != nil {
			all = append(all, p.coming(j, present(), n)...)
		}
	}
	slices.SortStableFunc(all, func(a, b coming) int { return a.At.Compare(b.At) })
	if err := ctx.Err(); err != nil {
		return fail(exitUsage, "interrupted")
	}
	return a.printNext(all, format)
}

// leftOutMost bounds how many stretches of occurrences that are left out are listed on
// the way, and looksMost how many occurrences are looked at.
const (
	leftOutMost = 50
	looksMost   = 500_000
)

// coming lists occurrences of a campaign.
func (p *project) coming(j *job, now time.Time, n int) (all []coming) {
	left, looks := leftOutMost, looksMost
	if before := j.table.Starts().Midnight().AddDate(0, 0, -2); !j.table.Starts().IsZero() && before.After(now) {
		now = before // the last of those that come too early show it
	}
	for s := range j.table.Coming(now, now.AddDate(20, 0, 0)) {
		if j.table.Suspended() && s.Skip == "" {
			s.Skip = campaign.SkipSuspended
			n-- // they count, or the list would never end
		}
		if looks--; n < 0 || looks < 0 {
			break
		}
		switch last := len(all) - 1; {
		case s.Skip == "":
			n--
		case last >= 0 && all[last].Skipped == s.Skip:
			all[last].Count, all[last].Last = all[last].Count+1, s.Label
			continue
		default:
			left--
		}
		all = append(all, p.comingSlot(j.campaign.Name, s))
		if n <= 0 || left <= 0 || strings.HasPrefix(s.Skip, campaign.SkipOver) {
			break
		}
	}
	return all
}

func (p *project) comingSlot(name string, s schedule.Slot) coming {
	c := coming{Campaign: name, Occurrence: s.Label, At: s.At, UTC: s.At.UTC(), Run: campaign.RunID(p.profile.Name, name, s.Label), Skipped: s.Skip}
	if s.Skip != "" {
		c.Count = 1
	}
	return c
}

func (a *app) printNext(all []coming, format string) error {
	if format == "json" {
		return printJSON(a.stdout, struct {
			FormatVersion int      `json:"format_version"`
			Next          []coming `json:"next"`
		}{1, append([]coming{}, all...)})
	}
	if len(all) == 0 {
		fmt.Fprintln(a.stderr, "nothing is due: no campaign has a schedule with something to come")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CAMPAIGN\tOCCURRENCE\tUTC\tRUN\tSKIPPED")
	for _, c := range all {
		if c.Count > 1 {
			c.Skipped += fmt.Sprintf(" (%d until %s)", c.Count, c.Last)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Campaign, c.At.Format("Mon ")+c.Occurrence, c.UTC.Format("2006-01-02 15:04Z"), c.Run, c.Skipped)
	}
	return w.Flush()
}
