package ledger

import (
	"time"

	"campaign/internal/campaign"
)

// Group is one row of the journal: what one Record wrote. Settlements come first.
type Group struct {
	Settlements []Settlement
	Intents     []Intent
}

// Empty reports whether there is nothing to record.
func (g *Group) Empty() bool { return len(g.Settlements) == 0 && len(g.Intents) == 0 }

// groupIndex says what a group did to which part: all that a fold needs.
type groupIndex struct {
	_        struct{} `cbor:",toarray"`
	Settled  []byte   // Seq of each settlement, as the difference to the one before
	Outcomes []byte   // one byte each
	Intents  []byte   // Seq of each intent, as the difference to the one before
	Ranges   []byte   // for parts that are not whole: position in the group (settlements, then intents), From, To
	Children []byte   // for splits: position, number of children, From and To of each
}

// groupDetail holds the rest, which reports and people want. Times are kept to
// the microsecond.
type groupDetail struct {
	_        struct{} `cbor:",toarray"`
	Times    []byte   // At of settlements and intents, in µs since 1970, as the difference to the one before
	Upstream []byte   // 0: none; else twice the difference to At in µs, plus 1
	Status   []byte
	After    []byte // ns
	Lengths  []byte // of Text: reason, ref, answer of each settlement
	Text     []byte
}

// EncodeGroup packs a group into what a fold reads and what the details of
// results are read from.
func EncodeGroup(g Group) (index, detail []byte, err error) {
	if index, err = seal(indexOf(g)); err != nil {
		return nil, nil, err
	}
	detail, err = seal(detailOf(g))
	return index, detail, err
}

func indexOf(g Group) groupIndex {
	ix := groupIndex{
		Settled:  make([]byte, 0, 2*len(g.Settlements)),
		Outcomes: make([]byte, len(g.Settlements)),
		Intents:  make([]byte, 0, 2*len(g.Intents)),
	}
	before := int64(0)
	for i := range g.Settlements {
		s := &g.Settlements[i]
		ix.Settled = number(ix.Settled, s.Part.Seq-before)
		before = s.Part.Seq
		ix.Outcomes[i] = byte(s.Verdict.Outcome)
		ix.Ranges = appendRange(ix.Ranges, i, s.Part)
		if len(s.Children) == 0 {
			continue
		}
		ix.Children = number(number(ix.Children, i), len(s.Children))
		for _, c := range s.Children {
			ix.Children = number(number(ix.Children, c.From), c.To)
		}
	}
	before = 0
	for i := range g.Intents {
		p := g.Intents[i].Part
		ix.Intents = number(ix.Intents, p.Seq-before)
		before = p.Seq
		ix.Ranges = appendRange(ix.Ranges, len(g.Settlements)+i, p)
	}
	return ix
}

func appendRange(column []byte, at int, p campaign.Part) []byte {
	if p.Whole() {
		return column
	}
	return number(number(number(column, at), p.From), p.To)
}

func detailOf(g Group) groupDetail {
	n := len(g.Settlements)
	d := groupDetail{
		Times:    make([]byte, 0, 4*(n+len(g.Intents))+8),
		Upstream: make([]byte, 0, 4*n),
		Status:   make([]byte, 0, 2*n),
		After:    make([]byte, 0, n),
		Lengths:  make([]byte, 0, 4*n),
		Text:     make([]byte, 0, 64*n),
	}
	before := int64(0)
	for i := range g.Settlements {
		s := &g.Settlements[i]
		at := s.At.UnixMicro()
		d.Times = number(d.Times, at-before)
		before = at
		if s.Upstream.IsZero() {
			d.Upstream = number(d.Upstream, 0)
		} else {
			d.Upstream = number(number(d.Upstream, 1), s.Upstream.UnixMicro()-at)
		}
		d.Status = number(d.Status, s.Verdict.Status)
		d.After = number(d.After, s.Verdict.After)
		answer := s.Answer[:min(len(s.Answer), AnswerLimit)]
		d.Lengths = number(number(number(d.Lengths, len(s.Verdict.Reason)), len(s.Verdict.Ref)), len(answer))
		d.Text = append(append(append(d.Text, s.Verdict.Reason...), s.Verdict.Ref...), answer...)
	}
	for i := range g.Intents {
		at := g.Intents[i].At.UnixMicro()
		d.Times = number(d.Times, at-before)
		before = at
	}
	return d
}

// DecodeIndex reads the first half of a group into g, whose slices are used
// again: parts, outcomes and children are set, the rest is zero.
func DecodeIndex(index []byte, g *Group) error {
	var ix groupIndex
	if err := unseal(index, &ix); err != nil {
		return err
	}
	g.Settlements, g.Intents = g.Settlements[:0], g.Intents[:0]
	seqs, before := cursor{column: ix.Settled}, int64(0)
	for i := 0; seqs.more(); i++ {
		before += seqs.number()
		if i >= len(ix.Outcomes) {
			return unreadable("a group")
		}
		g.Settlements = append(g.Settlements, Settlement{
			Part:    campaign.Part{Seq: before},
			Verdict: campaign.Verdict{Outcome: campaign.Outcome(ix.Outcomes[i])},
		})
	}
	begun, before := cursor{column: ix.Intents}, int64(0)
	for begun.more() {
		before += begun.number()
		g.Intents = append(g.Intents, Intent{Part: campaign.Part{Seq: before}})
	}
	if !seqs.done() || !begun.done() || len(ix.Outcomes) != len(g.Settlements) {
		return unreadable("a group")
	}
	return decodeSplits(&ix, g)
}

func decodeSplits(ix *groupIndex, g *Group) error {
	ranges, n := cursor{column: ix.Ranges}, len(g.Settlements)
	for ranges.more() {
		at, from, to := ranges.count(n+len(g.Intents)-1), ranges.index(), ranges.index()
		if ranges.bad {
			break
		}
		part := partAt(g, at)
		part.From, part.To = from, to
	}
	children := cursor{column: ix.Children}
	for children.more() {
		at, count := children.count(n-1), children.count(len(children.column))
		if children.bad {
			break
		}
		s := &g.Settlements[at]
		s.Children = make([]campaign.Part, count)
		for i := range s.Children {
			s.Children[i] = campaign.Part{Seq: s.Part.Seq, From: children.index(), To: children.index()}
		}
	}
	if !ranges.done() || !children.done() {
		return unreadable("a group with splits")
	}
	return nil
}

func partAt(g *Group, at int) *campaign.Part {
	if at < len(g.Settlements) {
		return &g.Settlements[at].Part
	}
	return &g.Intents[at-len(g.Settlements)].Part
}

// DecodeGroup reads both halves of a group.
func DecodeGroup(index, detail []byte) (Group, error) {
	var g Group
	if err := DecodeIndex(index, &g); err != nil {
		return Group{}, err
	}
	var d groupDetail
	if err := unseal(detail, &d); err != nil {
		return Group{}, err
	}
	times, upstream := cursor{column: d.Times}, cursor{column: d.Upstream}
	status, after := cursor{column: d.Status}, cursor{column: d.After}
	text := texts{lengths: cursor{column: d.Lengths}, rest: string(d.Text)}
	before := int64(0)
	for i := range g.Settlements {
		s := &g.Settlements[i]
		before += times.number()
		s.At = time.UnixMicro(before).UTC()
		if upstream.count(1) == 1 {
			s.Upstream = time.UnixMicro(before + upstream.number()).UTC()
		}
		s.Verdict.Status = int(status.number())
		s.Verdict.After = time.Duration(after.number())
		s.Verdict.Reason, s.Verdict.Ref = text.next(), text.next()
		if answer := text.next(); answer != "" {
			s.Answer = []byte(answer)
		}
	}
	for i := range g.Intents {
		before += times.number()
		g.Intents[i].At = time.UnixMicro(before).UTC()
	}
	if !times.done() || !upstream.done() || !status.done() || !after.done() || !text.done() {
		return Group{}, unreadable("a group's details")
	}
	return g, nil
}
