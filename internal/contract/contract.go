// Package contract holds what people agree to before anything is sent: a plan that
// was saved, and how what the files say now differs from it. It does no I/O.
package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Format and FormatVersion stand in every document. Additions keep the version.
const (
	Format        = "campaign plan"
	FormatVersion = 1
)

// Document is a saved plan, one for all campaigns of an invocation. It binds
// everything that they are made of by digest, and holds what a reviewer reads: no
// recipient, no secret.
type Document struct {
	Format        string    `json:"format"`
	FormatVersion int       `json:"format_version"`
	Made          time.Time `json:"made_at"`
	Tool          string    `json:"tool"` // the program's version
	Project       string    `json:"project,omitempty"`
	Profile       string    `json:"profile"`
	Occurrence    string    `json:"occurrence"` // the label, the same for all
	Plans         []Plan    `json:"plans"`
}

// Plan is one campaign's.
type Plan struct {
	File            string           `json:"file"`
	Campaign        string           `json:"campaign"`
	Profile         string           `json:"profile"`
	Occurrence      string           `json:"occurrence"`
	Run             string           `json:"run"`
	Digest          string           `json:"digest"` // over everything that it is made of (plan.Digest)
	Planner         int              `json:"planner"`
	Channel         string           `json:"channel"`
	Target          string           `json:"target"`
	Address         string           `json:"address"`
	Recipients      int64            `json:"recipients"` // every source row, or user group
	Requests        int64            `json:"requests"`
	Skipped         map[string]int64 `json:"skipped"` // rows left out, by reason
	Lists           []List           `json:"lists,omitempty"`
	Personalised    bool             `json:"personalised"`
	Contents        int64            `json:"contents"`
	ContentsAtLeast bool             `json:"contents_at_least,omitempty"`
	SharedRequests  int64            `json:"shared_requests"`    // if everybody got the same
	Seconds         float64          `json:"seconds_at_rate"`    // at the rate alone; 0: no rate is set
	Forecast        *Forecast        `json:"forecast,omitempty"` // as it was when the plan was made; nil: its schedule is not due any more
	Cost            *Cost            `json:"cost,omitempty"`

	// What only a saved plan has.
	Content  string   `json:"content_digest,omitempty"`  // over what it says and how it goes out, whoever it is for
	Audience string   `json:"audience_digest,omitempty"` // over whom it is for
	Schedule string   `json:"schedule_digest,omitempty"` // over when it goes out; empty: it has no schedule
	Inputs   []Input  `json:"inputs,omitempty"`
	Sources  []Source `json:"sources,omitempty"`
}

// List is a list that leaves rows out, and how many.
type List struct {
	File    string `json:"file"`
	Account bool   `json:"account"`
	Matched int64  `json:"matched"`
}

// Input is a file that the plan was made of.
type Input struct {
	File   string `json:"file"`
	Digest string `json:"digest"` // lower-case hex of a SHA-256
}

// Source is what stands in the campaign file, or in a file of its content. Texts
// are as written: templates are not rendered.
type Source struct {
	File string `json:"file"`
	Text string `json:"text"`
	// Hidden: recipients stand in the file itself and are not shown.
	Hidden bool `json:"hidden,omitempty"`
}

// Reached is how many recipients it is for, those left out not counted.
func (p *Plan) Reached() int64 {
	n := p.Recipients
	for _, left := range p.Skipped {
		n -= left
	}
	return n
}

// Encode writes a document for its file.
func Encode(d Document) ([]byte, error) {
	d.Format, d.FormatVersion = Format, FormatVersion
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("write a plan: %w", err)
	}
	return b.Bytes(), nil
}

// Decode reads a document. It refuses what is no saved plan, one of a newer format,
// and one in which something is missing that sending depends on.
func Decode(data []byte) (Document, error) {
	var d Document
	in := json.NewDecoder(bytes.NewReader(data))
	if err := in.Decode(&d); err != nil {
		return d, fmt.Errorf("no saved plan: %w", err)
	}
	switch _, err := in.Token(); {
	case d.Format != Format:
		return d, fmt.Errorf("no saved plan: `campaign plan --out FILE` writes one")
	case d.FormatVersion != FormatVersion:
		return d, fmt.Errorf("a plan of format %d, and this program reads format %d", d.FormatVersion, FormatVersion)
	case !errors.Is(err, io.EOF):
		return d, errors.New("no saved plan: something follows its end")
	case d.Profile == "", d.Occurrence == "", len(d.Plans) == 0:
		return d, errors.New("no whole plan: its profile, its occurrence or its campaigns are missing")
	}
	seen := map[string]bool{}
	for i, p := range d.Plans {
		switch {
		case p.File == "" || p.Campaign == "" || p.Digest == "" || p.Content == "" || p.Planner == 0:
			return d, fmt.Errorf("no whole plan: campaign %d has no file, name, digest or planner", i+1)
		case seen[p.File]:
			return d, fmt.Errorf("no whole plan: %s is in it twice", p.File)
		}
		seen[p.File] = true
	}
	return d, nil
}
