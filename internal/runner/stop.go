package runner

import (
	"errors"
	"fmt"
	"time"
)

// Errors that callers branch on.
var (
	// ErrLedger: the ledger failed, and sending stopped at once (rule 8, exit code
	// 7). It wraps the ledger's own error.
	ErrLedger = errors.New("the run's state could not be read or written, so sending stopped")
	// ErrDiffers: the plan renders differently than it did when the run began, so
	// it is not sent (rule 2, exit code 4). Job.Messages wraps it.
	ErrDiffers = errors.New("the run's messages are no longer what was planned")
)

// Stop says why an invocation ended.
type Stop string

// The reasons, in words that reports show.
const (
	Complete    Stop = "complete"             // nothing is left that wants sending
	Exhausted   Stop = "deferred"             // what is left used up its attempts, or must wait longer than MaxWait
	Interrupted Stop = "interrupted"          // the context ended (first signal)
	Killed      Stop = "killed"               // left at once (second signal)
	Asked       Stop = "stop-asked"           // campaign stop
	Limit       Stop = "limit"                // Job.Limit recipients
	Unavailable Stop = "upstream-unavailable" // rule 7
	Token       Stop = "token"                // refused again or not renewable, rule 7
	Aborted     Stop = "aborted"              // a threshold of Policy.Abort was passed; Detail says which
	StageWaits  Stop = "stage-waits"          // a stage was settled and waits for a person (Job.Confirmed)
	Closed      Stop = "window-closed"        // the window is closed for longer than MaxWait; NotBefore says until when
	Failed      Stop = "ledger-failed"        // rule 8
	HoldLost    Stop = "hold-lost"            // rule 8
	Differs     Stop = "differs"              // rule 2
	Faulty      Stop = "faulty"               // a request could not be built, or may not go out
)

// stopped is the cause of a run's end: a reason, and an error where we could not
// do our job.
type stopped struct {
	why       Stop
	detail    string
	err       error
	notBefore time.Time // when requests may start again: the window opens, or a pause ends; zero: never, or it is not known
}

func (s *stopped) Error() string {
	switch {
	case s.err != nil:
		return s.err.Error()
	case s.detail != "":
		return fmt.Sprintf("%s: %s", s.why, s.detail)
	}
	return string(s.why)
}

func (s *stopped) Unwrap() error { return s.err }
