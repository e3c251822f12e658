package main

import (
	"bytes"
	"errors"
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
)

// What a hostile project must not make the program say: the text of a file outside of
// it, and the value of a secret.
const (
	canaryFile = "canary-of-a-file-outside"
	canaryEnv  = "canary-of-the-environment"
)

// Bounds of one command on a hostile project. The time is for a busy machine.
const (
	attackTime   = 20 * time.Second
	attackMemory = 256 // MB
)

// hostileProject is a project under attack: a good one, which an attack changes.
type hostileProject struct {
	t       *testing.T
	top     string // holds the project and what is outside of it
	dir     string // the project
	outside string // a folder of canaries
	url     string // a listener that must get no connection
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
	"calendars/cn.yaml":     "version: 1\nname: c\nyears:\n  - {year: 2026, source: s, holidays: {元旦: 2026-01-01}}\n",
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

// newHostile writes the good project and the canaries.
func newHostile(t *testing.T, url string) *hostileProject {
	t.Helper()
	top := t.TempDir()
	h := &hostileProject{t: t, top: top, dir: filepath.Join(top, "project"), outside: filepath.Join(top, "outside"), url: url}
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

// attackCommands are what reads a merge request's files. The first two are run in any
// case, all of them for what is shown or not with -short.
var attackCommands = [][]string{
	{"validate", "--format", "text"}, {"plan", "--format", "text", "--requests"},
	{"validate", "--format", "github"}, {"validate", "--format", "json"}, {"validate", "--format", "oneline"}, {"validate", "--format", "sarif"},
	{"validate", "--format", "junit"}, {"validate", "--format", "gitlab"},
	{"plan", "--format", "json", "--requests"}, {"plan", "--format", "ndjson"}, {"plan", "--format", "curl"}, {"plan", "--format", "markdown"},
}

// TestUntrusted runs what a pipeline runs on merge requests over hostile projects.
func TestUntrusted(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			c.Close()
		}
	}()
	mark := filepath.Join(t.TempDir(), "mark")
	bin := fakes(t, mark)
	t.Run("attacks", func(t *testing.T) {
		for _, a := range slices.Concat(attacks, attackReferences(), attackSpecials()) {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				h := newHostile(t, "http://"+l.Addr().String())
				a.change(h)
				commands := attackCommands
				if testing.Short() && !a.shown {
					commands = commands[:2]
				}
				for _, args := range commands {
					h.command(bin, a.bad && args[0] == "validate", args)
				}
				if _, err := os.Stat(filepath.Join(h.dir, ".campaign")); err == nil {
					t.Error("state was written")
				}
			})
		}
	})
	l.Close()
	if n := connections.Load(); n > 0 {
		t.Errorf("%d connections were opened", n)
	}
	if data, err := os.ReadFile(mark); err == nil {
		t.Errorf("commands were run: %s", data)
	}
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

// command runs campaign in the project and looks at what it says, and at what it takes.
func (h *hostileProject) command(bin string, bad bool, args []string) {
	h.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("campaign", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.dir, &out, &errs
	home := filepath.Join(h.top, "home")
	cmd.Env = []string{"PATH=" + bin, "HOME=" + home, "LANG=C.UTF-8", "CAMPAIGN_LOOPBACK_ONLY=1", "ATTACK_SECRET=" + canaryEnv,
		"GIT_DIR=" + filepath.Join(h.dir, ".git"), "HTTP_PROXY=" + h.url, "HTTPS_PROXY=" + h.url, "TMPDIR=" + os.TempDir()}
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
	code := cmd.ProcessState.ExitCode()
	if code < exitDone || code > exitUsage || bad && code == exitDone {
		h.t.Errorf("%v: exit code %d\n%.2000s%.2000s", args, code, out.String(), errs.String())
	}
	h.inert(args, "stdout", out.String())
	h.inert(args, "stderr", errs.String())
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
