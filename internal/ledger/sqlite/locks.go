package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"campaign/internal/ledger"
)

// Locks are files in their own folder. A lock dies with its process; the files
// stay, since removing one while another process opens it would let two hold it.

func (o Options) lockDir() string { return filepath.Join(o.Dir, "locks") }

func (o Options) lock(name string) (*flock.Flock, error) {
	if err := os.MkdirAll(o.lockDir(), 0o700); err != nil {
		return nil, told("locking the ledger", err)
	}
	return flock.New(filepath.Join(o.lockDir(), name+".lock"), flock.SetPermissions(0o600)), nil
}

// A reader that asks who holds a run takes its lock for a moment: whoever claims
// just then tries again.
const (
	lockTries = 5
	lockPause = 10 * time.Millisecond
)

// lockRun takes the lock of a run, or nil and no error when another has it.
func (o Options) lockRun(num int64) (*flock.Flock, error) {
	lock, err := o.lock(runLock(num))
	if err != nil {
		return nil, err
	}
	for range lockTries {
		taken, err := lock.TryLock()
		if err != nil {
			return nil, told("locking the run", err)
		}
		if taken {
			return lock, nil
		}
		time.Sleep(lockPause)
	}
	return nil, nil
}

func runLock(num int64) string { return fmt.Sprintf("run-%d", num) }

// Held gives the owner of a run that a live process of this host holds, or
// nothing.
func (r *Reader) Held(ctx context.Context, id string) (owner string, err error) {
	found, err := runOf(ctx, r.db, id)
	if err != nil {
		return "", err
	}
	file := filepath.Join(Options{Dir: filepath.Dir(r.file)}.lockDir(), runLock(found.num)+".lock")
	if _, err := os.Stat(file); err != nil {
		return "", nil // nobody ever held it
	}
	lock := flock.New(file)
	free, err := lock.TryRLock()
	if err != nil {
		return "", told("looking at the run's lock", err)
	}
	if free {
		return "", told("looking at the run's lock", lock.Unlock())
	}
	return cmp.Or(found.owner, "another process"), nil
}

// lockLife takes the lock under which a ledger is made, exported or replaced.
func (o Options) lockLife() (*flock.Flock, error) {
	lock, err := o.lock("life")
	if err != nil {
		return nil, err
	}
	taken, err := lock.TryLock()
	if err != nil {
		return nil, told("locking the ledger", err)
	}
	if !taken {
		return nil, ledger.Because(ledger.ErrHeld, "another process is making, exporting or importing the ledger in %s", o.Dir)
	}
	return lock, nil
}
