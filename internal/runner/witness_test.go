package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// witness stands between a runner and its ledger, and beside the upstream. It keeps
// its own model of every delivery and part from what became durable, and names the
// first guarantee that is broken.
type witness struct {
	run    campaign.Run
	policy campaign.Policy
	opens  func(time.Time) time.Time
	most   int // requests in flight

	mu     sync.Mutex
	broken error
	parts  map[campaign.Part]*witnessed
	seqOf  map[string]int64 // by recipient
	opened map[string]int   // how often an unknown outcome of the recipient was reopened
	words  map[string]bool  // accepted by a person's word
	passed int              // stages

	// of this invocation
	invocation int
	expires    time.Time
	confirmed  bool
	begun      int64
	flying     int
	failed     bool // a Record failed: nothing may be written after it
	over       bool // a threshold was passed
	callsAfter int  // requests since then
	settled    int64
	rejected   int64
	unknown    int64
}

// witnessed is a delivery or part as the witness knows it.
type witnessed struct {
	ids      []string
	stage    int
	outcome  campaign.Outcome
	open     bool
	by       int // invocation that opened it
	touched  int // invocation that last tried it or gave it up
	reopened bool
	at       time.Time
}

func (p *witnessed) wants() bool { return !p.open && !p.outcome.Settled() }

func (p *witnessed) unknown() bool { return p.open || p.outcome == campaign.Unknown }

// newWitness learns the plan from its results before anything was tried.
func newWitness(l ledger.Reader, run campaign.Run, job *Job, most int) (*witness, error) {
	w := &witness{run: run, policy: job.Policy, opens: job.Opens, most: most,
		parts: map[campaign.Part]*witnessed{}, seqOf: map[string]int64{}, opened: map[string]int{}, words: map[string]bool{}}
	for b, err := range l.Results(context.Background(), run.ID) {
		if err != nil {
			return nil, err
		}
		for _, d := range b.Block.Deliveries {
			p := &witnessed{stage: b.Block.Stage, outcome: campaign.Pending}
			for _, r := range d.Recipients {
				p.ids = append(p.ids, r.ID())
				w.seqOf[r.ID()] = d.Seq
			}
			w.parts[campaign.Part{Seq: d.Seq}] = p
		}
	}
	return w, nil
}

// begin forgets what counts for one invocation only.
func (w *witness) begin(job *Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.invocation++
	w.expires, w.confirmed = job.Expires, job.Confirmed
	w.begun, w.flying, w.failed, w.over, w.callsAfter = 0, 0, false, false, 0
	w.settled, w.rejected, w.unknown = 0, 0, 0
}

func (w *witness) break_(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
	}
}

// mayStart checks the time of an intent or a request.
func (w *witness) mayStart(what string, at time.Time) {
	if !w.expires.IsZero() && !at.Before(w.expires) {
		w.break_("%s %s after expiry", what, at.Sub(w.expires))
	}
	if w.opens != nil && !w.opens(at).Equal(at) {
		w.break_("%s at %s, when the window is closed", what, at)
	}
}

// record takes in a group that became durable.
func (w *witness) record(settlements []ledger.Settlement, intents []ledger.Intent) {
	for i := range settlements {
		w.settlement(&settlements[i])
	}
	for _, i := range intents {
		w.intent(i)
	}
}

func (w *witness) intent(i ledger.Intent) {
	p := w.parts[i.Part]
	if p == nil || !p.wants() {
		w.break_("an intent on %+v, which is %+v", i.Part, p)
		return
	}
	w.mayStart("an intent", i.At)
	if p.stage > w.passed {
		w.break_("an intent of stage %d when %d are passed", p.stage, w.passed)
	}
	p.open, p.by, p.touched, p.at = true, w.invocation, w.invocation, i.At
	w.begun++
	if w.flying++; w.flying > w.most {
		w.break_("%d intents are open", w.flying)
	}
}

func (w *witness) settlement(s *ledger.Settlement) {
	p := w.parts[s.Part]
	if p == nil {
		w.break_("a settlement of %+v, which is no part", s.Part)
		return
	}
	to := s.Verdict.Outcome
	switch {
	case p.open && p.by == w.invocation:
		w.flying--
		w.count(to)
	case to == campaign.Deferred:
		if !w.policy.Resend || !p.unknown() || p.reopened || !strings.HasPrefix(s.Verdict.Reason, "resend: ") {
			w.break_("%+v was reopened (%s), which is %+v", s.Part, s.Verdict.Reason, *p)
		}
		w.reopen(p)
	case to == campaign.Skipped:
		if w.expires.IsZero() || s.At.Before(w.expires) || !p.wants() || w.flying > 0 || !strings.HasPrefix(s.Verdict.Reason, "expired: ") {
			w.break_("%+v was given up (%s) with %d in flight, which is %+v", s.Part, s.Verdict.Reason, w.flying, *p)
		}
		p.touched = w.invocation
	default:
		w.break_("%+v was settled as %s without an attempt", s.Part, to)
	}
	p.open, p.outcome, p.at = false, to, s.At
	if to == campaign.Superseded {
		delete(w.parts, s.Part)
		for _, c := range s.Children {
			from := s.Part.From
			w.parts[c] = &witnessed{ids: p.ids[c.From-from : c.To-from], stage: p.stage, outcome: campaign.Pending, reopened: p.reopened}
		}
	}
}

func (w *witness) reopen(p *witnessed) {
	p.reopened = true
	for _, id := range p.ids {
		w.opened[id]++
	}
}

// count counts a settled request against the thresholds, as their text says.
func (w *witness) count(o campaign.Outcome) {
	switch o {
	case campaign.Rejected:
		w.rejected++
	case campaign.Unknown:
		w.unknown++
	case campaign.Accepted:
	default:
		return
	}
	w.settled++
	a := w.policy.Abort
	if o == campaign.Rejected && a.Failed.Passed(w.rejected, w.settled) || o == campaign.Unknown && a.Unknown.Passed(w.unknown, w.settled) {
		w.over = true
	}
}

// stage checks that a stage may be passed.
func (w *witness) stage(text string) {
	var number int
	if _, err := fmt.Sscanf(text, "%d:", &number); err != nil || number != w.passed+1 {
		w.break_("stage %q was passed after %d", text, w.passed)
		return
	}
	var last time.Time
	settled, rejected := int64(0), int64(0)
	for part, p := range w.parts {
		switch {
		case p.stage >= number:
			continue
		case p.wants() || p.open && p.by == w.invocation:
			w.break_("stage %d was passed while %+v was %+v", number, part, *p)
		}
		if p.at.After(last) {
			last = p.at
		}
		if p.stage == number-1 && p.outcome != campaign.Skipped {
			settled++
			if !p.open && p.outcome == campaign.Rejected {
				rejected++
			}
		}
	}
	word := w.confirmed && w.begun == 0
	s := w.policy.Stages[number-1]
	switch now := time.Now(); {
	case w.policy.Abort.Failed.Count > 0 && w.policy.Abort.StageFailed(rejected, settled) && !word:
		w.break_("stage %d was passed with %d of %d rejected", number, rejected, settled)
	case s.Confirm && !word:
		w.break_("stage %d was passed without a person", number)
	case !s.Confirm && now.Before(last.Add(s.Wait).Truncate(time.Microsecond)):
		w.break_("stage %d was passed %s after its last settlement", number, now.Sub(last))
	}
	w.passed = number
}

// call checks a request that came to the upstream.
func (w *witness) call(c call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mayStart("a request", c.at)
	seq, found := w.seqOf[c.ids[0]]
	var open *witnessed
	for part, p := range w.parts {
		if found && part.Seq == seq && slices.Equal(p.ids, c.ids) {
			open = p
		}
	}
	if open == nil || !open.open || open.by != w.invocation {
		w.break_("a request for %v without an intent", c.ids)
	}
	if w.over {
		if w.callsAfter++; w.callsAfter > w.most {
			w.break_("%d requests after a threshold was passed", w.callsAfter)
		}
	}
}

// believe is a person's word about a part: it was accepted, or it was not.
func (w *witness) believe(part campaign.Part, accepted bool, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.parts[part]
	p.open, p.outcome, p.at = false, campaign.Deferred, at
	if !accepted {
		w.reopen(p)
		return
	}
	p.outcome = campaign.Accepted
	for _, id := range p.ids {
		w.words[id] = true
	}
}

// counts is what the summary of this invocation has to say.
func (w *witness) counts() (deliveries, recipients campaign.Counts) {
	for _, p := range w.parts {
		if p.touched == w.invocation && !p.open {
			deliveries.Add(p.outcome, 1)
			recipients.Add(p.outcome, int64(len(p.ids)))
		}
	}
	return deliveries, recipients
}

// watched is a process's ledger under the eyes of a witness. Its writes fail at
// random, in either half.
type watched struct {
	Ledger
	w     *witness
	fault func() (before, after bool) // called under the witness's lock; nil: none
}

func (l *watched) strike() (before, after bool) {
	if l.fault == nil {
		return false, false
	}
	return l.fault()
}

func (l *watched) Record(ctx context.Context, h ledger.Hold, settlements []ledger.Settlement, intents []ledger.Intent) error {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.w.failed {
		l.w.break_("a group was written after one had failed")
	}
	before, after := l.strike()
	l.w.failed = before || after
	if before {
		return errDisk
	}
	if err := l.Ledger.Record(ctx, h, settlements, intents); err != nil {
		l.w.failed = true
		return err
	}
	l.w.record(settlements, intents)
	if after {
		return errDisk
	}
	return nil
}

func (l *watched) Note(ctx context.Context, h ledger.Hold, n campaign.Note) error {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	before, after := l.strike()
	if before {
		return errDisk
	}
	if err := l.Ledger.Note(ctx, h, n); err != nil {
		return err
	}
	if n.Kind == campaign.NoteStage {
		l.w.stage(n.Text)
	}
	if after {
		return errDisk
	}
	return nil
}
