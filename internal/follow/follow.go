// Package follow tells when something below a folder may have changed. It watches
// folders, not files, so that editors which rename and ConfigMaps whose links are
// swapped are noticed, and it says so from time to time in any case, because not
// every file system tells.
package follow

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Change is what may have changed.
type Change struct {
	// Files are the paths relative to the folder, with slashes, that something was told
	// of; nil: nothing was told, everything is to be looked at.
	Files map[string]bool
}

// Options shape a watch.
type Options struct {
	Poll   time.Duration // how often a change is reported in any case
	Settle time.Duration // how long it is quiet before a change is reported: editors write in steps
	// Skip leaves out folders by their path relative to the folder; nil: those whose name
	// begins with a dot.
	Skip func(dir string) bool
}

// Folder watches a folder and those in it until ctx ends, when the channel is closed.
// Where the system cannot watch, it says why and only looks from time to time.
func Folder(ctx context.Context, dir string, o Options) (<-chan Change, error) {
	if o.Skip == nil {
		o.Skip = hidden
	}
	w, err := fsnotify.NewWatcher()
	if err == nil {
		err = add(w, dir, dir, o)
	}
	if err != nil {
		err = fmt.Errorf("changes of files are only noticed every %s: %w", o.Poll, err)
	}
	changes := make(chan Change)
	go func() {
		defer close(changes)
		if w != nil {
			defer w.Close()
		}
		run(ctx, w, dir, o, changes)
	}()
	return changes, err
}

// hidden leaves out what begins with a dot, but for the folders of a ConfigMap, whose
// swap is seen in the folder above them.
func hidden(dir string) bool { return strings.HasPrefix(filepath.Base(dir), ".") }

// add watches a folder and those in it.
func add(w *fsnotify.Watcher, root, dir string, o Options) error {
	return filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // it is gone again, or not ours to read: the poll looks
		}
		if !e.IsDir() {
			return nil
		}
		if rel, err := filepath.Rel(root, at); err == nil && rel != "." && o.Skip(filepath.ToSlash(rel)) {
			return fs.SkipDir
		}
		return w.Add(at)
	})
}

func run(ctx context.Context, w *fsnotify.Watcher, root string, o Options, changes chan<- Change) {
	poll := time.NewTicker(o.Poll)
	defer poll.Stop()
	var events <-chan fsnotify.Event
	var failures <-chan error
	if w != nil {
		events, failures = w.Events, w.Errors
	}
	var quiet <-chan time.Time
	files := map[string]bool{}
	all := false
	send := func() bool {
		c := Change{Files: files}
		if all {
			c.Files = nil
		}
		files, all, quiet = map[string]bool{}, false, nil
		select {
		case changes <- c:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			all = true
			if !send() {
				return
			}
		case <-quiet:
			if !send() {
				return
			}
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if e.Op == fsnotify.Chmod {
				continue
			}
			rel, err := filepath.Rel(root, e.Name)
			if err != nil {
				continue
			}
			if strings.HasPrefix(rel, "..data") { // a ConfigMap was swapped: every file is another one
				all = true
			}
			files[filepath.ToSlash(rel)] = true
			if e.Op.Has(fsnotify.Create) {
				_ = add(w, root, e.Name, o) // a folder perhaps; the poll looks otherwise
			}
			quiet = time.After(o.Settle)
		case _, ok := <-failures: // too many at once: which, nobody knows
			if !ok {
				failures = nil
				continue
			}
			all = true
			quiet = time.After(o.Settle)
		}
	}
}
