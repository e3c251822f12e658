package report

import (
	"fmt"
	"strings"

	"campaign/internal/campaign"
)

// Verdict is the report in one line for a terminal: the state, what the run waits
// at, what the platform accepted, what it did not, who was left out and why, and
// the warnings.
func Verdict(r Report) string { return english.line(r) }

// VerdictIn is the verdict in a language: "zh", else English.
func VerdictIn(language string, r Report) string { return in(language).line(r) }

func (w *words) line(r Report) string {
	state := w.states[r.State]
	if r.Reason != "" {
		state += fmt.Sprintf(w.stateReason, plain(w.because(r.Reason)))
	}
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if g := r.Guard; g != nil {
		if s := r.stageNumber(g.Stage); s != nil {
			say(w.stagePart, w.stageName(*g), w.found(*s))
		}
		if !g.Opens.IsZero() {
			say(w.opensPart, clock(g.Opens))
		}
	}
	c := r.Recipients
	switch {
	case c.Planned == 0:
		say("%s", lower(w.nobody))
	case c.Skipped == c.Planned:
		say("%s", lower(w.none(r)))
	default:
		part := fmt.Sprintf(w.acceptedPart, campaign.Grouped(c.Accepted), campaign.Grouped(c.Planned), w.noun(r, c.Planned))
		if n := r.Resolved.Accepted.Recipients; n > 0 {
			part += fmt.Sprintf(w.byWordPart, campaign.Grouped(n))
		}
		parts = append(parts, part)
	}
	for _, o := range []campaign.Outcome{campaign.Rejected, campaign.Unknown, campaign.Deferred, campaign.Pending} {
		if n := c.Of(o); n > 0 {
			say(w.counted, campaign.Grouped(n), w.outcomes[o])
		}
	}
	if n := r.Reopened.Twice.Recipients; n > 0 {
		say(w.twicePart, campaign.Grouped(n))
	}
	if n := r.Reopened.Once.Recipients; n > 0 {
		say(w.oncePart, campaign.Grouped(n))
	}
	if c.Skipped > 0 {
		say(w.leftOutPart, w.why(r, plain))
	}
	for i, text := range r.Warnings {
		if i == 3 {
			say(w.moreWarnings, campaign.Grouped(int64(len(r.Warnings)-i)))
			break
		}
		say(w.warningPart, plain(text))
	}
	line := state + w.colon + strings.Join(parts, w.semicolon)
	if r.Run.Trial {
		line = w.trialMark + line
	}
	if r.Upstream.Sandbox {
		line = w.sandboxMark + line
	}
	return line
}

// sentences say the same in full: the state first, then how it goes on, what was
// accepted, what was not, and who was left out. Words of others pass through
// foreign, which makes them harmless where the sentences will stand.
func (w *words) sentences(r Report, foreign func(string) string) []string {
	state := upper(w.states[r.State])
	if r.Reason != "" {
		state += w.colon + foreign(w.because(strings.TrimRight(r.Reason, ".")))
	}
	all := append([]string{state + w.stop}, w.next(r)...)
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r.Upstream.Sandbox {
		say("%s", w.sandbox)
	} else if r.Upstream.Loopback {
		say("%s", w.loopback)
	}
	if r.Run.Trial {
		say("%s", w.trial)
	}
	c := r.Recipients
	switch {
	case c.Planned == 0:
		say("%s", w.nobody)
		return all
	case c.Skipped == c.Planned:
		say("%s", w.none(r))
	default:
		say(w.accepted, campaign.Grouped(c.Accepted), campaign.Grouped(c.Planned), w.noun(r, c.Planned))
	}
	if n := r.Resolved.Accepted.Recipients; n > 0 {
		say(w.byWord, campaign.Grouped(n))
	}
	if c.Accepted > 0 {
		say("%s", w.receipt)
	}
	if r.Groups {
		say("%s", w.people)
	}
	unknown := w.unknown
	if r.resend {
		unknown = w.unknownResend
	}
	for _, s := range []struct {
		format string
		n      int64
	}{{w.rejected, c.Rejected}, {unknown, c.Unknown}, {w.deferred, c.Deferred}, {w.pending, c.Pending}} {
		if s.n > 0 {
			say(s.format, campaign.Grouped(s.n), w.noun(r, s.n))
		}
	}
	if c.Skipped > 0 {
		say(w.leftOut, campaign.Grouped(c.Skipped), w.noun(r, c.Skipped), w.why(r, foreign))
	}
	if n := r.Expired.Recipients; n > 0 {
		say(w.expired, campaign.Grouped(n))
	}
	return append(all, w.doubts(r)...)
}

// next says how the run goes on.
func (w *words) next(r Report) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r.State == Running {
		say("%s", w.running)
	}
	resume := w.resume
	if g := r.Guard; g != nil {
		switch {
		case g.Stage > 0: // that waits for a person, or failed too often: only a person lets it pass
			resume = w.resumeStage
			if s := r.stageNumber(g.Stage); s != nil {
				say(w.stage, w.stageName(*g), w.found(*s))
			}
		case g.Kind == stopAborted:
			say("%s", w.aborted)
		case !g.Opens.IsZero():
			say(w.opens, clock(g.Opens))
		}
	}
	if r.Resumable {
		say(resume, plain(r.Run.ID))
	}
	return all
}

// doubts say what the outcomes do not: who may have got a message although the
// last word is another, and who may have got it twice.
func (w *words) doubts(r Report) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if n := r.Reopened.Again.Recipients; n > 0 {
		by := "" // a person's word or `unknown: resend`: both may be
		if r.History != nil && !r.worded {
			by = w.byResend
		}
		say(w.again, campaign.Grouped(n), w.noun(r, n), by)
	}
	if n := r.Reopened.Twice.Recipients; n > 0 {
		say(w.twice, campaign.Grouped(n))
	}
	if n := r.Reopened.Once.Recipients; n > 0 {
		found := ""
		if r.worded {
			found = w.unlessFound
		}
		say(w.once, campaign.Grouped(n), w.noun(r, n), found)
	}
	return all
}

// none says that every recipient is left out.
func (w *words) none(r Report) string {
	if r.Attempts > 0 {
		return w.nothingAccepted
	}
	return w.nothing
}

func (r *Report) stageNumber(number int) *Stage {
	for i := range r.Stages {
		if r.Stages[i].Number == number {
			return &r.Stages[i]
		}
	}
	return nil
}

// stageName is "1 of 2", or "1" when it is not known how many there are.
func (w *words) stageName(g Guard) string {
	name := campaign.Grouped(int64(g.Stage))
	if g.Stages == 0 {
		return name
	}
	return fmt.Sprintf(w.stageOf, name, campaign.Grouped(int64(g.Stages)))
}

// found says what a stage came to: "20 requests, 19 accepted, 1 rejected".
func (w *words) found(s Stage) string {
	parts := []string{fmt.Sprintf(w.counted, campaign.Grouped(s.Requests.Planned), form(w.request, s.Requests.Planned))}
	for _, o := range campaign.Outcomes {
		if n := s.Requests.Of(o); n > 0 {
			parts = append(parts, fmt.Sprintf(w.counted, campaign.Grouped(n), w.outcome[o]))
		}
	}
	return strings.Join(parts, w.comma)
}

// why counts the left-out recipients by reason: "2 duplicate, 1 excluded".
func (w *words) why(r Report, foreign func(string) string) string {
	var parts []string
	for _, reason := range r.Reasons {
		if reason.Outcome != campaign.Skipped {
			continue
		}
		word := w.withoutReason
		if reason.Code != "" {
			word = foreign(w.code(reason.Code))
		}
		parts = append(parts, fmt.Sprintf(w.counted, campaign.Grouped(reason.Recipients), word))
	}
	return strings.Join(parts, w.comma)
}
