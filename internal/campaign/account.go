package campaign

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Project is a decoded targets.yaml: its accounts by profile.
type Project struct {
	ID       string         // ties the ledger to this project; empty when the file has none
	File     string         // path of targets.yaml in the project
	Location *time.Location // default zone
	Zone     string         // its IANA name
	Profiles map[string]Profile
	Notify   []Webhook
}

// Webhook is somebody who is told how a run ended, or that an occurrence was missed.
type Webhook struct {
	Name string
	URL  Credential // Env or File: addresses of robots are secrets
	Body string     // a template of JSON; empty: the event's own form
	On   []string   // the events that it is told of, of NoticeEvents; nil: all
}

// Wants reports whether a webhook is told of an event.
func (w Webhook) Wants(event string) bool { return w.On == nil || slices.Contains(w.On, event) }

// Profile is one set of accounts under the names that campaigns use.
type Profile struct {
	Name    string
	Pointer string // JSON pointer of the profile's accounts in targets.yaml
	Targets map[string]Account
	Require Require
}

// Account is one upstream account as targets.yaml declares it. The plug-in of
// System decodes Raw, which holds the whole mapping; the other fields mean the
// same for every system.
type Account struct {
	Name        string
	System      string // "zqt" or "chuanbo"
	Raw         Raw
	Limits      Limits
	Timeout     time.Duration // of one request; 0: the campaign's
	Proxy       string        // URL; empty: none (the environment's proxies are never used)
	CAFile      string        // path in the project; empty: the system's roots
	Only        []string      // a test account reaches these recipients (or groups) and nobody else; nil: anybody
	Suppress    []Exclusion
	Cap         *Cap                  // nil: none
	Price       *Price                // nil: none is given
	Headers     map[string]Credential // fixed headers
	NotAccepted []int                 // HTTP statuses of which the account's owner knows that nothing was accepted
}

// Cap is how many messages a recipient gets from an account in a span of time, all
// campaigns together: accepted, unknown, and those that runs still owe.
type Cap struct {
	Messages int
	Per      time.Duration // whole hours
}

// String says it for people: 3 messages in 7d.
func (c Cap) String() string {
	noun := "messages"
	if c.Messages == 1 {
		noun = "message"
	}
	const day = 24 * time.Hour
	if c.Per%day == 0 {
		return fmt.Sprintf("%d %s in %dd", c.Messages, noun, c.Per/day)
	}
	return fmt.Sprintf("%d %s in %dh", c.Messages, noun, c.Per/time.Hour)
}

// Limits belong to the account: all campaigns and processes share them.
type Limits struct {
	Rate        Rate
	Concurrency int // requests in flight; 0: 1
}

// Rate is a number of requests in a span of time. The zero Rate is no limit.
type Rate struct {
	N   int
	Per time.Duration
}

// Interval is the mean time between two requests; 0 without a limit.
func (r Rate) Interval() time.Duration {
	if r.N <= 0 {
		return 0
	}
	return r.Per / time.Duration(r.N)
}

// Credential says where a secret comes from, never what it is. Exactly one
// field is set.
type Credential struct {
	Env     string   `json:"env,omitempty"`
	File    string   `json:"file,omitempty"`    // relative to targets.yaml, or absolute: secret files may lie outside the project
	Command []string `json:"command,omitempty"` // program and arguments, no shell
	OAuth2  *OAuth2  `json:"oauth2,omitempty"`
	Literal string   `json:"literal,omitempty"` // a fixed header's plain value: not a secret
}

// OAuth2 is a client-credentials grant (RFC 6749, section 4.4).
type OAuth2 struct {
	TokenURL     string      `json:"token_url"`
	ClientID     string      `json:"client_id"`
	ClientSecret *Credential `json:"client_secret"`
	Scopes       []string    `json:"scopes,omitempty"`
}

// UnmarshalJSON also takes a plain string: a literal.
func (c *Credential) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &c.Literal)
	}
	type plain Credential
	return json.Unmarshal(data, (*plain)(c))
}
