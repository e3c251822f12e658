package campaign

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"text/template"
	"time"
)

// Notice is what a webhook is told: the words of its templates, and without one the
// document that is sent.
type Notice struct {
	Event      string    `json:"event"` // of NoticeEvents
	At         time.Time `json:"at"`
	Project    string    `json:"project"`
	Profile    string    `json:"profile"`
	Campaign   string    `json:"campaign"`
	Occurrence string    `json:"occurrence"`
	Run        string    `json:"run"`   // empty when nothing was run
	State      string    `json:"state"` // of the run; "skipped" for an occurrence that was missed
	ExitCode   int       `json:"exit_code"`
	Text       string    `json:"text"` // the verdict in a line, or what was missed and why
	Recipients Counts    `json:"recipients"`
	Requests   Counts    `json:"requests"`
	// Reason is why an occurrence was missed, as the ledger has it: a code of Skip… and
	// perhaps ": " and a detail. Missed is how many were, for the same reason one after
	// another; Occurrence is the first of them.
	Reason string `json:"reason,omitempty"`
	Missed int64  `json:"missed,omitempty"`
}

// The events that webhooks are told of. They stand in files.
const (
	NoticeEnded  = "ended"  // an invocation of a run has ended
	NoticeMissed = "missed" // an occurrence was not run, and somebody should know
)

// NoticeEvents are all events.
var NoticeEvents = []string{NoticeEnded, NoticeMissed}

// NoticeTemplate gives the body that a webhook is sent.
type NoticeTemplate struct{ t *template.Template }

// ParseNotice reads a template of JSON; an empty one gives the notice itself. It is
// tried on a notice full of quotes: what does not come out as JSON then is an error.
func ParseNotice(body string) (NoticeTemplate, error) {
	if body == "" {
		return NoticeTemplate{}, nil
	}
	t, err := template.New("body").Option("missingkey=error").Funcs(template.FuncMap{"json": asJSON}).Parse(body)
	if err != nil {
		return NoticeTemplate{}, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	quotes := "\"\\\n<>"
	n := NoticeTemplate{t}
	_, err = n.Body(Notice{Event: quotes, Project: quotes, Profile: quotes, Campaign: quotes, Occurrence: quotes, Run: quotes, State: quotes, Text: quotes, Reason: quotes})
	return n, err
}

// Body is the JSON that is sent about a notice.
func (n NoticeTemplate) Body(about Notice) ([]byte, error) {
	if n.t == nil {
		return json.Marshal(about)
	}
	var b bytes.Buffer
	if err := n.t.Execute(&b, about); err != nil {
		return nil, errors.New(strings.TrimPrefix(strings.TrimSuffix(err.Error(), " in type campaign.Notice"), "template: "))
	}
	if !json.Valid(b.Bytes()) {
		return nil, errors.New("what it gives is no JSON when a text has quotes in it")
	}
	return b.Bytes(), nil
}

// asJSON writes a value as JSON, so that a template can put it anywhere.
func asJSON(v any) (string, error) {
	data, err := json.Marshal(v)
	return string(data), err
}
