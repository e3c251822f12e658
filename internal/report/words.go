package report

import (
	"fmt"
	"strconv"
	"strings"

	"campaign/internal/campaign"
)

// words are what a report says in one language. Another language is another
// value of it: the sentences are built from it and from nothing else.
type words struct {
	states           map[State]string
	outcomes         map[campaign.Outcome]string // completes "2 …" in the verdict line
	recipient, group [2]string                   // one, many

	// Sentences. Formats take a number and its noun unless told otherwise.
	sandbox, loopback, trial string
	running                  string
	resume                   string // the run's id
	accepted                 string // a number, all of them and their noun
	receipt, people          string
	leftOut                  string // and why
	rejected, unknown        string
	deferred, pending        string
	nobody, nothing          string

	// Parts of the verdict line.
	acceptedPart  string // as accepted
	leftOutPart   string // why
	warningPart   string
	moreWarnings  string // a number
	withoutReason string
}

var english = &words{
	states: map[State]string{
		Complete: "complete", Running: "running", Interrupted: "interrupted", Stopped: "stopped", Unfinished: "unfinished", Cancelled: "cancelled",
	},
	outcomes: map[campaign.Outcome]string{
		campaign.Rejected: "rejected",
		campaign.Unknown:  "unknown (may have been accepted; a person must look)",
		campaign.Deferred: "deferred",
		campaign.Pending:  "pending",
	},
	recipient:     [2]string{"recipient", "recipients"},
	group:         [2]string{"user group", "user groups"},
	sandbox:       "Sandbox: everything went to the built-in upstream on this machine; no real recipient was written to.",
	loopback:      "Loopback: the account's address is on this machine.",
	trial:         "Trial: only the recipients that were named; the campaign itself is still to be run.",
	running:       "Another process is at it: what is unknown for want of a settlement may be on the wire.",
	resume:        "It can go on: run the campaign again, or `campaign resume %s`.",
	accepted:      "%s of %s %s accepted by the platform (平台已受理).",
	receipt:       "Accepted means that the platform took the message on. It is not a proof of receipt: neither upstream reports that.",
	people:        "How many people are in a user group only the platform knows.",
	leftOut:       "%s %s left out: %s.",
	rejected:      "%s %s rejected: the platform definitely refused.",
	unknown:       "%s %s unknown: the answer was lost and the platform may have accepted. Nothing of it is sent again by itself; a person must look it up at the platform.",
	deferred:      "%s %s deferred: definitely not accepted, later may work.",
	pending:       "%s %s pending: not yet tried.",
	nobody:        "There is nobody to send to: the campaign has no recipients.",
	nothing:       "Nothing was sent: every recipient is left out.",
	moreWarnings:  "and %s more",
	acceptedPart:  "%s of %s %s accepted by the platform (平台已受理; no proof of receipt)",
	leftOutPart:   "left out: %s",
	warningPart:   "warning: %s",
	withoutReason: "without a reason",
}

// Verdict is the report in one line for a terminal: the state, what the platform
// accepted, what it did not, who was left out and why, and the warnings.
func Verdict(r Report) string { return english.line(r) }

func (w *words) line(r Report) string {
	var parts []string
	state := w.states[r.State]
	if r.Reason != "" {
		state += " (" + plain(r.Reason) + ")"
	}
	c := r.Recipients
	switch {
	case c.Planned == 0:
		parts = append(parts, lower(w.nobody))
	case c.Skipped == c.Planned:
		parts = append(parts, lower(w.nothing))
	default:
		parts = append(parts, fmt.Sprintf(w.acceptedPart, number(c.Accepted), number(c.Planned), w.noun(r, c.Planned)))
	}
	for _, o := range []campaign.Outcome{campaign.Rejected, campaign.Unknown, campaign.Deferred, campaign.Pending} {
		if n := c.Of(o); n > 0 {
			parts = append(parts, number(n)+" "+w.outcomes[o])
		}
	}
	if c.Skipped > 0 {
		parts = append(parts, fmt.Sprintf(w.leftOutPart, w.why(r, plain)))
	}
	for i, text := range r.Warnings {
		if i == 3 {
			parts = append(parts, fmt.Sprintf(w.moreWarnings, number(int64(len(r.Warnings)-i))))
			break
		}
		parts = append(parts, fmt.Sprintf(w.warningPart, plain(text)))
	}
	line := state + ": " + strings.Join(parts, "; ")
	if r.Run.Trial {
		line = "TRIAL " + line
	}
	if r.Upstream.Sandbox {
		line = "SANDBOX " + line
	}
	return line
}

// sentences say the same in full: the state first, then what was accepted, what
// was not, and who was left out. Words of others pass through foreign, which
// makes them harmless where the sentences will stand.
func (w *words) sentences(r Report, foreign func(string) string) []string {
	state := upper(w.states[r.State])
	if r.Reason != "" {
		state += ": " + foreign(strings.TrimRight(r.Reason, "."))
	}
	all := []string{state + "."}
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r.State == Running {
		say("%s", w.running)
	}
	if r.Resumable {
		say(w.resume, plain(r.Run.ID))
	}
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
		say("%s", w.nothing)
	default:
		say(w.accepted, number(c.Accepted), number(c.Planned), w.noun(r, c.Planned))
	}
	if c.Accepted > 0 {
		say("%s", w.receipt)
	}
	if r.Groups {
		say("%s", w.people)
	}
	for _, s := range []struct {
		format string
		n      int64
	}{{w.rejected, c.Rejected}, {w.unknown, c.Unknown}, {w.deferred, c.Deferred}, {w.pending, c.Pending}} {
		if s.n > 0 {
			say(s.format, number(s.n), w.noun(r, s.n))
		}
	}
	if c.Skipped > 0 {
		say(w.leftOut, number(c.Skipped), w.noun(r, c.Skipped), w.why(r, foreign))
	}
	return all
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
			word = foreign(reason.Code)
		}
		parts = append(parts, number(reason.Recipients)+" "+word)
	}
	return strings.Join(parts, ", ")
}

func (w *words) noun(r Report, n int64) string {
	forms := w.recipient
	if r.Groups {
		forms = w.group
	}
	if n == 1 {
		return forms[0]
	}
	return forms[1]
}

// lower and upper change the first letter; lower also drops the full stop.
func lower(s string) string { return strings.TrimSuffix(strings.ToLower(s[:1])+s[1:], ".") }
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// number groups digits by three: 1,000,000.
func number(n int64) string {
	if n < 0 {
		return "-" + number(-n)
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
