package targettest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// Class is what an HTTP status means when the body is no documented answer,
// whatever the upstream (design: delivery, rule 4).
type Class struct {
	From, To int              // statuses, both included
	Alone    campaign.Outcome // without a Retry-After that can be read
	Waiting  campaign.Outcome // with one
	Named    campaign.Outcome // the account's not_accepted names the status, with Retry-After or without
	Reason   string           // of Waiting, or of Alone, where that is deferred
}

// Classes is the whole of it: what is retried by itself is only what certainly
// was not accepted.
var Classes = []Class{
	{0, 399, campaign.Unknown, campaign.Unknown, campaign.Unknown, ""},
	{400, 407, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""},
	{408, 408, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""}, // the upstream waited: for whom, it does not say
	{409, 424, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""},
	{425, 425, campaign.Deferred, campaign.Deferred, campaign.Deferred, "too-early: HTTP 425"},
	{426, 428, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""},
	{429, 429, campaign.Deferred, campaign.Deferred, campaign.Deferred, "too-many-requests: HTTP 429"},
	{430, 499, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""},
	{500, 500, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""},
	{501, 501, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""},
	{502, 502, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""},
	{503, 503, campaign.Unknown, campaign.Deferred, campaign.Deferred, "unavailable: HTTP 503"},
	{504, 504, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""},
	{505, 999, campaign.Unknown, campaign.Unknown, campaign.Deferred, ""},
}

// ClassOf finds the class of a status.
func ClassOf(status int) Class {
	return Classes[slices.IndexFunc(Classes, func(c Class) bool { return c.From <= status && status <= c.To })]
}

// Patience is a form of the Retry-After header, and what it asks for.
type Patience struct {
	Name   string
	Header http.Header
	After  time.Duration
	Read   bool // it can be read
}

// Patiences are the forms: absent, seconds, dates, several, and what is neither.
var Patiences = []Patience{
	{"absent", nil, 0, false},
	{"seconds", retryAfter("", "7"), 7 * time.Second, true},
	{"no time", retryAfter("", "0"), 0, true},
	{"spaces", retryAfter("", " 120 "), 2 * time.Minute, true},
	{"leading zeros", retryAfter("", "007"), 7 * time.Second, true},
	{"a day", retryAfter("", "86400"), 24 * time.Hour, true},
	{"absurd", retryAfter("", "99999999999"), longest, true},
	{"beyond 64 bits", retryAfter("", strings.Repeat("9", 40)), longest, true},
	{"a date", retryAfter("Tue, 01 Dec 2026 01:00:00 GMT", "Tue, 01 Dec 2026 01:01:30 GMT"), 90 * time.Second, true},
	{"a date of RFC 850", retryAfter("Tue, 01 Dec 2026 01:00:00 GMT", "Tuesday, 01-Dec-26 01:01:30 GMT"), 90 * time.Second, true},
	{"a past date", retryAfter("Tue, 01 Dec 2026 01:00:00 GMT", "Mon, 30 Nov 2026 01:00:00 GMT"), 0, true},
	{"a far date", retryAfter("Tue, 01 Dec 2026 01:00:00 GMT", "Tue, 01 Dec 2099 01:00:00 GMT"), longest, true},
	{"a date without Date", retryAfter("", "Tue, 01 Dec 2026 01:01:30 GMT"), 0, true},
	{"several", retryAfter("Tue, 01 Dec 2026 01:00:00 GMT", "5", "60", "soon", "Tue, 01 Dec 2026 01:00:30 GMT"), time.Minute, true},
	{"negative", retryAfter("", "-7"), 0, false},
	{"a sign", retryAfter("", "+7"), 0, false},
	{"a fraction", retryAfter("", "7.5"), 0, false},
	{"a unit", retryAfter("", "7s"), 0, false},
	{"words", retryAfter("", "soon"), 0, false},
	{"empty", retryAfter("", ""), 0, false},
	{"other digits", retryAfter("", "７"), 0, false},
}

// longest is the longest wait that any header can ask for.
const longest = 10 * 365 * 24 * time.Hour

func retryAfter(date string, values ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Retry-After": values}
	if date != "" {
		h.Set("Date", date)
	}
	return h
}

// Want is the verdict on an answer whose body is no documented one, as far as its
// outcome, its wait and a deferred one's reason go.
func Want(status int, p Patience, named bool) campaign.Verdict {
	class := ClassOf(status)
	v := campaign.Verdict{Status: status, Outcome: class.Alone, Reason: class.Reason}
	switch {
	case v.Outcome == campaign.Deferred:
	case p.Read && class.Waiting == campaign.Deferred:
		v.Outcome = class.Waiting
	case named && class.Named == campaign.Deferred:
		v.Outcome, v.Reason = class.Named, "not-accepted: HTTP "+strconv.Itoa(status)
	}
	if v.Outcome != campaign.Deferred {
		return campaign.Verdict{Status: status, Outcome: v.Outcome}
	}
	v.After = p.After
	return v
}
