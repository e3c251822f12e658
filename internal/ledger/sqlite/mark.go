package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"campaign/internal/ledger"
)

// mark is how far a ledger has come, as last seen: kept away from it, so that an
// older copy put in its place is noticed (design: delivery, rule 3).
type mark struct {
	About   string `json:"about"`
	Format  int    `json:"format"`
	Project string `json:"project"`
	Ledger  string `json:"ledger"`
	Journal int64  `json:"journal"` // id of the last journal row
}

const aboutMark = "How far the run ledger of this project has come. Sending is refused from a ledger that is older than this: it would send again."

// readMark reads the mark; nil when there is none.
func readMark(o Options) (*mark, error) {
	if o.Mark == "" {
		return nil, nil
	}
	data, err := os.ReadFile(o.Mark)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, told("reading the ledger's high-water mark", err)
	}
	m := &mark{}
	if err := json.Unmarshal(data, m); err != nil || m.Ledger == "" {
		return nil, ledger.Because(ledger.ErrDamaged, "the high-water mark %s is damaged: bring it back, or remove it when you are sure that the ledger is the one last sent from", o.Mark)
	}
	if m.Format != 1 {
		return nil, ledger.Because(ledger.ErrFormat, "the high-water mark %s is of format %d and this program knows format 1", o.Mark, m.Format)
	}
	if m.Project != o.Project {
		return nil, ledger.Because(ledger.ErrForeign, "the high-water mark %s is of project %q and this project is %q", o.Mark, m.Project, o.Project)
	}
	return m, nil
}

// sent reports whether a run was ever opened in the mark's ledger.
func (m *mark) sent() bool { return m != nil && m.Journal > 0 }

// missing is the error for a folder without a ledger.
func missing(o Options) error {
	m, err := readMark(o)
	if err != nil {
		return err
	}
	if m.sent() {
		return ledger.Because(ledger.ErrNoState, "no ledger in %s, and this project has sent before: bring the ledger back, or carry it over with campaign state import", o.Dir)
	}
	return ledger.Because(ledger.ErrNoState, "no ledger in %s: campaign state init makes one when this project never sent, campaign state import carries one over", o.Dir)
}

// position is how far a ledger has come.
func (r *Reader) position(ctx context.Context) (mark, error) {
	m := mark{About: aboutMark, Format: 1, Project: r.id.project, Ledger: r.id.ledger}
	err := r.db.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM journal").Scan(&m.Journal)
	return m, told("reading the ledger", err)
}

// checkMark fails with ErrStale when the mark has seen more than the ledger knows.
func checkMark(ctx context.Context, r *Reader, o Options) error {
	seen, err := readMark(o)
	if err != nil || seen == nil {
		return err
	}
	have, err := r.position(ctx)
	if err != nil {
		return err
	}
	if seen.sent() && seen.Ledger != have.Ledger {
		return ledger.Because(ledger.ErrStale, "the ledger %s is not the one that this project last sent from (%s says so): bring that one back", r.file, o.Mark)
	}
	if seen.Ledger == have.Ledger && have.Journal < seen.Journal {
		return ledger.Because(ledger.ErrStale, "the ledger %s is older than what was last seen of it: it ends at record %d and %s has seen record %d: bring the newer one back", r.file, have.Journal, o.Mark, seen.Journal)
	}
	return nil
}

// raiseMark brings the mark up to where the ledger stands.
func (l *Ledger) raiseMark(ctx context.Context) error {
	if l.options.Mark == "" {
		return nil
	}
	m, err := l.position(ctx)
	if err != nil {
		return err
	}
	return m.raise(l.options)
}

func (m mark) raise(o Options) error {
	lock, err := o.lock("mark")
	if err != nil {
		return err
	}
	if err := lock.Lock(); err != nil {
		return told("locking the ledger's high-water mark", err)
	}
	defer lock.Unlock() // the file is closed with it; there is nothing to lose
	seen, err := readMark(o)
	if err != nil {
		return err
	}
	if seen != nil && seen.Ledger == m.Ledger && seen.Journal >= m.Journal {
		return nil
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return told("writing the ledger's high-water mark", err)
	}
	if err := os.MkdirAll(filepath.Dir(o.Mark), 0o700); err != nil {
		return told("writing the ledger's high-water mark", err)
	}
	return told("writing the ledger's high-water mark", writeFile(o.Mark, append(data, '\n')))
}

// writeFile puts a file in place whole or not at all, and on the disk.
func writeFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes a rename durable. Windows has no such call, and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
