package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// quotedText is what stands in quotes or brackets of a sentence: values, and what to write.
var quotedText = regexp.MustCompile("\"[^\"]*\"|`[^`]*`|\\{.*\\}")

var (
	englishWords = regexp.MustCompile(`[a-z]{2,} [a-z]{2,} [a-z]{2,}`)
	ofExample    = regexp.MustCompile(`^(\S.*?:\d+:\d+|\S+): (.*) \[[a-z-]+\]$`)
)

// saidInChinese reports whether a line for people is Chinese: nothing but values is not.
func saidInChinese(line string) bool {
	return strings.ContainsFunc(line, func(r rune) bool { return unicode.Is(unicode.Han, r) }) &&
		!englishWords.MatchString(quotedText.ReplaceAllString(line, `""`))
}

// TestRulesAreSaidInChinese validates every bad example where the locale is Chinese.
func TestRulesAreSaidInChinese(t *testing.T) {
	base, of := examples(t)
	lines := 0
	for _, id := range slices.Sorted(maps.Keys(of)) {
		e := of[id]
		project := maps.Clone(base)
		for _, change := range []map[string]string{e.with, e.bad} {
			for name, data := range change {
				if name == "campaign.yaml" || name == "targets.yaml" {
					data = merged(project[name], data)
				}
				project[name] = data
			}
		}
		dir := t.TempDir()
		write(t, dir, project)
		t.Setenv("LC_ALL", "zh_CN.UTF-8")
		_, out, errs := command(t, "validate", "--project", dir, dir)
		if !strings.HasPrefix(errs, "3 个文件") && !saidInChinese(errs) {
			t.Errorf("%s: %q", id, errs)
		}
		for line := range strings.Lines(out) {
			line = strings.TrimRight(line, "\n")
			said := ""
			if m := ofExample.FindStringSubmatch(line); m != nil {
				said = m[2]
			} else if hint, ok := strings.CutPrefix(line, "  提示："); ok {
				said = hint
			} else if strings.Contains(line, "hint:") || strings.Contains(line, "warning:") {
				t.Errorf("%s: %s", id, line)
			}
			if said == "" {
				continue
			}
			if lines++; !saidInChinese(said) {
				t.Errorf("%s: %s", id, line)
			}
		}
	}
	if lines < 2*len(of)-40 {
		t.Errorf("%d lines for %d rules", lines, len(of))
	}
}
