package main

import (
	"strings"
	"testing"
)

func TestAsMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"12 of 30 recipients, 5%": "12 of 30 recipients, 5%",
		"统计局 (test)":              "统计局 (test)",
		"http://127.0.0.1:8080":   "`http://127.0.0.1:8080`",
		"www.example.com":         "`www.example.com`",
		"@everybody":              "`@everybody`",
		"a|b`c":                   "`a¦bˋc`",
		"<img src=x>":             "`<img src=x>`",
		"[x](y)":                  "`[x](y)`",
		"a\nb\u202ec":             "`a\uFFFDb\uFFFDc`",
		"_x_ *y* #1":              "`_x_ *y* #1`",
	} {
		if got := asMarkdown(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	var w strings.Builder
	fold(&w, "a<b>.html", "diff", "x\n```\n</details>\n@all \x1b[31m\r\n````\n")
	want := "\n<details><summary><code>a&lt;b&gt;.html</code></summary>\n\n" +
		"`````diff\nx\n```\n</details>\n@all \uFFFD[31m\n````\n`````\n\n</details>\n"
	if w.String() != want {
		t.Errorf("%q, want %q", w.String(), want)
	}
	w.Reset()
	fold(&w, "f", "", strings.Repeat("line\n", mostShown+2))
	if n := strings.Count(w.String(), "line\n"); n != mostShown || !strings.Contains(w.String(), "2 lines more, not shown here") {
		t.Errorf("%d lines are shown:\n%s", n, w.String())
	}
}
