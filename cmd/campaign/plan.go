package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/contract"
	"campaign/internal/plan"
	"campaign/internal/runner"
	"campaign/internal/targets"
)

type planFlags struct {
	format   string
	out      string // the plan is saved there
	diff     string // the run that the plan is compared with
	requests bool
	preview  string
	now      string
	latency  time.Duration
}

var planFormats = []string{"text", "json", "ndjson", "curl", "markdown"}

func newPlan(a *app) *cobra.Command {
	var f planFlags
	var r runFlags
	cmd := &cobra.Command{
		Use:   "plan [PATH…]",
		Short: "Show what would be sent, to how many, and what is left out: the dry run",
		Long: `plan reads the same files as run and renders every message, but has no way to send: no network, no secret, no state. The digest stands
for everything that the plan was made of.

--out FILE saves the plan: what it is made of by digest, content and counts, no recipient and no secret. ` + "`campaign run --plan FILE`" + ` then sends
exactly that, or says what has changed. --diff RUN says what is new, gone and changed since a run. markdown is a comment for a merge request: it has
no recipient in it.

--requests shows the exact upstream requests with secrets as $NAME, --preview ID one recipient's message. ndjson is one line a request.

It forecasts when the campaign would be through, by the rates, windows and stages that a run is paced by: begun now, with a schedule when it
is due next, or at --now. That is the earliest: answers take no time (or --latency), nothing is refused, no other campaign uses the account,
people confirm stages at once. A campaign that cannot keep its deadline is an error.`,
		Example: `  campaign plan
  campaign plan census.yaml --preview 0944fe0c-9dfb-469b-ab13-dfae627655da
  campaign plan census.yaml --requests
  campaign plan census.yaml --out approved.json
  campaign plan census.yaml --diff 5rrc2ktn5n77 --format markdown > comment.md
  campaign plan census.yaml --format curl
  campaign plan census.yaml --now 2026-12-01T09:00:00+08:00`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.check(cmd); err != nil {
				return err
			}
			switch {
			case cmd.Flags().Changed("out") && f.out == "":
				return fail(exitUsage, "--out is empty: name the file that the plan is saved in")
			case f.out != "" && (r.to != nil || f.preview != ""):
				return fail(exitUsage, "--out saves the plan of whole campaigns, without recipients: leave --to and --preview out")
			}
			return a.plan(cmd.Context(), args, f, r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "text", strings.Join(planFormats, ", "))
	flags.BoolVar(&f.requests, "requests", false, "show the upstream requests, secrets redacted")
	flags.StringVar(&f.preview, "preview", "", "show the message of this recipient")
	flags.StringVar(&f.diff, "diff", "", "say what differs from this run: recipients by number, content as a text diff")
	flags.StringVar(&f.out, "out", "", "save the plan in this file, for reviewers and for run --plan")
	flags.StringVar(&f.now, "now", "", "forecast as if it were this time, as 2026-12-01T09:00:00+08:00")
	flags.DurationVar(&f.latency, "latency", 0, "how long an answer takes, as you estimate it, for the forecast")
	flags.StringSliceVar(&r.to, "to", nil, "plan a trial to these recipients only")
	flags.StringVar(&r.occurrence, "occurrence", "", "the occurrence's label")
	return cmd
}

func (a *app) plan(ctx context.Context, args []string, f planFlags, r runFlags) error {
	f.format = firstOf(f.format, "text")
	if !slices.Contains(planFormats, f.format) {
		return fail(exitUsage, "--format %s: the formats are %s", f.format, strings.Join(planFormats, ", "))
	}
	if f.preview != "" && (f.format == "curl" || f.format == "markdown") {
		return fail(exitUsage, "--preview shows a message, which has no %s form: use --format %s without it", f.format, f.format)
	}
	o := r.occasion()
	if err := o.forecast(f.now, f.latency); err != nil {
		return err
	}
	p, err := a.project()
	if err != nil {
		return err
	}
	files, _, err := p.campaignFiles(a.stdin, args)
	if err != nil {
		return err
	}
	if f.out != "" && slices.Contains(files, "-") {
		return fail(exitUsage, "--out: a plan is of files, and standard input is none")
	}
	view := newPlanView(a.stdout, f)
	if f.diff != "" {
		if view.against, err = a.compareWith(ctx, f.diff); err != nil {
			return err
		}
		defer view.against.close()
	}
	o.contents = view.against != nil
	jobs, found := p.compileAll(files, o)
	if view.against != nil && !campaign.HasErrors(found) && !view.against.among(jobs) {
		return fail(exitUsage, "--diff: run %s is of %s, which is not among the campaigns planned here", view.against.run.ID, view.against.run.Campaign)
	}
	shown, saved, found, err := a.planEach(ctx, p, jobs, view, o.occurrence.Time, found)
	if err != nil {
		return err
	}
	if err := view.end(); err != nil {
		return fail(exitState, "%w", err)
	}
	a.show(a.stderr, p.heard(files, found))
	if campaign.HasErrors(found) {
		return quit(exitProblems)
	}
	if f.out != "" {
		if err := p.savePlan(f.out, o.occurrence.Label, saved); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "the plan is saved in %s: `campaign run --plan %s` sends exactly that\n", f.out, f.out)
	}
	if f.preview != "" && shown == 0 {
		return fail(exitProblems, "no message would go to %s: no row has this id, or it is left out", campaign.Mask(f.preview))
	}
	return nil
}

// planEach plans the campaigns one after the other, as of a time, and shows each. It says
// how many previews were shown, gives what is to be saved, and adds problems to found.
func (a *app) planEach(ctx context.Context, p *project, jobs []*job, view *planView, now time.Time, found []campaign.Diagnostic) (shown int, saved []contract.Plan, _ []campaign.Diagnostic, _ error) {
	for _, j := range jobs {
		s, rows, err := j.check(ctx)
		if err != nil {
			a.show(a.stderr, campaign.SortDiagnostics(found)) // what was found so far may say why
			return 0, nil, nil, fail(exitProblems, "%w", err)
		}
		found = append(found, rows...)
		if campaign.HasErrors(rows) {
			continue
		}
		found = append(found, j.untimely(s.Work, now)...)
		digest, err := j.plan.Digest(ctx)
		if err != nil {
			return 0, nil, nil, fail(exitProblems, "%s: %w", j.campaign.File, err)
		}
		n, err := view.campaign(ctx, p, j, s, digest)
		if err != nil {
			return 0, nil, nil, fail(exitProblems, "%s: %w", j.campaign.File, err)
		}
		shown += n
		if view.flags.out != "" {
			c, err := p.contractOf(ctx, j, s, digest)
			if err != nil {
				return 0, nil, nil, err
			}
			saved = append(saved, c)
		}
	}
	return shown, saved, found, nil
}

// planned is a campaign's plan as machines read it.
type planned struct {
	contract.Plan
	Approval *plannedApproval  `json:"approval,omitempty"` // nil: the profile wants none
	Diff     *planDiff         `json:"diff,omitempty"`
	First    map[string]string `json:"first_message,omitempty"`
	Upstream []plannedRequest  `json:"upstream_requests,omitempty"`
}

// plannedRequest is one delivery.
type plannedRequest struct {
	Campaign   string      `json:"campaign"`
	Delivery   string      `json:"delivery"`
	Rows       []int64     `json:"rows"`
	Recipients int         `json:"recipients"`
	Method     string      `json:"method,omitempty"`
	URL        string      `json:"url,omitempty"`
	Header     http.Header `json:"header,omitempty"`
	Body       string      `json:"body,omitempty"`
}

// plannedPreview is the message of one recipient.
type plannedPreview struct {
	Campaign string            `json:"campaign"`
	Delivery string            `json:"delivery"`
	Row      int64             `json:"row"`
	Message  map[string]string `json:"message"`
}

func describe(p *project, j *job, s plan.Summary, digest string) planned {
	out := planned{Plan: contract.Plan{
		File: j.campaign.File, Campaign: j.campaign.Name, Profile: p.profile.Name, Occurrence: j.spec.Occurrence.Label,
		Run:    campaign.RunID(p.profile.Name, j.campaign.Name, j.spec.Occurrence.Label),
		Digest: digest, Planner: plan.Version, Channel: j.campaign.Channel.Type, Target: j.declared.Name, Address: j.account.BaseURL().String(),
		Recipients: s.Totals.Recipients, Requests: s.Totals.Requests, Skipped: s.Skipped,
		Personalised: s.Personalised, Contents: s.Contents, ContentsAtLeast: s.More, SharedRequests: s.SharedRequests,
	}}
	for _, l := range s.Lists {
		out.Lists = append(out.Lists, contract.List{File: l.File, Account: l.Suppress, Matched: l.Matched})
	}
	if rate := j.rate(); rate.N > 0 {
		out.Seconds = (time.Duration(max(s.Totals.Requests-1, 0)) * rate.Interval()).Seconds()
	}
	if b, due := j.begins(); due {
		ahead := j.foresee(s.Work, b)
		out.Forecast = ahead.planned()
	}
	out.Cost = j.cost(s)
	if s.First != nil {
		out.First = j.texts(*s.First)
	}
	return out
}

// rate is the stricter of the account's and the campaign's.
func (j *job) rate() campaign.Rate {
	return runner.Slower(j.campaign.Policy.Rate, j.declared.Limits.Rate)
}

// texts names a message's rendered texts by their keys in the campaign file.
func (j *job) texts(m targets.Message) map[string]string {
	out := map[string]string{}
	for i, t := range j.target.Layout().Texts {
		out[strings.ReplaceAll(strings.TrimPrefix(t.Pointer, "/"), "/", ".")] = m.Texts[i]
	}
	return out
}

// each renders every delivery of the plan.
func (j *job) each(ctx context.Context, do func(campaign.Delivery, targets.Message) error) error {
	for block, err := range j.plan.Blocks(ctx) {
		if err != nil {
			return err
		}
		messages, err := j.plan.Messages(block)
		if err != nil {
			return err
		}
		for i, delivery := range block.Deliveries {
			if err := do(delivery, messages[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
