package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"campaign/internal/campaign"
)

// markdownWriter writes report.md: what a person reads first. Whatever is not
// ours in it stands in code spans, and recipients' ids are masked.
type markdownWriter struct{ w io.Writer }

func openMarkdown(w io.Writer, _ campaign.Run, _ Facts) (writer, error) {
	return markdownWriter{w}, nil
}

func (m markdownWriter) end(r Report) error {
	p := page{r: r}
	p.verdict()
	p.counts()
	p.stages()
	p.reasons()
	p.listing("Unknown requests", r.Unknown, "Their answers were lost. Look for them at the platform: "+p.where())
	p.listing("Rejected requests", r.Rejected, "")
	p.warnings()
	p.history()
	p.about()
	_, err := m.w.Write(p.b.Bytes())
	return err
}

type page struct {
	b bytes.Buffer
	r Report
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }

func (p *page) verdict() {
	r := p.r
	p.printf("# %s: %s\n\n", code(r.Run.Campaign), english.states[r.State])
	for _, s := range english.sentences(r, code) {
		p.printf("- %s\n", s)
	}
}

// where helps to find requests in the upstream's own console.
func (p *page) where() string {
	u := p.r.Upstream
	where := "account " + code(p.r.Run.Target)
	if u.BaseURL != "" {
		where += " at " + code(u.BaseURL)
	}
	if u.Title != "" {
		where += ", title or name " + code(u.Title)
	}
	if from, until := p.r.Unknown.From, p.r.Unknown.Until; !from.IsZero() {
		where += ", sent between " + clock(from) + " and " + clock(until) + " by this machine's clock"
	}
	return where + ". Each recipient of them stands in `recipients.ndjson`."
}

func (p *page) listing(title string, l Listing, intro string) {
	if l.Requests == 0 {
		return
	}
	p.printf("\n## %s\n", title)
	if intro != "" {
		p.printf("\n%s\n", intro)
	}
	if n := len(l.Listed); int64(n) < l.Requests {
		p.printf("\nThe first %d of %s; the others stand in `recipients.ndjson`.\n", n, campaign.Grouped(l.Requests))
	}
	var rows [][]string
	for _, d := range l.Listed {
		who := fmt.Sprintf("row %d %s", d.Row, code(d.who))
		if d.Recipients > 1 {
			who += " and " + campaign.Grouped(int64(d.Recipients-1)) + " more"
		}
		status := "none"
		if d.Status != 0 {
			status = strconv.Itoa(d.Status)
		}
		rows = append(rows, []string{
			code(d.Delivery), who, between(d.From, d.Until), strconv.Itoa(d.Attempts), status, code(d.Reason),
		})
	}
	p.table("delivery|"+english.noun(p.r, 2)+"|sent between|attempts:|HTTP status:|reason", rows)
}

func (p *page) warnings() {
	if len(p.r.Warnings) == 0 {
		return
	}
	p.printf("\n## Warnings\n\n")
	for _, w := range p.r.Warnings {
		p.printf("- %s\n", code(w))
	}
}

// about says what the report is of, so that it can be found again.
func (p *page) about() {
	r := p.r
	p.printf("\n## This run\n")
	occurrence := code(r.Run.Occurrence.Label)
	if !r.Run.Occurrence.Time.IsZero() {
		occurrence += " (" + clock(r.Run.Occurrence.Time) + ")"
	}
	rows := [][]string{
		{"run", code(r.Run.ID)},
		{"profile", code(r.Run.Profile)},
		{"occurrence", occurrence},
		{"campaign file", code(r.Run.File)},
		{"account and channel", code(r.Run.Target) + ", " + code(r.Run.Channel)},
	}
	add := func(name, value string) { rows = append(rows, []string{name, value}) }
	if r.Upstream.BaseURL != "" {
		add("address", code(r.Upstream.BaseURL))
	}
	add("began", clock(r.Run.Began))
	if !r.Times.First.IsZero() {
		add("first and last answer", clock(r.Times.First)+", "+clock(r.Times.Last))
		pace := campaign.Grouped(r.Attempts) + " attempts in " + seconds(r.Times.Active)
		if r.Attempts == 1 {
			pace = "1 attempt"
		}
		if r.Times.Rate > 0 {
			pace += ", " + strconv.FormatFloat(r.Times.Rate, 'f', -1, 64) + " requests a second, pauses included"
		}
		add("pace", pace)
	}
	if !r.Times.Next.IsZero() {
		add("next attempt", "not before "+clock(r.Times.Next))
	}
	if r.Retries.Requests > 0 {
		add("retries", fmt.Sprintf("%s of %s, at most %d attempts each", campaign.Grouped(r.Retries.Attempts), campaign.Grouped(r.Retries.Requests)+" "+form(english.request, r.Retries.Requests), r.Retries.Most))
	}
	if r.Splits.Requests > 0 {
		add("halved after a refusal", fmt.Sprintf("%s of the planned requests; %s stand in their place", campaign.Grouped(r.Splits.Requests), campaign.Grouped(r.Splits.Leaves)))
	}
	if !r.Invocation.Began.IsZero() {
		add("this invocation", clock(r.Invocation.Began)+" to "+clock(r.Invocation.Ended))
	}
	p.related(add)
	add("plan", code(r.Run.PlanDigest)+fmt.Sprintf(", planner %d", r.Run.Planner))
	if r.Tool.Commit != "" {
		add("commit of the project", code(r.Tool.Commit))
	}
	if a := r.Approval; a != nil {
		add("approved", code(a.text(englishPage.ApprovedBy, englishPage.ApprovedPlan, englishPage.ApprovedCommit)))
	}
	add("records", code(r.Records)+": `campaign verify` holds this report against the ledger")
	add("report", clock(r.Generated)+" by "+r.Tool.Name+" "+code(r.Tool.Version))
	add("files", "`report.json` (all numbers), `recipients.ndjson` (every recipient, ids in full)")
	p.table("|", rows)
}

// clock shows a time to the second with its offset.
func clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.Format("2006-01-02 15:04:05 -07:00")
}

// between shows a span, its date once.
func between(from, until time.Time) string {
	if from.IsZero() {
		return "–"
	}
	if from.Format(time.DateOnly) == until.Format(time.DateOnly) {
		return from.Format("2006-01-02 15:04:05") + "–" + until.Format("15:04:05 -07:00")
	}
	return clock(from) + "–" + clock(until)
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond).String()
}
