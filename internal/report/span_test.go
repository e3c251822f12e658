package report

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

const unsettled = "unsettled: the attempt began, and how it ended is not recorded"

func TestSpans(t *testing.T) {
	for _, c := range []struct {
		name        string
		result      campaign.Result
		change      func(*made)
		from, until float64
	}{
		{"settled", lost("answer-lost: no answer within 30s", 90.4), nil, 59, 91},
		{"settled on the second", lost("answer-lost: connection reset", 90), nil, 59, 90},
		{"settled, with an answer", func() campaign.Result { r := lost("gateway: 502", 90.4); r.Verdict.Status = 502; return r }(), nil, 59, 91},
		{"settled, the default timeout", lost("answer-lost: x", 90.4), timeout(0), 59, 91},
		{"settled, nothing before the run", lost("answer-lost: x", 90.4), timeout(time.Hour), 0, 91},
		{"settled, in the second invocation", lost("answer-lost: x", 90.4), claims(1, 80.6, 200), 80, 91},
		{"settled, of a long invocation", lost("answer-lost: x", 90.4), claims(1, 200), 59, 91},
		{"settled, claims out of order", lost("answer-lost: x", 90.4), claims(200, 80.6, 1), 80, 91},
		{"rejected", refused("refused: x", 90.4), nil, 59, 91},
		{"open", lost(unsettled, 90.4), nil, 90, 120}, // the report is made at 120
		{"open, reported later", lost(unsettled, 90.4), generated(3600), 90, 121},
		{"open, no clock of the report", lost(unsettled, 90.4), func(m *made) { m.facts.Generated = time.Time{} }, 90, 121},
		{"open, a slow rate", lost(unsettled, 90.4), func(m *made) {
			generated(3600)(m)
			m.facts.Limits.Rate = campaign.Rate{N: 1, Per: time.Minute}
		}, 90, 181},
		{"open, ended in order", lost(unsettled, 90.4), func(m *made) {
			m.note(campaign.NoteEnded, "", "complete", 20).note(campaign.NoteEnded, "", "killed", 95.5)
		}, 90, 96},
		// The beginning of the next invocation says nothing: ledgers of an older format
		// time it too early.
		{"open, then another invocation", lost(unsettled, 90.4), claims(1, 90.5), 90, 120},
	} {
		m := newMade().block().delivery(2, c.result).seal()
		if c.change != nil {
			c.change(m)
		}
		var line Line
		r, err := Fold(m.run, m.facts, m.results(), func(l Line) error { line = l; return nil })
		if err != nil {
			t.Fatal(err)
		}
		l := r.Unknown
		if c.result.Verdict.Outcome == campaign.Rejected {
			l = r.Rejected
			line.From, line.Until = l.From, l.Until // only unknown lines have them
		}
		for _, span := range [][2]time.Time{{l.From, l.Until}, {l.Listed[0].From, l.Listed[0].Until}, {line.From, line.Until}} {
			if !span[0].Equal(at(c.from)) || !span[1].Equal(at(c.until)) {
				t.Errorf("%s: %v, want %v to %v", c.name, span, at(c.from), at(c.until))
			}
		}
	}
}

func timeout(d time.Duration) func(*made) { return func(m *made) { m.facts.Limits.Timeout = d } }

func generated(seconds float64) func(*made) {
	return func(m *made) { m.facts.Generated = at(seconds) }
}

func claims(seconds ...float64) func(*made) {
	return func(m *made) {
		for _, s := range seconds {
			m.note(campaign.NoteClaimed, host, "", s)
		}
	}
}

// However an invocation went, the request went out inside its span.
func TestSpansHoldTheRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := func(name string, most float64) time.Duration {
			return time.Duration(rapid.Float64Range(0, most).Draw(t, name) * float64(time.Second))
		}
		m := newMade()
		m.facts.Limits.Timeout = time.Second + seconds("timeout", 60)
		m.facts.Limits.Rate = rapid.SampledFrom([]campaign.Rate{{}, {N: 50, Per: time.Second}, {N: 1, Per: 10 * time.Second}}).Draw(t, "rate")
		now := t0
		note := func(kind, text string) {
			m.facts.Notes = append(m.facts.Notes, campaign.Note{At: now, Kind: kind, Text: text})
		}
		var intent, sent, settledAt time.Time
		at := rapid.IntRange(0, 2).Draw(t, "which")
		open := rapid.Bool().Draw(t, "open")
		for i := range 3 {
			now = now.Add(seconds("between", 100))
			note(campaign.NoteClaimed, "")
			now = now.Add(seconds("work", 100))
			if i == at {
				intent = now
				sent = intent.Add(time.Duration(rapid.Float64Range(0, 1).Draw(t, "wait") * float64(m.facts.Limits.Rate.Interval())))
				settledAt = sent.Add(time.Duration(rapid.Float64Range(0, 1).Draw(t, "took") * float64(m.facts.Limits.Timeout)))
				now = settledAt
			}
			now = now.Add(seconds("rest", 10))
			if i != at || !open || rapid.Bool().Draw(t, "ended") {
				note(campaign.NoteEnded, "killed")
			}
		}
		m.facts.Generated = now.Add(seconds("later", 1000))
		s := newSpans(m.run, m.facts, m.facts.Limits.Timeout)
		v, when := campaign.Verdict{Reason: "answer-lost: x"}, settledAt
		if open {
			v, when = campaign.Verdict{Reason: unsettled}, intent
		}
		from, until := s.of(when, v)
		if sent.Before(from) || sent.After(until) {
			t.Fatalf("sent at %v, not between %v and %v", sent, from, until)
		}
		if most := s.timeout + s.pause + lag + 2*time.Second; until.Sub(from) > most {
			t.Fatalf("%v to %v is wider than %v", from, until, most)
		}
	})
}

func TestSpanBounds(t *testing.T) {
	a, b := at(10), at(20)
	for _, c := range []struct {
		bound          time.Time
		later, earlier time.Time
	}{{time.Time{}, a, b}, {at(5), a, b}, {at(10), at(10), at(10)}, {at(15), at(15), at(15)}, {at(20), at(20), at(20)}, {at(25), a, b}} {
		if got := later(a, b, c.bound); !got.Equal(c.later) {
			t.Errorf("later %v: %v", c.bound, got)
		}
		if got := earlier(a, b, c.bound); !got.Equal(c.earlier) {
			t.Errorf("earlier %v: %v", c.bound, got)
		}
	}
}
