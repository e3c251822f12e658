package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"campaign/internal/ledger"
	"campaign/internal/ledger/ledgertest"
	"campaign/internal/ledger/sqlite"
)

// subject is a ledger in a folder. A crash is what kill -9 leaves of it: a copy
// of its files at that moment.
type subject struct {
	options sqlite.Options
	live    []*sqlite.Ledger
}

func fresh(t testing.TB) *subject {
	t.Helper()
	o := optionsIn(t.TempDir())
	if err := sqlite.Init(t.Context(), o, false); err != nil {
		t.Fatal(err)
	}
	return &subject{options: o}
}

func optionsIn(root string) sqlite.Options {
	return sqlite.Options{
		Dir:     filepath.Join(root, "数据 #1 100%", ".campaign"),
		Project: ledgertest.Project,
		Mark:    filepath.Join(root, "reports", "mark.json"),
	}
}

func (s *subject) Open(t testing.TB) ledger.Ledger {
	l := open(t, s.options)
	s.live = append(s.live, l)
	return l
}

func open(t testing.TB, o sqlite.Options) *sqlite.Ledger {
	t.Helper()
	l, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (s *subject) Crash(t testing.TB) {
	t.Helper()
	root := t.TempDir()
	copied := optionsIn(root)
	copyDir(t, s.options.Dir, copied.Dir)
	copyDir(t, filepath.Dir(s.options.Mark), filepath.Dir(copied.Mark))
	for _, l := range s.live { // they go on in files that nobody looks at
		must(t, l.Close())
	}
	s.options, s.live = copied, nil
}

func (s *subject) Expire(t testing.TB, _ string) {
	t.Helper()
	locks, err := filepath.Glob(filepath.Join(s.options.Dir, "locks", "run-*.lock"))
	if err != nil || len(locks) == 0 {
		t.Fatal("no locks", err)
	}
	for _, name := range locks {
		if err := os.Remove(name); err != nil {
			t.Skipf("this system does not remove a file in use: %v", err)
		}
	}
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	ledgertest.Run(t, func(t testing.TB) ledgertest.Subject { return fresh(t) })
}

var ctx = context.Background()

// says fails unless err contains each of the words.
func says(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}
