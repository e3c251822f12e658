package runner

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// AccountOptions shape an Account.
type AccountOptions struct {
	Sender Sender
	Tokens Tokens // nil: the account has no token that can be renewed
	Limits campaign.Limits
	// Shared is where all processes that use the account agree about its limits, and
	// Name the account's name there; nil: this process is alone with it.
	Shared ledger.Accounts
	Name   string
	// WaitForUpstream is how long to wait for an upstream in trouble, probing it
	// with single requests; 0: stop at once.
	WaitForUpstream time.Duration
	// Probe spaces the probes; zero: from 1 s up to 1 minute.
	Probe campaign.Retry
	// Random gives a number in [0, n); nil: the usual source.
	Random func(n int64) int64
}

// Account is an upstream account as runs use it: its wire, limits, token and
// health. All runs of a process that go to the account share one.
type Account struct {
	sender Sender
	tokens Tokens
	limits campaign.Limits
	wait   time.Duration
	probe  campaign.Retry
	random func(n int64) int64

	slots *semaphore.Weighted // requests in flight
	turn  chan struct{}       // whose turn it is to start a request
	slow  chan struct{}       // open intents while the account is slowed down

	limited   bool        // by its own rate
	good      atomic.Bool // health is good: nothing below needs a look
	throttled atomic.Bool // speed is not full
	proven    atomic.Bool // the last renewed token was taken

	mu       sync.Mutex // held for moments only
	pace     Pace
	throttle Pace
	speed    Speed
	recent   counter
	health   Health
	grants   grants
	trouble  string    // why the account is not good
	since    time.Time // of the trouble
	probes   int       // made since then
	probeAt  time.Time // when the next one may start
	probing  bool      // one is under way
	ended    *stopped  // the account takes no more requests in this invocation
	changed  chan struct{}
}

// slowAhead is how many intents may be open before their requests may start
// while the account is slowed down.
const slowAhead = 2

// NewAccount makes an account. Its Sender is used for nothing else meanwhile.
func NewAccount(o AccountOptions) *Account {
	a := &Account{
		sender: o.Sender, tokens: o.Tokens, limits: o.Limits,
		wait: o.WaitForUpstream, probe: o.Probe, random: o.Random,
		turn: make(chan struct{}, 1), slow: make(chan struct{}, slowAhead),
		pace:    NewPace(o.Limits.Rate),
		changed: make(chan struct{}),
	}
	a.limited = a.pace.Limited()
	a.limits.Concurrency = max(o.Limits.Concurrency, 1)
	a.slots = semaphore.NewWeighted(int64(a.limits.Concurrency))
	if a.probe.Base <= 0 || a.probe.Cap <= 0 {
		a.probe = campaign.Retry{Base: time.Second, Cap: time.Minute}
	}
	if a.random == nil {
		a.random = rand.Int64N
	}
	a.good.Store(true)
	return a
}

// counter counts requests a second, coarsely: enough to know what half of it is.
type counter struct {
	from          time.Time
	now, previous float64
}

func (c *counter) add(now time.Time) {
	c.roll(now)
	c.now++
}

func (c *counter) roll(now time.Time) {
	switch since := now.Sub(c.from); {
	case since >= 2*time.Second:
		*c = counter{from: now}
	case since >= time.Second:
		*c = counter{from: c.from.Add(time.Second), previous: c.now}
	}
}

// rate is what the busier of this second and the last one shows.
func (c *counter) rate(now time.Time) float64 {
	c.roll(now)
	return max(c.now, c.previous)
}

// pass is the right to have one request in flight.
type pass struct {
	held  bool
	probe bool
}

// tryEnter takes a pass if that needs no waiting.
func (a *Account) tryEnter(p *pass) bool {
	if !a.good.Load() {
		return false
	}
	if !p.held {
		p.held = a.slots.TryAcquire(1)
	}
	return p.held
}

// enter waits for a pass: for a place among the requests in flight, and while
// the upstream is in trouble for the right to probe it. Its error is a *stopped
// when the account takes no more requests.
func (a *Account) enter(ctx context.Context, p *pass) error {
	if !p.held {
		if err := a.slots.Acquire(ctx, 1); err != nil {
			return err
		}
		p.held = true
	}
	for {
		wait, changed, err := a.admit(p)
		if err != nil || wait == 0 {
			return err
		}
		if err := sleep(ctx, wait, changed); err != nil {
			return err
		}
	}
}

// admit says how long a request must wait; 0: it may go. A change of the
// account's state ends the waiting earlier.
func (a *Account) admit(p *pass) (time.Duration, <-chan struct{}, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	switch {
	case a.ended != nil:
		return 0, nil, a.ended
	case a.trouble == "":
		return 0, nil, nil
	case a.probing:
		return a.wait + time.Minute, a.changed, nil // until the probe's answer
	case now.Before(a.probeAt):
		return a.probeAt.Sub(now), a.changed, nil
	}
	a.probing, p.probe = true, true
	a.probes++
	return 0, nil, nil
}

// leave gives the pass back.
func (a *Account) leave(p *pass) {
	if p.probe {
		a.unprobe(p)
	}
	if p.held {
		p.held = false
		a.slots.Release(1)
	}
}

// unprobe gives the right to probe to the next one.
func (a *Account) unprobe(p *pass) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.probe = false
	a.probing = false
	a.tell()
}

// tell wakes everybody who waits on the account's state. mu is held.
func (a *Account) tell() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// report takes note of how an attempt ended, and says what changed by it.
func (a *Account) report(k kind, v campaign.Verdict, began time.Time, probe bool) *Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k == answered && v.Outcome != campaign.Deferred && a.trouble == "" && a.speed.rate == 0 {
		a.health = Health{} // the usual case
		return nil
	}
	now := time.Now()
	var change *Event
	switch {
	case v.Status == http.StatusTooManyRequests:
		before := a.speed
		a.setSpeed(a.speed.Slowed(now, began, a.recent.rate(now)))
		if a.speed != before {
			change = &Event{Kind: Slowed}
		}
	case v.Outcome == campaign.Accepted:
		a.setSpeed(a.speed.Raised())
	}
	a.health = a.health.After(k)
	if e := a.judge(k, now, probe); e != nil {
		change = e
	}
	return change
}

// judge decides what the health means. mu is held.
func (a *Account) judge(k kind, now time.Time, probe bool) *Event {
	if a.ended != nil {
		return nil
	}
	if k == answered {
		if a.trouble == "" {
			return nil
		}
		a.trouble, a.probes = "", 0
		a.good.Store(true)
		a.tell()
		return &Event{Kind: Recovered}
	}
	trouble := a.health.Trouble()
	if trouble == "" || a.trouble != "" && !probe {
		return nil // a request that was under way when the trouble was noticed says nothing new
	}
	if a.trouble == "" {
		a.since = now
		a.good.Store(false)
	}
	a.trouble = trouble
	a.probeAt = now.Add(Backoff(a.probe, a.probes+1, a.random))
	if a.probeAt.Sub(a.since) >= a.wait {
		a.ended = &stopped{why: Unavailable, detail: trouble}
		a.tell()
		return &Event{Kind: Troubled, Detail: trouble}
	}
	a.tell()
	return &Event{Kind: Troubled, Detail: trouble, Until: a.probeAt}
}

// setSpeed applies a new speed. mu is held.
func (a *Account) setSpeed(s Speed) {
	a.speed = s
	a.throttle.interval = s.Interval()
	a.throttled.Store(a.throttle.interval > 0)
}

// end stops the account for this invocation. The first reason counts.
func (a *Account) end(s *stopped) *stopped {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended == nil {
		a.ended = s
		a.good.Store(false)
		a.tell()
	}
	return a.ended
}

// over says why the account takes no more requests; nil: it does.
func (a *Account) over() *stopped {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

// errClosed is what a request finds that waited to start while the account came
// into trouble.
var errClosed = errors.New("the upstream is in trouble")

// start waits until a request may start under both limits, the account's and
// the campaign's own. Nothing may delay the request between start and the wire.
func (a *Account) start(ctx context.Context, own *lane, p *pass) error {
	if !own.limited && !a.limited && !a.throttled.Load() {
		if !a.good.Load() && !p.probe {
			return errClosed
		}
		a.mu.Lock()
		a.recent.add(time.Now())
		a.mu.Unlock()
		return ctx.Err()
	}
	if own.limited {
		if err := own.enter(ctx); err != nil {
			return err
		}
		defer own.leave()
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		wait, changed, err := a.due(own, p)
		if err != nil || wait == 0 {
			return err
		}
		if err := sleep(ctx, wait, changed); err != nil {
			return err
		}
	}
}

// due says how long the next request must wait, or takes its place: 0.
func (a *Account) due(own *lane, p *pass) (time.Duration, <-chan struct{}, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if (a.trouble != "" || a.ended != nil) && !p.probe {
		return 0, nil, errClosed
	}
	now := time.Now()
	at := own.pace.Next(a.throttle.Next(a.pace.Next(now)))
	if wait := at.Sub(now); wait > 0 {
		return wait, a.changed, nil
	}
	own.pace.Take(now)
	a.pace.Take(now)
	a.throttle.Take(now)
	a.recent.add(now)
	return 0, nil, nil
}

// lane is a campaign's own limit.
type lane struct {
	limited bool
	pace    Pace // used by whoever has the turn
	turn    chan struct{}
}

func newLane(r campaign.Rate) *lane {
	pace := NewPace(r)
	return &lane{limited: pace.Limited(), pace: pace, turn: make(chan struct{}, 1)}
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
