package campaign

import "time"

// Require is what a profile wants before anything is sent under it. Its zero value
// wants nothing.
type Require struct {
	Approval bool // only what somebody approved is sent
	// Clean: the approval and what is sent stand in a commit of git, and whoever
	// committed the approval wrote nothing of it. Only with Approval.
	Clean bool
}

// Approval is one entry of a campaign's approvals file: what somebody agreed to. It
// names no recipient. Digests are lower-case hex of a SHA-256.
type Approval struct {
	Profile    string
	Occurrence string // the label; empty: every occurrence of the schedule
	Planner    int    // version of the planner that made the digests
	Plan       string // over everything that the plan was made of
	Content    string // over what it says and how it goes out, whoever it is for
	Schedule   string // over when it goes out; empty: it has no schedule
	Audience   string // over whom it is for
	People     int64  // recipients that it reaches, or user groups
	Requests   int64
	Files      []ApprovedFile // that it was made of, sorted
	By         string
	At         time.Time
	Note       string // may be empty
	Lines      [2]int // first and last line in the file, from 1; zero: it stands in none
}

// ApprovedFile is a file of the project as it was when it was approved.
type ApprovedFile struct {
	File   string
	Digest string
}
