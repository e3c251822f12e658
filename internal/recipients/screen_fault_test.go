package recipients

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bytesFile keeps a spill in memory; open counts those that were not closed.
type bytesFile struct {
	data []byte
	open *int
}

func (b *bytesFile) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	return len(p), nil
}

func (b *bytesFile) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(b.data).ReadAt(p, at)
}

func (b *bytesFile) Close() error {
	*b.open--
	return nil
}

// faultyFile fails at one operation; happens says whether the operation takes
// place nevertheless.
type faultyFile struct {
	spill
	fault func() error
	late  bool
}

func (f faultyFile) Write(p []byte) (int, error) {
	if err := f.fault(); err != nil {
		if f.late {
			n, _ := f.spill.Write(p)
			return n, err
		}
		return len(p) / 2, err
	}
	return f.spill.Write(p)
}

func (f faultyFile) ReadAt(p []byte, at int64) (int, error) {
	if err := f.fault(); err != nil {
		return 0, err
	}
	return f.spill.ReadAt(p, at)
}

func (f faultyFile) Close() error {
	err := f.fault()
	return errors.Join(err, f.spill.Close())
}

// TestScreenFaults lets every single file operation fail, in both halves: it must
// come out as an error, never as a result.
func TestScreenFaults(t *testing.T) {
	in := spillingInput()
	full := errors.New("no space left on device")
	for _, late := range []bool{false, true} {
		operations := 0
		screen := func(failing int) (left []Left, err error) {
			operations = 0
			fault := func() error {
				if operations++; operations == failing {
					return full
				}
				return nil
			}
			open := 0
			s := newScreener(Options{Memory: 30 * recordSize}, func() (spill, error) {
				if err := fault(); err != nil {
					return nil, err
				}
				open++
				return faultyFile{&bytesFile{open: &open}, fault, late}, nil
			})
			defer func() {
				err = errors.Join(err, s.Close())
				if open > 0 {
					t.Errorf("operation %d failed: %d files stay open", failing, open)
				}
			}()
			if err := in.feed(s); err != nil {
				if again := s.Row(1000, 0, nil, false); again != err {
					t.Errorf("%v after %v", again, err)
				}
				return nil, err
			}
			found, err := s.Finish(t.Context())
			if err != nil {
				if _, again := s.Finish(t.Context()); again != err {
					t.Errorf("%v after %v", again, err)
				}
				return nil, err
			}
			return leftOf(t.Context(), found)
		}

		left, err := screen(0)
		want, _ := in.oracle()
		if diff := cmp.Diff(want, left); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		all := operations
		t.Logf("%d file operations", all)
		if all < 100 {
			t.Fatalf("only %d file operations", all)
		}
		for failing := 1; failing <= all; failing++ {
			if _, err := screen(failing); !errors.Is(err, full) {
				t.Errorf("operation %d of %d failed and the screener says %v", failing, all, err)
			}
		}
	}
}

// shortFile loses what it was given, without an error.
type shortFile struct{ spill }

func (f shortFile) Write(p []byte) (int, error) { return f.spill.Write(p[:len(p)/2]) }

func TestScreenShortWrite(t *testing.T) {
	s := newScreener(Options{Memory: 1}, func() (spill, error) {
		file, err := newTempFile(t.TempDir())
		return shortFile{file}, err
	})
	defer s.Close()
	if err := spillingInput().feed(s); err == nil || err.Error() !=
		"screening for duplicates and exclusions: write a temporary file: short write" {
		t.Error(err)
	}
}

// TestSortTruncated: a temporary file that became shorter is noticed.
func TestSortTruncated(t *testing.T) {
	var file *tempFile
	s := newSorter(1000*recordSize, func() (spill, error) {
		f, err := newTempFile(t.TempDir())
		file = f.(*tempFile)
		return f, err
	})
	defer s.close()
	for i := range uint64(3000) {
		if err := s.add(record{a: i}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.sort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(2500 * recordSize); err != nil {
		t.Fatal(err)
	}
	r, err := s.reader()
	n := 0
	for ; err == nil; n++ {
		_, err = r.next()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) || n == 0 {
		t.Errorf("%d records, then %v", n, err)
	}
}

func TestScreenNoTempDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	s := NewScreener(Options{Memory: 1, TempDir: dir})
	defer s.Close()
	if err := spillingInput().feed(s); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestScreenTempFiles(t *testing.T) {
	dir := t.TempDir()
	s := newScreener(Options{Memory: 1}, func() (spill, error) { return newTempFile(dir) })
	if err := spillingInput().feed(s); err != nil {
		t.Fatal(err)
	}
	if s.files == 0 {
		t.Fatal("nothing was spilled")
	}
	if names, _ := os.ReadDir(dir); runtime.GOOS != "windows" && len(names) > 0 {
		t.Errorf("%v would stay after a crash", names)
	}
	info, err := s.entries.file.(*tempFile).Stat()
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
		t.Errorf("mode %o", mode)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(dir); len(names) > 0 {
		t.Errorf("%v is left", names)
	}

	// Where a file cannot lose its name while it is open, Close removes it.
	f, err := os.CreateTemp(dir, "named-*")
	if err != nil {
		t.Fatal(err)
	}
	if err := (&tempFile{f, true}).Close(); err != nil {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(dir); len(names) > 0 {
		t.Errorf("%v is left", names)
	}
}
