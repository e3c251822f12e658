package runner

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"campaign/internal/campaign"
)

// What the processes of an account tell each other, and how often they look.
const (
	lookEvery   = 250 * time.Millisecond // at the cell, unless permits are reserved anyway
	wantedEvery = 100 * time.Millisecond // at who waits for a place
	// While all places are taken one is asked for after pauses of this length, the
	// second number added at random.
	pollPause, pollJitter = 10 * time.Millisecond, 40 * time.Millisecond
	// One of so many of its places a process gives back at a time when another one
	// waits: who has more gives more, so that all come to have the same.
	spareShare = 8
)

// clock counts from the account's making: for times that are compared often.
func (a *Account) clock() int64 { return int64(time.Since(a.made)) }

// together changes what all processes of the account share: what this one did since
// the last time is added, then comes change, and what stands there afterwards holds
// here too. change may be called again. A failure ends the account (design:
// delivery, rule 8): without the others' word nothing may start.
func (a *Account) together(change func(now time.Time, c *cell)) error {
	a.talk <- struct{}{}
	defer func() { <-a.talk }()
	a.mu.Lock()
	starts, raises := a.starts, a.raises
	a.mu.Unlock()
	var c cell
	var now time.Time
	err := a.shared.Share(context.Background(), a.name, func(raw []byte) []byte {
		now = time.Now()
		c = decode(raw, now)
		c.recent.add(now, starts)
		for n := raises; n > 0 && c.speed.rate != 0; n-- {
			c.speed = c.speed.Raised()
		}
		change(now, &c)
		return c.encode()
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		return a.finish(&stopped{why: Failed, err: ledgerError("share the account's limits", err)})
	}
	a.starts -= starts
	a.raises -= raises
	a.lookAt.Store(a.clock() + int64(lookEvery))
	a.adopt(now, &c)
	return nil
}

// adopt takes over what the cell said at now. mu is held.
func (a *Account) adopt(now time.Time, c *cell) {
	a.speed = c.speed
	a.throttled.Store(c.speed.Interval() > 0)
	a.spacing.Store(int64(c.speed.Interval()))
	if c.until.Equal(a.until) {
		return
	}
	a.until = c.until
	pause := c.paused(now)
	resume := now.Add(pause)
	if pause == 0 || !resume.After(a.resume) {
		return
	}
	a.resume = resume
	a.open(now)
	if pause > a.maxWait {
		a.finish(&stopped{why: Unavailable, notBefore: c.until, detail: fmt.Sprintf("%s until %s", asksToWait, c.until.Format(time.RFC3339))})
	}
	a.tell()
}

// Held is how many requests a second the account is held to because a 429 slowed it
// down, as it was when the account last looked; 0: nothing holds it but its limits. Any
// goroutine may ask.
func (a *Account) Held() float64 {
	spacing := a.spacing.Load()
	if spacing <= 0 {
		return 0
	}
	return float64(time.Second) / float64(spacing)
}

// look looks at the cell when that was not done for a while, and at the very first.
func (a *Account) look() error {
	at, now := a.lookAt.Load(), a.clock()
	if now < at || at > 0 && !a.lookAt.CompareAndSwap(at, now+int64(lookEvery)) {
		return nil
	}
	return a.together(func(time.Time, *cell) {})
}

// heed does what an answer asks of all requests of the account: a 429 halves their
// speed, and the Retry-After of a 429 or 503 lets none start before (design:
// delivery, rule 10; RFC 9110, section 10.2.3).
func (a *Account) heed(v campaign.Verdict, began time.Time) *Event {
	tooMany := v.Status == http.StatusTooManyRequests
	pause := time.Duration(0)
	if v.Outcome == campaign.Deferred && (tooMany || v.Status == http.StatusServiceUnavailable) {
		pause = v.After
	}
	if !tooMany && pause <= 0 {
		return nil
	}
	before := a.over()
	slowed := false
	err := a.together(func(now time.Time, c *cell) {
		was := c.speed
		if tooMany {
			c.speed = c.speed.Slowed(now.Round(0), began.Round(0), c.recent.rate(now))
		}
		slowed = c.speed != was
		c.pause(now, pause)
	})
	if end := a.over(); end != nil && before == nil {
		return &Event{Kind: Troubled, Detail: cmp.Or(end.detail, end.Error())}
	}
	if err != nil || !slowed {
		return nil
	}
	return &Event{Kind: Slowed}
}

// seat takes one of the account's places among all processes, or says how long to
// wait before asking again.
func (a *Account) seat(p *pass) (time.Duration, error) {
	if p.place != nil {
		return 0, nil
	}
	a.door <- struct{}{}
	defer func() { <-a.door }()
	a.mu.Lock()
	wait := time.Until(a.pollAt)
	a.mu.Unlock()
	if wait > 0 {
		return wait, nil
	}
	leave, free, err := a.shared.Place(context.Background(), a.name, a.limits.Concurrency)
	if err != nil {
		return 0, a.end(&stopped{why: Failed, err: ledgerError("take a place of the account", err)})
	}
	if !free {
		return a.putOff(), nil
	}
	p.place = leave
	a.seated.Add(1)
	return 0, nil
}

// putOff lets nobody ask for a place for a moment.
func (a *Account) putOff() time.Duration {
	pause := pollPause + time.Duration(a.random(int64(pollJitter)))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pollAt = time.Now().Add(pause)
	return pause
}

// keep reports whether a place may be kept for another request; other processes may
// wait for it.
func (a *Account) keep() bool {
	at, now := a.wantedAt.Load(), a.clock()
	if now >= at && a.wantedAt.CompareAndSwap(at, now+int64(wantedEvery)) {
		wanted, err := a.shared.Wanted(context.Background(), a.name)
		if err != nil {
			a.end(&stopped{why: Failed, err: ledgerError("look who waits for the account", err)})
			return false
		}
		spare := int64(0)
		if wanted {
			spare = (a.seated.Load() + a.random(spareShare)) / spareShare // rounded at random: who has few gives seldom
		}
		a.spare.Store(spare)
	}
	for {
		n := a.spare.Load()
		if n <= 0 {
			return true
		}
		if a.spare.CompareAndSwap(n, n-1) {
			a.putOff() // the others first
			return false
		}
	}
}

// alone is a ledger.Accounts for a process that shares its account with none.
type alone struct {
	mu   sync.Mutex
	cell []byte
}

func (l *alone) Share(_ context.Context, _ string, change func([]byte) []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cell = change(l.cell)
	return nil
}

func (l *alone) Place(context.Context, string, int) (func(), bool, error) {
	return func() {}, true, nil
}

func (l *alone) Wanted(context.Context, string) (bool, error) { return false, nil }
