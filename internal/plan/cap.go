package plan

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// Capped are the rows whose recipients have got as many messages as the account
// allows. A recipient is known by its id: who has two organisations is one person.
type Capped struct {
	cap    campaign.Cap
	rows   *recipients.Numbers
	digest string
}

// Rows is how many rows are left out.
func (c *Capped) Rows() int64 {
	if c == nil {
		return 0
	}
	return c.rows.Len()
}

// Digest tells which rows these are, 16 characters of hex; empty when there are none.
func (c *Capped) Digest() string {
	if c == nil {
		return ""
	}
	return c.digest
}

// Close removes the temporary files.
func (c *Capped) Close() error {
	if c == nil {
		return nil
	}
	return c.rows.Close()
}

func (c *Capped) all(ctx context.Context) iter.Seq2[int64, error] {
	if c == nil {
		return nil
	}
	return c.rows.All(ctx)
}

// LeaveOut makes Blocks skip those rows, until it is called with others or nil. They
// must be of a plan with the same inputs, and stay open.
func (p *Plan) LeaveOut(c *Capped) { p.capped = c }

// Left is what LeaveOut was called with last.
func (p *Plan) Left() *Capped { return p.capped }

func (p *Plan) cappedReason() string { return SkipCapped + ": " + p.capped.cap.String() }

// ErrProblems says that a list has problems, which Summary names after Blocks.
var ErrProblems = errors.New("the recipients have problems")

// Cap finds who has got enough: got yields the id of its recipient for every message
// that counts, in any order. Rows are looked at in their order, so of several rows
// of one recipient the first are sent. Nobody is left out who must be included. It
// holds as little in memory as Blocks, whatever the number of messages. Nil: groups
// have no recipients that are known here.
func (p *Plan) Cap(ctx context.Context, most campaign.Cap, got iter.Seq2[string, error]) (_ *Capped, err error) {
	if p.spec.Layout.Groups {
		return nil, nil
	}
	ds, err := p.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if campaign.HasErrors(ds) {
		return nil, ErrProblems
	}
	options := recipients.Options{TempDir: p.spec.TempDir}
	crowd := &crowd{Keyed: recipients.NewKeyed(options), seed: maphash.MakeSeed(), some: make([]uint64, someBits/64)}
	defer func() { err = errors.Join(err, crowd.Close()) }()
	spared, err := p.sparing(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, spared.close()) }()
	if err := p.candidates(ctx, crowd, spared); err != nil {
		return nil, err
	}
	for id, err := range got {
		if err == nil {
			err = crowd.got(id)
		}
		if err != nil {
			return nil, err
		}
	}
	over := recipients.NewNumbers(options)
	defer func() { err = errors.Join(err, over.Close()) }()
	if err := beyond(ctx, crowd.Keyed, most.Messages, over); err != nil {
		return nil, err
	}
	c := &Capped{cap: most, rows: recipients.NewNumbers(options)}
	if err := c.take(ctx, over, spared); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// crowd are the rows and the messages of each id. Most messages of an account go to
// others than a small campaign's recipients: those are not even sorted.
type crowd struct {
	*recipients.Keyed
	seed maphash.Seed
	some []uint64 // bits: an id that is not among them has no row
}

const someBits = 1 << 23 // 1 MiB

func (p *crowd) bit(id string) (word int, bit uint64) {
	n := maphash.String(p.seed, id) % someBits
	return int(n / 64), 1 << (n % 64)
}

// row adds a row of an id. All rows come before all messages.
func (p *crowd) row(id string, row int64) error {
	word, bit := p.bit(id)
	p.some[word] |= bit
	return p.Add([]byte(id), uint64(row))
}

// got adds a message that an id got.
func (p *crowd) got(id string) error {
	if word, bit := p.bit(id); p.some[word]&bit == 0 {
		return nil
	}
	return p.Add([]byte(id), 0)
}

// candidates adds the rows that are sent to unless their recipients have got enough.
func (p *Plan) candidates(ctx context.Context, crowd *crowd, spared *spared) (err error) {
	b := p.batcher(1, nil)
	source, done, err := p.rowsOf(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	screener, found, err := p.screening(ctx, source, b)
	if err != nil {
		return err
	}
	reading := pass{source: source, worker: p.cells, collect: func(c *chunk) (bool, error) {
		for i := range c.entries {
			e := &c.entries[i]
			if e.ignored || e.missing || len(e.problems) > 0 || e.from < 0 || e.left.Reason != 0 || p.only != nil && !p.only[e.cells[0]] {
				continue
			}
			if err := crowd.row(e.cells[0], e.row); err != nil {
				return false, err
			}
			if err := spared.row(e); err != nil {
				return false, err
			}
		}
		return true, nil
	}}
	if screener != nil {
		defer func() { err = errors.Join(err, screener.Close()) }()
		reading.left = found.Left(ctx)
	}
	if err := reading.run(ctx, p.spec.Workers); err != nil {
		return fmt.Errorf("read %s: %w", p.recipientsFile(), err)
	}
	return nil
}

// cells makes the work of a pass that only wants to know who the recipients are.
func (p *Plan) cells() func(*chunk) {
	n := len(p.table.columns)
	return func(c *chunk) {
		all := make([]string, n*len(c.entries))
		for i := range c.entries {
			e := &c.entries[i]
			if e.from < 0 {
				continue
			}
			e.cells, all = all[:n:n], all[n:]
			p.recipient(p.table, e, c.raw[e.from:e.to], e.cells)
		}
	}
}

// beyond finds the rows that come after the most messages of their recipients.
func beyond(ctx context.Context, people *recipients.Keyed, most int, over *recipients.Numbers) error {
	n := 0
	return people.Each(ctx, func(first bool, tag uint64) error {
		if first {
			n = 0
		}
		if tag > 0 && n >= most {
			return over.Add(int64(tag))
		}
		n++
		return nil
	})
}

// take takes the rows over, in their order, but for those that are spared.
func (c *Capped) take(ctx context.Context, over *recipients.Numbers, spared *spared) error {
	kept, stop := marking(spared.rows(ctx))
	defer stop()
	h := sha256.New()
	var n [8]byte
	for row, err := range over.All(ctx) {
		if err != nil {
			return err
		}
		spare, err := kept.at(row)
		if err != nil {
			return err
		}
		if spare {
			continue
		}
		if err := c.rows.Add(row); err != nil {
			return err
		}
		binary.BigEndian.PutUint64(n[:], uint64(row))
		h.Write(n[:])
	}
	if c.rows.Len() > 0 {
		c.digest = hex.EncodeToString(h.Sum(nil)[:8])
	}
	return nil
}

// marking walks beside ascending rows over those that are marked.
func marking(rows iter.Seq2[int64, error]) (*marks, func()) {
	if rows == nil {
		return &marks{}, func() {}
	}
	next, stop := iter.Pull2(rows)
	return &marks{next: next}, stop
}

type marks struct {
	next    func() (int64, error, bool)
	current int64
}

// at reports whether a row is marked; rows come in ascending order.
func (m *marks) at(row int64) (bool, error) {
	for m.next != nil && m.current < row {
		marked, err, ok := m.next()
		if err != nil {
			return false, err
		}
		if !ok {
			m.next = nil
			break
		}
		m.current = marked
	}
	return m.current == row && row > 0, nil
}

// spared are the rows of those who must be included. Nil: there are none.
type spared struct {
	call *rollCall
	all  *recipients.Numbers
}

func (p *Plan) sparing(ctx context.Context) (*spared, error) {
	call, err := p.rollCall(ctx)
	if call == nil || err != nil {
		return nil, err
	}
	return &spared{call, recipients.NewNumbers(recipients.Options{TempDir: p.spec.TempDir})}, nil
}

// rowTag tells rows from the entries of lists.
const rowTag = 1 << 63

func (s *spared) row(e *entry) error {
	if s == nil {
		return nil
	}
	return s.call.keysOf(e, rowTag|uint64(e.row))
}

// rows yields the rows that are spared. An error of reading them comes first.
func (s *spared) rows(ctx context.Context) iter.Seq2[int64, error] {
	if s == nil {
		return nil
	}
	listed := false
	err := s.call.keys.Each(ctx, func(first bool, tag uint64) error {
		if first {
			listed = false
		}
		if tag < rowTag {
			listed = true
		} else if listed {
			return s.all.Add(int64(tag &^ rowTag))
		}
		return nil
	})
	if err != nil {
		return func(yield func(int64, error) bool) { yield(0, err) }
	}
	return s.all.All(ctx)
}

func (s *spared) close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.call.close(), s.all.Close())
}
