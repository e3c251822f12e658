package recipients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"campaign/internal/campaign"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// joined joins two CSV texts whose first columns are the keys; what follows in the
// directory is taken.
func joined(t testing.TB, list, directory string, change func(*Join), memory int) (lines []string, problems []string) {
	t.Helper()
	fsys := fstest.MapFS{"l.csv": {Data: []byte(list)}, "d.csv": {Data: []byte(directory)}}
	open := func(name string) Source {
		return openCSV(textFile{fsys: fsys, path: name}, campaign.Sheet{Delimiter: ","})
	}
	j := Join{List: open("l.csv"), Directory: open("d.csv"), ListFile: "l.csv", DirectoryFile: "d.csv", Name: "key",
		Width: strings.Count(strings.SplitN(list, "\n", 2)[0], ",") + 1}
	for i := range strings.Count(strings.SplitN(directory, "\n", 2)[0], ",") {
		j.Take = append(j.Take, i+1)
	}
	if change != nil {
		change(&j)
	}
	files := 0
	out, err := j.open(t.Context(), memory, func() (spill, error) {
		files++
		return newTempFile(t.TempDir())
	}, func(d campaign.Diagnostic) { problems = append(problems, d.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it can be read again
		lines = nil
		for row, err := range out.Rows(t.Context()) {
			var d campaign.Diagnostic
			switch {
			case errors.As(err, &d):
				lines = append(lines, d.Error())
			case err != nil:
				t.Fatal(err)
			case row.Missing:
				lines = append(lines, "missing "+strings.Join(row.Cells, "|"))
			default:
				lines = append(lines, strings.Join(row.Cells, "|"))
			}
		}
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	return lines, problems
}

func TestJoin(t *testing.T) {
	const directory = "code,用户ID,企业ID\nA1,u-1,o-1\nA2,u-2,o-2\n,u-9,o-9\nＡ３　,u-3,o-3\n" +
		"B,u-4,o-4\nB,u-5,o-5\nC,u-6,o-6\nC,u-6,o-6\nE,,o-7\n1.38E+10,u-8,o-8\nF\n"
	lines, problems := joined(t, "key,name\nA2,x\nA1,y\nＡ２,z\nA3,w\n\nB,b\nC,c\nD,d\n,e\n1.38E+10,f\nE,g\nshort\nA1,h\n", directory, nil, 0)
	want := []string{
		"A2|x|u-2|o-2", "A1|y|u-1|o-1", "Ａ２|z|u-2|o-2", "A3|w|u-3|o-3",
		"l.csv:7:1: row 7: key stands in d.csv more than once, with different values: in rows 6 and 7 [ambiguous-key]",
		"C|c|u-6|o-6",
		"l.csv:9:1: row 9: key is not in d.csv [not-found]",
		"l.csv:10:1: row 10: key is empty, so nothing can be looked up in d.csv [empty-required]",
		"l.csv:11:1: row 11: key is a number in scientific notation (as 1.38E+10), which a spreadsheet has made of an id [mangled-id]",
		"E|g||o-7", "l.csv:13:1: the row has 1 cells, the header has 2 [row-too-short]", "A1|h|u-1|o-1",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"d.csv:11:1: row 11: key is a number in scientific notation (as 1.38E+10), which a spreadsheet has made of an id [mangled-id]",
		"d.csv:12:1: the row has 1 cells, the header has 3 [row-too-short]",
	}, problems); diff != "" {
		t.Errorf("problems (-want +got)\n%s", diff)
	}
	lines, _ = joined(t, "key\nA1\nD\n", directory, func(j *Join) { j.Optional, j.Take = true, []int{2} }, 0)
	if diff := cmp.Diff([]string{"A1|o-1", "missing D|"}, lines); diff != "" {
		t.Errorf("optional (-want +got)\n%s", diff)
	}
}

// TestJoinAny holds joins in little memory against a map.
func TestJoinAny(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		key := rapid.StringMatching(`[a-d]{0,2}`)
		type entry struct{ key, value string }
		entries := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) entry {
			return entry{key.Draw(r, "key"), rapid.SampledFrom([]string{"", "v", "w", strings.Repeat("x", 5000)}).Draw(r, "value")}
		}), 0, 60).Draw(r, "directory")
		keys := rapid.SliceOfN(key, 0, 60).Draw(r, "list")
		list, directory := "n,key\n", "key,value\n"
		values := map[string][]string{}
		for _, e := range entries {
			directory += e.key + ",v" + e.value + "\n"
			if !slices.Contains(values[e.key], e.value) {
				values[e.key] = append(values[e.key], e.value)
			}
		}
		var want []string
		for i, k := range keys {
			list += fmt.Sprintf("%d,%s\n", i, k)
			switch found := values[k]; {
			case k == "":
				want = append(want, "empty-required")
			case len(found) == 0:
				want = append(want, "not-found")
			case len(found) > 1:
				want = append(want, "ambiguous-key")
			default:
				want = append(want, fmt.Sprintf("%d|%s|v%s", i, k, found[0]))
			}
		}
		got, problems := joined(t, list, directory, func(j *Join) { j.Key = 1 }, rapid.SampledFrom([]int{1, 500, 0}).Draw(r, "memory"))
		for i := range got {
			if _, rule, ok := strings.Cut(got[i], " ["); ok {
				got[i] = strings.TrimSuffix(rule, "]")
			}
		}
		if len(problems) > 0 || !slices.Equal(got, want) {
			r.Fatalf("%v\ngot  %q\nwant %q", problems, got, want)
		}
	})
}

func TestJoinStops(t *testing.T) {
	fsys := fstest.MapFS{"r.csv": {Data: []byte("key,v\na,1\nb,2\n")}}
	j := Join{List: csvIn(fsys, ","), Directory: csvIn(fsys, ","), ListFile: "r.csv", DirectoryFile: "r.csv", Width: 2, Take: []int{1}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Open(ctx, Options{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := j
	broken.List = csvIn(fstest.MapFS{}, ",")
	if _, err := broken.Open(t.Context(), Options{}, nil); err == nil || !strings.HasPrefix(err.Error(), "read r.csv: ") {
		t.Errorf("no list: %v", err)
	}
	if _, err := j.open(t.Context(), 0, func() (spill, error) { return nil, errors.New("no room") }, nil); err == nil || err.Error() != "join: create a temporary file: no room" {
		t.Errorf("no temporary file: %v", err)
	}
}

// TestJoinFaults lets every single file operation fail, in both halves: it must
// come out as an error, and every file is closed.
func TestJoinFaults(t *testing.T) {
	fsys := fstest.MapFS{"r.csv": {Data: []byte("key,v\na,1\nb,2\na,3\nc,4\n")}}
	j := Join{List: csvIn(fsys, ","), Directory: csvIn(fsys, ","), ListFile: "r.csv", DirectoryFile: "r.csv", Width: 2, Take: []int{1}}
	full := errors.New("no space left on device")
	for _, late := range []bool{false, true} {
		operations, open := 0, 0
		read := func(failing int) (rows int, err error) {
			operations = 0
			fault := func() error {
				if operations++; operations == failing {
					return full
				}
				return nil
			}
			out, err := j.open(t.Context(), 1, func() (spill, error) {
				if err := fault(); err != nil {
					return nil, err
				}
				open++
				return faultyFile{&bytesFile{open: &open}, fault, late}, nil
			}, func(d campaign.Diagnostic) { t.Error(d) })
			if err != nil {
				return 0, err
			}
			for _, e := range out.Rows(t.Context()) {
				if e != nil && !errors.As(e, new(campaign.Diagnostic)) {
					err = e
				}
				rows++
			}
			return rows, errors.Join(err, out.Close())
		}
		if rows, err := read(0); rows != 4 || err != nil {
			t.Fatalf("%d rows, %v", rows, err)
		}
		for failing := range operations {
			if _, err := read(failing + 1); !errors.Is(err, full) {
				t.Errorf("operation %d of %d: %v", failing+1, operations, err)
			}
			if open != 0 {
				t.Fatalf("operation %d: %d files are open", failing+1, open)
			}
			read(0)
		}
	}
}

// TestLostZeros: a key of digits that is not there may have lost its zeros in a
// spreadsheet, and the hint says so.
func TestLostZeros(t *testing.T) {
	fsys := fstest.MapFS{"l.csv": {Data: []byte("key\n1100\nA1\n")}, "d.csv": {Data: []byte("code,id\n001100,u-1\n")}}
	open := func(name string) Source {
		return openCSV(textFile{fsys: fsys, path: name}, campaign.Sheet{Delimiter: ","})
	}
	j := Join{List: open("l.csv"), Directory: open("d.csv"), ListFile: "l.csv", DirectoryFile: "d.csv", Name: "key", Width: 1, Take: []int{1}}
	out, err := j.open(t.Context(), 0, func() (spill, error) { return newTempFile(t.TempDir()) }, func(d campaign.Diagnostic) { t.Error(d) })
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var zeros []bool
	for _, err := range out.Rows(t.Context()) {
		var d campaign.Diagnostic
		if !errors.As(err, &d) || d.Rule != ruleNotFound {
			t.Fatal(err)
		}
		zeros = append(zeros, strings.Contains(d.Hint, "drops zeros at the beginning"))
	}
	if !slices.Equal(zeros, []bool{true, false}) {
		t.Errorf("hints about zeros: %v", zeros)
	}
}
