package recipients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// key is what a row or a list entry gives to a screener.
type key struct {
	kind   uint8
	text   string
	dedupe bool
}

type screenInput struct {
	lists map[int][]key
	rows  map[int64][]key
}

// feed gives a whole input to a screener.
func (in screenInput) feed(s Screener) error {
	for _, list := range sortedKeys(in.lists) {
		for _, k := range in.lists[list] {
			if err := s.Exclude(list, k.kind, []byte(k.text)); err != nil {
				return err
			}
		}
	}
	for _, row := range sortedKeys(in.rows) {
		for _, k := range in.rows[row] {
			if err := s.Row(row, k.kind, []byte(k.text), k.dedupe); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedKeys[K int | int64, V any](m map[K]V) []K {
	var keys []K
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// oracle says what a screener must find, by going through the rows in order.
func (in screenInput) oracle() (left []Left, matched map[int]int64) {
	matched = map[int]int64{}
	sent := map[key]int64{}
	for _, row := range sortedKeys(in.rows) {
		excluded := false
		for _, list := range sortedKeys(in.lists) {
			stands := slices.ContainsFunc(in.rows[row], func(k key) bool {
				k.dedupe = false
				return slices.Contains(in.lists[list], k)
			})
			if stands {
				matched[list]++
			}
			if stands && !excluded {
				excluded = true
				left = append(left, Left{Row: row, Reason: Excluded, List: list})
			}
		}
		for _, k := range in.rows[row] {
			if excluded || !k.dedupe {
				continue
			}
			if first, ok := sent[k]; ok {
				left = append(left, Left{Row: row, Reason: Duplicate, First: first})
			} else {
				sent[k] = row
			}
		}
	}
	return left, matched
}

func genInput(t *rapid.T) screenInput {
	in := screenInput{lists: map[int][]key{}, rows: map[int64][]key{}}
	text := rapid.StringMatching(`[ab]?[0-9]`)
	for range rapid.IntRange(0, 3).Draw(t, "lists") {
		list := rapid.IntRange(0, 5).Draw(t, "list")
		for range rapid.IntRange(0, 12).Draw(t, "entries") {
			in.lists[list] = append(in.lists[list], key{kind: rapid.Uint8Range(0, 2).Draw(t, "kind"), text: text.Draw(t, "key")})
		}
	}
	row := int64(0)
	for range rapid.IntRange(0, 150).Draw(t, "rows") {
		row += rapid.Int64Range(1, 3).Draw(t, "step")
		deduped := false
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			dedupe := !deduped && rapid.Bool().Draw(t, "dedupe")
			deduped = deduped || dedupe
			in.rows[row] = append(in.rows[row], key{rapid.Uint8Range(0, 2).Draw(t, "kind"), text.Draw(t, "key"), dedupe})
		}
	}
	return in
}

func leftOf(ctx context.Context, s Screening) ([]Left, error) {
	var all []Left
	for left, err := range s.Left(ctx) {
		if err != nil {
			return all, err
		}
		all = append(all, left)
	}
	return all, nil
}

// TestScreenOracle compares with the plain way, with so little memory that the
// entries are spilled, merged in several passes, or not spilled at all.
func TestScreenOracle(t *testing.T) {
	spilled, passes, excluded, doubles, kept := 0, 0, 0, 0, 0
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		in := genInput(t)
		memory := rapid.SampledFrom([]int{1, 10 * recordSize, 40 * recordSize, 0}).Draw(t, "memory")
		s := newScreener(Options{Memory: memory}, func() (spill, error) { return newTempFile(dir) })
		defer s.Close()
		if err := in.feed(s); err != nil {
			t.Fatal(err)
		}
		entries := len(s.entries.runs)
		found, err := s.Finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want, matched := in.oracle()
		for range 2 {
			left, err := leftOf(t.Context(), found)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, left); diff != "" {
				t.Fatalf("(-want +got)\n%s", diff)
			}
		}
		for list := range 6 {
			if got := found.Matched(list); got != matched[list] {
				t.Fatalf("list %d matched %d, want %d", list, got, matched[list])
			}
		}

		switch {
		case entries > s.entries.fanIn:
			passes++
		case s.files > 0:
			spilled++
		default:
			kept++
		}
		if memory == 0 && s.files > 0 {
			t.Fatalf("%d files with the default memory", s.files)
		}
		for _, l := range want {
			if l.Reason == Excluded {
				excluded++
			} else {
				doubles++
			}
		}
	})
	for what, n := range map[string]int{
		"spilled": spilled, "merged in passes": passes, "kept in memory": kept, "excluded": excluded, "duplicates": doubles,
	} {
		if n == 0 {
			t.Errorf("none was ever %s", what)
		}
	}
}

// TestScreenKinds: what the words of Screener mean.
func TestScreenKinds(t *testing.T) {
	const user, userOrg = 0, 1
	tests := []struct {
		name string
		in   screenInput
		want []Left
	}{
		{
			"excluded by another kind is never the first",
			screenInput{
				map[int][]key{4: {{kind: user, text: "u3"}}},
				map[int64][]key{
					3: {{user, "u3", false}, {userOrg, "x", true}},
					7: {{user, "u7", false}, {userOrg, "x", true}},
					9: {{user, "u9", false}, {userOrg, "x", true}},
				},
			},
			[]Left{{Row: 3, Reason: Excluded, List: 4}, {Row: 9, Reason: Duplicate, First: 7}},
		},
		{
			"exclusion wins over duplicate",
			screenInput{
				map[int][]key{0: {{kind: user, text: "u7"}}},
				map[int64][]key{
					3: {{user, "u3", false}, {userOrg, "x", true}},
					7: {{user, "u7", false}, {userOrg, "x", true}},
				},
			},
			[]Left{{Row: 7, Reason: Excluded, List: 0}},
		},
		{
			"the same key of the same kind excludes all",
			screenInput{
				map[int][]key{1: {{kind: user, text: "u"}}, 0: {{kind: user, text: "v"}, {kind: user, text: "u"}}},
				map[int64][]key{3: {{user, "u", true}}, 7: {{user, "u", true}}},
			},
			[]Left{{Row: 3, Reason: Excluded, List: 0}, {Row: 7, Reason: Excluded, List: 0}},
		},
		{
			"kinds do not mix",
			screenInput{
				map[int][]key{0: {{kind: user, text: "u"}}},
				map[int64][]key{3: {{userOrg, "u", true}}, 7: {{2, "u", true}}, 8: {{2, "u", false}}},
			},
			nil,
		},
		{
			"an empty key is a key",
			screenInput{nil, map[int64][]key{3: {{user, "", true}}, 7: {{user, "", true}}}},
			[]Left{{Row: 7, Reason: Duplicate, First: 3}},
		},
		{"nothing", screenInput{}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := NewScreener(Options{})
			defer s.Close()
			if err := test.in.feed(s); err != nil {
				t.Fatal(err)
			}
			found, err := s.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			left, err := leftOf(t.Context(), found)
			if diff := cmp.Diff(test.want, left); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// spillingInput needs temporary files for every step when memory is little.
func spillingInput() screenInput {
	in := screenInput{lists: map[int][]key{}, rows: map[int64][]key{}}
	for i := range 40 {
		in.lists[i%2] = append(in.lists[i%2], key{kind: 0, text: fmt.Sprint("u", i)})
	}
	for i := range int64(120) {
		in.rows[i+2] = []key{{0, fmt.Sprint("u", i), false}, {1, fmt.Sprint("x", i%45), true}}
	}
	return in
}

func TestScreenOrder(t *testing.T) {
	row := func(n int64) func(Screener) error {
		return func(s Screener) error { return s.Row(n, 0, []byte("x"), false) }
	}
	deduped := func(s Screener) error { return s.Row(5, 0, []byte("x"), true) }
	exclude := func(s Screener) error { return s.Exclude(0, 0, []byte("x")) }
	finish := func(s Screener) error { _, err := s.Finish(t.Context()); return err }
	for name, steps := range map[string][]func(Screener) error{
		"exclude after a row":  {exclude, row(1), exclude},
		"descending rows":      {row(2), row(1)},
		"a negative row":       {row(-1)},
		"a huge row":           {row(maxRow + 1)},
		"a negative list":      {func(s Screener) error { return s.Exclude(-1, 0, nil) }},
		"a row after finish":   {finish, row(1)},
		"a list after finish":  {finish, exclude},
		"finish twice":         {finish, finish},
		"two keys to go by":    {deduped, deduped},
		"a row after close":    {Screener.Close, row(1)},
		"a list after close":   {Screener.Close, exclude},
		"finish after close":   {Screener.Close, finish},
		"finish after failure": {row(2), row(1), finish},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewScreener(Options{})
			defer s.Close()
			var last error
			for i, step := range steps {
				if last != nil && name != "finish after failure" {
					t.Fatalf("step %d: %v", i, last)
				}
				last = step(s)
			}
			if last == nil {
				t.Error("no error")
			}
		})
	}
}

func TestScreenClosed(t *testing.T) {
	for _, memory := range []int{1, 0} {
		s := NewScreener(Options{Memory: memory, TempDir: t.TempDir()})
		if err := spillingInput().feed(s); err != nil {
			t.Fatal(err)
		}
		found, err := s.Finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n, last := 0, error(nil)
		for _, err := range found.Left(t.Context()) {
			if last = err; n == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			n++
		}
		if n != 2 || !errors.Is(last, errClosed) {
			t.Errorf("closed while reading: %d results, then %v", n, last)
		}
		if _, err := leftOf(t.Context(), found); !errors.Is(err, errClosed) {
			t.Errorf("closed before reading: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
	}
}

func TestScreenCancelled(t *testing.T) {
	for _, memory := range []int{1, 0} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := NewScreener(Options{Memory: memory, TempDir: t.TempDir()})
		defer s.Close()
		if err := spillingInput().feed(s); err != nil {
			t.Fatal(err)
		}
		found, err := s.Finish(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := leftOf(ctx, found); !errors.Is(err, context.Canceled) {
			t.Errorf("left: %v", err)
		}
		other := NewScreener(Options{Memory: memory, TempDir: t.TempDir()})
		defer other.Close()
		if err := spillingInput().feed(other); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Finish(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("finish: %v", err)
		}
	}
}
