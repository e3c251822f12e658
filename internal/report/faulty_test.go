package report

import (
	"os"
	"syscall"
)

// faulty is a disk on which the nth call of a kind fails.
type faulty struct {
	osDisk
	kind string
	n    int
	err  error
}

func (d *faulty) fails(kind string) bool {
	if kind != d.kind {
		return false
	}
	d.n--
	return d.n < 0
}

func (d *faulty) Create(dir, name string) (file, string, error) {
	if d.fails("create") {
		return nil, "", d.err
	}
	f, path, err := d.osDisk.Create(dir, name)
	return &faultyFile{f, d}, path, err
}

func (d *faulty) Rename(from, to string) error {
	if d.fails("rename") {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: d.err}
	}
	return d.osDisk.Rename(from, to)
}

func (d *faulty) Sync(dir string) error {
	if d.fails("sync folder") {
		return d.err
	}
	return d.osDisk.Sync(dir)
}

type faultyFile struct {
	file
	d *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if f.d.fails("write") {
		n, _ := f.file.Write(p[:len(p)/2]) // a disk fills up in the middle
		return n, f.d.err
	}
	return f.file.Write(p)
}

func (f *faultyFile) Sync() error {
	if f.d.fails("sync") {
		return f.d.err
	}
	return f.file.Sync()
}

func (f *faultyFile) Close() error {
	err := f.file.Close()
	if f.d.fails("close") {
		return f.d.err
	}
	return err
}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
