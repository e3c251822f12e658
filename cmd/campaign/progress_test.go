package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"campaign/internal/campaign"
	"campaign/internal/runner"
)

// paper is a terminal of so many columns: what is written to it, line by line.
type paper struct {
	lines []string // the last one is where the cursor stands
	most  int      // widest line ever
}

func (p *paper) Write(b []byte) (int, error) {
	if p.lines == nil {
		p.lines = []string{""}
	}
	rest := string(b)
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "\x1b["):
			end := strings.IndexAny(rest, "AJ")
			if rest[end] == 'A' {
				n, err := strconv.Atoi(rest[2:end])
				if err != nil || n >= len(p.lines) {
					return 0, fmt.Errorf("up %q of %d lines", rest[:end], len(p.lines))
				}
				p.lines = p.lines[:len(p.lines)-n] // erased below, as ED says right after
			}
			rest = rest[end+1:]
		case rest[0] == '\n':
			p.lines, rest = append(p.lines, ""), rest[1:]
		case rest[0] == '\r':
			p.lines[len(p.lines)-1], rest = "", rest[1:]
		default:
			at := len(p.lines) - 1
			n := strings.IndexAny(rest, "\n\r\x1b")
			if n < 0 {
				n = len(rest)
			}
			p.lines[at] += rest[:n]
			p.most = max(p.most, runewidth.StringWidth(p.lines[at]))
			rest = rest[n:]
		}
	}
	return len(b), nil
}

func (p *paper) text() string { return strings.Join(p.lines, "\n") }

// A block stays below what is written meanwhile, and leaves nothing behind.
func TestScreen(t *testing.T) {
	out := &paper{}
	s := &screen{w: out, width: func() int { return 30 }}
	say := func(text string) {
		t.Helper()
		if n, err := io.WriteString(s, text); err != nil || n != len(text) {
			t.Fatal(n, err)
		}
	}
	say("before\n")
	s.show([]string{"one", "two"})
	if out.text() != "before\none\ntwo\n" {
		t.Errorf("%q", out.text())
	}
	say("news\n")
	s.show([]string{"three"})
	if out.text() != "before\nnews\nthree\n" {
		t.Errorf("%q", out.text())
	}
	say("half ")
	s.show([]string{"four"})
	say("a line\n")
	s.show([]string{strings.Repeat("税务局通知", 20)})
	if out.most > 30 {
		t.Errorf("a line is %d wide", out.most)
	}
	s.show(nil)
	if out.text() != "before\nnews\nhalf a line\n" {
		t.Errorf("%q", out.text())
	}
}

// Without a block nothing is added to what is written.
func TestScreenIsPlain(t *testing.T) {
	var b strings.Builder
	s := newScreen(&b)
	s.show(nil)
	fmt.Fprint(s, "a ")
	fmt.Fprint(s, "b\nc\n")
	if b.String() != "a b\nc\n" || s.width() != 80 {
		t.Errorf("%q %d", b.String(), s.width())
	}
}

func watched(rate campaign.Rate) *watch {
	return &watch{run: campaign.Run{ID: "abc", Campaign: "税务\x1b[31m通知"}, total: 1000, zone: time.UTC, limits: limits{target: "media", rate: rate, concurrency: 8}}
}

func TestStatus(t *testing.T) {
	w := watched(campaign.Rate{N: 20, Per: time.Second})
	t0 := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	first := w.statusOf(t0, nil)
	if first.Rate != 0 || first.Left != 0 || first.Waits != "" || first.Phase != "sending" {
		t.Errorf("%+v", first)
	}
	last := &runner.Summary{
		Requests: 203, InFlight: 3, Recipients: campaign.Counts{Accepted: 380, Rejected: 10, Unknown: 5, Deferred: 5},
		Deliveries: campaign.Counts{Accepted: 190, Rejected: 2, Unknown: 1, Deferred: 1}, Splits: 2,
	}
	s := w.statusOf(t0.Add(10*time.Second), last)
	if s.Rate != 20.3 || s.done() != 395 || s.Left != 15 || s.Retries != 4 || s.Waits != "waiting for 20/s of media" {
		t.Errorf("%+v", s)
	}
	line := s.line()
	for _, want := range []string{"203 requests so far", "380 of 1000 recipients accepted", "3 in flight", "10 rejected", "5 unknown", "20.3 requests/s", "about 15s left", "20/s of media"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q lacks %q", line, want)
		}
	}
	block := strings.Join(s.block("[sandbox] "), "\n")
	for _, want := range []string{"[sandbox] 税务", " 39%", "[#######.............]", "395 of 1000 recipients", "waiting for 20/s of media"} {
		if !strings.Contains(block, want) {
			t.Errorf("%q lacks %q", block, want)
		}
	}
	if strings.ContainsAny(block, "\x1b\r") {
		t.Errorf("%q", block)
	}
	var read map[string]any
	if err := json.Unmarshal([]byte(s.json("progress")), &read); err != nil || read["kind"] != "progress" || read["retries"] != 4.0 || strings.Contains(s.json("progress"), "\n") {
		t.Error(read, err)
	}

	last.InFlight = 8
	if s := w.statusOf(t0.Add(100*time.Second), last); !strings.Contains(s.Waits, "8 in flight is the limit of media") {
		t.Errorf("%+v", s)
	}
	held := 0.0
	w.limits.held = func() float64 { return held }
	if s := w.statusOf(t0.Add(100*time.Second), last); !strings.Contains(s.Waits, "8 in flight is the limit of media") {
		t.Errorf("%+v", s)
	}
	held = 0.512
	if s := w.statusOf(t0.Add(100*time.Second), last); s.Waits != "media is held to 0.51 requests/s: the upstream asked to slow down (429)" {
		t.Errorf("%+v", s)
	}
	w.say = func(string) {}
	w.event(runner.Event{Kind: runner.Waiting, Detail: "the window is closed", Until: t0.Add(time.Hour)})
	if s := w.statusOf(t0.Add(101*time.Second), last); s.Phase != "waiting" || s.Waits != "nothing is sent until 2026-12-01 10:00:00 +00:00: the window is closed" || s.Left != 0 {
		t.Errorf("%+v", s)
	}
	if s := w.statusOf(t0.Add(2*time.Hour), last); s.Phase != "sending" {
		t.Errorf("%+v", s)
	}
	w.event(runner.Event{Kind: runner.Troubled, Detail: "503", Until: t0.Add(5 * time.Hour)})
	if s := w.statusOf(t0.Add(3*time.Hour), last); s.Phase != "trouble" {
		t.Errorf("%+v", s)
	}
	zoned := newWatch(nil, time.FixedZone("", 8*60*60)) // one time, in the project's zone
	zoned.event(runner.Event{Kind: runner.Troubled, Detail: "503", Until: t0})
	if said, shown := <-zoned.lines, zoned.news.Load().text; said != "the upstream is in trouble (503); it is tried again at 17:00:00" || shown != "tried again at 17:00:00" {
		t.Errorf("%q, %q", said, shown)
	}
	w.event(runner.Event{Kind: runner.Recovered})
	if s := w.statusOf(t0.Add(3*time.Hour), last); s.Phase != "sending" {
		t.Errorf("%+v", s)
	}
}

func TestRateText(t *testing.T) {
	for r, want := range map[campaign.Rate]string{{N: 20, Per: time.Second}: "20/s", {N: 3, Per: time.Minute}: "3/m", {N: 1, Per: time.Hour}: "1/h", {N: 1, Per: 2 * time.Second}: "1/2s"} {
		if got := rateText(r); got != want {
			t.Errorf("%v: %s", r, got)
		}
	}
}

func TestProgressMode(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for asked, want := range map[string]string{"": progressLines, progressAuto: progressLines, progressBlock: progressLines, progressJSON: progressJSON, progressNone: progressNone} {
		s := &sender{app: &app{stderr: newScreen(file)}, flags: runFlags{progress: asked}}
		if got := s.progressMode(); got != want {
			t.Errorf("%q to a file: %s", asked, got)
		}
	}
}

// A window that became narrower has wrapped the block: all of it is taken away.
func TestScreenNarrowed(t *testing.T) {
	var b strings.Builder
	columns := 40
	s := &screen{w: &b, width: func() int { return columns }}
	s.show([]string{strings.Repeat("x", 35), "", strings.Repeat("通", 10)})
	columns = 10
	b.Reset()
	s.show(nil)
	if b.String() != "\x1b[7A\r\x1b[J" {
		t.Errorf("%q", b.String())
	}
}

// A line that a window has no room for goes on in the next one, by the width of its
// characters, and a block is never higher than the window.
func TestScreenFolds(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  []string
	}{
		{"  accepted 12  rejected 0  unknown 3", 80, []string{"  accepted 12  rejected 0  unknown 3"}},
		{"  accepted 12  rejected 0  unknown 3", 20, []string{"  accepted 12", "    rejected 0", "    unknown 3"}},
		{"  已受理 12  被拒绝 0  未知 3", 20, []string{"  已受理 12", "    被拒绝 0  未知 3"}},
		{"  7.22 requests/s, about 40s left", 20, []string{"  7.22 requests/s,", "    about 40s left"}},
		{"税务局通知税务局通知", 11, []string{"税务局通知…"}},
		{"  [########]", 6, []string{"  [##…"}},
		{"", 5, []string{""}},
	} {
		got := folded(c.line, c.width)
		if !slices.Equal(got, c.want) && runewidth.RuneWidth('…') == 1 {
			t.Errorf("%q in %d: %q", c.line, c.width, got)
		}
		for _, l := range got {
			if runewidth.StringWidth(l) > c.width {
				t.Errorf("%q is wider than %d", l, c.width)
			}
		}
	}
	out := &paper{}
	s := &screen{w: out, width: func() int { return 20 }, rows: func() int { return 3 }}
	s.show([]string{"  accepted 12  rejected 0  unknown 3"})
	if len(s.block) != 2 {
		t.Errorf("%q in three lines", s.block)
	}
	s.show(nil)
	if out.text() != "" {
		t.Errorf("%q is left", out.text())
	}
}
