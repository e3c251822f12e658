package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/daemon"
)

const (
	// maxMissedNotices bounds what waits to be told: a robot takes some twenty messages
	// a minute, and nobody reads a thousand.
	maxMissedNotices = 1000
	// missedAtEnd bounds what webhooks hold a process up that has nothing else to do.
	missedAtEnd = time.Minute
)

// missedNews tells webhooks of occurrences that were missed, one after the other and
// beside the work, which never waits for it. Each is told by the process that decided
// it, once; one that ends before it could has not told it.
type missedNews struct {
	tell    func(context.Context, campaign.Slot)
	say     func(format string, args ...any)
	waiting chan campaign.Slot
	ctx     context.Context
	stop    context.CancelFunc
	done    chan struct{}
}

func newMissedNews(tell func(context.Context, campaign.Slot), say func(format string, args ...any)) *missedNews {
	n := &missedNews{tell: tell, say: say, waiting: make(chan campaign.Slot, maxMissedNotices), done: make(chan struct{})}
	n.ctx, n.stop = context.WithCancel(context.Background()) // also after an interruption
	go func() {
		defer close(n.done)
		for slot := range n.waiting {
			if n.ctx.Err() != nil {
				say("webhooks were not told that %s was missed: this process ends", slot.Campaign)
				continue
			}
			n.tell(n.ctx, slot)
		}
	}()
	return n
}

// event takes the daemon's news, from any goroutine, until close.
func (n *missedNews) event(e daemon.Event) {
	if e.Kind == daemon.Begun || e.Slot.State != campaign.SlotSkipped || !daemon.Lost(e.Slot.Reason) {
		return
	}
	select {
	case n.waiting <- e.Slot:
	default:
		n.say("webhooks were not told that %s was missed: too much waits to be told", e.Slot.Campaign)
	}
}

// close tells what waits, as long as that takes no longer than limit, and ends.
func (n *missedNews) close(limit time.Duration) {
	close(n.waiting)
	timer := time.AfterFunc(limit, n.stop)
	<-n.done
	timer.Stop()
	n.stop()
}

// missed makes what tells the project's webhooks of missed occurrences.
func (c *crew) missed() *missedNews {
	say := func(format string, args ...any) { fmt.Fprintf(c.stderr, c.tag()+format+"\n", args...) }
	return newMissedNews(func(ctx context.Context, slot campaign.Slot) {
		p, err := c.quietProject()
		if err != nil {
			say("webhooks were not told that %s was missed: targets.yaml cannot be used", slot.Campaign)
			return
		}
		defer p.close()
		s := &sender{app: c.app, project: p, standIn: c.standIn, crew: c}
		s.tellWebhooks(ctx, missedNotice(p.decl.ID, slot, present()))
	}, say)
}

// missedNotice is what is told of an occurrence, or a stretch of them, that was not
// run.
func missedNotice(project string, slot campaign.Slot, now time.Time) campaign.Notice {
	_, why, _ := strings.Cut(slot.Reason, ": ")
	text := fmt.Sprintf("%s: the occurrence %s was missed", slot.Campaign, slot.Label)
	if slot.Count > 1 {
		text = fmt.Sprintf("%s: %d occurrences from %s to %s were missed", slot.Campaign, slot.Count, slot.Label, slot.LastLabel)
	}
	if why != "" {
		text += ": " + why
	}
	return campaign.Notice{
		Event: campaign.NoticeMissed, At: now, Project: project, Profile: slot.Profile, Campaign: slot.Campaign, Occurrence: slot.Label,
		State: campaign.SlotSkipped.String(), ExitCode: exitProblems, Text: text, Reason: slot.Reason, Missed: slot.Count,
	}
}
