package diagnostics

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// EscapeJSON writes JSON on to w with escapes for what moves a terminal's cursor or
// turns text around: the values stay the same. Each Write must end with a whole
// character, as those of encoding/json do.
func EscapeJSON(w io.Writer) io.Writer { return escaper{w} }

type escaper struct{ w io.Writer }

// Write implements io.Writer. Control characters of ASCII stand only between values;
// encoding/json has escaped the others.
func (e escaper) Write(data []byte) (int, error) {
	var out []byte
	from := 0
	for at := 0; at < len(data); {
		if data[at] < 0x7f {
			at++
			continue
		}
		r, size := utf8.DecodeRune(data[at:])
		if control(r) {
			out = fmt.Appendf(append(out, data[from:at]...), `\u%04x`, r)
			from = at + size
		}
		at += size
	}
	if from == 0 {
		return e.w.Write(data)
	}
	if _, err := e.w.Write(append(out, data[from:]...)); err != nil {
		return 0, err
	}
	return len(data), nil
}
