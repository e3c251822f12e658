package runner

import (
	"errors"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/targets"
)

// now is our wall clock as it is recorded. Without the monotonic reading a clock
// that was set back is noticed (rule 8).
func now() time.Time { return time.Now().Round(0) }

// judge decides what an attempt's end means for delivery, account and run.
func (s *slot) judge(out outgoing, answer targets.Answer, trace Trace, err error) {
	t := out.task
	verdict, unauthorized := s.verdict(answer, trace, err)
	s.redact(out.token, &verdict, &answer)
	children := s.halve(t, &verdict)
	s.settle(t, verdict, answer, trace)
	s.settlement.Children = children

	k := kindOf(verdict, err, trace)
	probe := s.report(k, verdict, trace)
	s.Log.Debug("attempt ended", "run", s.Run, "delivery", t.part.Seq, "attempt", t.attempts,
		"outcome", verdict.Outcome, "status", verdict.Status, "took", trace.Duration)
	if !unauthorized && err == nil {
		s.Account.took(out.token)
	}

	switch {
	case errors.Is(err, ErrNotLoopback), errors.Is(err, errNoBody), errors.Is(err, errAddress):
		s.halt(&stopped{why: Faulty, err: err})
	case unauthorized:
		s.renew(t, out.token)
	case verdict.Outcome == campaign.Superseded:
		s.feedChildren(t, children)
	case verdict.Outcome == campaign.Unknown && s.mayResend(t):
		s.resend(t, verdict.Reason)
	case verdict.Outcome != campaign.Deferred:
		s.finish(t)
	case probe && k == notConnected:
		t.attempts-- // waiting for the upstream uses no attempt up
		s.again(t, time.Time{})
	default:
		s.retry(t, verdict.After)
	}
}

// verdict says what an attempt came to, and whether its token was refused.
func (s *slot) verdict(answer targets.Answer, trace Trace, err error) (v campaign.Verdict, unauthorized bool) {
	if err != nil {
		return fault(trace, err, s.Policy.Timeout), false
	}
	v = s.Target.Judge(answer)
	if v.Status == 0 {
		v.Status = answer.Status
	}
	if s.authorizer != nil {
		unauthorized = s.authorizer.Unauthorized(answer)
	}
	if unauthorized {
		v.Outcome = campaign.Deferred // a refused token is no refusal of the message (rule 7)
	}
	if unauthorized || v.Outcome != campaign.Deferred {
		v.After = 0
	}
	return v, unauthorized
}

// report tells the account how an attempt ended, and whoever watches what
// changed by it.
func (s *slot) report(k kind, v campaign.Verdict, trace Trace) (probe bool) {
	probe = s.pass.probe
	change := s.Account.report(k, v, trace.Began, &s.pass)
	if probe {
		s.Account.unprobe(&s.pass)
	}
	if change != nil {
		s.Log.Info("the account's state changed", "run", s.Run, "change", change.Kind, "why", change.Detail)
		s.tell(*change)
	}
	if change != nil && change.Kind == Troubled {
		if end := s.Account.over(); end != nil {
			s.halt(end) // nobody is to wait for a delivery's time any more
		}
	}
	return probe
}

// settle leaves a settlement in the slot's entry: it becomes durable with the
// slot's next intent, or alone when there is none at hand.
func (s *slot) settle(t *task, v campaign.Verdict, answer targets.Answer, trace Trace) {
	body := answer.Body
	if len(body) > ledger.AnswerLimit {
		body = append([]byte(nil), body[:ledger.AnswerLimit]...) // lets go of the rest
	}
	s.settlement = ledger.Settlement{Part: t.part, Verdict: v, At: now(), Upstream: trace.Upstream, Answer: body}
	s.entry.settlement = &s.settlement
	s.entry.settled = len(t.recipients())
	t.again = v.Outcome == campaign.Deferred
}

// finish takes a task off the queue for good.
func (s *slot) finish(t *task) {
	s.closePart(t.delivery)
	s.queue.finish(1)
}

// retry gives a deferred task back until its time, unless it used its attempts
// up or must wait too long.
func (s *slot) retry(t *task, after time.Duration) {
	if t.attempts >= max(s.Policy.Retry.Attempts, 1) {
		s.leaveForLater(time.Time{})
		s.finish(t)
		return
	}
	pause := wait(s.Policy.Retry, t.attempts, after, s.Random)
	due := time.Now().Add(pause)
	if pause > s.MaxWait {
		s.leaveForLater(due)
		s.finish(t)
		return
	}
	s.again(t, due)
}

// again gives a task back to the queue. Its settlement is durable before, so that
// no other slot records the next intent first.
func (s *slot) again(t *task, due time.Time) {
	t.due = due
	t.detach()
	if !s.rest() {
		return
	}
	s.queue.later(s.sending, t)
}

// renew gets another token and sends the same request again, once: a second 401
// in a row stops the account (rule 7).
func (s *slot) renew(t *task, refused campaign.Secret) {
	twice := !t.refused.IsZero() && t.refused != refused
	t.refused = refused
	if !s.rest() {
		return
	}
	var end *stopped
	fresh := false
	switch {
	case s.Account.tokens == nil || refused.IsZero():
		end = s.Account.end(&stopped{why: Token, detail: "the upstream refuses the account's credentials"})
	case twice:
		end = s.Account.end(&stopped{why: Token, detail: "the upstream refuses the renewed token too"})
	default:
		fresh, end = s.Account.renew(s.sending, refused)
	}
	if end != nil {
		s.halt(end)
		return
	}
	if fresh { // of those who met the 401 together one tells
		s.tell(Event{Kind: Renewed})
	}
	s.again(t, time.Time{})
}

// halve turns the refusal of a part with several recipients into a split, while
// its batch may still be split (rule 6).
func (s *slot) halve(t *task, v *campaign.Verdict) []campaign.Part {
	n := len(t.recipients())
	if v.Outcome != campaign.Rejected || n < 2 || !s.mayHalve {
		return nil
	}
	if t.delivery.splits.Add(-1) < 0 {
		v.Reason = "not-isolated: " + v.Reason
		return nil
	}
	v.Outcome = campaign.Superseded
	from := t.part.From // 0 for a whole delivery
	middle, to := from+n/2, from+n
	return []campaign.Part{{Seq: t.part.Seq, From: from, To: middle}, {Seq: t.part.Seq, From: middle, To: to}}
}

// feedChildren puts the halves of a refused part in its place.
func (s *slot) feedChildren(t *task, children []campaign.Part) {
	if !s.rest() { // the halves exist from here on
		return
	}
	d := t.delivery
	d.left.Add(int64(len(children)))
	s.queue.open.Add(int64(len(children)))
	for _, part := range children {
		s.queue.later(s.sending, &task{delivery: d, part: part, reopened: t.reopened})
	}
	s.finish(t)
}
