package ledgertest

import "campaign/internal/campaign"

// content is what a delivery of a test says: a digit; 0: it does not say.
func content(digit int) campaign.Digest {
	if digit == 0 {
		return campaign.Digest{}
	}
	return campaign.Digest{byte(digit), 9}
}

// saying plans a block for each list of digits, with a delivery for each of them.
func saying(said ...[]int) []campaign.Block {
	var all []campaign.Block
	seq := int64(0)
	for i, digits := range said {
		b := campaign.Block{Seq: int64(i)}
		for _, digit := range digits {
			b.Deliveries = append(b.Deliveries, campaign.Delivery{Seq: seq, Digest: campaign.Digest{byte(seq)}, Content: content(digit),
				Recipients: []campaign.Recipient{{Row: seq + 2, Cells: []string{"u"}}}})
			seq++
		}
		if len(digits) == 0 {
			b.Skips = []campaign.Skip{{Recipient: campaign.Recipient{Row: 99, Cells: []string{"u"}}, Reason: "excluded: x"}}
		}
		b.Digest = b.Sum()
		all = append(all, b)
	}
	return all
}
