package schedule

import (
	"fmt"
	"strings"
	"time"

	"campaign/internal/campaign"
)

const (
	// shown is how many coming slots a warning lists.
	shown = 5
	// ahead is how far a calendar is looked at in any case, in days: the arrangements
	// of a year are published before it begins.
	ahead = 31
)

// check holds a schedule that could be read against now: what never comes, what is
// over, and which years its calendar must know.
func (t *Timetable) check(now time.Time) (problems []campaign.Problem) {
	whole := "/schedule"
	for i, e := range t.cron {
		if e.eitherDay() {
			c := complaint{rule: ruleDayOr, warning: true,
				message: fmt.Sprintf("%q is due on days of the month and on days of the week: on each of both", clip(t.rules.Cron[i].Text)),
				hint:    "the next: " + t.list(now) + "; for one of them write * in the other"}
			problems = append(problems, c.at(t.rules.Cron[i].Pointer))
		}
		for k := range i {
			if *t.cron[k].spec == *e.spec {
				problems = append(problems, bad(ruleTwice, "remove one", "%q stands twice in cron", clip(t.rules.Cron[i].Text)).at(t.rules.Cron[i].Pointer))
			}
		}
	}
	if years := t.unknownYears(now); len(years) > 0 {
		return append(problems, unknown(t.rules.Days, years))
	}
	from := now
	if start := t.rules.Starts; !start.IsZero() && start.Midnight().After(now) {
		from = start.Midnight().AddDate(0, 0, -2)
	}
	for s := range t.Coming(from, from.AddDate(leapYears, 0, 0)) {
		switch code, _, _ := strings.Cut(s.Skip, ":"); code {
		case "", campaign.SkipUnknown:
			return problems
		case campaign.SkipOver:
			return append(problems, t.over(now)...)
		}
	}
	if len(t.at) > 0 {
		c := complaint{rule: ruleOver, message: "every time of at is past: nothing is due any more", hint: "remove the schedule, or give a time to come", warning: true}
		return append(problems, c.at(whole+"/at"))
	}
	return append(problems, bad(ruleNever, "look at the days of cron and of the calendar", "the schedule is never due").at(whole))
}

// over tells a schedule that has ended from one between whose dates nothing is due.
func (t *Timetable) over(now time.Time) []campaign.Problem {
	if t.rules.Ends.Compare(campaign.DateOf(now.In(t.zone))) < 0 {
		c := complaint{rule: ruleOver, message: "the schedule ended on " + t.rules.Ends.String(), hint: "remove the file, or give a later date", warning: true}
		return []campaign.Problem{c.at("/schedule/ends")}
	}
	if t.rules.Starts.IsZero() { // perhaps it was due before
		c := complaint{rule: ruleOver, message: "nothing is due any more until " + t.rules.Ends.String(), hint: "remove the file, or give a later date", warning: true}
		return []campaign.Problem{c.at("/schedule/ends")}
	}
	from := t.rules.Starts.Midnight().AddDate(0, 0, -2)
	for s := range t.Coming(from, t.rules.Ends.Midnight().AddDate(0, 0, 2)) {
		if s.Skip == "" {
			c := complaint{rule: ruleOver, message: "nothing is due any more until " + t.rules.Ends.String(), hint: "remove the file, or give a later date", warning: true}
			return []campaign.Problem{c.at("/schedule/ends")}
		}
	}
	return []campaign.Problem{bad(ruleNever, "look at cron, starts and ends", "nothing is due between %s and %s", t.rules.Starts, t.rules.Ends).at("/schedule")}
}

// list shows the coming slots.
func (t *Timetable) list(now time.Time) string {
	var days []string
	for s := range t.Coming(now, now.AddDate(leapYears, 0, 0)) {
		if days = append(days, s.At.Format("Mon 2006-01-02 15:04")); len(days) == shown {
			break
		}
	}
	return strings.Join(days, ", ")
}

// unknownYears lists the years that the calendar does not know: from today or the
// schedule's start on, until it ends, or for the next month when it does not say.
func (t *Timetable) unknownYears(now time.Time) (years []string) {
	rule := t.rules.Days
	if rule == nil || rule.Calendar == nil {
		return nil
	}
	first := campaign.DateOf(now.In(t.zone))
	last := campaign.DateOf(first.Midnight().AddDate(0, 0, ahead))
	if starts := t.rules.Starts; !starts.IsZero() && starts.Compare(first) > 0 {
		first = starts
		last = campaign.DateOf(first.Midnight().AddDate(0, 0, ahead))
	}
	if !t.rules.Ends.IsZero() {
		last = t.rules.Ends
	}
	return UnknownYears(rule, first, last)
}

// UnknownYears lists the years from one day to another of which a rule's calendar
// says nothing.
func UnknownYears(rule *campaign.DayRule, first, last campaign.Date) (years []string) {
	for year := first.Year; year <= last.Year; year++ {
		if !rule.Calendar.Years[year] {
			years = append(years, fmt.Sprint(year))
		}
	}
	return years
}

// CheckDays holds a rule for days of its own, such as a window's, against now.
func CheckDays(rule *campaign.DayRule, zone *time.Location, now time.Time) []campaign.Problem {
	if rule == nil || rule.Calendar == nil {
		return nil
	}
	first := campaign.DateOf(now.In(zone))
	years := UnknownYears(rule, first, campaign.DateOf(first.Midnight().AddDate(0, 0, ahead)))
	if len(years) == 0 {
		return nil
	}
	return []campaign.Problem{unknown(rule, years)}
}

func unknown(rule *campaign.DayRule, years []string) campaign.Problem {
	return bad(ruleYear, "add the year as it was announced: holidays and the rest days that are worked on",
		"%s does not know %s, which is needed here", rule.Calendar.File, strings.Join(years, ", ")).at(rule.Pointer)
}
