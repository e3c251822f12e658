package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

// contents reads a folder: name → bytes.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

// printed is what Write ought to store.
func printed(t *testing.T, m *made) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, f := range Formats {
		var out bytes.Buffer
		if _, err := Print(&out, f.Name, m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		files[f.File] = out.String()
	}
	return files
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, text := range a {
		if other, ok := b[name]; !ok || other != text {
			return false
		}
	}
	return true
}

func TestWrite(t *testing.T) {
	root := filepath.Join(t.TempDir(), "data", "reports")
	m := goldenRuns()["mixed"]
	seen := 0
	r, err := Write(root, m.run, m.facts, m.results(), func(Line) error { seen++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if r.State != Stopped || int64(seen) != r.Recipients.Planned {
		t.Errorf("%s, %d of %d lines observed", r.State, seen, r.Recipients.Planned)
	}
	dir := filepath.Join(root, "production", "census-supplement", m.run.ID)
	if dir != Dir(root, m.run) {
		t.Errorf("Dir is %s", Dir(root, m.run))
	}
	if got := contents(t, dir); !same(got, printed(t, m)) {
		t.Errorf("stored: %q", got)
	}
	if data, err := os.ReadFile(filepath.Join(root, ".gitignore")); err != nil || string(data) != "*\n" {
		t.Errorf(".gitignore: %q, %v", data, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{
		root: 0o700, filepath.Dir(dir): 0o700, dir: 0o700, filepath.Join(dir, "report.json"): 0o600,
		filepath.Join(dir, "report.md"): 0o600, filepath.Join(dir, "recipients.ndjson"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

func TestWriteFails(t *testing.T) {
	for _, c := range []struct {
		kind  string
		times int // how many calls of the kind there are
	}{{"create", 3}, {"write", 3}, {"sync", 3}, {"close", 3}, {"rename", 1}} {
		for n := range c.times {
			for _, before := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d, earlier report %t", c.kind, n, before), func(t *testing.T) {
					root := t.TempDir()
					m := goldenRuns()["mixed"]
					dir := Dir(root, m.run)
					want := map[string]string{}
					said := "there is no report in " + dir
					if before {
						if _, err := Write(root, m.run, m.facts, m.results()); err != nil {
							t.Fatal(err)
						}
						want = contents(t, dir)
						said = "the earlier report in " + dir + " is unchanged"
					}
					m.facts.Generated = m.facts.Generated.Add(time.Hour)
					_, err := write(&faulty{kind: c.kind, n: n, err: syscall.ENOSPC}, root, m.run, m.facts, m.results(), nil)
					if !errors.Is(err, ErrWrite) || !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrUnbalanced) || !strings.HasSuffix(err.Error(), said) {
						t.Errorf("error %v", err)
					}
					if strings.Count(err.Error(), ErrWrite.Error()) != 1 {
						t.Errorf("error repeats itself: %v", err)
					}
					if got := contents(t, dir); !same(got, want) {
						t.Errorf("the folder holds %v", got)
					}
				})
			}
		}
	}
}

// Writes of a long list fail in the middle of folding.
func TestWriteFailsWhileFolding(t *testing.T) {
	m := newMade()
	for range 20 {
		m.block()
		for range 20 {
			m.delivery(5, accepted("1", 1))
		}
	}
	m.seal()
	root := t.TempDir()
	_, err := write(&faulty{kind: "write", n: 2, err: syscall.ENOSPC}, root, m.run, m.facts, m.results(), nil)
	if !errors.Is(err, ErrWrite) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if got := contents(t, Dir(root, m.run)); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

func TestWriteHalfReplaced(t *testing.T) {
	for n, said := range map[int]string{
		1: "recipients.ndjson is new and report.md and report.html and report.json are not",
		3: "recipients.ndjson and report.md and report.html are new and report.json is not",
	} {
		root := t.TempDir()
		m := goldenRuns()["mixed"]
		if _, err := Write(root, m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		old := printed(t, m)
		m.facts.Generated = m.facts.Generated.Add(time.Hour)
		_, err := write(&faulty{kind: "rename", n: n, err: syscall.EACCES}, root, m.run, m.facts, m.results(), nil)
		if !errors.Is(err, ErrWrite) || !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), said) {
			t.Errorf("error %v", err)
		}
		want := printed(t, m)
		for i, f := range Formats {
			if i >= n {
				want[f.File] = old[f.File]
			}
		}
		if got := contents(t, Dir(root, m.run)); !same(got, want) {
			t.Errorf("rename %d: the folder holds %v", n, got)
		}
		if _, err := Write(root, m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		if got := contents(t, Dir(root, m.run)); !same(got, printed(t, m)) {
			t.Error("making the report again does not repair it")
		}
	}
}

func TestFolderNotSynced(t *testing.T) {
	for n := range 4 { // run, campaign, profile, root
		root := t.TempDir()
		m := goldenRuns()["good"]
		_, err := write(&faulty{kind: "sync folder", n: n, err: syscall.EIO}, root, m.run, m.facts, m.results(), nil)
		if !errors.Is(err, ErrWrite) || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "loss of power") {
			t.Errorf("error %v", err)
		}
		if got := contents(t, Dir(root, m.run)); !same(got, printed(t, m)) {
			t.Errorf("the folder holds %v", got)
		}
	}
	m := goldenRuns()["good"]
	if _, err := write(&faulty{kind: "sync folder", n: 4, err: syscall.EIO}, t.TempDir(), m.run, m.facts, m.results(), nil); err != nil {
		t.Errorf("more folders than the report's own are touched: %v", err)
	}
}

// A report that does not add up replaces nothing.
func TestUnbalancedIsNotStored(t *testing.T) {
	root := t.TempDir()
	m := sound()
	if _, err := Write(root, m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	want := contents(t, Dir(root, m.run))
	m.blocks[2].Results = m.blocks[2].Results[1:]
	_, err := Write(root, m.run, m.facts, m.results())
	if !errors.Is(err, ErrUnbalanced) || errors.Is(err, ErrWrite) || !strings.Contains(err.Error(), "the earlier report in") {
		t.Errorf("error %v", err)
	}
	if got := contents(t, Dir(root, m.run)); !same(got, want) {
		t.Errorf("the folder holds %v", got)
	}
	broken := errors.New("enough")
	if _, err := Write(root, m.run, m.facts, m.results(), func(Line) error { return broken }); !errors.Is(err, broken) || errors.Is(err, ErrWrite) {
		t.Errorf("error of an observer: %v", err)
	}
}

func TestNoPlaceToWrite(t *testing.T) {
	m := goldenRuns()["good"]
	root := filepath.Join(t.TempDir(), "reports")
	if err := os.WriteFile(root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(root, m.run, m.facts, m.results()); !errors.Is(err, ErrWrite) || !strings.Contains(err.Error(), "there is no report in") {
		t.Errorf("a file where the folder should be: %v", err)
	}
	if err := ignore(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder for .gitignore: %v", err)
	}
}

func TestGitignoreIsKept(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, ".gitignore")
	if err := os.WriteFile(path, []byte("!kept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := goldenRuns()["good"]
	if _, err := Write(root, m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "!kept\n" {
		t.Errorf(".gitignore is now %q", data)
	}
}

// What a killed process left is removed once nobody can be writing it.
func TestLeftovers(t *testing.T) {
	root := t.TempDir()
	m := goldenRuns()["good"]
	dir := Dir(root, m.run)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	for name, age := range map[string]time.Time{
		".report.json.1.new": old, ".report.md.2.new": time.Now(), "notes.new": old, ".notes": old,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, age, age); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Write(root, m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	got := contents(t, dir)
	for name, stays := range map[string]bool{".report.json.1.new": false, ".report.md.2.new": true, "notes.new": true, ".notes": true, "report.json": true} {
		if _, there := got[name]; there != stays {
			t.Errorf("%s is there: %t, want %t", name, there, stays)
		}
	}
}

func TestFolderNames(t *testing.T) {
	for name, want := range map[string]string{
		"production": "production", "生产": "生产", "census-2026.v1": "census-2026.v1", "": "_", ".": "%2E", "..": "%2E%2E",
		"../x": "%2E.%2Fx", `a\b`: "a%5Cb", "a:b": "a%3Ab", "x.": "x%2E", ".x": "%2Ex", "a b": "a%20b", "_": "%5F", "%2E": "%252E", "nul": "nul_",
		"CON": "CON_", "aux.txt": "aux.txt_", "com1": "com1_", "lpt¹": "lpt%C2%B9_", "com10": "com10", "console": "console", "a\u202eb": "a%E2%80%AEb", "a\x00": "a%00",
	} {
		if got := folder(name); got != want {
			t.Errorf("folder(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestFolderNamesDiffer(t *testing.T) {
	names := rapid.StringOfN(rapid.SampledFrom([]rune("a1.-_%/\\: ~nulcom界")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := names.Draw(t, "a"), names.Draw(t, "b")
		if a != b && folder(a) == folder(b) {
			t.Fatalf("%q and %q share the folder %q", a, b, folder(a))
		}
		if f := folder(a); !filepath.IsLocal(f) || filepath.Base(f) != f || f == "." {
			t.Fatalf("%q has the folder %q", a, f)
		}
	})
}

func TestPrintFails(t *testing.T) {
	m := goldenRuns()["good"]
	for _, f := range slices.Concat(Formats, Extra) {
		if _, err := Print(full{}, f.Name, m.run, m.facts, m.results()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s to a full disk: %v", f.Name, err)
		}
	}
	_, err := Print(&bytes.Buffer{}, "pdf", m.run, m.facts, m.results())
	if err == nil || err.Error() != `unknown report format "pdf": the formats are `+strings.Join(Names(), ", ") {
		t.Errorf("unknown format: %v", err)
	}
	m.run.State = campaign.Planning
	if _, err := Print(&bytes.Buffer{}, "json", m.run, m.facts, m.results()); !errors.Is(err, ErrPlanning) {
		t.Errorf("a run in planning: %v", err)
	}
	if !slices.IsSorted(Names()) {
		t.Error(Names())
	}
}

// A time that JSON cannot say is an error of each format that says it.
func TestTimeOutOfRange(t *testing.T) {
	m := goldenRuns()["good"]
	m.facts.Generated = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, format := range []string{"json", "ndjson"} {
		if _, err := Print(&bytes.Buffer{}, format, m.run, m.facts, m.results()); err == nil {
			t.Errorf("%s writes the year 20000", format)
		}
	}
	root := t.TempDir()
	if _, err := Write(root, m.run, m.facts, m.results()); err == nil || !strings.Contains(err.Error(), "there is no report in") {
		t.Errorf("error %v", err)
	}
	if got := contents(t, Dir(root, m.run)); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

func TestDiskWithoutFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, _, err := (osDisk{}).Create(missing, "report.md"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("create: %v", err)
	}
	if err := (osDisk{}).Sync(missing); runtime.GOOS != "windows" && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("sync: %v", err)
	}
}

type full struct{}
