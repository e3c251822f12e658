package recipients

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"

	"campaign/internal/campaign"

	"github.com/google/go-cmp/cmp"
)

const heldText = "a,b\n1,\n\n\"x\ny\",z\nshort\n3,4\n"

// toldBy writes what rows give.
func toldBy(ctx context.Context, r Rows) (told []string, err error) {
	for row, e := range r.Rows(ctx) {
		if e != nil && !errors.As(e, new(campaign.Diagnostic)) {
			err = e
		}
		if e != nil {
			row.Form = nil // of no use
		}
		told = append(told, fmt.Sprintf("%d %d %q %v %v", row.Row, row.Line, row.Cells, row.Form, e))
	}
	return told, err
}

func TestHold(t *testing.T) {
	fsys := fstest.MapFS{"r.csv": {Data: []byte(heldText)}}
	want, err := toldBy(t.Context(), csvIn(fsys, ","))
	if err != nil || len(want) != 4 {
		t.Fatal(want, err)
	}
	h := Hold(csvIn(fsys, ","), Options{TempDir: t.TempDir()})
	for range h.Rows(t.Context()) { // left early, and nothing is kept
		break
	}
	for i := range 3 {
		if got, err := toldBy(t.Context(), h); err != nil || !cmp.Equal(want, got) {
			t.Errorf("reading %d: %v %s", i, err, cmp.Diff(want, got))
		}
		delete(fsys, "r.csv") // the second one needs it no more
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := toldBy(ctx, h); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := errors.Join(h.Close(), h.Close()); err != nil {
		t.Error(err)
	}
	if _, err := toldBy(t.Context(), Hold(csvIn(fsys, ","), Options{})); err == nil {
		t.Error("no file, and no error")
	}
}

// TestHoldFaults lets every single file operation fail.
func TestHoldFaults(t *testing.T) {
	full := errors.New("no space left on device")
	for _, late := range []bool{false, true} {
		operations, open := 0, 0
		read := func(failing int) error {
			operations = 0
			fault := func() error {
				if operations++; operations == failing {
					return full
				}
				return nil
			}
			h := &Held{source: csvIn(fstest.MapFS{"r.csv": {Data: []byte(heldText)}}, ","), create: func() (spill, error) {
				if err := fault(); err != nil {
					return nil, err
				}
				open++
				return faultyFile{&bytesFile{open: &open}, fault, late}, nil
			}}
			_, err := toldBy(t.Context(), h)
			if err == nil {
				_, err = toldBy(t.Context(), h)
			}
			return errors.Join(err, h.Close())
		}
		if err := read(0); err != nil || operations < 4 {
			t.Fatalf("%d operations, %v", operations, err)
		}
		for failing := range operations {
			if err := read(failing + 1); !errors.Is(err, full) {
				t.Errorf("operation %d: %v", failing+1, err)
			}
			if open != 0 {
				t.Fatalf("operation %d: %d files are open", failing+1, open)
			}
		}
	}
}
