package ledgertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// model drives a ledger and a plain retelling of the contract with the same
// random records, valid and not, through crashes and new holds, and compares all
// that can be read.
func model(t *testing.T, fresh func(t testing.TB) Subject) {
	rapid.Check(t, func(rt *rapid.T) {
		subject := fresh(t)
		m := &machine{t: t, subject: subject, l: subject.Open(t), leaves: map[campaign.Part]*told{}, history: map[int64][]ledger.Attempt{}}
		defer func() { m.must(rt, m.l.Close()) }()
		m.start(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"record": m.record,
			"note":   m.note,
			"end":    m.end,
			"":       m.compare,
		})
		m.release(rt)
	})
}

// told is what the model knows of a leaf.
type told struct {
	result campaign.Result
	openBy int // which hold's attempt is open; 0: none
}

type machine struct {
	t         *testing.T
	subject   Subject
	l         ledger.Ledger
	run       campaign.Run
	sizes     []int // recipients of each delivery
	hold      ledger.Hold
	holds     int
	cancelled bool
	leaves    map[campaign.Part]*told
	history   map[int64][]ledger.Attempt
	notes     []campaign.Note
}

func (m *machine) must(rt *rapid.T, err error) {
	if err != nil {
		rt.Fatal(err)
	}
}

func (m *machine) start(rt *rapid.T) {
	m.sizes = rapid.SliceOfN(rapid.IntRange(1, 5), 1, 4).Draw(rt, "sizes")
	blocks := blocksOf(2, m.sizes...)
	m.sizes = append(m.sizes, m.sizes...)
	var err error
	m.run, err = m.l.Begin(m.t.Context(), aRun("model"), nil)
	m.must(rt, err)
	m.must(rt, m.l.Add(m.t.Context(), m.run.ID, blocks))
	m.must(rt, m.l.Open(m.t.Context(), m.run.ID, totalsOf(blocks)))
	m.noted(campaign.Note{Kind: campaign.NoteOpened})
	for seq := range m.sizes {
		m.pending(whole(int64(seq)), false)
	}
	m.claim(rt)
}

func (m *machine) pending(p campaign.Part, reopened bool) {
	m.leaves[p] = &told{result: campaign.Result{Part: p, Verdict: campaign.Verdict{Outcome: campaign.Pending}, Reopened: reopened}}
}

// noted is a note of the ledger's own, whose time is its clock's.
func (m *machine) noted(n campaign.Note) { m.notes = append(m.notes, n) }

// note adds one.
func (m *machine) note(rt *rapid.T) {
	n := campaign.Note{At: m.drawTime(rt), Kind: rapid.SampledFrom([]string{campaign.NoteEnded, campaign.NoteStage, campaign.NoteResolved}).Draw(rt, "kind"),
		By: rapid.String().Draw(rt, "by"), Text: rapid.String().Draw(rt, "text")}
	m.must(rt, m.l.Note(m.t.Context(), m.hold, n))
	m.notes = append(m.notes, n)
}

func (m *machine) claim(rt *rapid.T) {
	h, err := m.l.Claim(m.t.Context(), m.run.ID, "model", time.Hour)
	m.must(rt, err)
	m.hold = h
	m.holds++
	m.noted(campaign.Note{Kind: campaign.NoteClaimed, By: "model"})
}

func (m *machine) release(rt *rapid.T) { m.must(rt, m.l.Release(context.Background(), m.hold)) }

// end ends the hold, or once in a while the run.
func (m *machine) end(rt *rapid.T) {
	switch how := rapid.IntRange(0, 12).Draw(rt, "how"); {
	case how < 2: // the process goes on to other records
	case how < 8:
		m.release(rt)
		m.claim(rt)
	case how < 12:
		m.subject.Crash(m.t)
		m.l = m.subject.Open(m.t)
		m.claim(rt)
	case !m.cancelled:
		m.must(rt, m.l.Cancel(m.t.Context(), m.hold, "model"))
		m.cancelled = true
		m.noted(campaign.Note{Kind: campaign.NoteCancelled, By: "model", Text: "model"})
	}
}

// record tries a random group. The model applies it entry by entry and is put
// back if one is refused.
func (m *machine) record(rt *rapid.T) {
	var g ledger.Group
	kept := map[campaign.Part]told{}
	for p, l := range m.leaves {
		kept[p] = *l
	}
	valid := true
	for range rapid.IntRange(0, 3).Draw(rt, "settlements") {
		s := m.drawSettlement(rt)
		g.Settlements = append(g.Settlements, s)
		valid = valid && m.settle(s)
	}
	for range rapid.IntRange(0, 3).Draw(rt, "intents") {
		i := ledger.Intent{Part: m.drawPart(rt), At: m.drawTime(rt)}
		g.Intents = append(g.Intents, i)
		valid = valid && m.intend(i)
	}
	refused := m.cancelled && !words(&g, kept)
	err := m.l.Record(m.t.Context(), m.hold, g.Settlements, g.Intents)
	if g.Empty() {
		m.must(rt, err)
		return
	}
	if valid && !refused {
		m.must(rt, err)
		for i := range g.Settlements {
			seq := g.Settlements[i].Part.Seq
			m.history[seq] = append(m.history[seq], ledger.Attempt{Settlement: &g.Settlements[i]})
		}
		for i := range g.Intents {
			seq := g.Intents[i].Part.Seq
			m.history[seq] = append(m.history[seq], ledger.Attempt{Intent: &g.Intents[i]})
		}
		return
	}
	want := ledger.ErrConflict
	if refused {
		want = ledger.ErrState
	}
	if !errors.Is(err, want) {
		rt.Fatalf("group %+v: error %v, want %v", g, err, want)
	}
	m.leaves = map[campaign.Part]*told{}
	for p, l := range kept {
		m.leaves[p] = &l
	}
}

// words reports whether a group is all that a cancelled run takes: words about
// what was unknown before it.
func words(g *ledger.Group, leaves map[campaign.Part]told) bool {
	for _, s := range g.Settlements {
		l, ok := leaves[s.Part]
		o := s.Verdict.Outcome
		if !ok || l.result.Verdict.Outcome != campaign.Unknown || o != campaign.Accepted && o != campaign.Deferred {
			return false
		}
	}
	return len(g.Intents) == 0
}

func (m *machine) drawPart(rt *rapid.T) campaign.Part {
	if rapid.IntRange(0, 19).Draw(rt, "odd") == 0 {
		return campaign.Part{Seq: rapid.Int64Range(-1, 9).Draw(rt, "seq"), From: rapid.IntRange(0, 3).Draw(rt, "from"), To: rapid.IntRange(0, 5).Draw(rt, "to")}
	}
	return rapid.SampledFrom(m.order()).Draw(rt, "part")
}

func (m *machine) drawTime(rt *rapid.T) time.Time {
	return at(rapid.IntRange(0, 59).Draw(rt, "second"))
}

func (m *machine) drawSettlement(rt *rapid.T) ledger.Settlement {
	s := ledger.Settlement{Part: m.drawPart(rt), At: m.drawTime(rt)}
	s.Verdict.Outcome = rapid.SampledFrom([]campaign.Outcome{
		campaign.Accepted, campaign.Deferred, campaign.Deferred, campaign.Superseded, campaign.Superseded,
		campaign.Rejected, campaign.Unknown, campaign.Skipped, campaign.Pending,
	}).Draw(rt, "outcome")
	s.Verdict.Reason = rapid.SampledFrom([]string{"", "refused: 缺少必要参数"}).Draw(rt, "reason")
	s.Answer = rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(rt, "answer")
	if s.Verdict.Outcome == campaign.Superseded {
		from, to := m.bounds(s.Part)
		cut := rapid.IntRange(from, max(from, to)).Draw(rt, "cut")
		s.Children = []campaign.Part{part(s.Part.Seq, from, cut), part(s.Part.Seq, cut, to)}
	}
	return s
}

// bounds are the recipients that a part covers.
func (m *machine) bounds(p campaign.Part) (from, to int) {
	if p.To == 0 && p.Seq >= 0 && p.Seq < int64(len(m.sizes)) {
		return 0, m.sizes[p.Seq]
	}
	return p.From, p.To
}

// settle says whether the contract allows a settlement, and takes it in.
func (m *machine) settle(s ledger.Settlement) bool {
	l, ok := m.leaves[s.Part]
	if !ok {
		return false
	}
	o := s.Verdict.Outcome
	mine := l.openBy == m.holds
	was := l.result.Verdict.Outcome
	byWord := was == campaign.Unknown && (o == campaign.Accepted || o == campaign.Deferred)
	givenUp := !was.Settled() && o == campaign.Skipped
	switch {
	case !mine && !byWord && !givenUp, o == campaign.Pending:
		return false
	case o == campaign.Superseded:
		delete(m.leaves, s.Part)
		for _, c := range s.Children {
			if c.To <= c.From {
				return false
			}
			m.pending(c, l.result.Reopened)
		}
		return true
	}
	l.result.Reopened = l.result.Reopened || byWord && !mine && o == campaign.Deferred
	l.openBy = 0
	l.result.Verdict, l.result.At = s.Verdict, s.At
	return true
}

func (m *machine) intend(i ledger.Intent) bool {
	l, ok := m.leaves[i.Part]
	if !ok || l.result.Verdict.Outcome != campaign.Pending && l.result.Verdict.Outcome != campaign.Deferred {
		return false
	}
	l.openBy = m.holds
	l.result.Attempts++
	l.result.Verdict = campaign.Verdict{Outcome: campaign.Unknown, Reason: ledger.ReasonUnsettled}
	l.result.At = i.At
	return true
}

// order lists the model's leaves as results stand.
func (m *machine) order() []campaign.Part {
	var parts []campaign.Part
	for p := range m.leaves {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b campaign.Part) int {
		if a.Seq != b.Seq {
			return int(a.Seq - b.Seq)
		}
		return a.From - b.From
	})
	return parts
}

func (m *machine) compare(rt *rapid.T) {
	want, wanting := m.results()
	var got []campaign.Result
	for b, err := range m.l.Results(m.t.Context(), m.run.ID) {
		m.must(rt, err)
		got = append(got, b.Results...)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		rt.Fatalf("results, -model +ledger:\n%s", d)
	}
	seq := rapid.Int64Range(0, int64(len(m.sizes)-1)).Draw(rt, "history of")
	var history []ledger.Attempt
	for a, err := range m.l.Attempts(m.t.Context(), m.run.ID, seq) {
		m.must(rt, err)
		history = append(history, a)
	}
	if d := cmp.Diff(m.history[seq], history, cmpopts.EquateEmpty()); d != "" {
		rt.Fatalf("attempts of %d, -model +ledger:\n%s", seq, d)
	}
	m.compareWork(rt, wanting)
	m.compareNotes(rt)
}

// compareWork compares what Work and Unknown yield.
func (m *machine) compareWork(rt *rapid.T, wanting map[int64]bool) {
	blocks := map[int64]bool{}
	for w, err := range m.l.Work(m.t.Context(), m.hold) {
		m.must(rt, err)
		blocks[w.Block.Seq] = true
	}
	if m.cancelled {
		wanting = map[int64]bool{}
	}
	if d := cmp.Diff(wanting, blocks); d != "" {
		rt.Fatalf("blocks with work, -model +ledger:\n%s", d)
	}
	var want, got []campaign.Result
	for _, p := range m.order() {
		if l := m.leaves[p]; l.result.Verdict.Outcome == campaign.Unknown && l.openBy != m.holds {
			want = append(want, l.result)
		}
	}
	for w, err := range m.l.Unknown(m.t.Context(), m.hold) {
		m.must(rt, err)
		if len(w.Results) == 0 {
			rt.Fatalf("block %d has nothing unknown", w.Block.Seq)
		}
		got = append(got, w.Results...)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		rt.Fatalf("unknown, -model +ledger:\n%s", d)
	}
}

// compareNotes compares the run's own history; a note without a time in the model
// is the ledger's.
func (m *machine) compareNotes(rt *rapid.T) {
	got, err := m.l.Notes(m.t.Context(), m.run.ID)
	m.must(rt, err)
	for i := range min(len(got), len(m.notes)) {
		if m.notes[i].At.IsZero() && !got[i].At.IsZero() {
			got[i].At = time.Time{}
		}
	}
	if d := cmp.Diff(m.notes, got); d != "" {
		rt.Fatalf("notes, -model +ledger:\n%s", d)
	}
}

// results are the model's, and the blocks with something to do.
func (m *machine) results() (all []campaign.Result, wanting map[int64]bool) {
	wanting = map[int64]bool{}
	for _, p := range m.order() {
		r := m.leaves[p].result
		if !r.Verdict.Outcome.Settled() {
			wanting[p.Seq/int64(len(m.sizes)/2)] = true
			if m.cancelled {
				r.Verdict = campaign.Verdict{Outcome: campaign.Skipped, Reason: "cancelled: model"}
			}
		}
		all = append(all, r)
	}
	return all, wanting
}
