package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestSnapshot: a file that is edited between the check and the sending, while a
// person types the number of recipients, changes nothing of what is sent.
func TestSnapshot(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"text.html": "checked", "big.csv": string(bytes.Repeat([]byte("x"), snapshotLimit+1))})
	s := &snapshot{FS: os.DirFS(dir)}
	read := func(name string) string {
		t.Helper()
		data, err := fs.ReadFile(s, name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	read("text.html")
	read("big.csv")
	write(t, dir, map[string]string{"text.html": "edited meanwhile", "big.csv": "new"})
	if got := read("text.html"); got != "checked" {
		t.Errorf("the second reading gives %q", got)
	}
	if info, err := fs.Stat(s, "text.html"); err != nil || info.Size() != int64(len("checked")) {
		t.Errorf("the size is %v, %v: want that of what is read", info, err)
	}
	if got := read("big.csv"); got != "new" {
		t.Error("a large file was kept in memory")
	}
	if err := os.Remove(filepath.Join(dir, "text.html")); err != nil {
		t.Fatal(err)
	}
	if got := read("text.html"); got != "checked" {
		t.Errorf("removed meanwhile, it gives %q", got)
	}
	if _, err := s.Open("missing"); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
}
