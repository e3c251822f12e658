package spec

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// freeCalendar lists what is text in a calendar whatever it looks like.
var freeCalendar = [][]string{{"years", "*", "holidays", "*"}, {"years", "*", "workdays", "*"}}

// longHoliday is more days than a holiday has; a longer one is a slip of the pen.
const longHoliday = 31

// firstYear and lastYear are the schema's bounds.
const firstYear, lastYear = 1970, 2200

// LoadCalendar reads a calendar. With errors it is nil.
func LoadCalendar(fsys fs.FS, file string) (*campaign.Calendar, []campaign.Diagnostic) {
	c, _, diags := loadAs(fsys, file, maxFile, calendarSchema(), freeCalendar, (*loader).calendar)
	return c, diags
}

func (l *loader) calendar(root val) *campaign.Calendar {
	c := &campaign.Calendar{File: l.doc.file, Name: root.key("name").text(), Years: map[int]bool{},
		Holidays: map[campaign.Date]bool{}, Workdays: map[campaign.Date]bool{}}
	weekend := root.key("weekend")
	l.distinct(weekend)
	for _, day := range weekend.texts() {
		if at := slices.Index(week, day); at >= 0 {
			c.Weekend[at] = true
		}
	}
	if !weekend.given() {
		c.Weekend = [7]bool{0: true, 6: true}
	}
	for _, v := range root.key("years").items() {
		year := int(v.key("year").number())
		if year < firstYear || year > lastYear {
			year = 0 // reported: the days may be of any
		}
		if c.Years[year] && year != 0 {
			l.problem(v.key("year"), ruleDuplicateItem, fmt.Sprintf("%d stands twice", year), "keep one of them")
		}
		c.Years[year] = true
		holidays := v.key("holidays")
		for _, name := range holidays.keys() {
			l.holiday(c, year, holidays.key(name))
		}
		for _, day := range v.key("workdays").items() {
			l.workday(c, year, day)
		}
	}
	return c
}

// holiday reads a day, or the first and the last of several.
func (l *loader) holiday(c *campaign.Calendar, year int, v val) {
	first, last, ranged := strings.Cut(v.text(), "/")
	from := l.date(val{v.in, v.step, first})
	to := from
	if ranged {
		to = l.date(val{v.in, v.step, last})
	}
	if from.IsZero() || to.IsZero() {
		return
	}
	days := int(to.Midnight().Sub(from.Midnight()).Hours()/24) + 1
	switch {
	case days < 1:
		l.problem(v, ruleCalendar, fmt.Sprintf("%s ends before it begins", clip(v.text())), "")
		return
	case days > longHoliday:
		l.problem(v, ruleCalendar, fmt.Sprintf("%s are %d days", clip(v.text()), days), "a holiday has a month at most: look at both dates")
		return
	case year != 0 && (from.Year > year || to.Year < year):
		l.problem(v, ruleCalendar, fmt.Sprintf("%s is not in %d", clip(v.text()), year), "write it under its year")
		return
	}
	for i := range days {
		day := campaign.DateOf(from.Midnight().AddDate(0, 0, i))
		if c.Holidays[day] {
			l.problem(v, ruleDuplicateItem, fmt.Sprintf("%s is in another holiday already", day), "")
			return
		}
		c.Holidays[day] = true
	}
}

// workday reads a day off that is worked on.
func (l *loader) workday(c *campaign.Calendar, year int, v val) {
	day := l.date(v)
	switch {
	case day.IsZero():
	case year != 0 && day.Year != year:
		l.problem(v, ruleCalendar, fmt.Sprintf("%s is not in %d", day, year), "write it under its year")
	case c.Workdays[day]:
		l.problem(v, ruleDuplicateItem, fmt.Sprintf("%s stands twice", day), "remove one")
	case c.Holidays[day]:
		l.problem(v, ruleCalendar, fmt.Sprintf("%s is a holiday as well", day), "keep one of them")
	case !c.Weekend[day.Weekday()]:
		l.problem(v, ruleCalendar, fmt.Sprintf("%s is a %s, which is worked on in any case", day, week[day.Weekday()]), "workdays are days of the weekend that are worked on")
	default:
		c.Workdays[day] = true
	}
}
