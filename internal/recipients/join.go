package recipients

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"

	"campaign/internal/campaign"
)

// Rules of diagnostics about joins.
const (
	ruleEmptyKey     = "empty-required"
	ruleMangledKey   = "mangled-id"
	ruleNotFound     = "not-found"
	ruleAmbiguousKey = "ambiguous-key"
)

// Join is how the rows of a list get cells of a directory: those of the row there
// that has the same key. Keys are compared in their plain form (Plain), by 128 bits
// of SHA-256. Both may be larger than memory: keys are sorted, and what is taken
// from the directory is kept, in temporary files.
type Join struct {
	List, Directory         Rows
	ListFile, DirectoryFile string
	Name                    string // of the key's column, for messages
	Width                   int    // cells of a row of List
	Key                     int    // its column in List
	DirectoryKey            int    // and in Directory
	Take                    []int  // columns of Directory that are appended to the cells of List
	Optional                bool   // a row whose key is not there is Missing; else that is an error
}

// Joined reads a list with what a directory adds to it.
type Joined struct {
	join    Join
	matched *sorter // row, place of the values + 1 or 0, and of other values + 1 for an ambiguous key
	values  *values
}

// Open reads both. Rows of the directory that cannot be read are given to problem.
// Close removes the temporary files.
func (j Join) Open(ctx context.Context, o Options, problem func(campaign.Diagnostic)) (*Joined, error) {
	return j.open(ctx, o.Memory, func() (spill, error) { return newTempFile(o.TempDir) }, problem)
}

func (j Join) open(ctx context.Context, memory int, create func() (spill, error), problem func(campaign.Diagnostic)) (_ *Joined, err error) {
	if memory <= 0 {
		memory = defaultMemory
	}
	file, err := create()
	if err != nil {
		return nil, fmt.Errorf("join: create a temporary file: %w", err)
	}
	out := &Joined{join: j, matched: newSorter(memory/3, create), values: newValues(file)}
	directory, list := newSorter(memory/3, create), newSorter(memory/3, create)
	defer func() {
		if e := errors.Join(directory.close(), list.close()); e != nil || err != nil {
			err = errors.Join(err, e, out.Close())
		}
	}()
	if err := out.readDirectory(ctx, directory, problem); err != nil {
		return nil, fmt.Errorf("read %s: %w", j.DirectoryFile, err)
	}
	if err := out.readList(ctx, list); err != nil {
		return nil, fmt.Errorf("read %s: %w", j.ListFile, err)
	}
	if err := out.match(ctx, list, directory); err != nil {
		return nil, fmt.Errorf("join %s with %s: %w", j.ListFile, j.DirectoryFile, err)
	}
	return out, nil
}

func keyRecord(key string, third uint64) record {
	sum := sha256.Sum256([]byte(key))
	return record{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]), third}
}

// readDirectory keeps what may be taken and sorts it by key. Rows without a key
// are nobody's.
func (d *Joined) readDirectory(ctx context.Context, to *sorter, problem func(campaign.Diagnostic)) error {
	for row, err := range d.join.Directory.Rows(ctx) {
		var found campaign.Diagnostic
		if errors.As(err, &found) {
			problem(found)
			continue
		}
		if err != nil {
			return err
		}
		key := Plain(row.Cells[d.join.DirectoryKey])
		if key == "" {
			continue
		}
		if complaint, hint := Mangled(key); complaint != "" {
			problem(d.inKey(d.join.DirectoryFile, row, d.join.DirectoryKey, ruleMangledKey, complaint, hint))
			continue
		}
		at, err := d.values.add(row, d.join.Take)
		if err != nil {
			return err
		}
		if err := to.add(keyRecord(key, at)); err != nil {
			return err
		}
	}
	return d.values.flush()
}

func (d *Joined) inKey(file string, row Row, cell int, rule, complaint, hint string) campaign.Diagnostic {
	line, col := row.Place(cell)
	return campaign.Diagnostic{File: file, Line: line, Col: col, Rule: rule, Hint: hint,
		Message: fmt.Sprintf("%s: %s %s", row.Where(cell), d.join.Name, complaint)}
}

// readList sorts the list's rows by key. What is wrong with a row is said when the
// rows are read.
func (d *Joined) readList(ctx context.Context, to *sorter) error {
	for row, err := range d.join.List.Rows(ctx) {
		if errors.As(err, new(campaign.Diagnostic)) {
			continue
		}
		if err != nil {
			return err
		}
		if key := Plain(row.Cells[d.join.Key]); key != "" {
			if err := to.add(keyRecord(key, uint64(row.Row))); err != nil {
				return err
			}
		}
	}
	return nil
}

// match walks over both in the order of keys.
func (d *Joined) match(ctx context.Context, list, directory *sorter) error {
	if err := errors.Join(list.sort(ctx), directory.sort(ctx)); err != nil {
		return err
	}
	rows, err := list.reader()
	if err != nil {
		return err
	}
	entries, err := directory.reader()
	if err != nil {
		return err
	}
	var found record // the last row's key, and what was found for it
	var others uint64
	have := false
	entry, end := entries.next()
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := rows.next()
		if err == io.EOF {
			return d.matched.sort(ctx)
		}
		if err != nil {
			return err
		}
		if !have || row.a != found.a || row.b != found.b {
			found, others, have = record{row.a, row.b, 0}, 0, true
			for end == nil && less(entry, row) {
				entry, end = entries.next()
			}
			for end == nil && entry.a == row.a && entry.b == row.b {
				if found.c == 0 {
					found.c = entry.c + 1
				} else if others == 0 {
					same, err := d.values.same(found.c-1, entry.c)
					if err != nil {
						return err
					}
					if !same {
						others = entry.c + 1
					}
				}
				entry, end = entries.next()
			}
			if end != nil && end != io.EOF {
				return end
			}
		}
		if err := d.matched.add(record{row.c, found.c, others}); err != nil {
			return err
		}
	}
}

// less compares keys.
func less(a, b record) bool { return a.a < b.a || a.a == b.a && a.b < b.b }

// Rows are those of the list, with the cells that are taken behind their own.
func (d *Joined) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		matched, err := d.matched.reader()
		if err != nil {
			yield(Row{}, fmt.Errorf("join: %w", err))
			return
		}
		m, end := matched.next()
		for row, err := range d.join.List.Rows(ctx) {
			if err == nil {
				for end == nil && m.a < uint64(row.Row) {
					m, end = matched.next()
				}
				if end != nil && end != io.EOF {
					yield(Row{}, fmt.Errorf("join: %w", end))
					return
				}
				found := record{} // for rows without a key nothing was
				if end == nil && m.a == uint64(row.Row) {
					found = m
				}
				err = d.take(&row, found)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// digits is a key that a spreadsheet would take for a number.
var digits = regexp.MustCompile(`^[0-9]+$`)

// take appends to a row's cells what the directory has for it.
func (d *Joined) take(row *Row, m record) error {
	j := &d.join
	key := Plain(row.Cells[j.Key])
	complaint, hint := Mangled(key)
	fail := func(rule, complaint, hint string) error {
		return d.inKey(j.ListFile, *row, j.Key, rule, complaint, hint)
	}
	switch {
	case key == "":
		return fail(ruleEmptyKey, "is empty, so nothing can be looked up in "+j.DirectoryFile, "fill the cell")
	case complaint != "":
		return fail(ruleMangledKey, complaint, hint)
	case m.b == 0 && j.Optional:
		row.Missing = true
		row.Cells = append(row.Cells, make([]string, len(j.Take))...)
		return nil
	case m.b == 0:
		hint := "correct it or add it there, or say missing: skip to leave such rows out"
		if digits.MatchString(key) {
			hint = "correct it or add it there; a spreadsheet drops zeros at the beginning of a number: format the column as text in both files. missing: skip leaves such rows out"
		}
		return fail(ruleNotFound, "is not in "+j.DirectoryFile, hint)
	}
	number, cells, err := d.values.read(m.b - 1)
	if err != nil {
		return err
	}
	if m.c != 0 {
		other, _, err := d.values.read(m.c - 1)
		if err != nil {
			return err
		}
		return fail(ruleAmbiguousKey, fmt.Sprintf("stands in %s more than once, with different values: in rows %d and %d", j.DirectoryFile, number, other),
			"correct the directory: which of them is right cannot be told")
	}
	row.Cells = append(row.Cells, cells...)
	return nil
}

// Close removes the temporary files.
func (d *Joined) Close() error {
	if err := errors.Join(d.matched.close(), d.values.file.Close()); err != nil {
		return fmt.Errorf("join: remove a temporary file: %w", err)
	}
	return nil
}

// values keeps what may be taken from a directory, in a temporary file: for each
// row the length of the rest, the row's number, and each value with its length.
type values struct {
	file   spill
	out    *bufio.Writer
	size   uint64
	buf    []byte
	window []byte // a stretch of the file, for reading
	from   uint64 // where it begins
}

func newValues(file spill) *values {
	return &values{file: file, out: bufio.NewWriterSize(file, 64<<10)}
}

// add keeps a row's values and gives their place.
func (v *values) add(row Row, take []int) (uint64, error) {
	v.buf = binary.AppendUvarint(v.buf[:0], uint64(row.Row))
	for _, i := range take {
		v.buf = binary.AppendUvarint(v.buf, uint64(len(row.Cells[i])))
		v.buf = append(v.buf, row.Cells[i]...)
	}
	at := v.size
	head := binary.AppendUvarint(nil, uint64(len(v.buf)))
	_, err := v.out.Write(head)
	if err == nil {
		_, err = v.out.Write(v.buf)
	}
	if err != nil {
		return 0, fmt.Errorf("write a temporary file: %w", err)
	}
	v.size += uint64(len(head) + len(v.buf))
	return at, nil
}

func (v *values) flush() error {
	if err := v.out.Flush(); err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	v.out = nil
	return nil
}

// windowSize is what is read at once: neighbours in a list are often neighbours in
// the directory.
const windowSize = 4 << 10

// raw gives what is kept at a place, valid until the next call.
func (v *values) raw(at uint64) ([]byte, error) {
	if n, ok := v.whole(at); ok {
		return n, nil
	}
	size := uint64(windowSize)
	for {
		size = min(size, v.size-at)
		if uint64(cap(v.window)) < size {
			v.window = make([]byte, size)
		}
		v.window, v.from = v.window[:size], at
		if n, err := v.file.ReadAt(v.window, int64(at)); uint64(n) < size {
			v.window = nil
			return nil, fmt.Errorf("read a temporary file: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		if record, ok := v.whole(at); ok {
			return record, nil
		}
		length, n := binary.Uvarint(v.window)
		if n <= 0 || uint64(n)+length <= size || uint64(n)+length > v.size-at {
			return nil, errors.New("a temporary file was changed")
		}
		size = uint64(n) + length
	}
}

// whole gives what is kept at a place if the window has all of it.
func (v *values) whole(at uint64) ([]byte, bool) {
	if at < v.from || at >= v.from+uint64(len(v.window)) {
		return nil, false
	}
	rest := v.window[at-v.from:]
	length, n := binary.Uvarint(rest)
	if n <= 0 || length > uint64(len(rest)-n) {
		return nil, false
	}
	return rest[n : n+int(length)], true
}

func (v *values) read(at uint64) (row int64, cells []string, err error) {
	raw, err := v.raw(at)
	if err != nil {
		return 0, nil, err
	}
	number, n := binary.Uvarint(raw)
	for rest := raw[n:]; len(rest) > 0; {
		length, n := binary.Uvarint(rest)
		cells = append(cells, string(rest[n:n+int(length)]))
		rest = rest[n+int(length):]
	}
	return int64(number), cells, nil
}

// same reports whether two rows have the same values.
func (v *values) same(a, b uint64) (bool, error) {
	first, err := v.raw(a)
	if err != nil {
		return false, err
	}
	_, n := binary.Uvarint(first)
	kept := bytes.Clone(first[n:])
	second, err := v.raw(b)
	if err != nil {
		return false, err
	}
	_, n = binary.Uvarint(second)
	return bytes.Equal(kept, second[n:]), nil
}
