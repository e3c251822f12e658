package campaign

import (
	"fmt"
	"time"
)

// Outcome is what became of a delivery, and so of its recipients. The zero
// value is the careful one.
type Outcome uint8

// The outcomes (design: delivery, Words). Values are stored in ledgers: they
// never change their number.
const (
	Unknown    Outcome = 0 // may have been accepted: the answer was lost
	Accepted   Outcome = 1 // the platform took it on (平台已受理), which is not "delivered"
	Rejected   Outcome = 2 // definitely refused
	Deferred   Outcome = 3 // definitely not accepted, later may work
	Skipped    Outcome = 4 // never to be sent: excluded, duplicate, suppressed, cancelled, …
	Pending    Outcome = 5 // not yet tried
	Superseded Outcome = 6 // split: two children take its place; never counted
)

var outcomeNames = [...]string{"unknown", "accepted", "rejected", "deferred", "skipped", "pending", "superseded"}

// Outcomes lists the outcomes that are counted, in the order reports show them.
var Outcomes = []Outcome{Accepted, Rejected, Unknown, Deferred, Skipped, Pending}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// MarshalText writes the outcome's word.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, name := range outcomeNames {
		if name == string(text) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("unknown outcome %q", text)
}

// Settled reports whether the outcome needs nothing more from the runner.
// A run is complete when every delivery is settled.
func (o Outcome) Settled() bool { return o != Deferred && o != Pending }

// Verdict is what a target makes of an answer, or the runner of a lost one: what
// happened, when to come back, and why. Its zero value is unknown.
type Verdict struct {
	Outcome Outcome
	Status  int           // HTTP status; 0: there was no answer
	After   time.Duration // deferred only: not before this has passed; 0: the runner's own backoff
	Reason  string        // a stable code, then ": " and what the upstream said, for example "refused: 缺少必要参数"
	Ref     string        // the upstream's id of an accepted message
}

// Counts are numbers of one kind (requests or recipients) by outcome.
type Counts struct {
	Planned  int64 `json:"planned"`
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`
	Unknown  int64 `json:"unknown"`
	Deferred int64 `json:"deferred"`
	Skipped  int64 `json:"skipped"`
	Pending  int64 `json:"pending"`
}

// Add counts n of outcome o. Planned is not touched: it comes from the plan, so
// that Balanced can fail.
func (c *Counts) Add(o Outcome, n int64) {
	switch o {
	case Accepted:
		c.Accepted += n
	case Rejected:
		c.Rejected += n
	case Unknown:
		c.Unknown += n
	case Deferred:
		c.Deferred += n
	case Skipped:
		c.Skipped += n
	case Pending:
		c.Pending += n
	}
}

// Of returns the count of one outcome.
func (c Counts) Of(o Outcome) int64 {
	switch o {
	case Accepted:
		return c.Accepted
	case Rejected:
		return c.Rejected
	case Unknown:
		return c.Unknown
	case Deferred:
		return c.Deferred
	case Skipped:
		return c.Skipped
	case Pending:
		return c.Pending
	}
	return 0
}

// Balanced reports whether planned = accepted + rejected + unknown + deferred +
// skipped + pending (design: delivery, Words).
func (c Counts) Balanced() bool {
	return c.Planned == c.Accepted+c.Rejected+c.Unknown+c.Deferred+c.Skipped+c.Pending
}

// Complete reports whether nothing is deferred or pending.
func (c Counts) Complete() bool { return c.Deferred == 0 && c.Pending == 0 }
