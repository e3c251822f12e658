package main

import (
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ignoredBy is what .gitignore files say of a path.
type ignoredBy uint8

const (
	noPattern      ignoredBy = iota
	patternIgnores           // git leaves it out
	patternKeeps             // a pattern with ! takes it back
)

// gitignore reads the .gitignore files of a checkout as git does (gitignore(5),
// PATTERN FORMAT). Ignore files outside of the checkout, and .git/info/exclude, belong
// to one person and say nothing of what others commit: they are not read.
type gitignore struct {
	top   string // the checkout's folder
	rules map[string][]gitPattern
}

// gitPattern is a line of a .gitignore file.
type gitPattern struct {
	segments []string // of an anchored pattern; else one, for any depth
	anchored bool
	folder   bool // for folders only
	keeps    bool // begins with !
}

// look says whether git leaves out a file, by its path from the top of the checkout.
func (g *gitignore) look(name string) ignoredBy {
	segments := strings.Split(name, "/")
	for n := 1; n < len(segments); n++ {
		if g.decide(segments[:n], true) == patternIgnores {
			return patternIgnores // nothing below a folder that is left out can be taken back
		}
	}
	return g.decide(segments, false)
}

// decide finds the last pattern that fits: of the nearest .gitignore first.
func (g *gitignore) decide(segments []string, folder bool) ignoredBy {
	for depth := len(segments) - 1; depth >= 0; depth-- {
		patterns := g.patterns(strings.Join(segments[:depth], "/"))
		for i := len(patterns) - 1; i >= 0; i-- {
			if p := patterns[i]; (folder || !p.folder) && p.fits(segments[depth:]) {
				if p.keeps {
					return patternKeeps
				}
				return patternIgnores
			}
		}
	}
	return noPattern
}

// maxIgnoreFile bounds a .gitignore file, in bytes.
const maxIgnoreFile = 1 << 20

// patterns reads the .gitignore of a folder. Like git it follows no link there.
func (g *gitignore) patterns(folder string) []gitPattern {
	if known, ok := g.rules[folder]; ok {
		return known
	}
	var patterns []gitPattern
	name := filepath.Join(g.top, filepath.FromSlash(folder), ".gitignore")
	if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() {
		for line := range strings.Lines(readSome(name)) {
			if p, ok := patternOf(line); ok {
				patterns = append(patterns, p)
			}
		}
	}
	if g.rules == nil {
		g.rules = map[string][]gitPattern{}
	}
	g.rules[folder] = patterns
	return patterns
}

// readSome gives the first maxIgnoreFile bytes of a file; nothing when it cannot be read.
func readSome(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIgnoreFile))
	if err != nil {
		return ""
	}
	return string(data)
}

// patternOf reads a line; ok is false when it holds no pattern.
func patternOf(line string) (p gitPattern, ok bool) {
	line = strings.TrimRight(line, "\r\n")
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	if strings.HasPrefix(line, "#") {
		return p, false
	}
	line, p.keeps = strings.CutPrefix(line, "!")
	line, p.folder = strings.CutSuffix(line, "/")
	p.anchored = strings.Contains(line, "/")
	line = strings.ReplaceAll(strings.TrimPrefix(line, "/"), "[!", "[^")
	p.segments = strings.Split(line, "/")
	return p, line != ""
}

func (p gitPattern) fits(segments []string) bool {
	if !p.anchored {
		return fitsAll(p.segments, segments[len(segments)-1:])
	}
	return fitsAll(p.segments, segments)
}

// fitsAll matches segment by segment; ** stands for any number of them, at the end for
// at least one.
func fitsAll(pattern, segments []string) bool {
	for ; len(pattern) > 0; pattern, segments = pattern[1:], segments[1:] {
		if pattern[0] == "**" {
			for len(pattern) > 1 && pattern[1] == "**" {
				pattern = pattern[1:]
			}
			if len(pattern) == 1 {
				return len(segments) > 0
			}
			for at := range segments {
				if fitsAll(pattern[1:], segments[at:]) {
					return true
				}
			}
			return false
		}
		if len(segments) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], segments[0]); err != nil || !ok {
			return false
		}
	}
	return len(segments) == 0
}
