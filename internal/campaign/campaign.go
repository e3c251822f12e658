// Package campaign holds the words that every room of the house shares: what a
// campaign file says, what a run owes, and what became of it. It does no I/O
// and imports nothing of ours.
package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Campaign is a valid campaign file. It is never modified after loading.
// Positions of its values are kept by the room that read the file.
type Campaign struct {
	File        string // path in the project, slash-separated
	Name        string // identifies the campaign for ever, unique in the project
	Description string
	Labels      map[string]string
	Channel     Channel
	Content     Content
	Vars        map[string]string // campaign-wide template variables, as the file's own text
	Recipients  Recipients
	Policy      Policy
	Schedule    *Schedule // nil: it is sent once
}

// Channel names the way a campaign goes out. The plug-in of Type decodes Raw.
type Channel struct {
	Type   string // for example zqt.message
	Target string // an account of targets.yaml
	Raw    Raw    // the whole `channel` mapping
}

// Content is the message as written, before templates are rendered. Values that
// the file gives as {file: PATH} stand in Raw as {"file": PATH}, the path
// resolved to the project's root; their text is in Files.
type Content struct {
	Raw   Raw
	Files map[string]string // path in the project → text, line endings normalised to LF, no BOM
}

// Recipients says who a campaign is for: a file, an inline list, or groups that
// only the upstream can resolve. Exactly one of File, List and Groups is set.
type Recipients struct {
	File     string              // path in the project
	Sheet    Sheet               // how File is read
	List     []map[string]string // inline rows: field or variable → value, as the file's own text
	Columns  map[string]string   // field → column header
	Defaults map[string]string   // field → value for rows without one
	Dedupe   []string            // fields that identify a recipient; nil: no deduplication
	// DedupeDefault: the file does not say, so Dedupe is nil and what identifies a
	// recipient is the target's to say.
	DedupeDefault bool
	Exclude       []Exclusion
	Lookup        *Lookup // nil: none
	Groups        *Groups
	Audience      Audience
}

// Audience is what a file says about the recipients as a whole: guards that hold
// the list against what its author knows. Its zero value asks for nothing.
type Audience struct {
	Expect *Expected // rows of the list; nil: any number
	// MaxChange is how large a part of the previous occurrence's recipients may be
	// other ones now, 0 to 1 and above; nil: any.
	MaxChange   *float64
	MustInclude []Named // who must be sent to
	MustExclude []Named // who must not be sent to
}

// Lists are the files that the guards read, in their order.
func (a *Audience) Lists() []Exclusion {
	var lists []Exclusion
	for _, n := range slices.Concat(a.MustInclude, a.MustExclude) {
		if n.ID == "" {
			lists = append(lists, n.List)
		}
	}
	return lists
}

// Expected is a range of numbers, both ends included.
type Expected struct {
	Min int64
	Max int64 // 0: no end
}

// Holds reports whether n is in the range.
func (e Expected) Holds(n int64) bool { return n >= e.Min && (e.Max == 0 || n <= e.Max) }

// Named is somebody that a file names: by the recipient's id, or those of a list.
type Named struct {
	ID   string    // empty: the list
	List Exclusion // how it is read
}

// Sheet says how a file of recipients is read, where that is not found by itself:
// the zero value finds everything.
type Sheet struct {
	Name      string // of a workbook's sheet; empty: the first
	Encoding  string // a name of recipients.Encodings; empty: found by itself
	Delimiter string // what stands between cells, one ASCII character; empty: found by itself
	HeaderRow int64  // as a spreadsheet numbers rows; 0: the first that is not blank
	StopAt    string // the first cell of the row where the list ends; empty: it ends with the file
}

// Lookup joins recipients with a directory: a row's cell in the column Key finds
// the directory's row with the same key, whose cells are taken over.
type Lookup struct {
	File  string
	Sheet Sheet
	Key   string            // the header in the directory, and in the list unless Columns names another there
	Take  map[string]string // field or variable → column header of the directory
	Skip  bool              // `missing: skip`: who is not in the directory is left out; else that is an error
}

// Exclusion is a file whose recipients are left out: by a campaign (exclude) or
// by an account (suppress). Columns as in Recipients.
type Exclusion struct {
	File    string
	Sheet   Sheet
	Columns map[string]string
}

// Groups names user groups of the upstream, by id or by what Match finds in the
// account's lock file.
type Groups struct {
	IDs      []int64
	Match    *Match
	Disjoint bool // the user states that nobody is in two of the groups
}

// Match selects groups of a lock file; every given condition must hold.
type Match struct {
	Title         string // glob with *, ? and [...]; empty: any
	Department    string // exact; empty: any
	Type          string // "imported" or "tags"; empty: any
	AcceptChanges bool   // `changes: accept`: a run does not stop when the upstream's groups changed
}

// Policy holds how a campaign goes out: the `delivery` mapping. A zero Rate,
// Concurrency or Timeout means the account's.
type Policy struct {
	Batch         int // recipients a request, at least 1
	Rate          Rate
	Concurrency   int           // requests in flight
	Timeout       time.Duration // of one request
	Retry         Retry
	MaxRecipients int           // more is an error before anything is sent; groups count as one each
	Resend        bool          // `unknown: resend`: an unknown outcome is tried again once, by itself
	Expires       time.Duration // after the occurrence's time: what is not sent by then is skipped; 0: never
	Window        *Window       // nil: any time
	Abort         Abort
	Stages        []Stage // nil: none
	// Deadline is by when all of it must have been sent: an instant, or a time of the
	// day of its occurrence. An empty text: none.
	Deadline Clause
}

// Retry bounds the attempts of one delivery in one invocation.
type Retry struct {
	Attempts  int
	Base, Cap time.Duration
}

// DefaultTimeout is the longest time for one request where neither the campaign
// nor its account gives one.
const DefaultTimeout = 30 * time.Second

// DefaultPolicy is what a file without a delivery mapping gets
// (design: campaign-files, delivery keys).
func DefaultPolicy() Policy {
	return Policy{
		Batch:         100,
		Retry:         Retry{Attempts: 8, Base: time.Second, Cap: time.Minute},
		MaxRecipients: 100_000,
		Expires:       24 * time.Hour,
		Abort:         DefaultAbort(),
	}
}

// Raw is a mapping of a file that a plug-in decodes itself: a JSON object that
// has passed the schema, and its place. Numbers keep their source text; numbers
// where the schema wants a string never get here.
//
// It is given as JSON or, where there is none, as the value that encoding/json would
// make of it, with numbers as json.Number: what was read of a file need not be written
// and read again. Nobody changes the value.
type Raw struct {
	Pointer string // JSON pointer of the mapping in its file, for example /channel
	JSON    json.RawMessage
	Value   any
}

// Text is the mapping as JSON: keys of a value sorted. It is empty when nothing is given.
func (r Raw) Text() json.RawMessage {
	if r.JSON != nil || r.Value == nil {
		return r.JSON
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r.Value); err != nil {
		panic(fmt.Sprintf("campaign: %v", err)) // plain JSON values always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Group is a user group of a 传播通 account, as a lock file records it
// (chuanbo-push 一、获取用户组).
type Group struct {
	ID         int64
	Title      string
	Department string
	Type       string // "imported" or "tags"
	People     int64  // pnum
}
