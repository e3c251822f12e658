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
	Event      string    `json:"event"` // NoticeEnded
	At         time.Time `json:"at"`
	Project    string    `json:"project"`
	Profile    string    `json:"profile"`
	Campaign   string    `json:"campaign"`
	Occurrence string    `json:"occurrence"`
	Run        string    `json:"run"`
	State      string    `json:"state"`
	ExitCode   int       `json:"exit_code"`
	Text       string    `json:"text"` // the verdict in a line
	Recipients Counts    `json:"recipients"`
	Requests   Counts    `json:"requests"`
}

// NoticeEnded is the event of an invocation of a run that ended.
const NoticeEnded = "ended"

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
	_, err = n.Body(Notice{Event: quotes, Project: quotes, Profile: quotes, Campaign: quotes, Occurrence: quotes, Run: quotes, State: quotes, Text: quotes})
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
