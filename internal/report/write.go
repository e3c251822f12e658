package report

import (
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"campaign/internal/campaign"
)

// Write folds the results and stores a file of each format in Dir(root, run).
// Folders are for the user alone (0700), so are the files (0600), and root gets
// a .gitignore of everything. A file is replaced as a whole or not at all, and
// none is before all are durable: when folding fails or the disk is full the
// earlier report stays, and the error says so. Errors of storing wrap ErrWrite.
func Write(root string, run campaign.Run, facts Facts, results iter.Seq2[campaign.BlockResults, error], observers ...func(Line) error) (Report, error) {
	return write(osDisk{}, root, run, facts, results, observers)
}

// disk is what Write needs of a file system.
type disk interface {
	// Create makes a new file of mode 0600 for what will become name, and returns its path.
	Create(dir, name string) (file, string, error)
	Rename(from, to string) error
	// Sync makes new names in a folder durable.
	Sync(dir string) error
}

type file interface {
	io.WriteCloser
	Sync() error
}

func write(d disk, root string, run campaign.Run, facts Facts, results iter.Seq2[campaign.BlockResults, error], observers []func(Line) error) (Report, error) {
	dir := Dir(root, run)
	if err := prepare(root, dir); err != nil {
		return Report{}, unchanged(dir, fmt.Errorf("%w: %w", ErrWrite, err))
	}
	var all []*staged
	defer func() {
		for _, s := range all {
			s.discard()
		}
	}()
	var writers []writer
	for _, f := range Formats {
		out, path, err := d.Create(dir, f.File)
		if err != nil {
			return Report{}, unchanged(dir, fmt.Errorf("%w: %w", ErrWrite, err))
		}
		s := &staged{name: f.File, path: path, file: out}
		all = append(all, s)
		w, err := f.open(s, run, facts)
		if err != nil {
			return Report{}, unchanged(dir, err)
		}
		writers = append(writers, w)
	}
	r, err := Fold(run, facts, results, append(lines(writers), observers...)...)
	if err != nil {
		return Report{}, unchanged(dir, err)
	}
	for i, s := range all {
		err := writers[i].end(r)
		if err == nil {
			err = s.seal()
		}
		if err != nil {
			return Report{}, unchanged(dir, err)
		}
	}
	return r, replace(d, root, dir, all)
}

// staged is a format's file before it has its name. Its errors wrap ErrWrite.
type staged struct {
	name, path string
	file       file // nil once closed
}

func (s *staged) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrWrite, err)
	}
	return n, err
}

// seal makes the file durable and closes it.
func (s *staged) seal() error {
	err := s.file.Sync()
	if closed := s.file.Close(); err == nil {
		err = closed
	}
	s.file = nil
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	return nil
}

// discard removes what did not become a report.
func (s *staged) discard() {
	if s.file != nil {
		_ = s.file.Close()
	}
	if s.path != "" {
		_ = os.Remove(s.path)
	}
}

// replace gives the files their names.
func replace(d disk, root, dir string, all []*staged) error {
	for i, s := range all {
		err := d.Rename(s.path, filepath.Join(dir, s.name))
		if err != nil && i == 0 {
			return unchanged(dir, fmt.Errorf("%w: %w", ErrWrite, err))
		}
		if err != nil {
			return fmt.Errorf("%w: %w; in %s %s new and %s not: make the report again", ErrWrite, err, dir, names(all[:i]), names(all[i:]))
		}
		s.path = ""
	}
	for at := dir; ; at = filepath.Dir(at) {
		if err := d.Sync(at); err != nil {
			return fmt.Errorf("%w: %w; the files in %s are new, but a loss of power may bring the earlier ones back", ErrWrite, err, dir)
		}
		if len(at) <= len(filepath.Clean(root)) {
			return nil
		}
	}
}

// names lists files with a verb: "a is", "a and b are".
func names(all []*staged) string {
	var list []string
	for _, s := range all {
		list = append(list, s.name)
	}
	verb := " is"
	if len(list) > 1 {
		verb = " are"
	}
	return strings.Join(list, " and ") + verb
}

// unchanged adds what a reader finds in the folder after a failure.
func unchanged(dir string, err error) error {
	if _, stat := os.Stat(filepath.Join(dir, "report.json")); stat != nil {
		return fmt.Errorf("%w; there is no report in %s", err, dir)
	}
	return fmt.Errorf("%w; the earlier report in %s is unchanged", err, dir)
}

// stagedSuffix ends the names of files that are being written.
const stagedSuffix = ".new"

type osDisk struct{}

func (osDisk) Create(dir, name string) (file, string, error) {
	f, err := os.CreateTemp(dir, "."+name+".*"+stagedSuffix)
	if err != nil {
		return nil, "", err
	}
	return f, f.Name(), nil
}

func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }

// Sync does nothing on Windows, where folders cannot be synced.
func (osDisk) Sync(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
