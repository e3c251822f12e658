package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// What recipients read is compared across campaigns and runs: a copy of a campaign
// under another name says the same although nearly every digest of it differs. So
// it is over the channel and the rendered texts that people see or are led to, and
// not over a push's name or extra fields, which are for machines and clerks.

// read reports whether people read the text at a pointer.
func read(pointer string) bool {
	return pointer != "/content/name" && !strings.HasPrefix(pointer, "/content/ext/") && pointer != "/content/ext"
}

// ContentDigest is over a campaign's content as it is written: before anything is
// rendered, with the text of its files and with its vars. Who updated none of it
// would send the same once more. Lower-case hex, the same on any system.
func ContentDigest(c *campaign.Campaign) (string, error) {
	d := &digester{hash: sha256.New()}
	if err := d.json("content", c.Content.Raw.Text(), false); err != nil {
		return "", fmt.Errorf("content: %w", err)
	}
	d.mapping("files", c.Content.Files)
	d.mapping("vars", c.Vars)
	return hex.EncodeToString(d.hash.Sum(nil)), nil
}

// readShared prepares the digest of what is read, once: of texts that are the same
// for everybody. It does not matter which texts these are.
func (p *Plan) readShared(t *table) {
	head := sha256.New()
	head.Write([]byte(p.spec.Campaign.Channel.Type))
	t.reads, t.readsOwn = nil, false
	var sums []byte
	for i, text := range p.spec.Layout.Texts {
		if !read(text.Pointer) {
			continue
		}
		head.Write([]byte("\x00" + text.Pointer))
		t.reads = append(t.reads, i)
		t.readsOwn = t.readsOwn || t.personal[i]
		sum := sha256.Sum256([]byte(strings.TrimSpace(t.shared[i])))
		sums = append(sums, sum[:]...)
	}
	t.readSums = append(head.Sum(nil), sums...)
	t.reading = reading(t.readSums)
}

// reading is the digest of what a recipient reads, made of those of the channel with
// the texts' places, and of the texts.
func reading(sums []byte) campaign.Digest {
	sum := sha256.Sum256(sums)
	return campaign.Digest(sum[:len(campaign.Digest{})])
}

// judged is content and, if somebody asks, what of it the recipient reads.
func (r *renderer) judged(t *table, cells []string) (c content, said campaign.Digest, err error) {
	if !r.plan.spec.Contents || !t.readsOwn {
		c, _, err = r.content(t, cells, nil)
		return c, t.reading, err
	}
	r.sums = append(r.sums[:0], t.readSums...)
	if r.sum == nil {
		r.sum = func(i int, text []byte) {
			if k := slices.Index(t.reads, i); k >= 0 {
				sum := sha256.Sum256(bytes.TrimSpace(text))
				copy(r.sums[(k+1)*sha256.Size:], sum[:])
			}
		}
	}
	if c, _, err = r.content(t, cells, r.sum); err != nil {
		return c, said, err
	}
	return c, reading(r.sums), nil
}
