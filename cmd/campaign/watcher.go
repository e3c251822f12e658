package main

import (
	"context"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/runner"
	"campaign/internal/targets"
)

// watcher is told how occurrences go on, from several goroutines.
type watcher interface {
	// Progress is of a run that goes on: before is what its recipients were when this
	// invocation began, Planned all of them.
	Progress(run campaign.Run, before campaign.Counts, s runner.Summary)
	Sent(run campaign.Run, s runner.Summary)    // an invocation of it ended
	Answered(target string, took time.Duration) // a request came to its end
}

// progress gives what is told of a run while it goes on; nil: nobody looks.
func (c *crew) progress(t *todo) func(runner.Event) {
	if c == nil || c.watcher == nil {
		return nil
	}
	run, before := t.run, campaign.Counts{Planned: t.summary.Totals.Recipients, Skipped: t.summary.Totals.Skipped}
	if t.known {
		before = t.counts.Recipients
	}
	c.watcher.Progress(run, before, runner.Summary{})
	return func(e runner.Event) {
		if e.Kind == runner.Progressed {
			c.watcher.Progress(run, before, e.Summary)
		}
	}
}

func (c *crew) sent(run campaign.Run, s runner.Summary) {
	if c != nil && c.watcher != nil {
		c.watcher.Sent(run, s)
	}
}

// timed measures requests for whoever looks.
func (c *crew) timed(sender runner.Sender, target string) runner.Sender {
	if c == nil || c.watcher == nil {
		return sender
	}
	return timedSender{sender, target, c.watcher}
}

type timedSender struct {
	runner.Sender
	target  string
	watcher watcher
}

// Do implements runner.Sender.
func (t timedSender) Do(ctx context.Context, r targets.Request, timeout time.Duration) (targets.Answer, runner.Trace, error) {
	answer, trace, err := t.Sender.Do(ctx, r, timeout)
	t.watcher.Answered(t.target, trace.Duration)
	return answer, trace, err
}
