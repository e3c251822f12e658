package report

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// recipientsWriter writes recipients.ndjson: a version line, a line for each
// source row in plan order, and a summary without which the file is not whole
// (schema/report.schema.json, definitions). It holds ids in full.
type recipientsWriter struct {
	w    io.Writer
	buf  []byte
	last Line   // Row and ID do not matter
	tail []byte // what follows the id in a line like last
}

// recipientsHead is the version line.
type recipientsHead struct {
	FormatVersion int       `json:"format_version"`
	Kind          string    `json:"kind"`
	Run           string    `json:"run"`
	Profile       string    `json:"profile"`
	Campaign      string    `json:"campaign"`
	Occurrence    string    `json:"occurrence"`
	Trial         bool      `json:"trial"`
	Sandbox       bool      `json:"sandbox"`
	PlanDigest    string    `json:"plan_digest"`
	Generated     time.Time `json:"generated_at"`
	// What unknown requests are to be looked for by, in the upstream's console.
	Target  string `json:"target"`
	Channel string `json:"channel"`
	BaseURL string `json:"base_url,omitempty"`
	Title   string `json:"title,omitempty"`
}

// recipientsTail is the last line.
type recipientsTail struct {
	Summary recipientsSummary `json:"summary"`
}

type recipientsSummary struct {
	State      State           `json:"state"`
	Recipients campaign.Counts `json:"recipients"`
	Requests   campaign.Counts `json:"requests"`
	Run        string          `json:"run"`
	Records    string          `json:"records_digest"`
}

// flushAt is the size from which the buffer is written out, in bytes.
const flushAt = 64 << 10

func openRecipients(w io.Writer, run campaign.Run, facts Facts) (writer, error) {
	r := newReport(run, facts)
	rw := &recipientsWriter{w: w, buf: make([]byte, 0, flushAt+4096)}
	return rw, rw.object(recipientsHead{
		FormatVersion: FormatVersion, Kind: "recipients",
		Run: run.ID, Profile: run.Profile, Campaign: run.Campaign, Occurrence: run.Occurrence.Label,
		Trial: run.Trial, Sandbox: facts.Sandbox, PlanDigest: run.PlanDigest, Generated: r.Generated,
		Target: run.Target, Channel: run.Channel, BaseURL: r.Upstream.BaseURL, Title: r.Upstream.Title,
	})
}

func (rw *recipientsWriter) line(l Line) error {
	row, id := l.Row, l.ID
	l.Row, l.ID = 0, ""
	if rw.tail == nil || l != rw.last {
		rw.last, rw.tail = l, appendTail(rw.tail[:0], l)
	}
	rw.buf = append(rw.buf, `{"row":`...)
	rw.buf = strconv.AppendInt(rw.buf, row, 10)
	rw.buf = append(rw.buf, `,"id":`...)
	rw.buf = appendString(rw.buf, id)
	rw.buf = append(rw.buf, rw.tail...)
	return rw.flush(flushAt)
}

func (rw *recipientsWriter) end(r Report) error {
	return errors.Join(rw.object(recipientsTail{recipientsSummary{r.State, r.Recipients, r.Requests, r.Run.ID, r.Records}}), rw.flush(0))
}

func (rw *recipientsWriter) object(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	rw.buf = append(append(rw.buf, data...), '\n')
	return nil
}

// flush writes the buffer out when it holds more than n bytes.
func (rw *recipientsWriter) flush(n int) error {
	if len(rw.buf) <= n {
		return nil
	}
	_, err := rw.w.Write(rw.buf)
	rw.buf = rw.buf[:0]
	return err
}

// appendTail writes what the recipients of one part have in common. Keys without
// a value are left out, except those that every line has.
func appendTail(b []byte, l Line) []byte {
	b = append(b, `,"outcome":`...)
	b = appendString(b, l.Outcome.String())
	b = append(b, `,"reason":`...)
	b = appendString(b, l.Reason)
	b = append(b, `,"ref":`...)
	b = appendString(b, l.Ref)
	b = append(b, `,"attempts":`...)
	b = strconv.AppendInt(b, int64(l.Attempts), 10)
	b = appendTime(b, `,"at":"`, l.At)
	b = appendTime(b, `,"sent_from":"`, l.From)
	b = appendTime(b, `,"sent_until":"`, l.Until)
	if l.Delivery != "" {
		b = append(b, `,"delivery":`...)
		b = appendString(b, l.Delivery)
	}
	if l.Status != 0 {
		b = append(b, `,"status":`...)
		b = strconv.AppendInt(b, int64(l.Status), 10)
	}
	if l.Stage != 0 {
		b = append(b, `,"stage":`...)
		b = strconv.AppendInt(b, int64(l.Stage), 10)
	}
	if l.Reopened {
		b = append(b, `,"reopened":true`...)
	}
	return append(b, "}\n"...)
}

// appendTime writes a key, given up to its value's first quote, and a time; a
// zero time is left out.
func appendTime(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(b, key...)
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// plainASCII are the bytes that encoding/json writes as they are.
var plainASCII = func() (t [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		t[c] = !strings.ContainsRune(`"\<>&`, c)
	}
	return t
}()

// appendString writes a JSON string as encoding/json does, without its cost
// where nothing needs escaping.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if plainASCII[s[i]] {
			continue
		}
		data, err := json.Marshal(s)
		if err != nil {
			panic(err) // a string always has a JSON form
		}
		return append(b, data...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
