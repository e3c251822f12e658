package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"campaign/internal/sandbox"
)

var modelines = regexp.MustCompile(`^# yaml-language-server: \$schema=([^\s]+)\n`)

// hasModelines checks that every YAML file of a folder begins by naming a schema that is there.
// It gives the number of files.
func hasModelines(t *testing.T, dir string) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := modelines.FindSubmatch(data)
		if m == nil {
			t.Errorf("%s does not begin with the line that tells editors its schema:\n%.80s", file, data)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(string(m[1])))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	return len(files)
}

// writeEverything has every command that writes YAML do so.
func writeEverything(t *testing.T, dir, upstream string) {
	t.Helper()
	t.Setenv("ZQT_TOKEN", "t")
	t.Setenv("CHUANBO_CONNECT_NO", "c-1")
	t.Setenv("HOME", filepath.Join(t.TempDir(), "home"))
	var calls [][]string
	for _, s := range systems {
		for _, channel := range s.Channels() {
			calls = append(calls, []string{"new", channel})
		}
	}
	targets := filepath.Join(dir, "targets.yaml")
	data, err := os.ReadFile(targets)
	if err != nil {
		t.Fatal(err)
	}
	addresses := regexp.MustCompile(`base_url: \S+`)
	if err := os.WriteFile(targets, addresses.ReplaceAll(data, []byte("base_url: "+upstream)), 0o600); err != nil {
		t.Fatal(err)
	}
	calls = append(calls, []string{"groups", "--target", "media", "--lock"})
	if example := filepath.Join(dir, "app-notification.yaml"); strings.HasPrefix(filepath.Base(dir), "campaigns") {
		plan := filepath.Join(t.TempDir(), "plan.json")
		calls = append(calls, []string{"plan", example, "--out", plan}, []string{"approve", plan, "--yes"})
	}
	for _, args := range calls {
		if code, out, errs := command(t, append(args, "--project", dir)...); code != exitDone {
			t.Fatalf("%v: exit code %d\n%s%s", args, code, out, errs)
		}
	}
}

func TestModelines(t *testing.T) {
	s, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dir := t.TempDir()
	if code, out, errs := command(t, "init", "--project", dir); code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	writeEverything(t, dir, s.URL())
	if n := hasModelines(t, dir); n != 6 {
		t.Errorf("%d files were written", n)
	}

	// Schemas that lie elsewhere, as targets.yaml says: in the examples.
	top := t.TempDir()
	if err := os.CopyFS(filepath.Join(top, "schema"), os.DirFS("../../schema")); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(top, "campaigns")
	if err := os.CopyFS(dir, os.DirFS("../../campaigns")); err != nil {
		t.Fatal(err)
	}
	writeEverything(t, dir, s.URL())
	if n := hasModelines(t, dir); n < 12 {
		t.Errorf("%d files are there", n)
	}
	hasModelines(t, filepath.Join(dir, "calendars"))

	// A line that leads nowhere is not written.
	if err := os.RemoveAll(filepath.Join(top, "schema")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "new", "zqt.message", "alone", "--project", dir); code != exitDone {
		t.Fatal(errs)
	}
	data, err := os.ReadFile(filepath.Join(dir, "alone.yaml"))
	if err != nil || !strings.HasPrefix(string(data), "version: 1\n") {
		t.Errorf("%v\n%.80s", err, data)
	}
}
