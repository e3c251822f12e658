// Package daemon runs what schedules owe: it decides occurrences against the ledger,
// has them carried out, and goes on until it is stopped. Any number of processes may
// do so on one ledger: what is decided, and by whom it is carried out, the ledger
// settles between them (ledger.Slots).
//
// One goroutine, that of Run or Pass, owns what the daemon knows; others reach it
// through channels. Time is what Options.Now says: it may jump, in either direction.
package daemon

import (
	"context"
	"log/slog"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/schedule"
)

// Entry is a scheduled campaign.
type Entry struct {
	Name    string
	Version string // of its files: another one is another campaign to run
	Table   *schedule.Timetable
	Rules   string // the schedule as text: occurrences before a change are the old one's
	Of      any    // what Carry needs to know of it
}

// Outcome is what came of carrying out an occurrence.
type Outcome struct {
	Over bool   // nothing more is to be done for it
	Skip string // it was not run, and why: a code and perhaps a detail; only with Over
	Code int    // the exit code that stands for it
	Err  error  // what people are to know; nil: all is well
	// Fatal: the state, the disk or the clock failed. Nothing more is run (design: delivery,
	// rule 8).
	Fatal bool
	// Back is when it may go on, where that is known; zero: it is tried again later and
	// later.
	Back time.Time
}

// Options shape a Daemon.
type Options struct {
	Ledger   ledger.Slots
	Profile  string
	Owner    string           // names this process
	Now      func() time.Time // wall clock
	Parallel int              // campaigns that are run at the same time
	// Carry carries an occurrence out, or goes on with it. It is called for one occurrence
	// of a campaign at a time, in the order they were due. The end of ctx drains.
	Carry func(ctx context.Context, e Entry, slot campaign.Slot) Outcome
	// Orphan looks at a due occurrence whose campaign is not among the entries.
	Orphan func(ctx context.Context, slot campaign.Slot) Outcome
	// Observe is told of what happens, from several goroutines; nil: nobody is.
	Observe func(Event)
	Log     *slog.Logger
}

// Event is something that happened, for metrics.
type Event struct {
	Campaign string
	Slot     campaign.Slot // decided, begun or ended, see Kind
	Kind     EventKind
	Late     time.Duration // of what was decided to be run, or begun: after it was due
	Code     int           // of what ended
}

// EventKind says what happened.
type EventKind int

const (
	Decided EventKind = iota // by this process: to be run, or skipped
	Begun
	Ended
)

const (
	// lookAgain is how long the daemon sleeps at most: timers stand still while a machine
	// sleeps, and other processes work on the same ledger.
	lookAgain = 30 * time.Second
	// clockSlack is how far a clock may stand before what was decided without a word.
	clockSlack = time.Minute
	// keepUp is how often the ledger is told that nothing was due, so that a schedule
	// that is edited while nobody looks is not held against old times.
	keepUp = 5 * time.Minute
	// decideAtOnce bounds the campaigns of one write, so that those that are due never
	// wait for long.
	decideAtOnce = 1000
	// A campaign whose occurrence could not be finished is tried again after this time,
	// and twice as long each time after.
	retryFirst, retryMost = 30 * time.Second, 10 * time.Minute
)

// Daemon knows the campaigns and what is owed of them.
type Daemon struct {
	Options
	states  map[string]*state
	orphans []campaign.Slot
	tried   map[string]time.Time // when an orphan was looked at
	running int
	done    chan result
	lookAt  time.Time // when the ledger is read again
	keepAt  time.Time // when it is told that nothing was due
	fault   string    // why nothing is decided now; empty: nothing is wrong
	seen    shown     // what Status shows
	stale   bool      // it is not all that is known
	began   bool      // campaigns were taken
}

// state is a campaign as the daemon knows it.
type state struct {
	Entry
	known  bool      // the ledger was asked
	looked bool      // somebody looked at the campaign before
	upto   time.Time // decided until then
	next   time.Time // of its next occurrence; zero: none
	label  string    // its label
	due    []campaign.Slot
	busy   bool
	gone   bool // its file is, and it is forgotten when it is not busy
	ahead  bool // the clock stands before what was decided
	broken string
	wait   time.Duration
	retry  time.Time // when it is tried again
	tried  time.Time // when that was said
	last   campaign.Slot
	good   time.Time // an occurrence ended well, last
	out    Outcome   // of the last try
}

// New makes a daemon without campaigns.
func New(o Options) *Daemon {
	if o.Parallel < 1 {
		o.Parallel = 1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	d := &Daemon{Options: o, states: map[string]*state{}, tried: map[string]time.Time{}, done: make(chan result)}
	d.seen.lock = make(chan struct{}, 1)
	return d
}

// now is the wall clock, without the monotonic one: that stands still in sleep.
func (d *Daemon) now() time.Time { return d.Now().Round(0) }

// Run works until ctx ends, then drains: what is carried out may finish what is in
// flight. entries are the campaigns, and again when they change. It fails when the
// ledger does: then nothing can be run safely.
func (d *Daemon) Run(ctx context.Context, entries <-chan []Entry) error {
	work, stop := context.WithCancel(ctx)
	defer stop()
	err := d.loop(ctx, work, entries)
	stop()
	for d.running > 0 {
		d.finished(<-d.done)
	}
	if err == nil {
		err = d.advance(context.WithoutCancel(ctx), d.now())
	}
	d.show()
	return err
}

func (d *Daemon) loop(ctx, work context.Context, entries <-chan []Entry) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case list, ok := <-entries:
			if !ok {
				entries = nil
				continue
			}
			if err := d.take(ctx, list); err != nil {
				return d.ended(ctx, err)
			}
		case r := <-d.done:
			if err := d.finished(r); err != nil {
				return err
			}
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := d.round(ctx, work); err != nil {
			return d.ended(ctx, err)
		}
		timer.Reset(d.sleep())
		d.show()
	}
}

// ended is nil when a method was only given up because the daemon is to stop.
func (d *Daemon) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// round decides what is due now and has it carried out.
func (d *Daemon) round(ctx, work context.Context) error {
	if err := d.collect(); err != nil {
		return err
	}
	now := d.now()
	if !now.Before(d.lookAt) || d.lookAt.Sub(now) > lookAgain { // or the clock was set back
		if err := d.look(ctx); err != nil {
			return err
		}
		d.lookAt = now.Add(lookAgain)
	}
	if err := d.decide(ctx); err != nil {
		return err
	}
	if !now.Before(d.keepAt) || d.keepAt.Sub(now) > keepUp {
		if !d.keepAt.IsZero() {
			if err := d.advance(ctx, now); err != nil {
				return err
			}
		}
		d.keepAt = now.Add(keepUp)
	}
	d.start(work)
	return nil
}

// collect takes in what has ended already, so that nothing counts as going on that
// does not any more.
func (d *Daemon) collect() error {
	for {
		select {
		case r := <-d.done:
			if err := d.finished(r); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// sleep is how long nothing is to be done.
func (d *Daemon) sleep() time.Duration {
	now := d.now()
	wait := min(lookAgain, max(d.lookAt.Sub(now), 0))
	if d.stale {
		wait = min(wait, showEvery)
	}
	for _, s := range d.states {
		if s.gone || s.ahead {
			continue
		}
		if !s.next.IsZero() {
			wait = min(wait, s.next.Sub(now))
		}
		if len(s.due) > 0 && !s.busy && s.broken == "" && d.running < d.Parallel {
			wait = min(wait, s.retry.Sub(now))
		}
	}
	return max(wait, 0)
}

// Pass takes the campaigns, decides what is owed now, carries it out and returns when
// that is over. missed is how many occurrences it recorded as missed.
func (d *Daemon) Pass(ctx context.Context, entries []Entry) (codes []int, missed int64, err error) {
	work, stop := context.WithCancel(ctx)
	defer stop()
	observe := d.Observe
	count := make(chan int64, 1)
	count <- 0
	d.Observe = func(e Event) {
		if e.Kind == Decided && e.Slot.State == campaign.SlotSkipped && Lost(e.Slot.Reason) {
			count <- <-count + e.Slot.Count
		}
		observe(e)
	}
	defer func() { d.Observe = observe }()
	if err = d.take(ctx, entries); err == nil {
		err = d.look(ctx)
	}
	tried := map[string]bool{}
	for err == nil {
		if err = d.decide(ctx); err != nil {
			break
		}
		d.startOnce(work, tried)
		if d.running == 0 {
			break
		}
		r := <-d.done
		codes = append(codes, r.codes...)
		err = d.finished(r)
	}
	stop()
	for d.running > 0 {
		r := <-d.done
		codes = append(codes, r.codes...)
		d.finished(r)
	}
	if err == nil && ctx.Err() == nil {
		err = d.advance(ctx, d.now())
	}
	for _, s := range d.states {
		if s.ahead && err == nil {
			err = errAhead
		}
	}
	return codes, <-count, d.ended(ctx, err)
}
