package schedule

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
)

var oracleYears = flag.Int("oracle.years", 0, "also hold every zone against the oracle in this many years before 2026")

// zoneNames are the names of all zones of the IANA database.
func zoneNames(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(data))
	if len(names) < 590 {
		t.Fatalf("only %d zones", len(names))
	}
	return names
}

// schedules are what the oracle knows: a file's text, and the same by hand.
var schedules = []struct {
	cron    string
	follows bool
	due     func(wall face) bool
}{
	{"30 2 * * *", false, func(w face) bool { return w.hour == 2 && w.minute == 30 }},
	{"0 0 * * *", false, func(w face) bool { return w.hour == 0 && w.minute == 0 }},
	{"7 * * * *", true, func(w face) bool { return w.minute == 7 }},
	{"*/15 * * * *", true, func(w face) bool { return w.minute%15 == 0 }},
	{"0 */6 * * *", true, func(w face) bool { return w.minute == 0 && w.hour%6 == 0 }},
	{"15 0 * * sun", false, func(w face) bool { return w.weekday == time.Sunday && w.hour == 0 && w.minute == 15 }},
	{"0 0 31 * *", false, func(w face) bool { return w.day == 31 && w.hour == 0 && w.minute == 0 }},
	{"5,35 1-3 28-31 * *", false, func(w face) bool {
		return w.day >= 28 && w.hour >= 1 && w.hour <= 3 && w.minute%30 == 5
	}},
}

// TestEveryZoneMinuteByMinute reads a clock on the wall of every zone minute by
// minute and holds the schedules against what it shows: no slot is lost, and none
// comes twice, except where the rule says so. A time that is left out comes at the
// first instant that shows a later one; schedules that follow instants do not know it.
func TestEveryZoneMinuteByMinute(t *testing.T) {
	years := []int{2026}
	for i := range *oracleYears {
		years = append(years, 2025-i)
	}
	for _, year := range years {
		from, to := time.Date(year-1, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(year+1, 1, 2, 0, 0, 0, 0, time.UTC)
		zones := distinct(t, from, to)
		if len(zones) < 40 {
			t.Fatalf("%d: only %d zones differ", year, len(zones))
		}
		for n, in := range zones {
			if testing.Short() && n%8 > 0 {
				continue
			}
			for i, want := range expected(in, from, to) {
				compare(t, schedules[i].cron, in, from, to, want)
			}
		}
	}
}

// distinct gives one zone for each way in which clocks go between two instants: zones
// that never differ by a quarter of an hour there are one.
func distinct(t *testing.T, from, to time.Time) (zones []*time.Location) {
	t.Helper()
	seen := map[string]bool{}
	for _, name := range zoneNames(t) {
		in := zone(t, name)
		var ways strings.Builder
		last := 1 << 30
		for at := from.Unix(); at < to.Unix(); at += 15 * 60 {
			if _, offset := time.Unix(at, 0).In(in).Zone(); offset != last {
				fmt.Fprintln(&ways, at, offset)
				last = offset
			}
		}
		if !seen[ways.String()] {
			seen[ways.String()] = true
			zones = append(zones, in)
		}
	}
	return zones
}

type due struct {
	at   int64
	wall int64
}

// face is what a clock on the wall shows.
type face struct {
	minute, hour, day int
	weekday           time.Weekday
}

func read(wall int64) face {
	w := time.Unix(wall, 0).UTC()
	return face{w.Minute(), w.Hour(), w.Day(), w.Weekday()}
}

// expected walks minute by minute and gives what each of the schedules owes.
func expected(in *time.Location, from, to time.Time) [][]due {
	all := make([][]due, len(schedules))
	_, offset := from.In(in).Zone()
	shown := from.Unix() + int64(offset) // walls before it were shown already
	for at := from.Unix(); at < to.Unix(); at += 60 {
		_, offset := time.Unix(at, 0).In(in).Zone()
		wall := at + int64(offset)
		now := read(wall)
		for i, s := range schedules {
			if s.follows && s.due(now) {
				all[i] = append(all[i], due{at, wall})
			}
		}
		for first := shown; shown <= wall; shown += 60 {
			left := now
			if shown != wall {
				left = read(shown)
			}
			for i, s := range schedules {
				if s.follows || !s.due(left) {
					continue
				}
				if n := len(all[i]); shown > first && n > 0 && all[i][n-1].at == at {
					all[i][n-1].wall = shown
					continue
				}
				all[i] = append(all[i], due{at, shown})
			}
		}
	}
	return all
}

func compare(t *testing.T, cron string, in *time.Location, from, to time.Time, want []due) {
	t.Helper()
	table, problems := New(campaign.Schedule{Cron: []campaign.Clause{{Text: cron, Pointer: "/schedule/cron"}}}, in, 0, from)
	if hasErrors(problems) {
		t.Fatal(problems)
	}
	labels := map[string]bool{}
	at := from.Add(-time.Second)
	for _, w := range want {
		s, ok := table.Next(at)
		if !ok || s.At.Unix() != w.at {
			t.Fatalf("%s in %s: after %s comes %s, want %s", cron, in, show(at.In(in)), show(s.At), show(time.Unix(w.at, 0).In(in)))
		}
		if want := time.Unix(w.wall, 0).UTC().Format("2006-01-02T15:04") + " " + in.String(); !strings.HasPrefix(s.Label, want) {
			t.Fatalf("%s in %s: the slot of %s is called %q, want %q", cron, in, show(s.At), s.Label, want)
		}
		if labels[s.Label] {
			t.Fatalf("%s in %s: %q came twice", cron, in, s.Label)
		}
		labels[s.Label], at = true, s.At
	}
	if s, _ := table.Next(at); s.At.Before(to) {
		t.Fatalf("%s in %s: %s should not come", cron, in, show(s.At))
	}
}

// From any instant on, the next slot is the first one after it.
func TestNextFromAnyInstant(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Shanghai"} {
		in := zone(t, name)
		for _, day := range []string{"2026-03-29", "2026-10-25", "2011-12-30", "2018-11-04", "2026-02-15", "2026-04-05"} {
			start, err := time.Parse(time.DateOnly, day)
			if err != nil {
				t.Fatal(err)
			}
			from, to := start.AddDate(0, 0, -1), start.AddDate(0, 0, 2)
			for i, want := range expected(in, from, to.AddDate(0, 0, 2))[:4] {
				s := schedules[i]
				table, _ := New(campaign.Schedule{Cron: []campaign.Clause{{Text: s.cron}}}, in, 0, from)
				k := 0
				for at := from.Add(-time.Nanosecond); at.Before(to); at = at.Add(7*time.Minute + time.Nanosecond) {
					for k < len(want) && want[k].at <= at.Unix() {
						k++
					}
					if got, _ := table.Next(at); got.At.Unix() != want[k].at {
						t.Fatalf("%s in %s after %s: %s, want %s", s.cron, in, show(at.In(in)), show(got.At), show(time.Unix(want[k].at, 0).In(in)))
					}
				}
			}
		}
	}
}
