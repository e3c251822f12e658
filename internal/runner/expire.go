package runner

import (
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// reasonExpired is the code of what was not sent in time.
const reasonExpired = "expired: "

// expiry ends sending when the run expires, whatever it waits for then.
func (r *run) expiry() {
	if sleepUntil(r.sending, r.Expires) {
		r.close(errExpired)
	}
}

// sweep gives up what an expired run has left, once nothing of it is under way:
// fresh deliveries, those that wait for another attempt, parts of splits and the
// blocks that were never fed. Nothing of it is rendered. When it is interrupted
// the next invocation goes on with it.
func (r *run) sweep() {
	if !r.expired(now()) || r.working.Err() != nil {
		return
	}
	reason := reasonExpired + "not sent before " + r.Expires.Format(time.RFC3339)
	again := reason + "; the outcome of an earlier attempt is unknown"
	w := r.newWriter()
	for work, err := range r.Ledger.Work(r.working, r.hold) {
		if r.working.Err() != nil {
			return
		}
		if err != nil {
			r.ledgerFailed(ledgerError("read the plan", err))
			return
		}
		for i := range work.Results {
			leaf := &work.Results[i]
			why := reason
			if leaf.Reopened { // skipped must not be read as "certainly not received"
				why = again
			}
			if !leaf.Verdict.Outcome.Settled() && !w.skip(leaf, recipientsOf(&work, leaf.Part), why) {
				return
			}
		}
	}
	r.swept = r.working.Err() == nil && w.flush()
}

// recipientsOf counts the recipients of a part in its block.
func recipientsOf(work *ledger.Work, part campaign.Part) int64 {
	d := &work.Block.Deliveries[part.Seq-work.Block.Deliveries[0].Seq]
	return int64(len(part.Of(d.Recipients)))
}
