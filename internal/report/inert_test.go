package report

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func TestPlain(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"缺少必要参数", "缺少必要参数"},
		{" a \r\n\tb\u3000c\u2028d ", "a b c d"},
		{"\x1b[31mred\x1b[0m\a", "\uFFFD[31mred\uFFFD[0m\uFFFD"},
		{"abc\u202egnp.exe", "abc\uFFFDgnp.exe"},
		{"\u2066x\u2069\u200f\u061c\u200b\ufeff", "\uFFFDx\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"a\x00b\xff\xfe", "a\uFFFDb\uFFFD\uFFFD"},
		{strings.Repeat("界", maxText), strings.Repeat("界", maxText)},
		{strings.Repeat("界", maxText+1), strings.Repeat("界", maxText-1) + "…"},
	} {
		if got := plain(c.in); got != c.want {
			t.Errorf("plain(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		n := rapid.IntRange(1, 20).Draw(t, "n")
		got := cut(s, n)
		if utf8.RuneCountInString(s) <= n {
			if got != s {
				t.Fatalf("cut(%q, %d) = %q", s, n, got)
			}
			return
		}
		kept, shortened := strings.CutSuffix(got, "…")
		if !shortened || utf8.RuneCountInString(got) != n || !strings.HasPrefix(s, kept) {
			t.Fatalf("cut(%q, %d) = %q", s, n, got)
		}
	})
}

func TestCodeIsOneSpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		got := code(s)
		if got == "–" {
			return
		}
		inner := got[1 : len(got)-1]
		if got[0] != '`' || got[len(got)-1] != '`' || inner == "" || strings.ContainsAny(inner, "`|\r\n") {
			t.Fatalf("code(%q) = %q", s, got)
		}
		for _, r := range inner {
			if !unicode.IsPrint(r) {
				t.Fatalf("code(%q) keeps %U", s, r)
			}
		}
	})
}

// hostile texts: each would do something in a page or a terminal, if it stood there
// as it is.
var hostile = []string{
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[click](https://evil.example/)", "![x](https://evil.example/p.png)",
	"https://evil.example/", "www.evil.example", "@everyone", "| a | b |", "` <b>out</b> `", "``` \n<b>fence</b>\n```", "x\n\n# heading\n\n- item",
	"x\r\n| --- |", "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "\x1b[2J\x1b[H", "abc\u202egnp.exe", "\u2066isolate", "zero\u200bwidth\ufeff", "&lt;b&gt;",
	"$\\pwned$", "*bold* _it_ ~~no~~", "\\", "--- \n===", "line\u2028separator", "nul\x00byte", "bad\xff\xfeutf8", "    indented", "<!-- comment", "]]>", "\u007f\u0085",
}

// codeSpans are ours; a bar inside one would have ended the cell.
var codeSpans = regexp.MustCompile("`[^`\n]*`")

func hostileRun(text string) *made {
	m := newMade()
	m.run.Profile, m.run.Campaign, m.run.File, m.run.Target, m.run.Channel = text, text, text, text, text
	m.run.Occurrence.Label, m.run.PlanDigest, m.run.State, m.run.Reason = text, text, campaign.Cancelled, text
	m.facts.Version, m.facts.Commit, m.facts.Title, m.facts.Warnings = text, text, text, []string{text}
	m.block().delivery(1, refused("refused: "+text, 1)).delivery(1, refused(text, 1)).delivery(1, lost("lost: "+text, 1)).skip(text).skip("duplicate: "+text).
		stage(1).delivery(1, accepted(text, 1)).seal()
	m.note(text, text, text, 1).note(campaign.NoteStage, text, "1: "+text, 2).note(campaign.NoteResolved, text, text, 3).
		note(campaign.NoteApproved, text, "2026-11-30T09:00:00Z, plan "+text+", committed by "+text+": "+text, 4)
	for i := range m.blocks[0].Block.Deliveries {
		m.blocks[0].Block.Deliveries[i].Recipients[0].Cells[0] = text + text
	}
	m.blocks[0].Block.Deliveries[0].Recipients[0].Cells[0] = "\u202e\x1b<>`|"
	return m
}

// hostileEnd is a run whose last invocation ended with a text.
func hostileEnd(word string) func(text string) *made {
	return func(text string) *made {
		m := newMade().block().delivery(1, pending).stage(1).delivery(1, pending).seal().later()
		return m.note(campaign.NoteClaimed, text, text, 1).note(campaign.NoteEnded, text, word+text, 2)
	}
}

func TestInjectionIsInert(t *testing.T) {
	for _, run := range []func(string) *made{hostileRun, hostileEnd(""), hostileEnd("aborted: "), hostileEnd("stage-waits: "), hostileEnd("window-closed: ")} {
		staysInert(t, run)
	}
}

func staysInert(t *testing.T, run func(string) *made) {
	t.Helper()
	var clean bytes.Buffer
	m := run("harmless")
	if _, err := Print(&clean, "markdown", m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	skeleton := codeSpans.ReplaceAllString(clean.String(), "`x`")
	for _, text := range hostile {
		m := run(text)
		var out bytes.Buffer
		r, err := Print(&out, "markdown", m.run, m.facts, m.results())
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		// What stands outside of code spans is ours alone: the same for any text.
		if got := codeSpans.ReplaceAllString(out.String(), "`x`"); bones(got) != bones(skeleton) {
			t.Errorf("%q changes the page:\n%s", text, out.String())
		}
		for _, s := range append([]string{out.String(), Verdict(r)}, r.Sentences...) {
			for _, char := range s {
				if !unicode.IsPrint(char) && char != '\n' {
					t.Errorf("%q leaves %U in %q", text, char, s)
				}
			}
			if !utf8.ValidString(s) {
				t.Errorf("%q leaves bad UTF-8 in %q", text, s)
			}
		}
		if v := Verdict(r); strings.Contains(v, "\n") {
			t.Errorf("%q: the verdict line has lines: %q", text, v)
		}
	}
}

// bones are the lines of a page in a fixed order: reasons are sorted by their
// text, which is no injection.
func bones(page string) string {
	return strings.Join(slices.Sorted(strings.Lines(page)), "")
}

func TestNoSecretInAddress(t *testing.T) {
	m := newMade().block().delivery(1, lost("reset", 1)).seal()
	for raw, want := range map[string]string{
		"https://user:hunter2@gov.example:8443/YX?token=hunter2#hunter2": "https://gov.example:8443/YX",
		"http://127.0.0.1:8080/AGCS_zqc":                                 "http://127.0.0.1:8080/AGCS_zqc",
		"mailto:hunter2@gov.example":                                     "",
		"http://hunter2\x7f":                                             "",
		"":                                                               "",
	} {
		m.facts.BaseURL = raw
		for _, f := range slices.Concat(Formats, Extra) {
			var out bytes.Buffer
			r, err := Print(&out, f.Name, m.run, m.facts, m.results())
			if err != nil {
				t.Fatal(err)
			}
			if r.Upstream.BaseURL != want || strings.Contains(out.String(), "hunter2") {
				t.Errorf("%s of %q: %q\n%s", f.Name, raw, r.Upstream.BaseURL, out.String())
			}
		}
	}
}

// Only the recipients file holds ids, also when an upstream repeats them.
func TestIdsAreMasked(t *testing.T) {
	m := newMade().block().
		delivery(2, refused("2fb5c7c3-0000-4000-8000-000000000003", 1)).
		delivery(1, lost("lost: user 2fb5c7c3-0000-4000-8000-000000000004, 2fb5c7c3-0000-4000-8000-000000000004", 1)).
		skip("excluded: id 2fb5c7c3-0000-4000-8000-000000000005").seal()
	for _, f := range slices.Concat(Formats, Extra) {
		var out bytes.Buffer
		if _, err := Print(&out, f.Name, m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		if holds := strings.Contains(out.String(), "2fb5c7c3-0000"); holds != (f.Name == "ndjson" || f.Name == "csv") {
			t.Errorf("%s holds ids: %t\n%s", f.Name, holds, out.String())
		}
	}
	// Groups of the upstream are nobody's ids.
	g := newMade()
	g.groups, g.facts.Groups = true, true
	g.block().delivery(1, refused("refused: 用户组 1460 不存在", 1)).seal()
	g.blocks[0].Block.Deliveries[0].Recipients[0].Cells[0] = "1460"
	r, err := Fold(g.run, g.facts, g.results())
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Rejected.Listed[0]; got.Reason != "refused: 用户组 1460 不存在" || got.who != "1460" {
		t.Errorf("a group's refusal reads %q of %q", got.Reason, got.who)
	}
}

// A report never claims that somebody got a message.
func TestNeverDelivered(t *testing.T) {
	for name, m := range goldenRuns() {
		for _, f := range slices.Concat(Formats, Extra) {
			var out bytes.Buffer
			r, err := Print(&out, f.Name, m.run, m.facts, m.results())
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ToLower(out.String() + Verdict(r))
			for _, word := range []string{"delivered", "已送达", "received"} {
				if strings.Contains(text, word) {
					t.Errorf("%s of %s says %q", f.Name, name, word)
				}
			}
			if r.Recipients.Accepted > 0 && !strings.Contains(Verdict(r), "平台已受理") {
				t.Errorf("%s: %s", name, Verdict(r))
			}
		}
	}
}

func TestVerdictSaysAll(t *testing.T) {
	m := newMade().block()
	for range 3 {
		m.skip("")
	}
	m.delivery(1, accepted("1", 1)).seal()
	m.facts.Warnings = []string{"one", "two", "three", "four", "five"}
	m.facts.Sandbox, m.run.Trial = true, true
	r, err := Fold(m.run, m.facts, m.results())
	if err != nil {
		t.Fatal(err)
	}
	want := "SANDBOX TRIAL complete: 1 of 4 recipients accepted by the platform (平台已受理; no proof of receipt); left out: 3 without a reason; " +
		"warning: one; warning: two; warning: three; and 2 more"
	if got := Verdict(r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestClock(t *testing.T) {
	if got := between(t0, t0.Add(24*time.Hour)); got != "2026-12-01 09:00:00 +08:00–2026-12-02 09:00:00 +08:00" {
		t.Error(got)
	}
	if between(time.Time{}, time.Time{}) != "–" || clock(time.Time{}) != "–" {
		t.Error("a zero time has a clock")
	}
}
