package report

import (
	"sort"
	"time"

	"campaign/internal/campaign"
)

// lag is how much later than an answer or a timeout its settlement may be timed
// on a busy machine.
const lag = time.Second

// spans tells when requests can have gone out, by the clock of the machine that
// sent them.
type spans struct {
	timeout time.Duration // of one request, connecting included
	pause   time.Duration // from one request to the next at the limits' rate
	began   time.Time     // of the run
	claims  []time.Time   // when invocations began, in order
	ends    []time.Time   // when they ended, in order
	now     time.Time     // when the report is made; zero: not known
}

func newSpans(run campaign.Run, facts Facts, timeout time.Duration) spans {
	return spans{
		timeout: timeout, pause: facts.Limits.Rate.Interval(), began: run.Began,
		claims: timesOf(facts.Notes, campaign.NoteClaimed), ends: timesOf(facts.Notes, campaign.NoteEnded), now: facts.Generated,
	}
}

// of gives the span of a result in whole seconds:
//
//   - What was settled at T was sent by the invocation that was at work then, and
//     took no longer than the timeout: from T less the timeout and lag, or from the
//     invocation's beginning where that is later, to T. That is certain while clocks
//     run evenly.
//   - An attempt without a settlement began at T. It waited for the limits, usually
//     for no more than one request's share of the rate, and ended within the timeout:
//     from T to T and both, or to the end of an invocation or the making of the
//     report where that is earlier. The beginning is certain. The end is not where
//     the account was slowed down or shared with other processes: a request may have
//     waited longer to start than the timeout leaves room for.
func (s *spans) of(at time.Time, v campaign.Verdict) (from, until time.Time) {
	if at.IsZero() {
		return time.Time{}, time.Time{}
	}
	if v.Outcome == campaign.Unknown && codeOf(v.Reason) == codeUnsettled {
		from, until = at, earlier(at, at.Add(s.pause+s.timeout), s.now)
		if i := sort.Search(len(s.ends), func(i int) bool { return s.ends[i].After(at) }); i < len(s.ends) {
			until = earlier(from, until, s.ends[i])
		}
	} else {
		from, until = later(at.Add(-s.timeout-lag), at, s.began), at
		if i := sort.Search(len(s.claims), func(i int) bool { return !s.claims[i].Before(at) }); i > 0 {
			from = later(from, until, s.claims[i-1])
		}
	}
	return from.Truncate(time.Second), until.Add(time.Second - 1).Truncate(time.Second)
}

// later is the beginning of a span once nothing of it lies before bound; a bound
// outside of it changes nothing.
func later(from, until, bound time.Time) time.Time {
	if bound.IsZero() || bound.After(until) || bound.Before(from) {
		return from
	}
	return bound.In(from.Location())
}

// earlier is the end of a span once nothing of it lies after bound.
func earlier(from, until, bound time.Time) time.Time {
	if bound.IsZero() || bound.Before(from) || bound.After(until) {
		return until
	}
	return bound.In(until.Location())
}
