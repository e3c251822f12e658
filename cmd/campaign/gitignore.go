package main

import (
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
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
	work  int64 // done so far: bytes of patterns times the segments that they were held against
}

// Bounds of what a checkout may ask for: of the work, and how much of it a byte that is
// read comes to, which takes memory too.
const (
	mostIgnoreWork    = 100_000_000
	workOfIgnoredByte = 50
)

// gitPattern is a line of a .gitignore file.
type gitPattern struct {
	segments []string // of an anchored pattern; else one, for any depth
	anchored bool
	folder   bool // for folders only
	keeps    bool // begins with !
	length   int  // of the line
}

// look says whether git leaves out a file, by its path from the top of the checkout.
// After more work than any checkout of people needs it says patternKeeps of each.
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
		if g.work > mostIgnoreWork {
			return patternKeeps
		}
		for i := len(patterns) - 1; i >= 0; i-- {
			p := patterns[i]
			g.work += p.work(len(segments) - depth)
			if (folder || !p.folder) && p.fits(segments[depth:]) {
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
		text := readSome(name)
		g.work += workOfIgnoredByte * int64(len(text))
		for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
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
	line = classes.Replace(strings.TrimPrefix(line, "/"))
	p.segments, p.length = strings.Split(line, "/"), len(line)
	return p, line != ""
}

// classes writes the classes of a pattern as path.Match does, and leaves what is escaped.
var classes = strings.NewReplacer(`\\`, `\\`, `\[`, `\[`, "[!", "[^")

// work is what it takes to hold the pattern against a path, at most.
func (p gitPattern) work(segments int) int64 {
	if !p.anchored {
		segments = 1
	}
	return int64(p.length) * int64(segments)
}

func (p gitPattern) fits(segments []string) bool {
	if !p.anchored {
		return fitsAll(p.segments, segments[len(segments)-1:])
	}
	return fitsAll(p.segments, segments)
}

// fitsAll matches segment by segment; ** stands for any number of them, at the end for
// at least one. What follows a ** is tried at each place until it fits; it is no use to
// try an earlier ** again then, so that no pattern takes long.
func fitsAll(pattern, segments []string) bool {
	if n := len(pattern); n > 0 && pattern[n-1] == "**" {
		if len(segments) == 0 {
			return false
		}
		pattern = append(slices.Clone(pattern[:n-1]), "*", "**")
	}
	p, s, star, from := 0, 0, -1, 0
	for s < len(segments) {
		switch {
		case p < len(pattern) && pattern[p] == "**":
			star, from = p, s
			p++
		case p < len(pattern) && fitsOne(pattern[p], segments[s]):
			p++
			s++
		case star >= 0:
			from++
			p, s = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}

func fitsOne(pattern, segment string) bool {
	ok, err := path.Match(pattern, segment)
	return ok && err == nil
}
