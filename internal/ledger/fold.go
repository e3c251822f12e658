package ledger

import (
	"math"
	"slices"

	"campaign/internal/campaign"
)

// Fold is what the journal of one run says about each of its deliveries. Groups
// are applied in the order of the journal. It takes 8 bytes a delivery; only
// deliveries that were split, or whose numbers are out of the ordinary, take
// more. It is not safe for concurrent use.
type Fold struct {
	states []state
	// apart holds the leaves, in the order of From, of deliveries whose state is elsewhere.
	apart map[int64][]leaf
	base  int64 // journal id of the first group
	last  int64 // journal id of the last group
	token uint64
	since int64 // first journal id under token: intents before it were another hold's
	undo  []undo
}

// leaf is a delivery or part that has not been split.
type leaf struct {
	from, to int
	ref      int64 // journal id of the last settlement, or of the last intent if open; 0: never tried
	index    int   // its position in that group's settlements or intents
	attempts int
	outcome  campaign.Outcome
	open     bool // an intent without a settlement
	reopened bool // see campaign.Result
}

// state packs a leaf that is a whole delivery. From the low end: 3 bits outcome,
// 1 bit open, 1 bit reopened, 11 bits attempts, 16 bits index, 32 bits ref from Fold.base, plus 1.
// Outcomes are stored as the difference to Pending, so that zero is a delivery
// never tried.
type state uint64

const (
	outcomeBits, attemptBits, indexBits = 3, 11, 16
	openShift                           = outcomeBits
	reopenedShift                       = openShift + 1
	attemptShift                        = reopenedShift + 1
	indexShift                          = attemptShift + attemptBits
	refShift                            = indexShift + indexBits
)

const elsewhere = state(campaign.Superseded) ^ state(campaign.Pending)

// NewFold makes the fold of an empty journal.
func NewFold(deliveries int64) *Fold {
	return &Fold{states: make([]state, deliveries)}
}

// Deliveries is the number of deliveries of the run.
func (f *Fold) Deliveries() int64 { return int64(len(f.states)) }

// Last is the journal id of the last group that was applied, 0 for none.
func (f *Fold) Last() int64 { return f.last }

func (f *Fold) pack(l leaf) (state, bool) {
	ref := int64(0)
	if l.ref != 0 {
		ref = l.ref - f.base + 1
	}
	if l.to != 0 || ref < 0 || ref > math.MaxUint32 || l.index >= 1<<indexBits || l.attempts >= 1<<attemptBits {
		return 0, false
	}
	s := state(l.outcome^campaign.Pending) | state(l.attempts)<<attemptShift | state(l.index)<<indexShift | state(ref)<<refShift
	if l.open {
		s |= 1 << openShift
	}
	if l.reopened {
		s |= 1 << reopenedShift
	}
	return s, true
}

func (f *Fold) unpack(s state) leaf {
	l := leaf{
		outcome:  campaign.Outcome(s&(1<<outcomeBits-1)) ^ campaign.Pending,
		open:     s>>openShift&1 == 1,
		reopened: s>>reopenedShift&1 == 1,
		attempts: int(s >> attemptShift & (1<<attemptBits - 1)),
		index:    int(s >> indexShift & (1<<indexBits - 1)),
	}
	if ref := int64(s >> refShift); ref != 0 {
		l.ref = ref - 1 + f.base
	}
	return l
}

// find gives the leaf that p names.
func (f *Fold) find(p campaign.Part) (leaf, bool) {
	if p.Seq < 0 || p.Seq >= int64(len(f.states)) {
		return leaf{}, false
	}
	if s := f.states[p.Seq]; s != elsewhere {
		return f.unpack(s), p.To == 0 && p.From == 0
	}
	leaves := f.apart[p.Seq]
	i, found := f.position(leaves, p)
	if !found {
		return leaf{}, false
	}
	return leaves[i], true
}

func (f *Fold) position(leaves []leaf, p campaign.Part) (int, bool) {
	i, found := slices.BinarySearchFunc(leaves, p.From, func(l leaf, from int) int { return l.from - from })
	return i, found && leaves[i].to == p.To
}

// replace puts leaves in the place of the one that p names.
func (f *Fold) replace(p campaign.Part, with ...leaf) {
	old := f.states[p.Seq]
	leaves := f.apart[p.Seq]
	if f.undo != nil {
		f.undo = append(f.undo, undo{p.Seq, old, slices.Clone(leaves)})
	}
	if len(with) == 1 && p.Whole() {
		if s, ok := f.pack(with[0]); ok {
			f.states[p.Seq] = s
			if old == elsewhere {
				delete(f.apart, p.Seq)
			}
			return
		}
	}
	if f.apart == nil {
		f.apart = map[int64][]leaf{}
	}
	if old != elsewhere {
		f.states[p.Seq] = elsewhere
		f.apart[p.Seq] = slices.Clone(with)
		return
	}
	i, _ := f.position(leaves, p)
	f.apart[p.Seq] = slices.Replace(leaves, i, i+1, with...)
}

// undo is what a delivery was before a trial.
type undo struct {
	seq    int64
	state  state
	leaves []leaf
}

func (f *Fold) revert() {
	for _, u := range slices.Backward(f.undo[1:]) {
		f.states[u.seq] = u.state
		if u.state == elsewhere {
			f.apart[u.seq] = u.leaves
		} else {
			delete(f.apart, u.seq)
		}
	}
	f.undo = nil
}

// has reports whether one of the deliveries of a block has such a leaf.
func (f *Fold) has(b Span, such func(leaf) bool) bool {
	for seq := b.First; seq < b.First+b.Len; seq++ {
		s := f.states[seq]
		if s == elsewhere {
			if slices.ContainsFunc(f.apart[seq], such) {
				return true
			}
		} else if such(f.unpack(s)) {
			return true
		}
	}
	return false
}

// own reports whether the leaf is being tried by the hold of token.
func (f *Fold) own(l leaf, token uint64) bool {
	return l.open && token == f.token && l.ref >= f.since
}

// lost reports whether it is not known what became of the leaf, and the hold of
// token will not hear it any more.
func (f *Fold) lost(token uint64) func(leaf) bool {
	return func(l leaf) bool {
		return l.open && !f.own(l, token) || !l.open && l.outcome == campaign.Unknown
	}
}

// wants reports whether the leaf is the runner's to try.
func (l leaf) wants() bool { return !l.open && !l.outcome.Settled() }
