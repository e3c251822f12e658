package recipients

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
)

// defaultMemory is what a Screener holds unless told otherwise, in bytes.
const defaultMemory = 4 << 20

// Options bound what a Screener uses.
type Options struct {
	// Memory is what entries and blocks of temporary files take at the same time,
	// in bytes; half as much again while it moves from one step to the next. 0: 4 MiB.
	Memory int
	// TempDir is where entries beyond that are kept: about 24 bytes for each key
	// of a row and each entry of a list, twice as much for a moment. Empty: the
	// system's.
	TempDir string
}

// NewScreener makes an empty Screener. Nothing is created on disk before Memory
// is used up.
func NewScreener(o Options) Screener {
	return newScreener(o, func() (spill, error) { return newTempFile(o.TempDir) })
}

// screener sorts all entries by key, which brings list entries and rows with the
// same key together, and then sorts what it found there by row. A row that has
// one key of a list entry is excluded, but may be the first of duplicates by
// another key: so all rows of such a group are joined with the excluded rows
// before its first row is known.
type screener struct {
	memory int
	create func() (spill, error)
	files  int // temporary files created

	step    step
	err     error
	key     []byte
	listed  [256]bool // kinds of keys in lists
	last    int64     // row
	deduped bool      // the last row has its key for deduplication

	entries  *sorter // key, then list or row: see entry
	excluded *sorter // row, list
	members  *sorter // row, group: rows that have the same key
	grouped  *sorter // group, row: those which are not excluded
	doubles  *sorter // row, first row
	matched  map[int]int64
}

type step uint8

const (
	listing step = iota
	rowing
	finished
	closed
)

var (
	errOrder  = errors.New("screening: calls out of order")
	errClosed = errors.New("the screening was closed")
)

func newScreener(o Options, create func() (spill, error)) *screener {
	s := &screener{memory: o.Memory, last: -1, matched: map[int]int64{}}
	if s.memory <= 0 {
		s.memory = defaultMemory
	}
	s.create = func() (spill, error) {
		s.files++
		return create()
	}
	s.entries = newSorter(s.memory, s.create)
	part := s.memory / 4 // while entries are merged in half the memory
	s.excluded, s.members = newSorter(part, s.create), newSorter(part, s.create)
	s.grouped, s.doubles = newSorter(part, s.create), newSorter(part, s.create)
	return s
}

// The third number of an entry. List entries come before the rows with the same
// key, and rows in ascending order.
const (
	rowBit    = 1 << 63
	dedupeBit = 1
	maxRow    = math.MaxInt64 >> 1
)

func (s *screener) Exclude(list int, kind uint8, key []byte) error {
	if s.err != nil {
		return s.err
	}
	if s.step != listing || list < 0 {
		return s.fail(errOrder)
	}
	s.listed[kind] = true
	return s.add(kind, key, uint64(list))
}

func (s *screener) Row(row int64, kind uint8, key []byte, dedupe bool) error {
	if s.err != nil {
		return s.err
	}
	if s.step > rowing || row < max(s.last, 0) || row > maxRow {
		return s.fail(errOrder)
	}
	s.step = rowing
	if row > s.last {
		s.last, s.deduped = row, false
	}
	value := rowBit | uint64(row)<<1
	if dedupe {
		if s.deduped {
			return s.fail(fmt.Errorf("screening: row %d has two keys to deduplicate by", row))
		}
		s.deduped = true
		value |= dedupeBit
	} else if !s.listed[kind] {
		return nil // nothing can match it
	}
	return s.add(kind, key, value)
}

func (s *screener) add(kind uint8, key []byte, value uint64) error {
	s.key = append(append(s.key[:0], kind), key...)
	sum := sha256.Sum256(s.key)
	err := s.entries.add(record{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]), value})
	if err != nil {
		return s.fail(fmt.Errorf("screening for duplicates and exclusions: %w", err))
	}
	return nil
}

// fail makes the screener useless: a result that lacks entries would send
// messages twice, or to people who asked for none.
func (s *screener) fail(err error) error {
	s.err = err
	return err
}

func (s *screener) Finish(ctx context.Context) (Screening, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.step >= finished {
		return nil, s.fail(errOrder)
	}
	s.step = finished
	for _, step := range []func(context.Context) error{s.match, s.join, s.fold} {
		if err := step(ctx); err != nil {
			return nil, s.fail(fmt.Errorf("screening for duplicates and exclusions: %w", err))
		}
	}
	return &screening{s}, nil
}

// match reads the entries by key: rows with a list entry's key are excluded, rows
// with the same key are members of a group.
func (s *screener) match(ctx context.Context) error {
	var previous, first record
	var lists []uint64 // that have the key
	var group uint64   // number of the key, from 1
	alone := false     // first is not yet among the members
	err := s.each(ctx, s.entries, func(e record) error {
		switch {
		case e.a != previous.a || e.b != previous.b || group == 0:
			lists = lists[:0]
			group++
		case e == previous:
			return nil
		}
		previous = e
		if e.c < rowBit {
			lists = append(lists, e.c)
			return nil
		}
		row := record{e.c &^ rowBit >> 1, group, 0}
		for _, list := range lists {
			if err := s.excluded.add(record{row.a, list, 0}); err != nil {
				return err
			}
		}
		if e.c&dedupeBit == 0 || len(lists) > 0 {
			return nil
		}
		if first.b != group {
			first, alone = row, true
			return nil
		}
		if alone {
			alone = false
			if err := s.members.add(first); err != nil {
				return err
			}
		}
		return s.members.add(row)
	})
	return errors.Join(err, s.entries.close())
}

// join takes the excluded rows out of the groups.
func (s *screener) join(ctx context.Context) error {
	var previous record
	err := s.each(ctx, s.excluded, func(e record) error {
		if e != previous || len(s.matched) == 0 {
			s.matched[int(e.b)]++
		}
		previous = e
		return nil
	})
	if err != nil {
		return err
	}
	excluded, err := s.excluded.reader()
	if err != nil {
		return err
	}
	gone, end := excluded.next()
	err = s.each(ctx, s.members, func(m record) error {
		for end == nil && gone.a < m.a {
			gone, end = excluded.next()
		}
		if end != nil && end != io.EOF {
			return end
		}
		if end == nil && gone.a == m.a {
			return nil
		}
		return s.grouped.add(record{m.b, m.a, 0})
	})
	return errors.Join(err, s.members.close())
}

// fold makes the first row of a group the one that is sent.
func (s *screener) fold(ctx context.Context) error {
	var first record
	err := s.each(ctx, s.grouped, func(m record) error {
		if m.a != first.a {
			first = m
			return nil
		}
		return s.doubles.add(record{m.b, first.b, 0})
	})
	if err == nil {
		err = s.doubles.sort(ctx)
	}
	return errors.Join(err, s.grouped.close())
}

// each sorts, then reads.
func (s *screener) each(ctx context.Context, from *sorter, do func(record) error) error {
	if err := from.sort(ctx); err != nil {
		return err
	}
	r, err := from.reader()
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		e, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = do(e)
		}
		if err != nil {
			return err
		}
	}
}

func (s *screener) Close() error {
	if s.step == closed {
		return nil
	}
	s.step, s.err = closed, errClosed
	var errs []error
	for _, sorter := range []*sorter{s.entries, s.excluded, s.members, s.grouped, s.doubles} {
		errs = append(errs, sorter.close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("screening: remove a temporary file: %w", err)
	}
	return nil
}

// screening reads what a finished screener found, as long as that is open.
type screening struct{ s *screener }

func (f *screening) Matched(list int) int64 { return f.s.matched[list] }

func (f *screening) Left(ctx context.Context) iter.Seq2[Left, error] {
	return func(yield func(Left, error) bool) {
		if err := f.left(ctx, func(l Left) bool { return yield(l, nil) }); err != nil {
			yield(Left{}, fmt.Errorf("screening for duplicates and exclusions: %w", err))
		}
	}
}

// left merges excluded rows and duplicates; no row is both.
func (f *screening) left(ctx context.Context, yield func(Left) bool) error {
	if f.s.step == closed {
		return errClosed
	}
	excluded, err := f.s.excluded.reader()
	if err != nil {
		return err
	}
	doubles, err := f.s.doubles.reader()
	if err != nil {
		return err
	}
	e, eErr := excluded.next()
	d, dErr := doubles.next()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var left Left
		switch {
		case f.s.step == closed:
			return errClosed
		case eErr != nil && eErr != io.EOF:
			return eErr
		case dErr != nil && dErr != io.EOF:
			return dErr
		case eErr == io.EOF && dErr == io.EOF:
			return nil
		case dErr == io.EOF || eErr == nil && e.a < d.a:
			left = Left{Row: int64(e.a), Reason: Excluded, List: int(e.b)}
			for row := e.a; eErr == nil && e.a == row; {
				e, eErr = excluded.next()
			}
		default:
			left = Left{Row: int64(d.a), Reason: Duplicate, First: int64(d.b)}
			d, dErr = doubles.next()
		}
		if !yield(left) {
			return nil
		}
	}
}
