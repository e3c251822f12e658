package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

func TestEveryOccurrenceRunsOnce(t *testing.T) {
	in(t, func(w *world) {
		p := w.start(entry(w, "a", "0 * * * *", nil), entry(w, "b", "30 1 * * *", nil))
		w.sleep(3*time.Hour + time.Second)
		w.end(p)
		w.equal(w.did(), []string{"01:00 a v1", "01:30 b v1", "02:00 a v1", "03:00 a v1"})
		w.equal(w.slots(), []string{"01:00 ran", "01:30 ran", "02:00 ran", "03:00 ran"})
	})
}

// The first look owes nothing, and a restart owes what came in between.
func TestRestart(t *testing.T) {
	in(t, func(w *world) {
		w.sleep(90 * time.Minute)
		p := w.start(entry(w, "a", "0 * * * *", nil))
		w.sleep(40 * time.Minute)
		w.end(p)
		w.sleep(30 * time.Minute)
		p = w.start(entry(w, "a", "0 * * * *", nil))
		w.sleep(time.Minute)
		w.equal(w.did(), []string{"02:00 a v1"})
		w.sleep(30 * time.Minute)
		w.end(p)
		w.equal(w.slots(), []string{"02:00 ran", "03:00 ran"})
	})
}

// A process that dies in the middle leaves an occurrence that is due: the next one
// goes on with it, and nothing overtakes it.
func TestRestartInTheMiddle(t *testing.T) {
	in(t, func(w *world) {
		w.diesInTheMiddle()
		w.equal(w.slots(), []string{"01:00 due"})
		p := w.start(entry(w, "a", "0 * * * *", nil))
		w.sleep(time.Minute)
		w.equal(w.did(), []string{"01:00 a v1", "01:00 a v1"})
		w.sleep(time.Hour)
		w.end(p)
		w.equal(w.ended, []string{"01:00 a v1"})
	})
}

func TestDrain(t *testing.T) {
	in(t, func(w *world) {
		w.takes = 10 * time.Minute
		p := w.start(entry(w, "a", "0 * * * *", nil))
		w.sleep(time.Hour + 5*time.Minute)
		w.end(p) // what is carried out stops when it is told
		w.equal(w.slots(), []string{"01:00 due"})
		codes, missed, err := New(w.options(w.root)).Pass(context.Background(), []Entry{entry(w, "a", "0 * * * *", nil)})
		if err != nil || missed != 0 || !slices.Equal(codes, []int{0}) {
			w.Errorf("%v, %d missed, %v", codes, missed, err)
		}
		w.equal(w.slots(), []string{"01:00 ran"})
	})
}

// Timers stand still while a machine sleeps: it is noticed by the wall clock.
func TestSleepOfNineHours(t *testing.T) {
	for policy, want := range map[campaign.CatchUp][]string{
		campaign.CatchNone:   {"01:00 ran", "02:00-09:00 8 missed", "10:00 ran", "11:00 ran"},
		campaign.CatchLatest: {"01:00 ran", "02:00-09:00 8 missed", "10:00 ran", "11:00 ran"},
		campaign.CatchAll:    {"01:00 ran", "02:00 ran", "03:00 ran", "04:00 ran", "05:00 ran", "06:00 ran", "07:00 ran", "08:00 ran", "09:00 ran", "10:00 ran", "11:00 ran"},
	} {
		in(t, func(w *world) {
			w.takes = time.Second
			p := w.start(entry(w, "a", "0 * * * *", func(s *campaign.Schedule) { s.Missed.Policy = policy }))
			w.sleep(time.Hour + 20*time.Minute)
			w.set(9 * time.Hour)
			w.sleep(31 * time.Second)
			if n := len(w.did()); n < 2 {
				w.Errorf("half a minute after it woke %d were run", n)
			}
			w.sleep(45 * time.Minute)
			w.end(p)
			w.equal(w.slots(), want)
		})
	}
}

// The edges of `missed` with a schedule of which nothing else is near.
func TestMissedAtItsEdges(t *testing.T) {
	for _, c := range []struct {
		policy campaign.CatchUp
		away   time.Duration
		want   []string
	}{
		{campaign.CatchNone, 3 * time.Hour, []string{"06:00 ran"}},
		{campaign.CatchNone, 3*time.Hour + time.Second, []string{"06:00 missed"}},
		{campaign.CatchLatest, 3*time.Hour + time.Second, []string{"06:00 ran"}},
		{campaign.CatchLatest, 27*time.Hour + time.Second, []string{"06:00 missed", "06:00 ran"}},
		{campaign.CatchAll, 27*time.Hour + time.Second, []string{"06:00 ran", "06:00 ran"}},
		{campaign.CatchNone, 27 * time.Hour, []string{"06:00 missed", "06:00 ran"}},
	} {
		in(t, func(w *world) {
			daily := entry(w, "a", "0 6 * * *", func(s *campaign.Schedule) { s.Missed = campaign.Missed{Within: 3 * time.Hour, Policy: c.policy} })
			p := w.start(daily)
			w.sleep(time.Hour)
			w.end(p)
			w.sleep(5*time.Hour + c.away)
			if _, _, err := New(w.options(w.root)).Pass(context.Background(), []Entry{daily}); err != nil {
				w.Error(err)
			}
			w.equal(w.slots(), c.want)
		})
	}
}

func TestClockIsSetBackAndForward(t *testing.T) {
	in(t, func(w *world) {
		p := w.start(entry(w, "a", "0 * * * *", nil))
		w.sleep(2*time.Hour + 20*time.Minute)
		w.set(-time.Hour) // 01:20: 02:00 was run
		w.sleep(time.Minute)
		if _, fault, _ := p.Status(); fault == "" {
			w.Error("nobody is told of the clock")
		}
		w.sleep(100 * time.Minute) // 03:01
		w.equal(w.slots(), []string{"01:00 ran", "02:00 ran", "03:00 ran"})
		if _, fault, _ := p.Status(); fault != "" {
			w.Error(fault)
		}
		w.set(90 * time.Minute) // 04:31
		w.sleep(time.Minute)
		w.set(-30 * time.Second) // less than anybody minds
		w.sleep(time.Hour)
		w.end(p)
		w.equal(w.slots(), []string{"01:00 ran", "02:00 ran", "03:00 ran", "04:00 ran", "05:00 ran"})
	})
}

// A pass that finds the clock before what was decided says so, and does nothing.
func TestPassWithTheClockBehind(t *testing.T) {
	in(t, func(w *world) {
		hourly := []Entry{entry(w, "a", "0 * * * *", nil)}
		pass := func() error {
			_, _, err := New(w.options(w.root)).Pass(context.Background(), hourly)
			return err
		}
		if err := pass(); err != nil {
			w.Error(err)
		}
		w.set(-2 * time.Minute)
		if err := pass(); !ErrClock(err) {
			w.Errorf("error %v", err)
		}
		if n, err := w.root.Rewind(context.Background(), "test", w.now()); n != 1 || err != nil {
			w.Errorf("%d were set back, %v", n, err)
		}
		if err := pass(); err != nil {
			w.Error(err)
		}
	})
}

func TestTwoDaemonsOnOneState(t *testing.T) {
	in(t, func(w *world) {
		w.takes = 10 * time.Second
		var entries []Entry
		for i := range 20 {
			entries = append(entries, entry(w, fmt.Sprintf("c%02d", i), fmt.Sprintf("*/%d * * * *", []int{1, 5, 10, 15}[i%4]), nil))
		}
		a, b := w.start(entries...), w.start(entries...)
		w.sleep(time.Hour + 50*time.Second)
		w.end(a)
		w.sleep(time.Hour)
		w.end(b)
		w.sleep(time.Second)
		seen := map[string]bool{}
		for _, what := range w.did() {
			if seen[what] {
				w.Errorf("%s was run twice", what)
			}
			seen[what] = true
		}
		// Of the 20 campaigns five each are due 120, 24, 12 and 8 times in two hours.
		run, all := 0, int64(0)
		for s, err := range w.root.Slots(context.Background(), ledger.SlotFilter{}) {
			if err != nil {
				w.Fatal(err)
			}
			all += s.Count
			if s.State == campaign.SlotRan {
				run++
			} else if s.Reason == "" {
				w.Errorf("%s of %s is %s", s.Label, s.Campaign, s.State)
			}
		}
		if all != 5*(120+24+12+8) || run != len(seen) {
			w.Errorf("%d occurrences were decided, %d were run, %d were begun", all, run, len(seen))
		}
	})
}

// What another process has ended does not count as going on.
func TestWhatAnotherProcessEnded(t *testing.T) {
	in(t, func(w *world) {
		w.takes = 45 * time.Second
		everyMinute := entry(w, "a", "* * * * *", nil)
		a := w.start(everyMinute)
		w.sleep(10 * time.Second) // so that they look at different moments
		b := w.start(everyMinute)
		w.sleep(30*time.Minute + 40*time.Second)
		w.end(a)
		w.sleep(10 * time.Minute)
		w.end(b)
		if n := len(w.ended); n != 40 {
			w.Errorf("%d were run: %v", n, w.slots())
		}
	})
}

// An edited file counts from the next occurrence on, one that is deleted is not run
// any more, and what is under way stays as it is.
func TestReloadDuringARun(t *testing.T) {
	in(t, func(w *world) {
		w.takes = 10 * time.Minute
		a := entry(w, "a", "0 * * * *", nil)
		p := w.start(a, entry(w, "b", "0 * * * *", nil))
		w.sleep(time.Hour + 5*time.Minute)
		a.Version = "v2"
		p.entries <- []Entry{a}
		w.sleep(time.Hour)
		w.end(p)
		w.equal(w.did()[2:], []string{"02:00 a v2"})
		slices.Sort(w.ended)
		w.equal(w.ended, []string{"01:00 a v1", "01:00 b v1"})
	})
}

// A new schedule owes nothing from before it was there, and the old one's time does
// not come back.
func TestScheduleIsEdited(t *testing.T) {
	in(t, func(w *world) {
		p := w.start(entry(w, "a", "0 2 * * *", nil))
		w.sleep(2*time.Hour + 3*time.Minute)
		edited := entry(w, "a", "2 2 * * *", nil)
		edited.Version = "v2"
		p.entries <- []Entry{edited}
		w.sleep(time.Minute)
		w.equal(w.did(), []string{"02:00 a v1"})
		w.sleep(24 * time.Hour)
		w.end(p)
		w.equal(w.did(), []string{"02:00 a v1", "02:02 a v2"})
	})
}

func TestARunLongerThanItsInterval(t *testing.T) {
	for _, queue := range []bool{false, true} {
		in(t, func(w *world) {
			w.takes = 25 * time.Minute
			p := w.start(entry(w, "a", "*/10 * * * *", func(s *campaign.Schedule) { s.Queue = queue }))
			w.sleep(51 * time.Minute)
			want := []string{"00:10 ran", "00:20-00:30 2 overlap", "00:40 due", "00:50 overlap"}
			if queue {
				want = []string{"00:10 ran", "00:20 due", "00:30 due", "00:40 due", "00:50 due"}
			}
			w.equal(w.slots(), want)
			w.end(p)
		})
	}
}

func TestAPanicStopsItsCampaignOnly(t *testing.T) {
	in(t, func(w *world) {
		w.answer = func(e Entry, slot campaign.Slot, _ int) Outcome {
			if e.Name == "a" && e.Version == "v1" {
				panic("the moon is full")
			}
			return Outcome{Over: true}
		}
		a, b := entry(w, "a", "0 * * * *", nil), entry(w, "b", "0 * * * *", nil)
		p := w.start(a, b)
		w.sleep(3*time.Hour + time.Minute)
		begun := w.did()
		slices.Sort(begun)
		w.equal(begun, []string{"01:00 a v1", "01:00 b v1", "02:00 b v1", "03:00 b v1"})
		all, _, _ := p.Status()
		if len(all) != 2 || all[0].Problem == "" || all[1].Problem != "" || all[0].Code != codeBug {
			w.Errorf("%+v", all)
		}
		a.Version = "v2" // its file was mended
		p.entries <- []Entry{a, b}
		w.sleep(time.Minute)
		w.end(p)
		w.equal(w.did()[4:], []string{"01:00 a v2"})
	})
}

// What could not be finished is tried again, later and later, and is not overtaken.
func TestTriedAgain(t *testing.T) {
	in(t, func(w *world) {
		w.answer = func(_ Entry, _ campaign.Slot, tries int) Outcome {
			if tries < 4 {
				return Outcome{Code: 5, Err: errors.New("the upstream is down")}
			}
			return Outcome{Over: true}
		}
		p := w.start(entry(w, "a", "0 1 * * *", nil))
		for _, c := range []struct {
			after time.Duration
			tries int
		}{{time.Hour, 1}, {29 * time.Second, 1}, {time.Second, 2}, {time.Minute, 3}, {2*time.Minute - time.Second, 3}, {time.Second, 4}, {time.Hour, 4}} {
			w.sleep(c.after)
			w.sleep(time.Millisecond)
			if n := len(w.did()); n != c.tries {
				w.Errorf("%d tries, want %d", n, c.tries)
			}
		}
		w.end(p)
		w.equal(w.slots(), []string{"01:00 ran"})
	})
}

// Where it is known when an occurrence may go on, it does so then.
func TestComesBackWhenItMay(t *testing.T) {
	in(t, func(w *world) {
		opens := time.Date(2000, 1, 1, 3, 30, 0, 0, time.UTC)
		w.answer = func(Entry, campaign.Slot, int) Outcome {
			if w.now().Before(opens) {
				return Outcome{Code: 5, Back: opens}
			}
			return Outcome{Over: true}
		}
		p := w.start(entry(w, "a", "0 1 * * *", nil))
		w.sleep(3*time.Hour + 29*time.Minute)
		w.equal(w.did(), []string{"01:00 a v1"})
		w.sleep(time.Minute + time.Millisecond)
		w.equal(w.slots(), []string{"01:00 ran"})
		w.end(p)
	})
}

func TestPassCountsWhatWasMissed(t *testing.T) {
	in(t, func(w *world) {
		hourly := []Entry{entry(w, "a", "0 * * * *", nil), entry(w, "b", "*/30 * * * *", func(s *campaign.Schedule) { s.Suspended = true })}
		for _, want := range []struct {
			after  time.Duration
			missed int64
			codes  []int
		}{{0, 0, nil}, {59 * time.Minute, 0, nil}, {time.Minute, 0, []int{0}}, {5*time.Hour + time.Minute, 4, []int{0}}} {
			w.sleep(want.after)
			codes, missed, err := New(w.options(w.root)).Pass(context.Background(), hourly)
			if err != nil || missed != want.missed || !slices.Equal(codes, want.codes) {
				w.Errorf("after %v: %v, %d missed, %v", want.after, codes, missed, err)
			}
		}
	})
}

// Months of occurrences are decided in bounded steps.
func TestAYearAway(t *testing.T) {
	in(t, func(w *world) {
		everyMinute := []Entry{entry(w, "a", "* * * * *", nil)}
		pass := func() int64 {
			_, missed, err := New(w.options(w.root)).Pass(context.Background(), everyMinute)
			if err != nil {
				w.Error(err)
			}
			return missed
		}
		pass()
		w.set(365 * 24 * time.Hour)
		if missed := pass(); missed != 365*24*60-61 {
			w.Errorf("%d were missed", missed)
		}
		if n := len(w.slots()); n != 3 { // missed, overlap, ran
			w.Errorf("%d records: %v", n, w.slots())
		}
	})
}
