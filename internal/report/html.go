package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
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

// columns reads "name|name:": a colon ends the name of a column of numbers.
func columns(names ...string) []column {
	out := make([]column, len(names))
	for i, name := range names {
		text, numeric := strings.CutSuffix(name, ":")
		out[i] = column{text, numeric}
	}
	return out
}

func num(n int64) cell { return cell{Text: number(n), Class: "number"} }

func quoted(s string) cell { return cell{Text: inert(s), Code: true} }

func (p *htmlPage) counts() htmlTable {
	t := htmlTable{Name: p.t.Counts, Columns: columns(p.t.Outcome, p.w.noun(p.r, 2)+":", p.t.Requests+":")}
	for _, o := range campaign.Outcomes {
		t.Rows = append(t.Rows, []cell{{Text: p.w.outcome[o], Class: o.String()}, num(p.r.Recipients.Of(o)), num(p.r.Requests.Of(o))})
	}
	t.Rows = append(t.Rows, []cell{{Text: "=", Head: true}, num(p.r.Recipients.Planned), num(p.r.Requests.Planned)})
	return t
}

func (p *htmlPage) lookFor() *lookFor {
	l := p.r.Unknown
	if l.Requests == 0 {
		return nil
	}
	u := p.r.Upstream
	v := &lookFor{How: fmt.Sprintf(p.t.LookForHow, p.counted(l.Requests, p.w.request)), Table: p.listing(p.t.LookFor, l), More: p.listingMore(l)}
	v.Facts = append(v.Facts, fact{Name: p.t.Account, Value: inert(p.r.Run.Target), Code: true})
	if u.BaseURL != "" {
		v.Facts = append(v.Facts, fact{Name: p.t.Address, Value: inert(u.BaseURL), Code: true})
	}
	if u.Title != "" {
		v.Facts = append(v.Facts, fact{Name: p.t.Title, Value: inert(u.Title), Code: true})
	}
	if !l.From.IsZero() {
		v.Facts = append(v.Facts, fact{Name: p.t.Sent, Value: fmt.Sprintf(p.t.Between, clock(l.From), clock(l.Until))})
	}
	return v
}

func (p *htmlPage) counted(n int64, forms [2]string) string {
	return fmt.Sprintf(p.w.counted, number(n), form(forms, n))
}

func (p *htmlPage) listing(name string, l Listing) htmlTable {
	t := htmlTable{Name: name, Columns: columns(p.t.Delivery, p.t.Row+":", p.t.Who, p.t.Sent, p.t.Attempts+":", p.t.Status+":", p.t.Reason)}
	for _, d := range l.Listed {
		t.Rows = append(t.Rows, []cell{
			quoted(d.Delivery), num(d.Row), {Text: p.who(d)}, {Text: between(d.From, d.Until)},
			num(int64(d.Attempts)), p.status(d.Status), {Text: p.reason(d.Reason), Class: "text"},
		})
	}
	return t
}

func (p *htmlPage) who(d Listed) string {
	if d.Recipients < 2 {
		return inert(d.who)
	}
	return inert(d.who) + " " + fmt.Sprintf(p.t.AndMore, number(int64(d.Recipients-1)))
}

func (p *htmlPage) listingMore(l Listing) string {
	if int64(len(l.Listed)) == l.Requests {
		return ""
	}
	return fmt.Sprintf(p.t.FailedHow, number(int64(len(l.Listed))), number(l.Requests))
}

func (p *htmlPage) status(status int) cell {
	if status == 0 {
		return cell{Text: p.t.NoStatus, Class: "number"}
	}
	return cell{Text: strconv.Itoa(status), Class: "number"}
}

// reason names a reason's code in the page's language and leaves its text.
func (p *htmlPage) reason(reason string) string {
	code, text, found := strings.Cut(reason, ": ")
	if !found {
		return inert(p.w.code(code))
	}
	return inert(p.w.code(code) + p.w.colon + text)
}

func (p *htmlPage) attention() htmlTable {
	t := htmlTable{
		Name: p.t.Attention, Columns: columns(p.t.Row+":", p.t.Who, p.t.Outcome, p.t.Reason, p.t.Attempts+":", p.t.When, p.t.Delivery),
		Sortable: true, Search: p.t.Search, Sort: p.t.Sort, Matches: p.t.Matches,
	}
	for _, o := range attentive {
		for _, l := range p.listed.listed[o] {
			when := clock(l.At)
			if o == campaign.Unknown {
				when = between(l.From, l.Until)
			}
			t.Rows = append(t.Rows, []cell{
				num(l.Row), {Text: inert(l.ID)}, {Text: p.w.outcome[o], Class: o.String()}, {Text: p.reason(l.Reason), Class: "text"},
				num(int64(l.Attempts)), {Text: when}, quoted(l.Delivery),
			})
		}
	}
	return t
}

// attentionMore says of which outcomes not all recipients are listed.
func (p *htmlPage) attentionMore() []string {
	var more []string
	for _, o := range append(attentive, campaign.Pending) {
		n, listed := p.r.Recipients.Of(o), int64(len(p.listed.listed[o]))
		if n > listed {
			more = append(more, fmt.Sprintf(p.t.MoreOf, number(n), p.w.outcome[o], number(listed), number(n-listed)))
		}
	}
	return more
}

func (p *htmlPage) stages() htmlTable {
	names := []string{p.t.Stage, p.t.What}
	for _, o := range campaign.Outcomes {
		names = append(names, p.w.outcome[o]+":")
	}
	t := htmlTable{Name: p.t.Stages, Columns: columns(append(names, "=:", p.t.Passed)...)}
	row := func(name, what string, c campaign.Counts, passed string) {
		cells := []cell{{Text: name, Head: name != ""}, {Text: what}}
		for _, o := range campaign.Outcomes {
			cells = append(cells, num(c.Of(o)))
		}
		t.Rows = append(t.Rows, append(cells, num(c.Planned), cell{Text: passed}))
	}
	for _, s := range p.r.Stages {
		name, passed := strconv.Itoa(s.Number), "–"
		if s.Rest {
			name = p.t.Rest
		}
		if !s.PassedAt.IsZero() {
			passed = strings.TrimSpace(clock(s.PassedAt) + " " + inert(s.Passed) + " " + inert(s.PassedBy))
		}
		row(name, p.w.noun(p.r, 2), s.Recipients, passed)
		row("", p.t.Requests, s.Requests, "")
	}
	return t
}

func (p *htmlPage) reasons() htmlTable {
	t := htmlTable{Name: p.t.Reasons, Columns: columns(p.t.Outcome, p.t.Reason, p.t.Said, p.w.noun(p.r, 2)+":", p.t.Requests+":")}
	for _, reason := range p.r.Reasons {
		if reason.Code == "" && len(reason.Texts) == 0 {
			continue
		}
		var texts []string
		for _, text := range reason.Texts {
			s := inert(text.Text)
			if len(reason.Texts) > 1 || reason.More != nil {
				s += " ×" + number(text.Recipients)
			}
			texts = append(texts, s)
		}
		if reason.More != nil {
			texts = append(texts, p.t.Others+" ×"+number(reason.More.Recipients))
		}
		name := inert(p.w.code(reason.Code))
		if reason.Gathered {
			name = p.t.OtherReasons
		}
		t.Rows = append(t.Rows, []cell{
			{Text: p.w.outcome[reason.Outcome], Class: reason.Outcome.String()}, {Text: name},
			{Text: strings.Join(texts, p.w.semicolon), Class: "text"}, num(reason.Recipients), num(reason.Requests),
		})
	}
	return t
}

func (p *htmlPage) retries() string {
	r := p.r.Retries
	if r.Requests == 0 {
		return p.t.NoRetries
	}
	return fmt.Sprintf(p.t.RetriesHow, number(r.Attempts), number(r.Requests), strconv.Itoa(r.Most))
}

func (p *htmlPage) slowest() htmlTable {
	t := htmlTable{Name: p.t.Slowest, Columns: columns(p.t.Took+":", p.t.Delivery, p.t.Row+":", p.t.Who, p.t.Outcome, p.t.Status+":", p.t.When)}
	for _, s := range p.r.Slowest {
		t.Rows = append(t.Rows, []cell{
			{Text: fmt.Sprintf(p.t.Seconds, decimals(s.Seconds)), Class: "number"}, quoted(s.Delivery), num(s.Row), {Text: inert(s.who)},
			{Text: p.w.outcome[s.Outcome], Class: s.Outcome.String()}, p.status(s.Status), {Text: clock(s.At)},
		})
	}
	return t
}

func decimals(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func (p *htmlPage) history() htmlTable {
	t := htmlTable{Name: p.t.History, Columns: columns(p.t.When, p.t.What, p.t.Text, p.t.By)}
	h := p.r.History
	if h == nil {
		return t
	}
	for i, n := range h.Notes {
		if h.Omitted != nil && i == h.Omitted.After {
			t.Rows = append(t.Rows, []cell{{Text: "…"}, {Text: fmt.Sprintf(p.t.Omitted, number(h.Omitted.Count))}, {}, {}})
		}
		kind, known := p.w.notes[n.Kind]
		if !known {
			kind = inert(n.Kind)
		}
		t.Rows = append(t.Rows, []cell{{Text: clock(n.At)}, {Text: kind}, {Text: inert(n.Text), Class: "text"}, {Text: inert(n.By)}})
	}
	return t
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
			say(p.t.Pace, fmt.Sprintf(p.t.PaceHow, number(r.Attempts), seconds(r.Times.Active), decimals(r.Times.Rate)))
		}
	}
	if !r.Times.Next.IsZero() {
		say(p.t.Next, clock(r.Times.Next))
	}
	if r.Splits.Requests > 0 {
		say(p.t.Halved, fmt.Sprintf(p.t.HalvedHow, number(r.Splits.Requests), number(r.Splits.Leaves)))
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
