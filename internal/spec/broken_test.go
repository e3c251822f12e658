package spec

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

var update = flag.Bool("update", false, "write what the loader finds into testdata; look at the difference before keeping it")

// project is testdata/project with one more file at its root.
func project(t testing.TB, name string, data []byte) fs.FS {
	t.Helper()
	fsys := fstest.MapFS{}
	root := os.DirFS("testdata/project")
	err := fs.WalkDir(root, ".", func(at string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, at)
		fsys[at] = &fstest.MapFile{Data: data, Mode: 0o644}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	fsys[name] = &fstest.MapFile{Data: data, Mode: 0o644}
	return fsys
}

// loadAny loads a file by what its name begins with.
func loadAny(t testing.TB, name string, data []byte) []campaign.Diagnostic {
	t.Helper()
	switch kind, _, _ := strings.Cut(name, "-"); kind {
	case "campaign":
		c, doc, diags := LoadCampaign(project(t, name, data), name)
		if doc == nil || c == nil && !campaign.HasErrors(diags) {
			t.Fatalf("%s: neither a campaign nor an error", name)
		}
		return diags
	case "targets":
		p, doc, diags := LoadTargets(project(t, name, data), name)
		if doc == nil || p == nil && !campaign.HasErrors(diags) {
			t.Fatalf("%s: neither a project nor an error", name)
		}
		return diags
	case "approval":
		name = ApprovalsFile("notice")
		all, _, diags := LoadApprovals(project(t, name, data), name)
		if all == nil && !campaign.HasErrors(diags) {
			t.Fatalf("%s: neither approvals nor an error", name)
		}
		return diags
	case "calendar":
		c, diags := LoadCalendar(project(t, name, data), name)
		if c == nil && !campaign.HasErrors(diags) {
			t.Fatalf("%s: neither a calendar nor an error", name)
		}
		return diags
	}
	t.Fatalf("%s: the name begins with none of campaign-, targets-, approval- and calendar-", name)
	return nil
}

var want = regexp.MustCompile(`(?m)^# want:.*\n`)

// TestBroken loads every file of testdata/broken. Each ends with a line
//
//	# want: 7:3 unknown-key, 9:1 missing-key
//
// that lists all problems. What they say stands in testdata/broken.txt. A new
// case is a file; go test -update fills in both, for review.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 70 {
		t.Fatalf("%d broken files (%v), at least 70 are needed", len(files), err)
	}
	var told bytes.Buffer
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		diags := loadAny(t, name, data)
		if !campaign.HasErrors(diags) {
			t.Errorf("%s: no error was found", name)
		}
		got := wantLine(diags)
		if *update {
			if err := os.WriteFile(file, want.ReplaceAll(data, []byte(got)), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if line := string(want.Find(data)); line != got {
			t.Errorf("%s:\nwant %sgot  %s", name, line, got)
		}
		for _, d := range diags {
			fmt.Fprintf(&told, "%s\n", d.Error())
			if d.Hint != "" {
				fmt.Fprintf(&told, "    %s\n", d.Hint)
			}
		}
	}
	golden(t, "testdata/broken.txt", told.Bytes())
}

func wantLine(diags []campaign.Diagnostic) string {
	parts := make([]string, 0, len(diags))
	for _, d := range diags {
		parts = append(parts, fmt.Sprintf("%d:%d %s", d.Line, d.Col, d.Rule))
	}
	return "# want: " + strings.Join(parts, ", ") + "\n"
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
