package follow

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// place is a folder that is followed; polls are far away unless told.
type place struct {
	*testing.T
	dir     string
	changes <-chan Change
}

func begin(t *testing.T, poll time.Duration) *place {
	t.Helper()
	p := &place{T: t, dir: t.TempDir()}
	p.write("a.yaml", "1")
	p.write("content/text.html", "1")
	p.write(".campaign/ledger", "1")
	var err error
	p.changes, err = Folder(t.Context(), p.dir, Options{Poll: poll, Settle: 50 * time.Millisecond})
	if err != nil {
		t.Skipf("this system does not watch folders: %v", err)
	}
	return p
}

func (p *place) write(name, text string) {
	p.Helper()
	file := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.Fatal(err)
	}
}

// next waits for the change that names a file, or for one of everything.
func (p *place) next(name string) {
	p.Helper()
	for {
		select {
		case c := <-p.changes:
			if c.Files == nil || c.Files[name] {
				return
			}
		case <-time.After(20 * time.Second):
			p.Fatalf("nothing was told of %s", name)
		}
	}
}

func TestChangesAreTold(t *testing.T) {
	p := begin(t, time.Hour)
	p.write("a.yaml", "2")
	p.next("a.yaml")
	p.write("content/text.html", "2")
	p.next("content/text.html")
	p.write("new/deep/b.yaml", "1") // a folder that was not there
	p.next("new")
	p.write("new/deep/b.yaml", "2")
	p.next("new/deep/b.yaml")
	p.write("a.yaml~", "3") // as editors save
	if err := os.Rename(filepath.Join(p.dir, "a.yaml~"), filepath.Join(p.dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	p.next("a.yaml")
	if err := os.Remove(filepath.Join(p.dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	p.next("a.yaml")
}

// A ConfigMap is swapped by renaming one link: every file is another one then.
func TestConfigMapIsSwapped(t *testing.T) {
	p := begin(t, time.Hour)
	p.write("..2026_1/c.yaml", "1")
	p.write("..2026_2/c.yaml", "2")
	for name, to := range map[string]string{"..data": "..2026_1", "c.yaml": "..data/c.yaml", "..data_tmp": "..2026_2"} {
		if err := os.Symlink(to, filepath.Join(p.dir, name)); err != nil {
			t.Skip(err)
		}
	}
	p.next("c.yaml")
	if err := os.Rename(filepath.Join(p.dir, "..data_tmp"), filepath.Join(p.dir, "..data")); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case c := <-p.changes:
			if c.Files == nil {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatal("nobody was told")
		}
	}
}

func TestHiddenFoldersAreNoNews(t *testing.T) {
	p := begin(t, time.Hour)
	p.write(".campaign/ledger", "2")
	p.write("a.yaml", "2")
	select {
	case c := <-p.changes:
		if c.Files[".campaign/ledger"] || !c.Files["a.yaml"] {
			t.Errorf("%v", c.Files)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told")
	}
}

// Where nothing tells, everything is looked at from time to time; the end of the
// context ends it.
func TestPoll(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := Folder(ctx, filepath.Join(t.TempDir(), "nosuch"), Options{Poll: 10 * time.Millisecond, Settle: time.Millisecond})
	if err != nil {
		t.Log(err)
	}
	if c := <-changes; c.Files != nil {
		t.Errorf("%v", c.Files)
	}
	cancel()
	for range changes {
	}
	if !slices.Equal([]bool{hidden(".git"), hidden("a/.b"), hidden("content")}, []bool{true, true, false}) {
		t.Error("other folders are hidden")
	}
}
