package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// TestREADMEQuotesItsCampaign holds the READMEs' campaign against the file that
// it is taken from, line by line, and validates it in its place.
func TestREADMEQuotesItsCampaign(t *testing.T) {
	for _, name := range []string{readme, readmeZH} {
		fences, _ := split(t, name)
		quoted := 0
		for _, f := range fences {
			if f.info != "yaml" {
				continue
			}
			first, rest, _ := strings.Cut(f.text, "\n")
			source, ok := strings.CutPrefix(first, "# campaigns/")
			if !ok {
				t.Errorf("%s:%d: the YAML does not begin with # campaigns/FILE", name, f.line)
				continue
			}
			quoted++
			original := codeLines(page(t, "campaigns/"+source))
			for _, line := range codeLines(rest) {
				at := slices.Index(original, line)
				if at < 0 {
					t.Errorf("%s:%d: campaigns/%s has no line %q, or not there", name, f.line, source, line)
					continue
				}
				original = original[at+1:]
			}
			dir := t.TempDir()
			copyExamples(t, dir)
			write(t, dir, map[string]string{source: f.text})
			if code, out, said := command(t, "validate", "--project", dir, dir); code != exitDone {
				t.Errorf("%s:%d: exit code %d\n%s%s", name, f.line, code, out, said)
			}
		}
		if quoted == 0 {
			t.Errorf("%s shows no campaign", name)
		}
	}
}

// codeLines are the lines of code without their comments.
func codeLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(comment.ReplaceAllString(strings.TrimRight(line, "\n"), ""), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// copyExamples copies campaigns/ without what runs have left there.
func copyExamples(t *testing.T, dir string) {
	t.Helper()
	from := filepath.FromSlash("../../campaigns")
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch {
		case e.Name() == ".campaign", e.Name() == "reports":
		case e.IsDir():
			if err := os.CopyFS(filepath.Join(dir, e.Name()), os.DirFS(filepath.Join(from, e.Name()))); err != nil {
				t.Fatal(err)
			}
		default:
			write(t, dir, map[string]string{e.Name(): page(t, "campaigns/"+e.Name())})
		}
	}
}

// pages lists the documents that people read.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{readme, readmeZH, "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join("../..", filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			list = append(list, strings.TrimPrefix(filepath.ToSlash(name), "../../"))
		}
	}
	if !slices.Contains(list, filesMD) {
		t.Fatalf("%s is not among the documents: %v", filesMD, list)
	}
	return list
}

// anchor is the name by which a link reaches a heading.
func anchor(title string) string {
	kept := strings.Map(func(r rune) rune {
		if strings.ContainsRune("`.,:;()[]!?/'\"", r) {
			return -1
		}
		return r
	}, strings.ToLower(title))
	return strings.ReplaceAll(kept, " ", "-")
}

func TestLinksLeadSomewhere(t *testing.T) {
	checked := 0
	for _, name := range pages(t) {
		_, prose := split(t, name)
		for _, m := range link.FindAllStringSubmatch(strings.Join(prose, "\n"), -1) {
			to, part, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			checked++
			file := name
			if to != "" {
				file = path.Join(path.Dir(name), to)
			}
			if _, err := os.Stat(filepath.Join("../..", filepath.FromSlash(file))); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
				continue
			}
			if part == "" {
				continue
			}
			_, target := split(t, file)
			if !slices.ContainsFunc(target, func(line string) bool {
				h := heading.FindStringSubmatch(line)
				return h != nil && anchor(h[2]) == part
			}) {
				t.Errorf("%s links to %s: there is no such heading", name, m[1])
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d links were found", checked)
	}
}

// TestREADMEsAgree compares the two READMEs: the same structure, the same
// commands, the same links, and no word of delivery in either.
func TestREADMEsAgree(t *testing.T) {
	shapes := map[string]map[string][]string{}
	for name, other := range map[string]string{readme: readmeZH, readmeZH: readme} {
		fences, prose := split(t, name)
		if n := strings.Count(page(t, name), "\n"); n > 150 {
			t.Errorf("%s has %d lines, more than 150", name, n)
		}
		shape := map[string][]string{}
		for _, f := range fences {
			shape["code"] = append(shape["code"], f.info+"\n"+strings.Join(codeLines(f.text), "\n"))
		}
		for _, line := range prose {
			switch h := heading.FindStringSubmatch(line); {
			case h != nil:
				shape["headings"] = append(shape["headings"], h[1])
			case strings.HasPrefix(line, "|"):
				shape["rows"] = append(shape["rows"], fmt.Sprint(strings.Count(line, "|")))
			case strings.HasPrefix(line, "- "):
				shape["items"] = append(shape["items"], "-")
			}
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				shape["links"] = append(shape["links"], strings.Replace(m[1], other, "the other README", 1))
			}
		}
		for _, what := range []string{"code", "headings", "rows", "items", "links"} {
			if len(shape[what]) < 3 {
				t.Errorf("%s: only %d %s were found", name, len(shape[what]), what)
			}
		}
		shapes[name] = shape
	}
	if diff := cmp.Diff(shapes[readme], shapes[readmeZH]); diff != "" {
		t.Errorf("(-%s +%s):\n%s", readme, readmeZH, diff)
	}
	if zh := page(t, readmeZH); !strings.Contains(zh, "平台已受理") || strings.Contains(zh, "已送达") {
		t.Errorf("%s must call what is accepted 平台已受理 and nothing 已送达", readmeZH)
	}
}

// TestDocumentedCommandsExist looks up every command line of the documents.
func TestDocumentedCommandsExist(t *testing.T) {
	root := newRoot(&app{})
	all := append(root.Commands(), root)
	for _, name := range []string{readme, readmeZH, filesMD} {
		fences, prose := split(t, name)
		var lines []string
		for _, f := range fences {
			if f.info == "" {
				lines = append(lines, codeLines(f.text)...)
			}
		}
		for _, m := range code.FindAllStringSubmatch(strings.Join(prose, "\n"), -1) {
			lines = append(lines, m[1])
		}
		checked := 0
		for _, line := range lines {
			words := strings.Fields(strings.TrimPrefix(line, "go run ./cmd/"))
			if strings.HasPrefix(line, "--") && !slices.ContainsFunc(all, func(c *cobra.Command) bool { return hasFlag(c, words[0]) }) {
				t.Errorf("%s: no command has the flag %s", name, words[0])
			}
			if len(words) < 2 || words[0] != "campaign" || strings.ToUpper(words[1]) == words[1] {
				continue
			}
			checked++
			cmd, _, err := root.Find(words[1:])
			if err != nil {
				t.Errorf("%s: %s: %v", name, line, err)
				continue
			}
			for _, word := range words {
				if strings.HasPrefix(word, "--") && !hasFlag(cmd, word) {
					t.Errorf("%s: %s: there is no flag %s", name, line, word)
				}
			}
		}
		if checked < 5 {
			t.Errorf("%s: only %d command lines were found", name, checked)
		}
	}
}

func hasFlag(c *cobra.Command, word string) bool {
	c.InitDefaultHelpFlag()
	name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	return c.Flag(name) != nil || c.InheritedFlags().Lookup(name) != nil
}
