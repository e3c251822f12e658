package ledger

import (
	"fmt"
	"time"

	"campaign/internal/campaign"
)

// Size tells how many recipients a delivery has. Only splits of whole deliveries ask.
type Size func(seq int64) (int, error)

// Check reports whether a hold of that token may record g now: nil, ErrConflict,
// or what size failed with. The fold stays as it is.
func (f *Fold) Check(token uint64, g *Group, size Size) error {
	base, last, hold, since := f.base, f.last, f.token, f.since
	f.undo = make([]undo, 1, 1+len(g.Settlements)+len(g.Intents))
	err := f.apply(last+1, token, g, size)
	f.revert()
	f.base, f.last, f.token, f.since = base, last, hold, since
	return err
}

// Apply takes in the group that stands in the journal under id, which is higher
// than all before. An error says that the journal contradicts itself.
func (f *Fold) Apply(id int64, token uint64, g *Group) error {
	if err := f.apply(id, token, g, nil); err != nil {
		return Because(ErrDamaged, "the ledger is damaged: group %d: %v", id, err)
	}
	return nil
}

func (f *Fold) apply(id int64, token uint64, g *Group, size Size) error {
	if id <= f.last {
		return fmt.Errorf("it stands after group %d", f.last)
	}
	if f.base == 0 {
		f.base = id
	}
	f.last = id
	if token != f.token {
		f.token, f.since = token, id
	}
	for i := range g.Settlements {
		if err := f.settle(&g.Settlements[i], i, size); err != nil {
			return err
		}
	}
	for i := range g.Intents {
		if err := f.intend(g.Intents[i].Part, i); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fold) intend(p campaign.Part, index int) error {
	l, found := f.find(p)
	if !found {
		return conflict("an attempt at", p, "which is no delivery or part of this run")
	}
	if !l.wants() {
		return conflict("an attempt at", p, "which is "+l.word())
	}
	l.open, l.attempts, l.ref, l.index = true, l.attempts+1, f.last, index
	f.replace(p, l)
	return nil
}

func (f *Fold) settle(s *Settlement, index int, size Size) error {
	l, found := f.find(s.Part)
	if !found {
		return conflict("a settlement of", s.Part, "which is no delivery or part of this run")
	}
	to, own := s.Verdict.Outcome, f.own(l, f.token)
	givenUp := l.wants() && to == campaign.Skipped
	if !own && !givenUp && !word(l, to) {
		return conflict("a settlement of", s.Part, "as "+to.String()+", which is "+l.word()+" and has no open attempt of this hold")
	}
	if to == campaign.Pending || to > campaign.Superseded {
		return conflict("a settlement of", s.Part, "as "+to.String())
	}
	if (to == campaign.Superseded) != (len(s.Children) > 0) {
		return conflict("a settlement of", s.Part, fmt.Sprintf("as %s with %d children", to, len(s.Children)))
	}
	if to == campaign.Superseded {
		return f.split(s, l.reopened, size)
	}
	l.reopened = l.reopened || !own && to == campaign.Deferred
	l.open, l.outcome, l.ref, l.index = false, to, f.last, index
	f.replace(s.Part, l)
	return nil
}

// word reports whether a leaf can be settled so by a word about it: what was left
// unknown is closed that way (design: delivery, rule 5).
func word(l leaf, to campaign.Outcome) bool {
	return (l.open || l.outcome == campaign.Unknown) && (to == campaign.Accepted || to == campaign.Deferred)
}

// Words reports whether g is nothing but words about Unknown parts: all that a
// cancelled run takes.
func (f *Fold) Words(g *Group) bool {
	for i := range g.Settlements {
		s := &g.Settlements[i]
		if l, found := f.find(s.Part); !found || !word(l, s.Verdict.Outcome) {
			return false
		}
	}
	return len(g.Intents) == 0
}

// split puts pending children in the place of a part. There are two at least,
// none is empty, and they cover it in order.
func (f *Fold) split(s *Settlement, reopened bool, size Size) error {
	end := s.Part.To
	if s.Part.Whole() {
		end = s.Children[len(s.Children)-1].To
		if size != nil {
			n, err := size(s.Part.Seq)
			if err != nil {
				return err
			}
			end = n
		}
	}
	next, children := s.Part.From, make([]leaf, len(s.Children))
	for i, c := range s.Children {
		if c.Seq != s.Part.Seq || c.From != next || c.To <= c.From {
			return conflict("a split of", s.Part, "into children that do not cover it in order")
		}
		children[i] = leaf{from: c.From, to: c.To, outcome: campaign.Pending, reopened: reopened}
		next = c.To
	}
	if next != end || len(children) < 2 {
		return conflict("a split of", s.Part, "into children that are not all of it, or only one")
	}
	f.replace(s.Part, children...)
	return nil
}

func (l leaf) word() string {
	if l.open {
		return "being tried"
	}
	return l.outcome.String()
}

func conflict(what string, p campaign.Part, why string) error {
	name := fmt.Sprintf("delivery %d", p.Seq)
	if p.From != 0 || p.To != 0 {
		name += fmt.Sprintf("/%d-%d", p.From, p.To)
	}
	return Because(ErrConflict, "the ledger refuses %s %s: %s", what, name, why)
}

// ClockSlack is how far a clock may stand before the last record: steps of a
// time service are no fault.
const ClockSlack = time.Minute

// Bounds gives the earliest and the latest time of a group that is not empty.
func (g *Group) Bounds() (earliest, latest time.Time) {
	first := true
	note := func(at time.Time) {
		if first || at.Before(earliest) {
			earliest = at
		}
		if first || at.After(latest) {
			latest = at
		}
		first = false
	}
	for i := range g.Settlements {
		note(g.Settlements[i].At)
	}
	for i := range g.Intents {
		note(g.Intents[i].At)
	}
	return earliest, latest
}

// ClockBack is ErrClockBack when at lies before the ledger's last record by more
// than a minute (design: delivery, rule 8).
func ClockBack(at, last time.Time) error {
	if !at.Before(last.Add(-ClockSlack)) {
		return nil
	}
	return Because(ErrClockBack, "the clock says %s, and the ledger's last record is of %s",
		at.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339))
}
