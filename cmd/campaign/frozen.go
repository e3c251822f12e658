package main

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"

	"campaign/internal/campaign"
)

// snapshot reads a project's small files once: what was checked, what a person
// agreed to, and what a run freezes are the same bytes, whoever edits a file
// meanwhile. Recipients files above snapshotLimit are read anew; the plan's digest
// notices when they change.
type snapshot struct {
	fs.FS
	most int64 // bytes that are kept in all; 0: no bound. What is beyond is read anew too
	mu   sync.Mutex
	seen map[string]campaign.Input
	list map[string]bool // regular files that a folder was just seen to have: they are opened without asking what they are
	kept int64
	// folders are those that were listed, as they were then.
	folders map[string][]fs.DirEntry
}

// snapshotLimit is the largest file that is read as a whole, in bytes.
const snapshotLimit = 4 << 20

// Open implements fs.FS.
func (s *snapshot) Open(name string) (fs.File, error) {
	s.mu.Lock()
	in, ok := s.seen[name]
	s.mu.Unlock()
	if ok {
		return &frozenFile{Reader: bytes.NewReader(in.Data), in: in}, nil
	}
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > snapshotLimit {
		return f, nil // whoever reads it gets the error
	}
	defer f.Close()
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := data.ReadFrom(f); err != nil {
		return nil, err
	}
	in = s.keep(campaign.Input{Path: name, Data: data.Bytes()})
	return &frozenFile{Reader: bytes.NewReader(in.Data), in: in}, nil
}

// keep remembers a file and gives what is to be read of it: what somebody else has read
// meanwhile, or in.
func (s *snapshot) keep(in campaign.Input) campaign.Input {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.seen[in.Path]; ok {
		return before
	}
	if s.seen == nil {
		s.seen = map[string]campaign.Input{}
	}
	if s.most == 0 || s.kept+int64(len(in.Data)) <= s.most {
		s.seen[in.Path] = in
		s.kept += int64(len(in.Data))
	}
	return in
}

// Stat implements fs.StatFS: what is no regular file must not be opened for it.
func (s *snapshot) Stat(name string) (fs.FileInfo, error) {
	s.mu.Lock()
	in, ok := s.seen[name]
	listed := s.list[name]
	delete(s.list, name) // by the next time it may be something else
	s.mu.Unlock()
	switch {
	case ok:
		return frozenInfo{in}, nil
	case listed: // it is going to be read anyway
		if f, err := s.Open(name); err == nil {
			defer f.Close()
			return f.Stat()
		}
	}
	return fs.Stat(s.FS, name)
}

// ReadDir implements fs.ReadDirFS and remembers which files are regular ones.
func (s *snapshot) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(s.FS, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil {
		s.list, s.folders = map[string]bool{}, map[string][]fs.DirEntry{}
	}
	if err == nil {
		s.folders[name] = entries
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			s.list[path.Join(name, e.Name())] = true
		}
	}
	return entries, err
}

// listed is a snapshot whose folders hold what they held when they were listed last:
// finding that out takes a look at each file.
type listed struct{ *snapshot }

// ReadDir implements fs.ReadDirFS.
func (l listed) ReadDir(name string) ([]fs.DirEntry, error) {
	l.mu.Lock()
	entries, ok := l.folders[name]
	l.mu.Unlock()
	if ok {
		return entries, nil
	}
	return l.snapshot.ReadDir(name)
}

// Lstat and ReadLink implement fs.ReadLinkFS.
func (s *snapshot) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(s.FS, name) }
func (s *snapshot) ReadLink(name string) (string, error)   { return fs.ReadLink(s.FS, name) }

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

// Contents is all of the file, to be read only.
func (f *frozenFile) Contents() []byte { return f.in.Data }

func (f *frozenFile) Stat() (fs.FileInfo, error) { return frozenInfo{f.in}, nil }
func (f *frozenFile) Close() error               { return nil }

type frozenInfo struct{ in campaign.Input }

func (i frozenInfo) Name() string       { return path.Base(i.in.Path) }
func (i frozenInfo) Size() int64        { return int64(len(i.in.Data)) }
func (i frozenInfo) Mode() fs.FileMode  { return 0o400 }
func (i frozenInfo) ModTime() time.Time { return time.Time{} }
func (i frozenInfo) IsDir() bool        { return false }
func (i frozenInfo) Sys() any           { return nil }
