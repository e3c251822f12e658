package targets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"campaign/internal/campaign"
)

const (
	cacheVersion = 1
	// cacheLimit bounds the file, in bytes: a token's, escaped, and what stands beside it.
	cacheLimit = 8 * secretLimit
	// lockWait bounds the wait for another process that renews: longer than a
	// command or a token endpoint may take.
	lockWait = time.Minute
	lockPoll = 10 * time.Millisecond
	// endless is how long a token is kept whose source does not say when it ends: a
	// platform may say of an old one something else than that it is refused.
	endless = time.Hour
)

// held is a token and what is known of it.
type held struct {
	token   campaign.Secret
	expires time.Time // zero: not known
	stamp   int64     // a token that was given later, by whichever process, has a higher one
}

// tokenCache keeps the renewed token of an account in a file, for all processes
// of the host (design: delivery, rule 13). Nobody but the file's owner can read
// it. It is never needed: whatever is wrong with it is told once, and the token
// comes from its source.
type tokenCache struct {
	dir       string
	name      string        // of the account's files, without what tells them apart
	reference string        // says which credential a token must come from
	patience  time.Duration // lockWait
	problem   func(error)
	told      sync.Once
}

// cached is the file.
type cached struct {
	Version   int       `json:"version"`
	Reference string    `json:"reference"`
	Stamp     int64     `json:"stamp"`
	Expires   time.Time `json:"expires,omitzero"`
	Token     string    `json:"token"`
}

func newTokenCache(dir, account, base string, c campaign.Credential, problem func(error)) *tokenCache {
	name := sha256.Sum256([]byte(account))
	// A Credential is text all through: it cannot fail to be written.
	text, _ := json.Marshal(struct {
		Account, Base string
		Credential    campaign.Credential
	}{account, base, c})
	reference := sha256.Sum256(text)
	return &tokenCache{
		dir: dir, name: hex.EncodeToString(name[:16]), reference: hex.EncodeToString(reference[:]),
		patience: lockWait, problem: problem,
	}
}

func (c *tokenCache) file() string { return filepath.Join(c.dir, c.name+".json") }

// tell reports the first problem.
func (c *tokenCache) tell(err error) {
	c.told.Do(func() {
		if c.problem != nil {
			c.problem(fmt.Errorf("renewed tokens are not shared with other processes, each renews its own: %w", err))
		}
	})
}

// open makes the folder and opens the file that is locked. It is never removed:
// two processes could then hold it.
func (c *tokenCache) open() (*flock.Flock, error) {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of tokens: %w", err)
	}
	info, err := os.Stat(c.dir)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		err = os.Chmod(c.dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the folder of tokens to its owner: %w", err)
	}
	return flock.New(filepath.Join(c.dir, c.name+".lock"), flock.SetPermissions(0o600)), nil
}

// renew gives the token that another process has put there since the refused one
// was given, else what the source gives, which it keeps there. Of all processes
// one at a time does so.
func (c *tokenCache) renew(ctx context.Context, refused held, source func(context.Context) (held, error)) (held, error) {
	lock, err := c.lock(ctx)
	if ctx.Err() != nil {
		return held{}, context.Cause(ctx)
	}
	if err != nil {
		c.tell(err)
		return source(ctx)
	}
	defer func() {
		if err := lock.Unlock(); err != nil {
			c.tell(fmt.Errorf("unlock the token: %w", err))
		}
	}()
	kept, ok := c.read()
	if ok && kept.token != refused.token && kept.stamp > refused.stamp {
		return kept, nil
	}
	fresh, err := source(ctx)
	if err != nil || fresh.token == refused.token {
		return fresh, err
	}
	fresh.stamp = max(time.Now().UnixNano(), refused.stamp+1, kept.stamp+1)
	if err := c.write(fresh); err != nil {
		c.tell(err)
	}
	return fresh, nil
}

func (c *tokenCache) lock(ctx context.Context) (*flock.Flock, error) {
	lock, err := c.open()
	if err != nil {
		return nil, err
	}
	short, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	if _, err := lock.TryLockContext(short, lockPoll); err != nil {
		_ = lock.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("another process held %s for over %s: see whether it hangs", lock.Path(), c.patience)
		}
		return nil, fmt.Errorf("lock the token: %w", err)
	}
	return lock, nil
}

// look gives the token in the file if it was given after the current one, unless
// another process is at work there.
func (c *tokenCache) look(current held) (held, bool) {
	lock, err := c.open()
	if err != nil {
		c.tell(err)
		return held{}, false
	}
	free, err := lock.TryRLock()
	if err != nil {
		c.tell(fmt.Errorf("lock the token: %w", err))
	}
	if err != nil || !free {
		_ = lock.Close()
		return held{}, false
	}
	defer lock.Unlock()
	kept, ok := c.read()
	return kept, ok && kept.stamp > current.stamp
}

// read gives the token in the file. A file that is damaged, open to others, or of
// another credential is as good as none, and so is a token whose time is over.
// The stamp is valid with all that can be read.
func (c *tokenCache) read() (held, bool) {
	info, err := os.Lstat(c.file())
	if err != nil || !info.Mode().IsRegular() || info.Size() > cacheLimit ||
		runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return held{}, false
	}
	data, err := os.ReadFile(c.file())
	if err != nil {
		return held{}, false
	}
	var kept cached
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&kept) != nil || kept.Version != cacheVersion {
		return held{}, false
	}
	if _, err := decoder.Token(); err != io.EOF {
		return held{}, false
	}
	now := time.Now()
	if kept.Stamp < 0 || kept.Stamp > now.Add(24*time.Hour).UnixNano() {
		return held{}, false
	}
	ends := kept.Expires
	if ends.IsZero() {
		ends = time.Unix(0, kept.Stamp).Add(endless)
	}
	good := kept.Reference == c.reference && check(kept.Token) == nil && now.Before(ends)
	return held{token: campaign.NewSecret(kept.Token), expires: kept.Expires, stamp: kept.Stamp}, good
}

// write puts a token in the place of what is there, whole or not at all.
func (c *tokenCache) write(h held) error {
	data, err := json.Marshal(cached{cacheVersion, c.reference, h.stamp, h.expires, h.token.Reveal()})
	if err != nil {
		return errors.New("keep the token: it cannot be written as JSON")
	}
	// Whoever writes holds the lock: what is left there is of a process that was killed.
	next := filepath.Join(c.dir, c.name+".new")
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("keep the token: %w", err)
	}
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	_, err = file.Write(append(data, '\n'))
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(next, c.file())
	}
	if err != nil {
		_ = os.Remove(next)
		return fmt.Errorf("keep the token: %w", err)
	}
	return nil
}
