package runner

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/targets"
)

func TestRequestCarriesFixedHeadersAndLeavesTheTargetsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 1, always(taken))
		shared := http.Header{"Content-Type": {"text/plain"}}
		b.job.Target = sharing{letter{url: "http://127.0.0.1:1/"}, shared}
		b.job.Header = http.Header{"X-Tenant": {"7"}}
		seen := http.Header{}
		b.account.Sender = spy{b.up, func(r targets.Request) {
			for name := range r.Header {
				seen[name] = r.Header[name]
			}
			r.Header.Set("User-Agent", "x")
		}}
		b.mustRun(t)
		if seen.Get("X-Tenant") != "7" || seen.Get("Content-Type") != "text/plain" {
			t.Errorf("headers %v", seen)
		}
		if len(shared) != 1 {
			t.Errorf("the target's own header was changed: %v", shared)
		}
	})
}

type sharing struct {
	letter
	header http.Header
}

func (s sharing) Request(m targets.Message, secrets targets.Secrets) (targets.Request, error) {
	r, err := s.letter.Request(m, secrets)
	r.Header = s.header
	return r, err
}

type spy struct {
	Sender
	look func(targets.Request)
}

func (s spy) Do(ctx context.Context, r targets.Request, timeout time.Duration) (targets.Answer, Trace, error) {
	s.look(r)
	return s.Sender.Do(ctx, r, timeout)
}
