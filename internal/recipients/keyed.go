package recipients

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Keyed brings equal keys together: exactly (keys are compared by 128 bits of
// SHA-256) and in bounded memory, as a Screener does. Guards on the audience count
// with it. Use: Add, then Each; Close removes the temporary files.
type Keyed struct {
	sorter *sorter
	sorted bool
}

// NewKeyed makes an empty Keyed. Nothing is created on disk before Memory is used up.
func NewKeyed(o Options) *Keyed { return &Keyed{sorter: sorterOf(o)} }

func sorterOf(o Options) *sorter {
	memory := o.Memory
	if memory <= 0 {
		memory = defaultMemory / 2 // it stands beside a Screener
	}
	return newSorter(memory, func() (spill, error) { return newTempFile(o.TempDir) })
}

// Add takes a key on, with a number that says what it is of. The same key and
// number may come again.
func (k *Keyed) Add(key []byte, tag uint64) error {
	if k.sorted {
		return errOrder
	}
	sum := sha256.Sum256(key)
	err := k.sorter.add(record{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]), tag})
	if err != nil {
		return fmt.Errorf("comparing recipients: %w", err)
	}
	return nil
}

// Each calls do for all that was added: keys one after the other, and the numbers
// of a key in ascending order, as often as they were added. first says that
// another key begins. It can be called again; nothing is added any more.
func (k *Keyed) Each(ctx context.Context, do func(first bool, tag uint64) error) error {
	var previous record
	began := false
	return each(ctx, k.sorter, &k.sorted, func(r record) error {
		first := !began || r.a != previous.a || r.b != previous.b
		previous, began = r, true
		return do(first, r.c)
	})
}

// Close removes the temporary files.
func (k *Keyed) Close() error { return closing(k.sorter) }

// Numbers sorts numbers in bounded memory. Use: Add, then All; Close removes the
// temporary files.
type Numbers struct {
	sorter *sorter
	sorted bool
	n      int64
}

// NewNumbers makes an empty Numbers.
func NewNumbers(o Options) *Numbers { return &Numbers{sorter: sorterOf(o)} }

// Add takes a number on, which is not negative.
func (s *Numbers) Add(n int64) error {
	if s.sorted {
		return errOrder
	}
	s.n++
	if err := s.sorter.add(record{uint64(n), 0, 0}); err != nil {
		return fmt.Errorf("comparing recipients: %w", err)
	}
	return nil
}

// Len is how many were added.
func (s *Numbers) Len() int64 { return s.n }

// All yields the numbers in ascending order, as often as they were added. It can be
// called again; nothing is added any more.
func (s *Numbers) All(ctx context.Context) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		err := each(ctx, s.sorter, &s.sorted, func(r record) error {
			if !yield(int64(r.a), nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(0, err)
		}
	}
}

// errEnough ends a reading whose reader has gone.
var errEnough = errors.New("enough")

// Close removes the temporary files.
func (s *Numbers) Close() error { return closing(s.sorter) }

// each sorts unless that was done, and reads.
func each(ctx context.Context, from *sorter, sorted *bool, do func(record) error) error {
	if !*sorted {
		if err := from.sort(ctx); err != nil {
			return fmt.Errorf("comparing recipients: %w", err)
		}
		*sorted = true
	}
	r, err := from.reader()
	if err != nil {
		return fmt.Errorf("comparing recipients: %w", err)
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
		if err != nil {
			return fmt.Errorf("comparing recipients: %w", err)
		}
		if err := do(e); err != nil {
			return err
		}
	}
}

func closing(s *sorter) error {
	if err := s.close(); err != nil {
		return fmt.Errorf("comparing recipients: remove a temporary file: %w", err)
	}
	return nil
}
