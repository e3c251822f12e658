package report

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

// own are the codes of outcomes that no answer gave.
var own = map[campaign.Outcome][]string{
	campaign.Accepted: {"resolved"}, campaign.Deferred: {"resolved", "resend"}, campaign.Skipped: {"expired", "cancelled"}, campaign.Unknown: {"unsettled"},
}

// drawn makes a valid run of random shape.
func drawn(t *rapid.T) *made {
	m := newMade()
	outcomes := campaign.Outcomes
	if rapid.Bool().Draw(t, "cancelled") {
		m.run.State = campaign.Cancelled
		outcomes = []campaign.Outcome{campaign.Accepted, campaign.Rejected, campaign.Unknown, campaign.Skipped}
	}
	leaf := func() campaign.Result {
		r := campaign.Result{Verdict: campaign.Verdict{Outcome: rapid.SampledFrom(outcomes).Draw(t, "outcome")}}
		if r.Verdict.Outcome != campaign.Accepted {
			r.Verdict.Reason = fmt.Sprintf("code-%d: text %d", rapid.IntRange(0, 70).Draw(t, "code"), rapid.IntRange(0, 9).Draw(t, "text"))
		}
		if r.Verdict.Outcome != campaign.Pending && r.Verdict.Outcome != campaign.Skipped {
			r.Attempts = rapid.IntRange(1, 4).Draw(t, "attempts")
			r.At = at(rapid.Float64Range(0, 100).Draw(t, "at"))
			r.Reopened = rapid.Bool().Draw(t, "reopened")
		}
		if code := own[r.Verdict.Outcome]; len(code) > 0 && rapid.Bool().Draw(t, "own") {
			r.Verdict.Reason = rapid.SampledFrom(code).Draw(t, "word") + ": x"
			r.At = at(rapid.Float64Range(0, 100).Draw(t, "settled"))
			r.Reopened = rapid.Bool().Draw(t, "word reopened")
		}
		return r
	}
	stage, stages := 0, rapid.IntRange(0, 3).Draw(t, "stages")
	if rapid.Bool().Draw(t, "stages known") {
		m.facts.Stages = slices.Repeat([]campaign.Stage{{Upto: 1, Confirm: true}}, stages)
	}
	for range rapid.IntRange(0, 5).Draw(t, "blocks") {
		stage = min(stage+rapid.IntRange(0, 2).Draw(t, "stage"), stages)
		m.stage(stage)
		for range rapid.IntRange(0, 8).Draw(t, "deliveries") {
			n := rapid.IntRange(1, 6).Draw(t, "recipients")
			if n == 1 || rapid.IntRange(0, 2).Draw(t, "split") > 0 {
				m.delivery(n, leaf())
				continue
			}
			cut := rapid.IntRange(1, n-1).Draw(t, "cut")
			m.delivery(n, part(0, cut, leaf()), part(cut, n, leaf()))
		}
		for range rapid.IntRange(0, 3).Draw(t, "skips") {
			m.skip(fmt.Sprintf("duplicate: row %d", m.row))
		}
	}
	return m.seal()
}

// counted is an independent count of what the blocks say.
func counted(m *made) (requests, recipients campaign.Counts) {
	for _, b := range m.blocks {
		sizes := map[int64]int{}
		for _, d := range b.Block.Deliveries {
			sizes[d.Seq] = len(d.Recipients)
		}
		for _, r := range b.Results {
			n := r.Part.To - r.Part.From
			if r.Part.To == 0 {
				n = sizes[r.Part.Seq]
			}
			requests.Planned++
			recipients.Planned += int64(n)
			requests.Add(r.Verdict.Outcome, 1)
			recipients.Add(r.Verdict.Outcome, int64(n))
		}
		recipients.Planned += int64(len(b.Block.Skips))
		recipients.Skipped += int64(len(b.Block.Skips))
	}
	return requests, recipients
}

func TestFoldAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawn(t)
		var rows []int64
		lines := campaign.Counts{}
		r, err := Fold(m.run, m.facts, m.results(), func(l Line) error {
			rows = append(rows, l.Row)
			lines.Add(l.Outcome, 1)
			lines.Planned++
			if want := fmt.Sprintf("2fb5c7c3-0000-4000-8000-%012d", l.Row); l.ID != want {
				t.Fatalf("row %d has id %s, want %s", l.Row, l.ID, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		requests, recipients := counted(m)
		if diff := cmp.Diff(requests, r.Requests); diff != "" {
			t.Fatalf("requests (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(recipients, r.Recipients); diff != "" {
			t.Fatalf("recipients (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(recipients, lines); diff != "" {
			t.Fatalf("lines (-want +got):\n%s", diff)
		}
		if !r.Balanced() {
			t.Fatal("not balanced")
		}
		slices.Sort(rows)
		for i, row := range rows {
			if row != int64(i+2) {
				t.Fatalf("row %d is missing or there twice", i+2)
			}
		}
		reasonsAddUp(t, r)
		stagesAddUp(t, m, r)
		doubtsAddUp(t, m, r)
	})
}

// reasonsAddUp: over an outcome's reasons, and over a reason's texts, the
// numbers are those of the outcome and the reason.
func reasonsAddUp(t *rapid.T, r Report) {
	var requests, recipients campaign.Counts
	for _, reason := range r.Reasons {
		requests.Add(reason.Outcome, reason.Requests)
		recipients.Add(reason.Outcome, reason.Recipients)
		if reason.Code == "" {
			continue
		}
		var texts Rest
		for _, text := range reason.Texts {
			texts.Requests += text.Requests
			texts.Recipients += text.Recipients
		}
		if reason.More != nil {
			texts.Requests += reason.More.Requests
			texts.Recipients += reason.More.Recipients
		}
		if want := (Rest{reason.Requests, reason.Recipients}); texts != want {
			t.Fatalf("texts of %s/%s add up to %v, want %v", reason.Outcome, reason.Code, texts, want)
		}
	}
	requests.Planned, recipients.Planned = r.Requests.Planned, r.Recipients.Planned
	if diff := cmp.Diff(r.Requests, requests); diff != "" {
		t.Fatalf("requests by reason:\n%s", diff)
	}
	if diff := cmp.Diff(r.Recipients, recipients); diff != "" {
		t.Fatalf("recipients by reason:\n%s", diff)
	}
}

// A part that covers its whole delivery by numbers covers it.
func TestPartOfAll(t *testing.T) {
	m := newMade().block().delivery(3, part(0, 3, accepted("1", 1))).seal()
	r, err := Fold(m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	if r.Requests.Planned != 1 || r.Recipients.Accepted != 3 || r.Splits != (Splits{}) {
		t.Errorf("%+v %+v %+v", r.Requests, r.Recipients, r.Splits)
	}
}

func TestFoldErrors(t *testing.T) {
	m := sound()
	broken := errors.New("the disk went away")
	failing := func(yield func(campaign.BlockResults, error) bool) {
		if yield(m.blocks[0], nil) {
			yield(campaign.BlockResults{}, broken)
		}
	}
	_, err := Fold(m.run, m.facts, failing)
	if !errors.Is(err, broken) || errors.Is(err, ErrUnbalanced) || !strings.HasPrefix(err.Error(), "read the results of run "+m.run.ID) {
		t.Errorf("a failing ledger: %v", err)
	}
	for _, after := range []int{0, 5, 13} { // 13: in the skips
		seen := 0
		_, err = Fold(m.run, m.facts, m.results(), func(Line) error {
			if seen == after {
				return broken
			}
			seen++
			return nil
		})
		if !errors.Is(err, broken) || seen != after {
			t.Errorf("a failing observer after %d lines: %v, %d lines seen", after, err, seen)
		}
	}
	m.run.State = campaign.Planning
	none := iter.Seq2[campaign.BlockResults, error](func(func(campaign.BlockResults, error) bool) { t.Error("results of a run in planning were read") })
	if _, err := Fold(m.run, m.facts, none); !errors.Is(err, ErrPlanning) {
		t.Errorf("a run in planning: %v", err)
	}
}

func TestStates(t *testing.T) {
	done := func() *made { return newMade().block().delivery(1, accepted("1", 1)).seal() }
	open := func() *made { return newMade().block().delivery(1, pending).seal() }
	late := func() *made { return newMade().block().delivery(1, deferred("throttled", time.Hour, 1)).seal() }
	for _, c := range []struct {
		name      string
		m         *made
		change    func(*made)
		state     State
		reason    string
		resumable bool
	}{
		{"done", done(), nil, Complete, "", false},
		{"done when the signal came", done(), stop(Interrupted, "SIGTERM"), Complete, "", false},
		{"pending", open(), nil, Unfinished, "", true},
		{"deferred", late(), nil, Unfinished, "", true},
		{"interrupted", open(), stop(Interrupted, "SIGTERM"), Interrupted, "SIGTERM", true},
		{"stopped", late(), stop(Stopped, "token refused"), Stopped, "token refused", true},
		{"running", open(), func(m *made) { m.facts.Running = true }, Running, "", false},
		{"running, all sent", done(), func(m *made) { m.facts.Running = true }, Running, "", false},
		{"cancelled", done(), func(m *made) { m.run.State, m.run.Reason = campaign.Cancelled, "typo" }, Cancelled, "typo", false},
	} {
		if c.change != nil {
			c.change(c.m)
		}
		r, err := Fold(c.m.run, c.m.facts, c.m.results())
		if err != nil {
			t.Fatal(err)
		}
		if r.State != c.state || r.Reason != c.reason || r.Resumable != c.resumable {
			t.Errorf("%s: %s (%q), resumable %t", c.name, r.State, r.Reason, r.Resumable)
		}
	}
}

func stop(s State, reason string) func(*made) {
	return func(m *made) { m.facts.Invocation.Stop, m.facts.Invocation.Reason = s, reason }
}

func TestQuestionsForTheCaller(t *testing.T) {
	m := goldenRuns()["mixed"]
	r, err := Fold(m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	if r.Complete() || !r.HasUnknown() || !r.HasRejected() || r.LeftOut() != 4 {
		t.Errorf("mixed: %t %t %t %d", r.Complete(), r.HasUnknown(), r.HasRejected(), r.LeftOut())
	}
	m = goldenRuns()["good"]
	if r, err = Fold(m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	if !r.Complete() || r.HasUnknown() || r.HasRejected() || r.LeftOut() != 0 {
		t.Errorf("good: %t %t %t %d", r.Complete(), r.HasUnknown(), r.HasRejected(), r.LeftOut())
	}
}

func TestNextAttempt(t *testing.T) {
	m := newMade().block().
		delivery(1, deferred("throttled", time.Minute, 10)).delivery(1, deferred("throttled", 5*time.Second, 20)).
		delivery(1, deferred("throttled", time.Hour, 1)).delivery(1, accepted("1", 2)).seal()
	r, err := Fold(m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Times.Next.Equal(at(25)) || !r.Times.First.Equal(at(1)) || !r.Times.Last.Equal(at(20)) || r.Times.Rate != 0.16 {
		t.Errorf("%+v", r.Times)
	}
}

// A result without a time is listed without a span.
func TestUnknownWithoutTime(t *testing.T) {
	r1 := lost("unsettled", 1)
	r1.At = time.Time{}
	m := newMade().block().delivery(1, r1).delivery(1, lost("reset", 2)).seal()
	r, err := Fold(m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	first := r.Unknown.Listed[0]
	if !first.From.IsZero() || !first.Until.IsZero() || !r.Unknown.From.Equal(at(0)) || !r.Unknown.Until.Equal(at(2)) || !r.Times.First.Equal(at(2)) {
		t.Errorf("%+v %+v", r.Unknown, r.Times)
	}
}

// Memory and size stay bounded whatever upstreams say.
func TestReasonsAreBounded(t *testing.T) {
	m := newMade()
	for range 40 {
		m.block()
		for range 50 {
			n := m.run.Totals.Requests
			m.delivery(1, refused(fmt.Sprintf("code %d %s: %s", n, strings.Repeat("界", 200), strings.Repeat("text", int(n))), 1))
		}
	}
	m.seal()
	r, err := Fold(m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Reasons) != maxReasons+1 || len(r.Rejected.Listed) != maxListed || r.Rejected.Requests != 2000 {
		t.Fatalf("%d reasons, %d listed of %d", len(r.Reasons), len(r.Rejected.Listed), r.Rejected.Requests)
	}
	last := r.Reasons[0] // the most frequent
	if !last.Gathered || last.Requests != 2000-maxReasons || last.Code != otherReasons || len(last.Texts) != maxTexts || last.More == nil {
		t.Errorf("gathered: %+v", last)
	}
	for _, reason := range r.Reasons {
		if n := len([]rune(reason.Code)); n > maxCode {
			t.Errorf("a code of %d characters", n)
		}
		for _, text := range reason.Texts {
			if n := len([]rune(text.Text)); n > maxText {
				t.Errorf("a text of %d characters", n)
			}
		}
	}
}
