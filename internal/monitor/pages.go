package monitor

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
)

//go:embed pages.html
var source string

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"link": func(name string) string { return "/campaigns/" + url.PathEscape(name) },
	"word": word,
	"detail": func(reason string) string {
		if code, detail, ok := strings.Cut(reason, ": "); ok && !strings.Contains(code, " ") {
			return detail
		} else if !strings.Contains(reason, " ") {
			return "" // the word says it
		}
		return reason
	},
	"runOf": func(s campaign.Slot) string {
		if s.State != campaign.SlotRan {
			return ""
		}
		return campaign.RunID(s.Profile, s.Campaign, s.Label)
	},
	"share": func(r Run) int {
		c := r.Recipients
		if done := c.Accepted + c.Rejected + c.Unknown + c.Skipped; c.Planned > 0 {
			return int(min(done*100/c.Planned, 100))
		}
		return 0
	},
}).Parse(source))

// word says in a word how an occurrence ended, and which colour that has.
func word(s campaign.Slot) [2]string {
	switch {
	case s.Label == "":
		return [2]string{"", ""}
	case s.State == campaign.SlotDue:
		return [2]string{"due", "busy"} // going on, or waiting: its campaign says which
	case s.State == campaign.SlotRan && s.Reason == "":
		return [2]string{"done", "good"}
	case s.State == campaign.SlotRan:
		return [2]string{"done, with problems", "bad"}
	}
	code, _, _ := strings.Cut(s.Reason, ":")
	if code == campaign.SkipMissed || code == campaign.SkipUnknown {
		return [2]string{code, "bad"}
	}
	return [2]string{code, "quiet"}
}

type pages struct{ source Source }

// view is what a page is made of.
type view struct {
	State
	Title    string
	Refresh  int // seconds
	Query    string
	Page     int
	Pages    int
	Shown    []Campaign
	Troubled int
	One      *Campaign
	Slots    []campaign.Slot
}

const (
	perPage      = 200
	refreshEvery = 5
)

// Time shows an instant in the project's zone.
func (v *view) Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(v.Zone).Format("2006-01-02 15:04:05")
}

// Until says how far away an instant is.
func (v *view) Until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := t.Sub(v.At).Round(time.Second)
	switch {
	case d < 0:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("in %d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("in %d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("in %d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("in %d days", d/(24*time.Hour))
}

func (p *pages) view(title string) *view {
	v := &view{State: p.source.State(), Title: title, Refresh: refreshEvery}
	if v.Zone == nil {
		v.Zone = time.UTC
	}
	return v
}

func (p *pages) overview(w http.ResponseWriter, r *http.Request) {
	v := p.view("Campaigns")
	v.Query = strings.TrimSpace(r.URL.Query().Get("q"))
	for _, c := range v.Campaigns {
		if troubled(c) {
			v.Troubled++
		}
		if strings.Contains(c.Name, v.Query) {
			v.Shown = append(v.Shown, c)
		}
	}
	slices.SortStableFunc(v.Shown, order)
	v.Pages = max((len(v.Shown)+perPage-1)/perPage, 1)
	v.Page, _ = strconv.Atoi(r.URL.Query().Get("page"))
	v.Page = min(max(v.Page, 1), v.Pages)
	v.Shown = v.Shown[min((v.Page-1)*perPage, len(v.Shown)):min(v.Page*perPage, len(v.Shown))]
	render(w, http.StatusOK, "overview", v)
}

// troubled reports whether a person should look.
func troubled(c Campaign) bool {
	return c.Problem != "" || c.Stale || word(c.Last)[1] == "bad"
}

// order puts first what wants a look, then what goes on, then what comes next.
func order(a, b Campaign) int {
	rank := func(c Campaign) int {
		switch {
		case troubled(c):
			return 0
		case c.Running:
			return 1
		case c.NextAt.IsZero():
			return 3
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), a.NextAt.Compare(b.NextAt), strings.Compare(a.Name, b.Name))
}

func (p *pages) campaign(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	v := p.view(name)
	at := slices.IndexFunc(v.Campaigns, func(c Campaign) bool { return c.Name == name })
	slots, ok, err := p.source.Occurrences(name)
	switch {
	case err != nil:
		plain(w, http.StatusInternalServerError, "the ledger cannot be read\n")
		return
	case at < 0 || !ok:
		plain(w, http.StatusNotFound, "there is no such scheduled campaign\n")
		return
	}
	v.One, v.Slots = &v.Campaigns[at], slots
	render(w, http.StatusOK, "campaign", v)
}

func (p *pages) report(w http.ResponseWriter, r *http.Request) {
	text, ok, err := p.source.Report(r.PathValue("run"))
	switch {
	case err != nil:
		plain(w, http.StatusInternalServerError, "the report cannot be read\n")
	case !ok:
		plain(w, http.StatusNotFound, "there is no report of such a run yet\n")
	default:
		plain(w, http.StatusOK, string(text))
	}
}

func render(w http.ResponseWriter, status int, name string, v *view) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, v); err != nil {
		plain(w, http.StatusInternalServerError, "the page cannot be made\n")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever asked has gone
}

// Before and After are the numbers of the pages beside this one.
func (v *view) Before() int { return v.Page - 1 }
func (v *view) After() int  { return v.Page + 1 }
