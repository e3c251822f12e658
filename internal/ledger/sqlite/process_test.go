package sqlite_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

// The test binary is its own second process: with childRoot set it works on the
// ledger there until it is killed, and says on stdout what it has recorded.
const childRoot = "LEDGER_TEST_CHILD"

const (
	groupSize   = 8
	childGroups = 400
)

func TestMain(m *testing.M) {
	if root := os.Getenv(childRoot); root != "" {
		if err := work(optionsIn(root), os.Stdout); err != nil {
			fmt.Println("failed", -1, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Every step of the model is on the disk: fewer of them, unless the command line says more.
	if err := flag.Set("rapid.checks", "15"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// work tries and settles whole groups in plan order, and says so when each
// Record has returned.
func work(o sqlite.Options, out io.Writer) error {
	l, err := sqlite.Open(ctx, o)
	if err != nil {
		return err
	}
	h, err := l.Claim(ctx, campaign.RunID("p", "a", campaign.Once), fmt.Sprintf("process %d", os.Getpid()), time.Hour)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "claimed", h.Token)
	for w, err := range l.Work(ctx, h) {
		if err != nil {
			return err
		}
		for i := 0; i < len(w.Results); i += groupSize {
			if w.Results[i].Verdict.Outcome != campaign.Pending {
				continue
			}
			var g ledger.Group
			for _, r := range w.Results[i : i+groupSize] {
				g.Intents = append(g.Intents, ledger.Intent{Part: r.Part, At: noon})
				g.Settlements = append(g.Settlements, ledger.Settlement{Part: r.Part, At: noon, Verdict: campaign.Verdict{Outcome: campaign.Accepted}})
			}
			if err := l.Record(ctx, h, nil, g.Intents); err != nil {
				return err
			}
			fmt.Fprintln(out, "tried", i/groupSize)
			if err := l.Record(ctx, h, g.Settlements, nil); err != nil {
				return err
			}
			fmt.Fprintln(out, "settled", i/groupSize)
		}
	}
	return l.Close()
}

// child is a second process.
type child struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func start(t *testing.T, root string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0])}
	c.Env = append(os.Environ(), childRoot+"="+root)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	c.lines = bufio.NewScanner(out)
	return c
}

// next reads a line of the child.
func (c *child) next(t *testing.T) (word string, n int, ok bool) {
	t.Helper()
	if !c.lines.Scan() {
		return "", 0, false
	}
	line := c.lines.Text()
	if _, err := fmt.Sscan(line, &word, &n); err != nil || word == "failed" {
		t.Fatalf("the other process said %q", line)
	}
	return word, n, true
}

// kill ends the child with SIGKILL and reads what it had said.
func (c *child) kill(t *testing.T, hear func(word string, n int)) {
	t.Helper()
	must(t, c.Process.Kill())
	for {
		word, n, ok := c.next(t)
		if !ok {
			break
		}
		hear(word, n)
	}
	if err := c.Wait(); err == nil && t.Failed() {
		t.Log("the other process had ended by itself")
	}
}

// What a Record returned for is there after a kill -9; of all that had not
// returned, at most the one group being written.
func TestKilled(t *testing.T) {
	root := t.TempDir()
	o := optionsIn(root)
	must(t, sqlite.Init(ctx, o, false))
	l := open(t, o)
	r := planned(t, l, "a", groupSize*childGroups)
	must(t, l.Close())
	kills := 30
	if testing.Short() {
		kills = 8
	}
	said := make([]string, childGroups) // the last word on each group
	token, doubts := 0, 0
	for round := range kills {
		c := start(t, root)
		hear := func(word string, n int) {
			if word != "claimed" {
				said[n] = word
			} else if n <= token {
				t.Fatalf("token %d after %d", n, token)
			} else {
				token = n
			}
		}
		for range 1 + rand.IntN(12) { // killed somewhere in or after the next Record
			word, n, ok := c.next(t)
			if !ok {
				break
			}
			hear(word, n)
		}
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Microsecond)
		c.kill(t, hear)
		doubts += reconcile(t, o, r.ID, said, round)
	}
	t.Logf("%d kills, %d of them inside a Record that had happened", kills, doubts)
	checked, err := sqlite.Check(ctx, o)
	if err != nil || checked.Deliveries != groupSize*childGroups {
		t.Errorf("%+v, %v", checked, err)
	}
}

// reconcile compares the ledger with what was said of it, and takes over what
// happened without a word: at most one group a kill.
func reconcile(t *testing.T, o sqlite.Options, run string, said []string, round int) (doubts int) {
	t.Helper()
	reader, err := sqlite.OpenReadOnly(ctx, o)
	must(t, err)
	defer reader.Close()
	got := outcomes(t, reader, run)
	want := map[string]campaign.Outcome{"": campaign.Pending, "tried": campaign.Unknown, "settled": campaign.Accepted}
	next := map[string]string{"": "tried", "tried": "settled"}
	for g := range said {
		first := got[g*groupSize]
		for i := range groupSize {
			if got[g*groupSize+i] != first {
				t.Fatalf("round %d: group %d is there by halves: %v", round, g, got[g*groupSize:][:groupSize])
			}
		}
		if first == want[said[g]] {
			continue
		}
		if doubts++; doubts > 1 || said[g] == "settled" || first != want[next[said[g]]] {
			t.Fatalf("round %d: group %d was said to be %q and is %v (%d in doubt)", round, g, said[g], first, doubts)
		}
		said[g] = next[said[g]]
	}
	return doubts
}

func TestTwoProcesses(t *testing.T) {
	root := t.TempDir()
	o := optionsIn(root)
	must(t, sqlite.Init(ctx, o, false))
	l := open(t, o)
	r := planned(t, l, "a", groupSize*childGroups)
	c := start(t, root)
	word, first, _ := c.next(t)
	if word != "claimed" {
		t.Fatalf("the other process said %q", word)
	}
	_, err := l.Claim(ctx, r.ID, "tester", time.Hour)
	wants(t, err, ledger.ErrHeld)
	says(t, err, fmt.Sprintf("process %d", c.Process.Pid))
	if owner, err := l.Held(ctx, r.ID); err != nil || !strings.Contains(owner, fmt.Sprintf("process %d", c.Process.Pid)) {
		t.Errorf("the run is held by %q, %v", owner, err)
	}
	wants(t, sqlite.Export(ctx, o, filepath.Join(root, "carry")), ledger.ErrHeld)
	for range 3 { // reading while the other works
		if got := outcomes(t, l, r.ID); len(got) != groupSize*childGroups {
			t.Errorf("%d results", len(got))
		}
		for range 20 {
			c.next(t)
		}
	}
	idle := planned(t, l, "b", 5) // and planning
	must(t, l.Stop(ctx, r.ID))
	c.kill(t, func(string, int) {})
	if owner, err := l.Held(ctx, r.ID); err != nil || owner != "" {
		t.Errorf("a killed process still holds the run: %q, %v", owner, err)
	}
	if owner, err := l.Held(ctx, idle.ID); err != nil || owner != "" {
		t.Errorf("a run that nobody ever claimed is held by %q, %v", owner, err)
	}
	_, err = l.Held(ctx, "nope")
	wants(t, err, ledger.ErrNotFound)
	h, err := l.Claim(ctx, r.ID, "tester", time.Hour)
	must(t, err)
	if h.Token <= uint64(first) {
		t.Errorf("token %d after %d", h.Token, first)
	}
	if asked, err := l.Stopped(ctx, h); asked || err != nil {
		t.Errorf("a stop that was meant for the process before: %v, %v", asked, err)
	}
}
