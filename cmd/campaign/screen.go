package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// screen is standard error: what is written passes through, and on a terminal a
// block of lines stays at the bottom while it is shown. Without a block it adds
// nothing to what is written, so that pipes and logs get plain lines.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int          // columns
	rows  func() int          // lines of the window; nil: not known
	block []string            // as shown
	open  bool                // the last thing written was no whole line: a question
	words func(string) string // what is written, in the reader's language; nil: as it is
}

func newScreen(w io.Writer) *screen {
	size := func() (columns, rows int) {
		if f, ok := w.(*os.File); ok {
			if n, m, err := term.GetSize(int(f.Fd())); err == nil && n > 0 && m > 0 {
				return n, m
			}
		}
		return 80, 24
	}
	return &screen{w: w, width: func() int { n, _ := size(); return n }, rows: func() int { _, m := size(); return m }}
}

// Write implements io.Writer, for what people read.
func (s *screen) Write(p []byte) (int, error) {
	if s.words == nil {
		return s.write(p)
	}
	if _, err := s.write([]byte(s.words(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// write writes as it is.
func (s *screen) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.block) == 0 {
		return s.w.Write(p)
	}
	n, err := io.WriteString(s.w, s.erase()+string(p))
	if s.open = !strings.HasSuffix(string(p), "\n"); !s.open && err == nil {
		_, err = io.WriteString(s.w, draw(s.block))
	}
	return min(n, len(p)), err
}

// show puts a block in the place of the one before; without lines it is gone.
func (s *screen) show(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		return // a line is being written
	}
	before := s.erase()
	s.block = nil
	width := max(s.width()-1, 1) // a line that is full may wrap
	for _, l := range lines {
		if s.words != nil {
			l = s.words(l)
		}
		s.block = append(s.block, folded(l, width)...)
	}
	if s.rows != nil { // what is above the window cannot be taken away again
		s.block = s.block[:min(len(s.block), max(s.rows()-1, 1))]
	}
	_, _ = io.WriteString(s.w, before+draw(s.block)) // progress is no data
}

// folded breaks a line between its parts, which have two spaces between them, or else
// between its words, so that it is no wider than so many columns. What does not fit even
// so is cut.
func folded(line string, width int) []string {
	const indent = "    "
	between := "  "
	if !strings.Contains(strings.TrimSpace(line), between) {
		between = " "
	}
	var out []string
	now := ""
	for word := range strings.SplitAfterSeq(line, between) {
		if next := now + word; runewidth.StringWidth(strings.TrimRight(next, " ")) <= width || strings.TrimSpace(now) == "" {
			now = next
			continue
		}
		out, now = append(out, now), indent+word
	}
	out = append(out, now)
	for i := range out {
		out[i] = runewidth.Truncate(strings.TrimRight(out[i], " "), width, "…")
	}
	return out
}

// erase takes the block away: up to its first line, then all below (ECMA-48, CUU and ED).
func (s *screen) erase() string {
	if len(s.block) == 0 || s.open {
		return ""
	}
	rows, columns := 0, max(s.width(), 1)
	for _, l := range s.block { // a window that became narrower has wrapped them
		rows += max((runewidth.StringWidth(l)+columns-1)/columns, 1)
	}
	return fmt.Sprintf("\x1b[%dA\r\x1b[J", rows)
}

func draw(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
