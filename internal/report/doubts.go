package report

import (
	"strings"

	"campaign/internal/campaign"
)

// The codes of reasons that a report tells apart (design: delivery).
const (
	codeUnsettled = "unsettled" // an attempt without a settlement: Result.At is the attempt's own time
	codeResend    = "resend"    // an unknown outcome that is to be tried once more, by itself
	codeResolved  = "resolved"  // a person's word
	codeExpired   = "expired"   // given up: it was too late
)

// Tally is a number of requests and of the recipients that they cover.
type Tally struct {
	Requests   int64 `json:"requests"`
	Recipients int64 `json:"recipients"`
}

func (t *Tally) add(requests, recipients int64) {
	t.Requests += requests
	t.Recipients += recipients
}

// Resolved counts what has its outcome by a person's word and by nothing else.
type Resolved struct {
	Accepted    Tally `json:"accepted"`     // which is not the platform's acceptance
	NotAccepted Tally `json:"not_accepted"` // to be sent again, and not tried since
}

// Reopened counts requests of which an unknown outcome was made deferred, by
// `unknown: resend` or a person's word (campaign.Result). Their outcome does not
// say what the platform made of the earlier try.
type Reopened struct {
	Tally
	Again Tally `json:"sent_again"`    // tried since
	Twice Tally `json:"perhaps_twice"` // the last try was accepted or is unknown: perhaps both were accepted
	Once  Tally `json:"perhaps_once"`  // the outcome is another, and the earlier try was perhaps accepted
}

// codeOf is the stable word that a reason begins with.
func codeOf(reason string) string {
	code, _, _ := strings.Cut(reason, ": ")
	return code
}

// doubts counts a request of n recipients where its outcome does not say all.
func (r *Report) doubts(res *campaign.Result, n int64) {
	o, code := res.Verdict.Outcome, codeOf(res.Verdict.Reason)
	switch {
	case o == campaign.Skipped && code == codeExpired:
		r.Expired.add(1, n)
	case o == campaign.Accepted && code == codeResolved:
		r.Resolved.Accepted.add(1, n)
	case o == campaign.Deferred && code == codeResolved:
		r.Resolved.NotAccepted.add(1, n)
	}
	if !res.Reopened {
		return
	}
	r.Reopened.add(1, n)
	switch {
	case o == campaign.Accepted, o == campaign.Unknown:
		r.Reopened.Again.add(1, n)
		r.Reopened.Twice.add(1, n)
	case o == campaign.Deferred && code == codeResolved: // by that word it was not accepted
	case o == campaign.Deferred && code == codeResend, o == campaign.Skipped, o == campaign.Pending:
		r.Reopened.Once.add(1, n)
	default:
		r.Reopened.Again.add(1, n)
		r.Reopened.Once.add(1, n)
	}
}

// answered reports whether a result's time is that of an attempt, and not that of
// a person's word or of giving up.
func answered(res *campaign.Result) bool {
	if res.At.IsZero() || res.Attempts == 0 || res.Verdict.Outcome == campaign.Skipped {
		return false
	}
	code := codeOf(res.Verdict.Reason)
	return code != codeResolved && code != codeResend
}
