package schedule

import "time"

// A wall clock shows seconds since the beginning of 1970 as if nobody ever changed
// it. Where a zone changes its offset, what the clock shows jumps.

// wallOf is what clocks in zone show at t.
func wallOf(zone *time.Location, t time.Time) int64 {
	_, offset := t.In(zone).Zone()
	return t.Unix() + int64(offset)
}

// farthest is more than any zone is away from UTC, in seconds.
const farthest = 27 * 60 * 60

// instantOf gives the first instant at which clocks in zone show wall or later. So
// a time in the hour that is left out, where clocks are put forward, comes right
// after it, and one in the hour that comes twice comes once, the first time.
func instantOf(zone *time.Location, wall int64) time.Time {
	at := time.Unix(wall-farthest, 0).In(zone)
	for {
		_, offset := at.Zone()
		then := time.Unix(wall-int64(offset), 0).In(zone)
		if then.Before(at) { // jumped over
			return at
		}
		_, end := at.ZoneBounds()
		if end.IsZero() || then.Before(end) {
			return then
		}
		at = end.In(zone)
	}
}

// shownUntil gives the first second that clocks in zone had not shown yet at t: every
// earlier one came at t or before, or was left out.
func shownUntil(zone *time.Location, t time.Time) int64 {
	bound := wallOf(zone, t) + 1
	at := t.In(zone)
	for {
		start, _ := at.ZoneBounds()
		if start.IsZero() || t.Unix()-start.Unix() > 2*farthest {
			return bound
		}
		at = start.Add(-time.Second).In(zone)
		_, offset := at.Zone()
		bound = max(bound, start.Unix()+int64(offset))
	}
}
