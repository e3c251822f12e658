package ledger

import (
	"errors"
	"math"
	"testing"
	"time"

	"campaign/internal/campaign"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func begin(parts ...campaign.Part) *Group {
	g := &Group{}
	for _, p := range parts {
		g.Intents = append(g.Intents, Intent{Part: p, At: noon})
	}
	return g
}

func end(o campaign.Outcome, p campaign.Part, children ...campaign.Part) *Group {
	return &Group{Settlements: []Settlement{{Part: p, At: noon, Verdict: campaign.Verdict{Outcome: o}, Children: children}}}
}

func leafOf(t *testing.T, f *Fold, p campaign.Part) leaf {
	t.Helper()
	l, ok := f.find(p)
	if !ok {
		t.Fatalf("no leaf %v", p)
	}
	return l
}

// What does not fit eight bytes is kept apart, and comes back when it fits again.
func TestFoldBeyondItsBits(t *testing.T) {
	p := campaign.Part{Seq: 1}
	f := NewFold(3)
	id := int64(0)
	apply := func(g *Group) {
		t.Helper()
		id++
		if err := f.Check(7, g, nil); err != nil {
			t.Fatal(err)
		}
		if err := f.Apply(id, 7, g); err != nil {
			t.Fatal(err)
		}
	}
	for range 1<<attemptBits + 10 {
		apply(begin(p))
		apply(end(campaign.Deferred, p))
	}
	if l := leafOf(t, f, p); l.attempts != 1<<attemptBits+10 || l.outcome != campaign.Deferred || l.ref != id {
		t.Errorf("many attempts: %+v", l)
	}
	if len(f.apart) != 1 || len(f.Wanting([]Span{{First: 1, Len: 1}})) != 1 || len(f.Wanting([]Span{{First: 2}})) != 0 {
		t.Errorf("apart: %v", f.apart)
	}

	many := &Group{}
	f, id = NewFold(1<<indexBits+5), 0
	for seq := range f.Deliveries() {
		many.Intents = append(many.Intents, Intent{Part: campaign.Part{Seq: seq}, At: noon})
	}
	apply(many)
	last := campaign.Part{Seq: f.Deliveries() - 1}
	if l := leafOf(t, f, last); l.index != 1<<indexBits+4 || !l.open {
		t.Errorf("a large group: %+v", l)
	}
	if len(f.apart) != 5 {
		t.Errorf("%d leaves are kept apart", len(f.apart))
	}
	apply(end(campaign.Accepted, last))
	if l := leafOf(t, f, last); l.index != 0 || l.outcome != campaign.Accepted || len(f.apart) != 4 {
		t.Errorf("fits again: %+v, %d apart", l, len(f.apart))
	}

	f = NewFold(2)
	for _, next := range []int64{5, 5 + math.MaxUint32} {
		id = next - 1
		apply(begin(campaign.Part{Seq: next % 2}))
		if l := leafOf(t, f, campaign.Part{Seq: next % 2}); l.ref != next {
			t.Errorf("record %d: %+v", next, l)
		}
	}
}

// A trial leaves nothing behind, whatever it went through before it was refused.
func TestCheckLeavesTheFoldAsItIs(t *testing.T) {
	f := NewFold(3)
	size := func(int64) (int, error) { return 4, nil }
	whole, half := campaign.Part{Seq: 0}, campaign.Part{Seq: 0, From: 2, To: 4}
	split := end(campaign.Superseded, whole, campaign.Part{Seq: 0, To: 2}, half)
	for id, g := range []*Group{begin(whole, campaign.Part{Seq: 1}), split, begin(half)} {
		if err := f.Apply(int64(id+1), 1, g); err != nil {
			t.Fatal(err)
		}
	}
	before := f.Leaves(Span{First: 0, Len: 3})
	for _, token := range []uint64{1, 2} {
		g := &Group{Settlements: []Settlement{
			end(campaign.Superseded, half, campaign.Part{Seq: 0, From: 2, To: 3}, campaign.Part{Seq: 0, From: 3, To: 4}).Settlements[0],
			end(campaign.Accepted, campaign.Part{Seq: 1}).Settlements[0],
			end(campaign.Accepted, campaign.Part{Seq: 2}).Settlements[0],
		}}
		if err := f.Check(token, g, size); !errors.Is(err, ErrConflict) {
			t.Fatal(err)
		}
		g.Settlements = g.Settlements[:2]
		if err := f.Check(token, g, size); (err == nil) != (token == 1) {
			t.Fatalf("token %d: %v", token, err)
		}
		after := f.Leaves(Span{First: 0, Len: 3})
		if len(after) != len(before) || f.token != 1 || f.since != 1 || f.Last() != 3 {
			t.Fatalf("leaves %v, token %d since %d", after, f.token, f.since)
		}
		for i := range after {
			if after[i] != before[i] {
				t.Errorf("%+v became %+v", before[i], after[i])
			}
		}
	}
}

func TestSizeThatFails(t *testing.T) {
	f, lost := NewFold(1), errors.New("no plan")
	p := campaign.Part{Seq: 0}
	if err := f.Apply(1, 1, begin(p)); err != nil {
		t.Fatal(err)
	}
	split := end(campaign.Superseded, p, campaign.Part{To: 1}, campaign.Part{From: 1, To: 2})
	if err := f.Check(1, split, func(int64) (int, error) { return 0, lost }); !errors.Is(err, lost) || errors.Is(err, ErrConflict) {
		t.Errorf("error %v", err)
	}
}

func TestJournalThatContradictsItself(t *testing.T) {
	for name, g := range map[string]*Group{
		"a settlement of nothing": end(campaign.Accepted, campaign.Part{Seq: 1}),
		"beyond the plan":         begin(campaign.Part{Seq: 9}),
		"before the plan":         begin(campaign.Part{Seq: -1}),
		"a bad split":             end(campaign.Superseded, campaign.Part{Seq: 0}, campaign.Part{From: 1, To: 2}, campaign.Part{From: 2, To: 3}),
		"twice":                   begin(campaign.Part{Seq: 0}),
	} {
		f := NewFold(2)
		if err := f.Apply(3, 1, begin(campaign.Part{Seq: 0})); err != nil {
			t.Fatal(err)
		}
		if err := f.Apply(4, 1, g); !errors.Is(err, ErrDamaged) || errors.Is(err, ErrConflict) {
			t.Errorf("%s: error %v", name, err)
		}
		if err := f.Apply(3, 1, begin(campaign.Part{Seq: 1})); !errors.Is(err, ErrDamaged) {
			t.Errorf("a group out of order: error %v", err)
		}
	}
}

func TestFoldTakesEightBytesADelivery(t *testing.T) {
	const n = 1_000_000
	bytes := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if NewFold(n).Deliveries() != n {
				b.Fatal("another size")
			}
		}
	}).AllocedBytesPerOp()
	if bytes > 8*n+10_000 {
		t.Errorf("%d bytes", bytes)
	}
}
