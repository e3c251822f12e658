package main

import (
	"fmt"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/contract"
	"campaign/internal/runner"
	"campaign/internal/schedule"
)

// The rule ids of forecasts. They are stable: people filter and search by them.
const (
	ruleMissesDeadline = "misses-deadline"
	ruleWouldExpire    = "would-expire"
)

// beginning is when a campaign would begin, and as which occurrence.
type beginning struct {
	at         time.Time
	occurrence campaign.Occurrence
	scheduled  bool // a slot of its schedule
	outside    bool // it does not wait for its window
	trial      bool // it keeps to no deadline
}

// prospect is how a campaign would go from a beginning on.
type prospect struct {
	beginning
	job      *job
	outlook  runner.Outlook
	forecast runner.Forecast
	deadline time.Time       // zero: none
	expires  time.Time       // zero: never
	late     campaign.Amount // what is not sent by the deadline
	expired  campaign.Amount // what would expire
}

// begins is when the campaign begins that an invocation plans: when its schedule is
// due next, else at the time of its occurrence. ok is false when it is not due any
// more.
func (j *job) begins() (b beginning, ok bool) {
	o := j.spec.Occurrence
	if j.table == nil || o.Label != campaign.Once {
		return beginning{at: o.Time, occurrence: o, trial: j.spec.To != nil}, true
	}
	for _, b := range j.upcoming(o.Time, 1) {
		return b, true
	}
	return beginning{}, false
}

// upcoming are the next occurrences of the campaign's schedule that it does not leave
// out, from a time on: so many at most, and none that is over a year ahead.
func (j *job) upcoming(from time.Time, n int) (all []beginning) {
	if starts := j.table.Starts().Midnight().AddDate(0, 0, -2); !j.table.Starts().IsZero() && starts.After(from) {
		from = starts
	}
	for s := range j.table.Coming(from.Add(-time.Second), from.AddDate(1, 0, 0)) {
		if s.Skip != "" {
			continue
		}
		all = append(all, slotBeginning(s))
		if len(all) == n {
			break
		}
	}
	return all
}

func slotBeginning(s schedule.Slot) beginning {
	return beginning{at: s.At, occurrence: campaign.Occurrence{Label: s.Label, Time: s.At}, scheduled: true}
}

// foresee simulates the campaign from a beginning on. work is what its plan came to.
func (j *job) foresee(work []campaign.Stretch, b beginning) prospect {
	b.at = b.at.Round(0)
	p := prospect{beginning: b, job: j, expires: j.expires(campaign.Run{Occurrence: b.occurrence, Began: b.at})}
	if !b.trial {
		p.deadline = j.deadline.Of(b.occurrence.Time)
	}
	p.outlook = runner.Outlook{Start: b.at, Limits: j.declared.Limits, Policy: j.campaign.Policy, Work: work, Latency: j.latency}
	if !b.outside {
		p.outlook.Opens, p.outlook.Closes = opens(j.campaign.Policy, j.spec.Zone), closes(j.campaign.Policy, j.spec.Zone)
	}
	p.outlook.Until = p.until(p.expires)
	p.forecast = p.outlook.Forecast()
	if !p.deadline.IsZero() {
		p.late = p.forecast.Late[len(p.forecast.Late)-1]
	}
	if !p.expires.IsZero() {
		p.expired = p.forecast.Late[0]
	}
	return p
}

// until are the times that count when it expires at a time: that one, and by when all
// must be sent. What expires before its deadline is not sent by then either.
func (p *prospect) until(expires time.Time) (times []time.Time) {
	last := p.deadline
	if !expires.IsZero() {
		times = append(times, expires)
		if expires.Before(last) {
			last = expires
		}
	}
	if !last.IsZero() {
		times = append(times, last)
	}
	return times
}

// expiresFirst reports whether what is not sent by the deadline expires before it.
func (p *prospect) expiresFirst() bool { return !p.expires.IsZero() && p.expires.Before(p.deadline) }

// ends is when everything is answered that does not expire.
func (p *prospect) ends() time.Time {
	switch {
	case p.forecast.Last.IsZero():
		return p.at
	case !p.expires.IsZero() && p.expired.Requests > 0:
		return p.expires
	}
	return p.forecast.Last
}

// problems are what the forecast has against the campaign.
func (p *prospect) problems() (found []campaign.Diagnostic) {
	message, hint := p.missed()
	if message != "" {
		found = append(found, p.job.doc.Diagnostic(campaign.Problem{Pointer: "/delivery/deadline", Rule: ruleMissesDeadline, Message: message, Hint: hint}))
	}
	if p.expired.Requests > 0 && (message == "" || !p.expiresFirst()) {
		found = append(found, p.job.doc.Diagnostic(campaign.Problem{Pointer: "/delivery/expires", Rule: ruleWouldExpire, Warning: true,
			Message: fmt.Sprintf("%s of %s would not be sent before they expire at %s: %s", campaign.Grouped(p.expired.Recipients), p.all(), p.clock(p.expires), p.course()),
			Hint:    "let it begin earlier, make it faster, or raise `expires` under delivery"}))
	}
	return found
}

// missed says what would spill past the deadline, and what would not let it; empty:
// nothing.
func (p *prospect) missed() (message, hint string) {
	switch {
	case p.deadline.IsZero() || p.late.Requests == 0:
		return "", ""
	case !p.at.Before(p.deadline):
		return fmt.Sprintf("the deadline is past when it begins: it is %s, and it would begin at %s", p.clock(p.deadline), p.clock(p.at)),
			"let it begin earlier, or give a later deadline"
	case p.expiresFirst():
		return fmt.Sprintf("%s of %s would not be sent by %s, because they expire at %s: %s",
			campaign.Grouped(p.late.Recipients), p.all(), p.clock(p.deadline), p.clock(p.expires), p.course()), p.advice()
	}
	return fmt.Sprintf("%s of %s would spill past %s: %s", campaign.Grouped(p.late.Recipients), p.all(), p.clock(p.deadline), p.course()), p.advice()
}

// all is how many recipients there are.
func (p *prospect) all() string {
	return grouped(p.forecast.Total.Recipients, p.job.unit())
}

// grouped is a number as people read large ones, with its noun.
func grouped(n int64, unit string) string { return campaign.Grouped(n) + " " + unit + "s" }

// course says how the forecast comes about.
func (p *prospect) course() string {
	text := "begun at " + p.clock(p.at)
	if rate := p.job.rate(); rate.N > 0 {
		text += fmt.Sprintf(", at %s per %s", count(rate.N, "request"), perSpan(rate.Per))
	}
	if p.outlook.Opens != nil {
		text += ", inside its window"
	}
	if p.forecast.Waits > 0 {
		text += fmt.Sprintf(", with stages that wait %s", p.forecast.Waits)
	}
	end := "it ends at " + p.clock(p.forecast.Last) + " at the earliest"
	if p.forecast.Never.Requests > 0 {
		end = "its last requests would never be sent"
	}
	return text + ", " + end
}

// clock shows a time in the campaign's zone: 20:00 (2026-12-01, Asia/Shanghai).
func (p *prospect) clock(t time.Time) string {
	t = t.Round(time.Second).In(p.job.spec.Zone)
	layout := "15:04"
	if t.Second() != 0 {
		layout = "15:04:05"
	}
	return fmt.Sprintf("%s (%s, %s)", t.Format(layout), t.Format(time.DateOnly), p.job.spec.Zone)
}

func (p *prospect) planned() *contract.Forecast {
	zone := p.job.spec.Zone
	out := &contract.Forecast{
		Begins: p.at.In(zone), Ends: p.ends().In(zone), Seconds: p.ends().Sub(p.at).Seconds(),
		Openings: p.forecast.Openings, Waits: p.forecast.Waits.Seconds(), Confirms: p.forecast.Confirms,
		Latency: p.job.latency.Seconds(), Expired: p.expired, Late: p.late,
	}
	if p.scheduled {
		out.Occurrence = p.occurrence.Label
	}
	if !p.expires.IsZero() {
		out.Expires = p.expires.Round(0).In(zone)
	}
	if !p.deadline.IsZero() {
		out.Deadline = p.deadline.In(zone)
	}
	return out
}

// forecastLines are the forecast for people; none where nothing holds the campaign up.
func forecastLines(f *contract.Forecast, zone *time.Location, unit string) (lines [][2]string) {
	if f == nil || f.Seconds == 0 && f.Deadline.IsZero() {
		return nil
	}
	when := "begun at " + at(f.Begins, zone)
	if f.Occurrence != "" {
		when = "due at " + f.Occurrence
	}
	took := time.Duration(f.Seconds * float64(time.Second)).Round(100 * time.Millisecond)
	if took >= time.Minute {
		took = took.Round(time.Second)
	}
	add := func(name, format string, args ...any) {
		lines = append(lines, [2]string{name, fmt.Sprintf(format, args...)})
	}
	add("ends", "%s at the earliest, %s after it is %s", at(f.Ends.Round(time.Second), zone), took, when)
	if f.Openings > 0 {
		add("look", "its window is closed on the way, %s: `campaign serve` goes on by itself, `campaign run` when it is run again", times(f.Openings))
	}
	if f.Confirms > 0 {
		add("look", "%s to be confirmed by a person, which is counted as no time", count(f.Confirms, "stage"))
	}
	if f.Expired.Requests > 0 {
		add("look", "%s would expire at %s", grouped(f.Expired.Recipients, unit), at(f.Expires, zone))
	}
	if !f.Deadline.IsZero() {
		add("deadline", "%s: %s", at(f.Deadline, zone), meets(f, unit))
	}
	return lines
}

// meets says whether the deadline is kept.
func meets(f *contract.Forecast, unit string) string {
	switch {
	case f.Late.Requests > 0 && !f.Expires.IsZero() && f.Expires.Before(f.Deadline):
		return fmt.Sprintf("%s would expire before it", grouped(f.Late.Recipients, unit))
	case f.Late.Requests > 0:
		return fmt.Sprintf("%s would spill past it", grouped(f.Late.Recipients, unit))
	}
	return "it is kept"
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// forecast makes an occasion that of another time, where somebody gives one, and of
// answers that take so long.
func (o *occasion) forecast(now string, latency time.Duration) error {
	if latency < 0 {
		return fail(exitUsage, "--latency: an answer does not take less than no time")
	}
	o.latency = latency
	if now == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, now)
	if err != nil {
		return fail(exitUsage, "--now %s is no time: write it as 2026-12-01T09:00:00+08:00", now)
	}
	o.now, o.occurrence.Time = t, t
	return nil
}

// slotsChecked are the next occurrences that are held against a deadline.
const slotsChecked = 5

// untimely are the problems that forecasts find in a campaign that is valid: begun
// now where a time is given, else those of a schedule's next occurrences with a
// deadline, of which the first is said.
func (j *job) untimely(work []campaign.Stretch, now time.Time) []campaign.Diagnostic {
	if !now.IsZero() {
		b, due := j.begins()
		if !due {
			return nil
		}
		p := j.foresee(work, b)
		return p.problems()
	}
	if j.table == nil || j.deadline.IsZero() {
		return nil
	}
	for _, b := range j.upcoming(j.spec.Occurrence.Time, slotsChecked) {
		p := j.foresee(work, b)
		if message, _ := p.missed(); message != "" {
			return p.problems()
		}
	}
	return nil
}
