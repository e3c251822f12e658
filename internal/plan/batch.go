package plan

import (
	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// Bounds of what planning holds in memory. They decide which recipients share
// requests, so changing one changes plans: Version must change with it.
const (
	maxOpen       = 1024     // contents that wait for more recipients
	maxOpenBytes  = 16 << 20 // what they hold together
	maxDeliveries = 512      // in a block
	maxPeople     = 4096     // recipients and skips in a block; a larger delivery has a block of its own
	maxBlockBytes = 16 << 20 // what those hold together
)

// group is a delivery that waits for more recipients with the same content.
type group struct {
	content    content
	reading    campaign.Digest
	recipients []campaign.Recipient
	marks      []byte
	bytes      int
	closed     bool
}

// batcher makes deliveries of recipients in row order, and blocks of those.
type batcher struct {
	size  int // recipients a delivery
	emit  func(campaign.Block) bool
	first func(campaign.Delivery) // sees every delivery

	open  map[content]*group
	last  *group
	order []*group // by age; closed ones are passed over
	bytes int

	edges []int64 // recipients before the end of each stage
	stage int     // of the recipient that came last
	added int64   // recipients

	block   campaign.Block
	people  int // in block
	weight  int // of block, in bytes
	seq     int64
	buf     []byte
	stopped bool
}

func (p *Plan) batcher(size int, emit func(campaign.Block) bool) *batcher {
	return &batcher{size: max(size, 1), emit: emit, open: map[content]*group{}}
}

// add takes a recipient on. A delivery is emitted when it is full; the oldest
// one when too many are open.
func (b *batcher) add(who campaign.Recipient, c content, reading campaign.Digest, m mark) {
	b.cut()
	b.added++
	g := b.last
	if g == nil || g.closed || g.content != c {
		g = b.open[c]
	}
	if g == nil {
		g = &group{content: c, reading: reading}
		b.open[c] = g
		b.order = append(b.order, g)
	}
	b.last = g
	n := size(who)
	g.bytes += n
	b.bytes += n
	g.recipients = append(g.recipients, who)
	g.marks = append(g.marks, m[:]...)
	if len(g.recipients) >= b.size {
		b.close(g)
	}
	for len(b.open) > maxOpen || b.bytes > maxOpenBytes {
		b.closeOldest()
	}
}

// cut ends the stages that are full: deliveries that wait for more recipients go
// out as they are, and so does the block. It comes with the first recipient
// behind the edge and not with the last one before it, so that a stage has a block
// only when it has somebody: rows that are skipped at the edge stay before it, and
// no run waits at a stage for skips alone.
func (b *batcher) cut() {
	before := b.stage
	for b.stage < len(b.edges) && b.added >= b.edges[b.stage] {
		b.stage++
	}
	if b.stage == before {
		return
	}
	for len(b.open) > 0 {
		b.closeOldest()
	}
	b.flush()
	b.block.Stage = b.stage
}

// size estimates the memory of a recipient, the same on any machine.
func size(who campaign.Recipient) int {
	n := 64
	for _, cell := range who.Cells {
		n += 16 + len(cell)
	}
	return n
}

func (b *batcher) closeOldest() {
	for b.order[0].closed {
		b.order = b.order[1:]
	}
	oldest := b.order[0]
	b.order = b.order[1:]
	b.close(oldest)
}

// close makes a delivery of a group.
func (b *batcher) close(g *group) {
	delete(b.open, g.content)
	b.bytes -= g.bytes
	g.closed = true
	d := campaign.Delivery{Seq: b.seq, Content: g.reading, Recipients: g.recipients}
	b.seq++
	d.Digest, b.buf = deliveryDigest(b.buf, g.content, g.marks)
	g.recipients, g.marks = nil, nil
	b.room(len(d.Recipients), g.bytes)
	b.block.Deliveries = append(b.block.Deliveries, d)
	if b.seq == 1 && b.first != nil {
		b.first(d)
	}
	b.sweep()
}

// sweep drops closed groups from the order before they pile up.
func (b *batcher) sweep() {
	if len(b.order) < 2*maxOpen {
		return
	}
	kept := make([]*group, 0, 2*maxOpen)
	for _, g := range b.order {
		if !g.closed {
			kept = append(kept, g)
		}
	}
	b.order = kept
}

// skip adds a row that no delivery covers.
func (b *batcher) skip(s campaign.Skip) {
	b.room(1, size(s.Recipient))
	b.block.Skips = append(b.block.Skips, s)
}

// room makes room for n more people of so many bytes: it emits the block when
// they, or another delivery, do not fit.
func (b *batcher) room(n, bytes int) {
	if len(b.block.Deliveries) >= maxDeliveries || b.people > 0 && (b.people+n > maxPeople || b.weight+bytes > maxBlockBytes) {
		b.flush()
	}
	b.people += n
	b.weight += bytes
}

// flush emits the block unless it is empty.
func (b *batcher) flush() {
	if len(b.block.Deliveries) == 0 && len(b.block.Skips) == 0 {
		return
	}
	b.block.Digest = b.block.Sum()
	if !b.stopped && !b.emit(b.block) {
		b.stopped = true
	}
	b.block = campaign.Block{Seq: b.block.Seq + 1, Stage: b.block.Stage}
	b.people, b.weight = 0, 0
}

// finish emits what is left.
func (b *batcher) finish() {
	for len(b.open) > 0 && !b.stopped {
		b.closeOldest()
	}
	if !b.stopped {
		b.flush()
	}
}

// collect takes a chunk on in row order and counts it.
func (p *Plan) collect(b *batcher, c *chunk) (bool, error) {
	s := p.summary
	for i := range c.entries {
		e := &c.entries[i]
		if e.ignored {
			continue
		}
		if e.from < 0 && e.row == 0 { // about the file, not a row
			for _, d := range e.problems {
				s.problem(d)
			}
			continue
		}
		s.totals.Recipients++
		if s.foundOne(e) {
			e.problems = append(e.problems, p.ambiguous(e))
		}
		switch {
		case len(e.problems) > 0:
			s.invalid++
			for _, d := range e.problems {
				s.problem(d)
			}
			if s.invalid > mostBad {
				if !s.gaveUp() { // the reader may have
					s.problem(tooMany(p.recipientsFile()))
				}
				return false, nil
			}
		case e.skip != "":
			if e.left.Reason == recipients.Duplicate && s.repeated == nil {
				s.repeated = p.repeats(e)
			}
			s.skip(e.skip)
			b.skip(campaign.Skip{Recipient: campaign.Recipient{Row: e.row, Cells: e.cells}, Reason: e.skip})
		default:
			s.deliver(e.content)
			b.add(campaign.Recipient{Row: e.row, Cells: e.cells}, e.content, e.reading, e.mark)
		}
		if b.stopped {
			return false, nil
		}
	}
	return true, nil
}

// planner makes the work of the second pass.
func (p *Plan) planner(t *table) func() func(*chunk) {
	return func() func(*chunk) {
		const together = 32 // recipients whose cells are allocated together
		r, n := p.renderer(t), len(t.columns)
		var free []string
		return func(c *chunk) {
			for i := range c.entries {
				e := &c.entries[i]
				if e.from < 0 {
					continue
				}
				if len(free) < n {
					free = make([]string, together*n)
				}
				e.cells = free[:n:n]
				p.recipient(t, e, c.raw[e.from:e.to], e.cells)
				p.decide(t, r, e)
				if !e.ignored {
					free = free[n:]
				}
			}
		}
	}
}
