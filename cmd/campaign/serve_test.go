package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/sandbox"
)

// served is a `campaign serve` in this process, with an upstream.
type served struct {
	*testing.T
	dir      string
	upstream *sandbox.Server
	said     *stream
	url      string
	signals  *interrupts
	end      func() int
}

// stream is a stream that is read while it is written.
type stream struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *stream) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *stream) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const servedTargets = `version: 1
project: serve-0001
timezone: UTC
targets:
  gov:
    system: zqt
    base_url: BASE_URL
    app: {id: client, name: 政企消息}
    token: {env: ZQT_TOKEN}
    senders:
      统计局: {userid: u-1, usertype: government, orgid: o-1}
`

// notice is a campaign to two people.
func notice(name, title, schedule string) string {
	return `version: 1
name: ` + name + `
channel: {type: zqt.message, target: gov, from: 统计局}
content: {title: "` + title + `", body: <p>正文</p>, sender: 统计局, category: 通知公告, level: 一般}
recipients: {list: [{userid: user-one-long, orgid: o-1}, {userid: user-two-long, orgid: o-1}], defaults: {usertype: enterprise}}
schedule: {` + schedule + `}
`
}

// soon is a time in so many seconds, as `at` takes it.
func soon(seconds int) string {
	return time.Now().Add(time.Duration(seconds) * time.Second).UTC().Format(time.RFC3339)
}

func serving(t *testing.T, files map[string]string) *served {
	t.Helper()
	for _, name := range []string{"CAMPAIGN_PROFILE", "CAMPAIGN_DATA"} {
		t.Setenv(name, "")
	}
	t.Setenv("CAMPAIGN_LOOPBACK_ONLY", "1")
	t.Setenv("ZQT_TOKEN", "token-that-is-secret")
	upstream, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { upstream.Close() })
	s := &served{T: t, dir: t.TempDir(), upstream: upstream, said: &stream{}}
	files["targets.yaml"] = strings.Replace(servedTargets, "BASE_URL", upstream.URL(), 1) + files["targets.yaml"]
	write(t, s.dir, files)
	s.signals = watchSignals(func(int) {})
	a := &app{stdin: strings.NewReader(""), stdout: s.said, stderr: s.said, signals: s.signals}
	a.flags.project = s.dir
	f := scheduleFlags{parallel: 4}
	if err := f.check(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.serve(s.signals.ctx, nil, f, "127.0.0.1:0") }()
	s.end = sync.OnceValue(func() int {
		s.signals.stop()
		return exitCode(<-done)
	})
	t.Cleanup(func() { s.end() })
	s.url = s.says(`status page at (http://[^/]+)/`)[1]
	s.until("it is ready", func() bool {
		return strings.Contains(s.get("/readyz"), "ready") && !strings.Contains(s.get("/readyz"), "not")
	})
	return s
}

// until waits for something.
func (s *served) until(what string, holds func() bool) {
	s.Helper()
	for range 600 {
		if holds() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Fatalf("%s: it does not come\n%s", what, s.said.String())
}

// says waits for a line.
func (s *served) says(pattern string) (match []string) {
	s.Helper()
	p := regexp.MustCompile(pattern)
	s.until(pattern, func() bool {
		match = p.FindStringSubmatch(s.said.String())
		return match != nil
	})
	return match
}

func (s *served) get(path string) string {
	s.Helper()
	answer, err := http.Get(s.url + path)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	return string(body)
}

func (s *served) accepted(title string) (n int) {
	for _, r := range s.upstream.Requests() {
		if r.Title == title {
			n += len(r.Recipients)
		}
	}
	return n
}

func TestServe(t *testing.T) {
	s := serving(t, map[string]string{
		"one.yaml":   notice("one", "one", "at: ["+soon(4)+"]"),
		"daily.yaml": notice("daily", "daily", `cron: "0 9 * * *", suspended: true`),
	})
	page := s.get("/")
	for _, want := range []string{"2 scheduled campaigns", "one.yaml", "suspended"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page\n%s", want, page)
		}
	}
	s.until("one is sent", func() bool { return s.accepted("one") == 2 })
	s.until("it is recorded", func() bool { return strings.Contains(s.get("/"), ">done<") })
	link := regexp.MustCompile(`href="(/reports/[a-z0-9]{12})"`).FindStringSubmatch(s.get("/campaigns/one"))
	if link == nil {
		t.Fatal(s.get("/campaigns/one"))
	}
	if report := s.get(link[1]); !strings.Contains(report, "2 of 2 recipients accepted") {
		t.Error(report)
	}
	metrics := s.get("/metrics")
	for _, want := range []string{`campaign_occurrences_total{campaign="one",result="ran"} 1`, `campaign_recipients_total{outcome="accepted",target="gov"} 2`,
		`campaign_last_success_timestamp_seconds{campaign="one"}`, `campaign_next_run_timestamp_seconds{campaign="daily"}`, `campaign_request_duration_seconds_count{target="gov"}`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%q is not in the metrics", want)
		}
	}
	// Nothing that is shown has a secret or a full id of a recipient.
	for _, path := range []string{"/", "/campaigns/one", link[1], "/metrics", "/readyz", "/healthz"} {
		for _, hidden := range []string{"token-that-is-secret", "user-one-long", "user-two-long"} {
			if strings.Contains(s.get(path), hidden) {
				t.Errorf("%s shows %s", path, hidden)
			}
		}
	}
	if code := s.end(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// Files are followed: what is valid takes over, what is not is said and the version
// before it is run, what is gone is forgotten.
func TestServeFollowsFiles(t *testing.T) {
	s := serving(t, map[string]string{
		"kept.yaml": notice("kept", "as it was", "at: ["+soon(9)+"]"),
		"gone.yaml": notice("gone", "gone", "at: ["+soon(9)+"]"),
		"text.yaml": strings.Replace(notice("text", "text", "at: ["+soon(9)+"]"), "body: <p>正文</p>", "body: {file: content/text.html}", 1),

		"content/text.html": "<p>old</p>",
	})
	write(t, s.dir, map[string]string{"kept.yaml": "version: 1\nname: kept\n  broken"})
	s.says(`kept.yaml:[0-9]+`)
	s.until("the page says so", func() bool { return strings.Contains(s.get("/"), "file not valid") })
	if err := os.Remove(filepath.Join(s.dir, "gone.yaml")); err != nil {
		t.Fatal(err)
	}
	s.says(`its file is gone.* campaign=gone`)
	write(t, s.dir, map[string]string{"new.yaml": notice("new", "new", "at: ["+soon(8)+"]")})
	s.until("the new one is there", func() bool {
		page := s.get("/")
		return strings.Contains(page, "new.yaml") && !strings.Contains(page, "gone.yaml")
	})
	s.until("they are sent", func() bool { return s.accepted("as it was") == 2 && s.accepted("new") == 2 && s.accepted("text") == 2 })
	if n := s.accepted("gone"); n != 0 {
		t.Errorf("the campaign whose file is gone was sent to %d", n)
	}
	write(t, s.dir, map[string]string{"kept.yaml": notice("kept", "mended", "at: ["+soon(3)+"]")})
	s.says(`all files are valid`)
	s.until("the mended one is sent", func() bool { return s.accepted("mended") == 2 })
	s.end()
	if n := s.accepted("as it was"); n != 2 {
		t.Errorf("the old one was sent to %d", n)
	}
}

// What could not be finished stays due, is said, and goes on.
func TestServeTriesAgain(t *testing.T) {
	s := serving(t, map[string]string{
		"one.yaml": strings.Replace(notice("one", "one", "at: ["+soon(3)+"]"), "schedule:", "delivery: {retry: {attempts: 1}}\nschedule:", 1),
	})
	if _, err := s.upstream.AddFault(sandbox.Fault{Kind: "429", Times: 1}); err != nil {
		t.Fatal(err)
	}
	s.says(`one .*is not finished`)
	s.until("the page says so", func() bool { return strings.Contains(s.get("/"), "is not finished") })
	s.end() // half a minute later it would have tried by itself
	a := &app{stdin: strings.NewReader(""), stdout: s.said, stderr: s.said}
	a.flags.project = s.dir
	if err := a.tick(t.Context(), nil, scheduleFlags{parallel: 1}); err != nil || s.accepted("one") != 2 {
		t.Errorf("%v, %d were sent to\n%s", err, s.accepted("one"), s.said)
	}
}

func TestServeReadsAgain(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no SIGHUP there")
	}
	s := serving(t, map[string]string{"one.yaml": notice("one", "one", `cron: "0 9 * * *"`)})
	s.until("the files are followed", func() bool { return s.signals.hangup.Load() != nil })
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.says("reading all files again")
	if code := s.end(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// A bug that a file meets while it is read is that file's problem.
func TestABugInAFile(t *testing.T) {
	j, found := (&shelf{}).compile(nil, "one.yaml")
	if j != nil || len(found) != 1 || found[0].File != "one.yaml" || found[0].Warning || found[0].Rule != "bug" {
		t.Errorf("%v, %v", j, found)
	}
}

// A PATH of the command line without a file any more is said, and keeps nothing else
// from being run.
func TestAPathIsGone(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"targets.yaml":   strings.Replace(servedTargets, "BASE_URL", "http://127.0.0.1:1", 1),
		"kept.yaml":      notice("kept", "kept", "cron: 0 9 * * *"),
		"gone.yaml":      notice("gone", "gone", "cron: 0 9 * * *"),
		"more/more.yaml": notice("more", "more", "cron: 0 9 * * *"),
	})
	a := &app{stderr: &stream{}}
	a.flags.project = dir
	s := &shelf{app: a, args: []string{filepath.Join(dir, "gone.yaml"), filepath.Join(dir, "more"), filepath.Join(dir, "kept.yaml")}}
	scan := func() (names []string, found []campaign.Diagnostic) {
		t.Helper()
		found, err := s.scan(func(string) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range s.entries() {
			names = append(names, e.Name)
		}
		return names, found
	}
	if names, found := scan(); len(names) != 3 || len(found) != 0 {
		t.Fatalf("%v, %v", names, found)
	}
	for _, gone := range []string{"gone.yaml", "more/more.yaml"} {
		if err := os.Remove(filepath.Join(dir, gone)); err != nil {
			t.Fatal(err)
		}
	}
	names, found := scan()
	if !slices.Equal(names, []string{"kept"}) || len(found) != 2 || found[0].Rule != "no-campaign-file" || found[0].Warning {
		t.Errorf("%v, %v", names, found)
	}
	if _, err := (&shelf{app: a, args: s.args}).scan(func(string) bool { return false }); err == nil {
		t.Error("a PATH that was never there is no mistake")
	}
}

func TestServeUsage(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"targets.yaml": strings.Replace(servedTargets, "BASE_URL", "http://127.0.0.1:9", 1), "one.yaml": notice("one", "one", `cron: "0 9 * * *"`)})
	for _, args := range [][]string{{"serve", "--listen", "nowhere"}, {"serve", "--listen", "127.0.0.1:99999"}, {"serve", "--parallel", "0"}, {"tick", "-"}, {"serve", "--wait-for-window", "-1s"}} {
		if code, _, said := command(t, append(args, "--project", dir)...); code != exitUsage {
			t.Errorf("%v: exit code %d\n%s", args, code, said)
		}
	}
}

// A ledger that another process closed ends serve: nothing is run without memory.
func TestServeWithoutALedger(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"targets.yaml": strings.Replace(servedTargets, "BASE_URL", "https://upstream.example", 1), "one.yaml": notice("one", "one", `cron: "0 9 * * *"`)})
	for _, name := range []string{"serve", "tick"} {
		if code, _, said := command(t, name, "--project", dir); code != exitGuard || !strings.Contains(said, "campaign state init") {
			t.Errorf("%s: exit code %d\n%s", name, code, said)
		}
	}
}
