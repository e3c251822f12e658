package targets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
)

// endpoint gives t-1, t-2, … a second after each question.
type endpoint struct{ asked atomic.Int64 }

func (e *endpoint) resolve(ctx context.Context) (held, error) {
	n := e.asked.Add(1)
	select {
	case <-time.After(time.Second):
		return held{token: campaign.NewSecret(fmt.Sprintf("t-%d", n))}, nil
	case <-ctx.Done():
		return held{}, ctx.Err()
	}
}

func sourceOf(resolve func(context.Context) (held, error)) *TokenSource {
	s := NewTokenSource(Resolver{}, campaign.Credential{Env: "TOKEN"})
	s.resolve = resolve
	return s
}

func want(t *testing.T, token string) func(campaign.Secret, error) {
	return func(got campaign.Secret, err error) {
		t.Helper()
		if err != nil || got.Reveal() != token {
			t.Errorf("got %q, %v, want %q", got.Reveal(), err, token)
		}
	}
}

// However many callers meet the 401 together, the source is asked once.
func TestOneRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e endpoint
		s := sourceOf(e.resolve)
		together := func(call func()) {
			var group sync.WaitGroup
			for range 50 {
				group.Go(call)
			}
			group.Wait()
		}
		together(func() { want(t, "t-1")(s.Token(t.Context())) })
		together(func() { want(t, "t-1")(s.Token(t.Context())) })
		if n := e.asked.Load(); n != 1 {
			t.Errorf("asked %d times for the first token", n)
		}
		first := campaign.NewSecret("t-1")
		together(func() { want(t, "t-2")(s.Renew(t.Context(), first)) })
		// Who comes late with the old token gets the current one.
		want(t, "t-2")(s.Renew(t.Context(), first))
		want(t, "t-2")(s.Token(t.Context()))
		if n := e.asked.Load(); n != 2 {
			t.Errorf("asked %d times after one renewal", n)
		}
		want(t, "t-3")(s.Renew(t.Context(), campaign.NewSecret("t-2")))
	})
}

// While a renewal is under way nobody gets the refused token.
func TestTokenWaitsForRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e endpoint
		s := sourceOf(e.resolve)
		want(t, "t-1")(s.Token(t.Context()))
		go s.Renew(t.Context(), campaign.NewSecret("t-1"))
		synctest.Wait()
		began := time.Now()
		want(t, "t-2")(s.Token(t.Context()))
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestSameTokenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		s := sourceOf(func(context.Context) (held, error) {
			time.Sleep(time.Second)
			asked.Add(1)
			return held{token: campaign.NewSecret(secretText)}, nil
		})
		const message = "the token was refused and environment variable TOKEN gives the same one again: put a new token there and run again"
		old := campaign.NewSecret(secretText)
		// A token that is rejected before this source gave one, as one kept from an earlier run.
		if _, err := s.Renew(t.Context(), old); fmt.Sprint(err) != message {
			t.Errorf("first: %v", err)
		}
		want(t, secretText)(s.Token(t.Context()))
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() {
				ask := func() (campaign.Secret, error) { return s.Renew(t.Context(), old) }
				if i > 0 && i%2 == 0 {
					time.Sleep(time.Millisecond)
					ask = func() (campaign.Secret, error) { return s.Token(t.Context()) }
				}
				if token, err := ask(); fmt.Sprint(err) != message || !token.IsZero() {
					t.Errorf("%q, %v", token.Reveal(), err)
				}
			})
		}
		group.Wait()
		if asked.Load() != 2 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

func TestRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e endpoint
		broken := errors.New("no such host")
		fail := false
		s := sourceOf(func(ctx context.Context) (held, error) {
			token, err := e.resolve(ctx)
			if fail {
				return held{}, broken
			}
			return token, err
		})
		want(t, "t-1")(s.Token(t.Context()))
		fail = true
		for range 2 {
			if token, err := s.Renew(t.Context(), campaign.NewSecret("t-1")); !errors.Is(err, broken) || !token.IsZero() {
				t.Errorf("%v", err)
			}
		}
		fail = false
		want(t, "t-4")(s.Renew(t.Context(), campaign.NewSecret("t-1")))
	})
}

// Who leaves leaves alone: the others get their token. When all have left, the
// reading ends, and the next caller begins another.
func TestCallersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e endpoint
		var ended atomic.Int64
		s := sourceOf(func(ctx context.Context) (held, error) {
			token, err := e.resolve(ctx)
			if err != nil {
				ended.Add(1)
			}
			return token, err
		})
		stopped := errors.New("stopped")
		leaving, leave := context.WithCancelCause(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := s.Token(leaving); !errors.Is(err, stopped) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() { want(t, "t-1")(s.Token(t.Context())) })
		synctest.Wait()
		leave(stopped)
		group.Wait()
		if e.asked.Load() != 1 || ended.Load() != 0 {
			t.Errorf("asked %d, ended %d", e.asked.Load(), ended.Load())
		}

		old := campaign.NewSecret("t-1")
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := s.Renew(short, old); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who left alone got %v", err)
		}
		want(t, "t-3")(s.Renew(t.Context(), old))
		if ended.Load() != 1 {
			t.Errorf("%d readings ended early", ended.Load())
		}
		if _, err := s.Token(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who had left before got %v", err)
		}
	})
}

// A file is read again on renewal.
func TestRenewalReadsAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "token"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := NewTokenSource(Resolver{Dir: dir}, campaign.Credential{File: "token"})
	if _, err := s.Token(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	write("one\n")
	want(t, "one")(s.Token(t.Context()))
	write("two\n")
	want(t, "one")(s.Token(t.Context()))
	want(t, "two")(s.Renew(t.Context(), campaign.NewSecret("one")))
	if _, err := s.Renew(t.Context(), campaign.NewSecret("two")); err == nil || !strings.Contains(err.Error(), "file token gives the same one again") {
		t.Errorf("same again: %v", err)
	}
}
