package targets

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/flock"

	"campaign/internal/campaign"
)

// shareTokens is a process that uses a shared source: it answers each line on
// stdin, "token" or "renew OLD", with a line: what 20 callers got.
func shareTokens() {
	var c campaign.Credential
	if err := json.Unmarshal([]byte(os.Getenv("CREDENTIAL")), &c); err != nil {
		os.Exit(5)
	}
	s := NewTokenSource(Resolver{Client: http.DefaultClient}, c)
	s.Share(os.Getenv("CREDENTIAL_FOLDER"), "test/gov", func(err error) { fmt.Println("problem:", err) })
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		verb, old, _ := strings.Cut(lines.Text(), " ")
		got := map[string]int{}
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				ask := s.Token
				if verb == "renew" {
					ask = func(ctx context.Context) (campaign.Secret, error) { return s.Renew(ctx, campaign.NewSecret(old)) }
				}
				token, err := ask(context.Background())
				text := token.Reveal()
				if err != nil {
					text = err.Error()
				}
				mu.Lock()
				defer mu.Unlock()
				got[text]++
			})
		}
		group.Wait()
		fmt.Println(got)
	}
}

// sharer is a running shareTokens.
type sharer struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
	pid *os.Process
}

func (s *sharer) say(line string) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.in, line); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sharer) wants(line string) {
	s.t.Helper()
	if !s.out.Scan() || s.out.Text() != line {
		s.t.Errorf("a process says %q, want %q", s.out.Text(), line)
	}
}

func startSharers(t *testing.T, n int, c campaign.Credential, dir string) []*sharer {
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var all []*sharer
	for range n {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), "CREDENTIAL_COMMAND=share", "CLIENT_SECRET="+secretText, "CREDENTIAL="+string(text), "CREDENTIAL_FOLDER="+dir)
		in, err := command.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			in.Close()
			_ = command.Wait()
		})
		all = append(all, &sharer{t, in, bufio.NewScanner(out), command.Process})
	}
	return all
}

// Real processes, 20 callers in each, meet the same refusals.
func TestProcessesRenewOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tokens")
	c, _, asked := counting(t)
	all := startSharers(t, 4, c, dir)
	every := func(say, want string) {
		t.Helper()
		for _, s := range all {
			s.say(say)
		}
		for _, s := range all {
			s.wants(want)
		}
	}
	every("token", "map[token-1:20]")
	every("renew token-1", "map[token-2:20]")
	every("renew token-2", "map[token-3:20]")
	every("token", "map[token-3:20]")
	if n := asked(); n != 3 {
		t.Errorf("the endpoint was asked %d times", n)
	}
	readFolder(t, dir)
}

// A process that is killed while it renews leaves the lock to the next one.
func TestKilledWhileRenewing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tokens")
	came, hang := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c, _ := tokenEndpoint(t, func(w http.ResponseWriter, req *http.Request) {
		first := false
		once.Do(func() { first = true })
		if first {
			close(came)
			<-hang
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token": "token-2", "token_type": "bearer"}`)
	})
	t.Cleanup(func() { close(hang) })
	all := startSharers(t, 2, c, dir)
	all[0].say("token")
	<-came
	locks, err := filepath.Glob(filepath.Join(dir, "*.lock"))
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	lock := flock.New(locks[0])
	if free, err := lock.TryLock(); free || err != nil {
		t.Errorf("the lock is free while a process renews: %v", err)
	}
	all[1].say("token")
	if err := all[0].pid.Kill(); err != nil {
		t.Fatal(err)
	}
	all[1].wants("map[token-2:20]")
}
