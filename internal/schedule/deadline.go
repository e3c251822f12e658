package schedule

import (
	"time"

	"campaign/internal/campaign"
)

// Deadline is by when an occurrence must have been sent. The zero Deadline is none.
type Deadline struct {
	at     moment         // one instant
	second int64          // or of the day of the occurrence
	zone   *time.Location // nil: there is none
	daily  bool
}

// ReadDeadline reads a deadline as a file gives it: a time as those of `at`, or a time
// of the day such as 20:00, up to 24:00. An empty text is none. The problem, if there
// is one, has the rule of a time of `at`.
func ReadDeadline(c campaign.Clause, zone *time.Location) (Deadline, []campaign.Problem) {
	if c.Text == "" {
		return Deadline{}, nil
	}
	if second, ok := ofDay(c.Text); ok {
		return Deadline{second: second, zone: zone, daily: true}, nil
	}
	m, wrong := (&Timetable{zone: zone}).moment(c.Text)
	if wrong != nil {
		wrong.hint = `for example "20:00", or 2026-12-01T20:00:00+08:00`
		return Deadline{}, []campaign.Problem{wrong.at(c.Pointer)}
	}
	return Deadline{at: m, zone: zone}, nil
}

// ofDay reads a time of the day, in seconds.
func ofDay(text string) (second int64, ok bool) {
	if text == "24:00" {
		return daySeconds, true
	}
	at, err := time.Parse("15:04", text)
	return int64(at.Hour())*60*60 + int64(at.Minute())*60, err == nil && len(text) == len("15:04")
}

// IsZero reports whether there is none.
func (d Deadline) IsZero() bool { return d.zone == nil }

// Daily reports whether it is a time of the day.
func (d Deadline) Daily() bool { return d.daily }

// Of is the deadline of an occurrence that is due at a time. Where clocks are put
// forward over it, it comes right after that.
func (d Deadline) Of(occurrence time.Time) time.Time {
	switch {
	case d.zone == nil:
		return time.Time{}
	case d.daily:
		day := campaign.DateOf(occurrence.In(d.zone)).Midnight().Unix()
		return instantOf(d.zone, day+d.second).In(d.zone)
	}
	return d.at.at.In(d.zone)
}
