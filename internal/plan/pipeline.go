package plan

import (
	"context"
	"errors"
	"iter"
	"sync"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// Bounds of a chunk: what one worker takes at a time.
const (
	chunkRows  = 256
	chunkBytes = 256 << 10
)

// chunk is a stretch of a source. Its memory is used again.
type chunk struct {
	entries []entry
	raw     []string // cells of all entries as the source has them
	bytes   int
	keys    []byte // by screening: the rows' keys, one after the other
	ends    []int
	counted int64 // by screening: rows that are sent to unless screening leaves them out
	done    chan struct{}
	crash   any // a panic of the worker
}

func (c *chunk) reset() {
	c.entries, c.raw, c.bytes, c.crash = c.entries[:0], c.raw[:0], 0, nil
}

func (c *chunk) full() bool { return len(c.entries) >= chunkRows || c.bytes >= chunkBytes }

func (c *chunk) add(row recipients.Row, left recipients.Left, capped bool) {
	from := len(c.raw)
	c.raw = append(c.raw, row.Cells...)
	for _, cell := range row.Cells {
		c.bytes += len(cell)
	}
	c.entries = append(c.entries, entry{row: row.Row, line: row.Line, text: row.Text, form: row.Form, missing: row.Missing, from: from, to: len(c.raw), left: left, capped: capped})
}

// bad adds a row that the source could not read; row 0 is a problem of the file.
func (c *chunk) bad(row int64, d campaign.Diagnostic) {
	c.entries = append(c.entries, entry{row: row, problems: []campaign.Diagnostic{d}, from: -1})
}

// pass reads a source once: its rows in chunks, each worked on by any of
// several workers and then collected in order.
type pass struct {
	source recipients.Rows
	left   iter.Seq2[recipients.Left, error] // rows that screening leaves out; nil: none
	capped iter.Seq2[int64, error]           // rows whose recipients have got enough; nil: none
	worker func() func(*chunk)               // makes the work of one worker
	// collect is called in the order of rows; it reports whether to go on.
	collect func(*chunk) (bool, error)
}

// run carries the pass out in the calling goroutine and, with several workers,
// in others that have all ended when it returns.
func (s pass) run(ctx context.Context, workers int) error {
	if workers <= 1 {
		return s.alone(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	chunks := 2*workers + 2
	free := make(chan *chunk, chunks)
	for range chunks {
		free <- &chunk{done: make(chan struct{}, 1)}
	}
	work, order := make(chan *chunk, chunks), make(chan *chunk, chunks)
	var failed error
	var crash any
	wg.Go(func() {
		defer close(order)
		defer close(work)
		defer func() { crash = recover() }()
		failed = s.read(ctx, func() *chunk {
			select {
			case c := <-free:
				return c
			case <-ctx.Done():
				return nil
			}
		}, func(c *chunk) bool {
			work <- c // never blocks: there are no more chunks than places
			order <- c
			return true
		})
	})
	for range workers {
		wg.Go(func() {
			do := s.worker()
			for c := range work {
				c.guard(do)
				c.done <- struct{}{}
			}
		})
	}
	for c := range order {
		<-c.done
		if c.crash != nil {
			panic(c.crash)
		}
		if more, err := s.collect(c); err != nil || !more {
			return err
		}
		free <- c
	}
	if crash != nil {
		panic(crash)
	}
	return failed
}

// guard carries a panic over to the goroutine that collects, where the program
// can catch it.
func (c *chunk) guard(do func(*chunk)) {
	defer func() {
		if r := recover(); r != nil {
			c.crash = r
		}
	}()
	do(c)
}

// alone is run without goroutines.
func (s pass) alone(ctx context.Context) error {
	c := chunks.Get().(*chunk)
	do := s.worker()
	var failed error
	err := s.read(ctx, func() *chunk { return c }, func(c *chunk) bool {
		do(c)
		more, err := s.collect(c)
		failed = err
		return more && err == nil
	})
	chunks.Put(c)
	return errors.Join(failed, err)
}

// chunks are those that plans with one worker have done with: there are many small ones.
var chunks = sync.Pool{New: func() any { return &chunk{} }}

// read fills chunks from the source, marking the rows that are left out. next
// gives an empty chunk or nil to stop; emit takes it over and reports whether
// to go on.
func (s pass) read(ctx context.Context, next func() *chunk, emit func(*chunk) bool) error {
	c := next()
	if c == nil {
		return ctx.Err()
	}
	c.reset()
	leaving := &leaving{}
	if s.left != nil {
		var stop func()
		leaving.next, stop = iter.Pull2(s.left)
		defer stop()
	}
	over, stop := marking(s.capped)
	defer stop()
	for row, err := range s.source.Rows(ctx) {
		switch {
		case err != nil:
			var d campaign.Diagnostic
			if !errors.As(err, &d) {
				return err
			}
			c.bad(row.Row, d)
		default:
			left, err := leaving.at(row.Row)
			if err != nil {
				return err
			}
			capped, err := over.at(row.Row)
			if err != nil {
				return err
			}
			c.add(row, left, capped)
		}
		if !c.full() {
			continue
		}
		if !emit(c) {
			return nil
		}
		if c = next(); c == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		c.reset()
	}
	if len(c.entries) > 0 {
		emit(c)
	}
	return ctx.Err()
}

// leaving walks beside the rows over those that screening leaves out.
type leaving struct {
	next    func() (recipients.Left, error, bool)
	current recipients.Left
}

// at gives what screening says about a row; rows come in ascending order.
func (l *leaving) at(row int64) (recipients.Left, error) {
	for l.next != nil && l.current.Row < row {
		left, err, ok := l.next()
		if err != nil {
			return left, err
		}
		if !ok {
			l.next = nil
			break
		}
		l.current = left
	}
	if l.current.Row == row && row > 0 {
		return l.current, nil
	}
	return recipients.Left{}, nil
}
