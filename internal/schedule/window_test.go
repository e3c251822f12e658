package schedule

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"campaign/internal/campaign"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// window reads "08:30-12:00 13:00-24:00 mon tue"; without days it is every day.
func window(t testing.TB, text string) campaign.Window {
	t.Helper()
	var w campaign.Window
	days := false
	for _, word := range strings.Fields(text) {
		var from, to [2]int
		if n, _ := fmt.Sscanf(word, "%d:%d-%d:%d", &from[0], &from[1], &to[0], &to[1]); n == 4 {
			w.Open = append(w.Open, campaign.Span{From: from[0]*60 + from[1], To: to[0]*60 + to[1]})
			continue
		}
		at := strings.Index("sunmontuewedthufrisat", word)
		if at < 0 || at%3 != 0 {
			t.Fatalf("no span and no day: %q", word)
		}
		w.Days[at/3], days = true, true
	}
	if !days {
		w.Days = [7]bool{true, true, true, true, true, true, true}
	}
	return w
}

// show writes an instant in its zone, offset included; the zero time as "never".
func show(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.Format("Mon 2006-01-02 15:04:05.999999999 -0700")
}

func instant(t testing.TB, text string, in *time.Location) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700", text)
	if err != nil {
		t.Fatal(err)
	}
	return at.In(in)
}

func TestWindow(t *testing.T) {
	const office = "08:30-20:00 mon tue wed thu fri"
	for _, c := range []struct{ name, window, zone, now, opens, closes string }{
		{"before it", office, "Asia/Shanghai", "2026-11-23 08:29:59.5 +0800", "Mon 2026-11-23 08:30:00 +0800", "Mon 2026-11-23 08:29:59.5 +0800"},
		{"its first instant", office, "Asia/Shanghai", "2026-11-23 08:30:00 +0800", "Mon 2026-11-23 08:30:00 +0800", "Mon 2026-11-23 20:00:00 +0800"},
		{"inside", office, "Asia/Shanghai", "2026-11-23 12:00:00.000000001 +0800", "Mon 2026-11-23 12:00:00.000000001 +0800", "Mon 2026-11-23 20:00:00 +0800"},
		{"its last instant", office, "Asia/Shanghai", "2026-11-23 19:59:59.999999999 +0800", "Mon 2026-11-23 19:59:59.999999999 +0800", "Mon 2026-11-23 20:00:00 +0800"},
		{"its end", office, "Asia/Shanghai", "2026-11-23 20:00:00 +0800", "Tue 2026-11-24 08:30:00 +0800", "Mon 2026-11-23 20:00:00 +0800"},
		{"over the weekend", office, "Asia/Shanghai", "2026-11-27 20:00:00 +0800", "Mon 2026-11-30 08:30:00 +0800", "Fri 2026-11-27 20:00:00 +0800"},
		{"the day is the zone's", office, "Asia/Shanghai", "2026-11-22 23:00:00 +0000", "Mon 2026-11-23 08:30:00 +0800", "Mon 2026-11-23 07:00:00 +0800"},
		{"no zone is UTC", "08:00-09:00", "", "2026-11-22 23:00:00 +0800", "Mon 2026-11-23 08:00:00 +0000", "Sun 2026-11-22 15:00:00 +0000"},
		{"a lunch break", "13:00-18:00 08:00-12:00", "Asia/Shanghai", "2026-11-23 12:30:00 +0800", "Mon 2026-11-23 13:00:00 +0800", "Mon 2026-11-23 12:30:00 +0800"},
		{"spans that touch", "12:00-18:00 08:00-12:00", "Asia/Shanghai", "2026-11-23 09:00:00 +0800", "Mon 2026-11-23 09:00:00 +0800", "Mon 2026-11-23 18:00:00 +0800"},
		{"spans that overlap", "08:00-12:00 09:00-10:00 11:00-18:00", "Asia/Shanghai", "2026-11-23 09:00:00 +0800", "Mon 2026-11-23 09:00:00 +0800", "Mon 2026-11-23 18:00:00 +0800"},
		{"over midnight", "22:00-24:00 00:00-06:00", "Asia/Shanghai", "2026-11-23 23:00:00 +0800", "Mon 2026-11-23 23:00:00 +0800", "Tue 2026-11-24 06:00:00 +0800"},
		{"not over midnight", "22:00-24:00 00:00-06:00 mon", "Asia/Shanghai", "2026-11-23 23:00:00 +0800", "Mon 2026-11-23 23:00:00 +0800", "Tue 2026-11-24 00:00:00 +0800"},
		{"the same day next week", "08:00-09:00 mon", "Asia/Shanghai", "2026-11-23 09:00:00 +0800", "Mon 2026-11-30 08:00:00 +0800", "Mon 2026-11-23 09:00:00 +0800"},
		{"days in a row", "00:00-24:00 sat sun", "Asia/Shanghai", "2026-11-28 09:00:00 +0800", "Sat 2026-11-28 09:00:00 +0800", "Mon 2026-11-30 00:00:00 +0800"},
		{"always", "00:00-24:00", "Europe/Berlin", "2026-11-28 09:00:00.25 +0100", "Sat 2026-11-28 09:00:00.25 +0100", "never"},
		{"always, in parts", "12:00-24:00 00:00-13:00", "Asia/Shanghai", "2026-11-28 09:00:00 +0800", "Sat 2026-11-28 09:00:00 +0800", "never"},
		{"no span", "", "Europe/Berlin", "2026-11-28 09:00:00 +0100", "never", "Sat 2026-11-28 09:00:00 +0100"},

		// Europe/Berlin: on 29 March 2026 02:00 is 03:00, on 25 October 03:00 is 02:00.
		{"begins in the gap", "02:30-04:00", "Europe/Berlin", "2026-03-29 01:00:00 +0100", "Sun 2026-03-29 03:00:00 +0200", "Sun 2026-03-29 01:00:00 +0100"},
		{"ends in the gap", "01:00-02:30", "Europe/Berlin", "2026-03-29 01:59:59 +0100", "Sun 2026-03-29 01:59:59 +0100", "Sun 2026-03-29 03:00:00 +0200"},
		{"lies in the gap", "02:00-03:00", "Europe/Berlin", "2026-03-29 00:00:00 +0100", "Mon 2026-03-30 02:00:00 +0200", "Sun 2026-03-29 00:00:00 +0100"},
		{"lies in the gap of its day", "02:00-03:00 sun", "Europe/Berlin", "2026-03-29 00:00:00 +0100", "Sun 2026-04-05 02:00:00 +0200", "Sun 2026-03-29 00:00:00 +0100"},
		{"the day of the gap", "08:00-09:00", "Europe/Berlin", "2026-03-28 10:00:00 +0100", "Sun 2026-03-29 08:00:00 +0200", "Sat 2026-03-28 10:00:00 +0100"},
		{"the hour that comes twice", "02:00-03:00", "Europe/Berlin", "2026-10-25 02:59:59 +0200", "Sun 2026-10-25 02:59:59 +0200", "Sun 2026-10-25 03:00:00 +0100"},
		{"open, closed, open again", "02:00-02:30", "Europe/Berlin", "2026-10-25 02:30:00 +0200", "Sun 2026-10-25 02:00:00 +0100", "Sun 2026-10-25 02:30:00 +0200"},
		{"open again until", "02:00-02:30", "Europe/Berlin", "2026-10-25 02:29:00 +0100", "Sun 2026-10-25 02:29:00 +0100", "Sun 2026-10-25 02:30:00 +0100"},
		{"ends before it comes again", "01:00-02:30", "Europe/Berlin", "2026-10-25 01:00:00 +0200", "Sun 2026-10-25 01:00:00 +0200", "Sun 2026-10-25 02:30:00 +0200"},
		// Pacific/Apia: there was no 30 December 2011.
		{"a day that is left out", "08:00-09:00 fri", "Pacific/Apia", "2011-12-29 12:00:00 -1000", "Fri 2012-01-06 08:00:00 +1400", "Thu 2011-12-29 12:00:00 -1000"},
		// Asia/Shanghai: 8:05:43 before 1901, so that minutes on the wall are none of UTC's.
		{"local mean time", "08:30-20:00", "Asia/Shanghai", "1900-06-01 00:24:16 +0000", "Fri 1900-06-01 08:30:00 +0805", "Fri 1900-06-01 08:29:59 +0805"},
		{"before 1970", "08:30-20:00 wed", "Asia/Shanghai", "1969-12-30 23:59:59.5 +0800", "Wed 1969-12-31 08:30:00 +0800", "Tue 1969-12-30 23:59:59.5 +0800"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var in *time.Location
			at := time.UTC
			if c.zone != "" {
				in = zone(t, c.zone)
				at = in
			}
			w, now := window(t, c.window), instant(t, c.now, at)
			if got := show(Opens(w, in, now)); got != c.opens {
				t.Errorf("opens %s, want %s", got, c.opens)
			}
			if got := show(Closes(w, in, now)); got != c.closes {
				t.Errorf("closes %s, want %s", got, c.closes)
			}
		})
	}
}

func TestWindowWithoutDays(t *testing.T) {
	w := campaign.Window{Open: []campaign.Span{{From: 0, To: 1440}}}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	if got := Opens(w, time.UTC, now); !got.IsZero() {
		t.Errorf("opens %v", got)
	}
}

// Windows use the calendars of schedules.
func TestWindowWithCalendar(t *testing.T) {
	w := window(t, "08:30-20:00")
	w.Calendar = &campaign.DayRule{Calendar: cn2026(t)}
	in := zone(t, "Asia/Shanghai")
	for now, opens := range map[string]string{
		"2026-09-30 20:00:00 +0800": "Mon 2026-10-05 08:30:00 +0800", // two holidays, then a weekend
		"2026-10-09 20:00:00 +0800": "Sat 2026-10-10 08:30:00 +0800", // a Saturday that is worked on
		"2026-10-10 20:00:00 +0800": "Mon 2026-10-12 08:30:00 +0800",
		"2026-12-31 20:00:00 +0800": "never", // nobody knows 2027
	} {
		if got := show(Opens(w, in, instant(t, now, in))); got != opens {
			t.Errorf("after %s it opens %s, want %s", now, got, opens)
		}
	}
	w.Days = [7]bool{1: true, 2: true, 3: true, 4: true, 5: true}
	if got := show(Opens(w, in, instant(t, "2026-10-09 20:00:00 +0800", in))); got != "Mon 2026-10-12 08:30:00 +0800" {
		t.Errorf("both days and the calendar must allow it, and it opens %s", got)
	}
	w.Open = []campaign.Span{{From: 0, To: 1440}}
	if got := show(Closes(w, in, instant(t, "2026-10-09 20:00:00 +0800", in))); got != "Sat 2026-10-10 00:00:00 +0800" {
		t.Errorf("closes %s", got)
	}
}

// What is given is not touched: a window is shared by a run's goroutines.
func TestWindowIsNotSorted(t *testing.T) {
	w := window(t, "13:00-18:00 08:00-12:00")
	Closes(w, time.UTC, time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	if w.Open[0].From != 13*60 {
		t.Errorf("the spans are %v", w.Open)
	}
}

// TestWindowByMinutes holds both functions against a clock that is read minute by
// minute over days on which clocks change.
func TestWindowByMinutes(t *testing.T) {
	windows := []string{
		"08:30-20:00 mon tue wed thu fri", "00:00-24:00 sun", "02:00-03:00", "02:30-02:45", "01:59-02:01 sun mon",
		"22:00-24:00 00:00-01:30", "23:30-24:00 sat", "00:00-00:01", "00:00-02:00 02:00-03:00 03:30-24:00", "01:45-02:15 sun",
	}
	for _, c := range []struct {
		zone string
		days []string // of changes
	}{
		{"Asia/Shanghai", []string{"2026-11-23", "1986-05-04", "1986-09-14", "1991-09-15"}},
		{"Europe/Berlin", []string{"2026-03-29", "2026-10-25", "1945-05-24", "1945-11-18"}},
		{"America/New_York", []string{"2026-03-08", "2026-11-01"}},
		{"Australia/Lord_Howe", []string{"2026-04-05", "2026-10-04"}},
		{"Asia/Kathmandu", []string{"1986-01-01", "2026-01-01"}},
		{"America/Sao_Paulo", []string{"2018-11-04"}}, // a day without a midnight
		{"Pacific/Apia", []string{"2011-12-30"}},
		{"Africa/Casablanca", []string{"2026-02-15", "2026-03-22"}},
	} {
		in := zone(t, c.zone)
		for _, day := range c.days {
			around, err := time.ParseInLocation("2006-01-02", day, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range windows {
				byMinutes(t, window(t, text), text, in, around)
			}
		}
	}
}

func byMinutes(t *testing.T, w campaign.Window, text string, in *time.Location, around time.Time) {
	t.Helper()
	const day = 24 * 60
	first := around.UTC().Truncate(time.Minute).Add(-2 * day * time.Minute)
	var opens, closes time.Time // for the minute that was looked at last
	for i := 12 * day; i >= 0; i-- {
		at := first.Add(time.Duration(i) * time.Minute).In(in)
		if shows(w, at) {
			opens = at
		} else {
			closes = at
		}
		if i > 4*day {
			continue // a week is looked at before anything is compared
		}
		if got := Opens(w, in, at); !got.Equal(opens) {
			t.Fatalf("%s in %s at %s: opens %s, want %s", text, in, show(at), show(got), show(opens))
		}
		if got := Closes(w, in, at); !got.Equal(closes) {
			t.Fatalf("%s in %s at %s: closes %s, want %s", text, in, show(at), show(got), show(closes))
		}
	}
	if opens.IsZero() || closes.IsZero() {
		t.Fatalf("%s in %s around %s: it does not open and close in a week", text, in, show(around))
	}
}

// shows reports whether clocks on the wall are inside of w.
func shows(w campaign.Window, at time.Time) bool {
	minute := at.Hour()*60 + at.Minute()
	for _, s := range w.Open {
		if w.Days[at.Weekday()] && s.From <= minute && minute < s.To {
			return true
		}
	}
	return false
}

// stuck is a zone whose clocks are put back by an hour each hour, n times from
// the beginning of 1970: until then they never show more than 00:59:59.
func stuck(t *testing.T, n int) *time.Location {
	t.Helper()
	var b bytes.Buffer // RFC 9636, section 3: a file of version 1
	b.WriteString("TZif")
	b.Write(make([]byte, 16))
	for _, count := range []int{0, 0, 0, n, n + 1, 4} { // UT, standard, leap seconds, transitions, types, characters
		_ = binary.Write(&b, binary.BigEndian, uint32(count))
	}
	for i := range n {
		_ = binary.Write(&b, binary.BigEndian, int32((i+1)*3600))
	}
	for i := range n {
		b.WriteByte(byte(i + 1))
	}
	for i := range n + 1 {
		_ = binary.Write(&b, binary.BigEndian, int32(-i*3600))
		b.Write([]byte{0, 0})
	}
	b.WriteString("BCK\x00")
	in, err := time.LoadLocationFromTZData("stuck", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// The work of a call is bounded also in zones that nobody lives in.
func TestWindowWorkIsBounded(t *testing.T) {
	w := window(t, "12:00-13:00")
	now := time.Unix(1, 0)
	if got := Opens(w, stuck(t, maxOffsets-1), now); got.Unix() != int64(maxOffsets-1+12)*3600 {
		t.Errorf("with %d offsets it opens %s", maxOffsets, show(got))
	}
	if got := Opens(w, stuck(t, maxOffsets+50), now); !got.IsZero() {
		t.Errorf("after %d offsets it still looks: %s", maxOffsets, show(got))
	}
}

func BenchmarkOpens(b *testing.B) {
	in := zone(b, "Europe/Berlin")
	for _, c := range []struct{ name, now string }{
		{"open", "2026-11-23 12:00:00 +0100"},
		{"closed", "2026-11-27 21:00:00 +0100"},
		{"before a change", "2026-03-28 21:00:00 +0100"},
	} {
		w, now := window(b, "08:30-20:00 mon tue wed thu fri"), instant(b, c.now, in)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if Opens(w, in, now).IsZero() {
					b.Fatal("never")
				}
			}
		})
	}
}
