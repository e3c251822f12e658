package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
	"campaign/internal/runner"
)

// status is where an invocation stands.
type status struct {
	Campaign string          `json:"campaign"`
	Run      string          `json:"run"`
	At       time.Time       `json:"at"`
	Phase    string          `json:"phase"` // sending, waiting, trouble
	Waits    string          `json:"waits_for,omitempty"`
	Total    int64           `json:"recipients_to_send"` // by this invocation
	Counts   campaign.Counts `json:"recipients"`         // of this invocation, by their last outcome; planned and pending are 0
	Requests int64           `json:"requests"`           // attempts begun
	InFlight int             `json:"in_flight"`
	Retries  int64           `json:"retries"`
	Rate     float64         `json:"requests_per_second"` // over the last seconds
	Left     float64         `json:"seconds_left,omitempty"`
}

// done is how many recipients need nothing more.
func (s *status) done() int64 {
	c := s.Counts
	return c.Accepted + c.Rejected + c.Unknown + c.Skipped
}

// line is the status in one line.
func (s *status) line() string {
	parts := []string{
		count(s.Requests, "request") + " so far",
		fmt.Sprintf("%d of %s accepted", s.Counts.Accepted, count(s.Total, "recipient")),
		fmt.Sprintf("%d in flight", s.InFlight),
	}
	for _, o := range []campaign.Outcome{campaign.Rejected, campaign.Unknown, campaign.Deferred} {
		if n := s.Counts.Of(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if s.Retries > 0 {
		parts = append(parts, fmt.Sprintf("%d retries", s.Retries))
	}
	return strings.Join(append(parts, s.pace()...), ", ")
}

// pace is how fast it goes, how long it takes, and what it waits for.
func (s *status) pace() []string {
	parts := []string{fmt.Sprintf("%.4g requests/s", s.Rate)}
	if s.Left > 0 {
		parts = append(parts, "about "+time.Duration(s.Left*float64(time.Second)).Round(time.Second).String()+" left")
	}
	if s.Waits != "" {
		parts = append(parts, s.Waits)
	}
	return parts
}

// barCells is the width of the bar of a block.
const barCells = 20

// block is the status as the live block of a terminal.
func (s *status) block(tag string) []string {
	share := 0.0
	if s.Total > 0 {
		share = min(float64(s.done())/float64(s.Total), 1)
	}
	full := int(share * barCells)
	c := s.Counts
	return []string{
		fmt.Sprintf("%s%s: %s", tag, diagnostics.Inert(s.Campaign), s.Phase),
		fmt.Sprintf("  %3.0f%%  %d of %s  [%s%s]", math.Floor(share*100), s.done(), count(s.Total, "recipient"), strings.Repeat("#", full), strings.Repeat(".", barCells-full)),
		fmt.Sprintf("  accepted %d  rejected %d  unknown %d  deferred %d  in flight %d  retries %d", c.Accepted, c.Rejected, c.Unknown, c.Deferred, s.InFlight, s.Retries),
		"  " + strings.Join(s.pace(), ", "),
	}
}

// json is the status as a line for programs.
func (s *status) json(kind string) string {
	data, err := json.Marshal(struct {
		FormatVersion int    `json:"format_version"`
		Kind          string `json:"kind"`
		*status
	}{1, kind, s})
	if err != nil {
		panic(err) // of our own numbers
	}
	return string(data)
}

// pacer measures a rate over the last seconds, from counts at times.
type pacer struct {
	at    []time.Time
	count []int64
}

// paceSpan is how long ago a pacer looks.
const paceSpan = 10 * time.Second

// rate takes in a count and gives its growth a second.
func (p *pacer) rate(now time.Time, n int64) float64 {
	p.at, p.count = append(p.at, now), append(p.count, n)
	first := 0
	for first < len(p.at)-2 && now.Sub(p.at[first+1]) >= paceSpan {
		first++
	}
	p.at, p.count = p.at[first:], p.count[first:]
	span := now.Sub(p.at[0]).Seconds()
	if span <= 0 {
		return 0
	}
	return float64(n-p.count[0]) / span
}

// limits are what an invocation is held to.
type limits struct {
	target      string
	rate        campaign.Rate
	concurrency int
	held        func() float64 // requests a second after a 429 (runner.Account.Held); nil: nobody knows
}

// binds says which limit an invocation runs into; empty: none.
func (l limits) binds(s *status) string {
	if l.held != nil {
		if held := l.held(); held > 0 {
			return fmt.Sprintf("%s is held to %.2g requests/s: the upstream asked to slow down (429)", l.target, held)
		}
	}
	if l.rate.N > 0 {
		most := float64(l.rate.N) / l.rate.Per.Seconds()
		if s.Rate >= 0.9*most {
			return fmt.Sprintf("waiting for %s of %s", rateText(l.rate), l.target)
		}
	}
	if l.concurrency > 0 && s.InFlight >= l.concurrency {
		return fmt.Sprintf("waiting for answers: %d in flight is the limit of %s", l.concurrency, l.target)
	}
	return ""
}

// rateText writes a rate as files do.
func rateText(r campaign.Rate) string {
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	if unit == "" {
		return fmt.Sprintf("%d/%s", r.N, r.Per)
	}
	return fmt.Sprintf("%d/%s", r.N, unit)
}

// statusOf takes a status from the runner's numbers.
func (w *watch) statusOf(now time.Time, last *runner.Summary) *status {
	s := &status{Campaign: w.run.Campaign, Run: w.run.ID, At: now, Phase: "sending", Total: w.total}
	if last != nil {
		s.Counts, s.Requests, s.InFlight = last.Recipients, last.Requests, last.InFlight
		ended := int64(0)
		for _, o := range campaign.Outcomes {
			ended += last.Deliveries.Of(o)
		}
		s.Retries = max(last.Requests-ended-last.Splits-int64(last.InFlight), 0)
	}
	s.Rate = math.Round(w.pacer.rate(now, s.Requests)*100) / 100
	recipients := w.people.rate(now, s.done())
	if left := s.Total - s.done(); left > 0 && recipients > 0 {
		s.Left = math.Round(float64(left) / recipients)
	}
	s.Waits = w.limits.binds(s)
	if news := w.news.Load(); news != nil && news.until.After(now) {
		s.Phase, s.Waits, s.Left = news.phase, news.text, 0
	}
	return s
}
