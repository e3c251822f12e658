package report

import (
	"campaign/internal/campaign"
)

// maxAttention is how many recipients of an outcome are listed one by one, so that
// a page stays small whatever a run was like.
const maxAttention = 250

// attentive are the outcomes of which recipients are listed. Who is pending is not:
// the run is to go on.
var attentive = []campaign.Outcome{campaign.Unknown, campaign.Rejected, campaign.Deferred, campaign.Skipped}

// attention gathers the first recipients of each attentive outcome, in plan order.
type attention struct {
	mask   func(id string) string
	listed [campaign.Superseded][]Line
}

func newAttention(facts Facts) *attention {
	a := &attention{mask: campaign.Mask}
	if facts.Groups || facts.ShowRecipients {
		a.mask = func(id string) string { return id }
	}
	return a
}

// line keeps what a listed line shows, and nothing of its id in full.
func (a *attention) line(l Line) error {
	switch l.Outcome {
	case campaign.Unknown, campaign.Rejected, campaign.Deferred, campaign.Skipped:
	default:
		return nil
	}
	if len(a.listed[l.Outcome]) < maxAttention {
		l.Reason, l.ID = l.said, a.mask(l.ID)
		a.listed[l.Outcome] = append(a.listed[l.Outcome], l)
	}
	return nil
}
