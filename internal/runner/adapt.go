package runner

import "time"

// Speed is how fast an account goes under its limits, in requests a second:
// halved by each 429, raised a little by each success (design: delivery, rule
// 10). It does no I/O and knows no clock. The zero Speed is full speed.
type Speed struct {
	rate float64   // requests a second; 0: full speed
	full float64   // the speed at which it is full again
	cut  time.Time // of the last cut
}

// The bounds of Speed.
const (
	slowest = 0.1  // requests a second: never slower, so that it finds out when the upstream recovers
	regain  = 0.01 // of the full speed, for each success: 50 to 100 successes undo a cut
)

// Slowed halves the speed for a 429 that answers a request begun at began.
// recent is what the account did before, in requests a second. A request that
// began before the last cut says nothing new.
func (s Speed) Slowed(now, began time.Time, recent float64) Speed {
	if !s.cut.IsZero() && !began.After(s.cut) {
		return s
	}
	if s.rate == 0 {
		s.full = max(recent, slowest)
		s.rate = s.full
	}
	s.rate = max(s.rate/2, slowest)
	s.cut = now
	return s
}

// Raised adds a step for a success.
func (s Speed) Raised() Speed {
	if s.rate == 0 {
		return s
	}
	s.rate += max(s.full*regain, slowest*regain)
	if s.rate >= s.full {
		s.rate, s.full = 0, 0
	}
	return s
}

// Interval is the time between two requests; 0 at full speed.
func (s Speed) Interval() time.Duration {
	if s.rate == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / s.rate)
}
