package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// Chosen is a set of recipients' ids of any size, in some 18 bytes for each: it keeps
// the first 16 bytes of their SHA-256, so that two ids never pass for one. It is filled
// with Add, then sealed with Seal; what asks for its members comes after that, and may
// do so from several goroutines.
type Chosen struct {
	parts [256][]chosenKey // by the first byte, each sorted once it is sealed
	first [256]int         // index of each part's first member
	n     int
}

type chosenKey [16]byte

func keyOf(id string) chosenKey {
	sum := sha256.Sum256([]byte(id))
	return chosenKey(sum[:len(chosenKey{})])
}

// Add puts an id into the set.
func (c *Chosen) Add(id string) {
	key := keyOf(id)
	c.parts[key[0]] = append(c.parts[key[0]], key)
}

// Seal ends the filling. It gives the set's size.
func (c *Chosen) Seal() int {
	c.n = 0
	for i := range c.parts {
		slices.SortFunc(c.parts[i], chosenKey.compare)
		c.parts[i] = slices.Compact(c.parts[i])
		c.first[i] = c.n
		c.n += len(c.parts[i])
	}
	return c.n
}

func (k chosenKey) compare(other chosenKey) int { return bytes.Compare(k[:], other[:]) }

// Len is how many ids there are.
func (c *Chosen) Len() int { return c.n }

// Size is about how many bytes the set takes.
func (c *Chosen) Size() int64 {
	size := int64(0)
	for _, part := range c.parts {
		size += int64(cap(part) * len(chosenKey{}))
	}
	return size
}

// Has reports whether an id is in the set.
func (c *Chosen) Has(id string) bool { return c.index(id) >= 0 }

// index numbers the members from 0; -1: it is none.
func (c *Chosen) index(id string) int {
	key := keyOf(id)
	at, found := slices.BinarySearchFunc(c.parts[key[0]], key, chosenKey.compare)
	if !found {
		return -1
	}
	return c.first[key[0]] + at
}

// digest is over the members, in whichever order they were added.
func (c *Chosen) digest() string {
	h := sha256.New()
	for _, part := range c.parts {
		for i := range part {
			h.Write(part[i][:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Tally ticks members of a set off.
type Tally struct {
	of   *Chosen
	seen []uint64 // a bit for each member
	n    int
}

// Tally begins with none that is ticked off.
func (c *Chosen) Tally() *Tally { return &Tally{of: c, seen: make([]uint64, (c.n+63)/64)} }

// Take ticks an id off. It reports whether that was done before; somebody who is not in
// the set never is.
func (t *Tally) Take(id string) (again bool) {
	at := t.of.index(id)
	if at < 0 {
		return false
	}
	bit := uint64(1) << (at % 64)
	if t.seen[at/64]&bit != 0 {
		return true
	}
	t.seen[at/64] |= bit
	t.n++
	return false
}

// Left is how many were never ticked off.
func (t *Tally) Left() int { return t.of.n - t.n }

// foundOne notes that somebody whom the plan is for by name is in the list. It reports
// whether another row may be meant as well.
func (s *summary) foundOne(e *entry) (ambiguous bool) {
	switch {
	case len(e.cells) == 0:
	case s.chosen != nil:
		return s.chosen.Take(e.cells[0]) && e.left.Reason != recipients.Duplicate
	case s.trial:
		s.found[e.cells[0]] = true
	}
	return false
}

// ambiguous is the problem of a chosen recipient's second row: the earlier run reached
// one of them, and an id does not say which.
func (p *Plan) ambiguous(e *entry) campaign.Diagnostic {
	return p.inRow(p.table, e, 0, fault{rule: "unknown-recipient",
		message: fmt.Sprintf("%s is that of an earlier row: the earlier run reached one of them, and a follow-up by id would reach both", p.fieldName(0)),
		hint:    "make a campaign for the list that `campaign report RUN --format recipients --outcome …` writes"})
}

// named adds the problems of those who are named and not in the list.
func (p *Plan) named() {
	s := p.summary
	for _, id := range slices.Sorted(slices.Values(p.spec.To)) {
		if !s.found[id] {
			s.found[id] = true
			s.problem(campaign.Diagnostic{File: p.recipientsFile(), Rule: "unknown-recipient",
				Message: fmt.Sprintf("there is no recipient with the id %s", campaign.Mask(id)),
				Hint:    "a trial names recipients of the campaign by the value of " + p.table.columns[0]})
		}
	}
	if s.chosen != nil && s.chosen.Left() > 0 {
		s.problem(campaign.Diagnostic{File: p.recipientsFile(), Rule: "unknown-recipient",
			Message: fmt.Sprintf("%d of the %d recipients of the earlier run who are meant are not in the list any more", s.chosen.Left(), p.spec.Chosen.Len()),
			Hint:    "put them into the list again, or make a campaign for the list that `campaign report RUN --format recipients --outcome …` writes"})
	}
}
