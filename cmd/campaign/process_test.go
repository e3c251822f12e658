package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"campaign/internal/sandbox"
)

// process is the real binary in a process of its own, as TestMain put it on PATH.
type process struct {
	cmd       *exec.Cmd
	out, errs bytes.Buffer // complete once done is closed
	began     time.Time
	took      time.Duration // until its end; set when done is closed
	done      chan struct{}

	// Of killAt: when a request was there, and all that it waits for; 0: never. Set
	// when watched is closed; nil: nobody watches.
	first, last time.Duration
	watched     chan struct{}
}

// patience is how long any process may take before a test calls it hung.
const patience = 2 * time.Minute

// startCampaign starts `campaign ARG…` in a project. It may reach loopback only.
func startCampaign(t testing.TB, dir string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command("campaign", args...), began: time.Now(), done: make(chan struct{})}
	p.cmd.Dir = dir
	home := filepath.Join(dir, "home")
	p.cmd.Env = append(os.Environ(), "CAMPAIGN_LOOPBACK_ONLY=1", "HOME="+home, "XDG_CONFIG_HOME="+home, "AppData="+home, "LANG=C.UTF-8",
		"ZQT_TOKEN=token-1", "MEDIA_CONNECT=connect-1")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // what it would say, ProcessState says
		p.took = time.Since(p.began)
		close(p.done)
	}()
	t.Cleanup(func() { p.kill(); <-p.done })
	return p
}

// kill ends the process as kill -9 does. One that has ended is left alone.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// wait gives the exit code; -1: it was killed.
func (p *process) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
		<-p.done
		t.Fatalf("%v did not end within %s:\n%s%s", p.cmd.Args, patience, &p.out, &p.errs)
	}
	if p.watched != nil {
		<-p.watched
	}
	return p.cmd.ProcessState.ExitCode()
}

// runCampaign is startCampaign to its end; the exit code must be one of codes.
func runCampaign(t testing.TB, dir string, codes []int, args ...string) *process {
	t.Helper()
	p := startCampaign(t, dir, args...)
	p.wants(t, codes...)
	return p
}

// wants waits for an end of its own with one of the exit codes.
func (p *process) wants(t testing.TB, codes ...int) int {
	t.Helper()
	got := p.wait(t)
	for _, code := range codes {
		if got == code {
			return got
		}
	}
	t.Fatalf("%v ended with %d, want one of %v:\n%s%s", p.cmd.Args, got, codes, &p.out, &p.errs)
	return got
}

// upstreamProcess is a sandbox in another process, with its own record of what it
// accepted.
type upstreamProcess struct {
	cmd  *exec.Cmd
	url  string
	file string // the record, a line for each accepted request
}

func startUpstream(t testing.TB, faults ...string) *upstreamProcess {
	t.Helper()
	u := &upstreamProcess{file: filepath.Join(t.TempDir(), "record.ndjson")}
	args := []string{"sandbox", "--listen", "127.0.0.1:0", "--record", u.file}
	for _, f := range faults {
		args = append(args, "--fault", f)
	}
	u.cmd = exec.Command("campaign", args...)
	u.cmd.Stderr = os.Stderr
	out, err := u.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the sandbox did not start: %v", err)
	}
	_, rest, _ := strings.Cut(line, "both upstreams at ")
	u.url, _, _ = strings.Cut(rest, ",")
	return u
}

func (u *upstreamProcess) stop() {
	_ = u.cmd.Process.Kill()
	_ = u.cmd.Wait()
}

// get reads a control page.
func (u *upstreamProcess) get(t testing.TB, page string) []byte {
	t.Helper()
	r, err := http.Get(u.url + "/_sandbox/" + page)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", page, r.Status, err)
	}
	return body
}

// accepted is the sandbox's record, once nothing is under way any more: requests
// of a process that was killed may still be accepted after it.
func (u *upstreamProcess) accepted(t testing.TB) []sandbox.Request {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var s sandbox.Summary
		if err := json.Unmarshal(u.get(t, "summary"), &s); err != nil {
			t.Fatal(err)
		}
		if s.InFlight == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d requests stay under way at the sandbox", s.InFlight)
		}
	}
	var record []sandbox.Request
	if err := json.Unmarshal(u.get(t, "requests?format=json"), &record); err != nil {
		t.Fatal(err)
	}
	return record
}

// fired is how many requests met a fault that may lose an answer.
func (u *upstreamProcess) fired(t testing.TB) int {
	t.Helper()
	var faults []struct {
		Fault struct{ Kind string }
		Fired int
	}
	if err := json.Unmarshal(u.get(t, "faults"), &faults); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range faults {
		switch f.Fault.Kind {
		case "latency", "429", "poison":
		default:
			n += f.Fired
		}
	}
	return n
}

// tail counts the lines of a file that grows.
type tail struct {
	file   string
	offset int64
	lines  int
}

func (t *tail) count() int {
	f, err := os.Open(t.file)
	if err != nil {
		return t.lines
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := f.ReadAt(buf, t.offset)
		t.lines += bytes.Count(buf[:n], []byte{'\n'})
		t.offset += int64(n)
		if err != nil {
			return t.lines
		}
	}
}

// killPoint is a moment in the life of a process: accepted more requests have come
// in at the sandbox, and then delay has passed.
type killPoint struct {
	accepted int
	delay    time.Duration
}

// killAt kills the process at a moment, unless it ends before; it returns at once.
func (p *process) killAt(u *upstreamProcess, at killPoint) {
	record := &tail{file: u.file}
	base := record.count()
	p.watched = make(chan struct{})
	go func() {
		defer close(p.watched)
		for {
			n, since := record.count()-base, time.Since(p.began)
			if n > 0 && p.first == 0 {
				p.first = since
			}
			if n >= at.accepted && p.last == 0 && at.accepted > 0 {
				p.last = since
			}
			if n >= at.accepted && since >= p.last+at.delay {
				p.kill()
				return
			}
			select {
			case <-p.done:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}()
}

// killed reports whether a process that has ended was killed. Windows knows no
// signals: a process that is killed there ends with 1.
func (p *process) killed() bool {
	code := p.cmd.ProcessState.ExitCode()
	return code == -1 || runtime.GOOS == "windows" && code == 1
}

// writeProject writes the files of a project whose accounts are at the sandbox;
// limits are those of each.
func writeProject(t testing.TB, dir, url, limits string) {
	t.Helper()
	writeText(t, filepath.Join(dir, "targets.yaml"), fmt.Sprintf(`version: 1
project: crash-0001
targets:
  gov:
    system: zqt
    base_url: %[1]s
    app: {id: client, name: 政企消息}
    token: {env: ZQT_TOKEN}
    limits: {%[2]s}
    senders:
      统计局: {userid: u-1, usertype: government, orgid: o-1}
  media:
    system: chuanbo
    base_url: %[1]s
    connect_no: {env: MEDIA_CONNECT}
    section: 90
    limits: {%[2]s}
`, url, limits))
}

func writeText(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// letterTo writes a campaign file, and its recipients beside it, and gives the ids
// of those as reports and the sandbox name them. The ids of two campaigns differ.
func letterTo(t testing.TB, dir, name, channel string, people, batch, first int) []string {
	t.Helper()
	ids := make([]string, people)
	recipients := "{groups: [%s], groups_disjoint: true}"
	content, target := "", "media, message_type: 38"
	switch channel {
	case "zqt.message":
		target, recipients = "gov, from: 统计局", "{file: recipients/"+name+".csv, defaults: {usertype: enterprise}}"
		title := "公告"
		if batch == 1 {
			title = "{{ .company }} 公告"
		}
		content = fmt.Sprintf("{title: %q, body: <p>正文</p>, sender: 统计局, category: 通知公告, level: 一般}", title)
	case "chuanbo.notification":
		content = "{name: 通知, title: 停水, text: 请提前储水}"
	case "chuanbo.sms":
		content = "{name: 通知, signature: 50, text: 请提前储水}"
	case "chuanbo.voice":
		content = "{name: 通知, text: 请提前储水}"
	}
	var rows strings.Builder
	rows.WriteString("userid,orgid,company\n")
	for i := range ids {
		n := first + i
		if channel == "zqt.message" {
			fmt.Fprintf(&rows, "u-%06d,o-%06d,示例企业%d\n", n, n, n)
			ids[i] = fmt.Sprintf("u-%06d", n)
		} else {
			ids[i] = fmt.Sprint(n)
		}
	}
	if channel == "zqt.message" {
		writeText(t, filepath.Join(dir, "recipients", name+".csv"), rows.String())
	} else {
		recipients = fmt.Sprintf(recipients, strings.Join(ids, ", "))
	}
	writeText(t, filepath.Join(dir, name+".yaml"), fmt.Sprintf(`version: 1
name: %s
channel: {type: %s, target: %s}
content: %s
recipients: %s
delivery:
  batch: %d
  timeout: 5s
  retry: {base: 10ms, cap: 2s}
  abort: {failed: {count: 100000, share: 100%%}, unknown: {count: 100000, share: 100%%}}
`, name, channel, target, content, recipients, batch))
	return ids
}
