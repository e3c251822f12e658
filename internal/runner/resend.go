package runner

import "campaign/internal/campaign"

// reasonResend is the code of what is sent again although its outcome is unknown.
const reasonResend = "resend: "

// reopen lets everything that earlier invocations left unknown be sent again, each
// part once for ever (Policy.Resend): what was reopened before stays unknown. It
// reports false when the invocation ends.
func (r *run) reopen() bool {
	if r.sending.Err() != nil {
		return false
	}
	w := r.newWriter()
	for work, err := range r.Ledger.Unknown(r.sending, r.hold) {
		if r.sending.Err() != nil {
			return false
		}
		if err != nil {
			r.ledgerFailed(ledgerError("read what is unknown", err))
			return false
		}
		for i := range work.Results {
			leaf := &work.Results[i]
			if leaf.Verdict.Outcome == campaign.Unknown && !leaf.Reopened && !w.reopen(leaf) {
				return false
			}
		}
	}
	return w.flush()
}

// mayResend reports whether an attempt that ended unknown is to be followed by
// another. At the end of sending it is not: nobody would make it.
func (s *slot) mayResend(t *task) bool {
	return s.Policy.Resend && !t.reopened && s.sending.Err() == nil
}

// resend makes the unknown outcome durable, then that it is tried again, and gives
// the task back until its time.
func (s *slot) resend(t *task, reason string) {
	if !s.rest() {
		return
	}
	n := int64(len(t.recipients()))
	w := &words{
		deliveries: campaign.Counts{Unknown: -1, Deferred: 1},
		recipients: campaign.Counts{Unknown: -n, Deferred: n},
		resent:     1,
	}
	w.add(t.part, campaign.Verdict{Outcome: campaign.Deferred, Reason: reasonResend + reason})
	s.entry.words = w
	if s.flush() != nil {
		return
	}
	t.reopened, t.again = true, true
	s.retry(t, 0)
}
