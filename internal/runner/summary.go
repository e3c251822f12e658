package runner

import (
	"time"

	"campaign/internal/campaign"
)

// Summary is what one invocation did. What became of the run as a whole is a
// fold over the ledger's Results.
type Summary struct {
	Stop   Stop
	Detail string // more about Stop, for people; may be empty

	Requests    int64           // attempts begun: intents
	Deliveries  campaign.Counts // deliveries and parts by their last outcome in this invocation; Planned and Pending stay 0
	Recipients  campaign.Counts // their recipients
	Splits      int64           // refused batches that were halved
	InFlight    int             // now; at the end those whose end the ledger did not take
	MaxInFlight int
	// NotBefore is the earliest time of a delivery that was left for later because
	// the upstream asked for more patience than MaxWait, or at which the window opens;
	// zero without.
	NotBefore time.Time
}

// EventKind says what an Event tells.
type EventKind uint8

// The kinds.
const (
	Progressed EventKind = iota // Summary changed
	Troubled                    // the upstream is in trouble; Until says when it is probed; zero: it is not, the run ends
	Recovered                   // the upstream answers again
	Slowed                      // a 429 slowed the account down
	Renewed                     // the token was renewed
	Waiting                     // nothing may start until Until; Detail says why: the window, a stage, what the upstream asks
)

// Event is news of a run for whoever watches it.
type Event struct {
	Kind    EventKind
	Summary Summary   // Progressed
	Detail  string    // Troubled, Waiting
	Until   time.Time // Troubled, Waiting
}
