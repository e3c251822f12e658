package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/runner"
)

// attempt is one request that went out, or one word about it, as it is shown.
type attempt struct {
	Request  string    `json:"request"`                // the key, with the range of a part
	Sent     time.Time `json:"sent_at,omitzero"`       // by our clock; absent: nothing was sent, the reason says why
	Settled  time.Time `json:"settled_at,omitzero"`    // by our clock; absent: no end was recorded, so it is unknown
	Upstream time.Time `json:"upstream_date,omitzero"` // by the upstream's clock, its Date header
	Outcome  string    `json:"outcome"`
	Status   int       `json:"status,omitempty"` // HTTP; absent: there was no answer
	Reason   string    `json:"reason,omitempty"`
	Ref      string    `json:"ref,omitempty"`    // the upstream's id
	Answer   string    `json:"answer,omitempty"` // raw, as kept: secrets and other recipients' ids taken out
	Covers   bool      `json:"covers_recipient"` // false: of a part that the recipient is not in

	part campaign.Part
}

// attempts reads the history of a delivery as it concerns one of its recipients.
func (w *past) attempts(ctx context.Context, h *hit, zone *time.Location) ([]attempt, error) {
	var out []attempt
	hide := w.hider(ctx, h)
	for entry, err := range w.ledger.Attempts(ctx, w.run.ID, h.delivery.Seq) {
		if err != nil {
			return nil, stateError(err)
		}
		if in := entry.Intent; in != nil {
			out = append(out, attempt{
				Request: h.delivery.Key(in.Part), Sent: in.At.In(zone), Outcome: campaign.Unknown.String(),
				Reason: "no answer was recorded", Covers: covers(in.Part, h.at), part: in.Part,
			})
			continue
		}
		s := entry.Settlement
		at := -1
		if !word(s.Verdict.Reason) {
			at = openAttempt(out, s.Part)
		}
		if at < 0 {
			out = append(out, attempt{Request: h.delivery.Key(s.Part), Covers: covers(s.Part, h.at), part: s.Part})
			at = len(out) - 1
		}
		a := &out[at]
		a.Settled, a.Outcome, a.Status = s.At.In(zone), s.Verdict.Outcome.String(), s.Verdict.Status
		a.Reason, a.Ref, a.Answer = hide.text(s.Verdict.Reason), hide.text(s.Verdict.Ref), hide.answer(s.Answer)
		if codeOfReason(s.Verdict.Reason) == runner.NotSent {
			a.Sent = time.Time{}
		}
		if !s.Upstream.IsZero() {
			a.Upstream = s.Upstream.In(zone)
		}
	}
	return out, nil
}

// openAttempt finds the last attempt of a part that has no end yet; -1: none.
func openAttempt(attempts []attempt, part campaign.Part) int {
	for at := len(attempts) - 1; at >= 0; at-- {
		if attempts[at].part == part && attempts[at].Settled.IsZero() {
			return at
		}
	}
	return -1
}

// word reports whether a reason is that of a settlement which no answer stands
// behind: a person's, that of `unknown: resend`, that of what expired.
func word(reason string) bool {
	return slices.Contains([]string{"resolved", "resend", "expired"}, codeOfReason(reason))
}

func codeOfReason(reason string) string {
	code, _, _ := strings.Cut(reason, ":")
	return code
}

// covers reports whether recipient number at of a delivery is in a part.
func covers(p campaign.Part, at int) bool { return p.Whole() || p.From <= at && at < p.To }
