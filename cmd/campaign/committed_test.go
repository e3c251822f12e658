package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// approvedProject is a project under commit: clean with an approved campaign.
func approvedProject(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, dir, map[string]string{
		"targets.yaml": strings.Replace(servedTargets, "BASE_URL", "http://127.0.0.1:9", 1) + "require: {approval: true, commit: clean}\n",
		"notice.yaml":  notice("notice", "title", `cron: "0 9 * * *"`),
	})
	saved := filepath.Join(t.TempDir(), "plan.json")
	for _, args := range [][]string{{"plan", "--occurrence", "one", "--out", saved}, {"approve", saved, "--yes"}} {
		if code, out, said := command(t, append(args, "--project", dir)...); code != exitDone {
			t.Fatalf("%v: exit code %d\n%s%s", args, code, out, said)
		}
	}
	return dir
}

// Without git nobody knows who committed what: nothing is sent.
func TestApprovalWithoutGit(t *testing.T) {
	dir := approvedProject(t)
	t.Setenv("PATH", t.TempDir())
	code, _, said := command(t, "run", filepath.Join(dir, "notice.yaml"), "--occurrence", "one", "--project", dir, "--yes")
	if code != exitGuard || !strings.Contains(said, "git is not on this machine") {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

func TestGitThatDoesNotAnswer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in for git is a script of a POSIX shell")
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err) // where there is a shell there is that (POSIX)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+filepath.Dir(sleep))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = (&checkout{dir: t.TempDir()}).read(ctx, nil)
	if err == nil || !strings.Contains(err.Error(), "git did not answer within ") {
		t.Errorf("%v", err)
	}
}

// An author is the same person under each name that git knows.
func TestSameAuthor(t *testing.T) {
	ada := author{"ada@example.com", "ada@example.com"}
	for _, c := range []struct {
		other author
		same  bool
	}{
		{author{"ADA@example.com", "ADA@example.com"}, true},
		{author{"ada@home.example", "ada@example.com"}, true}, // .mailmap
		{author{"ada@example.com", "bo@example.com"}, true},   // a .mailmap that says otherwise
		{author{"bo@example.com", "bo@example.com"}, false},
	} {
		if ada.same(c.other) != c.same || c.other.same(ada) != c.same {
			t.Errorf("%v: not %t", c.other, c.same)
		}
	}
}

// Files of a project that look like a repository of their own bring a configuration, and
// with it commands. They are asked nothing, and run nothing.
func TestRepositoryAmongFiles(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := filepath.Join(t.TempDir(), "project")
	ran := filepath.Join(t.TempDir(), "ran")
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-C", dir, "--git-dir=.", "--work-tree=."}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if out, err := exec.Command("git", "init", "-q", "--bare", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write(t, dir, map[string]string{"notice.yaml": "as it was\n", ".gitattributes": "*.yaml filter=it\n"})
	run("config", "user.name", "Ada")
	run("config", "user.email", "ada@example.com")
	run("add", "notice.yaml", ".gitattributes")
	run("commit", "-q", "-m", "files")
	run("config", "core.bare", "false")
	run("config", "core.worktree", ".")
	run("config", "filter.it.clean", "touch '"+filepath.ToSlash(ran)+"'; cat")
	write(t, dir, map[string]string{"notice.yaml": "as it is.\n"}) // of the same size: git reads it
	if commit := commitOf(t.Context(), dir, []string{"notice.yaml"}); commit != "" {
		t.Errorf("a commit: %q", commit)
	}
	if err := (&checkout{dir: dir}).read(t.Context(), []string{"notice.yaml"}); err == nil || !strings.Contains(err.Error(), "git says: ") {
		t.Errorf("a checkout: %v", err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("its filter was run")
	}
}
