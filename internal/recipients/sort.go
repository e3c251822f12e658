package recipients

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
)

// record is what the screener sorts: three numbers, compared in order.
type record struct{ a, b, c uint64 }

const recordSize = 24 // bytes, in memory and in files

func (r record) compare(o record) int {
	if r.a != o.a {
		return cmp.Compare(r.a, o.a)
	}
	return cmp.Or(cmp.Compare(r.b, o.b), cmp.Compare(r.c, o.c))
}

// spill is a temporary file: written once from the beginning, then read.
type spill interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// tempFile is a file that nobody else sees. Where the system allows it has no
// name any more, so that not even a crash leaves it behind; elsewhere (Windows)
// Close removes it.
type tempFile struct {
	*os.File
	named bool
}

func newTempFile(dir string) (spill, error) {
	f, err := os.CreateTemp(dir, "campaign-screen-*") // mode 0600
	if err != nil {
		return nil, err
	}
	return &tempFile{File: f, named: os.Remove(f.Name()) != nil}, nil
}

func (t *tempFile) Close() error {
	err := t.File.Close()
	if t.named {
		err = cmp.Or(err, os.Remove(t.Name()))
	}
	return err
}

// run is a sorted stretch of a spill file, in bytes.
type run struct{ from, to int64 }

// sorter is an external merge sort: add, then sort, then readers. Beyond its
// limit records go to a temporary file as sorted runs; as many runs are merged
// at once as have room for a block each.
type sorter struct {
	create func() (spill, error)
	limit  int // records held in memory while adding
	block  int // bytes that are read or written at once
	fanIn  int // runs that are merged at once

	buf  []record
	file spill
	size int64 // of file
	runs []run
	out  []byte
}

// newSorter makes a sorter that holds at most memory bytes: of records while
// adding, of blocks while reading.
func newSorter(memory int, create func() (spill, error)) *sorter {
	block := min(max(memory/256, 2*recordSize), 64<<10) / recordSize * recordSize
	return &sorter{
		create: create,
		limit:  max(memory/recordSize, 2),
		block:  block,
		fanIn:  max(memory/2/block, 2),
	}
}

func (s *sorter) add(r record) error {
	if len(s.buf) == s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if len(s.buf) == cap(s.buf) {
		s.grow()
	}
	s.buf = append(s.buf, r)
	return nil
}

// grow goes from little to all in few steps: what it leaves behind counts.
func (s *sorter) grow() {
	most := 16 * len(s.buf)
	if most < 64 {
		most = 64
	}
	grown := make([]record, len(s.buf), min(most, s.limit))
	copy(grown, s.buf)
	s.buf = grown
}

// spill writes the records in memory as a run.
func (s *sorter) spill() error {
	slices.SortFunc(s.buf, record.compare)
	if s.file == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	from := s.size
	for _, r := range s.buf {
		if err := s.write(r); err != nil {
			return err
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	s.runs = append(s.runs, run{from, s.size})
	s.buf = s.buf[:0]
	return nil
}

func (s *sorter) open() error {
	file, err := s.create()
	if err != nil {
		return fmt.Errorf("create a temporary file: %w", err)
	}
	s.file, s.size = file, 0
	if s.out == nil {
		s.out = make([]byte, 0, s.block)
	}
	return nil
}

func (s *sorter) write(r record) error {
	if len(s.out)+recordSize > cap(s.out) {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.out = binary.LittleEndian.AppendUint64(s.out, r.a)
	s.out = binary.LittleEndian.AppendUint64(s.out, r.b)
	s.out = binary.LittleEndian.AppendUint64(s.out, r.c)
	return nil
}

func (s *sorter) flush() error {
	n, err := s.file.Write(s.out)
	if err == nil && n < len(s.out) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	s.size += int64(n)
	s.out = s.out[:0]
	return nil
}

// sort ends adding. Afterwards there are at most fanIn runs.
func (s *sorter) sort(ctx context.Context) error {
	if s.file == nil {
		slices.SortFunc(s.buf, record.compare)
		return nil
	}
	if len(s.buf) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.buf = nil
	for len(s.runs) > s.fanIn {
		if err := s.mergePass(ctx); err != nil {
			return err
		}
	}
	s.out = nil
	return nil
}

// mergePass merges groups of runs into longer ones, in a new file.
func (s *sorter) mergePass(ctx context.Context) (err error) {
	old, runs := s.file, s.runs
	if err := s.open(); err != nil {
		return err
	}
	s.runs = nil
	defer func() {
		if e := old.Close(); e != nil && err == nil {
			err = fmt.Errorf("remove a temporary file: %w", e)
		}
	}()
	for group := range slices.Chunk(runs, s.fanIn) {
		from := s.size
		m, err := newMerge(old, group, s.block)
		if err != nil {
			return err
		}
		for {
			r, err := m.next()
			if err == io.EOF {
				break
			}
			if err == nil && m.count%4096 == 0 {
				err = ctx.Err()
			}
			if err == nil {
				err = s.write(r)
			}
			if err != nil {
				return err
			}
		}
		if err := s.flush(); err != nil {
			return err
		}
		s.runs = append(s.runs, run{from, s.size})
	}
	return nil
}

// reader reads records in order; io.EOF at the end.
type reader interface{ next() (record, error) }

// reader begins to read all records. Several may be in use at once.
func (s *sorter) reader() (reader, error) {
	if s.file == nil {
		return &memory{s.buf}, nil
	}
	return newMerge(s.file, s.runs, s.block)
}

func (s *sorter) close() error {
	s.buf, s.runs = nil, nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

type memory struct{ rest []record }

func (m *memory) next() (record, error) {
	if len(m.rest) == 0 {
		return record{}, io.EOF
	}
	r := m.rest[0]
	m.rest = m.rest[1:]
	return r, nil
}

// cursor reads one run, a block at a time.
type cursor struct {
	file  io.ReaderAt
	run   run
	block []byte
	rest  []byte // of block
	head  record
}

// advance reads the next record into head; io.EOF at the end of the run.
func (c *cursor) advance() error {
	if len(c.rest) == 0 {
		size := min(int64(len(c.block)), c.run.to-c.run.from)
		if size == 0 {
			return io.EOF
		}
		c.rest = c.block[:size]
		if n, err := c.file.ReadAt(c.rest, c.run.from); n < len(c.rest) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("read a temporary file: %w", err)
		}
		c.run.from += size
	}
	c.head = record{
		binary.LittleEndian.Uint64(c.rest), binary.LittleEndian.Uint64(c.rest[8:]), binary.LittleEndian.Uint64(c.rest[16:]),
	}
	c.rest = c.rest[recordSize:]
	return nil
}

// merge reads several runs as one: a heap of cursors, the least head on top.
type merge struct {
	heap  []*cursor
	count int64 // records that were read
}

func newMerge(file io.ReaderAt, runs []run, block int) (*merge, error) {
	m := &merge{heap: make([]*cursor, 0, len(runs))}
	for _, r := range runs {
		c := &cursor{file: file, run: r, block: make([]byte, block)}
		if err := c.advance(); err != nil {
			return nil, err // runs are never empty
		}
		m.heap = append(m.heap, c)
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	return m, nil
}

func (m *merge) next() (record, error) {
	if len(m.heap) == 0 {
		return record{}, io.EOF
	}
	top := m.heap[0]
	r := top.head
	switch err := top.advance(); err {
	case nil:
	case io.EOF:
		last := len(m.heap) - 1
		m.heap[0] = m.heap[last]
		m.heap = m.heap[:last]
	default:
		return record{}, err
	}
	m.down(0)
	m.count++
	return r, nil
}

func (m *merge) down(i int) {
	for {
		least, child := i, 2*i+1
		if child < len(m.heap) && m.heap[child].head.compare(m.heap[least].head) < 0 {
			least = child
		}
		if child++; child < len(m.heap) && m.heap[child].head.compare(m.heap[least].head) < 0 {
			least = child
		}
		if least == i {
			return
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}
