package plan

import (
	"regexp"
	"strings"
	"text/template/parse"
	"time"
)

const maxDays = 36_525 // that addDays may add or take away: a hundred years

// dayLayouts are the days that cells may hold, by what stands after the year.
// Month and day may have one digit.
var dayLayouts = []struct{ mark, layout string }{
	{"-", "2006-1-2"}, {"/", "2006/1/2"}, {".", "2006.1.2"}, {"年", "2006年1月2日"}, {"", "20060102"},
}

// clockLayouts follow a day, with their separator.
var clockLayouts = []string{"", " 15:04", " 15:04:05", "T15:04", "T15:04:05", "T15:04:05Z07:00", "T15:04Z07:00"}

// parseMoment reads the dates that people and programs write with the year
// first. Without an offset they are in the zone.
func parseMoment(s string, zone *time.Location) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 8 || len(s) > 40 {
		return time.Time{}, false
	}
	for _, day := range dayLayouts {
		if !strings.HasPrefix(s[4:], day.mark) {
			continue
		}
		for _, clock := range clockLayouts {
			if at, err := time.ParseInLocation(day.layout+clock, s, zone); err == nil {
				return at.In(zone), true
			}
		}
		return time.Time{}, false
	}
	return time.Time{}, false
}

func formatDate(f *frame, args []value) (value, error) {
	at, err := args[1].moment(f.zone)
	if err != nil {
		return value{}, err
	}
	return value{text: at.Format(args[0].text)}, nil
}

func toDate(f *frame, args []value) (value, error) {
	at, err := time.ParseInLocation(args[0].text, strings.TrimSpace(args[1].String()), f.zone)
	if err != nil {
		return value{}, &misfit{rule: "bad-date", variable: args[1].name, message: args[1].what() + " is not a date as the layout says",
			hint: "the layout is the date 2 January 2006, 15:04:05, written as the cells write theirs"}
	}
	return value{kind: moment, at: at.In(f.zone)}, nil
}

func inZone(f *frame, args []value) (value, error) {
	at, err := args[1].moment(f.zone)
	if err != nil {
		return value{}, err
	}
	zone, err := loadZone(args[0].text)
	if err != nil {
		return value{}, err
	}
	return value{kind: moment, at: at.In(zone)}, nil
}

// addDays keeps the wall clock.
func addDays(f *frame, args []value) (value, error) {
	at, err := args[1].moment(f.zone)
	if err != nil {
		return value{}, err
	}
	return value{kind: moment, at: at.AddDate(0, 0, int(args[0].num.Num().Int64()))}, nil
}

var foreignLayout = regexp.MustCompile(`(?i)yy|%[a-z]|\bmm\b|\bdd\b|\bhh\b`)

// checkLayout refuses layouts that would print the same text for every date,
// and those of other systems: they would go out as they stand.
func checkLayout(args []parse.Node) (int, string) {
	if i, message := checkLiterals(0)(args); message != "" {
		return i, message
	}
	layout, _ := literal(args[0])
	a := time.Date(2001, 1, 2, 3, 4, 5, 0, time.UTC)
	b := time.Date(2012, 11, 23, 16, 37, 48, 0, time.UTC)
	if foreignLayout.MatchString(layout) || a.Format(layout) == b.Format(layout) {
		return 0, "this is no layout: write 2006 for the year, 01 the month, 02 the day, 15 the hour, 04 the minute, 05 the second"
	}
	return 0, ""
}
