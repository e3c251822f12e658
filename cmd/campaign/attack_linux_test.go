package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode"

	"campaign/internal/diagnostics"
)

// What a hostile project must not make the program say: the text of a file outside of
// it, and the value of a secret.
const (
	canaryFile = "canary-of-a-file-outside"
	canaryEnv  = "canary-of-the-environment"
)

// Bounds of one command on a hostile project.
const (
	attackTime   = time.Minute // it ends within seconds; other tests run beside it
	attackMemory = 256         // MB
)

// hostileProject is a project under attack: a good one, which an attack changes.
type hostileProject struct {
	t       *testing.T
	top     string // holds the project and what is outside of it
	dir     string // the project
	outside string // a folder of canaries
	binary  string
	url     string // leads to a listener that must get no connection
}

// attackFiles are a project that is valid, with everything that an attack may spoil.
var attackFiles = map[string]string{
	"targets.yaml": `version: 1
project: notices-0077
targets:
  gov:
    system: zqt
    base_url: URL
    app: {id: client, name: 政企消息}
    token: {env: ATTACK_SECRET}
    senders:
      统计局: {userid: u-1, usertype: government, orgid: o-1}
  media:
    system: chuanbo
    base_url: URL
    connect_no: {env: ATTACK_SECRET}
    section: 90
    message_types: {应急: 38}
    signatures: {发布: 50}
`,
	"notice.yaml": attackNotice,
	"push.yaml":   attackPush,
	"groups.media.lock.yaml": `version: 1
target: media
groups:
  - {id: 101, title: 居民, department: 民政局, type: tags, people: 120}
`,
	"content/body.html":     "<p>正文</p>\n",
	"recipients/people.csv": "userid,orgid,name\nu-1,o-1,甲\nu-2,o-2,乙\n",
	"recipients/out.csv":    "userid\nu-2\n",
	"recipients/names.csv":  "userid,name2\nu-1,子\nu-2,丑\n",
	"calendars/cn.yaml":     "version: 1\nname: c\nyears:\n" + years(2020, 2120),
}

const attackNotice = `version: 1
name: notice
channel: {type: zqt.message, target: gov, from: 统计局}
content:
  title: "{{ .name }} 通知"
  body: {file: content/body.html}
  sender: 统计局
  category: 通知公告
  level: 一般
recipients:
  file: recipients/people.csv
  defaults: {usertype: enterprise}
  exclude: [{file: recipients/out.csv}]
  lookup: {file: recipients/names.csv, key: userid, take: {second: name2}}
delivery:
  window: {open: "08:30-20:00", calendar: {file: calendars/cn.yaml, on: workdays}}
`

const attackPush = `version: 1
name: push
channel: {type: chuanbo.sms, target: media, message_type: 应急}
content: {name: 通知, tag: 民生, signature: 发布, text: 请注意}
recipients: {match: {title: 居民}}
`

// years are those of a calendar.
func years(from, to int) string {
	var b strings.Builder
	for year := from; year < to; year++ {
		fmt.Fprintf(&b, "  - {year: %d, source: s, holidays: {元旦: %d-01-01}}\n", year, year)
	}
	return b.String()
}

// much is the size of a file that is too big, in bytes.
func much() int {
	if testing.Short() {
		return 16 << 20
	}
	return 100 << 20
}

// newHostile writes the good project and the canaries.
func newHostile(t *testing.T, binary, url string) *hostileProject {
	t.Helper()
	top := t.TempDir()
	h := &hostileProject{t: t, top: top, dir: filepath.Join(top, "project"), outside: filepath.Join(top, "outside"), binary: binary, url: url}
	for name, text := range attackFiles {
		h.write(name, strings.ReplaceAll(text, "URL", url))
	}
	write(t, h.outside, map[string]string{
		"secret.txt": canaryFile + "\n", "secret.html": "<p>" + canaryFile + "</p>\n",
		"secret.csv":  "userid,orgid,name," + canaryFile + "\n" + canaryFile + ",o-1,甲,x\n",
		"secret.yaml": "version: 1\nname: " + canaryFile + "\n" + canaryFile + ": x\n",
	})
	return h
}

func (h *hostileProject) write(name, text string) {
	h.t.Helper()
	write(h.t, h.dir, map[string]string{name: text})
}

// edit replaces a part of a file that must be there.
func (h *hostileProject) edit(name, from, to string) {
	h.t.Helper()
	file := filepath.Join(h.dir, filepath.FromSlash(name))
	data, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(data, []byte(from)) {
		h.t.Fatalf("%s has no %q (%v)", name, from, err)
	}
	h.write(name, strings.Replace(string(data), from, to, 1))
}

// replace puts a link or a special file in the place of a file or folder.
func (h *hostileProject) replace(name string, put func(name string) error) {
	h.t.Helper()
	file := filepath.Join(h.dir, filepath.FromSlash(name))
	if err := errors.Join(os.RemoveAll(file), put(file)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hostileProject) link(name, to string) {
	h.t.Helper()
	h.replace(name, func(file string) error { return os.Symlink(to, file) })
}

func (h *hostileProject) fifo(name string) {
	h.t.Helper()
	h.replace(name, func(file string) error { return syscall.Mkfifo(file, 0o600) })
}

// fill writes before, then so many bytes of piece, then after.
func (h *hostileProject) fill(name, before, piece string, size int, after string) {
	h.t.Helper()
	h.write(name, before)
	f, err := os.OpenFile(filepath.Join(h.dir, filepath.FromSlash(name)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	block := strings.Repeat(piece, max(1, (1<<20)/len(piece)))
	for ; size > 0 && err == nil; size -= len(block) {
		_, err = f.WriteString(block)
	}
	if err == nil {
		_, err = f.WriteString(after)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		h.t.Fatal(err)
	}
}

// attackCommands are what reads a merge request's files, in every format.
func attackCommands() [][]string {
	all := [][]string{{"validate", "--format", "text"}, {"plan", "--format", "text", "--requests"}}
	for _, format := range slices.Sorted(maps.Keys(diagnostics.Formats)) {
		all = append(all, []string{"validate", "--format", format})
	}
	for _, format := range planFormats {
		all = append(all, []string{"plan", "--format", format})
	}
	return append(all, []string{"plan", "--format", "json", "--requests"})
}

// TestUntrusted runs what a pipeline runs on merge requests over hostile projects: what
// may take time or memory in a process of its own, the rest in this one.
func TestUntrusted(t *testing.T) {
	if raceDetector {
		t.Skip("it is about time and memory")
	}
	binary, err := exec.LookPath("campaign") // as TestMain put it on PATH
	if err != nil {
		t.Fatal(err)
	}
	url, connections := nobody(t)
	mark := filepath.Join(t.TempDir(), "mark")
	for _, set := range hostileEnv(fakes(t, mark), t.TempDir(), url) {
		name, value, _ := strings.Cut(set, "=")
		t.Setenv(name, value)
	}
	defer boundMemory(math.MaxInt64 / 4).free() // beside it no other bound holds: each is made for one command a process
	good := newHostile(t, binary, url)
	for _, args := range attackCommands() {
		var errs bytes.Buffer
		if code := run(append(slices.Clone(args), "--project", good.dir, good.dir), strings.NewReader(""), io.Discard, &errs); code != exitDone {
			t.Fatalf("the project is not good before it is attacked: %v, exit code %d\n%s", args, code, &errs)
		}
	}
	t.Run("attacks", func(t *testing.T) {
		for _, a := range slices.Concat(heavyAttacks(), attacks, attackReferences(), attackSpecials()) {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				h := newHostile(t, binary, url)
				a.change(h)
				for i, args := range attackCommands() {
					bad := a.bad && args[0] == "validate"
					switch {
					case !a.heavy:
						h.inside(bad, args)
					case i < 2: // formats differ in what they show, not in what they take
						h.outsideOf(bad, args)
					}
				}
				if _, err := os.Stat(filepath.Join(h.dir, ".campaign")); err == nil {
					t.Error("state was written")
				}
			})
		}
	})
	if n := connections(); n > 0 {
		t.Errorf("%d connections were opened", n)
	}
	if data, err := os.ReadFile(mark); err == nil {
		t.Errorf("commands were run: %s", data)
	}
}

// nobody listens where no connection must come, and counts those that do.
func nobody(t *testing.T) (url string, connections func() int64) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var n atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			c.Close()
		}
	}()
	return "http://" + l.Addr().String(), n.Load
}

// hostileEnv is the environment of a pipeline, with a secret in it.
func hostileEnv(bin, home, url string) []string {
	return []string{"PATH=" + bin, "HOME=" + home, "LANG=C.UTF-8", "CAMPAIGN_LOOPBACK_ONLY=1", "ATTACK_SECRET=" + canaryEnv,
		"HTTP_PROXY=" + url, "HTTPS_PROXY=" + url, "CAMPAIGN_PROFILE=", "CAMPAIGN_DATA=", "GITHUB_STEP_SUMMARY="}
}

// fakes is a folder of programs that write down that they were run.
func fakes(t *testing.T, mark string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"git", "sh", "bash", "env", "touch", "cat", "curl", "ssh", "vault", "leave-mark"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho \"$0 $*\" >>'"+mark+"'\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// inside runs campaign in this process. One that does not end is left behind.
func (h *hostileProject) inside(bad bool, args []string) {
	h.t.Helper()
	var out, errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(append(slices.Clone(args), "--project", h.dir, h.dir), strings.NewReader(""), &out, &errs)
	}()
	select {
	case code := <-done:
		h.judge(bad, args, code, out.String(), errs.String())
	case <-time.After(patience):
		h.t.Fatalf("%v did not end within %s", args, patience)
	}
}

// outsideOf runs campaign in a process of its own, and looks at what it takes.
func (h *hostileProject) outsideOf(bad bool, args []string) {
	h.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(h.binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.dir, &out, &errs
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	peak, deadline := 0.0, time.After(attackTime)
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-deadline:
			_ = cmd.Process.Kill()
			<-done
			h.t.Fatalf("%v did not end within %s", args, attackTime)
		case <-time.After(5 * time.Millisecond):
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
	if peak > attackMemory {
		h.t.Errorf("%v took %.0f MB", args, peak)
	}
	h.judge(bad, args, cmd.ProcessState.ExitCode(), out.String(), errs.String())
}

// judge looks at the exit code and at what was said.
func (h *hostileProject) judge(bad bool, args []string, code int, out, errs string) {
	h.t.Helper()
	if code < exitDone || code > exitUsage || bad && code == exitDone {
		h.t.Errorf("%v: exit code %d\n%.2000s%.2000s", args, code, out, errs)
	}
	h.inert(args, "stdout", out)
	h.inert(args, "stderr", errs)
}

// inert looks for canaries, and for what would move a terminal's cursor or turn its
// text around.
func (h *hostileProject) inert(args []string, stream, text string) {
	h.t.Helper()
	for _, canary := range []string{canaryFile, canaryEnv} {
		if at := strings.Index(text, canary); at >= 0 {
			h.t.Errorf("%v: %s holds the %s: …%.300s", args, stream, canary, text[max(0, at-200):])
		}
	}
	moves := func(r rune) bool {
		return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029')
	}
	if at := strings.IndexFunc(text, moves); at >= 0 {
		h.t.Errorf("%v: %s is not inert at %q", args, stream, text[max(0, at-100):min(len(text), at+40)])
	}
}
