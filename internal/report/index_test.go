package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"campaign/internal/campaign"
)

// stored writes the reports of some runs of one campaign each.
func stored(t *testing.T, root string, runs ...*made) {
	t.Helper()
	for _, m := range runs {
		if _, err := Write(root, m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
	}
}

func index(t *testing.T, root string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, IndexFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWriteIndex(t *testing.T) {
	root := t.TempDir()
	old, later, other := goldenRuns()["good"], goldenRuns()["mixed"], goldenRuns()["empty"]
	later.run.Occurrence.Label, later.run.Began = "2026-12", t0.Add(time.Hour)
	later.run.ID = campaign.RunID("production", later.run.Campaign, "2026-12")
	other.run.Campaign, other.run.ID = "100% <b>\u202e", campaign.RunID("production", "100%", "once")
	stored(t, root, old, later, other)
	damaged := filepath.Join(root, "production", "census-supplement", "damaged")
	if err := os.MkdirAll(damaged, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, "report.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for language, want := range map[string][]string{
		"en": {"<html lang=\"en\">", "stopped", "complete", "Reports that could not be read: 1.", "2026-12", "100% &lt;b&gt;"},
		"zh": {"<html lang=\"zh-CN\">", "已停止", "已完成", "1 份报告无法读取"},
	} {
		if err := WriteIndex(root, language, t0); err != nil {
			t.Fatal(err)
		}
		got := index(t, root)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: the index lacks %q", language, w)
			}
		}
		if at := loads.FindString(got); at != "" {
			t.Errorf("the index loads something: %q", at)
		}
		if strings.Index(got, later.run.ID) > strings.Index(got, old.run.ID) {
			t.Error("an older run comes first")
		}
		for _, m := range []*made{old, later, other} { // each link leads to a page
			at := strings.Index(got, "report.html\">"+m.run.ID)
			if at < 0 {
				t.Fatalf("no link to %s", m.run.ID)
			}
			link := got[strings.LastIndex(got[:at], "\"")+1 : at+len("report.html")]
			path, err := urlPath(link)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Error(err)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(root, IndexFile)); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Error(info.Mode(), err)
	}
}

func urlPath(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", err
	}
	return filepath.FromSlash(u.Path), nil
}

// However many processes store reports at once, the index lists them all.
func TestWriteIndexTogether(t *testing.T) {
	root := t.TempDir()
	var all sync.WaitGroup
	const n = 8
	for i := range n {
		all.Go(func() {
			m := newMade().block().delivery(1, accepted("1", 1)).seal()
			m.run.ID = campaign.RunID("production", "c", fmt.Sprint(i))
			if _, err := Write(root, m.run, m.facts, m.results()); err != nil {
				t.Error(err)
			}
			if err := WriteIndex(root, "en", t0); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := strings.Count(index(t, root), "report.html\">"); got != n {
		t.Errorf("the index lists %d of %d runs", got, n)
	}
}

func TestWriteIndexIsBounded(t *testing.T) {
	root := t.TempDir()
	for i := range maxIndexed + 5 {
		dir := filepath.Join(root, "production", "c", fmt.Sprint(i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(map[string]any{"state": "complete", "run": map[string]any{"campaign": "c", "id": fmt.Sprint(i)}, "recipients": campaign.Counts{Planned: 1, Accepted: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "report.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteIndex(root, "en", t0); err != nil {
		t.Fatal(err)
	}
	got := index(t, root)
	if strings.Count(got, "report.md\">") != maxIndexed || !strings.Contains(got, "Older runs that are not listed: 5.") || len(got) > 2<<20 {
		t.Errorf("%d bytes", len(got))
	}
}

// An index that cannot be written leaves the earlier one.
func TestWriteIndexFails(t *testing.T) {
	root := t.TempDir()
	stored(t, root, goldenRuns()["good"])
	if err := WriteIndex(root, "en", t0); err != nil {
		t.Fatal(err)
	}
	was := index(t, root)
	for _, kind := range []string{"create", "write", "sync", "close", "rename", "sync folder"} {
		err := writeIndex(&faulty{kind: kind, err: syscall.ENOSPC}, root, "zh", t0.Add(time.Hour))
		if !errors.Is(err, ErrWrite) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", kind, err)
		}
		if kind != "sync folder" && index(t, root) != was {
			t.Errorf("%s: the earlier index is gone", kind)
		}
	}
	left, err := filepath.Glob(filepath.Join(root, ".*"+stagedSuffix))
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}
