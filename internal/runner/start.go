package runner

import (
	"context"
	"errors"
	"time"

	"campaign/internal/campaign"
)

// errClosed is what a request finds that waited to start while the account came
// into trouble or was asked to wait.
var errClosed = errors.New("the upstream is in trouble or asks to wait")

// errNoPermit is that one must be reserved.
var errNoPermit = errors.New("no permit is left")

// start waits until a request may start under both limits, the account's and
// the campaign's own. Nothing may delay the request between start and the wire.
func (a *Account) start(ctx context.Context, own *lane, p *pass) error {
	if err := a.look(); err != nil {
		return err
	}
	if !own.limited && !a.limited && !a.throttled.Load() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.good.Load() && a.shut(p, time.Now()) {
			return errClosed
		}
		a.count(p)
		return ctx.Err()
	}
	if own.limited {
		if err := own.enter(ctx); err != nil {
			return err
		}
		defer own.leave()
	}
	a.queued.Add(1)
	defer a.queued.Add(-1)
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		wait, changed, err := a.due(own, p)
		if errors.Is(err, errNoPermit) {
			if wait, err = a.reserve(); err == nil && wait == 0 {
				continue
			}
		}
		if err != nil || wait == 0 {
			return err
		}
		if err := sleep(ctx, wait, changed); err != nil {
			return err
		}
	}
}

// due says how long the next request must wait, or takes its permit: 0. It fails
// with errNoPermit when there is none to wait for.
func (a *Account) due(own *lane, p *pass) (time.Duration, <-chan struct{}, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	p.until = time.Time{}
	if a.shut(p, now) {
		return 0, nil, errClosed
	}
	if wait := own.pace.Next(now).Sub(now); wait > 0 {
		return wait, a.changed, nil
	}
	if a.limited || a.throttled.Load() {
		at, ok := a.permits.Next(now)
		if !ok {
			return 0, a.changed, errNoPermit
		}
		if wait := at.Sub(now); wait > 0 {
			return wait, a.changed, nil
		}
		if a.limited {
			p.until = a.permits.first.Add(a.permits.slack)
		}
		a.permits.Take()
	}
	own.pace.Take(now)
	a.count(p)
	return 0, nil, nil
}

// reserve gets permits for those who wait, or says how long to wait before asking
// again. Only who has the turn may call it.
func (a *Account) reserve() (time.Duration, error) {
	want := int(a.queued.Load())
	var got Permits
	var wait time.Duration
	err := a.together(func(now time.Time, c *cell) {
		got = Permits{}
		if wait = c.paused(now); wait == 0 {
			got, wait = c.reserve(now, a.limit, want)
		}
	})
	if err != nil {
		return 0, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.permits = got
	return wait, nil
}

// shut reports whether the request must not start. mu is held.
func (a *Account) shut(p *pass, now time.Time) bool {
	return a.ended != nil || a.trouble != "" && !p.probe || now.Before(a.resume)
}

// count takes note of a request that starts. mu is held.
func (a *Account) count(p *pass) {
	a.starts++
	if !p.retry {
		a.budget = a.budget.Earned()
	}
}

// lane is a campaign's own limit, and how its run is told of pauses.
type lane struct {
	limited bool
	pace    Pace // used by whoever has the turn
	turn    chan struct{}
	tell    func(Event)
	told    time.Time // of the pause that lasts until then; guarded by the account's mu
}

func newLane(r campaign.Rate, tell func(Event)) *lane {
	pace := NewPace(r)
	return &lane{limited: pace.Limited(), pace: pace, turn: make(chan struct{}, 1), tell: tell}
}

// early is how long to wait before the lane's next request takes a place in flight
// and its intent: others use the place meanwhile.
func (a *Account) early(own *lane) time.Duration {
	if !own.limited {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	return own.pace.Next(now).Sub(now) - ahead
}

// enter waits for the lane's turn and time, so that nobody waits for a slow
// campaign while holding the account's turn.
func (l *lane) enter(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	now := time.Now()
	if err := sleep(ctx, l.pace.Next(now).Sub(now), nil); err != nil {
		l.leave()
		return err
	}
	return nil
}

func (l *lane) leave() { <-l.turn }

// sleep waits for d, or for wake; its error is the end of ctx.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-wake:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
