package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/report"
	"campaign/internal/targets"
)

func newEvidence(a *app) *cobra.Command {
	var id, out string
	cmd := &cobra.Command{
		Use:   "evidence RUN --recipient ID --out FILE.zip",
		Short: "Put together what a run did about one recipient, for an auditor or a vendor",
		Long: `evidence writes a zip file: a summary, the message as it was rendered, the request as it was sent with stand-ins for secrets, every
attempt by our clock and the upstream's with the raw answer, the campaign file and content as they were frozen, the plan's digest, the git
commit and the run's history. The request is rebuilt from the frozen inputs, and its digest is held against the plan.

Of other recipients of the same request only the number is in it. The file is yours alone (0600), and one that is there is never
overwritten.

Exit code 1: nothing was ever sent to the recipient; the reason is said.`,
		Example: "  campaign evidence 5rrc2ktn5n77 --recipient 0944fe0c-9dfb-469b-ab13-dfae627655da --out evidence.zip",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case id == "":
				return fail(exitUsage, "--recipient ID is missing: the value of the run's first column")
			case out == "":
				return fail(exitUsage, "--out FILE.zip is missing")
			}
			return a.evidence(cmd.Context(), args[0], id, out)
		},
	}
	cmd.Flags().StringVar(&id, "recipient", "", "the recipient's id, as in the run's first column")
	cmd.Flags().StringVar(&out, "out", "", "the file to write; it must not be there")
	return cmd
}

// evidence is what is known of one recipient in one run.
type evidence struct {
	past      *past
	id        string
	requests  []proof
	skipped   []string // why other rows of the recipient are in no request
	notes     []campaign.Note
	inputs    []campaign.Input
	report    report.Report
	generated time.Time
}

// proof is what is known of one request to the recipient.
type proof struct {
	hit      *hit
	outcome  string
	reason   string
	others   int // in the same request
	attempts []attempt
	message  *targets.Message // nil: why says why it is not there
	why      string
}

func (a *app) evidence(ctx context.Context, run, id, out string) error {
	p, led, found, err := a.findRun(ctx, run)
	if err != nil {
		return err
	}
	defer led.Close()
	if found.State == campaign.Planning {
		return fail(exitProblems, "nothing was sent: run %s was never planned as a whole", found.ID)
	}
	w := &past{project: p, ledger: led, run: found}
	e, err := w.evidence(ctx, id)
	if err != nil {
		return err
	}
	if why := e.nothing(); why != "" {
		return fail(exitProblems, "nothing was sent to %s in run %s: %s", id, found.ID, why)
	}
	if err := e.save(out); err != nil {
		return err
	}
	speak(a.stdout, "wrote %s: %s to %s in run %s\n", out, count(len(e.requests), "request"), id, found.ID)
	for _, why := range e.skipped {
		speak(a.stdout, "another row of the same recipient was left out: %s\n", why)
	}
	return nil
}

// evidence gathers everything that the ledger has.
func (w *past) evidence(ctx context.Context, id string) (*evidence, error) {
	e := &evidence{past: w, id: id, generated: time.Now()}
	zone := w.project.decl.Location
	for h, err := range (search{id: id}).in(ctx, w, 0) {
		if err != nil {
			return nil, err
		}
		if h.skip != "" {
			e.skipped = append(e.skipped, fmt.Sprintf("row %d: %s", h.recipient.Row, h.skip))
			continue
		}
		p := proof{
			hit: h, outcome: h.result.Verdict.Outcome.String(), reason: w.hider(ctx, h).text(h.result.Verdict.Reason),
			others: len(h.result.Part.Of(h.delivery.Recipients)) - 1,
		}
		if p.attempts, err = w.attempts(ctx, h, zone); err != nil {
			return nil, err
		}
		if m, err := w.message(ctx, h); err != nil {
			p.why = err.Error()
		} else {
			p.message = &m
		}
		e.requests = append(e.requests, p)
	}
	var err error
	if e.notes, err = w.ledger.Notes(ctx, w.run.ID); err != nil {
		return nil, stateError(err)
	}
	if e.inputs, err = w.ledger.Inputs(ctx, w.run.ID); err != nil {
		return nil, stateError(err)
	}
	facts, err := w.project.facts(ctx, w.ledger, w.run)
	if err != nil {
		return nil, err
	}
	e.report, err = report.Fold(w.run, facts, w.ledger.Results(ctx, w.run.ID))
	return e, reportError(err)
}

// sent reports whether a request went out, at least once, with the recipient in it.
func (p *proof) sent() bool {
	return slices.ContainsFunc(p.attempts, func(a attempt) bool { return a.Covers && !a.Sent.IsZero() })
}

// nothing says why there is no evidence; empty: there is.
func (e *evidence) nothing() string {
	if slices.ContainsFunc(e.requests, func(p proof) bool { return p.sent() }) {
		return ""
	}
	if len(e.requests)+len(e.skipped) == 0 {
		return "it has no such recipient; an id is the value of the run's first column"
	}
	reasons := slices.Clone(e.skipped)
	for _, p := range e.requests {
		why := firstOf(p.reason, "it has not been tried yet")
		reasons = append(reasons, fmt.Sprintf("row %d: %s (%s)", p.hit.recipient.Row, p.outcome, why))
	}
	return strings.Join(reasons, "; ")
}

// parts are those of the delivery's that went out with the recipient in them, in
// the order of their first attempt.
func (p *proof) parts() []campaign.Part {
	var parts []campaign.Part
	for _, a := range p.attempts {
		if a.Covers && !a.Sent.IsZero() && !slices.Contains(parts, a.part) {
			parts = append(parts, a.part)
		}
	}
	return parts
}

// rebuilt is the request of a part as it went out, with stand-ins for secrets and
// for everybody but the recipient. User groups stay: they are nobody's.
func (w *past) rebuilt(p *proof, part campaign.Part) (targets.Request, error) {
	m := *p.message
	layout := w.job.target.Layout()
	if !layout.Groups {
		m.Recipients = slices.Clone(m.Recipients)
		for i, r := range m.Recipients {
			if i != p.hit.at {
				m.Recipients[i] = anybody(r, layout)
			}
		}
	}
	m.Recipients = part.Of(m.Recipients)
	return w.job.request(m)
}

// anybody is a recipient without what says who it is.
func anybody(r campaign.Recipient, layout targets.Layout) campaign.Recipient {
	cells := make([]string, len(r.Cells))
	for i := range cells {
		cells[i] = hiddenText
		if i < len(layout.Fields) && layout.Fields[i].Parse != nil {
			cells[i] = r.Cells[i] // one of a few values that requests know
		}
	}
	return campaign.Recipient{Row: r.Row, Cells: cells}
}

// request builds a message's request with stand-ins for secrets: $NAME.
func (j *job) request(m targets.Message) (targets.Request, error) {
	secrets := targets.Placeholders(j.account)
	request, err := j.target.Request(m, secrets)
	if err != nil {
		return request, err
	}
	if authorizer, ok := j.target.(targets.Authorizer); ok {
		authorizer.Authorize(request.Header, secrets["token"])
	}
	for name, c := range j.declared.Headers {
		request.Header.Set(name, headerStandIn(c))
	}
	return request, nil
}

// shownInputs are the frozen files that the evidence shows: the campaign file and
// its content. A campaign file with a list of recipients in it stays out.
func (e *evidence) shownInputs() (shown []campaign.Input, why string) {
	j := e.past.job
	if j == nil {
		return nil, "which of them hold recipients is not known to this version of the program"
	}
	for _, in := range e.inputs {
		_, content := j.campaign.Content.Files[in.Path]
		if in.Data == nil || in.Path != e.past.run.File && !content {
			continue
		}
		if in.Path == e.past.run.File && j.campaign.Recipients.List != nil {
			why = "the campaign file lists its recipients, so only its digest is here"
			continue
		}
		shown = append(shown, in)
	}
	return shown, why
}

// history is what happened to the run, without what a person's word says of the
// request's other recipients.
func (e *evidence) history(ctx context.Context) []campaign.Note {
	notes := slices.Clone(e.notes)
	for i := range notes {
		notes[i].At = notes[i].At.In(e.past.project.decl.Location)
		for _, p := range e.requests {
			notes[i].Text = e.past.hider(ctx, p.hit).text(notes[i].Text)
		}
	}
	return notes
}
