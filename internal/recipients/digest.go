package recipients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

const byteOrderMark = "\uFEFF"

// digestText computes the SHA-256 of a text whose line endings (CR LF, CR) are
// read as LF: lower-case hex.
func digestText(ctx context.Context, r io.Reader) (string, error) {
	h := sha256.New()
	buf := make([]byte, 64<<10)
	afterCR := false
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := readFull(r, buf)
		text := buf[:n]
		if afterCR && len(text) > 0 && text[0] == '\n' {
			text = text[1:]
		}
		if len(text) > 0 {
			afterCR = text[len(text)-1] == '\r'
		}
		h.Write(normaliseLines(text[:0], text))
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// digestRows computes the SHA-256 over columns and cells, each with its length
// before it: neither the order of keys in a record nor a missing key instead of an
// empty value matters, nor how a file of records is laid out.
func digestRows(ctx context.Context, s Source) (string, error) {
	columns, ds, err := s.Columns(ctx)
	for _, d := range ds {
		if err == nil && !d.Warning {
			err = d
		}
	}
	if err != nil {
		return "", err
	}
	order := make([]int, len(columns)) // of the columns by name
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(columns[a], columns[b]) })
	h := sha256.New()
	var buf []byte
	write := func(texts []string) {
		buf = binary.AppendUvarint(buf[:0], uint64(len(texts)))
		for _, i := range order {
			buf = binary.AppendUvarint(buf, uint64(len(texts[i])))
			buf = append(buf, texts[i]...)
		}
		h.Write(buf)
	}
	write(columns)
	last := int64(0)
	for row, err := range s.Rows(ctx) {
		if d := (campaign.Diagnostic{}); errors.As(err, &d) && d.Warning {
			continue
		}
		if err != nil {
			return "", err
		}
		if row.Row != last+1 { // rows between were blank: numbers are part of a plan
			h.Write(binary.AppendUvarint([]byte{0}, uint64(row.Row)))
		}
		last = row.Row
		write(row.Cells)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// normaliseLines appends text to dst with CR LF and CR as LF. dst may be
// text[:0].
func normaliseLines(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '\r')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(append(dst, text[:i]...), '\n')
		text = text[i+1:]
		if len(text) > 0 && text[0] == '\n' {
			text = text[1:]
		}
	}
}

// readFull fills buf. Unlike io.ReadFull it gives io.EOF for a short last piece,
// so that a reader's own io.ErrUnexpectedEOF is never taken for the end.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	for empty := 0; n < len(buf); {
		m, err := r.Read(buf[n:])
		n += m
		if err == io.EOF {
			return n, io.EOF
		}
		if err != nil {
			return n, err
		}
		if m > 0 {
			empty = 0
		} else if empty++; empty == 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}
