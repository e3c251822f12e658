package campaign

import (
	"math"
	"time"
)

// Window is when requests may start: on some days, in some spans of the day, as
// clocks on the wall show them in the campaign's zone (design: campaign-files,
// window).
type Window struct {
	Open     []Span
	Days     [7]bool  // by time.Weekday
	Calendar *DayRule // which of those days; nil: all. A day of a year that it does not know is none
}

// Span is a stretch of a day, in minutes since midnight: [From, To). To may be
// 1440 and is after From.
type Span struct{ From, To int }

// Abort is when an invocation stops by itself: a threshold is passed when its
// count and its share are both reached. They count requests (leaves of splits) that
// this invocation settled.
type Abort struct {
	Failed  Threshold // rejected
	Unknown Threshold
}

// Threshold is a number of requests and a share of those settled. The zero
// Threshold is never passed.
type Threshold struct {
	Count int64
	Share float64 // 0 to 1
}

// DefaultAbort is what a file without `abort` gets (design: campaign-files,
// delivery keys).
func DefaultAbort() Abort {
	return Abort{Failed: Threshold{20, 0.20}, Unknown: Threshold{10, 0.05}}
}

// Passed reports whether n of all settled requests are too many.
func (t Threshold) Passed(n, all int64) bool {
	return t.Count > 0 && n >= t.Count && float64(n) >= t.Share*float64(all)
}

// Stage is a first part of a campaign after whose settling the run pauses.
// Exactly one of Upto and Share is set, and one of Wait and Confirm.
type Stage struct {
	Upto    int64         // recipients, counted from the campaign's first
	Share   float64       // of all recipients that are to be sent to, 0 to 1
	Wait    time.Duration // then it waits so long
	Confirm bool          // then it waits for a person: campaign resume
}

// StageFailures is the least number of failed requests for which a stage ends a run.
const StageFailures = 2

// StageFailed reports whether a stage of whose all settled requests n failed must not
// be followed by another: two at least, and the share of abort's failures.
func (a Abort) StageFailed(n, all int64) bool {
	return n >= StageFailures && float64(n) >= a.Failed.Share*float64(all)
}

// Edges gives, for each stage, the number of recipients that stand before its
// end when total are to be sent to. They never fall, and none is above total.
func Edges(stages []Stage, total int64) []int64 {
	edges := make([]int64, len(stages))
	before := int64(0)
	for i, s := range stages {
		n := s.Upto
		if n == 0 {
			n = int64(math.Ceil(s.Share * float64(total)))
		}
		before = min(max(n, before), total)
		edges[i] = before
	}
	return edges
}
