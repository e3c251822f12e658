package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
	"campaign/internal/plan"
	"campaign/internal/targets"
)

// planView writes plans in one format.
type planView struct {
	w     io.Writer
	flags planFlags
	lines *json.Encoder
	all   []planned
	found []plannedPreview
	// against is the run that plans are compared with; nil: none.
	against *comparison
}

func newPlanView(w io.Writer, f planFlags) *planView {
	v := &planView{w: w, flags: f, lines: json.NewEncoder(diagnostics.EscapeJSON(w))}
	v.lines.SetEscapeHTML(false)
	if f.format == "ndjson" {
		_ = v.lines.Encode(map[string]any{"format": "campaign plan", "format_version": 1})
	}
	return v
}

// campaign shows one campaign and says how many previews were found.
func (v *planView) campaign(ctx context.Context, p *project, j *job, s plan.Summary, digest string) (previews int, err error) {
	d := describe(p, j, s, digest)
	if v.flags.preview != "" {
		return v.preview(ctx, j)
	}
	if d.Approval, err = p.plannedApproval(ctx, j, s, digest); err != nil {
		return 0, err
	}
	if v.against != nil {
		if d.Diff, err = v.against.of(ctx, p, j); err != nil {
			return 0, err
		}
	}
	switch v.flags.format {
	case "text":
		v.text(j, d, s)
	case "markdown":
		inputs, err := p.inputs(ctx, j)
		if err != nil {
			return 0, err
		}
		if err := v.markdown(j, d, s, sentSources(inputs, j)); err != nil {
			return 0, err
		}
	}
	if v.flags.requests || v.flags.format == "curl" || v.flags.format == "ndjson" {
		if err := v.deliveries(ctx, j, &d); err != nil {
			return 0, err
		}
	}
	v.all = append(v.all, d)
	return 0, nil
}

func (v *planView) end() error {
	previews := v.flags.preview != ""
	switch v.flags.format {
	case "json":
		if previews {
			return printJSON(v.w, struct {
				FormatVersion int              `json:"format_version"`
				Previews      []plannedPreview `json:"previews"`
			}{1, append([]plannedPreview{}, v.found...)})
		}
		return printJSON(v.w, struct {
			FormatVersion int       `json:"format_version"`
			Plans         []planned `json:"plans"`
		}{1, append([]planned{}, v.all...)})
	case "ndjson":
		if previews {
			return v.lines.Encode(map[string]any{"summary": map[string]int{"previews": len(v.found)}})
		}
		for i := range v.all {
			v.all[i].First = nil
		}
		return v.lines.Encode(map[string]any{"summary": append([]planned{}, v.all...)})
	}
	return nil
}

// deliveries shows every request of a campaign.
func (v *planView) deliveries(ctx context.Context, j *job, d *planned) error {
	return j.each(ctx, func(delivery campaign.Delivery, m targets.Message) error {
		if v.flags.format == "curl" {
			command, err := targets.Curl(j.target, m, j.account.Credentials(), j.declared.Headers)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(v.w, "# %s %s: %s\n%s\n\n", j.campaign.Name, delivery.Key(campaign.Part{Seq: delivery.Seq}), count(len(delivery.Recipients), j.unit()), command)
			return err
		}
		r := plannedRequest{Campaign: j.campaign.Name, Delivery: delivery.Key(campaign.Part{Seq: delivery.Seq}), Recipients: len(delivery.Recipients)}
		for _, recipient := range delivery.Recipients {
			r.Rows = append(r.Rows, recipient.Row)
		}
		if v.flags.requests {
			request, err := j.request(m)
			if err != nil {
				return err
			}
			r.Method, r.URL, r.Header, r.Body = request.Method, request.URL, request.Header, string(request.Body)
		}
		switch v.flags.format {
		case "ndjson":
			return v.lines.Encode(r)
		case "json":
			d.Upstream = append(d.Upstream, r)
			return nil
		}
		_, err := fmt.Fprintf(v.w, "\n  %s\n    %s %s\n%s\n%s\n", inWords(fmt.Sprintf("request %s, %s", r.Delivery, count(r.Recipients, j.unit()))), r.Method, r.URL, headerLines(r.Header), indent(r.Body))
		return err
	})
}

// headerStandIn stands for a fixed header's value where nothing is sent.
func headerStandIn(c campaign.Credential) string {
	switch {
	case c.Literal != "":
		return c.Literal
	case c.Env != "":
		return "$" + c.Env
	}
	return "$HEADER"
}

func headerLines(h http.Header) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		lines = append(lines, "    "+name+": "+strings.Join(h[name], ", "))
	}
	return strings.Join(lines, "\n")
}

func indent(text string) string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
	for i, line := range lines {
		lines[i] = "    " + diagnostics.Inert(line)
	}
	return strings.Join(lines, "\n")
}

// preview shows the messages that go to one recipient.
func (v *planView) preview(ctx context.Context, j *job) (found int, err error) {
	err = j.each(ctx, func(delivery campaign.Delivery, m targets.Message) error {
		at := slices.IndexFunc(delivery.Recipients, func(r campaign.Recipient) bool { return r.ID() == v.flags.preview })
		if at < 0 {
			return nil
		}
		found++
		p := plannedPreview{j.campaign.Name, delivery.Key(campaign.Part{Seq: delivery.Seq}), delivery.Recipients[at].Row, j.texts(m)}
		switch v.flags.format {
		case "json":
			v.found = append(v.found, p)
			return nil
		case "ndjson":
			v.found = append(v.found, p)
			return v.lines.Encode(p)
		}
		speak(v.w, "%s: the message of row %d (request %s, %s)\n", p.Campaign, p.Row, p.Delivery, count(len(delivery.Recipients), j.unit()))
		return printTexts(v.w, p.Message)
	})
	return found, err
}

func printTexts(w io.Writer, texts map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if texts[name] == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "  %s:\n%s\n", diagnostics.Inert(name), indent(texts[name])); err != nil {
			return err
		}
	}
	return nil
}

// unit is what a campaign's recipients are.
func (j *job) unit() string {
	if j.target.Layout().Groups {
		return "user group"
	}
	return "recipient"
}

// text shows a campaign for people.
func (v *planView) text(j *job, d planned, s plan.Summary) {
	if len(v.all) > 0 {
		fmt.Fprintln(v.w)
	}
	fmt.Fprintf(v.w, "%s (%s)\n", d.Campaign, d.File)
	d.lines(j, s, func(name, format string, args ...any) {
		fmt.Fprintf(v.w, "  %s %s\n", runewidth.FillRight(inWords(name), 11), inWords(fmt.Sprintf(format, args...)))
	})
	if d.Diff != nil {
		fmt.Fprintf(v.w, "  %s %s\n", runewidth.FillRight(inWords("since"), 11), inWords(d.Diff.sentence()))
		for _, f := range d.Diff.Files {
			fmt.Fprintln(v.w, indent(f.Diff))
		}
	}
	if d.First != nil {
		speak(v.w, "  the first message:\n")
		_ = printTexts(indented{v.w}, d.First)
	}
}

// lines are what people want to know of a plan, each with its name.
func (d *planned) lines(j *job, s plan.Summary, line func(name, format string, args ...any)) {
	whose := ""
	if j.target.Layout().Groups {
		whose = " (who is in them, only the upstream knows)"
	}
	line("sends", "%s through %s (%s) at %s", d.Channel, d.Target, d.Profile, d.Address)
	line("to", "%d of %s%s in %s", d.Reached(), count(d.Recipients, j.unit()), whose, count(d.Requests, "request"))
	if s.Totals.Skipped > 0 {
		line("leaves out", "%d: %s", s.Totals.Skipped, leftOut(s))
	}
	for _, l := range d.Lists {
		if l.Matched == 0 && !l.Account && j.spec.To == nil && j.spec.Chosen == nil && j.declared.Only == nil {
			line("look", "%s matches no row: is it for this campaign, and does it name people the same way?", l.File)
		}
	}
	if d.Personalised {
		atLeast := ""
		if d.ContentsAtLeast {
			atLeast = "at least "
		}
		line("look", "personalised: %s%s; with one text for all it would be %s", atLeast, count(d.Contents, "different message"), count(d.SharedRequests, "request"))
	}
	if rate := j.rate(); rate.N > 0 {
		line("rate", "%s per %s at most", count(rate.N, "request"), perSpan(rate.Per))
	}
	for _, l := range forecastLines(d.Forecast, j.spec.Zone, j.unit()) {
		line(l[0], "%s", l[1])
	}
	line("counts", "%s", d.Cost.CountsText())
	if price := d.Cost.Price(); price != "" {
		line("costs", "%s", price)
	}
	if most := j.declared.Cap; most != nil {
		line("look", "the account allows %s for a recipient: who is over it is left out when the run begins", most)
	}
	line("run", "%s, occurrence %s", d.Run, d.Occurrence)
	line("digest", "%s", d.Digest)
	if d.Approval != nil {
		line("approved", "%s", d.Approval.sentence())
	}
}

func perSpan(d time.Duration) string {
	switch d {
	case time.Second:
		return "second"
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	}
	return d.String()
}

// indented writes lines two columns further right.
type indented struct{ w io.Writer }

func (i indented) Write(p []byte) (int, error) {
	text := strings.TrimSuffix(string(p), "\n")
	if _, err := io.WriteString(i.w, "  "+strings.ReplaceAll(text, "\n", "\n  ")+"\n"); err != nil {
		return 0, err
	}
	return len(p), nil
}
