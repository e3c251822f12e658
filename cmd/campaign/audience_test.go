package main

import (
	"fmt"
	"io"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/mem"
)

// past is a project with one campaign and a ledger in memory.
type occurrences struct {
	*testing.T
	dir   string
	led   *mem.Ledger
	began time.Time
}

func newOccurrences(t *testing.T) *occurrences {
	p := &occurrences{T: t, dir: t.TempDir(), led: mem.New(), began: time.Now().Add(-48 * time.Hour)}
	write(t, p.dir, map[string]string{"targets.yaml": documentTargets})
	p.write("<p>正文</p>", "2026-12-31")
	return p
}

// write writes the campaign's content.
func (p *occurrences) write(body, deadline string) {
	write(p.T, p.dir, map[string]string{"content/a.html": body, "a.yaml": fmt.Sprintf(`version: 1
name: a
channel: {type: zqt.message, target: gov, from: 统计局}
content: {title: "{{ .occurrence }} 前 {{ .deadline }}", body: {file: content/a.html}, sender: 统计局, category: 通知公告, level: 一般}
vars: {deadline: %s}
recipients: {list: [{userid: u-1, orgid: o-1}, {userid: u-2, orgid: o-1}], defaults: {usertype: enterprise}}
delivery: {batch: 1}
`, deadline)})
}

func (p *occurrences) job(occurrence string) (*project, *job) {
	p.Helper()
	a := &app{stdout: io.Discard, stderr: io.Discard}
	a.flags.project = p.dir
	opened, found, err := a.openProject()
	if err != nil || campaign.HasErrors(found) {
		p.Fatal(err, found)
	}
	p.began = p.began.Add(time.Minute)
	j, found := opened.compile("a.yaml", occasion{occurrence: campaign.Occurrence{Label: occurrence, Time: p.began}})
	if campaign.HasErrors(found) {
		p.Fatal(found)
	}
	return opened, j
}

func (p *occurrences) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// open plans an occurrence into the ledger.
func (p *occurrences) open(occurrence string) campaign.Run {
	p.Helper()
	opened, j := p.job(occurrence)
	s := &sender{project: opened}
	inputs, err := opened.inputs(p.Context(), j)
	p.must(err)
	var blocks []campaign.Block
	for b, err := range j.plan.Blocks(p.Context()) {
		p.must(err)
		blocks = append(blocks, b)
	}
	run := s.newRun(&todo{job: j})
	_, err = p.led.Begin(p.Context(), run, inputs)
	p.must(err)
	p.must(p.led.Add(p.Context(), run.ID, blocks))
	p.must(p.led.Open(p.Context(), run.ID, j.plan.Summary().Totals))
	return run
}

// settle tries the first delivery of a run.
func (p *occurrences) settle(run campaign.Run, o campaign.Outcome) {
	p.Helper()
	hold, err := p.led.Claim(p.Context(), run.ID, "x", time.Hour)
	p.must(err)
	p.must(p.led.Record(p.Context(), hold, nil, []ledger.Intent{{At: p.began}}))
	p.must(p.led.Record(p.Context(), hold, []ledger.Settlement{{Verdict: campaign.Verdict{Outcome: o}, At: p.began}}, nil))
	p.must(p.led.Release(p.Context(), hold))
}

func (p *occurrences) cancel(run campaign.Run) {
	p.Helper()
	hold, err := p.led.Claim(p.Context(), run.ID, "x", time.Hour)
	p.must(err)
	p.must(p.led.Cancel(p.Context(), hold, "enough"))
	p.must(p.led.Release(p.Context(), hold))
}

// The previous occurrence is the newest one that reached somebody.
func TestPrevious(t *testing.T) {
	p := newOccurrences(t)
	is := func(run campaign.Run, want string) {
		t.Helper()
		found, ok, err := previous(t.Context(), p.led, run)
		if err != nil || ok != (want != "") || found.Occurrence.Label != want {
			t.Errorf("%q, %v, %v; want %q", found.Occurrence.Label, ok, err, want)
		}
	}
	first := p.open("1")
	is(first, "")
	p.settle(first, campaign.Accepted)
	second := p.open("2")
	is(second, "1")
	third := p.open("3") // nothing of the second was sent
	is(third, "1")
	p.settle(second, campaign.Rejected)
	is(third, "1")
	p.cancel(second)
	is(third, "1")
	p.settle(third, campaign.Unknown)
	is(p.open("4"), "3")
	is(third, "1")
}

// Content is the same until somebody edits a text, a content file or a var.
func TestSameContent(t *testing.T) {
	p := newOccurrences(t)
	is := func(occurrence string, wantSame, wantOK bool) {
		t.Helper()
		opened, j := p.job(occurrence)
		run := (&sender{project: opened}).newRun(&todo{job: j})
		same, ok, err := opened.sameContent(t.Context(), p.led, j.campaign, run)
		if err != nil || same != wantSame || ok != wantOK {
			t.Errorf("same %v, ok %v, %v; want %v, %v", same, ok, err, wantSame, wantOK)
		}
	}
	is("1", false, false)
	p.settle(p.open("1"), campaign.Accepted)
	is("2", true, true) // although .occurrence is another
	p.write("<p>新正文</p>", "2026-12-31")
	is("2", false, true)
	p.write("<p>正文</p>\r\n", "2026-12-31")
	is("2", false, true)
	p.write("<p>正文</p>", "2027-01-31")
	is("2", false, true)
	p.write("<p>正文</p>", "2026-12-31")
	is("2", true, true)
}

func TestCounts(t *testing.T) {
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		outcome campaign.Outcome
		after   time.Duration
		owes    bool
		want    bool
	}{
		{campaign.Accepted, 0, false, true}, {campaign.Accepted, -time.Second, true, false},
		{campaign.Unknown, time.Hour, false, true}, {campaign.Unknown, -time.Hour, true, false},
		{campaign.Pending, -time.Hour, true, true}, {campaign.Pending, time.Hour, false, false},
		{campaign.Deferred, -time.Hour, true, true}, {campaign.Deferred, time.Hour, false, false},
		{campaign.Rejected, time.Hour, true, false}, {campaign.Skipped, time.Hour, true, false},
	} {
		r := campaign.Result{Verdict: campaign.Verdict{Outcome: c.outcome}, At: since.Add(c.after)}
		if got := counts(r, since, func() bool { return c.owes }); got != c.want {
			t.Errorf("%s %s after, owed %v: %v", c.outcome, c.after, c.owes, got)
		}
	}
}

// A run is passed over when it is over and did nothing since: not when it was taken
// up and never let go, or when something of it may still be sent.
func TestRests(t *testing.T) {
	p := newOccurrences(t)
	run := p.open("1")
	hold, err := p.led.Claim(t.Context(), run.ID, "x", time.Hour)
	p.must(err)
	is := func(since time.Time, want bool) {
		t.Helper()
		got, err := rests(t.Context(), p.led, run, since)
		if err != nil || got != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	soon := time.Now().Add(time.Hour)
	is(soon, false) // taken up
	note := func(text string, at time.Time) {
		t.Helper()
		p.must(p.led.Note(t.Context(), hold, campaign.Note{At: at, Kind: campaign.NoteEnded, Text: text}))
	}
	note("interrupted", time.Now())
	is(soon, false)
	note("complete", time.Now())
	is(soon, true)
	is(run.Began.Add(-time.Hour), false) // began since
	is(time.Now().Add(-time.Minute), false)
	p.must(p.led.Note(t.Context(), hold, campaign.Note{At: time.Now(), Kind: campaign.NoteResolved, Text: "1 as not accepted"}))
	is(soon, false)
	p.must(p.led.Cancel(t.Context(), hold, "enough"))
	is(soon, true)
}

// A set of contents never lacks one that was added, few or many.
func TestContentsNeverLackOne(t *testing.T) {
	digest := func(i int) campaign.Digest {
		n := uint64(i+1) * 0x9E3779B97F4A7C15
		return campaign.Digest{byte(n >> 56), byte(n >> 48), byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	for _, n := range []int{0, 1, fewContents, fewContents + 1, 100_000} {
		var c contents
		for i := range n {
			c.add(digest(i))
		}
		others := 0
		for i := range n {
			if !c.has(digest(i)) {
				t.Fatalf("%d contents: the %d. is lacking", n, i)
			}
			if c.has(digest(n + i)) {
				others++
			}
		}
		if c.has(campaign.Digest{}) || others > n/20 {
			t.Errorf("%d contents: %d others seem to be there", n, others)
		}
	}
}
