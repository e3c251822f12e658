package runner

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/targets"
)

// slot sends one request at a time. A run has as many slots as its concurrency.
type slot struct {
	*run
	pass  pass
	entry entry // what the recorder is to write next
	done  chan error
	armed chan struct{} // holds the slot's place among the open intents, or nil

	settlement ledger.Settlement
}

// outgoing is a task that is ready to go.
type outgoing struct {
	task    *task
	request targets.Request
	token   campaign.Secret
}

// work sends until there is nothing to do or sending stops.
func (s *slot) work() {
	defer s.rest()
	for {
		t := s.queue.try()
		if t == nil {
			if !s.rest() {
				return
			}
			if t = s.queue.next(s.sending); t == nil {
				return
			}
		}
		out, err := s.prepare(t)
		if err != nil {
			s.halt(err)
			return
		}
		if s.sending.Err() != nil || !s.begin(out) {
			return
		}
		s.send(out)
	}
}

// prepare builds a task's request. It fails with what stops the run. Once sending
// has ended its result is of no use.
func (s *slot) prepare(t *task) (outgoing, *stopped) {
	request, err := s.Target.Request(t.message(), s.Secrets)
	if err != nil {
		return outgoing{}, &stopped{why: Faulty, err: fmt.Errorf("build the request of delivery %d: %w", t.part.Seq, err)}
	}
	header := make(http.Header, len(request.Header)+len(s.Header)+2)
	for name, values := range request.Header {
		header[name] = values
	}
	for name, values := range s.Header {
		header[name] = values
	}
	request.Header = header
	out := outgoing{task: t, request: request}
	if s.authorizer == nil || s.Account.tokens == nil {
		return out, nil
	}
	// Token waits for a renewal: what is settled must not wait with it.
	if s.Account.renewing.Load() > 0 && !s.rest() {
		return out, nil // the run has ended
	}
	out.token, err = s.Account.tokens.Token(s.sending)
	if err != nil && s.sending.Err() == nil {
		return outgoing{}, s.Account.end(&stopped{why: Token, detail: err.Error()})
	}
	s.authorizer.Authorize(header, out.token)
	return out, nil
}

// begin makes the intent durable, in one group with the settlement of the slot's
// last request where neither has to wait.
func (s *slot) begin(out outgoing) bool {
	for {
		if !s.tryArm() && (!s.rest() || !s.arm()) {
			return false
		}
		if s.gate == nil || s.gate.shut(now()) == nil {
			break
		}
		s.disarm()
		if !s.rest() || !s.gate.wait() {
			return false
		}
	}
	t := out.task
	s.entry.begins = true
	s.entry.intent = ledger.Intent{Part: t.part, At: now()}
	s.entry.begun = len(t.recipients())
	s.entry.again = t.again
	if err := s.flush(); err != nil {
		s.disarm()
		return false
	}
	t.attempts++
	s.pass.retry, t.paid = t.paid, false
	return true
}

// rest settles what the slot has sent and gives its pass back.
func (s *slot) rest() bool {
	var err error
	if s.entry.settlement != nil {
		err = s.flush()
	}
	s.Account.leave(&s.pass)
	return err == nil
}

// flush writes the entry.
func (s *slot) flush() error {
	s.entry.done = s.done
	err := s.recorder.submit(&s.entry)
	s.entry = entry{}
	return err
}

// tryArm takes everything that an intent needs, if that needs no waiting.
func (s *slot) tryArm() bool {
	if s.Account.early(s.lane) > 0 || !s.Account.tryEnter(&s.pass) {
		return false
	}
	places := s.places()
	select {
	case places <- struct{}{}:
		s.armed = places
		return true
	default:
		return false
	}
}

// arm waits for everything that an intent needs.
func (s *slot) arm() bool {
	places := s.places()
	select {
	case places <- struct{}{}:
	case <-s.sending.Done():
		return false
	}
	s.armed = places
	err := sleep(s.sending, s.Account.early(s.lane), nil)
	if err == nil {
		err = s.Account.enter(s.sending, &s.pass)
	}
	if err != nil {
		s.disarm()
		var end *stopped
		if errors.As(err, &end) {
			s.halt(end)
		}
		return false
	}
	return true
}

// places is where intents take their place: few while the account is slowed down.
func (s *slot) places() chan struct{} {
	if s.Account.throttled.Load() {
		return s.Account.slow
	}
	return s.intents
}

func (s *slot) disarm() {
	if s.armed != nil {
		<-s.armed
		s.armed = nil
	}
}

// send carries the request to the upstream at its time, and judges what comes
// back. Its settlement is left in the slot's entry.
func (s *slot) send(out outgoing) {
	err := s.Account.start(s.sending, s.lane, &s.pass)
	s.disarm()
	if err == nil && s.gate != nil {
		err = s.gate.shut(now()) // it may have waited long for its time
	}
	if err != nil {
		s.unsent(out.task, err)
		return
	}
	answer, trace, err := s.Account.sender.Do(s.Account.onTime(s.wire, s.sending, s.lane, &s.pass), out.request, s.Policy.Timeout)
	if errors.Is(err, errLate) {
		s.unsent(out.task, err)
		return
	}
	if s.wire.Err() != nil && err != nil {
		return // given up: the ledger reads it as unknown, which is what it is
	}
	s.judge(out, answer, trace, err)
}

// unsent settles an intent whose request never came to the wire.
func (s *slot) unsent(t *task, err error) {
	reason := "interrupted"
	for _, known := range []error{errClosed, errWindow, errExpired} {
		if errors.Is(err, known) {
			reason = known.Error()
		}
	}
	t.attempts--
	s.settle(t, campaign.Verdict{Outcome: campaign.Deferred, Reason: NotSent + ": " + reason}, targets.Answer{}, Trace{})
	s.again(t, time.Time{})
}
