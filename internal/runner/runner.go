package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/targets"
)

// Job is one invocation's work on a run.
type Job struct {
	Run    string
	Owner  string        // who holds the run, for people: host and process
	Lease  time.Duration // of the hold; 0: 2 minutes
	Ledger Ledger

	Account *Account
	Target  targets.Target
	Secrets targets.Secrets
	Header  http.Header       // the account's fixed headers
	Hide    []campaign.Secret // what of them is secret; taken out of answers, as Secrets and the token are
	Policy  campaign.Policy   // zero Rate and Concurrency: the account's; Timeout is what holds for a request

	// Messages renders the messages of a block's deliveries, in their order, from
	// the frozen inputs. A block that differs from the plan is ErrDiffers.
	Messages func(ctx context.Context, block campaign.Block) ([]targets.Message, error)

	// Opens gives the earliest time, not before now, at which a request may start
	// inside the campaign's window; nil: any time. Zero: the window never opens again.
	// It is called by several goroutines at once.
	Opens   func(now time.Time) time.Time
	Expires time.Time // nothing starts from then on, and what is not sent is skipped; zero: never
	// Confirmed: a person lets the run go past the stage that waits for one, or that
	// had too many failures. The word is about what that person can have seen: it counts
	// once, for a stage that was settled when the invocation began.
	Confirmed bool

	Limit int64 // recipients that this invocation may begin; 0: all
	// MaxWait is the longest wait for a delivery's own time (an upstream's Retry-After),
	// and for the window to open; 0: 15 minutes; at least the retry's cap. What would
	// have to wait longer is left for a later invocation (Summary.NotBefore). Stages
	// wait as long as they say.
	MaxWait  time.Duration
	Kill     <-chan struct{} // closed: leave at once (second signal); nil: never
	Progress func(Event)     // called from the runner's goroutines, never concurrently; must be quick; nil: nobody watches
	Log      *slog.Logger    // nil: silent
	Random   func(n int64) int64
}

// Ledger is what a run needs of one.
type Ledger interface {
	ledger.Worker
	ledger.Reader
}

// Defaults of a Job.
const (
	defaultLease   = 2 * time.Minute
	defaultMaxWait = 15 * time.Minute
	pollInterval   = time.Second
	// window bounds the deliveries in memory, in deliveries of one recipient.
	window = 8192
	// ahead is how much of the rate may have an open intent before its request may
	// start: it hides the disk's latency, and no more than this can read as unknown
	// after a crash although it was never sent.
	ahead = 100 * time.Millisecond
)

// run is a Job at work.
type run struct {
	Job
	concurrency int
	hold        ledger.Hold
	authorizer  targets.Authorizer // nil: no token that can be renewed
	mayHalve    bool               // refused batches are halved
	lane        *lane
	gate        *gate // nil: requests may start at any time
	queue       *queue
	window      *semaphore.Weighted
	recorder    *recorder
	intents     chan struct{} // open intents whose requests may not start yet

	working context.Context // ends when the invocation is to end
	stop    context.CancelCauseFunc
	sending context.Context // ends with working, or when no more requests may start
	close   context.CancelCauseFunc
	wire    context.Context // ends when requests in flight are given up
	giveUp  context.CancelFunc
	end     atomic.Pointer[stopped]
	swept   bool // the run expired, and what it had left is skipped

	crash     atomic.Pointer[crash]
	news      sync.Mutex // Progress is called under it
	limited   atomic.Bool
	exhausted atomic.Bool
	notBefore atomic.Int64 // Unix nanoseconds; 0: none
}

// Run works on a run until nothing is left that wants sending, or something
// stops it. Its error says that we could not do our job (ErrLedger, ErrDiffers,
// …); everything else, the end of ctx too, is the Summary's Stop. The Summary is
// valid with an error as well. A panic in one of its goroutines stops the run in
// order and goes on in the caller's.
func Run(ctx context.Context, job Job) (Summary, error) {
	r := newRun(ctx, job)
	defer r.giveUp()
	defer r.stop(nil)
	hold, err := r.Ledger.Claim(ctx, r.Run, r.Owner, r.Lease)
	if err != nil {
		if ctx.Err() != nil {
			return Summary{Stop: Interrupted}, nil
		}
		return Summary{Stop: Failed}, ledgerError("claim the run", err)
	}
	r.hold = hold
	r.work()
	r.balance()
	r.noteEnd(ctx)
	err = r.Ledger.Release(context.WithoutCancel(ctx), hold)
	if err != nil {
		r.halt(&stopped{why: Failed, err: ledgerError("release the run", err)})
	}
	if c := r.crash.Load(); c != nil {
		panic(c)
	}
	return r.summary()
}

func newRun(ctx context.Context, job Job) *run {
	r := &run{Job: job}
	if r.Lease <= 0 {
		r.Lease = defaultLease
	}
	if r.MaxWait <= 0 {
		r.MaxWait = defaultMaxWait
	}
	r.MaxWait = max(r.MaxWait, r.Policy.Retry.Cap)
	if r.Random == nil {
		r.Random = rand.Int64N
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	if r.Policy.Timeout <= 0 {
		r.Policy.Timeout = campaign.DefaultTimeout
	}
	r.concurrency = r.Account.limits.Concurrency
	if n := r.Policy.Concurrency; n > 0 {
		r.concurrency = min(n, r.concurrency)
	}
	r.authorizer, _ = r.Target.(targets.Authorizer)
	r.mayHalve = !r.Target.Layout().Groups
	r.lane = newLane(r.Policy.Rate, r.tell)
	r.queue = newQueue(r.concurrency)
	r.queue.owes = r.Account.owes
	r.window = semaphore.NewWeighted(window)
	r.intents = make(chan struct{}, aheadOf(Slower(r.Policy.Rate, r.Account.limits.Rate), r.concurrency))
	r.gate = newGate(r)
	r.working, r.stop = context.WithCancelCause(ctx)
	r.sending, r.close = context.WithCancelCause(r.working)
	r.wire, r.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	return r
}

// aheadOf is how many intents may be open before their requests may start.
func aheadOf(rate campaign.Rate, concurrency int) int {
	interval := rate.Interval()
	if interval <= 0 {
		return concurrency
	}
	return min(max(int((ahead+interval-1)/interval), 1), concurrency)
}

// halt ends sending for a reason. The first reason counts, but a failure of ours
// counts more than an orderly end: what was in flight then may be unknown.
func (r *run) halt(s *stopped) {
	for {
		old := r.end.Load()
		if old != nil && (old.err != nil || s.err == nil) {
			break
		}
		if r.end.CompareAndSwap(old, s) {
			break
		}
	}
	r.stop(s)
}

// work runs the goroutines of a run to their end.
func (r *run) work() {
	r.recorder = &recorder{
		ledger: r.Ledger, hold: r.hold, beat: r.Lease / 3,
		in: make(chan *entry, 2*r.concurrency), gone: make(chan struct{}),
		calm: r.queue.calm, fail: r.ledgerFailed,
		tally: newTally(r.Policy.Abort), abort: r.halt,
	}
	if r.Progress != nil {
		r.recorder.settled = func(s *Summary) { r.tell(Event{Kind: Progressed, Summary: *s}) }
	}
	go r.recorder.work(context.WithoutCancel(r.wire))

	var helpers, feeder, slots sync.WaitGroup
	over := make(chan struct{})
	if r.expired(now()) {
		r.close(errExpired)
	}
	helpers.Go(func() { r.queue.work(r.sending) })
	helpers.Go(func() { r.poll(over) })
	helpers.Go(func() { r.killer(over) })
	if !r.Expires.IsZero() {
		helpers.Go(r.expiry)
	}
	feeder.Go(func() { r.guard(r.feed) })
	for range r.concurrency {
		slots.Go(func() { r.guard((&slot{run: r, pass: pass{own: r.lane}, done: make(chan error, 1)}).work) })
	}
	slots.Wait()
	r.close(nil)
	feeder.Wait() // what it reopens must not be missed by the sweep
	r.guard(r.sweep)
	close(over)
	r.stop(nil)
	helpers.Wait()
	close(r.recorder.in)
	<-r.recorder.gone
}

// crash is a panic on its way from one goroutine to another.
type crash struct {
	value any
	stack []byte
}

func (c *crash) String() string { return fmt.Sprintf("%v\n%s", c.value, c.stack) }

// guard ends sending when do panics; Run panics with it when everything has ended.
func (r *run) guard(do func()) {
	defer func() {
		if value := recover(); value != nil {
			r.crash.CompareAndSwap(nil, &crash{value, debug.Stack()})
			r.halt(&stopped{why: Faulty, detail: "a bug"})
		}
	}()
	do()
}

// ledgerFailed stops everything: what is in flight cannot be settled any more,
// so its answers are of no use (rule 8).
func (r *run) ledgerFailed(err error) {
	why := Failed
	if errors.Is(err, ledger.ErrHoldLost) {
		why = HoldLost
	}
	r.halt(&stopped{why: why, err: err})
	r.giveUp()
}

// poll asks the ledger whether somebody wants the run to stop.
func (r *run) poll(over <-chan struct{}) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-over:
			return
		}
		asked, err := r.Ledger.Stopped(context.WithoutCancel(r.wire), r.hold)
		switch {
		case err != nil:
			r.ledgerFailed(ledgerError("look for a request to stop", err))
			return
		case asked:
			r.halt(&stopped{why: Asked})
			return
		}
	}
}

// killer gives up what is in flight when the second signal comes.
func (r *run) killer(over <-chan struct{}) {
	select {
	case <-r.Kill:
		r.halt(&stopped{why: Killed})
		r.giveUp()
	case <-over:
	}
}

// tell passes news on.
func (r *run) tell(e Event) {
	if r.Progress == nil {
		return
	}
	r.news.Lock()
	defer r.news.Unlock()
	r.Progress(e)
}

// errMessages is a renderer that does not give a message a delivery.
func errMessages(block int64, got, want int) error {
	return fmt.Errorf("block %d: %d messages for %d deliveries: %w", block, got, want, ErrDiffers)
}
