package schedule

import (
	"fmt"
	"time"

	"campaign/internal/campaign"
)

// Ruling is what becomes of a slot, or of a stretch of slots that are skipped for
// one reason.
type Ruling struct {
	Slot         // the first one
	Last    Slot // of a stretch; else the same
	Count   int64
	Run     bool
	Reason  string // of skipped ones
	catchUp bool   // an old one that the policy may run
}

const (
	// atOnce bounds the slots that one call decides: a schedule of every minute for
	// seventy days. The next call goes on.
	atOnce = 100_000
	// queueMost bounds what `missed: all` and `overlap: queue` may have waiting.
	queueMost = 1000
)

// Owed decides the slots after since, up to and with now. going names a slot that is
// still being run or waits for it; empty: none. Every slot is in one ruling, in
// order. upto is how far it came: now, or earlier when there are too many for one
// call.
//
// A slot that is not left out by the schedule itself is on time up to `within` late.
// Older ones are caught up with as the policy says. With `overlap: forbid` one is run
// at a time: of several on time, the latest.
func (t *Timetable) Owed(since, now time.Time, going string) (rulings []Ruling, upto time.Time) {
	var all []Ruling
	upto = now
	for s := range t.Coming(since, now) {
		if len(all) == atOnce {
			upto = all[len(all)-1].At
			break
		}
		all = append(all, t.rule(s, now))
	}
	t.catchUp(all, upto.Equal(now))
	t.together(all, going)
	return merge(all), upto
}

// rule looks at one slot alone.
func (t *Timetable) rule(s Slot, now time.Time) Ruling {
	r := Ruling{Slot: s, Last: s, Count: 1}
	late := now.Sub(s.At)
	switch {
	case t.rules.Suspended:
		r.Reason = campaign.SkipSuspended
	case s.Skip != "":
		r.Reason = s.Skip
	case t.expires > 0 && late >= t.expires:
		r.Reason = campaign.SkipMissed + ": it had expired"
	case late > t.rules.Missed.Within:
		r.Reason, r.catchUp = t.TooLate(), true
	default:
		r.Run = true
	}
	return r
}

// TooLate is the reason of a slot that was not run in time.
func (t *Timetable) TooLate() string {
	return fmt.Sprintf("%s: nothing looked within %s of its time", campaign.SkipMissed, plain(t.rules.Missed.Within))
}

// Within is how late a slot may begin.
func (t *Timetable) Within() time.Duration { return t.rules.Missed.Within }

// catchUp runs old slots as the policy says. Where more slots are to be decided,
// the latest is not among these.
func (t *Timetable) catchUp(all []Ruling, whole bool) {
	left := 0
	switch t.rules.Missed.Policy {
	case campaign.CatchLatest:
		if whole {
			left = 1
		}
	case campaign.CatchAll:
		left = queueMost
	}
	for i := len(all) - 1; i >= 0 && left > 0; i-- {
		if t.rules.Missed.Policy == campaign.CatchLatest && all[i].Run {
			return // a later one is run in any case
		}
		if all[i].catchUp {
			all[i].Run, all[i].Reason = true, ""
			left--
		}
	}
}

// together holds the slots that are to be run against each other.
func (t *Timetable) together(all []Ruling, going string) {
	if t.rules.Queue || t.rules.Missed.Policy == campaign.CatchAll && !t.allOnTime(all) {
		t.bound(all)
		return
	}
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].Run {
			continue
		}
		if going != "" {
			all[i].Run, all[i].Reason = false, campaign.SkipOverlap+": "+going+" was still going on"
			continue
		}
		going = all[i].Label
		for k := range i {
			if all[k].Run {
				all[k].Run, all[k].Reason = false, campaign.SkipOverlap+": "+going+" was due as well"
			}
		}
		return
	}
}

func (t *Timetable) allOnTime(all []Ruling) bool {
	for _, r := range all {
		if r.catchUp && r.Run {
			return false
		}
	}
	return true
}

// bound keeps the latest of a long queue.
func (t *Timetable) bound(all []Ruling) {
	n := 0
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].Run {
			continue
		}
		if n++; n > queueMost {
			all[i].Run, all[i].Reason = false, fmt.Sprintf("%s: %d later ones wait already", campaign.SkipMissed, queueMost)
		}
	}
}

// merge makes stretches of neighbours that are skipped for one reason.
func merge(all []Ruling) (out []Ruling) {
	for _, r := range all {
		if n := len(out); n > 0 && !r.Run && !out[n-1].Run && out[n-1].Reason == r.Reason {
			out[n-1].Last, out[n-1].Count = r.Slot, out[n-1].Count+1
			continue
		}
		out = append(out, r)
	}
	return out
}

// plain writes a duration as a person does: 1h, not 1h0m0s.
func plain(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	if d%time.Minute == 0 {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

// Unseen gives the single times that were past when the schedule was first looked
// at: nothing owes them, and they are recorded all the same.
func (t *Timetable) Unseen(now time.Time) (rulings []Ruling) {
	if len(t.at) == 0 {
		return nil
	}
	for s := range t.Coming(time.Unix(0, 0), now) {
		rulings = append(rulings, Ruling{Slot: s, Last: s, Count: 1, Reason: campaign.SkipMissed + ": it was past when the schedule was first looked at"})
	}
	return merge(rulings)
}
