package spec

import (
	"fmt"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// audience reads the guards on the recipients as a whole.
func (l *loader) audience(v val) campaign.Audience {
	a := campaign.Audience{
		MustInclude: l.named(v.key("must_include")),
		MustExclude: l.named(v.key("must_exclude")),
	}
	if rows := v.key("expect").key("rows"); rows.given() {
		a.Expect = l.expected(rows)
	}
	if change := v.key("max_change"); shareForm.MatchString(change.text()) {
		if share, ok := l.share(change); ok {
			a.MaxChange = &share
		}
	}
	l.contradicted(v, a)
	return a
}

// expected reads a number, or a range of which one end may be open.
func (l *loader) expected(v val) *campaign.Expected {
	if n := v.number(); n > 0 {
		return &campaign.Expected{Min: n, Max: n}
	}
	e := &campaign.Expected{Min: v.key("min").number(), Max: v.key("max").number()}
	if e.Max > 0 && e.Min > e.Max {
		l.problem(v.key("min"), ruleRange, fmt.Sprintf("min (%d) must not be more than max (%d)", e.Min, e.Max), "exchange the two, or correct one of them")
	}
	return e
}

// named reads ids and lists of such.
func (l *loader) named(v val) []campaign.Named {
	l.distinct(v)
	var out []campaign.Named
	for _, item := range v.items() {
		if id := strings.TrimSpace(item.text()); id != "" {
			out = append(out, campaign.Named{ID: id})
			continue
		}
		out = append(out, campaign.Named{List: l.exclusion(item)})
	}
	return out
}

// contradicted reports ids that must be sent to and must not.
func (l *loader) contradicted(v val, a campaign.Audience) {
	for i, named := range a.MustExclude {
		if named.ID != "" && slices.ContainsFunc(a.MustInclude, func(n campaign.Named) bool { return n.ID == named.ID }) {
			l.problem(v.key("must_exclude").items()[i], ruleConflict, "the same recipient stands in must_include", "remove it from one of the two")
		}
	}
}
