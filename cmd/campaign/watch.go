package main

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/runner"
)

// stopped says what a runner's end means for the exit code, and why it ended
// early in words for the report.
func stopped(summary runner.Summary, run campaign.Run, zone *time.Location, err error) (code int, reason string, _ error) {
	switch summary.Stop {
	case runner.Complete:
		return exitDone, "", err
	case runner.Interrupted, runner.Killed:
		return exitUnfinished, "by a signal", err
	case runner.Asked:
		return exitUnfinished, "by campaign stop", err
	case runner.Limit:
		if summary.Requests == 0 {
			return exitUnfinished, "the next request is for more recipients than --limit allows", err
		}
		return exitUnfinished, "the limit of this invocation is reached (--limit)", err
	case runner.Exhausted:
		reason = "what is deferred used up its attempts"
		if !summary.NotBefore.IsZero() {
			reason = "the upstream asks to wait until " + summary.NotBefore.In(zone).Format(time.RFC3339)
		}
		return exitUnfinished, reason, err
	case runner.Unavailable:
		return exitUnfinished, withDetail("the upstream is not available", summary.Detail), err
	case runner.Token:
		return exitUnfinished, withDetail("the token was refused or could not be renewed", summary.Detail), err
	case runner.Aborted:
		if err == nil {
			err = fail(exitGuard, "%s; look at the report, then `campaign resume %s` goes on, or `campaign cancel %s --reason TEXT` ends it",
				withDetail("too much went wrong, so sending stopped", summary.Detail), run.ID, run.ID)
		}
		return exitGuard, withDetail("too much went wrong", summary.Detail), err
	case runner.StageWaits:
		return exitGuard, "a stage is settled and waits for a person", err
	case runner.Closed:
		if summary.NotBefore.IsZero() {
			return exitUnfinished, "the delivery window does not open again", err
		}
		return exitUnfinished, "the delivery window is closed until " + at(summary.NotBefore, zone), err
	case runner.Differs:
		return exitGuard, "the messages render differently than planned", err
	}
	switch {
	case errors.Is(err, runner.ErrNotLoopback):
		return exitGuard, "this process sends to loopback only", fail(exitGuard, "%w (CAMPAIGN_LOOPBACK_ONLY, or a sandbox run)", err)
	case errors.Is(err, ledger.ErrHeld):
		return exitHeld, "", fail(exitHeld, "another process works on this run: wait for it with --wait, or stop it with `campaign stop %s`", run.ID)
	case errors.Is(err, ledger.ErrState):
		return exitGuard, "the run is not open", fail(exitGuard, "%w", err)
	case summary.Stop == runner.Faulty && err != nil:
		return exitBug, "a request could not be built, or the numbers do not add up", fail(exitBug, "%w", err)
	case err == nil:
		err = errors.New(withDetail("sending stopped", summary.Detail))
	}
	return exitState, "state, disk or clock failed", fail(exitState, "%w", err)
}

// at shows a time in a zone, with the zone.
func at(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04:05 -07:00")
}

func withDetail(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}

// owner names this process for whoever finds a run held.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("%s, process %d", host, os.Getpid())
}

// watch prints how a run goes on, a line every few seconds, to stderr. A stderr that
// takes nothing, as a terminal that was told to wait, does not hold the run up.
type watch struct {
	last atomic.Pointer[runner.Summary]
	news chan string // to be said; what does not fit is dropped
	done chan struct{}
	over chan struct{}
	say  func(string)
	zone *time.Location
	also func(runner.Event) // nil: nobody else is told
}

const watchInterval = 5 * time.Second

func (s *sender) watch(run campaign.Run, zone *time.Location) *watch {
	w := newWatch(func(text string) { fmt.Fprintf(s.stderr, "%s%s: %s\n", s.tag(), run.Campaign, text) }, zone)
	go w.work()
	return w
}

func newWatch(say func(string), zone *time.Location) *watch {
	return &watch{news: make(chan string, 64), done: make(chan struct{}), over: make(chan struct{}), say: say, zone: zone}
}

func (w *watch) work() {
	defer close(w.over)
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case text := <-w.news:
			w.say(text)
			continue
		case <-w.done:
			for len(w.news) > 0 {
				w.say(<-w.news)
			}
			return
		case <-ticker.C:
		}
		if last := w.last.Load(); last != nil {
			w.say(fmt.Sprintf("%s so far, %s accepted, %d in flight", count(last.Requests, "request"), count(last.Recipients.Accepted, "recipient"), last.InFlight))
		}
	}
}

// tell has something said, without waiting for it.
func (w *watch) tell(format string, args ...any) {
	select {
	case w.news <- fmt.Sprintf(format, args...):
	default:
	}
}

// event takes the runner's news.
func (w *watch) event(e runner.Event) {
	if w.also != nil {
		w.also(e)
	}
	switch e.Kind {
	case runner.Progressed:
		w.last.Store(&e.Summary)
	case runner.Troubled:
		if e.Until.IsZero() {
			return // the verdict says why the run ended
		}
		w.tell("the upstream is in trouble (%s); it is tried again at %s", e.Detail, e.Until.Format("15:04:05"))
	case runner.Recovered:
		w.tell("the upstream answers again")
	case runner.Slowed:
		w.tell("the upstream asks to slow down (429)")
	case runner.Renewed:
		w.tell("the token was renewed")
	case runner.Waiting:
		w.tell("nothing is sent until %s: %s", at(e.Until, w.zone), e.Detail)
	}
}

func (w *watch) stop() {
	close(w.done)
	<-w.over
}
