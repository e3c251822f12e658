package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/daemon"
)

const (
	// maxMissedNotices bounds what waits to be told, by each webhook: a robot takes some twenty messages
	// a minute, and nobody reads a thousand.
	maxMissedNotices = 1000
	// missedAtEnd bounds what webhooks hold a process up that has nothing else to do.
	missedAtEnd = time.Minute
	// missedGrace is how long a webhook that was told to stop may take for that.
	missedGrace = time.Second
)

// missedNews tells webhooks of occurrences that were missed, beside the work, which never
// waits for it. Each webhook is told of one after the other, and none waits for another
// one that hangs. Each occurrence is told by the process that decided it, once; one that
// ends before it could has not told it.
type missedNews struct {
	told    func(campaign.Slot) []missedCall
	say     func(format string, args ...any)
	waiting chan campaign.Slot
	ctx     context.Context
	stop    context.CancelFunc
	done    chan struct{}
}

// missedCall tells one webhook of a slot.
type missedCall struct {
	hook string
	slot campaign.Slot
	tell func(context.Context)
}

// newMissedNews takes what says which webhooks are told of a slot.
func newMissedNews(told func(campaign.Slot) []missedCall, say func(format string, args ...any)) *missedNews {
	n := &missedNews{told: told, say: say, waiting: make(chan campaign.Slot, maxMissedNotices), done: make(chan struct{})}
	n.ctx, n.stop = context.WithCancel(context.Background()) // also after an interruption
	go n.hand()
	return n
}

// hand hands what waits to the webhooks, each of which has a queue of its own.
func (n *missedNews) hand() {
	defer close(n.done)
	var all sync.WaitGroup
	queues := map[string]chan missedCall{}
	for slot := range n.waiting {
		for _, call := range n.told(slot) {
			queue := queues[call.hook]
			if queue == nil {
				queue = make(chan missedCall, maxMissedNotices)
				queues[call.hook] = queue
				all.Go(func() { n.call(call.hook, queue) })
			}
			select {
			case queue <- call:
			default:
				n.say("the webhook %s was not told that %s was missed: too much waits to be told", call.hook, slot.Campaign)
			}
		}
	}
	for _, queue := range queues {
		close(queue)
	}
	all.Wait()
}

// call tells one webhook, and says what there was no time for.
func (n *missedNews) call(hook string, queue chan missedCall) {
	left := int64(0)
	for call := range queue {
		if n.ctx.Err() != nil {
			left += call.slot.Count
			continue
		}
		call.tell(n.ctx)
	}
	if left > 0 {
		n.say("the webhook %s was not told of what was missed, %s: this process ends", hook, count(left, "occurrence"))
	}
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

// close tells what waits, as long as that takes no longer than limit, and ends. What does
// not end then, as the reading of a file that hangs, is left.
func (n *missedNews) close(limit time.Duration) {
	close(n.waiting)
	defer n.stop()
	for _, wait := range []time.Duration{limit, missedGrace} {
		select {
		case <-n.done:
			return
		case <-time.After(wait):
			n.stop()
		}
	}
}

// missed makes what tells the project's webhooks of missed occurrences.
func (c *crew) missed() *missedNews {
	say := func(format string, args ...any) { fmt.Fprintf(c.stderr, c.tag()+format+"\n", args...) }
	return newMissedNews(func(slot campaign.Slot) (calls []missedCall) {
		p, err := c.quietProject()
		if err != nil {
			say("webhooks were not told that %s was missed: targets.yaml cannot be used", slot.Campaign)
			return nil
		}
		defer p.close()
		s := &sender{app: c.app, project: p, standIn: c.standIn, crew: c}
		notice := missedNotice(p.decl.ID, slot, present())
		for _, hook := range p.decl.Notify {
			if hook.Wants(notice.Event) {
				calls = append(calls, missedCall{hook.Name, slot, func(ctx context.Context) { s.untold(hook, s.tellWebhook(ctx, hook, notice)) }})
			}
		}
		return calls
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
