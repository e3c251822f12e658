package report

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func TestDoubts(t *testing.T) {
	one := Tally{1, 2}
	for _, c := range []struct {
		name                                                  string
		result                                                campaign.Result
		expired, byWord, notAccepted, all, again, twice, once Tally
	}{
		{name: "accepted", result: accepted("1", 1)},
		{name: "unknown", result: lost("answer-lost: x", 1)},
		{name: "pending", result: pending},
		{name: "expired", result: settled(campaign.Skipped, "expired: x", 0, 1), expired: one},
		{name: "cancelled", result: settled(campaign.Skipped, "cancelled: expired: x", 0, 1)},
		{name: "refused in those words", result: refused("expired: x", 1)},
		{name: "accepted by a person's word", result: settled(campaign.Accepted, "resolved: x", 1, 1), byWord: one},
		{name: "not accepted by a person's word", result: reopened(settled(campaign.Deferred, "resolved: x", 0, 1)), notAccepted: one, all: one},
		{name: "to be tried again", result: reopened(settled(campaign.Deferred, "resend: x", 0, 1)), all: one, once: one},
		{name: "accepted again", result: reopened(accepted("1", 1)), all: one, again: one, twice: one},
		{name: "accepted again by a person's word", result: reopened(settled(campaign.Accepted, "resolved: x", 1, 1)), byWord: one, all: one, again: one, twice: one},
		{name: "unknown again", result: reopened(lost("answer-lost: x", 1)), all: one, again: one, twice: one},
		{name: "refused then", result: reopened(refused("refused: x", 1)), all: one, again: one, once: one},
		{name: "deferred then", result: reopened(deferred("throttled: x", 0, 1)), all: one, again: one, once: one},
		{name: "expired then", result: reopened(settled(campaign.Skipped, "expired: x", 0, 1)), expired: one, all: one, once: one},
		{name: "cancelled then", result: reopened(settled(campaign.Skipped, "cancelled: x", 0, 1)), all: one, once: one},
		{name: "a part of one", result: func() campaign.Result { r := pending; r.Reopened = true; return r }(), all: one, once: one},
	} {
		m := newMade().block().delivery(2, c.result).seal()
		r, err := Fold(m.run, m.facts, m.results())
		if err != nil {
			t.Fatal(err)
		}
		want := Reopened{Tally: c.all, Again: c.again, Twice: c.twice, Once: c.once}
		if r.Reopened != want || r.Resolved != (Resolved{c.byWord, c.notAccepted}) || r.Expired != c.expired {
			t.Errorf("%s: %+v %+v %+v", c.name, r.Reopened, r.Resolved, r.Expired)
		}
	}
}

// doubtsAddUp counts what is in doubt from the results alone.
func doubtsAddUp(t *rapid.T, m *made, r Report) {
	var reopened, twice, expired, byWord int64
	for _, b := range m.blocks {
		for _, res := range b.Results {
			o, reason := res.Verdict.Outcome, res.Verdict.Reason
			if res.Reopened {
				reopened++
			}
			if res.Reopened && (o == campaign.Accepted || o == campaign.Unknown) {
				twice++
			}
			if o == campaign.Skipped && strings.HasPrefix(reason, "expired") {
				expired++
			}
			if o == campaign.Accepted && strings.HasPrefix(reason, "resolved") {
				byWord++
			}
		}
	}
	if r.Reopened.Requests != reopened || r.Reopened.Twice.Requests != twice || r.Expired.Requests != expired || r.Resolved.Accepted.Requests != byWord {
		t.Fatalf("%d reopened, %d perhaps twice, %d expired, %d by a person's word: %+v %+v %+v", reopened, twice, expired, byWord, r.Reopened, r.Expired, r.Resolved)
	}
	for what, parts := range map[string][2]int64{
		"accepted": {r.Resolved.Accepted.Recipients, r.Recipients.Accepted}, "deferred": {r.Resolved.NotAccepted.Recipients, r.Recipients.Deferred},
		"skipped": {r.Expired.Recipients, r.Recipients.Skipped}, "planned": {r.Reopened.Recipients, r.Recipients.Planned},
		"reopened":  {r.Reopened.Twice.Recipients + r.Reopened.Once.Recipients, r.Reopened.Recipients},
		"again":     {r.Reopened.Again.Recipients, r.Reopened.Recipients},
		"and twice": {r.Reopened.Twice.Recipients, r.Reopened.Again.Recipients},
	} {
		if parts[0] > parts[1] {
			t.Fatalf("%s: %d of %d", what, parts[0], parts[1])
		}
	}
}

// What the outcomes do not say, the sentences do.
func TestDoubtsAreSaid(t *testing.T) {
	word := func(m *made) { m.note(campaign.NoteResolved, "li", "1 as not accepted: x", 1) }
	notes := func(m *made) { m.note(campaign.NoteOpened, "", "", 1) }
	for _, c := range []struct {
		name   string
		result campaign.Result
		change func(*made)
		want   []string
	}{
		{"nothing", accepted("1", 1), nil, nil},
		{"by a person's word", settled(campaign.Accepted, "resolved: x", 1, 1), nil, []string{"Of these, 2 by a person's word, not by the platform's answer."}},
		{"again, no history", reopened(accepted("1", 1)), nil, []string{"2 recipients sent to a second time after a lost answer.", "Of these, 2 may have it twice."}},
		{"again", reopened(accepted("1", 1)), notes, []string{"2 recipients sent to a second time after a lost answer (`unknown: resend`).", "Of these, 2 may have it twice."}},
		{"again, after a word", reopened(accepted("1", 1)), word, []string{"2 recipients sent to a second time after a lost answer.", "Of these, 2 may have it twice."}},
		{"refused then", reopened(refused("refused: x", 1)), notes, []string{
			"2 recipients sent to a second time after a lost answer (`unknown: resend`).",
			"2 recipients not counted as accepted had an answer lost before: the platform may have accepted that request.",
		}},
		{"expired", settled(campaign.Skipped, "expired: x", 0, 1), nil, []string{"Of these, 2 expired: it was too late to send to them.", "Nothing was sent: every recipient is left out."}},
		{"expired after tries", settled(campaign.Skipped, "expired: x", 3, 1), nil, []string{"Of these, 2 expired: it was too late to send to them.", "Nothing was accepted: every recipient is left out."}},
		{"cancelled after a word", reopened(settled(campaign.Skipped, "cancelled: x", 0, 1)), word, []string{
			"Nothing was accepted: every recipient is left out.",
			"2 recipients not counted as accepted had an answer lost before: the platform may have accepted that request, unless a person found that it had not.",
		}},
		{"unknown", lost("answer-lost: x", 1), nil, []string{"2 recipients unknown: the answer was lost and the platform may have accepted. Nothing of it is sent again by itself; a person must look it up at the platform."}},
		{"unknown, to be tried again", lost("answer-lost: x", 1), func(m *made) { m.facts.Resend = true }, []string{"2 recipients unknown: the answer was lost and the platform may have accepted. With `unknown: resend` each is sent a second time at most; a person must look up what stays unknown."}},
	} {
		m := newMade().block().delivery(2, c.result).seal()
		if c.change != nil {
			c.change(m)
		}
		r, err := Fold(m.run, m.facts, m.results())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range r.Sentences {
			for _, about := range []string{"Of these", "second time", "lost before", "Nothing"} {
				if strings.Contains(s, about) {
					got = append(got, s)
					break
				}
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// A person's word and giving up are no answers: they say nothing about the pace.
func TestTimesAreOfAnswers(t *testing.T) {
	m := newMade().block().delivery(1, accepted("1", 1)).delivery(1, accepted("2", 3)).
		delivery(1, settled(campaign.Accepted, "resolved: x", 1, 7200)).delivery(1, settled(campaign.Skipped, "expired: x", 2, 86400)).
		delivery(1, reopened(settled(campaign.Deferred, "resend: x", 0, 9000))).delivery(1, settled(campaign.Deferred, "not-sent: x", 0, 9100)).seal()
	r, err := Fold(m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Times.First.Equal(at(1)) || !r.Times.Last.Equal(at(3)) || r.Times.Rate != 0.5 || !r.Times.Next.Equal(at(9000)) {
		t.Errorf("%+v", r.Times)
	}
}
