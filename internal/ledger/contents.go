package ledger

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"campaign/internal/campaign"
)

// Contents of a block's deliveries stand apart from the block, so that those of a
// whole run are read without its recipients: 8 bytes a delivery, or once when all
// are the same, and a CRC-32C behind.

const contentSize = len(campaign.Digest{})

// EncodeContents packs what the deliveries of a block say; nil: none says anything.
func EncodeContents(b *campaign.Block) []byte {
	var packed []byte
	same, known := true, false
	for i := range b.Deliveries {
		c := b.Deliveries[i].Content
		same = same && c == b.Deliveries[0].Content
		known = known || c != campaign.Digest{}
		packed = append(packed, c[:]...)
	}
	switch {
	case !known:
		return nil
	case same:
		packed = packed[:contentSize]
	}
	return binary.BigEndian.AppendUint32(packed, crc32.Checksum(packed, castagnoli))
}

// contentsOf are the contents that EncodeContents packed, end to end.
func contentsOf(packed []byte) ([]byte, error) {
	n := len(packed) - crc32.Size
	if len(packed) == 0 {
		return nil, nil
	}
	if n < contentSize || n%contentSize != 0 || crc32.Checksum(packed[:n], castagnoli) != binary.BigEndian.Uint32(packed[n:]) {
		return nil, unreadable("a block's contents")
	}
	return packed[:n], nil
}

// SetContents is EncodeContents' inverse, for a block that is there.
func SetContents(b *campaign.Block, packed []byte) error {
	packed, err := contentsOf(packed)
	if err != nil {
		return err
	}
	n := len(packed) / contentSize
	if n > 1 && n != len(b.Deliveries) || n == 1 && len(b.Deliveries) == 0 {
		return unreadable("a block's contents")
	}
	for i := range b.Deliveries {
		switch n {
		case 0:
		case 1:
			b.Deliveries[i].Content = campaign.Digest(packed)
		default:
			b.Deliveries[i].Content = campaign.Digest(packed[i*contentSize:])
		}
	}
	return nil
}

// HasContent reports whether packed contents have a wanted one.
func HasContent(packed []byte, wanted func(campaign.Digest) bool) (bool, error) {
	contents, err := contentsOf(packed)
	for c := range slices.Chunk(contents, contentSize) {
		if wanted(campaign.Digest(c)) {
			return true, err
		}
	}
	return false, err
}

// Among selects the spans of blocks by their Seq, which both have in order.
func Among(spans []Span, blocks []int64) []Span {
	var found []Span
	for _, s := range spans {
		if _, ok := slices.BinarySearch(blocks, s.Block); ok {
			found = append(found, s)
		}
	}
	return found
}
