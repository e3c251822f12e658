package main

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
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

// watch shows how a run goes on, on stderr: as a live block on a terminal, else as a
// line every few seconds, or as lines for programs. A stderr that takes nothing, as a
// terminal that was told to wait, does not hold the run up.
type watch struct {
	run    campaign.Run
	total  int64 // recipients that the invocation is to reach
	limits limits
	zone   *time.Location
	last   atomic.Pointer[runner.Summary]
	news   atomic.Pointer[news]
	lines  chan string        // to be said; what does not fit is dropped
	also   func(runner.Event) // nil: nobody else is told
	pacer  pacer              // of requests
	people pacer              // of recipients
	done   chan struct{}
	over   chan struct{}
	say    func(string)
	show   func(*status) // now and then
	tell   func(*status) // when a person asks
}

// news is why nothing is sent for a while.
type news struct {
	phase, text string
	until       time.Time
}

// How progress is shown.
const (
	progressAuto  = "auto"
	progressBlock = "block"
	progressLines = "lines"
	progressJSON  = "json"
	progressNone  = "none"
)

var progressModes = []string{progressAuto, progressBlock, progressLines, progressJSON, progressNone}

const (
	watchInterval = 5 * time.Second
	blockInterval = 250 * time.Millisecond
)

func (s *sender) watch(t *todo, j *job) *watch {
	limit := j.campaign.Policy.Concurrency
	if account := max(j.declared.Limits.Concurrency, 1); limit == 0 || limit > account {
		limit = account
	}
	line := func(text string) {
		fmt.Fprintf(s.stderr, "%s%s: %s\n", s.tag(), diagnostics.Inert(t.run.Campaign), text)
	}
	w := newWatch(line, j.spec.Zone)
	w.run, w.total = t.run, t.waiting().recipients
	w.limits = limits{target: j.declared.Name, rate: runner.Slower(j.campaign.Policy.Rate, j.declared.Limits.Rate), concurrency: limit}
	if l := s.accounts[j.declared.Name]; l != nil {
		w.limits.held = l.account.Held
	}
	if left := s.flags.limit - s.begun; s.flags.limit > 0 {
		w.total = min(w.total, left)
	}
	w.tell = func(now *status) { line(now.line()) }
	interval, mode := watchInterval, s.progressMode()
	switch mode {
	case progressBlock:
		screen := s.stderr.(*screen)
		interval, w.show = blockInterval, func(now *status) { screen.show(now.block(s.tag())) }
	case progressLines:
		w.show = func(now *status) {
			if now.Requests > 0 {
				w.tell(now)
			}
		}
	case progressJSON:
		w.tell = func(now *status) { fmt.Fprintln(verbatim(s.stderr), now.json("progress")) }
		w.show = w.tell
	case progressNone:
		w.show = func(*status) {}
	}
	go w.watch(interval, func() {
		switch mode {
		case progressBlock:
			s.stderr.(*screen).show(nil)
		case progressJSON: // the last word, also of a short run
			w.tell(w.statusOf(time.Now(), w.last.Load()))
		}
	})
	return w
}

// newWatch shows nothing by itself: it says what is announced.
func newWatch(say func(string), zone *time.Location) *watch {
	return &watch{lines: make(chan string, 64), done: make(chan struct{}), over: make(chan struct{}), say: say, zone: zone}
}

// progressMode is how this invocation shows progress.
func (s *sender) progressMode() string {
	asked := firstOf(s.flags.progress, progressAuto)
	if asked != progressAuto && asked != progressBlock {
		return asked
	}
	_, ok := s.stderr.(*screen)
	if ok && terminal(s.stderr) && os.Getenv("TERM") != "dumb" && (asked == progressBlock || os.Getenv("CI") == "") {
		return progressBlock
	}
	return progressLines
}

func (w *watch) watch(interval time.Duration, end func()) {
	defer close(w.over)
	defer end()
	asked, deaf := statusAsked()
	defer deaf()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	w.statusOf(time.Now(), nil) // rates are from here on
	for {
		show := w.show
		select {
		case text := <-w.lines:
			w.say(text)
			continue
		case <-w.done:
			for len(w.lines) > 0 {
				w.say(<-w.lines)
			}
			return
		case <-asked:
			show = w.tell
		case <-ticker.C:
		}
		show(w.statusOf(time.Now(), w.last.Load()))
	}
}

// announce has something said, without waiting for it.
func (w *watch) announce(format string, args ...any) {
	select {
	case w.lines <- fmt.Sprintf(format, args...):
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
		again := e.Until.In(w.zone).Format("15:04:05")
		w.news.Store(&news{"trouble", "tried again at " + again, e.Until})
		w.announce("the upstream is in trouble (%s); it is tried again at %s", e.Detail, again)
	case runner.Recovered:
		w.news.Store(nil)
		w.announce("the upstream answers again")
	case runner.Slowed:
		w.announce("the upstream asks to slow down (429)")
	case runner.Renewed:
		w.announce("the token was renewed")
	case runner.Waiting:
		w.news.Store(&news{"waiting", "nothing is sent until " + at(e.Until, w.zone) + ": " + e.Detail, e.Until})
		w.announce("nothing is sent until %s: %s", at(e.Until, w.zone), e.Detail)
	}
}

func (w *watch) stop() {
	close(w.done)
	<-w.over
}
