package campaign

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Once is the occurrence of a campaign without a schedule.
const Once = "once"

// Occurrence is one time that a campaign is due.
type Occurrence struct {
	Label string    // a slot, Once, or a label given by the user
	Time  time.Time // in the campaign's zone; for Once and labels the time that the run began
}

// RunID derives a run's id from what makes it unique. It is the same on any
// machine: 12 characters of lower-case base32.
func RunID(profile, campaign, occurrence string) string {
	h := sha256.Sum256([]byte(profile + "\x00" + campaign + "\x00" + occurrence))
	return strings.ToLower(base32.StdEncoding.EncodeToString(h[:])[:12])
}

// RunState is where a run stands in its life. Values are stored in ledgers:
// they never change their number.
type RunState uint8

const (
	Planning  RunState = 0 // its blocks are being added; nothing can have been sent
	Open      RunState = 1 // planned as a whole; deliveries may be claimed
	Cancelled RunState = 2 // ended by a person: what was not sent is skipped
)

// Run is the carrying out of one occurrence.
type Run struct {
	ID         string
	Project    string // the project's id
	Profile    string
	Campaign   string
	Occurrence Occurrence
	Trial      bool   // made by --to: does not use up the occurrence
	File       string // the campaign file, path in the project
	Target     string // the account's name
	Channel    string // the channel's type
	Began      time.Time
	State      RunState
	Reason     string   // why it was cancelled
	Planner    int      // version of the planner that made it
	PlanDigest string   // over all inputs, lower-case hex (design: delivery, plan); behind a hyphen, over whom a cap left out
	Columns    []string // meaning of the recipients' cells; the first is the id that operators know
	Totals     Totals   // what the planner counted; set when the run opens
}

// Totals are a planner's own counts, kept apart from the blocks so that a
// report that does not add up is noticed.
type Totals struct {
	Blocks     int64 `json:"blocks"`
	Requests   int64 `json:"requests"`   // deliveries
	Recipients int64 `json:"recipients"` // every source row, skipped ones included
	Skipped    int64 `json:"skipped"`    // rows that are in no delivery
}

// Note is a line of a run's own history beside its deliveries: who claimed it,
// how an invocation ended, which stage was passed and by whom.
type Note struct {
	At   time.Time
	Kind string // see the constants
	By   string // whose: host and process, or a person; may be empty
	Text string // one line for people; may be empty
}

// The kinds of notes. They are stored in ledgers: they never change.
const (
	NoteOpened    = "opened"    // planned as a whole
	NotePlanned   = "planned"   // Text: the git commit that the run was planned from
	NoteClaimed   = "claimed"   // an invocation began
	NoteEnded     = "ended"     // an invocation ended; Text: why
	NoteCancelled = "cancelled" // Text: the reason
	NoteStage     = "stage"     // a stage was passed; Text: its number (from 1), then ": " and what let it pass
	NoteApproved  = "approved"  // the run began under an approval; By: who approved it; Text: see Approval.Noted
	NoteChange    = "change"    // a person accepted that other people than last time get it; Text: how many, why
	NoteAgain     = "again"     // a person wanted the same message sent again; Text: to how many, why
	NoteWindow    = "window"    // an invocation did not wait for the delivery window; Text: why
	NoteFollows   = "follows"   // this run follows another up; Text: that run, then ": " and whom of it
	NoteFollowed  = "followed"  // another run follows this one up; Text: that run, then ": " and whom of this one
	NotePurged    = "purged"    // people's data were deleted; Text: the digest of the records before, then ": " and why
	NoteResolved  = "resolved"  // a person settled unknown deliveries; Text: how many, as what, why
)

// Input is a frozen file of a run. Recipients files have no Data: their rows
// stand in the blocks.
type Input struct {
	Path   string // in the project
	Digest string // SHA-256 of the file's bytes, lower-case hex
	Data   []byte
}

// Recipient is one source row, or one user group.
type Recipient struct {
	Row   int64    // the row as people count it in their file: the header is row 1; for lists and groups the position, from 1
	Cells []string // values in the order of the run's columns
}

// ID is what operators know a recipient by: a user id or a group id.
func (r Recipient) ID() string {
	if len(r.Cells) == 0 {
		return ""
	}
	return r.Cells[0]
}

// Delivery is one upstream request that a run owes.
type Delivery struct {
	Seq    int64  // position in the run, from 0
	Digest Digest // over the rendered content and the recipients
	// Content is over what its recipients read, the same in every campaign and run
	// that says the same; zero: the planner did not say.
	Content    Digest
	Recipients []Recipient
}

// Digest is a truncated SHA-256.
type Digest [8]byte

// Skip is a source row that no delivery covers, and why: a stable code, then
// ": " and a detail, for example "duplicate: row 3".
type Skip struct {
	Recipient Recipient
	Reason    string
}

// Block is a stretch of a plan, small enough to hold in memory: the unit in
// which plans are stored, claimed and rendered again.
type Block struct {
	Seq        int64 // position in the plan, from 0
	Stage      int   // which of the campaign's stages its deliveries belong to, from 0; a block never spans two
	Deliveries []Delivery
	Skips      []Skip
	Digest     [sha256.Size]byte // see Sum
}

// Sum computes the digest of a block over its deliveries' digests and its skips.
func (b *Block) Sum() [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	number := func(v int64) {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	number(b.Seq)
	number(int64(len(b.Deliveries)))
	for _, d := range b.Deliveries {
		number(d.Seq)
		h.Write(d.Digest[:])
		number(int64(len(d.Recipients)))
	}
	number(int64(len(b.Skips)))
	for _, s := range b.Skips {
		number(s.Recipient.Row)
		number(int64(len(s.Reason)))
		h.Write([]byte(s.Reason))
	}
	if b.Stage > 0 { // without stages the sum is that of ledgers from before they were
		number(int64(b.Stage))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Part names a delivery, or after a split a range of its recipients.
type Part struct {
	Seq      int64
	From, To int // recipients [From,To) of the delivery; To 0: all of them
}

// Whole reports whether p is the delivery as planned.
func (p Part) Whole() bool { return p.To == 0 }

// Of cuts p's recipients out of the delivery's.
func (p Part) Of(all []Recipient) []Recipient {
	if p.Whole() {
		return all
	}
	return all[p.From:p.To]
}

// Key is the delivery's name for people and other systems, stable across
// re-planning: position, digest, and for a child the range of its parent.
func (d Delivery) Key(p Part) string {
	key := fmt.Sprintf("%d-%s", d.Seq, hex.EncodeToString(d.Digest[:4]))
	if p.Whole() {
		return key
	}
	return fmt.Sprintf("%s/%d-%d", key, p.From, p.To)
}

// Result is what is known of one delivery or part.
type Result struct {
	Part     Part
	Verdict  Verdict
	Attempts int
	At       time.Time // of the last settlement; of the last intent when that has none; zero when never tried
	// Reopened: an unknown outcome of it was made deferred, by a person's word or by
	// `unknown: resend`, which does so once. The parts of a split inherit it.
	Reopened bool
}

// BlockResults is a block with what became of it: one result for each leaf, in
// the order of Seq and From.
type BlockResults struct {
	Block   Block
	Results []Result
}
