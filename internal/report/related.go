package report

import "net/url"

// Related is a run that is tied to this one.
type Related struct {
	Run      string `json:"run"`
	Campaign string `json:"campaign,omitempty"` // empty: the ledger does not have it any more
	// Follows: this run follows that one up; else that one follows this one up.
	Follows bool   `json:"follows"`
	Which   string `json:"which"` // outcomes and reasons of the recipients it is about, with commas
}

// related names a run, with a way to its page where the ledger knows its campaign.
func (p *htmlPage) related(r Related) fact {
	f := fact{Name: p.t.Followed, Value: inert(r.Run + " (" + r.Which + ")")}
	if r.Follows {
		f.Name = p.t.Follows
	}
	if r.Campaign != "" {
		f.Link = "../../" + url.PathEscape(folder(r.Campaign)) + "/" + url.PathEscape(folder(r.Run)) + "/report.html"
	}
	return f
}

// related says in a table of facts which runs are tied to this one.
func (p *page) related(add func(name, value string)) {
	for _, r := range p.r.Related {
		name := "followed up by"
		if r.Follows {
			name = "follows up"
		}
		add(name, code(r.Run)+" ("+code(r.Which)+")")
	}
}
