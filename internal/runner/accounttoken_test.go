package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
)

// purse is a token source whose tokens the upstream may stop taking.
type purse struct {
	mu       sync.Mutex
	current  int
	renewals int
	err      error
}

func (p *purse) Token(context.Context) (campaign.Secret, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return campaign.NewSecret(fmt.Sprint("t", p.current)), p.err
}

func (p *purse) Renew(ctx context.Context, rejected campaign.Secret) (campaign.Secret, error) {
	p.mu.Lock()
	if p.err == nil && rejected.Reveal() == fmt.Sprint("t", p.current) {
		p.current++
		p.renewals++
	}
	p.mu.Unlock()
	return p.Token(ctx)
}

// fail makes the source fail from now on.
func (p *purse) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func withTokens(b *bench, p *purse) {
	b.account.Tokens = p
	b.job.Target = tokenLetter{letter{url: "http://127.0.0.1:1/"}}
}

func TestExpiredTokenIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 60, 1, func(c call) reply {
			r := taken
			if c.token == "t0" && c.n >= 20 {
				r = reply{status: 401}
			}
			r.delay = 10 * time.Millisecond
			return r
		})
		p := &purse{}
		withTokens(b, p)
		told := 0
		b.job.Progress = func(e Event) {
			if e.Kind == Renewed {
				told++
			}
		}
		s := b.mustRun(t)
		if s.Stop != Complete || p.renewals != 1 || b.fold(t).recipients.Accepted != 60 {
			t.Errorf("%+v, %d renewals", s, p.renewals)
		}
		if told != 1 {
			t.Errorf("one renewal was told %d times", told)
		}
		if refused := len(b.up.calls) - 60; refused < 1 || refused > 4 {
			t.Errorf("%d requests met the 401", refused)
		}
		if took := b.up.calls[len(b.up.calls)-1].at.Sub(b.up.calls[0].at); took > 500*time.Millisecond {
			t.Errorf("the same request waited for a backoff: %s", took)
		}
	})
}

// slowPurse takes an hour to renew, and gives no token meanwhile.
type slowPurse struct {
	purse
	at time.Time // when it has renewed
}

func (p *slowPurse) Token(ctx context.Context) (campaign.Secret, error) {
	p.mu.Lock()
	wait := time.Until(p.at)
	p.mu.Unlock()
	if err := sleep(ctx, wait, nil); err != nil {
		return campaign.Secret{}, err
	}
	return p.purse.Token(ctx)
}

func (p *slowPurse) Renew(ctx context.Context, rejected campaign.Secret) (campaign.Secret, error) {
	p.mu.Lock()
	p.at = time.Now().Add(time.Hour)
	p.mu.Unlock()
	if _, err := p.Token(ctx); err != nil {
		return campaign.Secret{}, err
	}
	return p.purse.Renew(ctx, rejected)
}

// An answer that came is durable while the account waits for its token: a crash in
// this time must not make it unknown.
func TestWhatIsSettledDoesNotWaitForAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 20, 1, func(c call) reply {
			r := taken
			if c.n == 0 {
				r = reply{status: 401}
			}
			r.delay = time.Duration(1+c.n%4) * time.Second
			return r
		})
		p := &slowPurse{}
		withTokens(b, &p.purse)
		b.account.Tokens = p
		var wg sync.WaitGroup
		wg.Go(func() { b.mustRun(t) })
		time.Sleep(time.Minute)
		if f := fold(t, b.ledger, b.run); f.deliveries.Accepted != 3 || f.deliveries.Unknown != 0 {
			t.Errorf("while the token is renewed: %+v", f.deliveries)
		}
		wg.Wait()
		if f := b.fold(t); f.recipients.Accepted != 20 {
			t.Errorf("%+v", f.recipients)
		}
	})
}

func TestTokenThatExpiresAgainLaterIsRenewedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 60, 1, func(c call) reply {
			if c.token == "t0" && c.n >= 20 || c.token == "t1" && c.n >= 40 {
				return reply{status: 401}
			}
			return taken
		})
		b.account.Limits.Concurrency = 1
		p := &purse{}
		withTokens(b, p)
		if s := b.mustRun(t); s.Stop != Complete || p.renewals != 2 || b.fold(t).recipients.Accepted != 60 {
			t.Errorf("%+v, %d renewals", s, p.renewals)
		}
	})
}

func TestSecond401InARowStops(t *testing.T) {
	for _, concurrency := range []int{1, 4} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 60, 1, func(c call) reply {
					if c.n >= 20 {
						return reply{status: 401, delay: time.Millisecond}
					}
					return taken
				})
				b.account.Limits.Concurrency = concurrency
				p := &purse{}
				withTokens(b, p)
				s := b.mustRun(t)
				f := b.fold(t)
				if s.Stop != Token || f.recipients.Accepted != 20 || f.recipients.Deferred+f.recipients.Pending != 40 {
					t.Errorf("%s, %+v", s.Stop, f.recipients)
				}
				if p.renewals != 1 || len(b.up.calls) > 20+2*concurrency {
					t.Errorf("%d renewals, %d calls", p.renewals, len(b.up.calls))
				}
			})
		})
	}
}

func TestTokenThatCannotBeRenewedStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &purse{}
		b := newBench(t, 10, 1, func(c call) reply {
			if c.n == 3 {
				p.fail(errors.New("the token endpoint is away"))
				return reply{status: 401}
			}
			return taken
		})
		b.account.Limits.Concurrency = 1
		withTokens(b, p)
		s := b.mustRun(t)
		f := b.fold(t)
		if s.Stop != Token || s.Detail != "the token endpoint is away" || f.recipients.Accepted != 3 || f.recipients.Deferred != 1 || f.recipients.Pending != 6 {
			t.Errorf("%+v, %+v", s, f.recipients)
		}
		// No token at the beginning: nothing is begun.
		calls := len(b.up.calls)
		if s := b.mustRun(t); s.Stop != Token || s.Requests != 0 || len(b.up.calls) != calls {
			t.Errorf("%+v", s)
		}
		p.fail(nil)
		if s := b.mustRun(t); s.Stop != Complete || b.fold(t).recipients.Accepted != 10 {
			t.Errorf("%+v", s)
		}
	})
}
