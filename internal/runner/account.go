package runner

import (
	"context"
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
	// Shared is where all processes that use the account agree about its limits, its
	// speed and the pauses that the upstream asks for, and Name the account's name
	// there; nil: this process is alone with it. All of them give the same Limits.
	Shared ledger.Accounts
	Name   string
	// WaitForUpstream is how long to wait for an upstream in trouble, probing it
	// with single requests; 0: stop at once. A probe whose answer is lost costs an
	// unknown outcome: after three of them without an answer between the account
	// takes no more requests, however much time is left.
	WaitForUpstream time.Duration
	// MaxWait is the longest pause that the upstream may ask for; after a longer one
	// the account takes no more requests. 0: 15 minutes, as Job.MaxWait.
	MaxWait time.Duration
	// Probe spaces the probes; zero: from 1 s up to 1 minute.
	Probe campaign.Retry
	// Random gives a number in [0, n); nil: the usual source.
	Random func(n int64) int64
}

// Account is an upstream account as runs use it: its wire, limits, token and
// health. All runs of a process that go to the account share one. Processes share
// limits, speed and pauses (AccountOptions.Shared); health and the budget of
// retries are each process's own: a process finds out for itself that the upstream
// is in trouble, and probes it for itself.
type Account struct {
	sender  Sender
	tokens  Tokens
	limits  campaign.Limits
	limit   Pace // of the rate
	wait    time.Duration
	maxWait time.Duration
	probe   campaign.Retry
	random  func(n int64) int64
	shared  ledger.Accounts
	name    string
	made    time.Time

	slots *semaphore.Weighted // requests in flight
	turn  chan struct{}       // whose turn it is to start a request
	slow  chan struct{}       // open intents while the account is slowed down
	talk  chan struct{}       // whose turn it is to change the cell
	door  chan struct{}       // whose turn it is to ask for a place

	limited   bool         // by its own rate
	good      atomic.Bool  // nothing below keeps requests from starting
	throttled atomic.Bool  // speed is not full
	spacing   atomic.Int64 // between two requests then, in nanoseconds; 0: speed is full
	proven    atomic.Bool  // the last renewed token was taken
	renewing  atomic.Int64 // requests that wait for another token
	queued    atomic.Int64 // requests that wait for a permit
	lookAt    atomic.Int64 // when the cell is looked at again; see clock
	wantedAt  atomic.Int64 // when it is looked again who waits for a place
	seated    atomic.Int64 // places taken
	spare     atomic.Int64 // places to give back

	mu      sync.Mutex // held for moments only
	permits Permits
	starts  int       // not in the cell yet
	raises  int       // successes that are not in the cell yet
	speed   Speed     // as the cell had it last
	until   time.Time // the end of a pause, as the cell had it last
	resume  time.Time // the same by the monotonic clock, never earlier
	budget  Budget
	health  Health
	grants  grants
	trouble string    // why the upstream is in trouble
	since   time.Time // of the trouble
	probes  int       // made since then
	lost    int       // of them whose answer was lost
	probeAt time.Time // when the next one may start
	probing bool      // one is under way
	pollAt  time.Time // when a place is asked for again
	ended   *stopped  // the account takes no more requests in this invocation
	changed chan struct{}
}

const (
	// slowAhead is how many intents may be open before their requests may start
	// while the account is slowed down.
	slowAhead = 2
	// lostProbesMost bounds what waiting for an upstream costs in unknown outcomes.
	lostProbesMost = 3
)

// NewAccount makes an account. Its Sender is used for nothing else meanwhile.
func NewAccount(o AccountOptions) *Account {
	a := &Account{
		sender: o.Sender, tokens: o.Tokens, limits: o.Limits, limit: NewPace(o.Limits.Rate),
		wait: o.WaitForUpstream, maxWait: o.MaxWait, probe: o.Probe, random: o.Random,
		shared: o.Shared, name: o.Name, made: time.Now(),
		turn: make(chan struct{}, 1), slow: make(chan struct{}, slowAhead),
		talk: make(chan struct{}, 1), door: make(chan struct{}, 1),
		changed: make(chan struct{}),
	}
	a.limited = a.limit.Limited()
	a.limits.Concurrency = max(o.Limits.Concurrency, 1)
	a.slots = semaphore.NewWeighted(int64(a.limits.Concurrency))
	if a.shared == nil {
		a.shared = &alone{}
	}
	if a.maxWait <= 0 {
		a.maxWait = defaultMaxWait
	}
	if a.probe.Base <= 0 || a.probe.Cap <= 0 {
		a.probe = campaign.Retry{Base: time.Second, Cap: time.Minute}
	}
	if a.random == nil {
		a.random = rand.Int64N
	}
	a.good.Store(true)
	return a
}

// pass is the right to have one request in flight. It belongs to one slot, which
// sends one request after the other with it.
type pass struct {
	own   *lane // of the run, which is told of pauses; nil: nobody is
	held  bool
	place func()    // gives the place among all processes back; nil: none is taken
	probe bool      // the request probes an upstream in trouble
	retry bool      // the request is a retry that the budget paid for
	until time.Time // the request is to be written until then; zero: at any time
}

// tryEnter takes a pass if that needs no waiting: it is held already, and no other
// process is to have its place.
func (a *Account) tryEnter(p *pass) bool {
	return a.good.Load() && p.held && p.place != nil && a.keep()
}

// enter waits for a pass: for a place among the requests in flight, for the end of
// a pause, and while the upstream is in trouble for the right to probe it. Its
// error is a *stopped when the account takes no more requests.
func (a *Account) enter(ctx context.Context, p *pass) error {
	if !p.held {
		if err := a.slots.Acquire(ctx, 1); err != nil {
			return err
		}
		p.held = true
	}
	if err := a.look(); err != nil {
		return err
	}
	for {
		wait, changed, err := a.admit(p)
		if err == nil && wait == 0 {
			wait, err = a.seat(p)
		}
		if err != nil || wait == 0 {
			return err
		}
		a.announce(p)
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
	a.open(now)
	switch {
	case a.ended != nil:
		return 0, nil, a.ended
	case now.Before(a.resume):
		return a.resume.Sub(now), a.changed, nil
	case a.trouble == "", p.probe:
		return 0, a.changed, nil
	case a.probing:
		return a.wait + time.Minute, a.changed, nil // until the probe's answer
	case now.Before(a.probeAt):
		return a.probeAt.Sub(now), a.changed, nil
	}
	a.probing, p.probe = true, true
	a.probes++
	return 0, a.changed, nil
}

// open notes whether requests may start without a look at the state. mu is held.
func (a *Account) open(now time.Time) {
	a.good.Store(a.trouble == "" && a.ended == nil && !now.Before(a.resume))
}

// announce tells the pass's run of a pause, once of each.
func (a *Account) announce(p *pass) {
	if p.own == nil || p.own.tell == nil {
		return
	}
	a.mu.Lock()
	now := time.Now()
	// Answers to requests that were in flight together move the end by moments.
	news := a.ended == nil && now.Before(a.resume) && a.resume.Sub(p.own.told) >= time.Second
	until := now.Round(0).Add(a.resume.Sub(now))
	if news {
		p.own.told = a.resume
	}
	a.mu.Unlock()
	if news {
		p.own.tell(Event{Kind: Waiting, Detail: asksToWait, Until: until})
	}
}

const asksToWait = "the upstream asks to wait"

// leave gives the pass back.
func (a *Account) leave(p *pass) {
	p.retry = false
	if p.probe {
		a.unprobe(p)
	}
	if p.place != nil { // before the slot: who gets that asks for a place
		p.place()
		p.place = nil
		a.seated.Add(-1)
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
func (a *Account) report(k kind, v campaign.Verdict, began time.Time, p *pass) *Event {
	if a.usual(k, v, p) {
		return nil
	}
	change := a.heed(v, began)
	a.mu.Lock()
	defer a.mu.Unlock()
	if v.Outcome == campaign.Accepted && a.speed.rate != 0 {
		a.raises++
	}
	a.health = a.health.After(k)
	if e := a.judge(k, time.Now(), p.probe); e != nil {
		change = e
	}
	return change
}

// usual takes note of an attempt after which nothing changes, as after most.
func (a *Account) usual(k kind, v campaign.Verdict, p *pass) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	spoke := k == answered && v.Outcome != campaign.Deferred
	if p.retry && spoke {
		a.budget = a.budget.Answered()
	}
	p.retry = false
	if !spoke || v.Status == http.StatusTooManyRequests || a.trouble != "" || a.speed.rate != 0 {
		return false
	}
	a.health = Health{}
	return true
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
		a.trouble, a.probes, a.lost = "", 0, 0
		a.open(now)
		a.tell()
		return &Event{Kind: Recovered}
	}
	trouble := a.health.Trouble()
	if trouble == "" || a.trouble != "" && !probe {
		return nil // a request that was under way when the trouble was noticed says nothing new
	}
	if a.trouble == "" {
		a.since = now
	}
	a.trouble = trouble
	a.open(now)
	if probe && k == lost {
		a.lost++
	}
	a.probeAt = now.Add(Backoff(a.probe, a.probes+1, a.random))
	if a.probeAt.Sub(a.since) >= a.wait || a.lost >= lostProbesMost {
		a.finish(&stopped{why: Unavailable, detail: trouble})
		return &Event{Kind: Troubled, Detail: trouble}
	}
	a.tell()
	return &Event{Kind: Troubled, Detail: trouble, Until: a.probeAt}
}

// end stops the account for this invocation. The first reason counts.
func (a *Account) end(s *stopped) *stopped {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.finish(s)
}

// finish is end with mu held.
func (a *Account) finish(s *stopped) *stopped {
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
