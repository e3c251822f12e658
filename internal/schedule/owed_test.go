package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// decided writes rulings as "09:00 run" and "09:00-11:00 3 missed".
func decided(rulings []Ruling) (out []string) {
	for _, r := range rulings {
		text := r.At.Format("15:04")
		if r.Count > 1 {
			text += fmt.Sprintf("-%s %d", r.Last.At.Format("15:04"), r.Count)
		}
		code, _, _ := strings.Cut(r.Reason, ":")
		if r.Run {
			code = "run"
		}
		out = append(out, text+" "+code)
	}
	return out
}

func TestOwed(t *testing.T) {
	hourly := func(change func(*campaign.Schedule)) campaign.Schedule {
		s := campaign.Schedule{Cron: clauses("cron", "0 * * * *"), Missed: campaign.DefaultMissed()}
		if change != nil {
			change(&s)
		}
		return s
	}
	latest := func(s *campaign.Schedule) { s.Missed.Policy = campaign.CatchLatest }
	all := func(s *campaign.Schedule) { s.Missed.Policy = campaign.CatchAll }
	for _, c := range []struct {
		name       string
		schedule   campaign.Schedule
		expires    time.Duration
		since, now string
		going      string
		want       []string
	}{
		{"nothing is due", hourly(nil), 0, "09:00", "09:59", "", nil},
		{"on time", hourly(nil), 0, "09:30", "10:00", "", []string{"10:00 run"}},
		{"as late as may be", hourly(nil), 0, "09:30", "11:00", "", []string{"10:00 overlap", "11:00 run"}},
		{"a second later", hourly(func(s *campaign.Schedule) { s.Missed.Within = time.Minute }), 0, "09:30", "10:01", "", []string{"10:00 run"}},
		{"too late by a second", hourly(func(s *campaign.Schedule) { s.Missed.Within = time.Minute }), 0, "09:30", "10:01:01", "", []string{"10:00 missed"}},
		{"none of the old", hourly(nil), 0, "03:30", "10:30", "", []string{"04:00-09:00 6 missed", "10:00 run"}},
		{"the latest is on time", hourly(latest), 0, "03:30", "10:30", "", []string{"04:00-09:00 6 missed", "10:00 run"}},
		{"the latest of the old", hourly(func(s *campaign.Schedule) { latest(s); s.Missed.Within = time.Minute }), 0, "03:30", "10:30", "", []string{"04:00-09:00 6 missed", "10:00 run"}},
		{"all of the old", hourly(all), 0, "07:30", "10:30", "", []string{"08:00 run", "09:00 run", "10:00 run"}},
		{"all, while one goes on", hourly(all), 0, "07:30", "10:30", "x", []string{"08:00 run", "09:00 run", "10:00 run"}},
		{"all, on time, while one goes on", hourly(all), 0, "09:30", "10:00", "x", []string{"10:00 overlap"}},
		{"one goes on", hourly(nil), 0, "09:30", "10:00", "x", []string{"10:00 overlap"}},
		{"one goes on and it queues", hourly(func(s *campaign.Schedule) { s.Queue = true }), 0, "08:59", "10:00", "x", []string{"09:00 run", "10:00 run"}},
		{"suspended", hourly(func(s *campaign.Schedule) { s.Suspended = true }), 0, "07:30", "10:00", "", []string{"08:00-10:00 3 suspended"}},
		{"expired", hourly(all), 30 * time.Minute, "08:30", "10:30", "", []string{"09:00-10:00 2 missed"}},
		{"not yet expired", hourly(all), 30 * time.Minute, "08:30", "10:29:59", "", []string{"09:00 missed", "10:00 run"}},
		{"suspended counts before missed", hourly(func(s *campaign.Schedule) { s.Suspended = true; all(s) }), 0, "01:30", "10:30", "", []string{"02:00-10:00 9 suspended"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, problems := New(c.schedule, time.UTC, c.expires, monday)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			now := clock(t, c.now)
			got, upto := table.Owed(clock(t, c.since), now, c.going)
			if diff := cmp.Diff(c.want, decided(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !upto.Equal(now) {
				t.Errorf("it came to %v", upto)
			}
		})
	}
}

func clock(t testing.TB, text string) time.Time {
	t.Helper()
	layout := "15:04"
	if len(text) > len(layout) {
		layout = time.TimeOnly
	}
	at, err := time.Parse(layout, text)
	if err != nil {
		t.Fatal(err)
	}
	return monday.Add(at.Sub(at.Truncate(24 * time.Hour)))
}

// After years without a look everything is decided in bounded steps, and every slot
// is in exactly one ruling.
func TestOwedIsBounded(t *testing.T) {
	for _, policy := range []campaign.CatchUp{campaign.CatchNone, campaign.CatchLatest, campaign.CatchAll} {
		s := campaign.Schedule{Cron: clauses("cron", "* * * * *"), Missed: campaign.Missed{Within: time.Minute, Policy: policy}}
		table, _ := New(s, time.UTC, 0, monday)
		now := monday.AddDate(0, 0, 100).Add(30 * time.Second)
		slots, runs, calls := int64(0), 0, 0
		for since := monday; since.Before(now); calls++ {
			rulings, upto := table.Owed(since, now, "")
			if !upto.After(since) {
				t.Fatal("it does not go on")
			}
			for _, r := range rulings {
				slots += r.Count
				if r.Run {
					runs++
				}
			}
			since = upto
		}
		if slots != 100*24*60 || calls != 2 {
			t.Errorf("policy %d: %d slots in %d calls", policy, slots, calls)
		}
		if want := [...]int{1, 1, 2 * queueMost}[policy]; runs != want {
			t.Errorf("policy %d: %d are run, want %d", policy, runs, want)
		}
	}
}
