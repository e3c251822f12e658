package runner

import (
	"encoding/binary"
	"time"
)

// cell is what the processes that use an account agree about: who starts when, how
// fast, and until when the upstream asked for silence. It does no I/O and knows no
// clock; all its times are wall clock, without a monotonic reading.
type cell struct {
	due    time.Time     // when the next permit that is reserved may be used
	until  time.Time     // nothing starts before
	asked  time.Duration // how long the upstream asked for, when it did
	speed  Speed
	recent counter // requests started, by all processes
}

// counter counts requests a second, coarsely: enough to know what half of it is.
type counter struct {
	from          time.Time
	now, previous float64
}

func (c *counter) add(now time.Time, n int) {
	c.roll(now)
	c.now += float64(n)
}

func (c *counter) roll(now time.Time) {
	switch since := now.Sub(c.from); {
	case since >= 2*time.Second, since < 0: // since < 0: the clock was set back
		*c = counter{from: now}
	case since >= time.Second:
		*c = counter{from: c.from.Add(time.Second), previous: c.now}
	}
}

// rate is what the busier of this second and the last one shows.
func (c *counter) rate(now time.Time) float64 {
	c.roll(now)
	return max(c.now, c.previous)
}

// reserve gives permits from now on for up to want requests, at most a slice of
// them, under the limit of the pace and the account's speed. Without any, it says
// how long to wait before asking again: others have reserved far ahead.
func (c *cell) reserve(now time.Time, limit Pace, want int) (Permits, time.Duration) {
	interval, slack := max(limit.interval, c.speed.Interval()), limit.slack
	if slack == 0 {
		slack = time.Second / slackShare // slowed down, without a limit of its own
	}
	if interval <= 0 {
		return Permits{}, 0
	}
	wall := now.Round(0)
	// Only a clock that was set back can have put due further ahead than this. What
	// was reserved before lies, in real time, before it too: the limit holds, and the
	// wait for it is bounded.
	if last := wall.Add(horizon(interval) + max(sliceSpan, interval)); c.due.After(last) {
		c.due = last
	}
	if far := wall.Add(horizon(interval)); c.due.After(far) {
		return Permits{}, c.due.Sub(far)
	}
	first := c.due
	if first.Before(wall.Add(-slack)) {
		first = wall.Add(-slack / 2) // nobody came for a while: some at once, and not dead before they start
	}
	n := min(max(want, 1), max(int(sliceSpan/interval), 1))
	c.due = first.Add(time.Duration(n) * interval)
	// Counted from now's monotonic reading: what is reserved keeps its distances when
	// the clock is set.
	return Permits{first: now.Add(first.Sub(wall)), interval: interval, slack: slack, n: n}, 0
}

// horizon is how far ahead permits may be reserved: for so many processes of one
// slice each, or for two at a rate of few requests.
func horizon(interval time.Duration) time.Duration { return max(time.Second, 2*interval) }

// tame takes back what only a clock that was set back can have put so far ahead.
func (c *cell) tame(now time.Time) {
	wall := now.Round(0)
	if last := wall.Add(c.asked); c.until.After(last) {
		c.until = last
	}
	if c.speed.cut.After(wall) {
		c.speed.cut = wall
	}
}

// pause lets nothing start for d. A longer pause stays.
func (c *cell) pause(now time.Time, d time.Duration) {
	if until := now.Round(0).Add(d); d > 0 && until.After(c.until) {
		c.until, c.asked = until, d
	}
}

// paused is how long nothing may start.
func (c *cell) paused(now time.Time) time.Duration {
	if c.until.IsZero() {
		return 0
	}
	return max(c.until.Sub(now.Round(0)), 0)
}

// cellFormat is raised with each change of written.
const cellFormat = 1

// written is a cell as the ledger keeps it. Times are nanoseconds since 1970, 0 is
// none.
type written struct {
	Format                uint8
	Due, Until, Asked     int64
	Rate, Full            float64
	Cut                   int64
	From                  int64
	Requests, RequestsWas float64
}

func (c *cell) encode() []byte {
	out, err := binary.Append(nil, binary.BigEndian, written{
		Format: cellFormat, Due: stamp(c.due), Until: stamp(c.until), Asked: int64(c.asked),
		Rate: c.speed.rate, Full: c.speed.full, Cut: stamp(c.speed.cut),
		From: stamp(c.recent.from), Requests: c.recent.now, RequestsWas: c.recent.previous,
	})
	if err != nil {
		panic(err) // written has a fixed size
	}
	return out
}

// decode reads a cell; nil is one that nobody has used. One that cannot be read is
// another version's: what it reserved is not known, so that nothing may start for
// as long as it can have reserved.
func decode(raw []byte, now time.Time) cell {
	if raw == nil {
		return cell{}
	}
	var w written
	n, err := binary.Decode(raw, binary.BigEndian, &w)
	if err != nil || n != len(raw) || w.Format != cellFormat {
		return cell{due: now.Round(0).Add(time.Hour)} // see reserve
	}
	c := cell{
		due: instant(w.Due), until: instant(w.Until), asked: time.Duration(w.Asked),
		speed:  Speed{rate: w.Rate, full: w.Full, cut: instant(w.Cut)},
		recent: counter{from: instant(w.From), now: w.Requests, previous: w.RequestsWas},
	}
	c.tame(now)
	return c
}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
