package recipients

import (
	"io"
	"testing"
)

// TestSortPasses: however many runs there are, no more are merged at once than
// have room for a block each; and everything comes back in order.
func TestSortPasses(t *testing.T) {
	const memory, records = 20 * recordSize, 5000
	dir := t.TempDir()
	s := newSorter(memory, func() (spill, error) { return newTempFile(dir) })
	defer s.close()
	for i := range uint64(records) {
		if err := s.add(record{i * 7919 % records, i, 0}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.runs) <= s.fanIn*s.fanIn {
		t.Fatalf("%d runs do not need two passes of %d", len(s.runs), s.fanIn)
	}
	if err := s.sort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if held := len(s.runs) * s.block; len(s.runs) > s.fanIn || held > memory {
		t.Errorf("%d runs of %d are left, their blocks take %d bytes of %d", len(s.runs), s.fanIn, held, memory)
	}
	r, err := s.reader()
	if err != nil {
		t.Fatal(err)
	}
	for want := range uint64(records) {
		if got, err := r.next(); err != nil || got.a != want || got.b*7919%records != want {
			t.Fatalf("record %d is %v, %v", want, got, err)
		}
	}
	if got, err := r.next(); err != io.EOF {
		t.Errorf("after the last: %v, %v", got, err)
	}
}

// TestScreenRepeatedEntries: what stands in a list many times is held once for
// each row that it excludes.
func TestScreenRepeatedEntries(t *testing.T) {
	s := newScreener(Options{}, func() (spill, error) { return newTempFile(t.TempDir()) })
	defer s.Close()
	for range 1000 {
		if err := s.Exclude(3, 0, []byte("u")); err != nil {
			t.Fatal(err)
		}
	}
	for row := range int64(5) {
		if err := s.Row(row, 0, []byte("u"), false); err != nil {
			t.Fatal(err)
		}
	}
	found, err := s.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.excluded.buf); n != 5 || found.Matched(3) != 5 {
		t.Errorf("%d entries are held, %d rows matched", n, found.Matched(3))
	}
}
