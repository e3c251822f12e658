package sqlite

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"campaign/internal/ledger"
)

// What the processes of an account share stands in a folder of its own beside the
// locks: a cell that is written in place, a lock file for each place, and a file
// whose time says when somebody waited for one.

// accounts are the accounts that this process uses.
type accounts struct {
	mu   sync.Mutex
	self string // names this process to the others
	open map[string]*account
}

type account struct {
	dir  string
	self string

	turn sync.Mutex // of the cell, among the goroutines of this process
	cell *os.File
	lock *flock.Flock

	mu     sync.Mutex
	places []*flock.Flock // nil: not held by this process
	waits  bool           // this process let the others know that it waits
}

const cellLimit = 4096

// account finds what this process keeps of an account.
func (l *Ledger) account(name string) (*account, error) {
	a := &l.accounts
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.isShut() {
		return nil, errShut
	}
	if found := a.open[name]; found != nil {
		return found, nil
	}
	if a.open == nil {
		a.open, a.self = map[string]*account{}, rand.Text()
	}
	sum := sha256.Sum256([]byte(name))
	one := &account{dir: filepath.Join(l.options.Dir, "accounts", hex.EncodeToString(sum[:8])), self: a.self}
	if err := os.MkdirAll(one.dir, 0o700); err != nil {
		return nil, told("sharing the account's limits", err)
	}
	cell, err := os.OpenFile(filepath.Join(one.dir, "cell"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, told("sharing the account's limits", err)
	}
	one.cell = cell
	one.lock = flock.New(filepath.Join(one.dir, "cell.lock"), flock.SetPermissions(0o600))
	a.open[name] = one
	return one, nil
}

// Share implements ledger.Accounts.
func (l *Ledger) Share(ctx context.Context, name string, change func([]byte) []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a, err := l.account(name)
	if err != nil {
		return err
	}
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := a.lock.Lock(); err != nil {
		return told("sharing the account's limits", err)
	}
	err = a.share(change)
	return told("sharing the account's limits", errors.Join(err, a.lock.Unlock()))
}

// share changes the cell in one write, which a kill -9 does not cut in two.
func (a *account) share(change func([]byte) []byte) error {
	was := make([]byte, cellLimit)
	n, err := a.cell.ReadAt(was, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	now := change(unframed(was[:n]))
	if len(now) > cellLimit-frame {
		return fmt.Errorf("%d bytes are too many for an account's cell", len(now))
	}
	_, err = a.cell.WriteAt(framed(now), 0)
	return err
}

const frame = 8 // length and checksum

func framed(data []byte) []byte {
	out := make([]byte, frame, frame+len(data))
	binary.BigEndian.PutUint32(out, uint32(len(data)))
	binary.BigEndian.PutUint32(out[4:], crc32.ChecksumIEEE(data))
	return append(out, data...)
}

// unframed gives nil for a cell that nobody wrote, or that a machine's stop cut.
func unframed(raw []byte) []byte {
	if len(raw) < frame {
		return nil
	}
	n := int64(binary.BigEndian.Uint32(raw))
	if n > int64(len(raw)-frame) {
		return nil
	}
	data := raw[frame : frame+n]
	if crc32.ChecksumIEEE(data) != binary.BigEndian.Uint32(raw[4:]) {
		return nil
	}
	return data
}

// Place implements ledger.Accounts.
func (l *Ledger) Place(ctx context.Context, name string, n int) (func(), bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	a, err := l.account(name)
	if err != nil {
		return nil, false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.places) < n {
		a.places = append(a.places, nil)
	}
	for i := range n {
		if a.places[i] != nil {
			continue
		}
		place := flock.New(filepath.Join(a.dir, fmt.Sprintf("place-%d.lock", i)), flock.SetPermissions(0o600))
		free, err := place.TryLock()
		if err != nil {
			return nil, false, told("taking a place of the account", errors.Join(err, place.Close()))
		}
		if !free {
			if err := place.Close(); err != nil {
				return nil, false, told("taking a place of the account", err)
			}
			continue
		}
		a.places[i] = place
		a.stopWaiting()
		return func() { a.leave(i, place) }, true, nil
	}
	a.waits = true
	return nil, false, told("waiting for a place of the account", os.WriteFile(a.wanted(), []byte(a.self), 0o600))
}

func (a *account) wanted() string { return filepath.Join(a.dir, "wanted") }

// stopWaiting takes back what this process let the others know. When another one
// waits too it says so again in a moment.
func (a *account) stopWaiting() {
	if !a.waits {
		return
	}
	a.waits = false
	if who, err := os.ReadFile(a.wanted()); err == nil && string(who) == a.self {
		_ = os.Remove(a.wanted()) // else it is over by itself after WantedFor
	}
}

func (a *account) leave(i int, place *flock.Flock) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.places[i] == place {
		a.places[i] = nil
		_ = place.Unlock() // closes the file, with which the lock goes
	}
}

// Wanted implements ledger.Accounts.
func (l *Ledger) Wanted(ctx context.Context, name string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	a, err := l.account(name)
	if err != nil {
		return false, err
	}
	file := a.wanted()
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, told("looking who waits for the account", err)
	}
	if time.Since(info.ModTime()) > ledger.WantedFor {
		return false, nil
	}
	who, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) { // it has a place by now
		return false, nil
	}
	return err == nil && string(who) != a.self, told("looking who waits for the account", err)
}

// close gives everything back.
func (a *accounts) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var failures []error
	for _, one := range a.open {
		one.mu.Lock()
		for i, place := range one.places {
			if place != nil {
				failures = append(failures, place.Unlock())
				one.places[i] = nil
			}
		}
		one.mu.Unlock()
		failures = append(failures, one.cell.Close(), one.lock.Close())
	}
	a.open = nil
	return errors.Join(failures...)
}
