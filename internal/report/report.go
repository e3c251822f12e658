// Package report folds what a ledger knows of a run into a report: one pass over
// the blocks, bounded memory, and sums that add up or an error. The formats only
// render, one file each.
package report

import (
	"cmp"
	"errors"
	"iter"
	"net/url"
	"time"

	"campaign/internal/campaign"
)

// FormatVersion is the version of all formats. Additions keep it.
const FormatVersion = 1

// Bounds of a report, so that it stays small whatever a run was like.
const (
	maxReasons = 50  // reasons of an outcome; the rest is gathered under otherReasons
	maxTexts   = 5   // different texts that are quoted for a reason
	maxListed  = 50  // rejected and unknown requests that are listed one by one
	maxText    = 300 // characters of a quoted text
	maxCode    = 80  // characters of a reason's code
)

var (
	// ErrUnbalanced is wrapped by an error of a run whose numbers do not add up:
	// a bug, or damage, that fails the run (design: delivery, Words).
	ErrUnbalanced = errors.New("the report does not add up")
	// ErrPlanning is wrapped for a run that is not planned as a whole: nothing was
	// sent and there is nothing to report.
	ErrPlanning = errors.New("the run is still being planned: nothing was sent")
	// ErrWrite is wrapped when a report could not be stored.
	ErrWrite = errors.New("the report could not be written")
)

// State is where a run stands, in a word.
type State string

// The states.
const (
	Complete    State = "complete"    // nothing is deferred or pending
	Running     State = "running"     // a live process is at it
	Interrupted State = "interrupted" // by a signal; can go on
	Stopped     State = "stopped"     // by a guard, a person or the upstream; can go on
	Unfinished  State = "unfinished"  // not complete, and nobody is at it: a crash, or a person's word brought something back; can go on
	Cancelled   State = "cancelled"   // ended by a person for good
)

// Facts are what the run and its results do not say: the command gives them.
type Facts struct {
	Version    string // of this program
	Commit     string // of the project's files; empty: unknown
	Generated  time.Time
	Location   *time.Location // zone of all times; nil: the occurrence's
	Invocation Invocation
	// Notes are the run's history as the ledger has it. Without an Invocation they
	// say how the last one ended.
	Notes  []campaign.Note
	Stages []campaign.Stage // the campaign's; nil: it has none, or they are not known
	Opens  time.Time        // when the delivery window opens again; zero: it is open, or there is none
	Resend bool             // the campaign says `unknown: resend`
	// System, BaseURL and Title help a person to find a request in the upstream's
	// own console. Title is the content's, as the campaign file writes it.
	System, BaseURL, Title string
	Limits                 Limits
	Groups                 bool // recipients are user groups of the upstream
	Sandbox                bool // sent to the built-in upstream
	Loopback               bool // sent to an address of this machine
	Running                bool // another live process holds the run
	Warnings               []string

	// Language of what is for people: "zh", else English.
	Language string
	// Exchanges are the run's attempts, for how long requests took; nil: not known.
	Exchanges iter.Seq2[campaign.Exchange, error]
	// Sources are the campaign file and its content as sent, for people to read.
	Sources []Source
	// Related are the runs that this one follows up, and that follow it up.
	Related        []Related
	ShowRecipients bool // ids in full, where they would be masked
}

// Source is a text that a run was made from.
type Source struct {
	Path, Text string
	Hidden     bool // recipients that stand in it were taken out
}

// Invocation is the process that the report is made at the end of. It is zero
// for a report that is made later.
type Invocation struct {
	Began  time.Time `json:"began_at,omitzero"`
	Ended  time.Time `json:"ended_at,omitzero"`
	Stop   State     `json:"stop,omitempty"`   // Interrupted or Stopped; empty: it went to its end
	Reason string    `json:"reason,omitempty"` // why it stopped, a sentence's end
}

// Limits are what the requests were held to: the stricter of account and campaign.
type Limits struct {
	Rate        campaign.Rate
	Concurrency int
	Timeout     time.Duration // of one request, which bounds when an unknown one was sent; 0: the default of campaign files
}

// Report is a run's report. It holds no recipient's id: those stand in the
// recipients file.
type Report struct {
	FormatVersion int       `json:"format_version"`
	Generated     time.Time `json:"generated_at"`
	Tool          Tool      `json:"tool"`
	Run           Run       `json:"run"`
	Upstream      Upstream  `json:"upstream"`
	State         State     `json:"state"`
	Reason        string    `json:"reason,omitempty"` // why it is in that state
	Resumable     bool      `json:"resumable"`
	Sentences     []string  `json:"verdict"`

	Requests   campaign.Counts `json:"requests"`   // leaves only
	Recipients campaign.Counts `json:"recipients"` // every source row
	Groups     bool            `json:"groups"`
	Splits     Splits          `json:"splits"`
	Attempts   int64           `json:"attempts"`
	Times      Times           `json:"times"`
	Invocation Invocation      `json:"invocation,omitzero"`
	Ended      *Ended          `json:"ended,omitempty"`  // how the last invocation ended; nil: it has not, or it died
	Guard      *Guard          `json:"guard,omitempty"`  // what the run waits at; nil: nothing
	Stages     []Stage         `json:"stages,omitempty"` // in order; only where there is more than one
	Expired    Tally           `json:"expired"`          // given up because it was too late; part of skipped
	Resolved   Resolved        `json:"resolved"`
	Reopened   Reopened        `json:"reopened"`

	Reasons  []Reason `json:"reasons"`
	Rejected Listing  `json:"rejected"`
	Unknown  Listing  `json:"unknown"`
	Warnings []string `json:"warnings"`
	History  *History `json:"history,omitempty"`

	Retries  Retries   `json:"retries"`
	Timeline *Timeline `json:"timeline,omitempty"` // nil: nothing was answered
	Slowest  []Slow    `json:"slowest,omitempty"`  // exchanges that took longest; absent: not known
	Related  []Related `json:"related,omitempty"`
	Approval *Approval `json:"approval,omitempty"` // under which the run began; nil: none is known
	Records  string    `json:"records_digest"`     // of what the ledger said, see records

	zone   *time.Location
	spans  spans
	worded bool // a person gave a word about unknown requests
	resend bool // see Facts
}

// Tool is what made the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
}

// Run identifies the run.
type Run struct {
	ID         string     `json:"id"`
	Project    string     `json:"project,omitempty"`
	Profile    string     `json:"profile"`
	Campaign   string     `json:"campaign"`
	Occurrence Occurrence `json:"occurrence"`
	Trial      bool       `json:"trial"`
	File       string     `json:"file"`
	Target     string     `json:"target"`
	Channel    string     `json:"channel"`
	Began      time.Time  `json:"began_at"`
	Planner    int        `json:"planner"`
	PlanDigest string     `json:"plan_digest"`
}

// Occurrence is the time that the campaign was due.
type Occurrence struct {
	Label string    `json:"label"`
	Time  time.Time `json:"time,omitzero"`
}

// Upstream says where the requests went and how fast they were allowed to.
type Upstream struct {
	System      string  `json:"system,omitempty"`
	BaseURL     string  `json:"base_url,omitempty"`
	Title       string  `json:"title,omitempty"`
	Sandbox     bool    `json:"sandbox"`
	Loopback    bool    `json:"loopback"`
	Rate        *Rate   `json:"rate,omitempty"`
	Concurrency int     `json:"concurrency,omitempty"`
	Timeout     float64 `json:"timeout_seconds,omitempty"`
}

// Rate is a number of requests in a span of time.
type Rate struct {
	Requests int     `json:"requests"`
	Per      float64 `json:"per_seconds"`
}

// Splits says how many refused requests were halved, and into how many.
type Splits struct {
	Requests int64 `json:"requests"`
	Leaves   int64 `json:"leaves"`
}

// Times is when answers came in.
type Times struct {
	First  time.Time `json:"first_at,omitzero"`
	Last   time.Time `json:"last_at,omitzero"`
	Active float64   `json:"active_seconds"`                // between the two, pauses included
	Rate   float64   `json:"requests_per_second,omitempty"` // over Active; absent when it cannot be told
	Next   time.Time `json:"next_at,omitzero"`              // the earliest time that a deferred request may be tried again
}

// Reason counts the requests and recipients that have an outcome for a reason.
type Reason struct {
	Outcome    campaign.Outcome `json:"outcome"`
	Code       string           `json:"code"` // empty: no reason is recorded, as for most accepted ones
	Requests   int64            `json:"requests"`
	Recipients int64            `json:"recipients"`
	Texts      []Text           `json:"texts"`                // what the upstream or the planner said, the first few
	More       *Rest            `json:"more_texts,omitempty"` // all other texts together
	Gathered   bool             `json:"gathered,omitempty"`   // many reasons in one, see Code
}

// Text counts one text of a reason.
type Text struct {
	Text       string `json:"text"`
	Requests   int64  `json:"requests"`
	Recipients int64  `json:"recipients"`
}

// Rest counts texts that are not quoted.
type Rest struct {
	Requests   int64 `json:"requests"`
	Recipients int64 `json:"recipients"`
}

// Listing counts the requests of one outcome and lists the first of them.
type Listing struct {
	Requests   int64     `json:"requests"`
	Recipients int64     `json:"recipients"`
	From       time.Time `json:"from,omitzero"`  // all of them were sent not before, to the second
	Until      time.Time `json:"until,omitzero"` // and not after
	Listed     []Listed  `json:"listed"`
}

// Listed is a request that a person may want to look at.
type Listed struct {
	Delivery   string    `json:"delivery"`
	Row        int64     `json:"row"` // of its first recipient
	Recipients int       `json:"recipients"`
	Status     int       `json:"status,omitempty"`
	Reason     string    `json:"reason"`
	Attempts   int       `json:"attempts"`
	At         time.Time `json:"at,omitzero"`
	From       time.Time `json:"from,omitzero"` // it was sent not before, to the second
	Until      time.Time `json:"until,omitzero"`
	who        string    // its first recipient's id, masked when it is a person's
}

// Balanced reports whether planned is the sum of the outcomes, for requests and
// for recipients.
func (r Report) Balanced() bool { return r.Requests.Balanced() && r.Recipients.Balanced() }

// Complete reports whether nothing is deferred or pending.
func (r Report) Complete() bool { return r.Requests.Complete() && r.Recipients.Complete() }

// HasUnknown reports whether a person must look.
func (r Report) HasUnknown() bool { return r.Requests.Unknown > 0 }

// HasRejected reports whether something was definitely refused.
func (r Report) HasRejected() bool { return r.Requests.Rejected > 0 }

// LeftOut is the number of recipients that are never to be sent to.
func (r Report) LeftOut() int64 { return r.Recipients.Skipped }

// newReport has everything that does not depend on the results.
func newReport(run campaign.Run, facts Facts) Report {
	zone := facts.Location
	if zone == nil {
		zone = run.Occurrence.Time.Location()
	}
	facts.Limits.Timeout = cmp.Or(facts.Limits.Timeout, campaign.DefaultTimeout)
	r := Report{
		FormatVersion: FormatVersion,
		Generated:     stamp(facts.Generated, zone),
		Tool:          Tool{Name: "campaign", Version: facts.Version, Commit: facts.Commit},
		Run: Run{
			ID: run.ID, Project: run.Project, Profile: run.Profile, Campaign: run.Campaign,
			Occurrence: Occurrence{Label: run.Occurrence.Label, Time: stamp(run.Occurrence.Time, zone)},
			Trial:      run.Trial, File: run.File, Target: run.Target, Channel: run.Channel,
			Began: stamp(run.Began, zone), Planner: run.Planner, PlanDigest: run.PlanDigest,
		},
		Upstream: Upstream{
			System: facts.System, BaseURL: bareURL(facts.BaseURL), Title: cut(facts.Title, maxText),
			Sandbox: facts.Sandbox, Loopback: facts.Loopback,
			Concurrency: facts.Limits.Concurrency, Timeout: facts.Limits.Timeout.Seconds(),
		},
		Groups:     facts.Groups,
		Invocation: facts.Invocation,
		Ended:      endedOf(facts.Notes, zone),
		Warnings:   append([]string{}, facts.Warnings...),
		History:    historyOf(facts.Notes, zone),
		Related:    facts.Related,
		Approval:   approvalOf(facts.Notes, zone),
		zone:       zone,
		spans:      newSpans(run, facts, facts.Limits.Timeout),
		worded:     hasWord(facts.Notes),
		resend:     facts.Resend,
	}
	r.Invocation.Began = stamp(facts.Invocation.Began, zone)
	r.Invocation.Ended = stamp(facts.Invocation.Ended, zone)
	if rate := facts.Limits.Rate; rate.N > 0 {
		r.Upstream.Rate = &Rate{Requests: rate.N, Per: rate.Per.Seconds()}
	}
	return r
}

// settle finds the state once the counts stand.
func (r *Report) settle(run campaign.Run, facts Facts) {
	in := facts.Invocation
	switch {
	case run.State == campaign.Cancelled:
		r.State, r.Reason = Cancelled, run.Reason
	case facts.Running: // before complete: an open attempt reads as unknown
		r.State = Running
	case r.Complete():
		r.State = Complete
	case in.Stop == Interrupted || in.Stop == Stopped:
		r.State, r.Reason, r.Resumable = in.Stop, in.Reason, true
	default:
		r.State, r.Reason = broken(facts.Notes)
		r.Resumable = true
	}
	r.Guard = r.guardOf(facts)
	r.Sentences = english.sentences(*r, plain)
}

// broken says from its notes why a run is not complete.
func broken(notes []campaign.Note) (State, string) {
	ended, reopened := lastEnd(notes)
	if ended == nil {
		return Unfinished, ""
	}
	state, reason := EndedBy(ended.Text)
	switch {
	case state != "":
		return state, reason
	case reopened:
		return Unfinished, broughtBack
	}
	return Unfinished, ""
}

// broughtBack is why a run that had gone to its end is not complete any more.
const broughtBack = "a person found that unknown requests were not accepted"

// stamp brings a time to the report's zone and to milliseconds.
func stamp(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.In(zone).Truncate(time.Millisecond)
}

// bareURL drops what may hold a secret: user, query and fragment.
func bareURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}
