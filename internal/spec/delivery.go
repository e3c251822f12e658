package spec

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// policy reads the delivery mapping.
func (l *loader) policy(v val) campaign.Policy {
	p := campaign.DefaultPolicy()
	set := func(key string, to *int) {
		if x := v.key(key); x.given() {
			*to = int(x.number())
		}
	}
	set("batch", &p.Batch)
	set("concurrency", &p.Concurrency)
	set("max_recipients", &p.MaxRecipients)
	p.Rate = v.key("rate").rate()
	l.duration(v.key("timeout"), &p.Timeout, longest)
	l.retry(v.key("retry"), &p.Retry)
	p.Resend = v.key("unknown").text() == "resend"
	l.duration(v.key("expires"), &p.Expires, longestWait)
	if window := v.key("window"); window.given() {
		p.Window = &campaign.Window{Open: l.spans(window.key("open")), Days: l.days(window.key("days")), Calendar: l.dayRule(window.key("calendar"))}
	}
	l.threshold(v.key("abort").key("failed"), &p.Abort.Failed)
	l.threshold(v.key("abort").key("unknown"), &p.Abort.Unknown)
	p.Stages = l.stages(v.key("stages"))
	if deadline := v.key("deadline"); deadline.text() != "" {
		p.Deadline = campaign.Clause{Text: deadline.text(), Pointer: deadline.at()}
	}
	return p
}

func (l *loader) retry(v val, r *campaign.Retry) {
	if x := v.key("attempts"); x.given() {
		r.Attempts = int(x.number())
	}
	l.duration(v.key("base"), &r.Base, longest)
	l.duration(v.key("cap"), &r.Cap, longest)
	if r.Cap < r.Base {
		at := v.key("cap")
		if !at.given() {
			at = v.key("base")
		}
		l.problem(at, ruleRange, fmt.Sprintf("cap (%s) must not be shorter than base (%s)", r.Cap, r.Base), "raise cap, or lower base")
	}
}

// spanForm is what the schema lets through.
var spanForm = regexp.MustCompile(`^([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-3]|24):([0-5][0-9])$`)

// spans reads the times of a day at which a window is open, in their order. They
// do not overlap; they may touch.
func (l *loader) spans(v val) []campaign.Span {
	type place struct {
		campaign.Span
		at val
	}
	var places []place
	for _, x := range v.listed() {
		m := spanForm.FindStringSubmatch(x.text())
		if m == nil {
			continue
		}
		s := campaign.Span{From: minutes(m[1], m[2]), To: minutes(m[3], m[4])}
		if s.From < s.To {
			places = append(places, place{s, x})
			continue
		}
		message, hint := clip(x.text())+" goes over midnight", fmt.Sprintf(`give two spans, each of its own day: ["%s:%s-24:00", "00:00-%s:%s"]`, m[1], m[2], m[3], m[4])
		switch s.To {
		case s.From:
			message, hint = clip(x.text())+" ends when it begins", "the whole day is 00:00-24:00"
		case 0:
			hint = fmt.Sprintf(`the end of the day is 24:00: "%s:%s-24:00"`, m[1], m[2])
		}
		l.problem(x, ruleSpan, message, hint)
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.From, b.From) })
	spans := make([]campaign.Span, 0, len(places))
	far := 0 // of those before, the one that ends last
	for i, p := range places {
		if i > 0 && p.From < places[far].To {
			l.problem(p.at, ruleOverlap, fmt.Sprintf("%s overlaps %s", clip(p.at.text()), clip(places[far].at.text())),
				"make one span of both, or let one begin where the other ends")
		}
		if p.To > places[far].To {
			far = i
		}
		spans = append(spans, p.Span)
	}
	return spans
}

// minutes gives a time of the day in minutes since midnight.
func minutes(hour, minute string) int {
	h, _ := strconv.Atoi(hour) // digits, by its form
	m, _ := strconv.Atoi(minute)
	return h*60 + m
}

// week is the days by time.Weekday.
var week = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// days reads days and ranges of days, which may go over the weekend: fri-mon.
func (l *loader) days(v val) (days [7]bool) {
	if !v.given() {
		return [7]bool{true, true, true, true, true, true, true}
	}
	for _, x := range v.listed() {
		first, last, ranged := strings.Cut(x.text(), "-")
		if !ranged {
			last = first
		}
		from, to := slices.Index(week, first), slices.Index(week, last)
		if from < 0 || to < 0 {
			continue
		}
		twice := -1
		for day := from; ; day = (day + 1) % 7 {
			if days[day] && twice < 0 {
				twice = day
			}
			days[day] = true
			if day == to {
				break
			}
		}
		if twice >= 0 {
			l.problem(x, ruleDuplicateItem, week[twice]+" stands twice in days", "remove one")
		}
	}
	return days
}

// threshold reads what is given of one into t.
func (l *loader) threshold(v val, t *campaign.Threshold) {
	if x := v.key("count"); x.given() {
		t.Count = x.number()
	}
	if share, ok := l.share(v.key("share")); ok {
		t.Share = share
	}
}

// shareForm is what the schema lets through.
var shareForm = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,4})?%$`)

// share reads a percentage: 20% is 0.2, exactly as a program writes it.
func (l *loader) share(v val) (share float64, ok bool) {
	if !shareForm.MatchString(v.text()) {
		return 0, false
	}
	share, err := strconv.ParseFloat(strings.TrimSuffix(v.text(), "%")+"e-2", 64)
	if err != nil || share > 1 {
		l.problem(v, ruleRange, name(v.at())+" must be at most 100%", "a share is of all of them: 100% is everybody")
		return 0, false
	}
	return share, true
}

// stages reads stages, each of which must end behind those before it as far as
// the file shows: a number and a share compare only when recipients are counted.
func (l *loader) stages(v val) (stages []campaign.Stage) {
	var far campaign.Stage // how far stages reach so far, of either kind
	for i, x := range v.items() {
		upto, then := x.key("upto"), x.key("then")
		s := campaign.Stage{Upto: upto.number(), Confirm: then.text() == "confirm"}
		share, ok := l.share(upto)
		s.Share = share
		l.duration(then, &s.Wait, longestWait)
		const hint = "each stage counts from the campaign's first recipient, so it must be larger than the one before"
		switch {
		case ok && share == 0:
			l.problem(upto, ruleRange, "upto must be more than nothing", "for example 10%")
		case far.Share == 1 && (ok || s.Upto > 0):
			l.problem(upto, ruleStageOrder, fmt.Sprintf("nobody is left for stage %d: one before it goes up to 100%%", i+1), "remove it, or let the other end earlier")
		case ok && share <= far.Share:
			l.problem(upto, ruleStageOrder, fmt.Sprintf("stage %d ends at %s, which is no further than one before it", i+1, clip(upto.text())), hint)
		case s.Upto > 0 && s.Upto <= far.Upto:
			l.problem(upto, ruleStageOrder, fmt.Sprintf("stage %d ends at %d, which is no further than one before it: %d", i+1, s.Upto, far.Upto), hint)
		}
		far.Upto, far.Share = max(far.Upto, s.Upto), max(far.Share, s.Share)
		stages = append(stages, s)
	}
	return stages
}

// farthest is the schema's bound of a stage's recipients.
const farthest = 1_000_000_000

// pauses holds stages against the rest of the file: whom they are for, and whether
// anything can come after them.
func (l *loader) pauses(root val, c *campaign.Campaign) {
	delivery, stages := root.key("delivery"), c.Policy.Stages
	if len(stages) == 0 {
		return
	}
	disjoint := root.key("recipients").key("groups_disjoint").v
	switch g := c.Recipients.Groups; {
	case g != nil && (disjoint == nil || disjoint == false): // what else it may be is reported
		l.keyProblem(delivery.key("stages"), ruleNotForGroups, "stages do not work here: one request carries all user groups, because somebody may be in two of them",
			"leave stages out; only with groups_disjoint: true under recipients are groups sent to one after the other")
		return
	case g != nil && g.Match == nil && len(g.IDs) == 1:
		l.keyProblem(delivery.key("stages"), ruleConflict, "stages do not work here: there is one user group only, and nothing comes after it", "leave stages out")
		return
	case len(c.Recipients.List) == 1:
		l.keyProblem(delivery.key("stages"), ruleConflict, "stages do not work here: there is one recipient only, and nobody comes after", "leave stages out")
		return
	}
	items := delivery.key("stages").items()
	at := items[len(items)-1].key("upto")
	switch last := stages[len(stages)-1]; {
	case last.Share == 1:
		l.warning(at, ruleIdleStage, fmt.Sprintf("nothing comes after stage %d: it goes up to 100%%", len(stages)), "leave the last stage out: what follows the one before it needs none")
		stages = stages[:len(stages)-1]
	case last.Upto > farthest: // the schema has said so
	case c.Policy.MaxRecipients > 0 && last.Upto >= int64(c.Policy.MaxRecipients):
		l.warning(at, ruleIdleStage, fmt.Sprintf("nothing comes after stage %d: max_recipients allows no more than %d", len(stages), c.Policy.MaxRecipients),
			"leave the last stage out, or let it end earlier")
		stages = stages[:len(stages)-1]
	}
	l.waits(delivery, stages, c.Policy.Expires)
}

// waits reports stages that wait longer than there is time: what follows the last
// of them could never be sent.
func (l *loader) waits(delivery val, stages []campaign.Stage, expires time.Duration) {
	at := delivery.key("expires")
	if at.given() && !durationForm.MatchString(at.text()) || expires <= 0 {
		return // reported, or never
	}
	if !at.given() {
		at = delivery.key("stages")
	}
	var sum time.Duration
	for _, s := range stages {
		if sum += s.Wait; sum >= expires {
			l.problem(at, ruleRange, fmt.Sprintf("the stages wait for %s or longer, and %s after the campaign is due nothing is sent any more", short(sum), short(expires)),
				"let the stages wait less, or give a longer expires")
			return
		}
	}
}

// short writes a duration as a person does: 24h, not 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
