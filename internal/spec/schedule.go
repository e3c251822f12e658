package spec

import (
	"fmt"
	"time"

	"campaign/internal/campaign"
)

// schedule reads the schedule mapping. What its expressions and times mean another
// room finds out; nil: none is given.
func (l *loader) schedule(v, expires val, policy campaign.Policy) *campaign.Schedule {
	if !v.given() {
		return nil
	}
	l.oneOf(v, "cron", "at")
	s := &campaign.Schedule{
		Cron: clauses(v.key("cron")), At: clauses(v.key("at")),
		Starts: l.date(v.key("starts")), Ends: l.date(v.key("ends")),
		Days: l.dayRule(v.key("calendar")), Missed: campaign.DefaultMissed(),
		Queue: v.key("overlap").text() == "queue", Suspended: v.key("suspended").flag(), MustChange: v.key("must_change").given(),
	}
	if zone := v.key("timezone"); zone.text() != "" {
		_, s.Zone = l.zone(zone)
	}
	if expires.given() {
		s.Expires = policy.Expires
	}
	l.duration(v.key("missed").key("within"), &s.Missed.Within, longestWait)
	switch v.key("missed").key("policy").text() {
	case "latest":
		s.Missed.Policy = campaign.CatchLatest
	case "all":
		s.Missed.Policy = campaign.CatchAll
	}
	if !s.Starts.IsZero() && !s.Ends.IsZero() && s.Ends.Compare(s.Starts) < 0 {
		l.problem(v.key("ends"), ruleDates, fmt.Sprintf("the schedule ends on %s, before it starts on %s", s.Ends, s.Starts), "change one of them")
		s.Starts, s.Ends = campaign.Date{}, campaign.Date{} // or it would be never due as well
	}
	return s
}

// clauses lists what stands there, alone or in a list.
func clauses(v val) (out []campaign.Clause) {
	for _, x := range v.listed() {
		out = append(out, campaign.Clause{Text: x.text(), Pointer: x.at()})
	}
	return out
}

// date reads a date; the schema has checked its form.
func (l *loader) date(v val) campaign.Date {
	if len(v.text()) != len(time.DateOnly) {
		return campaign.Date{}
	}
	d, err := campaign.ParseDate(v.text())
	if err != nil {
		l.problem(v, ruleDates, fmt.Sprintf("there is no %s", clip(v.text())), "a date is written as 2026-12-31")
		return campaign.Date{}
	}
	return d
}

// dayRule reads which days of a calendar are meant, and the calendar.
func (l *loader) dayRule(v val) *campaign.DayRule {
	if !v.given() {
		return nil
	}
	r := &campaign.DayRule{Rest: v.key("on").text() == "holidays", Pointer: v.at()}
	name, ok := l.reference(v.key("file"))
	if !ok {
		return r
	}
	var found []campaign.Diagnostic
	r.Calendar, found = LoadCalendar(l.fsys, name)
	l.others = append(l.others, found...)
	return r
}
