package runner

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/targets"
)

// The test binary is its own other processes: with rateChildEnv set it works on a
// run until it is killed or its time is over.
const rateChildEnv = "RUNNER_RATE_CHILD"

var rateSeconds = flag.Int("rate.seconds", 3, "how long the processes of TestRateOfProcesses send; from 30 on they must use 95 % of the limit")

func TestMain(m *testing.M) {
	if raw := os.Getenv(rateChildEnv); raw != "" {
		if err := rateChild(raw); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// rateWork is what a child is to do.
type rateWork struct {
	Dir, Run, URL, Trace string
	Rate                 int // a second
	For                  time.Duration
}

const rateConcurrency = 8

func rateOptions(dir string) sqlite.Options { return sqlite.Options{Dir: dir, Project: "rate"} }

func rateChild(raw string) error {
	var do rateWork
	if err := json.Unmarshal([]byte(raw), &do); err != nil {
		return err
	}
	l, err := sqlite.Open(context.Background(), rateOptions(do.Dir))
	if err != nil {
		return err
	}
	w, err := NewWire(WireOptions{LoopbackOnly: true, MaxConns: rateConcurrency})
	if err != nil {
		return err
	}
	trace, err := os.OpenFile(do.Trace, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), do.For)
	defer cancel()
	s, err := Run(ctx, Job{
		Run: do.Run, Owner: fmt.Sprint("process ", os.Getpid()), Ledger: l,
		Target: letter{url: do.URL}, Messages: rendered("hello"),
		Policy: campaign.Policy{Timeout: 5 * time.Second, Retry: campaign.DefaultPolicy().Retry},
		Account: NewAccount(AccountOptions{
			Sender: traced{w, trace}, Shared: l, Name: "p/sink",
			Limits: campaign.Limits{Rate: campaign.Rate{N: do.Rate, Per: time.Second}, Concurrency: rateConcurrency},
		}),
	})
	if err == nil && s.Stop != Interrupted {
		err = fmt.Errorf("ended with %+v", s)
	}
	if err != nil {
		return err
	}
	return l.Close()
}

// traced notes the instant of each request right before it goes to the wire.
type traced struct {
	Sender
	to io.Writer
}

func (s traced) Do(ctx context.Context, r targets.Request, timeout time.Duration) (targets.Answer, Trace, error) {
	ids := strings.Join(idsOf(r.Body), ",")
	if _, err := fmt.Fprintf(s.to, "%s %d\n", ids, time.Now().UnixNano()); err != nil {
		return targets.Answer{}, Trace{NotSent: true}, err
	}
	return s.Sender.Do(ctx, r, timeout)
}

// rateSink accepts everything and notes when what arrived.
type rateSink struct {
	mu       sync.Mutex
	arrivals []time.Time
	ids      map[string]int // by path and recipient
}

func (s *rateSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.arrivals = append(s.arrivals, now)
	s.ids[r.URL.Path+strings.Join(idsOf(body), ",")]++
	s.mu.Unlock()
	_, _ = io.WriteString(w, "taken")
}

// rateTest is two processes that send to one account.
type rateTest struct {
	*testing.T
	dir, url string
	over     time.Time
}

func (t rateTest) child(name string, run campaign.Run, rate int) *exec.Cmd {
	t.Helper()
	raw, err := json.Marshal(rateWork{
		Dir: t.dir, Run: run.ID, URL: t.url + name, Trace: t.trace(name), Rate: rate, For: time.Until(t.over),
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rateChildEnv+"="+string(raw))
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

func (t rateTest) trace(name string) string { return filepath.Join(t.dir, name+".trace") }

// written reads a trace: the instants, by recipient.
func (t rateTest) written(name string) map[string]time.Time {
	t.Helper()
	raw, err := os.ReadFile(t.trace(name))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]time.Time{}
	for line := range strings.Lines(string(raw)) {
		id, at, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		ns, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil || !strings.HasSuffix(line, "\n") {
			t.Errorf("%s: a line %q", name, line)
			continue
		}
		if _, twice := out[id]; twice {
			t.Errorf("%s: %s was sent twice", name, id)
		}
		out[id] = time.Unix(0, ns)
	}
	return out
}

// Two processes share an account; one of them is killed and started again. Over any
// second, measured where requests are written, never more than the limit goes out.
func TestRateOfProcesses(t *testing.T) {
	const rate = 100
	sink := &rateSink{ids: map[string]int{}}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: sink}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })

	span := time.Duration(*rateSeconds) * time.Second
	test := rateTest{T: t, dir: t.TempDir(), url: "http://" + listener.Addr().String() + "/"}
	if err := sqlite.Init(t.Context(), rateOptions(test.dir), false); err != nil {
		t.Fatal(err)
	}
	l, err := sqlite.Open(t.Context(), rateOptions(test.dir))
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]campaign.Run{}
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) { runs[name] = planned(t, l, rate*(*rateSeconds+5), 1, 100) })
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	test.over = time.Now().Add(span)
	one, two := test.child("one", runs["one"], rate), test.child("two", runs["two"], rate)
	time.Sleep(span / 3)
	if err := one.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = one.Wait()
	before := len(test.written("one"))
	one = test.child("one", runs["one"], rate)
	for _, cmd := range []*exec.Cmd{one, two} {
		if err := cmd.Wait(); err != nil {
			t.Errorf("a process failed: %v", err)
		}
	}
	test.check(sink, runs, before, rate)
}

func (t rateTest) check(sink *rateSink, runs map[string]campaign.Run, before, rate int) {
	t.Helper()
	l, err := sqlite.Open(t.Context(), rateOptions(t.dir))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sink.mu.Lock()
	defer sink.mu.Unlock()
	var times []time.Time
	for name, run := range runs {
		written := t.written(name)
		f := fold(t, l, run)
		if f.recipients.Unknown > rateConcurrency || name == "two" && f.recipients.Unknown > 0 {
			t.Errorf("%s: %d unknown", name, f.recipients.Unknown)
		}
		for id, o := range f.outcome {
			n, at := sink.ids["/"+name+id], written[id]
			if n > 1 || n > 0 && at.IsZero() || o == campaign.Accepted && n != 1 || n == 1 && o != campaign.Accepted && o != campaign.Unknown {
				t.Errorf("%s: %s arrived %d times, written %s, stands as %s", name, id, n, at, o)
			}
			if !at.IsZero() {
				times = append(times, at)
			}
		}
		if name == "one" && (before == 0 || len(written) <= before) {
			t.Errorf("the process that was killed sent %d requests before and %d in all", before, len(written))
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	slices.SortFunc(sink.arrivals, time.Time.Compare)
	if most := crowd(times, time.Second); most > rate {
		t.Errorf("%d requests were written within a second, limit %d", most, rate)
	}
	took := times[len(times)-1].Sub(times[0])
	used := float64(len(times)-1) / took.Seconds() / float64(rate)
	t.Logf("%d requests in %s: %.1f %% of the limit; at most %d a second written, %d arrived",
		len(times), took.Round(time.Millisecond), 100*used, crowd(times, time.Second), crowd(sink.arrivals, time.Second))
	if *rateSeconds < 30 {
		return // on a machine that does something else little can be said of so few
	}
	if used < 0.95 {
		t.Errorf("%.1f %% of the limit were used", 100*used)
	}
	if most, slack := crowd(sink.arrivals, time.Second), rate/slackShare; most > rate+slack {
		t.Errorf("%d requests arrived within a second, limit %d", most, rate)
	}
}
