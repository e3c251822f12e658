package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/diagnostics"
)

// mistaken writes a project whose campaigns have every mistake that the tests know of
// files, names that are used twice, rows that cannot be sent, and comments that ignore.
func mistaken(t *testing.T) string {
	t.Helper()
	dir, _ := checkedProject(t, 10)
	names, err := filepath.Glob(filepath.FromSlash("../../internal/spec/testdata/broken/*.yaml"))
	if err != nil || len(names) < 100 {
		t.Fatalf("there are %d broken files: %v", len(names), err)
	}
	files := map[string]string{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files["broken/"+filepath.Base(name)] = string(data)
	}
	good, err := os.ReadFile(filepath.Join(dir, "notice-0000.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		files[fmt.Sprintf("same/again-%d.yaml", i)] = strings.ReplaceAll(string(good), "recipients/companies.csv", "../recipients/companies.csv")
		files[fmt.Sprintf("rows/rows-%d.yaml", i)] = strings.NewReplacer("notice-0000", fmt.Sprintf("rows-%d", i), "recipients/companies.csv", "../recipients/bad.csv",
			"    <p>咨询", "    <form>咨询", "  body:", "  # campaign: ignore=html-form\n  body:").Replace(string(good))
	}
	files["recipients/bad.csv"] = "userid,orgid,company,amount\nu-1,o-1,,1\nu-2,o-2,x\n1.23457E+17,o-3,y,2\nu-1,o-1,z,3\n"
	write(t, dir, files)
	return dir
}

// TestWorkers: what validate says does not depend on how many files it checks at a time.
func TestWorkers(t *testing.T) {
	projects := map[string]string{"the examples": filepath.FromSlash("../../campaigns"), "mistakes": mistaken(t)}
	formats := slices.Sorted(maps.Keys(diagnostics.Formats))
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	for name, dir := range projects {
		for _, format := range formats {
			args := []string{"validate", "--project", dir, "--format", format, "--workers"}
			code, out, said := command(t, append(args, "1")...)
			if name == "mistakes" && (code != exitProblems || !strings.Contains(out, "duplicate-name") || !strings.Contains(out, "bad.csv")) {
				t.Fatalf("%s, %s: exit code %d\n%.2000s%s", name, format, code, out, said)
			}
			for _, workers := range []string{"2", "7"} {
				otherCode, otherOut, otherSaid := command(t, append(args, workers)...)
				if diff := cmp.Diff([]any{code, out, said}, []any{otherCode, otherOut, otherSaid}); diff != "" {
					t.Errorf("%s, %s: (-1 worker +%s)\n%.4000s", name, format, workers, diff)
				}
			}
		}
	}
	if code, _, said := command(t, "validate", "--workers", "0"); code != exitUsage || !strings.Contains(said, "--workers 0") {
		t.Errorf("no workers: exit code %d\n%s", code, said)
	}
}
