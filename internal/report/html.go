package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// The page is one file that loads nothing. Its own style and script are named by
// their digests in a policy (Content Security Policy Level 3), so that nothing
// else on it could run or load, whatever the texts of others say. They are escaped
// by where they stand (html/template) all the same.
var (
	//go:embed page/page.html
	pageTemplate string
	//go:embed page/page.css
	pageStyle string
	//go:embed page/page.js
	pageScript string
)

var pages = template.Must(template.New("").Funcs(template.FuncMap{"marked": marked}).Parse(pageTemplate))

var pageHead = template.HTML(`<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '` + digestSource(pageStyle) + `'; script-src '` + digestSource(pageScript) + `'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<style>` + pageStyle + `</style>`)

var pageFoot = template.HTML("<script>" + pageScript + "</script>\n")

func digestSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// marked shows what stands between back quotes as code.
func marked(s string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			part = "<code>" + template.HTMLEscapeString(part) + "</code>"
		} else {
			part = template.HTMLEscapeString(part)
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// inert is plain for a page: a text of others marks nothing as code.
func inert(s string) string { return strings.ReplaceAll(plain(s), "`", "ˋ") }

// htmlWriter writes report.html, with recipients' ids masked unless the facts say
// otherwise.
type htmlWriter struct {
	*attention
	w     io.Writer
	facts Facts
}

func openHTML(w io.Writer, _ campaign.Run, facts Facts) (writer, error) {
	return &htmlWriter{newAttention(facts), w, facts}, nil
}

func (h *htmlWriter) end(r Report) error {
	words := in(h.facts.Language)
	p := htmlPage{r: r, w: words, t: &words.page, facts: h.facts, listed: h.attention}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "page", p.view()); err != nil {
		return err
	}
	_, err := h.w.Write(b.Bytes())
	return err
}

// htmlPage turns a report into what the template shows.
type htmlPage struct {
	r      Report
	w      *words
	t      *pageWords
	facts  Facts
	listed *attention
}

// view is what the template shows, in its order.
type view struct {
	T                     *pageWords
	Lang                  string
	Head, Foot            template.HTML
	Title, Line, Campaign string
	State, Class, When    string
	Marks                 []string
	Sentences, Warnings   []string
	Bar                   *bar
	Counts                htmlTable
	LookFor               *lookFor
	Attention             htmlTable
	AttentionMore         []string
	Stages, Reasons       htmlTable
	Time                  *timeView
	Retries               string
	Slowest, Failed       htmlTable
	FailedMore            string
	Sources               []sourceView
	History               htmlTable
	About                 []fact
	Stamp                 string
	Made                  string
}

// fact is a name and its value.
type fact struct {
	Name, Value, Link string
	Code              bool
}

// htmlTable is a table with a header; its name is for who cannot see it.
type htmlTable struct {
	Name                  string
	Columns               []column
	Rows                  [][]cell
	Sortable              bool
	Search, Sort, Matches string
}

type column struct {
	Name   string
	Number bool
}

type cell struct {
	Text, Class, Link string
	Code, Head        bool
}

// sourceView is a text that was sent, and why not all of it is shown.
type sourceView struct{ Path, Text, Note string }

// lookFor helps to find unknown requests in the upstream's own console.
type lookFor struct {
	How   string
	Facts []fact
	Table htmlTable
	More  string
}

func (p *htmlPage) view() view {
	r, state := p.r, p.w.states[p.r.State]
	v := view{
		T: p.t, Lang: p.w.lang, Head: pageHead, Foot: pageFoot,
		Title: inert(r.Run.Campaign) + p.w.colon + state, Line: p.w.line(r), Campaign: inert(r.Run.Campaign),
		State: state, Class: p.class(), When: p.occurrence(), Marks: p.marks(),
		Sentences: p.w.sentences(r, inert), Warnings: p.all(r.Warnings),
		Bar: p.bar(), Counts: p.counts(), LookFor: p.lookFor(),
		Attention: p.attention(), AttentionMore: p.attentionMore(),
		Stages: p.stages(), Reasons: p.reasons(), Time: p.time(),
		Retries: p.retries(), Slowest: p.slowest(),
		Failed: p.listing(p.t.Failed, r.Rejected), FailedMore: p.listingMore(r.Rejected),
		Sources: p.sources(), History: p.history(), About: p.about(), Stamp: stampOf(r),
	}
	v.Made = p.t.Made + p.w.colon + clock(r.Generated) + p.w.comma + r.Tool.Name + " " + inert(r.Tool.Version)
	return v
}

// class colours the state: good, bad or doubtful.
func (p *htmlPage) class() string {
	switch {
	case p.r.HasUnknown():
		return "doubt"
	case p.r.HasRejected():
		return "bad"
	case p.r.State == Complete && p.r.Recipients.Accepted > 0:
		return "good"
	}
	return "doubt"
}

func (p *htmlPage) marks() []string {
	var marks []string
	for _, m := range []struct {
		is   bool
		text string
	}{{p.r.Upstream.Sandbox, p.t.Sandbox}, {p.r.Upstream.Loopback && !p.r.Upstream.Sandbox, p.t.Loopback}, {p.r.Run.Trial, p.t.Trial}} {
		if m.is {
			marks = append(marks, m.text)
		}
	}
	return marks
}

func (p *htmlPage) all(texts []string) []string {
	var out []string
	for _, t := range texts {
		out = append(out, inert(t))
	}
	return out
}

func (p *htmlPage) occurrence() string {
	text := inert(p.r.Run.Occurrence.Label)
	if t := p.r.Run.Occurrence.Time; !t.IsZero() {
		text += " (" + clock(t) + ")"
	}
	return text
}

func (p *htmlPage) about() []fact {
	r := p.r
	var all []fact
	code := func(name, value string) { all = append(all, fact{Name: name, Value: inert(value), Code: true}) }
	say := func(name, value string) { all = append(all, fact{Name: name, Value: value}) }
	code(p.t.Run, r.Run.ID)
	code(p.t.Profile, r.Run.Profile)
	say(p.t.Occurrence, p.occurrence())
	code(p.t.File, r.Run.File)
	code(p.t.Account, r.Run.Target)
	code(p.t.Channel, r.Run.Channel)
	if r.Upstream.BaseURL != "" {
		code(p.t.Address, r.Upstream.BaseURL)
	}
	say(p.t.Began, clock(r.Run.Began))
	if !r.Times.First.IsZero() {
		say(p.t.Answered, clock(r.Times.First)+" – "+clock(r.Times.Last))
		if r.Times.Rate > 0 {
			say(p.t.Pace, fmt.Sprintf(p.t.PaceHow, campaign.Grouped(r.Attempts), seconds(r.Times.Active), decimals(r.Times.Rate)))
		}
	}
	if !r.Times.Next.IsZero() {
		say(p.t.Next, clock(r.Times.Next))
	}
	if r.Splits.Requests > 0 {
		say(p.t.Halved, fmt.Sprintf(p.t.HalvedHow, campaign.Grouped(r.Splits.Requests), campaign.Grouped(r.Splits.Leaves)))
	}
	for _, related := range r.Related {
		all = append(all, p.related(related))
	}
	code(p.t.Plan, fmt.Sprintf("%s, %s %d", r.Run.PlanDigest, p.t.Planner, r.Run.Planner))
	if r.Tool.Commit == "" {
		say(p.t.Commit, p.t.NoCommit)
	} else {
		code(p.t.Commit, r.Tool.Commit)
	}
	if a := r.Approval; a != nil {
		code(p.t.Approved, a.text(p.t.ApprovedBy, p.t.ApprovedPlan, p.t.ApprovedCommit))
	}
	code(p.t.Records, r.Records)
	say("", p.t.RecordsHow)
	say(p.t.Files, p.t.FilesHow)
	return all
}

// maxSource bounds each text that a page shows of what was sent, and maxSources all
// of them, in bytes.
const (
	maxSource  = 64 << 10
	maxSources = 256 << 10
)

func (p *htmlPage) sources() []sourceView {
	var out []sourceView
	left := maxSources
	for _, s := range p.facts.Sources {
		limit := min(maxSource, left)
		text := shown(s.Text, limit)
		var notes []string
		if s.Hidden {
			notes = append(notes, p.t.Hidden)
		}
		if len(s.Text) > limit {
			notes = append(notes, p.t.Cut)
		}
		left -= len(text)
		out = append(out, sourceView{inert(s.Path), text, strings.Join(notes, " ")})
	}
	return out
}

// span names the length of a stretch of a timeline.
func span(seconds int64) string { return (time.Duration(seconds) * time.Second).String() }
