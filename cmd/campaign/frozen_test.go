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

// TestSnapshotOfListed: what a folder was seen to have is read when somebody asks what it
// is, once; what it is by then counts.
func TestSnapshotOfListed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a/b.yaml": "there", "a/gone.yaml": "", "big.csv": string(bytes.Repeat([]byte("x"), snapshotLimit+1))})
	s := &snapshot{FS: os.DirFS(dir)}
	if err := fs.WalkDir(s, ".", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
	if info, err := fs.Stat(s, "a/b.yaml"); err != nil || info.Size() != 5 || !info.Mode().IsRegular() {
		t.Errorf("the file is %v, %v", info, err)
	}
	write(t, dir, map[string]string{"a/b.yaml": "edited meanwhile"})
	if data, err := fs.ReadFile(s, "a/b.yaml"); err != nil || string(data) != "there" {
		t.Errorf("after it was asked for it gives %q, %v", data, err)
	}
	if info, err := fs.Stat(s, "big.csv"); err != nil || info.Size() != snapshotLimit+1 {
		t.Errorf("the large file is %v, %v", info, err)
	}
	if err := os.Remove(filepath.Join(dir, "a/gone.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(s, "a/gone.yaml"); !os.IsNotExist(err) {
		t.Errorf("a file that is gone: %v", err)
	}
	if entries, err := fs.ReadDir(listed{s}, "a"); err != nil || len(entries) != 2 {
		t.Errorf("the folder had %v, %v", entries, err)
	}
	if entries, err := fs.ReadDir(s, "a"); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
	if info, err := fs.Stat(s, "a"); err != nil || !info.IsDir() {
		t.Errorf("the folder is %v, %v", info, err)
	}
}
