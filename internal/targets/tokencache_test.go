package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"campaign/internal/campaign"
)

// counting is a token endpoint that gives token-1, token-2, …
func counting(t *testing.T) (campaign.Credential, Resolver, func() int) {
	var mu sync.Mutex
	n := 0
	c, r := tokenEndpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": "token-%d", "token_type": "bearer", "expires_in": 3600}`, n)
	})
	return c, r, func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// problems collects what a source tells, and wants no secret in it.
type problems struct {
	t   *testing.T
	mu  sync.Mutex
	all []string
}

func (p *problems) add(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	never(p.t, err)
	if strings.Contains(err.Error(), "token-") {
		p.t.Errorf("a token is told: %v", err)
	}
	p.all = append(p.all, err.Error())
}

func shared(t *testing.T, r Resolver, c campaign.Credential, dir string) (*TokenSource, *problems) {
	s, p := NewTokenSource(r, c), &problems{t: t}
	s.Share(dir, "test/gov", p.add)
	return s, p
}

func TestTokenIsShared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "tokens")
	c, r, asked := counting(t)
	one, p := shared(t, r, c, dir)
	two, _ := shared(t, r, c, dir)
	want(t, "token-1")(one.Token(t.Context()))
	want(t, "token-1")(two.Token(t.Context()))
	want(t, "token-2")(two.Renew(t.Context(), campaign.NewSecret("token-1")))
	want(t, "token-2")(one.Renew(t.Context(), campaign.NewSecret("token-1")))
	// A process that begins with a token which another one refused long ago.
	late, _ := shared(t, r, c, dir)
	want(t, "token-3")(late.Renew(t.Context(), campaign.NewSecret("token-2")))
	// The others find it by themselves, at the latest after lookEvery.
	for _, s := range []*TokenSource{one, two} {
		state := <-s.state
		state.looked = state.looked.Add(-lookEvery)
		s.state <- state
		want(t, "token-3")(s.Token(t.Context()))
	}
	if n := asked(); n != 3 || len(p.all) > 0 {
		t.Errorf("asked %d times, %q", n, p.all)
	}

	secret := readFolder(t, dir)
	if strings.Contains(secret, secretText) || !strings.Contains(secret, "token-3") || strings.Contains(secret, "token-2") || strings.Contains(secret, "gov") {
		t.Errorf("the folder holds %s", secret)
	}
}

// readFolder gives names and contents of a folder's files, which nobody but
// their owner can read.
func readFolder(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	private := func(path string, mode os.FileMode) {
		if info, err := os.Lstat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%s is %v, %v", path, info.Mode(), err)
		}
	}
	private(dir, 0o700)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		private(path, 0o600)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s: %s\n", e.Name(), data)
	}
	return all.String()
}

// What is read from where it stands is never kept.
func TestOnlyFetchedTokensAreKept(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(secretText), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(string) (string, bool) { return secretText, true }
	folder := filepath.Join(dir, "tokens")
	for _, c := range []campaign.Credential{{Env: "TOKEN"}, {File: "token"}, {Literal: secretText}} {
		s, _ := shared(t, Resolver{Dir: dir, Env: env}, c, folder)
		want(t, secretText)(s.Token(t.Context()))
	}
	if _, err := os.Lstat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a folder: %v", err)
	}
	c, r := command(t, "print", "token-1")
	s, _ := shared(t, r, c, folder)
	want(t, "token-1")(s.Token(t.Context()))
	t.Setenv("CREDENTIAL_COMMAND", "fail")
	s, _ = shared(t, r, c, folder)
	want(t, "token-1")(s.Token(t.Context()))
	if _, err := s.Renew(t.Context(), campaign.NewSecret("token-1")); err == nil || strings.Contains(err.Error(), "token-1") {
		t.Errorf("a command that fails: %v", err)
	}
	t.Setenv("CREDENTIAL_COMMAND", "print")
	if _, err := s.Renew(t.Context(), campaign.NewSecret("token-1")); err == nil || !strings.Contains(err.Error(), "gives the same one again") || strings.Contains(err.Error(), "token-1") {
		t.Errorf("the same again: %v", err)
	}
}

// Another credential, and another account, have nothing to do with a kept token.
func TestChangedCredential(t *testing.T) {
	dir := t.TempDir()
	c, r, asked := counting(t)
	s, _ := shared(t, r, c, dir)
	want(t, "token-1")(s.Token(t.Context()))
	changes := map[string]func(*campaign.OAuth2, *Resolver){
		"client":  func(o *campaign.OAuth2, _ *Resolver) { o.ClientID = "app" }, // as before, after the others
		"scopes":  func(o *campaign.OAuth2, _ *Resolver) { o.Scopes = []string{"a"} },
		"address": func(o *campaign.OAuth2, _ *Resolver) { o.TokenURL += "&x" },
		"client secret": func(o *campaign.OAuth2, _ *Resolver) {
			o.ClientSecret = &campaign.Credential{Env: "CLIENT_SECRET", File: "x"}
		},
		"project": func(_ *campaign.OAuth2, r *Resolver) { r.Dir = "elsewhere" },
	}
	for _, name := range []string{"scopes", "address", "client secret", "project", "client"} {
		o, resolver, before := *c.OAuth2, r, asked()
		changes[name](&o, &resolver)
		s, p := shared(t, resolver, campaign.Credential{OAuth2: &o}, dir)
		want(t, fmt.Sprintf("token-%d", before+1))(s.Token(t.Context()))
		if len(p.all) > 0 {
			t.Errorf("%s: %q", name, p.all)
		}
	}
	before := asked()
	other := NewTokenSource(r, c)
	other.Share(dir, "production/gov", nil)
	want(t, fmt.Sprintf("token-%d", before+1))(other.Token(t.Context()))
	s, _ = shared(t, r, c, dir)
	want(t, fmt.Sprintf("token-%d", before))(s.Token(t.Context()))
}

func TestDamagedTokenFile(t *testing.T) {
	hour := time.Hour.Nanoseconds()
	for name, damage := range map[string]func(path string, f cached) any{
		"empty":           func(string, cached) any { return "" },
		"rubbish":         func(string, cached) any { return "\x00token-9" },
		"a list":          func(string, cached) any { return "[]" },
		"cut off":         func(_ string, f cached) any { data, _ := json.Marshal(f); return string(data[:len(data)-2]) },
		"more behind":     func(_ string, f cached) any { data, _ := json.Marshal(f); return string(data) + "{}" },
		"another key":     func(_ string, f cached) any { data, _ := json.Marshal(f); return `{"x":1,` + string(data[1:]) },
		"another version": func(_ string, f cached) any { f.Version++; return f },
		"another account": func(_ string, f cached) any { f.Reference = strings.Repeat("0", 64); return f },
		"no token":        func(_ string, f cached) any { f.Token = ""; return f },
		"two lines":       func(_ string, f cached) any { f.Token += "\n"; return f },
		"expired":         func(_ string, f cached) any { f.Expires = time.Now().Add(-time.Second); return f },
		"old":             func(_ string, f cached) any { f.Expires, f.Stamp = time.Time{}, f.Stamp-hour; return f },
		"from the future": func(_ string, f cached) any { f.Stamp += 48 * hour; return f },
		"before time":     func(_ string, f cached) any { f.Stamp = -1; return f },
		"too long": func(_ string, f cached) any {
			data, _ := json.Marshal(f)
			return string(data) + strings.Repeat(" ", cacheLimit)
		},
		"open to others": func(path string, f cached) any {
			if runtime.GOOS == "windows" {
				return ""
			}
			return os.Chmod(path, 0o640)
		},
		"a link": func(path string, f cached) any {
			if runtime.GOOS == "windows" { // links are for administrators there
				return ""
			}
			data, _ := json.Marshal(f)
			elsewhere := filepath.Join(filepath.Dir(filepath.Dir(path)), "elsewhere")
			return errors.Join(os.WriteFile(elsewhere, data, 0o600), os.Remove(path), os.Symlink(elsewhere, path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tokens")
			c, r, asked := counting(t)
			s, _ := shared(t, r, c, dir)
			want(t, "token-1")(s.Token(t.Context()))
			path := s.cache.file()
			kept := written(t, path)
			switch now := damage(path, kept).(type) {
			case string:
				overwrite(t, path, []byte(now))
			case cached:
				data, _ := json.Marshal(now)
				overwrite(t, path, data)
			case error:
				t.Fatal(now)
			}
			// What a killed process left there is no obstacle.
			overwrite(t, strings.TrimSuffix(path, ".json")+".new", []byte("half"))

			fresh, p := shared(t, r, c, dir)
			want(t, "token-2")(fresh.Token(t.Context()))
			if got := written(t, path); got.Token != "token-2" || got.Stamp <= kept.Stamp || asked() != 2 || len(p.all) > 0 {
				t.Errorf("kept %+v, asked %d times, %q", got, asked(), p.all)
			}
			if all := readFolder(t, dir); strings.Count(all, "\n") != 3 { // token and lock; the token's file has a line end
				t.Errorf("the folder holds %s", all)
			}
			if data, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "elsewhere")); err == nil && !strings.Contains(string(data), "token-1") {
				t.Errorf("behind the link: %s", data)
			}
		})
	}
}

func written(t *testing.T, path string) (f cached) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func overwrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A token without a known end is kept, for a while.
func TestTokenOfUnknownEnd(t *testing.T) {
	dir := t.TempDir()
	c, r := command(t, "print", "token-1")
	s, _ := shared(t, r, c, dir)
	want(t, "token-1")(s.Token(t.Context()))
	kept := written(t, s.cache.file())
	kept.Token = "token-2"
	kept.Stamp -= (endless - time.Minute).Nanoseconds()
	data, _ := json.Marshal(kept)
	overwrite(t, s.cache.file(), data)
	s, _ = shared(t, r, c, dir)
	want(t, "token-2")(s.Token(t.Context()))
	if !kept.Expires.IsZero() || strings.Contains(string(data), "expires") {
		t.Errorf("%s", data)
	}
}

// An older token in the file, one that could not be replaced, is not gone back to.
func TestNoWayBack(t *testing.T) {
	dir := t.TempDir()
	c, r, asked := counting(t)
	s, p := shared(t, r, c, dir)
	want(t, "token-1")(s.Token(t.Context()))
	old, err := os.ReadFile(s.cache.file())
	if err != nil {
		t.Fatal(err)
	}
	want(t, "token-2")(s.Renew(t.Context(), campaign.NewSecret("token-1")))
	overwrite(t, s.cache.file(), old)
	state := <-s.state
	state.looked = time.Time{}
	s.state <- state
	want(t, "token-2")(s.Token(t.Context()))
	want(t, "token-3")(s.Renew(t.Context(), campaign.NewSecret("token-2")))
	if asked() != 3 || len(p.all) > 0 {
		t.Errorf("asked %d times, %q", asked(), p.all)
	}
}

// Nothing that is wrong with the folder stops a run; it is told once.
func TestTokenFolderOfNoUse(t *testing.T) {
	for name, c := range map[string]struct {
		make func(dir string, cache *tokenCache) error
		want string
	}{
		"a file in its place": {func(dir string, _ *tokenCache) error { return os.WriteFile(dir, nil, 0o600) }, "make the folder of tokens: "},
		"a folder in the lock's place": {func(_ string, c *tokenCache) error {
			return os.MkdirAll(filepath.Join(c.dir, c.name+".lock", "x"), 0o700)
		},
			"lock the token: "},
		"a folder in the token's place": {func(_ string, c *tokenCache) error { return os.MkdirAll(filepath.Join(c.file(), "x"), 0o700) }, "keep the token: "},
		"a folder in the next one's place": {func(_ string, c *tokenCache) error {
			return os.MkdirAll(filepath.Join(c.dir, c.name+".new", "x"), 0o700)
		},
			"keep the token: "},
		"a lock that is held": {func(_ string, c *tokenCache) error {
			c.patience = 30 * time.Millisecond
			lock, err := c.open()
			if err == nil {
				err = lock.Lock()
				t.Cleanup(func() { lock.Unlock() })
			}
			return err
		}, "another process held "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tokens")
			credential, r, asked := counting(t)
			s, p := shared(t, r, credential, dir)
			if err := c.make(dir, s.cache); err != nil {
				t.Fatal(err)
			}
			want(t, "token-1")(s.Token(t.Context()))
			state := <-s.state
			state.looked = time.Time{}
			s.state <- state
			want(t, "token-1")(s.Token(t.Context()))
			want(t, "token-2")(s.Renew(t.Context(), campaign.NewSecret("token-1")))
			if len(p.all) != 1 || !strings.HasPrefix(p.all[0], "renewed tokens are not shared with other processes, each renews its own: "+c.want) || asked() != 2 {
				t.Errorf("asked %d times, %q", asked(), p.all)
			}
			quiet := NewTokenSource(r, credential)
			quiet.Share(dir, "test/gov", nil)
			quiet.cache.patience = s.cache.patience
			want(t, "token-3")(quiet.Token(t.Context()))
		})
	}
}

// Who waits for another process's renewal can leave.
func TestLeaveTheTokensLock(t *testing.T) {
	dir := t.TempDir()
	c, r, asked := counting(t)
	s, p := shared(t, r, c, dir)
	lock, err := s.cache.open()
	if err == nil {
		err = lock.Lock()
	}
	if err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(stopped) })
	if _, err := s.Token(ctx); !errors.Is(err, stopped) {
		t.Errorf("who left got %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	want(t, "token-1")(s.Token(t.Context()))
	if asked() != 1 || len(p.all) > 0 {
		t.Errorf("asked %d times, %q", asked(), p.all)
	}
}
