package main

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"time"

	"campaign/internal/campaign"
)

// frozenFS shows a run's frozen inputs as the project's files, so that a run is
// resumed from what it began with and not from what the files say now.
type frozenFS map[string]campaign.Input

func newFrozenFS(inputs []campaign.Input) frozenFS {
	f := make(frozenFS, len(inputs))
	for _, in := range inputs {
		f[in.Path] = in
	}
	return f
}

// Open implements fs.FS. Folders are not there: inputs are named, never listed.
func (f frozenFS) Open(name string) (fs.File, error) {
	in, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &frozenFile{Reader: bytes.NewReader(in.Data), in: in}, nil
}

type frozenFile struct {
	*bytes.Reader
	in campaign.Input
}

var _ io.ReaderAt = (*frozenFile)(nil)

func (f *frozenFile) Stat() (fs.FileInfo, error) { return frozenInfo{f.in}, nil }
func (f *frozenFile) Close() error               { return nil }

type frozenInfo struct{ in campaign.Input }

func (i frozenInfo) Name() string       { return path.Base(i.in.Path) }
func (i frozenInfo) Size() int64        { return int64(len(i.in.Data)) }
func (i frozenInfo) Mode() fs.FileMode  { return 0o400 }
func (i frozenInfo) ModTime() time.Time { return time.Time{} }
func (i frozenInfo) IsDir() bool        { return false }
func (i frozenInfo) Sys() any           { return nil }
