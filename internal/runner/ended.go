package runner

import (
	"context"
	"errors"
	"strings"

	"campaign/internal/campaign"
)

// errSums is a bug in the counting of an invocation.
var errSums = errors.New("a bug: what the invocation began and what became of it do not add up")

// balance checks what can be checked of the law of conservation without reading
// the ledger: whatever began came to one end, or is in flight still, which only a
// ledger that failed, a second signal or a panic leaves behind. Whether the run as
// a whole adds up is the report's to say.
func (r *run) balance() {
	c := r.recorder
	ended := r.wire.Err() == nil && r.crash.Load() == nil
	if c.addsUp() && !(ended && c.inFlight != 0) {
		return
	}
	r.Log.Error("the sums of an invocation do not add up", "run", r.Run, "began", c.began, "given up", c.givenUp, "in flight", c.inFlight, "summary", c.summary)
	r.halt(&stopped{why: Faulty, err: errSums})
}

// addsUp compares the parts that began with what became of them.
func (r *recorder) addsUp() bool {
	s := &r.summary
	d := &s.Deliveries
	ends := d.Accepted + d.Rejected + d.Unknown + d.Deferred + s.Splits + r.givenUp
	for _, o := range campaign.Outcomes {
		if d.Of(o) < 0 || s.Recipients.Of(o) < 0 {
			return false
		}
	}
	return r.began == ends+int64(r.inFlight)
}

// noteEnd adds to the run's history how the invocation ended. When that fails the
// invocation has failed, unless it had before.
func (r *run) noteEnd(ctx context.Context) {
	s, err := r.summary()
	text := string(s.Stop)
	switch {
	case err != nil:
		text += ": " + err.Error()
	case s.Detail != "":
		text += ": " + s.Detail
	}
	note := campaign.Note{At: now(), Kind: campaign.NoteEnded, By: r.Owner, Text: strings.Join(strings.Fields(text), " ")}
	if err := r.Ledger.Note(context.WithoutCancel(ctx), r.hold, note); err != nil {
		r.halt(&stopped{why: Failed, err: ledgerError("record how the invocation ended", err)})
	}
}
