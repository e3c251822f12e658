package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
)

var monday = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func clauses(key string, texts ...string) (out []campaign.Clause) {
	for i, text := range texts {
		out = append(out, campaign.Clause{Text: text, Pointer: fmt.Sprintf("/schedule/%s/%d", key, i)})
	}
	return out
}

func date(t testing.TB, text string) campaign.Date {
	t.Helper()
	if text == "" {
		return campaign.Date{}
	}
	d, err := campaign.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// labels lists the coming slots of a timetable, those that are left out in brackets.
func labels(table *Timetable, after time.Time, n int) string {
	var out []string
	for range n {
		s, ok := table.Next(after)
		if !ok {
			return strings.Join(append(out, "none"), "; ")
		}
		text := s.Label
		if s.Skip != "" {
			text = "(" + text + " " + s.Skip + ")"
		}
		out, after = append(out, text), s.At
	}
	return strings.Join(out, "; ")
}

// cn2026 knows a part of what was announced for 2026.
func cn2026(t testing.TB) *campaign.Calendar {
	return &campaign.Calendar{File: "calendars/cn.yaml", Years: map[int]bool{2026: true}, Weekend: [7]bool{0: true, 6: true},
		Holidays: map[campaign.Date]bool{date(t, "2026-10-01"): true, date(t, "2026-10-02"): true}, Workdays: map[campaign.Date]bool{date(t, "2026-10-10"): true}}
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name     string
		schedule campaign.Schedule
		zone     string
		after    string
		n        int
		want     string
	}{
		{"several expressions", campaign.Schedule{Cron: clauses("cron", "0 9 * * *", "0 18 * * *", "0 9 * * 1")}, "Asia/Shanghai", "2026-11-23T01:00:00Z", 3,
			"2026-11-23T18:00 Asia/Shanghai; 2026-11-24T09:00 Asia/Shanghai; 2026-11-24T18:00 Asia/Shanghai"},
		{"before the first", campaign.Schedule{Cron: clauses("cron", "0 9 * * *")}, "Asia/Shanghai", "2026-11-23T00:59:59.999999999Z", 1, "2026-11-23T09:00 Asia/Shanghai"},
		{"at it", campaign.Schedule{Cron: clauses("cron", "0 9 * * *")}, "Asia/Shanghai", "2026-11-23T01:00:00.5Z", 1, "2026-11-24T09:00 Asia/Shanghai"},
		{"29 February over a century", campaign.Schedule{Cron: clauses("cron", "0 0 29 2 *")}, "UTC", "2096-03-01T00:00:00Z", 1, "2104-02-29T00:00 UTC"},
		{"the hour left out", campaign.Schedule{Cron: clauses("cron", "30 2 * * *")}, "Europe/Berlin", "2026-03-28T12:00:00Z", 2, "2026-03-29T02:30 Europe/Berlin; 2026-03-30T02:30 Europe/Berlin"},
		{"twice in the hour left out is once", campaign.Schedule{Cron: clauses("cron", "0,30 2 * * *", "0 3 * * *")}, "Europe/Berlin", "2026-03-28T12:00:00Z", 2, "2026-03-29T03:00 Europe/Berlin; 2026-03-30T02:00 Europe/Berlin"},
		{"the hour that comes twice", campaign.Schedule{Cron: clauses("cron", "30 2 * * *")}, "Europe/Berlin", "2026-10-24T12:00:00Z", 2, "2026-10-25T02:30 Europe/Berlin; 2026-10-26T02:30 Europe/Berlin"},
		{"hourly in it", campaign.Schedule{Cron: clauses("cron", "30 * * * *")}, "Europe/Berlin", "2026-10-24T23:45:00Z", 3,
			"2026-10-25T02:30 Europe/Berlin; 2026-10-25T02:30 Europe/Berlin +01:00; 2026-10-25T03:30 Europe/Berlin"},
		{"a day without a midnight", campaign.Schedule{Cron: clauses("cron", "0 0 * * 0")}, "America/Sao_Paulo", "2018-11-01T00:00:00Z", 2, "2018-11-04T00:00 America/Sao_Paulo; 2018-11-11T00:00 America/Sao_Paulo"},
		{"single times", campaign.Schedule{At: clauses("at", "2026-12-01T09:00", "2026-11-30T09:00:30+08:00")}, "Asia/Shanghai", "2026-11-23T00:00:00Z", 3,
			"2026-11-30T09:00:30 Asia/Shanghai; 2026-12-01T09:00 Asia/Shanghai; none"},
		{"a single time that is left out", campaign.Schedule{At: clauses("at", "2026-03-29T02:30")}, "Europe/Berlin", "2026-03-01T00:00:00Z", 1, "2026-03-29T02:30 Europe/Berlin"},
		{"an offset tells the second time", campaign.Schedule{At: clauses("at", "2026-10-25T02:30+01:00")}, "Europe/Berlin", "2026-03-01T00:00:00Z", 1, "2026-10-25T02:30 Europe/Berlin +01:00"},
		{"starts and ends", campaign.Schedule{Cron: clauses("cron", "0 9 * * *"), Starts: date(t, "2026-11-24"), Ends: date(t, "2026-11-24")}, "Asia/Shanghai", "2026-11-22T16:00:00Z", 3,
			"(2026-11-23T09:00 Asia/Shanghai not-started: the schedule starts on 2026-11-24); 2026-11-24T09:00 Asia/Shanghai; (2026-11-25T09:00 Asia/Shanghai ended: the schedule ended on 2026-11-24)"},
		{"workdays", campaign.Schedule{Cron: clauses("cron", "0 9 * * 4-6"), Days: &campaign.DayRule{Calendar: cn2026(t)}}, "Asia/Shanghai", "2026-10-01T00:00:00Z", 6,
			"(2026-10-01T09:00 Asia/Shanghai calendar: no workday of calendars/cn.yaml); (2026-10-02T09:00 Asia/Shanghai calendar: no workday of calendars/cn.yaml); " +
				"(2026-10-03T09:00 Asia/Shanghai calendar: no workday of calendars/cn.yaml); 2026-10-08T09:00 Asia/Shanghai; 2026-10-09T09:00 Asia/Shanghai; 2026-10-10T09:00 Asia/Shanghai"},
		{"days off", campaign.Schedule{Cron: clauses("cron", "0 9 10 10 *"), Days: &campaign.DayRule{Calendar: cn2026(t), Rest: true}}, "Asia/Shanghai", "2026-10-01T00:00:00Z", 2,
			"(2026-10-10T09:00 Asia/Shanghai calendar: a workday of calendars/cn.yaml); (2027-10-10T09:00 Asia/Shanghai calendar-unknown: calendars/cn.yaml does not know 2027)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, err := time.Parse(time.RFC3339Nano, c.after)
			if err != nil {
				t.Fatal(err)
			}
			table, problems := New(c.schedule, zone(t, c.zone), 0, after.AddDate(0, -1, 0))
			if hasErrors(problems) {
				t.Fatal(problems)
			}
			if got := labels(table, after, c.n); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// What the schedule's own zone says counts, not the project's.
func TestOwnZone(t *testing.T) {
	table, problems := New(campaign.Schedule{Cron: clauses("cron", "0 9 * * *"), Zone: zone(t, "Europe/Berlin")}, zone(t, "Asia/Shanghai"), 0, monday)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := labels(table, monday, 1); got != "2026-11-23T09:00 Europe/Berlin" {
		t.Error(got)
	}
}

// TestBadSchedules holds each trap of the library and of cron against what is said.
func TestBadSchedules(t *testing.T) {
	for _, c := range []struct {
		name     string
		schedule campaign.Schedule
		rule     string
		warning  bool
		says     string
	}{
		{"a zone inside", campaign.Schedule{Cron: clauses("cron", "TZ=Asia/Shanghai 0 9 * * *")}, ruleCron, false, "does not belong"},
		{"a zone that panics", campaign.Schedule{Cron: clauses("cron", "CRON_TZ=UTC")}, ruleCron, false, "does not belong"},
		{"a zone in capitals", campaign.Schedule{Cron: clauses("cron", "tz=UTC 0 9 * * *")}, ruleCron, false, "does not belong"},
		{"nothing before a comma", campaign.Schedule{Cron: clauses("cron", ", * * * *")}, ruleCron, false, "the minute has nothing"},
		{"nothing behind a comma", campaign.Schedule{Cron: clauses("cron", "0 9,,10 * * *")}, ruleCron, false, "the hour has nothing"},
		{"30 February", campaign.Schedule{Cron: clauses("cron", "0 0 30 2 *")}, ruleNever, false, "never due"},
		{"a step that is too large", campaign.Schedule{Cron: clauses("cron", "*/90 * * * *")}, ruleStep, false, "larger than what it steps through"},
		{"a step of the whole", campaign.Schedule{Cron: clauses("cron", "*/60 * * * *")}, ruleStep, false, "larger"},
		{"a step of nothing", campaign.Schedule{Cron: clauses("cron", "*/0 * * * *")}, ruleStep, false, "a step of nothing"},
		{"a step with many digits", campaign.Schedule{Cron: clauses("cron", "*/99999999999999999999 * * * *")}, ruleStep, false, "larger"},
		{"unequal steps", campaign.Schedule{Cron: clauses("cron", "*/25 * * * *")}, ruleStep, true, "equal distances"},
		{"@every", campaign.Schedule{Cron: clauses("cron", "@every 1h")}, ruleCron, false, "from when the program starts"},
		{"@every backwards", campaign.Schedule{Cron: clauses("cron", "@every -1h")}, ruleCron, false, "from when the program starts"},
		{"@daily", campaign.Schedule{Cron: clauses("cron", "@daily")}, ruleCron, false, "not known"},
		{"@reboot", campaign.Schedule{Cron: clauses("cron", "@reboot")}, ruleCron, false, "not known"},
		{"six fields", campaign.Schedule{Cron: clauses("cron", "0 0 9 * * *")}, ruleCron, false, "6 fields"},
		{"four fields", campaign.Schedule{Cron: clauses("cron", "9 * * *")}, ruleCron, false, "4 fields"},
		{"nothing", campaign.Schedule{Cron: clauses("cron", " ")}, ruleCron, false, "0 fields"},
		{"minute 60", campaign.Schedule{Cron: clauses("cron", "60 9 * * *")}, ruleCron, false, "from 0 to 59"},
		{"day 0", campaign.Schedule{Cron: clauses("cron", "0 9 0 * *")}, ruleCron, false, "from 1 to 31"},
		{"Sunday as 7", campaign.Schedule{Cron: clauses("cron", "0 9 * * 7")}, ruleCron, false, "from 0 to 6"},
		{"Quartz", campaign.Schedule{Cron: clauses("cron", "0 9 L * *")}, ruleCron, false, `"L" is no day of month`},
		{"Quartz weekday", campaign.Schedule{Cron: clauses("cron", "0 9 * * 1#2")}, ruleCron, false, `"1#2" is no day of week`},
		{"a word", campaign.Schedule{Cron: clauses("cron", "0 9 * foo *")}, ruleCron, false, "no month"},
		{"a range backwards", campaign.Schedule{Cron: clauses("cron", "0 22-6 * * *")}, ruleCron, false, "ends before it begins"},
		{"both days", campaign.Schedule{Cron: clauses("cron", "0 9 1 * 1")}, ruleDayOr, true, "each of both"},
		{"both days by steps", campaign.Schedule{Cron: clauses("cron", "0 9 */2 * 1")}, ruleDayOr, true, "each of both"},
		{"twice", campaign.Schedule{Cron: clauses("cron", "0 9 * * 1", "00 9 * * mon")}, ruleTwice, false, "twice"},
		{"no time", campaign.Schedule{At: clauses("at", "tomorrow")}, ruleAt, false, "no time"},
		{"no such date", campaign.Schedule{At: clauses("at", "2026-02-30T09:00")}, ruleAt, false, "no time"},
		{"a time twice", campaign.Schedule{At: clauses("at", "2026-12-01T09:00", "2026-12-01T01:00:00Z")}, ruleTwice, false, "twice"},
		{"a time outside", campaign.Schedule{At: clauses("at", "2026-12-01T09:00"), Ends: date(t, "2026-11-30")}, ruleOutside, false, "not between"},
		{"times that are past", campaign.Schedule{At: clauses("at", "2026-11-01T09:00")}, ruleOver, true, "is past"},
		{"over", campaign.Schedule{Cron: clauses("cron", "0 9 * * *"), Ends: date(t, "2026-11-01")}, ruleOver, true, "ended on 2026-11-01"},
		{"nothing more", campaign.Schedule{Cron: clauses("cron", "0 9 1 * *"), Ends: date(t, "2026-11-29")}, ruleOver, true, "any more"},
		{"never between", campaign.Schedule{Cron: clauses("cron", "0 9 1 * *"), Starts: date(t, "2026-12-02"), Ends: date(t, "2026-12-20")}, ruleNever, false, "nothing is due between"},
		{"a year that is not known", campaign.Schedule{Cron: clauses("cron", "0 9 * * *"), Ends: date(t, "2028-01-01"), Days: &campaign.DayRule{Calendar: cn2026(t), Pointer: "/schedule/calendar"}}, ruleYear, false, "2027, 2028"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, problems := New(c.schedule, zone(t, "Asia/Shanghai"), 0, monday)
			if len(problems) != 1 {
				t.Fatalf("%d problems: %v", len(problems), problems)
			}
			p := problems[0]
			if p.Rule != c.rule || p.Warning != c.warning || !strings.Contains(p.Message, c.says) || p.Hint == "" && p.Rule != ruleCron || !strings.HasPrefix(p.Pointer, "/schedule") {
				t.Errorf("%+v", p)
			}
			if (table == nil) == c.warning {
				t.Errorf("the timetable is %v", table)
			}
		})
	}
}

// The warning about both days shows what the expression means.
func TestBothDaysShowsTheNextFive(t *testing.T) {
	_, problems := New(campaign.Schedule{Cron: clauses("cron", "0 9 1 * 1")}, zone(t, "Asia/Shanghai"), 0, monday)
	const next = "Mon 2026-11-23 09:00, Mon 2026-11-30 09:00, Tue 2026-12-01 09:00, Mon 2026-12-07 09:00, Mon 2026-12-14 09:00"
	if len(problems) != 1 || !strings.Contains(problems[0].Hint, next) {
		t.Error(problems)
	}
}

// A calendar must know next year only once the month that reaches into it is near.
func TestCalendarYears(t *testing.T) {
	s := campaign.Schedule{Cron: clauses("cron", "0 9 * * *"), Days: &campaign.DayRule{Calendar: cn2026(t), Pointer: "/schedule/calendar"}}
	for day, years := range map[string]int{"2026-11-30": 0, "2026-12-02": 1, "2025-11-01": 1, "2027-02-01": 1} {
		_, problems := New(s, time.UTC, 0, date(t, day).Midnight())
		if len(problems) != years {
			t.Errorf("%s: %v", day, problems)
		}
	}
	if got := CheckDays(s.Days, time.UTC, date(t, "2026-12-02").Midnight()); len(got) != 1 || got[0].Rule != ruleYear {
		t.Error(got)
	}
	if got := CheckDays(s.Days, time.UTC, monday); len(got) != 0 {
		t.Error(got)
	}
}

func TestExpiry(t *testing.T) {
	s := campaign.Schedule{Cron: clauses("cron", "0 9 * * *")}
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	table, _ := New(s, time.UTC, 0, monday)
	if got := table.Expiry(at, at.Add(-time.Second)); !got.Equal(at.AddDate(0, 0, 1)) {
		t.Error(got)
	}
	if got := table.Expiry(at, at.Add(30*time.Hour)); !got.Equal(at.AddDate(0, 0, 2)) {
		t.Errorf("caught up with late it expires %v", got)
	}
	table, _ = New(s, time.UTC, time.Hour, monday)
	if got := table.Expiry(at, at.Add(30*time.Hour)); !got.Equal(at.Add(time.Hour)) {
		t.Error(got)
	}
	table, _ = New(campaign.Schedule{At: clauses("at", "2026-11-23T09:00")}, time.UTC, 0, monday)
	if got := table.Expiry(at, at); !got.IsZero() {
		t.Error(got)
	}
}

func TestIs(t *testing.T) {
	table, _ := New(campaign.Schedule{Cron: clauses("cron", "30 2 * * *")}, zone(t, "Europe/Berlin"), 0, monday)
	for _, at := range []time.Time{monday, time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC)} {
		s, _ := table.Next(at)
		if !table.Is(campaign.Occurrence{Label: s.Label, Time: s.At}) {
			t.Errorf("%s is none of its slots", s.Label)
		}
		if table.Is(campaign.Occurrence{Label: "again", Time: s.At}) || table.Is(campaign.Occurrence{Label: s.Label, Time: s.At.Add(time.Minute)}) {
			t.Error("what is none is one of its slots")
		}
	}
}

func FuzzCron(f *testing.F) {
	for _, text := range []string{"0 9 * * 1-5", "*/15 * * * *", ", * * * *", "@every 1h", "TZ= 0", "5/7 1-3/2 ? jan,mar sun-fri", "0 0 29 2 *"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, found := parse(text)
		for _, c := range found {
			if !c.warning {
				return
			}
		}
		wall, ok := e.next(monday.Unix())
		if !ok || wall < monday.Unix() || wall%60 != 0 {
			t.Fatalf("%q fires at %d, %v", text, wall, ok)
		}
	})
}
