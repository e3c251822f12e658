// Package schedule says when things may happen: pure arithmetic over wall clocks
// in a zone. It reads no clock.
package schedule

import (
	"slices"
	"time"

	"campaign/internal/campaign"
)

const (
	daySeconds = 24 * 60 * 60
	// A window that opens at all does so within a week of one offset from UTC, and
	// zones keep theirs for months, apart from a few that kept one for days. This
	// many are decades of any zone: the bound of a call's work.
	maxOffsets = 128
	// weekDays are the days after today in which a window without a calendar opens if
	// it ever does, and calendarDays those with one: no holiday is longer.
	weekDays     = 7
	calendarDays = 400
)

// Opens gives the earliest instant, not before now, at which w is open in zone:
// now itself when it is open already, the zero time when it never opens. A nil zone
// is UTC.
//
// The window is open whenever clocks on the wall show a time inside one of its
// spans, on one of its days that its calendar, if it has one, allows. So where clocks are put forward, a span that begins in
// the hour that is left out begins right after it, and one that lies wholly inside
// does not happen that day; where they are put back, the hour that comes twice is
// open both times.
func Opens(w campaign.Window, zone *time.Location, now time.Time) time.Time {
	return search(zone, now, func(wall int64) (int64, bool) { return opens(w, wall) })
}

// Closes gives the earliest instant, not before now, at which w is closed in zone:
// the end of the open span that now is in, or now itself when it is in none. Spans
// that touch, also over midnight, are one. The zero time: it never closes.
func Closes(w campaign.Window, zone *time.Location, now time.Time) time.Time {
	w.Open = slices.Clone(w.Open)
	slices.SortFunc(w.Open, func(a, b campaign.Span) int { return a.From - b.From })
	return search(zone, now, func(wall int64) (int64, bool) { return closes(w, wall) })
}

// search finds the first instant at which clocks on the wall show what next looks
// for: it gives the first such second from wall on, on clocks that nobody changes.
// Within one offset of the zone that is what they are, so the search goes from one
// offset to the following one until what it finds lies inside.
func search(zone *time.Location, now time.Time, next func(wall int64) (int64, bool)) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	at := now.In(zone)
	for i := range maxOffsets {
		_, offset := at.Zone()
		wall := at.Unix() + int64(offset)
		found, ok := next(wall)
		switch {
		case !ok:
			return time.Time{} // on no day of the week
		case found == wall && i == 0:
			return now // with its fraction of a second
		case found == wall:
			return at
		}
		then := time.Unix(found-int64(offset), 0).In(zone)
		_, end := at.ZoneBounds()
		if end.IsZero() || then.Before(end) {
			return then
		}
		at = end.In(zone)
	}
	return time.Time{}
}

// split takes seconds on a wall clock since the beginning of 1970 apart: days, and
// seconds of the day.
func split(wall int64) (day, second int64) {
	day, second = wall/daySeconds, wall%daySeconds
	if second < 0 {
		day, second = day-1, second+daySeconds
	}
	return day, second
}

// weekday gives the day of the week of a day since 1 January 1970, a Thursday.
func weekday(day int64) time.Weekday {
	return time.Weekday(((day+int64(time.Thursday))%7 + 7) % 7)
}

// on reports whether a window is for a day since 1 January 1970. A day of a year
// that its calendar does not know is none.
func on(w campaign.Window, day int64) bool {
	if !w.Days[weekday(day)] || w.Calendar == nil {
		return w.Days[weekday(day)]
	}
	allowed, _ := w.Calendar.Allows(campaign.DateOf(time.Unix(day*daySeconds, 0).UTC()))
	return allowed
}

func horizon(w campaign.Window) int64 {
	if w.Calendar != nil {
		return calendarDays
	}
	return weekDays
}

// opens gives the first second of the wall clock from wall on at which it is open.
func opens(w campaign.Window, wall int64) (int64, bool) {
	today, second := split(wall)
	for day := today; day <= today+horizon(w); day, second = day+1, 0 {
		if !on(w, day) {
			continue
		}
		first, found := int64(0), false
		for _, s := range w.Open {
			from, to := max(int64(s.From)*60, second), min(int64(s.To)*60, daySeconds)
			if from < to && (!found || from < first) {
				first, found = from, true
			}
		}
		if found {
			return day*daySeconds + first, true
		}
	}
	return 0, false
}

// closes gives the first second of the wall clock from wall on at which it is
// closed; spans are in the order of their beginnings.
func closes(w campaign.Window, wall int64) (int64, bool) {
	today, second := split(wall)
	for day := today; day <= today+horizon(w); day, second = day+1, 0 {
		if on(w, day) {
			for _, s := range w.Open {
				if int64(s.From)*60 <= second {
					second = max(second, min(int64(s.To)*60, daySeconds))
				}
			}
		}
		if second < daySeconds {
			return day*daySeconds + second, true
		}
	}
	return 0, false
}
