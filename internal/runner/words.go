package runner

import (
	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// words are settlements that end no attempt: of parts that are given up, or that
// are to be tried again although their outcome is unknown.
type words struct {
	settlements            []ledger.Settlement
	deliveries, recipients campaign.Counts // what they change in the summary
	resent                 int64
}

// add says one.
func (w *words) add(part campaign.Part, v campaign.Verdict) {
	w.settlements = append(w.settlements, ledger.Settlement{Part: part, Verdict: v, At: now()})
}

// writer hands words to the recorder as groups.
type writer struct {
	recorder *recorder
	words    words
	entry    entry
	done     chan error
}

func (r *run) newWriter() *writer { return &writer{recorder: r.recorder, done: make(chan error, 1)} }

// skip gives up a part that wants an attempt, with so many recipients.
func (w *writer) skip(leaf *campaign.Result, recipients int64, reason string) bool {
	w.words.deliveries.Skipped++
	w.words.recipients.Skipped += recipients
	if leaf.Verdict.Outcome == campaign.Deferred {
		w.words.deliveries.Deferred--
		w.words.recipients.Deferred -= recipients
	}
	w.words.add(leaf.Part, campaign.Verdict{Outcome: campaign.Skipped, Reason: reason})
	return w.room()
}

// reopen lets a part be tried again whose outcome is unknown.
func (w *writer) reopen(leaf *campaign.Result) bool {
	w.words.resent++
	w.words.add(leaf.Part, campaign.Verdict{Outcome: campaign.Deferred, Reason: reasonResend + leaf.Verdict.Reason})
	return w.room()
}

func (w *writer) room() bool { return len(w.words.settlements) < groupLimit || w.flush() }

// flush makes durable what was said.
func (w *writer) flush() bool {
	if len(w.words.settlements) == 0 {
		return true
	}
	w.entry = entry{words: &w.words, done: w.done}
	err := w.recorder.submit(&w.entry)
	w.words = words{settlements: w.words.settlements[:0]}
	return err == nil
}
