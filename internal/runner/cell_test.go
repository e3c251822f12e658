package runner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func TestPermits(t *testing.T) {
	const ms = time.Millisecond
	made := func() Permits { return Permits{first: epoch, interval: 10 * ms, slack: 20 * ms, n: 4} }
	tests := []struct {
		name  string
		now   time.Duration // after the first instant
		at    time.Duration
		left  int
		there bool
	}{
		{"before the first", -30 * ms, 0, 4, true},
		{"at the first", 0, 0, 4, true},
		{"as late as may be", 20 * ms, 20 * ms, 4, true},
		{"the first has died", 20*ms + 1, 20*ms + 1, 3, true},
		{"two have died", 35 * ms, 35 * ms, 2, true},
		{"the last one lives", 50 * ms, 50 * ms, 1, true},
		{"all have died", 50*ms + 1, 50*ms + 1, 0, false},
		{"long after", 24 * time.Hour, 24 * time.Hour, 0, false},
	}
	for _, test := range tests {
		p := made()
		at, there := p.Next(epoch.Add(test.now))
		if !at.Equal(epoch.Add(test.at)) || there != test.there || p.n != test.left {
			t.Errorf("%s: at %s, %t, %d left", test.name, at.Sub(epoch), there, p.n)
		}
	}
	p := made()
	for i := range 4 {
		if at, ok := p.Next(epoch); !ok || !at.Equal(epoch.Add(time.Duration(i)*10*ms)) {
			t.Errorf("permit %d: %s, %t", i, at.Sub(epoch), ok)
		}
		p.Take()
	}
	if _, ok := p.Next(epoch); ok {
		t.Error("a fifth permit of four")
	}
	if _, ok := (&Permits{}).Next(epoch); ok {
		t.Error("a permit of none")
	}
}

func TestReserveTable(t *testing.T) {
	const ms = time.Millisecond
	hundred := NewPace(campaign.Rate{N: 100, Per: time.Second}) // one in 10.2 ms
	ten := NewPace(campaign.Rate{N: 1, Per: 10 * time.Second})  // one in 10.2 s
	cut := Speed{rate: 10, full: 100, cut: epoch}
	tests := []struct {
		name  string
		cell  cell
		limit Pace
		want  int
		n     int
		first time.Duration
		due   time.Duration // afterwards
		wait  time.Duration
	}{
		{"nobody before", cell{}, hundred, 1, 1, -10 * ms, 200 * time.Microsecond, 0},
		{"one slice at most", cell{due: epoch}, hundred, 50, 1, 0, 10200 * time.Microsecond, 0},
		{"nobody asks: one", cell{due: epoch}, hundred, 0, 1, 0, 10200 * time.Microsecond, 0},
		{"many", cell{due: epoch}, NewPace(campaign.Rate{N: 1000, Per: time.Second}), 50, 19, 0, 19380 * time.Microsecond, 0},
		{"as many as wait", cell{due: epoch}, NewPace(campaign.Rate{N: 1000, Per: time.Second}), 3, 3, 0, 3060 * time.Microsecond, 0},
		{"others have reserved", cell{due: epoch.Add(300 * ms)}, hundred, 1, 1, 300 * ms, 310200 * time.Microsecond, 0},
		{"a little late", cell{due: epoch.Add(-15 * ms)}, hundred, 1, 1, -15 * ms, -4800 * time.Microsecond, 0},
		{"others have reserved far ahead", cell{due: epoch.Add(1015 * ms)}, hundred, 1, 0, 0, 1015 * ms, 15 * ms},
		{"the clock was set back", cell{due: epoch.Add(time.Hour)}, hundred, 1, 0, 0, 1020 * ms, 20 * ms},
		{"few", cell{due: epoch.Add(20 * time.Second)}, ten, 7, 1, 20 * time.Second, 30200 * ms, 0},
		{"few, the clock was set back", cell{due: epoch.Add(9 * time.Hour)}, ten, 7, 0, 0, 30600 * ms, 10200 * ms},
		{"slowed down", cell{due: epoch, speed: cut}, hundred, 9, 1, 0, 100 * ms, 0},
		{"slowed down without a limit", cell{due: epoch, speed: cut}, Pace{}, 9, 1, 0, 100 * ms, 0},
		{"no limit", cell{due: epoch}, Pace{}, 9, 0, 0, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := test.cell
			p, wait := c.reserve(epoch, test.limit, test.want)
			if p.n != test.n || wait != test.wait || p.n > 0 && p.first.Sub(epoch) != test.first {
				t.Errorf("%d permits from %s, wait %s", p.n, p.first.Sub(epoch), wait)
			}
			if c.due.Sub(epoch) != test.due {
				t.Errorf("due %s", c.due.Sub(epoch))
			}
			if p.n > 0 && p.slack != 20*ms {
				t.Errorf("slack %s", p.slack)
			}
		})
	}
}

// fleet is some processes on one cell, each with more work than it may begin. Their
// timers are late.
type fleet struct {
	cell   cell
	limit  Pace
	late   func() time.Duration
	wall   func(time.Time) time.Time // what the clock on the wall shows; nil: the truth
	member []member
	starts []time.Time
}

type member struct {
	permits Permits
	wakes   time.Time
	waiting int // requests that wait in this process
}

// run lets the processes work for so long.
func (f *fleet) run(d time.Duration) {
	end := epoch.Add(d)
	for {
		i := 0
		for j := range f.member {
			if f.member[j].wakes.Before(f.member[i].wakes) {
				i = j
			}
		}
		if f.member[i].wakes.After(end) {
			return
		}
		f.step(&f.member[i])
	}
}

// step lets a process do at once what it may, and sleep then.
func (f *fleet) step(m *member) {
	now := m.wakes
	for {
		at, ok := m.permits.Next(now)
		switch {
		case ok && at.After(now):
			m.wakes = at.Add(f.late())
			return
		case ok:
			m.permits.Take()
			f.starts = append(f.starts, now)
			continue
		}
		wall := now
		if f.wall != nil {
			wall = f.wall(now)
			f.cell = decode(f.cell.encode(), wall)
		}
		got, wait := f.cell.reserve(wall, f.limit, m.waiting)
		got.first = got.first.Add(now.Sub(wall)) // as the monotonic reading does it
		m.permits = got
		if wait > 0 {
			m.wakes = now.Add(wait + f.late())
			return
		}
	}
}

func newFleet(rate campaign.Rate, n, waiting int, late func() time.Duration) *fleet {
	f := &fleet{limit: NewPace(rate), late: late}
	for range n {
		f.member = append(f.member, member{wakes: epoch, waiting: waiting})
	}
	return f
}

var oddRates = []campaign.Rate{
	{N: 1, Per: 10 * time.Second}, {N: 3, Per: time.Second}, {N: 50, Per: time.Second}, {N: 997, Per: time.Second},
	{N: 20000, Per: time.Second}, {N: 100, Per: time.Minute}, {N: 7, Per: 100 * time.Millisecond},
}

// Over any second, and any span of the rate, never more than the limit; with work
// at hand at least 95 % of it: with one to four processes whose timers are late by
// up to the slack.
func TestProcessesUseTheirRateAndNoMore(t *testing.T) {
	for _, rate := range oddRates {
		t.Run(fmt.Sprint(rate.N, " in ", rate.Per), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				seed := rapid.Uint64().Draw(t, "seed")
				slack := NewPace(rate).slack
				f := newFleet(rate, rapid.IntRange(1, 4).Draw(t, "processes"), rapid.SampledFrom([]int{1, 4, 64, 300}).Draw(t, "waiting"), func() time.Duration {
					seed = seed*6364136223846793005 + 1442695040888963407
					return time.Duration(seed >> 33 % uint64(slack))
				})
				span := 3 * max(rate.Per, time.Second)
				if rate.N < 10 {
					span *= 10
				}
				f.run(span)
				if !slices.IsSortedFunc(f.starts, time.Time.Compare) {
					t.Fatal("the test's processes are not in order")
				}
				if most := crowd(f.starts, rate.Per); most > rate.N {
					t.Fatalf("%d requests within %s", most, rate.Per)
				}
				if most, limit := crowd(f.starts, time.Second), max(1, int(int64(rate.N)*int64(time.Second)/int64(rate.Per))); rate.Per <= time.Second && most > limit {
					t.Fatalf("%d requests within a second, limit %d", most, limit)
				}
				n := len(f.starts)
				took := f.starts[n-1].Sub(f.starts[0])
				if ideal := time.Duration(float64(n-1) * float64(rate.Per) / float64(rate.N)); float64(ideal) < 0.95*float64(took-2*slack) {
					t.Fatalf("%d requests took %s instead of %s", n, took, ideal)
				}
			})
		})
	}
}

// However late timers are, and whatever the processes waste: never more than the
// limit.
func TestLateProcessesStayBelowTheirRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := campaign.Rate{
			N:   rapid.IntRange(1, 300).Draw(t, "n"),
			Per: time.Duration(rapid.Int64Range(int64(50*time.Millisecond), int64(2*time.Second)).Draw(t, "per")),
		}
		lateness := rapid.SliceOfN(rapid.Int64Range(0, int64(300*time.Millisecond)), 1, 20).Draw(t, "lateness")
		i := 0
		f := newFleet(rate, rapid.IntRange(1, 4).Draw(t, "processes"), rapid.IntRange(1, 64).Draw(t, "waiting"), func() time.Duration {
			i++
			return time.Duration(lateness[i%len(lateness)])
		})
		f.run(4 * time.Second)
		if most := crowd(f.starts, rate.Per); most > rate.N {
			t.Fatalf("%d requests within %s, limit %d", most, rate.Per, rate.N)
		}
	})
}

// A clock that is set back neither stalls an account nor breaks its limit.
func TestClockSetBack(t *testing.T) {
	for _, rate := range []campaign.Rate{{N: 100, Per: time.Second}, {N: 1, Per: 10 * time.Second}} {
		rapid.Check(t, func(t *rapid.T) {
			by := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(48*time.Hour)).Draw(t, "by"))
			interval := NewPace(rate).interval
			when := epoch.Add(3*interval + time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "when")))
			f := newFleet(rate, rapid.IntRange(1, 4).Draw(t, "processes"), 8, func() time.Duration { return time.Millisecond })
			f.wall = func(now time.Time) time.Time {
				if now.Before(when) {
					return now
				}
				return now.Add(-by)
			}
			f.run(20 * max(interval, time.Second))
			if most := crowd(f.starts, rate.Per); most > rate.N {
				t.Fatalf("%d requests within %s", most, rate.Per)
			}
			bound := horizon(interval) + 4*max(interval, sliceSpan) + time.Second
			for i := 1; i < len(f.starts); i++ {
				if gap := f.starts[i].Sub(f.starts[i-1]); gap > bound {
					t.Fatalf("nothing started for %s, at most %s", gap, bound)
				}
			}
			if idle := epoch.Add(20 * max(interval, time.Second)).Sub(f.starts[len(f.starts)-1]); idle > bound {
				t.Fatalf("nothing started for the last %s", idle)
			}
		})
	}
}

func TestPause(t *testing.T) {
	var c cell
	c.pause(epoch, 0)
	if c.paused(epoch) != 0 {
		t.Error("a pause of nothing")
	}
	c.pause(epoch, 30*time.Second)
	c.pause(epoch.Add(time.Second), 10*time.Second) // ends earlier
	if got := c.paused(epoch.Add(10 * time.Second)); got != 20*time.Second {
		t.Errorf("paused for %s", got)
	}
	c.pause(epoch.Add(10*time.Second), time.Minute)
	if got := c.paused(epoch.Add(10 * time.Second)); got != time.Minute {
		t.Errorf("paused for %s", got)
	}
	if got := c.paused(epoch.Add(2 * time.Minute)); got != 0 {
		t.Errorf("paused for %s after its end", got)
	}
	back := decode(c.encode(), epoch.Add(-5*time.Hour))
	if got := back.paused(epoch.Add(-5 * time.Hour)); got != time.Minute {
		t.Errorf("after the clock was set back paused for %s", got)
	}
}

func TestCellIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := func(name string) time.Time {
			return instant(rapid.Int64Range(0, epoch.UnixNano()).Draw(t, name))
		}
		c := cell{
			due: at("due"), until: at("until"), asked: time.Duration(rapid.Int64Min(0).Draw(t, "asked")),
			speed:  Speed{rate: rapid.Float64().Draw(t, "rate"), full: rapid.Float64().Draw(t, "full"), cut: at("cut")},
			recent: counter{from: at("from"), now: rapid.Float64().Draw(t, "now"), previous: rapid.Float64().Draw(t, "previous")},
		}
		if got := decode(c.encode(), epoch); got != c {
			t.Fatalf("%+v became %+v", c, got)
		}
	})
	if got := decode(nil, epoch); got != (cell{}) {
		t.Errorf("a cell that nobody used: %+v", got)
	}
	full := (&cell{due: epoch}).encode()
	other := slices.Clone(full)
	other[0] = cellFormat + 1
	for name, raw := range map[string][]byte{"empty": {}, "short": full[:10], "long": append(slices.Clone(full), 0), "another format": other} {
		c := decode(raw, epoch)
		p, wait := c.reserve(epoch, NewPace(campaign.Rate{N: 100, Per: time.Second}), 1)
		if p.n != 0 || wait <= 0 || wait > 2*time.Second {
			t.Errorf("%s: %d permits, wait %s", name, p.n, wait)
		}
	}
}

// A clock set back makes neither speed nor counts wait for it.
func TestSpeedAfterTheClockWasSetBack(t *testing.T) {
	c := cell{speed: Speed{rate: 10, full: 20, cut: epoch}, recent: counter{from: epoch, now: 500}}
	now := epoch.Add(-time.Hour)
	back := decode(c.encode(), now)
	if s := back.speed.Slowed(now.Add(time.Second), now.Add(time.Millisecond), 1); s.rate != 5 {
		t.Errorf("a 429 after the clock was set back: %+v", s)
	}
	if got := back.recent.rate(now); got != 0 {
		t.Errorf("%.0f requests a second that lie ahead", got)
	}
}
