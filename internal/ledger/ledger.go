// Package ledger is the port of the run ledger: what a run owes, what was tried
// and what came of it, durably, so that nobody gets a message twice and nobody
// is left out silently (design: delivery).
//
// # Contract
//
// Every member (mem, sqlite, …) passes the suite of ledgertest.
//
//   - Durable means: a method that returned nil has its effect after a kill -9 or
//     a loss of power. Mem keeps the same order of effects without a disk.
//   - Atomic means: after a crash inside a method its effect is there whole or not at
//     all; an error may come with either (both halves are tested).
//   - Planning is idempotent: Begin and Add may be repeated with the same values by
//     anybody; with other values they fail with ErrConflict and change nothing.
//   - Claiming is exclusive and leased: of all processes one holds a run. Each Claim
//     gives a new token, higher than all before. Record, Note and Cancel compare it and
//     fail with ErrHoldLost when a later Claim took the run.
//   - An attempt exists for the ledger from the Record that holds its Intent. An intent
//     without a settlement reads as Unknown, always (rule 5).
//   - Results are a fold over the blocks and the records, in one reading: they are
//     consistent with one moment, also while a run is going on.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"campaign/internal/campaign"
)

// Errors that callers branch on. Members wrap them with what they know.
var (
	ErrNotFound  = errors.New("no such run")
	ErrAmbiguous = fmt.Errorf("%w: more than one begins so", ErrNotFound)
	ErrConflict  = errors.New("the run exists with another plan")
	ErrHeld      = errors.New("another process holds the run")
	ErrHoldLost  = errors.New("the hold on the run was lost")
	ErrState     = errors.New("the run is not in a state that allows this")
	ErrNoState   = errors.New("no ledger here")                  // rule 3
	ErrForeign   = errors.New("the ledger is another project's") // rule 3
	ErrStale     = errors.New("the ledger is older than its high-water mark")
	ErrClosed    = errors.New("the ledger was exported and is closed for sending")
	ErrDamaged   = errors.New("the ledger is damaged")
	ErrFormat    = errors.New("the ledger was written by another version of the program")
	ErrClockBack = errors.New("the clock stands before the ledger's last record") // rule 8
)

// Hold is the right to work on a run until it is released, its process dies, or
// its lease runs out without a Record (members on one host use a lock that dies
// with the process and ignore the lease).
type Hold struct {
	Run   string
	Token uint64
}

// Intent is an attempt that is about to begin.
type Intent struct {
	Part campaign.Part
	At   time.Time
}

// Settlement is an attempt that ended, or a split, or a person's word.
type Settlement struct {
	Part    campaign.Part
	Verdict campaign.Verdict
	At      time.Time
	// Upstream is the upstream's own clock (its Date header); zero when it gave none.
	Upstream time.Time
	// Answer is the raw answer, cut at AnswerLimit.
	Answer []byte
	// Children take the place of a part that is settled as Superseded; they are
	// Pending and together cover it.
	Children []campaign.Part
}

// AnswerLimit is how much of an answer is kept, in bytes.
const AnswerLimit = 1024

// Work is a block with deliveries that still want something, and the state of
// each leaf of the block, in the order of Seq and From.
type Work = campaign.BlockResults

// Filter selects runs; zero fields select all.
type Filter struct {
	Profile, Campaign string
	Trials            bool      // include trials
	From, Until       time.Time // begun at From or later, and before Until
}

// Planner is the side of the ledger that plans are written to.
type Planner interface {
	// Begin makes a run in state Planning with its frozen inputs, or finds the run
	// of that ID. Found with the same PlanDigest and Planner: returned as it is.
	// Found in state Planning with others: its blocks and inputs are dropped and it
	// begins anew (nothing was sent). Found otherwise: ErrConflict, with the run.
	// Durable, atomic.
	Begin(ctx context.Context, run campaign.Run, inputs []campaign.Input) (campaign.Run, error)
	// Add stores blocks of a run in state Planning, in the order of Seq without
	// gaps. A block that is there with the same Digest is passed over, with
	// another: ErrConflict. Durable at the latest when Open returns.
	Add(ctx context.Context, run string, blocks []campaign.Block) error
	// Open ends planning: it compares totals with what was added (ErrConflict when
	// they differ) and moves the run from Planning to Open. Again: no effect. Durable,
	// atomic: from that moment the run owes all its deliveries to whoever counts what
	// recipients get (Results), and before it none.
	Open(ctx context.Context, run string, totals campaign.Totals) error
}

// Worker is the side of the ledger that a runner works with.
type Worker interface {
	// Claim takes hold of an Open run, or of a Cancelled one for a person's word and
	// notes; ErrHeld while another live process has it. Durable.
	Claim(ctx context.Context, run string, owner string, lease time.Duration) (Hold, error)
	// Release gives the hold back. A lost hold is no error.
	Release(ctx context.Context, hold Hold) error
	// Work yields, in plan order, the blocks in which some leaf is Pending or
	// Deferred (as of this call), with the results of all their leaves. Memory: one
	// block and at most 16 bytes a delivery.
	Work(ctx context.Context, hold Hold) iter.Seq2[Work, error]
	// Unknown yields, as Work does, the blocks in which some leaf is Unknown, with the
	// results of those leaves alone, in cancelled runs too. Attempts of this hold that
	// have no settlement yet are not among them: they are under way.
	Unknown(ctx context.Context, hold Hold) iter.Seq2[Work, error]
	// Record writes intents and settlements as one group. Within a group
	// settlements come first. An intent on a part that is not Pending or Deferred,
	// or a settlement of a part without an open intent of this hold, is ErrConflict
	// for the whole group, with two exceptions that need none: a word about an
	// Unknown part, whose Verdict is Accepted or Deferred, and a part that is Pending
	// or Deferred and given up as Skipped. A word of Deferred makes the part Reopened,
	// and so the parts it is split into; a Deferred that settles an own attempt does
	// not. A cancelled run takes words only (else ErrState), and what they make
	// Deferred reads as Skipped there. Durable, atomic. ErrClockBack when a time lies
	// before the last record's by more than a minute.
	Record(ctx context.Context, hold Hold, settlements []Settlement, intents []Intent) error
	// Note adds a line to the run's own history, of cancelled runs too. Its time is
	// whatever the caller says. Durable, atomic.
	Note(ctx context.Context, hold Hold, note campaign.Note) error
	// Cancel ends a run for good: what is Pending or Deferred becomes Skipped with
	// "cancelled: " + reason. Unknown stays Unknown. Durable, atomic.
	Cancel(ctx context.Context, hold Hold, reason string) error
	// Stop asks whoever holds the run to stop (campaign stop). Stopped reports
	// whether somebody asked since the hold was claimed.
	Stop(ctx context.Context, run string) error
	Stopped(ctx context.Context, hold Hold) (bool, error)
}

// Reader is the side of the ledger that reports are folded from.
type Reader interface {
	// Run finds a run by its ID or by an unambiguous prefix of it (ErrNotFound; where
	// it is ErrAmbiguous more than one run begins so).
	Run(ctx context.Context, id string) (campaign.Run, error)
	// Runs yields the runs that match, newest first.
	Runs(ctx context.Context, filter Filter) iter.Seq2[campaign.Run, error]
	// Inputs gives back the frozen inputs in the order of Begin.
	Inputs(ctx context.Context, run string) ([]campaign.Input, error)
	// Results yields all blocks of a run in plan order with their results. In a
	// cancelled run what was not sent reads as Skipped. Memory as Work.
	Results(ctx context.Context, run string) iter.Seq2[campaign.BlockResults, error]
	// Containing yields, as Results does, the blocks that have a delivery with a wanted
	// Content. It reads no block for the others: a run that says something else costs
	// 8 bytes for each of its contents.
	Containing(ctx context.Context, run string, wanted func(campaign.Digest) bool) iter.Seq2[campaign.BlockResults, error]
	// Attempts yields every intent and settlement of one delivery and its parts,
	// in the order they were recorded.
	Attempts(ctx context.Context, run string, seq int64) iter.Seq2[Attempt, error]
	// Notes gives the run's own history, in the order it was recorded: what Note
	// added, and a line for each Open (without By), Claim (By its owner) and Cancel (By
	// the owner of the hold, Text its reason) that had an effect.
	Notes(ctx context.Context, run string) ([]campaign.Note, error)
}

// Accounts is the side of the ledger on which the processes that use an upstream
// account agree about its limits. Nothing of it is durable: it is about the present,
// survives a kill -9 of any process, and may be forgotten when the machine stops.
// account is any name.
type Accounts interface {
	// Share calls change with the account's cell as its last caller left it, nil at
	// first, and keeps what change returns, at most CellLimit bytes. Callers of all
	// processes take turns. change must be quick, must not block and may be called
	// again.
	Share(ctx context.Context, account string, change func(cell []byte) []byte) error
	// Place takes one of the account's n places, free of which are those that no live
	// process has taken: at most n are taken at any time, by callers that give the same
	// n. It does not wait: ok is false when all are taken; then Place also lets the
	// processes that took them know that somebody waits. leave gives the place back, and
	// may be called again; Close, and a process's death, give all of its places back.
	Place(ctx context.Context, account string, n int) (leave func(), ok bool, err error)
	// Wanted reports whether another process found all places taken a short time ago
	// (WantedFor), and got none since: who holds a place for many requests gives it
	// back between two of them. A process that took all of them itself is not told of
	// its own waiting, and others need not be.
	Wanted(ctx context.Context, account string) (bool, error)
}

// Attempt is one entry of a delivery's history: exactly one field is set.
type Attempt struct {
	Intent     *Intent
	Settlement *Settlement
}

// CellLimit is the size of an account's cell at most, in bytes.
const CellLimit = 4000

// WantedFor is how long Wanted remembers that a process found all places taken.
const WantedFor = time.Second

// Ledger is the whole port.
type Ledger interface {
	Planner
	Worker
	Reader
	Accounts
	Slots
	Close() error
}
