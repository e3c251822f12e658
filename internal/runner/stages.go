package runner

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// edge is how the deliveries before the end of a stage stand in the ledger.
type edge struct {
	wanting           int64     // of all stages up to it, those that want an attempt
	settled, rejected int64     // requests of the stages that were not passed yet
	last              time.Time // when one was last settled; zero without one
}

// reach lets the feeder go on to a block of a later stage, once the stages before
// it are settled and may be passed (design: campaign-files, stages). It reports
// false when the invocation ends before. What it goes by is the ledger's, so a
// restart changes nothing.
func (f *feeder) reach(stage int) bool {
	stage = min(stage, len(f.Policy.Stages))
	if stage <= f.passed {
		return true
	}
	notes, err := f.Ledger.Notes(f.sending, f.Run)
	if err != nil {
		return f.unread("read the run's notes", err)
	}
	f.passed = passedStages(notes)
	if stage <= f.passed {
		return true
	}
	if !f.calm() {
		return false
	}
	e, err := f.edge(stage)
	if err != nil {
		return f.unread("read how the stage went", err)
	}
	if e.wanting > 0 { // deferred until a later invocation
		f.exhausted.Store(true)
		return false
	}
	return f.pass(stage, e)
}

// unread ends the invocation for a failed reading, unless it ends anyway.
func (f *feeder) unread(what string, err error) bool {
	if f.sending.Err() == nil {
		f.ledgerFailed(ledgerError(what, err))
	}
	return false
}

// passedStages is how many stages were passed as the notes of a run say.
func passedStages(notes []campaign.Note) int {
	passed := 0
	for _, n := range notes {
		if n.Kind != campaign.NoteStage {
			continue
		}
		number, _, _ := strings.Cut(n.Text, ":")
		if k, err := strconv.Atoi(number); err == nil {
			passed = max(passed, k)
		}
	}
	return passed
}

// calm waits until everything that was fed is settled, or left for later, and
// durable. It reports false when sending ends before.
func (f *feeder) calm() bool {
	for f.queue.open.Load() > 1 || f.recorder.flying.Load() > 0 {
		select {
		case <-f.queue.calm:
		case <-f.sending.Done():
			return false
		}
	}
	return f.sending.Err() == nil
}

// edge folds what the ledger says of the stages before that one.
func (f *feeder) edge(stage int) (e edge, _ error) {
	for block, err := range f.Ledger.Results(f.sending, f.Run) {
		if err != nil {
			return e, err
		}
		if block.Block.Stage >= stage {
			break
		}
		for i := range block.Results {
			e.add(&block.Results[i], block.Block.Stage >= f.passed)
		}
	}
	return e, nil
}

// add counts a leaf. Those of stages that were passed count for the time only.
func (e *edge) add(leaf *campaign.Result, fresh bool) {
	if leaf.At.After(e.last) {
		e.last = leaf.At
	}
	o := leaf.Verdict.Outcome
	switch {
	case !o.Settled():
		e.wanting++
	case fresh && o != campaign.Skipped:
		e.settled++
		if o == campaign.Rejected {
			e.rejected++
		}
	}
}

// pass passes the stages before that one, each with a note. They are several where
// a stage has no delivery of its own.
func (f *feeder) pass(stage int, e edge) bool {
	seen := f.Confirmed && f.begun == 0 // nothing has happened since the person's word
	limit := f.Policy.Abort.Failed
	failed := limit != campaign.Threshold{} && f.Policy.Abort.StageFailed(e.rejected, e.settled)
	if failed && !seen {
		f.halt(&stopped{why: Aborted, detail: fmt.Sprintf("stage %d: %d of %d requests were rejected: the threshold is %d and %s",
			f.passed+1, e.rejected, e.settled, campaign.StageFailures, percent(limit.Share))})
		return false
	}
	for ; f.passed < stage; f.passed++ {
		how, ok := f.fulfilled(f.Policy.Stages[f.passed], e, seen)
		if !ok {
			return false
		}
		if failed {
			how = fmt.Sprintf("confirmed with %d of %d requests rejected", e.rejected, e.settled)
			failed = false
		}
		note := campaign.Note{At: now(), Kind: campaign.NoteStage, By: f.Owner, Text: fmt.Sprintf("%d: %s", f.passed+1, how)}
		if err := f.Ledger.Note(context.WithoutCancel(f.wire), f.hold, note); err != nil {
			f.ledgerFailed(ledgerError("record that a stage was passed", err))
			return false
		}
	}
	return true
}

// fulfilled waits for what a stage wants before the next one begins, and says in
// words what that was.
func (f *feeder) fulfilled(s campaign.Stage, e edge, seen bool) (how string, ok bool) {
	if s.Confirm {
		if !seen {
			f.halt(&stopped{why: StageWaits, detail: fmt.Sprintf("stage %d is settled and waits for a person", f.passed+1)})
		}
		return "confirmed", seen
	}
	if until := e.last.Add(s.Wait); !e.last.IsZero() && until.After(now()) {
		f.tell(Event{Kind: Waiting, Detail: fmt.Sprintf("stage %d is settled", f.passed+1), Until: until})
		if !sleepUntil(f.sending, until) {
			return "", false
		}
	}
	return "waited " + s.Wait.String(), true
}
