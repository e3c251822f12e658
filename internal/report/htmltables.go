package report

import (
	"fmt"
	"strconv"
	"strings"

	"campaign/internal/campaign"
)

// columns reads "name|name:": a colon ends the name of a column of numbers.
func columns(names ...string) []column {
	out := make([]column, len(names))
	for i, name := range names {
		text, numeric := strings.CutSuffix(name, ":")
		out[i] = column{text, numeric}
	}
	return out
}

func num(n int64) cell { return cell{Text: campaign.Grouped(n), Class: "number"} }

// moment is a cell with a time, which is not broken into lines on a screen.
func moment(text string) cell { return cell{Text: text, Class: "time"} }

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
	return fmt.Sprintf(p.w.counted, campaign.Grouped(n), form(forms, n))
}

func (p *htmlPage) listing(name string, l Listing) htmlTable {
	t := htmlTable{Name: name, Columns: columns(p.t.Delivery, p.t.Row+":", p.t.Who, p.t.Sent, p.t.Attempts+":", p.t.Status+":", p.t.Reason)}
	for _, d := range l.Listed {
		t.Rows = append(t.Rows, []cell{
			quoted(d.Delivery), num(d.Row), {Text: p.who(d)}, moment(between(d.From, d.Until)),
			num(int64(d.Attempts)), p.status(d.Status), {Text: p.reason(d.Reason), Class: "text"},
		})
	}
	return t
}

func (p *htmlPage) who(d Listed) string {
	if d.Recipients < 2 {
		return inert(d.who)
	}
	return inert(d.who) + " " + fmt.Sprintf(p.t.AndMore, campaign.Grouped(int64(d.Recipients-1)))
}

func (p *htmlPage) listingMore(l Listing) string {
	if int64(len(l.Listed)) == l.Requests {
		return ""
	}
	return fmt.Sprintf(p.t.FailedHow, campaign.Grouped(int64(len(l.Listed))), campaign.Grouped(l.Requests))
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
				num(int64(l.Attempts)), moment(when), quoted(l.Delivery),
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
			more = append(more, fmt.Sprintf(p.t.MoreOf, campaign.Grouped(n), p.w.outcome[o], campaign.Grouped(listed), campaign.Grouped(n-listed)))
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
				s += " ×" + campaign.Grouped(text.Recipients)
			}
			texts = append(texts, s)
		}
		if reason.More != nil {
			texts = append(texts, p.t.Others+" ×"+campaign.Grouped(reason.More.Recipients))
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
	return fmt.Sprintf(p.t.RetriesHow, campaign.Grouped(r.Attempts), campaign.Grouped(r.Requests), strconv.Itoa(r.Most))
}

func (p *htmlPage) slowest() htmlTable {
	t := htmlTable{Name: p.t.Slowest, Columns: columns(p.t.Took+":", p.t.Delivery, p.t.Row+":", p.t.Who, p.t.Outcome, p.t.Status+":", p.t.When)}
	for _, s := range p.r.Slowest {
		t.Rows = append(t.Rows, []cell{
			{Text: fmt.Sprintf(p.t.Seconds, decimals(s.Seconds)), Class: "number"}, quoted(s.Delivery), num(s.Row), {Text: inert(s.who)},
			{Text: p.w.outcome[s.Outcome], Class: s.Outcome.String()}, p.status(s.Status), moment(clock(s.At)),
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
			t.Rows = append(t.Rows, []cell{{Text: "…"}, {Text: fmt.Sprintf(p.t.Omitted, campaign.Grouped(h.Omitted.Count))}, {}, {}})
		}
		kind, known := p.w.notes[n.Kind]
		if !known {
			kind = inert(n.Kind)
		}
		text := n.Text
		if n.Kind == campaign.NoteEnded {
			text = p.w.ended(text)
		}
		t.Rows = append(t.Rows, []cell{moment(clock(n.At)), {Text: kind}, {Text: inert(text), Class: "text"}, {Text: inert(n.By)}})
	}
	return t
}
