package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// content identifies what a recipient gets: the digest of the rendered texts.
type content = [sha256.Size]byte

// renderer renders texts. It is used by one goroutine at a time.
type renderer struct {
	plan  *Plan
	frame frame
	buf   []byte
	sums  []byte                   // of the texts that the recipient reads
	sum   func(i int, text []byte) // adds one to them
}

func (p *Plan) renderer(t *table) *renderer {
	return &renderer{plan: p, frame: frame{zone: p.spec.Zone, slots: t.slots}}
}

// renderShared renders the texts that are the same for everybody and checks
// them, once.
func (p *Plan) renderShared(t *table) (ds []campaign.Diagnostic) {
	n := len(p.programs)
	t.shared, t.personal, t.anybody = make([]string, n), make([]bool, n), true
	r := p.renderer(t)
	for i, program := range p.programs {
		if program != nil && slices.ContainsFunc(program.slots, func(s int) bool { return t.slots[s].cell >= 0 }) {
			t.personal[i], t.anybody = true, false
			continue
		}
		r.buf = r.buf[:0]
		if err := r.text(i); err != nil {
			if d := p.inShared(i, faultOf(err)); !slices.Contains(ds, d) {
				ds = append(ds, d)
			}
			continue
		}
		t.shared[i] = string(r.buf)
	}
	h := sha256.New()
	for i, s := range t.shared {
		var head [9]byte
		if t.personal[i] {
			head[0] = 1
		}
		binary.BigEndian.PutUint64(head[1:], uint64(len(s)))
		h.Write(head[:])
		h.Write([]byte(s))
	}
	t.prefix = h.Sum(nil)
	if p.spec.Contents {
		p.readShared(t)
	}
	return ds
}

// text appends text i, rendered for the frame's recipient, and checks it.
func (r *renderer) text(i int) error {
	from := len(r.buf)
	t := &r.plan.spec.Layout.Texts[i]
	if program := r.plan.programs[i]; program != nil {
		var err error
		if r.buf, err = program.append(r.buf, &r.frame); err != nil {
			return err
		}
	} else {
		r.buf = append(r.buf, t.Source...)
	}
	return check(t, r.buf[from:])
}

// check holds a rendered text against its layout.
func check(t *targets.Text, s []byte) error {
	if t.Required && len(bytes.TrimSpace(s)) == 0 {
		return &misfit{rule: "empty-text", message: "the text is empty", hint: "it must say something"}
	}
	if n, over := overLimit(s, t.Limit); over {
		return &misfit{rule: "too-long", message: fmt.Sprintf("the text has %d characters, %d more than the %d that are allowed", n, n-t.Limit, t.Limit),
			hint: fmt.Sprintf("shorten it, or cut values with {{ truncate %d … }}", max(t.Limit/2, 1))}
	}
	return nil
}

// faultOf gives an error of rendering as a fault at the text's beginning.
func faultOf(err error) fault {
	var m *misfit
	if !errors.As(err, &m) {
		return fault{rule: ruleContext, message: err.Error()}
	}
	return fault{rule: m.rule, message: m.message, hint: m.hint, variable: m.variable}
}

// content renders every text that depends on the recipient and gives the
// digest of the whole content. The first text that cannot be rendered is an
// error; at is its index. With keep, it sees each text.
func (r *renderer) content(t *table, cells []string, keep func(i int, text []byte)) (c content, at int, err error) {
	if t.anybody {
		return content(t.prefix), 0, nil
	}
	r.frame.cells = cells
	r.buf = append(r.buf[:0], t.prefix...)
	for i, personal := range t.personal {
		if !personal {
			continue
		}
		head := len(r.buf)
		r.buf = append(r.buf, 0, 0, 0, 0, 0, 0, 0, 0)
		if err := r.text(i); err != nil {
			return c, i, err
		}
		text := r.buf[head+8:]
		binary.BigEndian.PutUint64(r.buf[head:], uint64(len(text)))
		if keep != nil {
			keep(i, text)
		}
	}
	return sha256.Sum256(r.buf), 0, nil
}

// texts renders the whole content for one recipient.
func (r *renderer) texts(t *table, cells []string) ([]string, content, error) {
	texts := slices.Clone(t.shared)
	c, at, err := r.content(t, cells, func(i int, text []byte) { texts[i] = string(text) })
	if err != nil {
		return nil, c, fmt.Errorf("%s: %w", r.plan.spec.Layout.Texts[at].Pointer, err)
	}
	return texts, c, nil
}

// mark identifies one recipient: its row and all its cells.
type mark = [16]byte

func (r *renderer) mark(row int64, cells []string) mark {
	r.buf = binary.BigEndian.AppendUint64(r.buf[:0], uint64(row))
	for _, cell := range cells {
		r.buf = binary.AppendUvarint(r.buf, uint64(len(cell)))
		r.buf = append(r.buf, cell...)
	}
	sum := sha256.Sum256(r.buf)
	return mark(sum[:16])
}

// deliveryDigest is over the rendered content and the recipients.
func deliveryDigest(buf []byte, c content, marks []byte) (campaign.Digest, []byte) {
	buf = append(append(buf[:0], c[:]...), marks...)
	sum := sha256.Sum256(buf)
	return campaign.Digest(sum[:len(campaign.Digest{})]), buf
}

// Messages renders a block again, on delivery and on resuming: one message a
// delivery. A block, a delivery or a recipient that is not what was planned is
// refused with an error that wraps ErrDiffers.
func (p *Plan) Messages(block campaign.Block) ([]targets.Message, error) {
	if p.table == nil {
		return nil, errors.New("render a block: the run's columns are not known")
	}
	if block.Sum() != block.Digest {
		return nil, fmt.Errorf("block %d: %w", block.Seq, ErrDiffers)
	}
	r := p.renderer(p.table)
	var buf, marks []byte
	messages := make([]targets.Message, len(block.Deliveries))
	for i, d := range block.Deliveries {
		m, err := p.message(r, d, &buf, &marks)
		if err != nil {
			return nil, fmt.Errorf("block %d, delivery %d: %w", block.Seq, d.Seq, err)
		}
		messages[i] = m
	}
	return messages, nil
}

// message renders one delivery for its first recipient. The digest covers all
// cells of all recipients, so the others cannot have become different.
func (p *Plan) message(r *renderer, d campaign.Delivery, buf, marks *[]byte) (m targets.Message, err error) {
	if len(d.Recipients) == 0 {
		return m, ErrDiffers
	}
	*marks = (*marks)[:0]
	for _, who := range d.Recipients {
		if len(who.Cells) != len(p.table.columns) {
			return m, ErrDiffers
		}
		k := r.mark(who.Row, who.Cells)
		*marks = append(*marks, k[:]...)
	}
	texts, c, err := r.texts(p.table, d.Recipients[0].Cells)
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrDiffers, err)
	}
	var sum campaign.Digest
	if sum, *buf = deliveryDigest(*buf, c, *marks); sum != d.Digest {
		return m, ErrDiffers
	}
	return targets.Message{Texts: texts, Recipients: d.Recipients}, nil
}
