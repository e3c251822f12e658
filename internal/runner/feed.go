package runner

import (
	"math"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/targets"
)

// feed renders the blocks that want something, one after the other, and gives
// their deliveries to the queue. The window keeps it from running ahead.
func (r *run) feed() {
	if r.Policy.Resend && !r.reopen() {
		return
	}
	f := &feeder{run: r}
	for work, err := range r.Ledger.Work(r.sending, r.hold) {
		if r.sending.Err() != nil {
			return
		}
		if err != nil {
			r.ledgerFailed(ledgerError("read the plan", err))
			return
		}
		if !f.block(work) {
			break
		}
	}
	if r.sending.Err() == nil {
		r.queue.finish(1) // everything that this invocation may begin is in the queue
	}
}

type feeder struct {
	*run
	begun  int64 // recipients given to the queue
	passed int   // stages that were passed, as far as the feeder has looked
}

// block feeds one block; false at the end.
func (f *feeder) block(work ledger.Work) bool {
	if !slices.ContainsFunc(work.Results, func(res campaign.Result) bool { return !res.Verdict.Outcome.Settled() }) {
		return true
	}
	if work.Block.Stage > f.passed && !f.reach(work.Block.Stage) {
		return false
	}
	messages, err := f.Messages(f.sending, work.Block)
	if f.sending.Err() != nil {
		return false
	}
	if err == nil && len(messages) != len(work.Block.Deliveries) {
		err = errMessages(work.Block.Seq, len(messages), len(work.Block.Deliveries))
	}
	if err != nil {
		f.halt(&stopped{why: Differs, err: err})
		return false
	}
	results := work.Results
	for i, d := range work.Block.Deliveries {
		n := 0 // leaves of this delivery
		for n < len(results) && results[n].Part.Seq == d.Seq {
			n++
		}
		if !f.delivery(d, messages[i], results[:n]) {
			return false
		}
		results = results[n:]
	}
	return true
}

// delivery feeds what a delivery still wants; false at the end.
func (f *feeder) delivery(d campaign.Delivery, m targets.Message, leaves []campaign.Result) bool {
	now := time.Now()
	wanted := 0
	for _, leaf := range leaves {
		if !leaf.Verdict.Outcome.Settled() {
			wanted++
		}
	}
	if wanted == 0 {
		return true
	}
	one := &delivery{recipients: d.Recipients, texts: m.Texts}
	one.weight = f.weigh(one)
	if err := f.run.window.Acquire(f.sending, one.weight); err != nil {
		return false
	}
	// The delivery's own count of one is given back below: parts may end while
	// others are still being fed.
	one.left.Store(1)
	defer f.closePart(one)
	one.splits.Store(splitsLeft(len(d.Recipients), leaves))
	for _, leaf := range leaves {
		if leaf.Verdict.Outcome.Settled() {
			continue
		}
		if !f.leaf(one, leaf, now) {
			return false
		}
	}
	return true
}

// leaf feeds one part; false at the end.
func (f *feeder) leaf(d *delivery, leaf campaign.Result, now time.Time) bool {
	t := &d.first
	if t.delivery != nil {
		t = &task{}
	}
	t.delivery, t.part, t.reopened = d, leaf.Part, leaf.Reopened
	if v := leaf.Verdict; v.Outcome == campaign.Deferred && v.After > 0 {
		t.due = leaf.At.Add(v.After) // the upstream's wish outlives an invocation
	}
	if t.due.Sub(now) > f.MaxWait {
		f.leaveForLater(t.due)
		return true
	}
	n := int64(len(t.recipients()))
	if f.Limit > 0 && f.begun+n > f.Limit {
		f.limited.Store(true)
		return false
	}
	f.begun += n
	d.left.Add(1)
	f.queue.open.Add(1)
	if t.due.After(now) {
		t.detach()
		f.queue.later(f.sending, t)
		return f.sending.Err() == nil
	}
	select {
	case f.queue.fresh <- t:
		return true
	case <-f.sending.Done():
		return false
	}
}

// weigh is a delivery's share of the window. Twice the concurrency always fits.
func (f *feeder) weigh(d *delivery) int64 {
	size := len(d.recipients) * 128
	for _, text := range d.texts {
		size += len(text)
	}
	return min(1+int64(size)/2048, max(window/int64(2*f.concurrency), 1))
}

// closePart notes that a part of d wants nothing more.
func (r *run) closePart(d *delivery) {
	if d.left.Add(-1) == 0 {
		r.window.Release(d.weight)
	}
}

// detach copies what a whole delivery needs, so that one that waits long does not
// keep its whole block in memory.
func (t *task) detach() {
	d := t.delivery
	if !t.part.Whole() || d.detached {
		return // parts share their delivery with each other
	}
	d.detached = true
	recipients := make([]campaign.Recipient, len(d.recipients))
	for i, rec := range d.recipients {
		recipients[i] = campaign.Recipient{Row: rec.Row, Cells: make([]string, len(rec.Cells))}
		for j, cell := range rec.Cells {
			recipients[i].Cells[j] = strings.Clone(cell)
		}
	}
	d.recipients = recipients
	d.texts = slices.Clone(d.texts)
}

// splitsLeft is how often a batch of n may still be halved: each split costs two
// requests, and all requests together, the first included, are at most 4·log2(n)
// (design: delivery, rule 6). Leaves of earlier splits count.
func splitsLeft(n int, leaves []campaign.Result) int64 {
	if n < 2 {
		return 0
	}
	budget := int64(math.Floor(4 * math.Log2(float64(n))))
	return (budget-1)/2 - int64(len(leaves)-1)
}

// message is what a task says.
func (t *task) message() targets.Message {
	return targets.Message{Texts: t.delivery.texts, Recipients: t.recipients()}
}
