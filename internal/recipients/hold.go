package recipients

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"campaign/internal/campaign"
)

// Held reads the rows of a source that is slow to read once, and again from a
// temporary file. The first reading that comes to its end is kept.
type Held struct {
	source Source
	create func() (spill, error)
	kept   spill
	size   int64
	form   *Form
}

// Hold holds a source. Close removes the temporary file.
func Hold(s Source, o Options) *Held {
	return &Held{source: s, create: func() (spill, error) { return newTempFile(o.TempDir) }}
}

// IsSlow reports whether reading a source takes much longer than reading what Held
// keeps of it.
func IsSlow(s Source) bool {
	_, slow := s.(*xlsxFile)
	return slow
}

// Rows are those of the source.
func (h *Held) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if h.kept == nil {
			h.first(ctx, yield)
			return
		}
		if err := h.again(ctx, yield); err != nil {
			yield(Row{}, fmt.Errorf("read a temporary file: %w", err))
		}
	}
}

// first reads the source and keeps what it gives, unless it is left early.
func (h *Held) first(ctx context.Context, yield func(Row, error) bool) {
	file, err := h.create()
	if err != nil {
		yield(Row{}, fmt.Errorf("create a temporary file: %w", err))
		return
	}
	out := bufio.NewWriterSize(file, 64<<10)
	var buf []byte
	for row, err := range h.source.Rows(ctx) {
		var d campaign.Diagnostic
		if err != nil && !errors.As(err, &d) {
			file.Close()
			yield(Row{}, err)
			return
		}
		if row.Form != nil {
			h.form = row.Form
		}
		buf = appendHeld(buf[:0], row, err, d)
		_, failed := out.Write(buf)
		if h.size += int64(len(buf)); failed != nil {
			file.Close()
			yield(Row{}, fmt.Errorf("write a temporary file: %w", failed))
			return
		}
		if !yield(row, err) {
			h.size = 0
			file.Close()
			return
		}
	}
	if err := out.Flush(); err != nil {
		file.Close()
		yield(Row{}, fmt.Errorf("write a temporary file: %w", err))
		return
	}
	h.kept = file
}

// appendHeld writes a row: its number, its line, then its cells, each with its
// length + 1; or 0 and the diagnostic.
func appendHeld(buf []byte, row Row, err error, d campaign.Diagnostic) []byte {
	buf = binary.AppendUvarint(buf, uint64(row.Row))
	buf = binary.AppendUvarint(buf, uint64(row.Line))
	if err != nil {
		text, _ := json.Marshal(d) // plain texts and numbers
		buf = binary.AppendUvarint(append(buf, 0), uint64(len(text)))
		return append(buf, text...)
	}
	buf = binary.AppendUvarint(buf, uint64(len(row.Cells))+1)
	for _, cell := range row.Cells {
		buf = binary.AppendUvarint(buf, uint64(len(cell)))
		buf = append(buf, cell...)
	}
	return buf
}

// again reads what was kept.
func (h *Held) again(ctx context.Context, yield func(Row, error) bool) error {
	r := heldReader{Reader: bufio.NewReaderSize(io.NewSectionReader(h.kept, 0, h.size), 64<<10)}
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		number, err := binary.ReadUvarint(r)
		if err == io.EOF {
			return nil
		}
		row := Row{Row: int64(number), Line: int(r.number(&err)), Form: h.form}
		var problem error
		if cells := r.number(&err); cells == 0 {
			var d campaign.Diagnostic
			if text := r.text(&err); err == nil {
				err = json.Unmarshal([]byte(text), &d)
			}
			problem = d
		} else {
			row.Cells = make([]string, cells-1)
			for i := range row.Cells {
				row.Cells[i] = r.text(&err)
			}
		}
		if err != nil {
			return err
		}
		if !yield(row, problem) {
			return nil
		}
	}
}

// heldReader reads numbers and texts; after an error it gives nothing.
type heldReader struct{ *bufio.Reader }

func (r heldReader) number(err *error) (n uint64) {
	if *err == nil {
		n, *err = binary.ReadUvarint(r)
	}
	return n
}

func (r heldReader) text(err *error) string {
	n := r.number(err)
	if *err != nil {
		return ""
	}
	text := make([]byte, n)
	_, *err = io.ReadFull(r, text)
	return string(text)
}

// Close removes the temporary file.
func (h *Held) Close() error {
	if h.kept == nil {
		return nil
	}
	err := h.kept.Close()
	h.kept = nil
	if err != nil {
		return fmt.Errorf("remove a temporary file: %w", err)
	}
	return nil
}
