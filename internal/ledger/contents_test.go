package ledger_test

import (
	"errors"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

func TestContentsAreSmallAndChecked(t *testing.T) {
	block := func(said ...byte) campaign.Block {
		var b campaign.Block
		for i, c := range said {
			d := campaign.Delivery{Seq: int64(i)}
			if c > 0 {
				d.Content = campaign.Digest{c}
			}
			b.Deliveries = append(b.Deliveries, d)
		}
		return b
	}
	for _, c := range []struct {
		said []byte
		size int
	}{{nil, 0}, {[]byte{0, 0}, 0}, {[]byte{1}, 12}, {[]byte{1, 1, 1}, 12}, {[]byte{1, 0, 1}, 28}, {[]byte{0, 1}, 20}} {
		b := block(c.said...)
		packed := ledger.EncodeContents(&b)
		if len(packed) != c.size {
			t.Errorf("%v takes %d bytes, want %d", c.said, len(packed), c.size)
		}
		again := block(make([]byte, len(c.said))...)
		if err := ledger.SetContents(&again, packed); err != nil {
			t.Error(err)
		}
		for i := range b.Deliveries {
			if b.Deliveries[i].Content != again.Deliveries[i].Content {
				t.Errorf("%v: delivery %d says %x", c.said, i, again.Deliveries[i].Content)
			}
		}
		for i := range packed {
			packed[i] ^= 1
			if err := ledger.SetContents(&again, packed); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("%v: a flipped bit in byte %d gives %v", c.said, i, err)
			}
			if _, err := ledger.HasContent(packed, func(campaign.Digest) bool { return false }); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("%v: a flipped bit in byte %d gives %v", c.said, i, err)
			}
			packed[i] ^= 1
		}
	}
	two, three := block(1, 2), block(0, 0, 0)
	if err := ledger.SetContents(&three, ledger.EncodeContents(&two)); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("contents of another block: %v", err)
	}
}
