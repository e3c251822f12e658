package main

import (
	"context"
	"errors"
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

// TestLargeLists: lists that take memory are read one after the other, when nothing else
// is checked any more, and what is kept of the project's files is bounded.
func TestLargeLists(t *testing.T) {
	dir, _ := checkedProject(t, 3)
	row := "u-%07d,o-%07d,company,1\n"
	var list strings.Builder
	list.WriteString("userid,orgid,company,amount\n")
	for i := 0; list.Len() <= largeList; i++ {
		fmt.Fprintf(&list, row, i, i)
	}
	large := fmt.Sprintf(checkedHead, 7000, 1) + checkedMessage + strings.Replace(checkedFile, "companies", "large", 1)
	write(t, dir, map[string]string{"recipients/large.csv": list.String() + "u-1,,company,1\n", "large.yaml": large})
	a := &app{}
	a.flags.project = dir
	p, _, err := a.openProject()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	s := p.files.(*snapshot)
	before := s.kept
	s.most = before
	files := []string{"large.yaml", "notice-0000.yaml", "notice-0002.yaml"}
	each := p.checkEach(t.Context(), files, 2, (&runFlags{}).occasion())
	if !each[0].late || len(each[0].rows) != 0 || each[1].late || each[2].late {
		t.Errorf("got %+v", each)
	}
	if s.kept != before {
		t.Errorf("%d bytes are kept of files, and %d are the bound", s.kept, before)
	}
	found, all, err := p.checkAll(t.Context(), files, 2, (&runFlags{}).occasion(), nil)
	if err != nil || !usesOf(all).lists["recipients/large.csv"] {
		t.Errorf("%v, %v", usesOf(all).lists, err)
	}
	if len(found) != 1 || found[0].File != "recipients/large.csv" || found[0].Rule != "empty-required" {
		t.Errorf("got %v", found)
	}
}

// TestInterruptedCheck: what was not looked at to the end is not said to be all there is,
// whatever was found before.
func TestInterruptedCheck(t *testing.T) {
	dir, _ := checkedProject(t, 2)
	write(t, dir, map[string]string{"a.yaml": "version: 1\n"})
	a := &app{}
	a.flags.project = dir
	p, _, err := a.openProject()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	found, _, err := p.checkAll(ctx, []string{"a.yaml", "notice-0000.yaml"}, 2, (&runFlags{}).occasion(), nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", found, err)
	}
}
