package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"campaign/internal/campaign"
)

// words are what a report says in one language. Another language is another
// value of it: the sentences are built from it and from nothing else.
type words struct {
	lang             string // of the page (BCP 47)
	colon, semicolon string // between a state and its reason; between parts
	comma, stop      string
	counted          string // a number and what is counted
	states           map[State]string
	outcomes         map[campaign.Outcome]string // completes "2 …" in the verdict line
	outcome          map[campaign.Outcome]string // an outcome by itself
	codes            map[string]string           // codes of reasons that are not clear by themselves
	reasons          map[string]string           // why a run is in its state, by the English words; what is not here stays
	reasonsFrom      map[string]string           // the same by how they begin: a format of what follows
	notes            map[string]string           // kinds of notes
	recipient, group [2]string                   // one, many
	request          [2]string

	// Sentences. Formats take a number and its noun unless told otherwise.
	sandbox, loopback, trial string
	running                  string
	resume                   string // the run's id
	aborted                  string
	opens                    string // a time
	stage                    string // its name and what it came to
	resumeStage              string // the run's id
	accepted                 string // a number, all of them and their noun
	byWord                   string // a number
	receipt, people          string
	leftOut                  string // and why
	expired                  string // a number
	rejected, unknown        string
	unknownResend            string
	deferred, pending        string
	again                    string // and by what
	twice                    string // a number
	once                     string // and what a person may have found
	nobody, nothing          string
	nothingAccepted          string

	// Parts of the verdict line, and of sentences.
	acceptedPart  string // as accepted
	byWordPart    string // a number
	opensPart     string // a time
	stagePart     string // its name and what it came to
	stageOf       string // a number and how many there are
	twicePart     string // a number
	oncePart      string // a number
	leftOutPart   string // why
	warningPart   string
	moreWarnings  string // a number
	withoutReason string
	byResend      string
	unlessFound   string

	trialMark, sandboxMark string // before a line
	stateReason            string // in a line, behind the state

	stageSettled string // a number; empty: as the runner says it

	page pageWords
}

// in gives the words of a language: "zh", else English.
func in(language string) *words {
	if language == "zh" {
		return chinese
	}
	return english
}

var english = &words{
	lang:      "en",
	trialMark: "TRIAL ", sandboxMark: "SANDBOX ", stateReason: " (%s)",
	colon: ": ", semicolon: "; ", comma: ", ", stop: ".",
	counted: "%s %s",
	states: map[State]string{
		Complete: "complete", Running: "running", Interrupted: "interrupted", Stopped: "stopped", Unfinished: "unfinished", Cancelled: "cancelled",
	},
	outcomes: map[campaign.Outcome]string{
		campaign.Rejected: "rejected",
		campaign.Unknown:  "unknown (may have been accepted; a person must look)",
		campaign.Deferred: "deferred",
		campaign.Pending:  "pending",
	},
	notes: map[string]string{
		campaign.NoteOpened: "planned", campaign.NotePlanned: "planned from", campaign.NoteClaimed: "taken up", campaign.NoteEnded: "ended",
		campaign.NoteCancelled: "cancelled", campaign.NoteStage: "stage passed", campaign.NoteResolved: "resolved by a person",
		campaign.NoteApproved: "approved",
		campaign.NoteChange:   "change of recipients accepted", campaign.NoteAgain: "sent again knowingly",
		campaign.NoteWindow:  "outside the window",
		campaign.NoteFollows: "follows up", campaign.NoteFollowed: "followed up by", campaign.NotePurged: "people's data deleted",
	},
	outcome: map[campaign.Outcome]string{
		campaign.Accepted: "accepted", campaign.Rejected: "rejected", campaign.Unknown: "unknown", campaign.Deferred: "deferred",
		campaign.Skipped: "skipped", campaign.Pending: "pending", campaign.Superseded: "halved",
	},
	recipient: [2]string{"recipient", "recipients"},
	group:     [2]string{"user group", "user groups"},
	request:   [2]string{"request", "requests"},

	sandbox:         "Sandbox: everything went to the built-in upstream on this machine; no real recipient was written to.",
	loopback:        "Loopback: the account's address is on this machine.",
	trial:           "Trial: only the recipients that were named; the campaign itself is still to be run.",
	running:         "Another process is at it: what is unknown for want of a settlement may be on the wire.",
	resume:          "It can go on: run the campaign again, or `campaign resume %s`.",
	aborted:         "Look at what failed first: once it goes on, failures are counted anew.",
	opens:           "Requests may start again at %s.",
	stage:           "Stage %s came to %s.",
	resumeStage:     "When that is right, `campaign resume %s` lets it go on; running the campaign again does not.",
	accepted:        "%s of %s %s accepted by the platform (平台已受理).",
	byWord:          "Of these, %s by a person's word, not by the platform's answer.",
	receipt:         "Accepted means that the platform took the message on. It is not a proof of receipt: neither upstream reports that.",
	people:          "How many people are in a user group only the platform knows.",
	leftOut:         "%s %s left out: %s.",
	expired:         "Of these, %s expired: it was too late to send to them.",
	rejected:        "%s %s rejected: the platform definitely refused.",
	unknown:         "%s %s unknown: the answer was lost and the platform may have accepted. Nothing of it is sent again by itself; a person must look it up at the platform.",
	unknownResend:   "%s %s unknown: the answer was lost and the platform may have accepted. With `unknown: resend` each is sent a second time at most; a person must look up what stays unknown.",
	deferred:        "%s %s deferred: definitely not accepted, later may work.",
	pending:         "%s %s pending: not yet tried.",
	again:           "%s %s sent to a second time after a lost answer%s.",
	twice:           "Of these, %s may have it twice.",
	once:            "%s %s not counted as accepted had an answer lost before: the platform may have accepted that request%s.",
	nobody:          "There is nobody to send to: the campaign has no recipients.",
	nothing:         "Nothing was sent: every recipient is left out.",
	nothingAccepted: "Nothing was accepted: every recipient is left out.",

	acceptedPart:  "%s of %s %s accepted by the platform (平台已受理; no proof of receipt)",
	byWordPart:    ", of these %s by a person's word",
	opensPart:     "requests may start again at %s",
	stagePart:     "stage %s came to %s",
	stageOf:       "%s of %s",
	twicePart:     "%s may have it twice (sent a second time after a lost answer)",
	oncePart:      "%s not counted as accepted had an answer lost before",
	leftOutPart:   "left out: %s",
	warningPart:   "warning: %s",
	moreWarnings:  "and %s more",
	withoutReason: "without a reason",
	byResend:      " (`unknown: resend`)",
	unlessFound:   ", unless a person found that it had not",

	page: englishPage,
}

// noun names the run's recipients.
func (w *words) noun(r Report, n int64) string {
	if r.Groups {
		return form(w.group, n)
	}
	return form(w.recipient, n)
}

func form(forms [2]string, n int64) string {
	if n == 1 {
		return forms[0]
	}
	return forms[1]
}

// because is why a run is in its state, in the words' language as far as it is known.
func (w *words) because(reason string) string {
	if known, ok := w.reasons[reason]; ok {
		return known
	}
	why, detail, found := strings.Cut(reason, ": ")
	if known, ok := w.reasons[why]; ok && found {
		return known + w.colon + detail
	}
	if stage, ok := strings.CutSuffix(reason, stageSettled); ok && w.stageSettled != "" {
		return fmt.Sprintf(w.stageSettled, strings.TrimPrefix(stage, "stage "))
	}
	for begin, format := range w.reasonsFrom {
		if rest, ok := strings.CutPrefix(reason, begin); ok {
			return fmt.Sprintf(format, rest)
		}
	}
	return reason
}

// ended is how an invocation ended, from the runner's note of it.
func (w *words) ended(text string) string {
	if _, reason := EndedBy(text); reason != "" {
		return w.because(reason)
	}
	return w.states[Complete]
}

// stageSettled ends the runner's words for a stage that waits.
const stageSettled = " is settled and waits for a person"

// code names the code of a reason.
func (w *words) code(code string) string {
	if name, ok := w.codes[code]; ok {
		return name
	}
	return code
}

// lower and upper change the first letter; lower also drops the full stop.
func lower(s string) string {
	first, rest := first(s)
	return strings.TrimRight(strings.ToLower(first)+rest, ".。")
}

func upper(s string) string {
	first, rest := first(s)
	return strings.ToUpper(first) + rest
}

func first(s string) (string, string) {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n], s[n:]
}
