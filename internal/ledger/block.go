package ledger

import (
	"crypto/sha256"
	"math"

	"campaign/internal/campaign"
)

// blockColumns is a block: its deliveries, then its skips, and the recipients of
// both in that order.
type blockColumns struct {
	_       struct{} `cbor:",toarray"`
	Seq     int64
	First   int64  // Seq of the first delivery
	Sum     []byte // Block.Digest
	Digests []byte // 8 bytes a delivery
	Sizes   []byte // recipients of each delivery
	Rows    []byte // of each recipient, as the difference to the one before
	Cells   []byte // number of cells of each recipient
	Lengths []byte // of Text: the cells
	Text    []byte
	Reasons []byte // lengths of Why: the skips
	Why     []byte
}

// EncodeBlock packs a block whose deliveries have consecutive Seqs.
func EncodeBlock(b campaign.Block) ([]byte, error) {
	c := blockColumns{Seq: b.Seq, Sum: b.Digest[:]}
	if len(b.Deliveries) > 0 {
		c.First = b.Deliveries[0].Seq
	}
	before := int64(0)
	add := func(r campaign.Recipient) {
		c.Rows = number(c.Rows, r.Row-before)
		before = r.Row
		c.Cells = number(c.Cells, len(r.Cells))
		for _, cell := range r.Cells {
			c.Lengths = number(c.Lengths, len(cell))
			c.Text = append(c.Text, cell...)
		}
	}
	for i := range b.Deliveries {
		d := &b.Deliveries[i]
		c.Digests = append(c.Digests, d.Digest[:]...)
		c.Sizes = number(c.Sizes, len(d.Recipients))
		for _, r := range d.Recipients {
			add(r)
		}
	}
	for _, s := range b.Skips {
		add(s.Recipient)
		c.Reasons = number(c.Reasons, len(s.Reason))
		c.Why = append(c.Why, s.Reason...)
	}
	return seal(c)
}

// DecodeBlock reads what EncodeBlock packed. Its recipients share memory: about
// the size of the packed block, whatever the number of cells.
func DecodeBlock(packed []byte) (campaign.Block, error) {
	var c blockColumns
	if err := unseal(packed, &c); err != nil {
		return campaign.Block{}, err
	}
	n := len(c.Digests) / len(campaign.Digest{})
	if len(c.Sum) != sha256.Size || len(c.Digests)%len(campaign.Digest{}) != 0 || c.First < 0 || c.First > math.MaxInt64-int64(n) {
		return campaign.Block{}, unreadable("a block")
	}
	b := campaign.Block{Seq: c.Seq, Digest: [sha256.Size]byte(c.Sum)}
	people, err := decodePeople(&c)
	if err != nil {
		return campaign.Block{}, err
	}
	sizes := cursor{column: c.Sizes}
	if n > 0 {
		b.Deliveries = make([]campaign.Delivery, n)
	}
	for i := range b.Deliveries {
		d := &b.Deliveries[i]
		d.Seq = c.First + int64(i)
		d.Digest = campaign.Digest(c.Digests[i*len(d.Digest):])
		size := sizes.count(len(people))
		d.Recipients, people = people[:size:size], people[size:]
	}
	why := texts{lengths: cursor{column: c.Reasons}, rest: string(c.Why)}
	if len(people) > 0 {
		b.Skips = make([]campaign.Skip, len(people))
	}
	for i, r := range people {
		b.Skips[i] = campaign.Skip{Recipient: r, Reason: why.next()}
	}
	if !sizes.done() || !why.done() {
		return campaign.Block{}, unreadable("a block")
	}
	return b, nil
}

func decodePeople(c *blockColumns) ([]campaign.Recipient, error) {
	rows, counts := cursor{column: c.Rows}, cursor{column: c.Cells}
	text := texts{lengths: cursor{column: c.Lengths}, rest: string(c.Text)}
	people := make([]campaign.Recipient, 0, numbers(c.Rows))
	cells := make([]string, 0, numbers(c.Lengths))
	before := int64(0)
	for rows.more() {
		before += rows.number()
		first := len(cells)
		for range counts.count(cap(cells) - first) {
			cells = append(cells, text.next())
		}
		people = append(people, campaign.Recipient{Row: before, Cells: cells[first:len(cells):len(cells)]})
	}
	if !rows.done() || !counts.done() || !text.done() {
		return nil, unreadable("a block's recipients")
	}
	return people, nil
}

// numbers counts the varints of a column: bytes without the continuation bit.
func numbers(column []byte) int {
	n := 0
	for _, b := range column {
		if b < 0x80 {
			n++
		}
	}
	return n
}
