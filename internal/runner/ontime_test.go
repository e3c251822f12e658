package runner

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// dialing is an upstream to which the first connections take their time.
type dialing struct {
	*upstream
	begun atomic.Int64
	slow  int64 // so many
	takes func() time.Duration
	late  atomic.Int64 // requests that were refused by their ready
}

func (d *dialing) Do(ctx context.Context, r targets.Request, timeout time.Duration) (targets.Answer, Trace, error) {
	ready := readyOf(ctx)
	if d.begun.Add(1) <= d.slow {
		time.Sleep(d.takes())
	}
	if ready != nil {
		if err := ready(); err != nil {
			d.late.Add(1)
			return targets.Answer{}, Trace{NotSent: true}, err
		}
	}
	return d.upstream.Do(ctx, r, timeout)
}

// The limit holds where requests are written, however long connecting takes.
func TestConnectingBreaksNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 100
		b := newBench(t, 5*limit, 1, always(taken))
		random := rand.New(rand.NewPCG(1, 2))
		d := &dialing{upstream: b.up, slow: 10, takes: func() time.Duration {
			b.up.mu.Lock()
			defer b.up.mu.Unlock()
			return 100*time.Millisecond + time.Duration(random.Int64N(int64(50*time.Millisecond)))
		}}
		b.account.Sender = d
		b.account.Limits = campaign.Limits{Rate: campaign.Rate{N: limit, Per: time.Second}, Concurrency: 32}
		if s := b.mustRun(t); s.Stop != Complete || s.Recipients.Accepted != 5*limit {
			t.Errorf("%+v", s)
		}
		if most := crowd(b.up.times(), time.Second); most > limit {
			t.Errorf("%d requests were written within a second, limit %d", most, limit)
		}
	})
}

func TestLateRequestsTakeAnotherPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := newLane(campaign.Rate{}, nil)
		started := func(r campaign.Rate) (*Account, *pass, ready) {
			a := NewAccount(AccountOptions{Limits: campaign.Limits{Rate: r, Concurrency: 4}})
			p := &pass{}
			if err := a.start(t.Context(), own, p); err != nil {
				t.Fatal(err)
			}
			return a, p, readyOf(a.onTime(t.Context(), t.Context(), own, p))
		}
		ten := campaign.Rate{N: 10, Per: time.Second}
		began := time.Now()
		took := func() time.Duration { defer func() { began = time.Now() }(); return time.Since(began) }

		_, _, ready := started(ten)
		if err := ready(); err != nil || took() != 0 {
			t.Errorf("a request in time: %v", err)
		}
		a, _, ready := started(ten)
		if err := a.start(t.Context(), own, &pass{}); err != nil { // the next one's, 102 ms later
			t.Fatal(err)
		}
		took()
		if err := ready(); err != nil || took() != 102*time.Millisecond {
			t.Errorf("a late request: %v", err)
		}
		a, _, ready = started(ten)
		time.Sleep(time.Second)
		a.end(&stopped{why: Unavailable})
		if err := ready(); !errors.Is(err, errLate) || !errors.Is(err, errClosed) {
			t.Errorf("a late request of an account that has ended: %v", err)
		}
		for name, r := range map[string]campaign.Rate{"few": {N: 1, Per: 10 * time.Second}, "no limit": {}} {
			if _, _, ready := started(r); ready != nil {
				t.Errorf("%s: a connection is kept for another permit", name)
			}
		}
	})
}

func TestLateRequestOfAnEndedAccountIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 20, 1, always(taken))
		d := &dialing{upstream: b.up, slow: 20, takes: func() time.Duration {
			b.job.Account.end(&stopped{why: Unavailable, detail: "test"})
			return time.Second
		}}
		b.account.Sender = d
		b.account.Limits = campaign.Limits{Rate: campaign.Rate{N: 10, Per: time.Second}, Concurrency: 1}
		s := b.mustRun(t)
		f := b.fold(t)
		if s.Stop != Unavailable || d.late.Load() != 1 || len(b.up.calls) != 0 || f.recipients.Deferred != 1 || f.recipients.Pending != 19 {
			t.Errorf("%+v, %d late, %+v", s, d.late.Load(), f.recipients)
		}
		if b.job.Account.health != (Health{}) {
			t.Errorf("what we gave up ourselves counts: %+v", b.job.Account.health)
		}
	})
}

// The wire writes nothing of a request that its ready refuses, and tries nothing
// else with it.
func TestWireWritesNothingOfALateRequest(t *testing.T) {
	var seen atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	defer server.Close()
	w := wire(t, WireOptions{LoopbackOnly: true})
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		asked := 0
		ctx := context.WithValue(t.Context(), readyKey{}, ready(func() error {
			asked++
			return errLate
		}))
		r := targets.Request{Method: method, URL: server.URL}
		if method == http.MethodPost {
			r.Body = []byte("hello")
		}
		_, trace, err := w.Do(ctx, r, 5*time.Second)
		if !errors.Is(err, errLate) || !trace.NotSent || trace.Written != 0 || asked != 1 || seen.Load() != 0 {
			t.Errorf("%s: %v, %+v, asked %d times, %d requests arrived", method, err, trace, asked, seen.Load())
		}
		// One whose time runs out while it waits is late as well; one that is ready goes.
		for _, want := range []error{errLate, nil} {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ctx = context.WithValue(ctx, readyKey{}, ready(func() error {
				if want != nil {
					cancel()
				}
				return nil
			}))
			_, trace, err := w.Do(ctx, r, 5*time.Second)
			if !errors.Is(err, want) || seen.Load() != map[bool]int64{true: 1}[want == nil] || trace.NotSent != (want != nil) {
				t.Errorf("%s: %v, want %v; %+v, %d requests arrived", method, err, want, trace, seen.Load())
			}
		}
		seen.Store(0)
	}
}
