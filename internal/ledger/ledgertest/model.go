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
	for seq := range m.sizes {
		m.pending(whole(int64(seq)))
	}
	m.claim(rt)
}

func (m *machine) pending(p campaign.Part) {
	m.leaves[p] = &told{result: campaign.Result{Part: p, Verdict: campaign.Verdict{Outcome: campaign.Pending}}}
}

func (m *machine) claim(rt *rapid.T) {
	h, err := m.l.Claim(m.t.Context(), m.run.ID, "model", time.Hour)
	if m.cancelled {
		if !errors.Is(err, ledger.ErrState) {
			rt.Fatalf("claiming a cancelled run: %v", err)
		}
		return
	}
	m.must(rt, err)
	m.hold = h
	m.holds++
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
	valid := !m.cancelled
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
	err := m.l.Record(m.t.Context(), m.hold, g.Settlements, g.Intents)
	if g.Empty() {
		return
	}
	if valid {
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
	ended := m.cancelled && (errors.Is(err, ledger.ErrState) || errors.Is(err, ledger.ErrHoldLost))
	if !ended && !errors.Is(err, ledger.ErrConflict) {
		rt.Fatalf("group %+v: error %v", g, err)
	}
	m.leaves = map[campaign.Part]*told{}
	for p, l := range kept {
		m.leaves[p] = &l
	}
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
	byWord := l.result.Verdict.Outcome == campaign.Unknown && (o == campaign.Accepted || o == campaign.Deferred)
	switch {
	case !mine && !byWord, o == campaign.Pending:
		return false
	case o == campaign.Superseded:
		delete(m.leaves, s.Part)
		for _, c := range s.Children {
			if c.To <= c.From {
				return false
			}
			m.pending(c)
		}
		return true
	}
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
	if m.cancelled {
		return
	}
	blocks := map[int64]bool{}
	for w, err := range m.l.Work(m.t.Context(), m.hold) {
		m.must(rt, err)
		blocks[w.Block.Seq] = true
	}
	if d := cmp.Diff(wanting, blocks); d != "" {
		rt.Fatalf("blocks with work, -model +ledger:\n%s", d)
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
