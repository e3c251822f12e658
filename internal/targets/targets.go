// Package targets is the port of the upstream systems, and the kit that its
// members share. A target is pure: it builds requests and judges answers. Wire,
// timeouts, retries, pacing and redaction are the runner's.
package targets

import (
	"net/http"
	"net/url"

	"campaign/internal/campaign"
)

// System is one upstream system: the plug-in. The list of them stands in
// cmd/campaign/wire.go.
type System interface {
	// Name is the `system` of targets.yaml.
	Name() string
	// Channels lists the channel types, for example chuanbo.sms.
	Channels() []string
	// Account decodes an account's mapping. Problems point into targets.yaml. It
	// resolves no secret and does no I/O. With problems that are errors the
	// account is nil.
	Account(a campaign.Account) (Account, []campaign.Problem)
}

// Account is a decoded account of a system.
type Account interface {
	// BaseURL is where the account's requests go, without a trailing slash.
	BaseURL() *url.URL
	// Credentials names every secret that requests of the account need, for
	// example token or connect_no, and says where each comes from.
	Credentials() map[string]campaign.Credential
	// Target decodes a campaign's channel and content. Problems point into the
	// campaign file. With problems that are errors the target is nil.
	Target(c *campaign.Campaign) (Target, []campaign.Problem)
}

// Target builds the requests of one campaign and judges their answers.
// Implementations are safe for concurrent use and deterministic: the same
// message and secrets give the same bytes.
type Target interface {
	// Layout says what recipients and messages of this campaign consist of.
	Layout() Layout
	// Request builds the upstream request of one message. In plans and previews
	// the secrets are stand-ins ($NAME).
	Request(m Message, s Secrets) (Request, error)
	// Judge says what an answer means. It never guesses: what no document
	// describes is unknown (design: delivery, rule 4).
	Judge(a Answer) campaign.Verdict
}

// Authorizer is a Target whose requests carry a token that can be renewed: the
// credential "token".
type Authorizer interface {
	// Authorize adds the token to the headers.
	Authorize(h http.Header, token campaign.Secret)
	// Unauthorized reports whether the answer refuses the token itself, so that a
	// new one may help.
	Unauthorized(a Answer) bool
}

// Grouper is an Account that lists the upstream's user groups.
type Grouper interface {
	// GroupPage builds the request for a page, counted from 1.
	GroupPage(page, size int, s Secrets) (Request, error)
	// Groups reads its answer: the page's groups and how many there are in all.
	Groups(a Answer) (groups []campaign.Group, total int64, err error)
}

// Layout describes recipients and message of a campaign.
type Layout struct {
	// Groups: recipients are user groups of the upstream, resolved there; files
	// and lists of recipients, dedupe and exclusions do not apply.
	Groups bool
	// Fields are what a request needs of each recipient; the first is the id that
	// operators know. A recipient's first cells are these, in this order.
	Fields []Field
	// Identity is the default of `dedupe`.
	Identity []string
	// Texts are the templated parts of the content, in a fixed order.
	Texts []Text
	// Kinds are what each recipient, or each person of a group, is asked to be sent:
	// kinds as campaign.KindSMS, first the message itself. They are for counting only.
	Kinds []string
}

// Field is a value that each recipient has.
type Field struct {
	Name     string
	Required bool
	// Parse checks a value and gives its normal form, for example 2 for 企业; nil
	// takes any. Its error completes the sentence "<field> …".
	Parse func(string) (string, error)
}

// Text is a part of the content that may hold a template.
type Text struct {
	Pointer  string // JSON pointer in the campaign file, for example /content/title
	File     string // the project file that the text comes from; empty: the campaign file
	Source   string
	Escape   Escape
	Required bool // the rendered text must not be blank
	Limit    int  // of the rendered text, in Unicode code points; 0: none
}

// Escape says how values are escaped where they stand in a text.
type Escape uint8

// The ways to escape.
const (
	Plain Escape = iota // as they are
	HTML                // contextual HTML escaping, as html/template does
	URL                 // percent-encoding of each value (RFC 3986, unreserved characters)
)

// Message is what one request says, and to whom.
type Message struct {
	Texts      []string // rendered, in the order of Layout.Texts
	Recipients []campaign.Recipient
}

// Secrets gives the values of an account's credentials by name.
type Secrets map[string]campaign.Secret

// Request is an upstream request as it goes on the wire, except for the token
// (Authorizer) and the account's fixed headers, which the runner adds.
type Request struct {
	Method string
	URL    string
	Header http.Header // Content-Type and what the document asks for
	Body   []byte
}

// Answer is what came back, whole: a body that was cut off is no answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}
