package sqlite

import (
	"fmt"
	"os"
	"path/filepath"

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

// lockRun takes the lock of a run, or nil and no error when another has it.
func (o Options) lockRun(num int64) (*flock.Flock, error) {
	lock, err := o.lock(fmt.Sprintf("run-%d", num))
	if err != nil {
		return nil, err
	}
	taken, err := lock.TryLock()
	if err != nil {
		return nil, told("locking the run", err)
	}
	if !taken {
		return nil, nil
	}
	return lock, nil
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
