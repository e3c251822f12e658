package campaign

import (
	"fmt"
	"time"
)

// Schedule is when a campaign is due, as its file says it (design: campaign-files,
// schedule). What its clauses mean the room schedule knows.
type Schedule struct {
	Cron         []Clause       // five fields each; with At, exactly one of the two is set
	At           []Clause       // wall-clock times, or instants with an offset
	Zone         *time.Location // nil: the project's
	Starts, Ends Date           // inclusive, in the zone; zero: no bound
	Days         *DayRule       // nil: every day
	Missed       Missed
	Expires      time.Duration // after its slot a run is given up; 0: the file does not say, so with the next slot
	Queue        bool          // `overlap: queue`: an occurrence waits for the one before it
	MustChange   bool          // `must_change: [content]`: an occurrence that would say the same again is skipped
	Suspended    bool
}

// Clause is a text of a file that another room reads, and its place.
type Clause struct{ Text, Pointer string }

// Missed says what becomes of occurrences whose time passed while nobody looked.
type Missed struct {
	Within time.Duration // so late an occurrence still counts as on time
	Policy CatchUp       // for older ones
}

// CatchUp is how many of the occurrences that are too old are run after all.
type CatchUp uint8

const (
	CatchNone CatchUp = iota
	CatchLatest
	CatchAll
)

// DefaultMissed is what a schedule without `missed` gets.
func DefaultMissed() Missed { return Missed{Within: time.Hour} }

// Date is a day of the calendar, in no zone. The zero Date is none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the date that t shows in its own zone.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// ParseDate reads a date such as 2026-12-31.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	return DateOf(t), err
}

func (d Date) IsZero() bool { return d == Date{} }

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Compare is negative when d is before e, 0 for the same day.
func (d Date) Compare(e Date) int { return d.Midnight().Compare(e.Midnight()) }

// Midnight is the beginning of the day on clocks that nobody changes (UTC).
func (d Date) Midnight() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.Midnight().Weekday() }

// Calendar is a file of holidays and of rest days that are worked on (调休).
type Calendar struct {
	File     string
	Name     string
	Years    map[int]bool // of which it knows every day
	Weekend  [7]bool      // by time.Weekday
	Holidays map[Date]bool
	Workdays map[Date]bool
}

// DayRule selects days by a calendar.
type DayRule struct {
	Calendar *Calendar // nil when the file could not be read, which is reported
	Rest     bool      // the days off, not the workdays
	Pointer  string    // of the mapping in the campaign file
}

// Allows reports whether the rule holds on a day; known is false in a year of
// which the calendar says nothing.
func (r *DayRule) Allows(d Date) (allowed, known bool) {
	c := r.Calendar
	if c == nil || !c.Years[d.Year] {
		return false, false
	}
	off := c.Holidays[d] || c.Weekend[d.Weekday()] && !c.Workdays[d]
	return off == r.Rest, true
}

// SlotState is where an occurrence of a schedule stands. Values are stored in
// ledgers: they never change their number.
type SlotState uint8

const (
	SlotDue     SlotState = 0 // claimed: it is being run, or waits for it
	SlotRan     SlotState = 1 // its run is over; what became of it the run says
	SlotSkipped SlotState = 2 // it was not run; Reason says why
)

func (s SlotState) String() string { return [...]string{"due", "ran", "skipped"}[s] }

// Slot is an occurrence of a schedule that was decided, or a stretch of them that
// were skipped for one reason.
type Slot struct {
	Profile, Campaign string
	Label             string    // the occurrence's; its run has the id of RunID
	At                time.Time // when it was due
	LastLabel         string    // of a stretch: its last occurrence; else Label
	LastAt            time.Time
	Count             int64 // occurrences of the stretch, at least 1
	State             SlotState
	Reason            string // of a skipped one: a stable code, then perhaps ": " and a detail; of one that ran: empty, or how it ended
	Decided           time.Time
	Owner             string // who decided
}

// Codes of the reasons for which occurrences are skipped. They are stored.
const (
	SkipMissed    = "missed"      // too late, and `missed` does not want it any more
	SkipOverlap   = "overlap"     // the one before it was still going on
	SkipSuspended = "suspended"   // the schedule says suspended: true
	SkipEarly     = "not-started" // before starts
	SkipOver      = "ended"       // after ends
	SkipCalendar  = "calendar"    // not on that day
	SkipUnknown   = "calendar-unknown"
	SkipUnchanged = "unchanged" // it would say what the previous one said, and must_change forbids it
)
