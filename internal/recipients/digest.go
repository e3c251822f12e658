package recipients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
)

const byteOrderMark = "\uFEFF"

// digestText computes the SHA-256 of a text whose line endings (CR LF, CR) are
// read as LF, without a byte order mark: lower-case hex.
func digestText(ctx context.Context, r io.Reader) (string, error) {
	h := sha256.New()
	buf := make([]byte, 64<<10)
	head, afterCR := true, false
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := readFull(r, buf)
		text := buf[:n]
		if head {
			text = bytes.TrimPrefix(text, []byte(byteOrderMark))
			head = false
		}
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
