package runner

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func highest(n int64) int64 { return n - 1 }
func lowest(int64) int64    { return 0 }

func TestBackoffTable(t *testing.T) {
	usual := campaign.DefaultPolicy().Retry
	tests := []struct {
		retry   campaign.Retry
		attempt int
		most    time.Duration
	}{
		{usual, 1, time.Second},
		{usual, 2, 2 * time.Second},
		{usual, 6, 32 * time.Second},
		{usual, 7, time.Minute},
		{usual, 8, time.Minute},
		{usual, 63, time.Minute},
		{usual, math.MaxInt, time.Minute},
		{usual, 0, time.Second},
		{usual, -5, time.Second},
		{campaign.Retry{Base: time.Minute, Cap: time.Second}, 1, time.Second},
		{campaign.Retry{Base: 1, Cap: math.MaxInt64}, 62, 1 << 61},
		{campaign.Retry{Base: 1, Cap: math.MaxInt64}, 63, 1 << 62},
		{campaign.Retry{Base: 1, Cap: math.MaxInt64}, 64, math.MaxInt64},
		{campaign.Retry{Base: math.MaxInt64, Cap: math.MaxInt64}, 2, math.MaxInt64},
		{campaign.Retry{Base: 3, Cap: math.MaxInt64}, 62, 3 << 61},
		{campaign.Retry{Base: 3, Cap: math.MaxInt64}, 63, math.MaxInt64},
		{campaign.Retry{}, 3, 0},
		{campaign.Retry{Base: time.Second}, 3, 0},
	}
	for _, test := range tests {
		if got := Backoff(test.retry, test.attempt, highest); got != test.most {
			t.Errorf("%+v attempt %d: at most %d, want %d", test.retry, test.attempt, got, test.most)
		}
		if got := Backoff(test.retry, test.attempt, lowest); got != min(test.most, 1) {
			t.Errorf("%+v attempt %d: at least %d", test.retry, test.attempt, got)
		}
	}
}

func TestWaitNeverComesEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := campaign.Retry{
			Base: time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "base")),
			Cap:  time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "cap")),
		}
		attempt := rapid.Int().Draw(t, "attempt")
		after := time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "after"))
		share := rapid.Float64Range(0, 1).Draw(t, "share")
		random := func(n int64) int64 { return int64(share * float64(n-n/1000-1)) } // never n, rounding included
		got := Backoff(r, attempt, random)
		if got < 0 || got > r.Cap {
			t.Fatalf("backoff %d outside [0, %d]", got, r.Cap)
		}
		if next := ceiling(r, attempt+1); attempt < math.MaxInt && next < ceiling(r, attempt) {
			t.Fatalf("the ceiling falls from %d to %d", ceiling(r, attempt), next)
		}
		if w := wait(r, attempt, after, random); w < after || w > max(after, r.Cap) {
			t.Fatalf("waits %d, the upstream asked for %d", w, after)
		}
	})
}

func TestSpeed(t *testing.T) {
	var s Speed
	if s.Interval() != 0 || s.Raised() != s {
		t.Error("the zero speed is not full speed")
	}
	s = s.Slowed(epoch, epoch.Add(-time.Second), 100)
	if s.Interval() != 20*time.Millisecond {
		t.Errorf("after one cut of 100/s: one request in %s", s.Interval())
	}
	if same := s.Slowed(epoch.Add(time.Second), epoch, 100); same != s {
		t.Error("an answer to a request from before the cut cut again")
	}
	s = s.Slowed(epoch.Add(time.Second), epoch.Add(time.Millisecond), 50)
	if s.Interval() != 40*time.Millisecond {
		t.Errorf("after two cuts: one request in %s", s.Interval())
	}
	for range 74 {
		s = s.Raised()
	}
	if s.rate == 0 {
		t.Error("full speed too early")
	}
	if s = s.Raised().Raised(); s.Interval() != 0 {
		t.Errorf("76 successes did not undo a cut to a quarter: %+v", s)
	}
}

func TestSpeedStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Speed
		now := epoch
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Second)
			before := s
			if rapid.Bool().Draw(t, "429") {
				s = s.Slowed(now, now.Add(-time.Millisecond), rapid.Float64Range(0, 1e6).Draw(t, "recent"))
				if s.rate == 0 || before.rate != 0 && s.rate > before.rate {
					t.Fatalf("a 429 made %+v out of %+v", s, before)
				}
			} else if s = s.Raised(); before.rate != 0 && s.rate != 0 && s.rate <= before.rate {
				t.Fatalf("a success made %+v out of %+v", s, before)
			}
			if s.Interval() < 0 || s.Interval() > 10*time.Second {
				t.Fatalf("one request in %s", s.Interval())
			}
		}
		for range 200 {
			s = s.Raised()
		}
		if s.rate != 0 {
			t.Fatalf("200 successes did not bring full speed back: %+v", s)
		}
	})
}

func TestHealth(t *testing.T) {
	tests := []struct {
		name    string
		kinds   []kind
		trouble bool
	}{
		{"good", nil, false},
		{"four failures", []kind{notConnected, notConnected, notConnected, notConnected}, false},
		{"five failures", []kind{notConnected, notConnected, notConnected, notConnected, notConnected}, true},
		{"two lost", []kind{lost, lost}, false},
		{"three lost", []kind{lost, lost, lost}, true},
		{"an answer between", []kind{lost, lost, answered, lost, lost}, false},
		{"five with an answer between", []kind{notConnected, notConnected, notConnected, answered, notConnected, notConnected}, false},
		{"what we gave up ourselves says nothing", []kind{lost, lost, neither, lost}, true},
		{"mixed below both", []kind{lost, notConnected, notConnected, lost, notConnected, notConnected}, false},
		{"mixed", []kind{lost, notConnected, lost, notConnected, lost}, true},
	}
	for _, test := range tests {
		var h Health
		for _, k := range test.kinds {
			h = h.After(k)
		}
		if got := h.Trouble() != ""; got != test.trouble {
			t.Errorf("%s: %q", test.name, h.Trouble())
		}
	}
}
