package targets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"campaign/internal/campaign"
)

// ReasonLimit bounds, in code points, how much of an upstream's text a reason or
// a reference holds.
const ReasonLimit = 200

// maxAfter keeps a Retry-After from overflowing: nobody waits for ten years.
const maxAfter = 10 * 365 * 24 * time.Hour

// JudgeStatus judges an answer whose body is no documented one, by what means
// the same from every upstream (design: delivery, rule 4): 429, 425, 503 with
// Retry-After, and the statuses of which the account's owner knows that nothing
// was accepted, are deferred. All else is unknown. It never accepts or rejects.
func JudgeStatus(a Answer, notAccepted []int) campaign.Verdict {
	after, given := RetryAfter(a.Header)
	deferred := campaign.Verdict{Outcome: campaign.Deferred, Status: a.Status, After: after}
	switch {
	case a.Status == http.StatusTooManyRequests:
		deferred.Reason = "too-many-requests: HTTP 429"
	case a.Status == http.StatusTooEarly:
		deferred.Reason = "too-early: HTTP 425"
	case a.Status == http.StatusServiceUnavailable && given:
		deferred.Reason = "unavailable: HTTP 503"
	case a.Status >= 400 && slices.Contains(notAccepted, a.Status):
		deferred.Reason = fmt.Sprintf("not-accepted: HTTP %d", a.Status)
	default:
		return Unexpected(a)
	}
	return deferred
}

// Unexpected is the verdict on an answer that nothing describes: unknown, with
// what was seen.
func Unexpected(a Answer) campaign.Verdict {
	kind := "no content type"
	if header := a.Header.Get("Content-Type"); header != "" {
		kind = "unreadable content type"
		if media, _, err := mime.ParseMediaType(header); err == nil {
			kind = Clean(media)
		}
	}
	return campaign.Verdict{
		Outcome: campaign.Unknown,
		Status:  a.Status,
		Reason:  fmt.Sprintf("unexpected-answer: HTTP %d, %s, %d bytes", a.Status, kind, len(a.Body)),
	}
}

// RetryAfter reads the Retry-After header (RFC 9110, section 10.2.3): seconds,
// or a date, which counts from the answer's own Date header. Whoever receives
// an answer without Date adds one (RFC 9110, section 6.6.1); without it a date
// gives 0. Of several the longest counts. ok is false when there is none that
// can be read.
func RetryAfter(h http.Header) (after time.Duration, ok bool) {
	for _, value := range h.Values("Retry-After") {
		value = strings.TrimSpace(value)
		if digits(value) {
			ok = true
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil || seconds > int64(maxAfter/time.Second) {
				after = maxAfter
				continue
			}
			after = max(after, time.Duration(seconds)*time.Second)
			continue
		}
		at, err := http.ParseTime(value)
		if err != nil {
			continue
		}
		ok = true
		if now, err := http.ParseTime(h.Get("Date")); err == nil {
			after = max(after, min(at.Sub(now), maxAfter))
		}
	}
	return after, ok
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// Object reads a body that is exactly one JSON object, by its exact keys: no
// key twice, nothing behind it. Anything else is no documented answer.
func Object(body []byte) (map[string]json.RawMessage, bool) {
	if !json.Valid(body) {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	object := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		key, isText := token.(string)
		if err != nil || !isText {
			return nil, false
		}
		if _, twice := object[key]; twice {
			return nil, false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, false
		}
		object[key] = value
	}
	return object, true
}

// String reads a JSON string; ok is false for any other type.
func String(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return text, json.Unmarshal(raw, &text) == nil
}

// Integer reads a JSON number that is written as a whole number of at most 64
// bits; ok is false for anything else, 1.0 and -0 among them.
func Integer(raw json.RawMessage) (value int64, ok bool) {
	value, err := strconv.ParseInt(string(raw), 10, 64)
	return value, err == nil && strconv.FormatInt(value, 10) == string(raw)
}

// Clean makes a text of an upstream fit for a reason, a report or a terminal:
// one line, no control or invisible formatting characters, at most ReasonLimit
// code points.
func Clean(text string) string {
	var b strings.Builder
	n, space := 0, ""
	for _, r := range text {
		if unicode.IsSpace(r) || !unicode.IsGraphic(r) {
			if n > 0 {
				space = " "
			}
			continue
		}
		n += len(space) + 1
		if n >= ReasonLimit {
			b.WriteRune('…')
			break
		}
		b.WriteString(space)
		b.WriteRune(r)
		space = ""
	}
	return b.String()
}

// Reference makes what an upstream gave as its id fit to keep: a string or
// number as its text, anything else as compact JSON, null and nothing as "".
func Reference(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if text, ok := String(raw); ok {
		return Clean(text)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return ""
	}
	return Clean(compact.String())
}
