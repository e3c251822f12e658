package recipients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What Keyed brings together is what a map would, whatever was spilled.
func TestKeyedIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		memory := rapid.SampledFrom([]int{1, 200, 5000}).Draw(t, "memory")
		entries := rapid.SliceOfN(rapid.IntRange(0, 40), 0, 300).Draw(t, "entries")
		k := NewKeyed(Options{Memory: memory, TempDir: tempDir})
		defer k.Close()
		want := map[string][]uint64{}
		for i, e := range entries {
			key := fmt.Sprint("k", e%13)
			tag := uint64(i % 7)
			want[key] = append(want[key], tag)
			if err := k.Add([]byte(key), tag); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // it can be read again
			var got [][]uint64
			err := k.Each(context.Background(), func(first bool, tag uint64) error {
				if first {
					got = append(got, nil)
				}
				got[len(got)-1] = append(got[len(got)-1], tag)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			var all [][]uint64
			for _, tags := range want {
				slices.Sort(tags)
				all = append(all, tags)
			}
			slices.SortFunc(all, slices.Compare)
			slices.SortFunc(got, slices.Compare)
			if d := cmp.Diff(all, got); d != "" {
				t.Fatal(d)
			}
		}
		if err := k.Add([]byte("late"), 1); !errors.Is(err, errOrder) {
			t.Fatalf("adding after reading: %v", err)
		}
	})
}

func TestNumbersAscend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Int64Range(0, 1000), 0, 300).Draw(t, "numbers")
		n := NewNumbers(Options{Memory: rapid.SampledFrom([]int{1, 5000}).Draw(t, "memory"), TempDir: tempDir})
		defer n.Close()
		for _, v := range all {
			if err := n.Add(v); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(all)
		for range 2 {
			var got []int64
			for v, err := range n.All(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, v)
			}
			if !slices.Equal(all, got) || n.Len() != int64(len(all)) {
				t.Fatalf("got %v of %v", got, all)
			}
		}
		for range n.All(context.Background()) {
			break // whoever has enough is not told of an error
		}
		if err := n.Add(1); !errors.Is(err, errOrder) {
			t.Fatalf("adding after reading: %v", err)
		}
	})
}

// tempDir is for the property tests of this file; the others take t.TempDir.
var tempDir = os.TempDir()

func TestKeyedWithoutADisk(t *testing.T) {
	missing := t.TempDir() + "/nosuch"
	k := NewKeyed(Options{Memory: 100, TempDir: missing})
	n := NewNumbers(Options{Memory: 100, TempDir: missing})
	var keyed, numbers error
	for i := range 100 {
		keyed = errors.Join(keyed, k.Add(fmt.Append(nil, i), 1))
		numbers = errors.Join(numbers, n.Add(int64(i)))
	}
	for _, err := range []error{keyed, numbers} {
		if err == nil || !strings.Contains(err.Error(), "comparing recipients: create a temporary file") {
			t.Errorf("got %v", err)
		}
	}
}

func TestKeyedStops(t *testing.T) {
	k := NewKeyed(Options{TempDir: t.TempDir()})
	defer k.Close()
	if err := k.Add([]byte("a"), 1); err != nil {
		t.Fatal(err)
	}
	own := errors.New("own")
	if err := k.Each(t.Context(), func(bool, uint64) error { return own }); !errors.Is(err, own) {
		t.Errorf("got %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := k.Each(ended, func(bool, uint64) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	n := NewNumbers(Options{TempDir: t.TempDir()})
	defer n.Close()
	if err := n.Add(1); err != nil {
		t.Fatal(err)
	}
	for _, err := range n.All(ended) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}
