// Package architecture holds the imports of the tree against the house plan.
// It parses the files itself: what `go list` says inside a test may be stale.
package architecture

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "campaign/"

// plan says which of our packages each room may import. A room that is not here
// needs a line first, with a reason.
var plan = map[string][]string{
	"schema":                {},
	"internal/campaign":     {},
	"internal/spec":         {"schema", "internal/campaign"},
	"internal/diagnostics":  {"internal/campaign"}, // renders located problems, a file a format: spec finds them, it does not print them
	"internal/recipients":   {"internal/campaign"},
	"internal/ledger":       {"internal/campaign"},
	"internal/report":       {"internal/campaign"},
	"internal/schedule":     {"internal/campaign"},
	"internal/targets":      {"internal/campaign"},
	"internal/plan":         {"internal/campaign", "internal/recipients", "internal/targets"},
	"internal/runner":       {"internal/campaign", "internal/ledger", "internal/targets"},
	"internal/daemon":       {"internal/campaign", "internal/ledger", "internal/schedule"}, // decides and keeps time: schedule is arithmetic, and the runner knows one run
	"internal/monitor":      {"internal/campaign"},                                         // shows over HTTP what a daemon does, and knows none of it
	"internal/language":     {},                                                            // what the program says, in another language: a table of sentences that knows no room
	"internal/follow":       {},                                                            // tells that files changed
	"internal/contract":     {"internal/campaign"},                                         // what people agreed to: saved plans and approvals, compared without I/O
	"internal/sandbox":      {},                                                            // an independent reading of the documents
	"internal/architecture": {},

	"internal/targets/zqt":        {"internal/campaign", "internal/targets"},
	"internal/targets/chuanbo":    {"internal/campaign", "internal/targets"},
	"internal/targets/targettest": {"internal/campaign", "internal/targets"},
	"internal/ledger/mem":         {"internal/campaign", "internal/ledger"},
	"internal/ledger/sqlite":      {"internal/campaign", "internal/ledger"},
	"internal/ledger/ledgertest":  {"internal/campaign", "internal/ledger"},
}

// inTests lists what the tests of a room may import beside its own row.
var inTests = map[string][]string{
	"internal/runner":  {"internal/ledger/mem", "internal/ledger/sqlite", "internal/sandbox", "internal/targets/zqt", "internal/targets/chuanbo"},
	"internal/report":  {"schema"},
	"internal/targets": {"internal/targets/targettest"},
	"internal/daemon":  {"internal/ledger/mem", "internal/ledger/sqlite", "internal/ledger/ledgertest"},

	"internal/targets/zqt":     {"internal/targets/targettest"},
	"internal/targets/chuanbo": {"internal/targets/targettest"},
	"internal/ledger":          {"internal/ledger/mem", "internal/ledger/sqlite", "internal/ledger/ledgertest"},
	"internal/ledger/mem":      {"internal/ledger/ledgertest"},
	"internal/ledger/sqlite":   {"internal/ledger/ledgertest", "internal/ledger/mem"},
}

// only names rooms outside which a package must not be imported.
var only = map[string][]string{
	"gopkg.in/yaml.v3":   {"internal/spec", "internal/recipients"}, // files of the project, and lists of people
	"database/sql":       {"internal/ledger/sqlite"},
	"modernc.org/sqlite": {"internal/ledger/sqlite"},
}

func TestImports(t *testing.T) {
	for _, b := range broken(t, os.DirFS(filepath.FromSlash("../.."))) {
		t.Error(b)
	}
}

// TestBrokenIsSeen keeps the check itself honest.
func TestBrokenIsSeen(t *testing.T) {
	dir := t.TempDir()
	for name, src := range map[string]string{
		"internal/plan/a.go":        "package plan\nimport _ \"campaign/internal/runner\"\n",
		"internal/report/b_test.go": "package report\nimport _ \"campaign/internal/sandbox\"\n",
		"internal/unheard/c.go":     "package unheard\n",
		"internal/report/d.go":      "package report\nimport _ \"database/sql\"\n",
		"internal/campaign/e.go":    "package campaign\nimport _ \"campaign/cmd/campaign\"\n",
		"internal/runner/f.go":      "package runner\nimport _ \"campaign/internal/ledger\"\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := broken(t, os.DirFS(dir)); len(got) != 5 {
		t.Errorf("want 5 broken rules, got %d: %q", len(got), got)
	}
}

// broken lists the rules that Go files below root break.
func broken(t *testing.T, root fs.FS) []string {
	t.Helper()
	var out []string
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		room := path.Dir(name)
		if strings.HasPrefix(room, "cmd/") {
			return nil // the command may import everything
		}
		allowed, known := plan[room]
		if !known {
			out = append(out, name+": the room "+room+" is not in the house plan")
			return nil
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if rooms, kept := only[imported]; kept && !slices.Contains(rooms, room) {
				out = append(out, name+" imports "+imported+": only "+strings.Join(rooms, ", ")+" may")
			}
			ours, isOurs := strings.CutPrefix(imported, module)
			if !isOurs || ours == room || slices.Contains(allowed, ours) ||
				strings.HasSuffix(name, "_test.go") && slices.Contains(inTests[room], ours) {
				continue
			}
			out = append(out, name+" imports "+imported+": the house plan does not allow it")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
