package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"campaign/internal/campaign"
)

// ErrNoStamp is wrapped for a file that does not say which run's records it was
// folded from.
var ErrNoStamp = errors.New("it carries no digest of a run's records")

// Stamp is what a report says of itself: the run, the digest of the records that it
// was folded from, and where the format has them the counts.
type Stamp struct {
	Run, Records         string
	Generated            time.Time        // zero: the format does not say, or for people only
	Requests, Recipients *campaign.Counts // nil: the format has them for people only
	// Lines are the recipients that stand in the file, counted; nil: it lists none.
	Lines *campaign.Counts
}

// stampOf is what a page says in its head for programs.
func stampOf(r Report) string { return r.Run.ID + " " + r.Records }

// Where a page and Markdown say of which records they are. Texts of others cannot
// look like that: they are escaped there, and begin no line here.
var (
	pageStamp     = regexp.MustCompile(`<meta name="campaign-records" content="([0-9a-z]+) ([0-9a-f]{64})">`)
	markdownStamp = regexp.MustCompile("(?m)^\\| run \\| `([0-9a-z]+)` \\|$(?:.|\\n)*?^\\| records \\| `([0-9a-f]{64})`: ")
)

// ReadStamp reads the stamp of a report in any format but csv, which has none. Memory
// does not grow with a list of recipients.
func ReadStamp(r io.Reader) (Stamp, error) {
	in := bufio.NewReaderSize(r, 4096)
	start, _ := in.Peek(64) // shorter: what is there
	start = bytes.TrimLeft(start, "\uFEFF \t\r\n")
	var s Stamp
	var err error
	switch {
	case bytes.HasPrefix(start, []byte("{")):
		s, err = jsonStamp(in)
	case bytes.HasPrefix(start, []byte("<?xml")):
		s, err = junitStamp(in)
	default:
		s, err = textStamp(in)
	}
	if err == nil && (s.Run == "" || len(s.Records) != 64) {
		err = ErrNoStamp
	}
	return s, err
}

// jsonStamp reads report.json, or recipients.ndjson with each of its lines.
func jsonStamp(r io.Reader) (Stamp, error) {
	var s Stamp
	d := json.NewDecoder(r)
	for first := true; ; first = false {
		var v struct {
			Generated  time.Time         `json:"generated_at"`
			Kind       string            `json:"kind"`
			Run        json.RawMessage   `json:"run"`
			Records    string            `json:"records_digest"`
			Requests   *campaign.Counts  `json:"requests"`
			Recipients *campaign.Counts  `json:"recipients"`
			Outcome    *campaign.Outcome `json:"outcome"`
			Summary    *recipientsSummary
		}
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, fmt.Errorf("%w: %w", ErrNoStamp, err)
		}
		switch {
		case first && v.Kind == "recipients":
			s.Generated, s.Lines = v.Generated, &campaign.Counts{}
		case first:
			var run Run
			if err := json.Unmarshal(v.Run, &run); err != nil {
				return s, ErrNoStamp
			}
			return Stamp{Run: run.ID, Records: v.Records, Generated: v.Generated, Requests: v.Requests, Recipients: v.Recipients}, nil
		case v.Outcome != nil && s.Lines != nil:
			s.Lines.Planned++
			s.Lines.Add(*v.Outcome, 1)
		case v.Summary != nil:
			s.Run, s.Records, s.Requests, s.Recipients = v.Summary.Run, v.Summary.Records, &v.Summary.Requests, &v.Summary.Recipients
		}
	}
}

func junitStamp(r io.Reader) (Stamp, error) {
	var suites junitSuites
	if err := xml.NewDecoder(io.LimitReader(r, maxReportFile)).Decode(&suites); err != nil {
		return Stamp{}, fmt.Errorf("%w: %w", ErrNoStamp, err)
	}
	var s Stamp
	for _, p := range suites.Suite.Properties {
		switch p.Name {
		case "run":
			s.Run = p.Value
		case "records_digest":
			s.Records = p.Value
		}
	}
	return s, nil
}

func textStamp(r io.Reader) (Stamp, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxReportFile))
	if err != nil {
		return Stamp{}, err
	}
	pattern := markdownStamp
	if bytes.HasPrefix(text, []byte("<!doctype html>")) {
		pattern = pageStamp
	}
	found := pattern.FindSubmatch(text)
	if found == nil {
		return Stamp{}, ErrNoStamp
	}
	return Stamp{Run: string(found[1]), Records: string(found[2])}, nil
}

// Differs says where a stamp and the report of the same records do not agree; empty:
// nowhere.
func (s Stamp) Differs(r Report) string {
	for _, c := range []struct {
		what string
		said *campaign.Counts
		are  campaign.Counts
	}{{"requests", s.Requests, r.Requests}, {"recipients", s.Recipients, r.Recipients}, {"lines", s.Lines, r.Recipients}} {
		if c.said != nil && *c.said != c.are {
			return fmt.Sprintf("its %s are %s, and the ledger has %s", c.what, tally(*c.said), tally(c.are))
		}
	}
	return ""
}

// tally says counts in a line.
func tally(c campaign.Counts) string {
	text := fmt.Sprintf("%d", c.Planned)
	for _, o := range campaign.Outcomes {
		if n := c.Of(o); n > 0 {
			text += fmt.Sprintf(", %d %s", n, o)
		}
	}
	return text
}
