package schedule

import (
	"fmt"
	"iter"
	"time"

	"campaign/internal/campaign"
)

// Slot is a time at which a schedule is due.
type Slot struct {
	Label string    // its wall-clock time and zone: with profile and campaign its identity for ever
	At    time.Time // when that comes, in the zone
	Skip  string    // the schedule itself leaves it out: a code of campaign.Skip…, and a detail; empty: it does not
}

// Timetable gives the occurrences of a schedule. It is never modified.
type Timetable struct {
	rules   campaign.Schedule
	zone    *time.Location
	expires time.Duration
	cron    []expression
	at      []moment
}

// moment is a single time.
type moment struct {
	wall int64
	at   time.Time
}

// New reads a schedule for a project's zone. expires is after what time a slot is
// worth nothing any more, where the file says it; 0: it does not. With a problem
// that is no warning the timetable is nil. now tells what is over, and which years
// a calendar must know.
func New(s campaign.Schedule, zone *time.Location, expires time.Duration, now time.Time) (*Timetable, []campaign.Problem) {
	if s.Zone != nil {
		zone = s.Zone
	}
	if s.Days != nil && s.Days.Calendar == nil {
		s.Days = nil // it could not be read, and that is said
	}
	t := &Timetable{rules: s, zone: zone, expires: expires}
	problems := t.read()
	if hasErrors(problems) {
		return nil, problems
	}
	if problems = append(problems, t.check(now)...); hasErrors(problems) {
		return nil, problems
	}
	return t, problems
}

func hasErrors(problems []campaign.Problem) bool {
	for _, p := range problems {
		if !p.Warning {
			return true
		}
	}
	return false
}

// read parses the clauses.
func (t *Timetable) read() (problems []campaign.Problem) {
	for _, c := range t.rules.Cron {
		e, found := parse(c.Text)
		for _, f := range found {
			problems = append(problems, f.at(c.Pointer))
		}
		if e.spec != nil {
			t.cron = append(t.cron, e)
		}
	}
	for _, c := range t.rules.At {
		m, f := t.moment(c.Text)
		if f == nil {
			for _, other := range t.at {
				if other.at.Equal(m.at) {
					f = bad(ruleTwice, "remove one", "%s stands twice in at", clip(c.Text))
				}
			}
		}
		if f == nil && t.outside(m.wall) != "" {
			f = bad(ruleOutside, "change one of them", "%s is not between starts and ends", clip(c.Text))
		}
		if f != nil {
			problems = append(problems, f.at(c.Pointer))
			continue
		}
		t.at = append(t.at, m)
	}
	return problems
}

// layouts of `at`: on the clocks of the zone, and with an offset of its own.
var (
	wallLayouts    = []string{"2006-01-02T15:04", "2006-01-02T15:04:05"}
	instantLayouts = []string{"2006-01-02T15:04Z07:00", time.RFC3339}
)

func (t *Timetable) moment(text string) (moment, *complaint) {
	for _, layout := range wallLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return moment{at.Unix(), instantOf(t.zone, at.Unix())}, nil
		}
	}
	for _, layout := range instantLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return moment{wallOf(t.zone, at), at.In(t.zone)}, nil
		}
	}
	return moment{}, bad(ruleAt, "for example 2026-12-01T09:00, or 2026-12-01T09:00:00+08:00", "%s is no time", clip(text))
}

// Zone is the zone in which the schedule goes.
func (t *Timetable) Zone() *time.Location { return t.zone }

// Days is the calendar's rule; nil: every day.
func (t *Timetable) Days() *campaign.DayRule { return t.rules.Days }

// Starts is the first day of the schedule; zero: there is none.
func (t *Timetable) Starts() campaign.Date { return t.rules.Starts }

// Suspended reports whether the schedule is to run nothing for now.
func (t *Timetable) Suspended() bool { return t.rules.Suspended }

// Next gives the first slot after an instant, those included that the schedule
// leaves out. ok is false when there is none any more.
//
// Of several times that come at the same instant, because clocks are put forward
// over them, there is one slot: the latest.
func (t *Timetable) Next(after time.Time) (Slot, bool) {
	var best moment
	found := false
	take := func(m moment) {
		if !found || m.at.Before(best.at) || m.at.Equal(best.at) && m.wall > best.wall {
			best, found = m, true
		}
	}
	for _, e := range t.cron {
		if m, ok := t.fires(e, after); ok {
			take(m)
		}
	}
	for _, m := range t.at {
		if m.at.Unix() > after.Unix() {
			take(m)
		}
	}
	if !found {
		return Slot{}, false
	}
	return Slot{Label: t.label(best), At: best.at.In(t.zone), Skip: t.leftOut(best.wall)}, true
}

// fires gives the first time after an instant at which an expression does.
func (t *Timetable) fires(e expression, after time.Time) (moment, bool) {
	if e.follows {
		at := search(t.zone, time.Unix(after.Unix()+1, 0), e.next)
		return moment{wallOf(t.zone, at), at}, !at.IsZero()
	}
	wall, ok := e.next(shownUntil(t.zone, after))
	if !ok {
		return moment{}, false
	}
	m := moment{wall, instantOf(t.zone, wall)}
	if wallOf(t.zone, m.at) == wall {
		return m, true // the clocks show it: what they show later comes later
	}
	for {
		later, ok := e.next(wall + 1)
		if !ok || !instantOf(t.zone, later).Equal(m.at) {
			return m, true
		}
		wall, m.wall = later, later
	}
}

// label names a slot by wall-clock time and zone; the second time of an hour that
// comes twice also by its offset.
func (t *Timetable) label(m moment) string {
	show := time.Unix(m.wall, 0).UTC()
	layout := wallLayouts[0]
	if show.Second() != 0 {
		layout = wallLayouts[1]
	}
	text := show.Format(layout) + " " + t.zone.String()
	if m.at.After(instantOf(t.zone, m.wall)) {
		text += m.at.In(t.zone).Format(" -07:00")
	}
	return text
}

// Coming yields the slots after an instant, up to and with until.
func (t *Timetable) Coming(after, until time.Time) iter.Seq[Slot] {
	return func(yield func(Slot) bool) {
		for {
			s, ok := t.Next(after)
			if !ok || s.At.After(until) || !yield(s) {
				return
			}
			after = s.At
		}
	}
}

// outside says on which side of starts and ends a time lies; empty: between.
func (t *Timetable) outside(wall int64) string {
	day := campaign.DateOf(time.Unix(wall, 0).UTC())
	switch {
	case !t.rules.Starts.IsZero() && day.Compare(t.rules.Starts) < 0:
		return campaign.SkipEarly
	case !t.rules.Ends.IsZero() && day.Compare(t.rules.Ends) > 0:
		return campaign.SkipOver
	}
	return ""
}

// leftOut says why the schedule leaves a time out; empty: it does not.
func (t *Timetable) leftOut(wall int64) string {
	switch t.outside(wall) {
	case campaign.SkipEarly:
		return campaign.SkipEarly + ": the schedule starts on " + t.rules.Starts.String()
	case campaign.SkipOver:
		return campaign.SkipOver + ": the schedule ended on " + t.rules.Ends.String()
	}
	rule := t.rules.Days
	if rule == nil {
		return ""
	}
	day := campaign.DateOf(time.Unix(wall, 0).UTC())
	allowed, known := rule.Allows(day)
	switch {
	case !known:
		return fmt.Sprintf("%s: %s does not know %d", campaign.SkipUnknown, rule.Calendar.File, day.Year)
	case allowed:
		return ""
	case rule.Rest:
		return campaign.SkipCalendar + ": a workday of " + rule.Calendar.File
	}
	return campaign.SkipCalendar + ": no workday of " + rule.Calendar.File
}

// Is reports whether an occurrence is a slot of the schedule, and not one of its own
// label.
func (t *Timetable) Is(o campaign.Occurrence) bool {
	s, ok := t.Next(o.Time.Add(-time.Second))
	return ok && s.Label == o.Label && s.At.Equal(o.Time)
}

// Expiry gives when a run of the schedule that began is given up: what the file says
// after its slot, else when the next slot after its beginning comes; zero: never.
func (t *Timetable) Expiry(at, began time.Time) time.Time {
	if t.expires > 0 {
		return at.Add(t.expires)
	}
	if began.Before(at) {
		began = at
	}
	for s := range t.Coming(began, began.AddDate(1, 0, 0)) {
		if s.Skip == "" {
			return s.At
		}
	}
	return time.Time{}
}
