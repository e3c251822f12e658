package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

func newExplain(a *app) *cobra.Command {
	var by, format string
	cmd := &cobra.Command{
		Use:   "explain RECIPIENT",
		Short: "Show every run that touched a recipient: what it sent, when, and what the upstream said",
		Long: `explain looks through every run of the ledger for a recipient: what was sent to it, every attempt by our clock and by the upstream's (the
Date of its answer), what the upstream said, or why it was left out. RECIPIENT is the id that the run's first column has; --by looks at any
other column. Of the request's other recipients only the number is shown.

Who is in a user group only the upstream knows: a group's id shows the runs that went to the group. Runs of the sandbox are under
--profile sandbox.

Exit code 1: no run of the ledger has such a recipient.`,
		Example: `  campaign explain 0944fe0c-9dfb-469b-ab13-dfae627655da
  campaign explain --by 企业名称=某公司 --format json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return fail(exitUsage, "--format %s: the formats are text and json", format)
			}
			q, err := newSearch(args, by)
			if err != nil {
				return err
			}
			return a.explain(cmd.Context(), q, format)
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "COLUMN=VALUE: look at this column in the place of the id")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// explained is what a run did about one row.
type explained struct {
	Run        string    `json:"run"`
	Profile    string    `json:"profile"`
	Campaign   string    `json:"campaign"`
	Occurrence string    `json:"occurrence"`
	Trial      bool      `json:"trial,omitempty"`
	Began      time.Time `json:"began_at"`
	Channel    string    `json:"channel"`
	Target     string    `json:"target"`
	Groups     bool      `json:"groups"` // the recipient is a user group: who is in it only the upstream knows
	Row        int64     `json:"row"`
	Recipient  string    `json:"recipient"` // masked unless it was asked for by its id
	Outcome    string    `json:"outcome"`
	Reason     string    `json:"reason,omitempty"`
	Request    string    `json:"request,omitempty"` // absent: no request covers the row, the reason says why
	Others     int       `json:"other_recipients"`  // in the same request
	Title      string    `json:"title,omitempty"`   // as it was rendered, or the push's name
	Message    any       `json:"message,omitempty"` // every rendered text
	Unrendered string    `json:"unrendered,omitempty"`
	Attempts   []attempt `json:"attempts,omitempty"`
}

// explainView writes what was found as it is found.
type explainView struct {
	w       io.Writer
	json    bool
	found   int
	run     string // the last one
	grouped int    // runs to user groups that were looked at
}

func (a *app) explain(ctx context.Context, q search, format string) error {
	p, led, err := a.history(ctx)
	if err != nil {
		return err
	}
	v := &explainView{w: a.stdout, json: format == "json"}
	known := q.column == ""
	if led != nil {
		defer led.Close()
		filter := ledger.Filter{Trials: true}
		if a.flags.profile != "" {
			filter.Profile = p.profile.Name
		}
		if known, err = p.explainAll(ctx, led, q, filter, v); err != nil {
			return err
		}
	}
	if err := v.end(); err != nil {
		return fail(exitState, "%w", err)
	}
	switch {
	case v.found > 0:
		return nil
	case led != nil && !known:
		return fail(exitUsage, "no run has a column %q: columns are named as in the recipients file", q.column)
	case q.column != "":
		return fail(exitProblems, "no run in this ledger has a recipient with %s = %s%s", q.column, q.value, v.groupsNote())
	}
	return fail(exitProblems, "no run in this ledger has a recipient %s: an id is the value of the run's first column, --by COLUMN=VALUE looks at another%s", q.id, v.groupsNote())
}

// explainAll looks through the runs, newest first. It reports whether one of them
// has the column that is looked at.
func (p *project) explainAll(ctx context.Context, led *sqlite.Reader, q search, filter ledger.Filter, v *explainView) (known bool, err error) {
	known = q.column == ""
	for run, err := range led.Runs(ctx, filter) {
		if err != nil {
			return known, stateError(err)
		}
		if run.State == campaign.Planning {
			continue
		}
		if toGroups(run.Channel) {
			v.grouped++
		}
		w := &past{project: p, ledger: led, run: run}
		cell := q.cell(ctx, w)
		if cell < 0 {
			continue
		}
		known = true
		for h, err := range q.in(ctx, w, cell) {
			if err != nil {
				return known, err
			}
			e, err := w.explain(ctx, h, q)
			if err != nil {
				return known, err
			}
			if err := v.show(e); err != nil {
				return known, fail(exitState, "%w", err)
			}
		}
	}
	return known, nil
}

// explain says what the run did about a row.
func (w *past) explain(ctx context.Context, h *hit, q search) (explained, error) {
	zone := w.project.decl.Location
	e := explained{
		Run: w.run.ID, Profile: w.run.Profile, Campaign: w.run.Campaign, Occurrence: w.run.Occurrence.Label, Trial: w.run.Trial,
		Began: w.run.Began.In(zone), Channel: w.run.Channel, Target: w.run.Target, Groups: w.groups(),
		Row: h.recipient.Row, Recipient: h.recipient.ID(),
		Outcome: campaign.Skipped.String(), Reason: h.skip,
	}
	if q.column != "" && !e.Groups {
		e.Recipient = campaign.Mask(e.Recipient)
	}
	if h.skip != "" {
		return e, nil
	}
	verdict := h.result.Verdict
	e.Outcome, e.Reason = verdict.Outcome.String(), w.hider(ctx, h).text(verdict.Reason)
	e.Request, e.Others = h.key(), len(h.result.Part.Of(h.delivery.Recipients))-1
	switch m, err := w.message(ctx, h); {
	case err != nil:
		e.Unrendered = err.Error()
	default:
		texts := w.job.texts(m)
		e.Message, e.Title = texts, firstOf(texts["content.title"], texts["content.name"], texts["content.text"])
	}
	var err error
	e.Attempts, err = w.attempts(ctx, h, zone)
	return e, err
}

func (v *explainView) show(e explained) error {
	v.found++
	if !v.json {
		return v.text(e)
	}
	head := ",\n    "
	if v.found == 1 {
		head = "{\n  \"format_version\": 1,\n  \"found\": [\n    "
	}
	if _, err := io.WriteString(v.w, head); err != nil {
		return err
	}
	data, err := json.MarshalIndent(e, "    ", "  ")
	if err == nil {
		_, err = v.w.Write(data)
	}
	return err
}

// end completes what show began.
func (v *explainView) end() error {
	switch {
	case v.json && v.found == 0:
		return printJSON(v.w, struct {
			FormatVersion int         `json:"format_version"`
			Found         []explained `json:"found"`
			Groups        int         `json:"group_runs"` // who was in their groups only the upstream knows
		}{1, []explained{}, v.grouped})
	case v.json:
		_, err := fmt.Fprintf(v.w, "\n  ],\n  \"group_runs\": %d\n}\n", v.grouped)
		return err
	case v.found > 0 && v.grouped > 0:
		_, err := fmt.Fprintln(v.w, "\n"+inWords(v.groupsNote()[2:]))
		return err
	}
	return nil
}

// groupsNote says what the ledger cannot know; empty: there is no such run.
func (v *explainView) groupsNote() string {
	if v.grouped == 0 {
		return ""
	}
	return fmt.Sprintf("; %s of this ledger went to user groups, and who is in a group only the upstream knows", count(v.grouped, "run"))
}

func (v *explainView) text(e explained) error {
	w := &lineWriter{w: v.w}
	if v.run != e.Run {
		if v.run != "" {
			w.line("")
		}
		v.run = e.Run
		trial := ""
		if e.Trial {
			trial = ", a trial"
		}
		w.line("%s: run %s (%s), occurrence %s, began %s%s", e.Campaign, e.Run, e.Profile, e.Occurrence, e.Began.Format(timeLayout), trial)
	}
	who := "recipient"
	if e.Groups {
		who = "user group (who is in it only the upstream knows)"
	}
	w.line("  row %d, %s %s: %s", e.Row, who, e.Recipient, e.Outcome)
	if e.Request == "" {
		w.line("    left out: %s", e.Reason)
		return w.err
	}
	w.line("    request %s through %s (%s), with %s", e.Request, e.Target, e.Channel, count(e.Others, "other recipient"))
	if e.Unrendered != "" {
		w.line("    what it said cannot be shown: %s", e.Unrendered)
	} else {
		w.quote("    ", "it said", e.Title)
	}
	if len(e.Attempts) == 0 {
		w.line("    nothing was sent: %s", firstOf(e.Reason, "its turn has not come"))
	}
	for _, t := range e.Attempts {
		if t.Covers {
			w.attempt(t)
		}
	}
	return w.err
}

// timeLayout shows a time to people, with its zone.
const timeLayout = "2006-01-02 15:04:05 -07:00"

// lineWriter writes lines and keeps the first error.
type lineWriter struct {
	w   io.Writer
	err error
}

func (w *lineWriter) line(format string, args ...any) {
	w.as(inWords(diagnostics.Inert(fmt.Sprintf(format, args...))))
}

// as writes a line as it is.
func (w *lineWriter) as(line string) {
	if w.err == nil {
		_, w.err = fmt.Fprintln(w.w, diagnostics.Inert(line))
	}
}

// quote writes what others said, behind what it is: none of its words are ours.
func (w *lineWriter) quote(indent, what, text string) {
	w.as(indent + inWords(what) + sign(": ", "：") + text)
}

func (w *lineWriter) attempt(t attempt) {
	const layout = "2006-01-02 15:04:05.000 -07:00"
	if t.Sent.IsZero() {
		w.line("    %s: %s (%s)", t.Settled.Format(layout), t.Outcome, t.Reason)
		return
	}
	parts := []string{inWords("sent " + t.Sent.Format(layout))}
	if !t.Settled.IsZero() {
		parts = append(parts, inWords("ended "+t.Settled.Format("15:04:05.000")))
	}
	if !t.Upstream.IsZero() {
		parts = append(parts, inWords("by the upstream's clock "+t.Upstream.Format("15:04:05")))
	}
	if t.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", t.Status))
	}
	text := strings.Join(parts, sign(", ", "，")) + sign(": ", "：") + inWords(t.Outcome)
	if t.Reason != "" {
		text += sign(" (", "（") + inWords(t.Reason) + sign(")", "）")
	}
	if t.Ref != "" {
		text += sign(", ", "，") + inWords("the upstream's id "+t.Ref)
	}
	w.as("    " + text)
	if t.Answer != "" {
		w.quote("      ", "the upstream said", strings.TrimSpace(t.Answer))
	}
}
