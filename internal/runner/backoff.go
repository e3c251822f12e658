package runner

import (
	"math/bits"
	"time"

	"campaign/internal/campaign"
)

// Backoff is how long to wait after the nth failed attempt (from 1): a random
// time up to base·2^(n-1), at most cap ("full jitter"). random gives a number in
// [0, n) for n > 0.
func Backoff(r campaign.Retry, attempt int, random func(n int64) int64) time.Duration {
	limit := ceiling(r, attempt)
	if limit <= 0 {
		return 0
	}
	return time.Duration(random(int64(limit)) + 1)
}

// ceiling is the longest backoff after the nth attempt, safe from overflow.
func ceiling(r campaign.Retry, attempt int) time.Duration {
	if r.Base <= 0 || r.Cap <= 0 {
		return 0
	}
	shift := max(attempt, 1) - 1
	if shift >= bits.LeadingZeros64(uint64(r.Base)) { // would leave the positive range
		return r.Cap
	}
	return min(r.Base<<shift, r.Cap)
}

// wait is how long a deferred delivery waits before its next attempt: what the
// upstream asked for, never less, and beyond the cap if it asked for that.
func wait(r campaign.Retry, attempt int, after time.Duration, random func(n int64) int64) time.Duration {
	return max(after, Backoff(r, attempt, random))
}
