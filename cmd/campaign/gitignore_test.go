package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ignoredFiles are paths of a checkout and what git says of each.
var ignoredFiles = []struct {
	name string
	want ignoredBy
}{
	{"notices/recipients/a.csv", patternIgnores},      // recipients/ in the middle of the tree
	{"notices/recipients/deep/b.csv", patternIgnores}, // below it
	{"recipients.csv", noPattern},                     // a name that only begins so
	{"lists/keep.csv", patternKeeps},                  // *.csv below lists, and ! for this one
	{"lists/other.csv", patternIgnores},               //
	{"lists/recipients/keep.csv", patternIgnores},     // nothing below a folder that is left out comes back
	{"a/private/x/y/z.csv", patternIgnores},           // a/**/z.csv
	{"a/z.csv", patternIgnores},                       // ** may be nothing
	{"b/deep/down/any.txt", patternIgnores},           // b/deep/**
	{"c/one.txt", noPattern},                          // /one.txt is for the top only
	{"one.txt", patternIgnores},                       //
	{"d1.txt", noPattern},                             // d[!0-9].txt
	{"dx.txt", patternIgnores},                        //
	{"e f.txt", patternIgnores},                       // a blank inside
	{"g ", patternIgnores},                            // an escaped blank at the end
	{"#h", patternIgnores},                            // an escaped #
	{"build", noPattern},                              // build/ is for folders
	{"sub/build/x.csv", patternIgnores},               //
	{"sub/inner/only.csv", patternIgnores},            // sub/.gitignore: /inner/only.csv
	{"inner/only.csv", noPattern},                     //
	{"sub/plain.csv", patternKeeps},                   // the nearer file decides
	{"plain.csv", patternIgnores},                     //
	{"star/x.log.csv", patternIgnores},                // star/*.csv stays in its folder
	{"star/in/x.csv", noPattern},                      //
	{"q1.md", patternIgnores},                         // q?.md
	{"q12.md", noPattern},                             //
	{"bom.csv", patternIgnores},                       // the first line, behind the mark that Windows writes
	{"[!a].csv", patternIgnores},                      // an escaped [
	{"[^a].csv", noPattern},                           //
	{"v/w.csv", patternIgnores},                       // **/v/**/w.csv
	{"a/v/v/b/w.csv", patternIgnores},                 //
	{"v/a/w.csv/b", patternIgnores},                   //
	{"w/v.csv", noPattern},                            //
	{"deep/a/b/a.csv", patternIgnores},                // deep/**/a/**/?.csv
	{"deep/b/a.csv", noPattern},                       //
}

var ignoreFiles = map[string]string{
	".gitignore": "\uFEFFbom.csv\n\\[!a].csv\n**/v/**/w.csv\ndeep/**/a/**/?.csv\n# lists of people\r\nrecipients/\nlists/*.csv\n!lists/keep.csv\n!lists/recipients/keep.csv\na/**/z.csv\nb/deep/**\n/one.txt\n" +
		"d[!0-9].txt\ne f.txt   \ng\\ \n\\#h\nbuild/\nplain.csv\nstar/*.csv\nq?.md\n\n/\n[\n",
	"sub/.gitignore": "/inner/only.csv\n!plain.csv\n",
}

func TestGitignore(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ignoreFiles)
	g := gitignore{top: dir}
	for _, test := range ignoredFiles {
		if got := g.look(test.name); got != test.want {
			t.Errorf("%q: got %d, want %d", test.name, got, test.want)
		}
	}
}

// TestGitignoreIsGits asks git itself, where there is one.
func TestGitignoreIsGits(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git here")
	}
	dir := t.TempDir()
	write(t, dir, ignoreFiles)
	if out, err := exec.Command(git, "init", "-q", dir).CombinedOutput(); err != nil {
		t.Skipf("git init: %v\n%s", err, out)
	}
	for _, test := range ignoredFiles {
		cmd := exec.Command(git, "-c", "core.excludesFile=", "check-ignore", "-q", "--no-index", test.name)
		cmd.Dir = dir
		err := cmd.Run()
		if ignores := err == nil; ignores != (test.want == patternIgnores) {
			t.Errorf("git of %q: %v", test.name, err)
		}
	}
}

// TestGitignoreIsNoLink: like git, nothing is read through a link, or from what is no file.
func TestGitignoreIsNoLink(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"elsewhere": "*.csv\n", "folder/.gitignore/x": ""})
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, ".gitignore")); err != nil {
		t.Skip(err)
	}
	g := gitignore{top: dir}
	for _, name := range []string{"a.csv", "folder/a.csv"} {
		if got := g.look(name); got != noPattern {
			t.Errorf("%s: got %d", name, got)
		}
	}
	long := gitignore{top: t.TempDir()}
	write(t, long.top, map[string]string{".gitignore": strings.Repeat("#\n", maxIgnoreFile) + "*.csv\n"})
	if got := long.look("a.csv"); got != noPattern {
		t.Errorf("behind the bound: got %d", got)
	}
}

// TestGitignoreEnds: whatever somebody writes into .gitignore, what it says of many lists is
// known after bounded work. Patterns with several ** take no more than others.
func TestGitignoreEnds(t *testing.T) {
	if raceDetector {
		t.Skip("it is about time")
	}
	deep := strings.Repeat("a/", 400)
	for name, pattern := range map[string]string{"**": "/" + strings.Repeat("**/a/", 20) + "b\n", "short": "x\n", "stars": "*a*b*c*\n", "long": strings.Repeat("*a", 1000) + "\n"} {
		g := gitignore{top: t.TempDir()}
		write(t, g.top, map[string]string{".gitignore": strings.Repeat(pattern, maxIgnoreFile/2/len(pattern)), "a/.gitignore": pattern})
		for i := range 1000 {
			g.look(fmt.Sprintf("%s%d.csv", deep, i))
		}
		if g.work > mostIgnoreWork+maxIgnoreFile*(workOfIgnoredByte+int64(len(deep))) {
			t.Errorf("%s: %d of work", name, g.work)
		}
	}
	usual := gitignore{top: t.TempDir()}
	write(t, usual.top, map[string]string{".gitignore": strings.Repeat("some/pattern/*.csv\n", 200) + "recipients/\n"})
	for i := range 2000 {
		if got := usual.look(fmt.Sprintf("departments/statistics/recipients/%d.csv", i)); got != patternIgnores {
			t.Fatalf("list %d: got %d", i, got)
		}
	}
}
