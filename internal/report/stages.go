package report

import (
	"time"

	"campaign/internal/campaign"
)

// Stage counts what belongs to one stage of the campaign.
type Stage struct {
	Number     int             `json:"stage"`          // from 1
	Rest       bool            `json:"rest,omitempty"` // what comes after the campaign's last stage
	Requests   campaign.Counts `json:"requests"`
	Recipients campaign.Counts `json:"recipients"`
	PassedAt   time.Time       `json:"passed_at,omitzero"` // zero: it was not passed
	PassedBy   string          `json:"passed_by,omitempty"`
	Passed     string          `json:"passed,omitempty"` // what let it pass, for example confirmed
}

// enter makes a block's stage the last of the table. Stages never go back, and
// none is beyond those that the campaign is known to have.
func (f *fold) enter(b *campaign.Block) error {
	number, last, known := b.Stage+1, 0, len(f.facts.Stages)
	if f.stage != nil {
		last = f.stage.Number
	}
	switch {
	case number < 1 || number < last:
		return unbalanced("block %d belongs to stage %d, which cannot follow stage %d", b.Seq, number, last)
	case known > 0 && number > known+1:
		return unbalanced("block %d belongs to stage %d, and the campaign has %d", b.Seq, number, known)
	case number > last:
		f.report.Stages = append(f.report.Stages, Stage{Number: number, Rest: known > 0 && number == known+1})
		f.stage = &f.report.Stages[len(f.report.Stages)-1]
	}
	return nil
}

// endStages checks that each stage has an outcome for all that was planned in it,
// and that the stages together are the run. A run without stages has no table.
func (f *fold) endStages() error {
	r := &f.report
	var requests, recipients campaign.Counts
	for i := range r.Stages {
		s := &r.Stages[i]
		for _, c := range []struct {
			what   string
			counts campaign.Counts
			sum    *campaign.Counts
		}{{"requests", s.Requests, &requests}, {"recipients", s.Recipients, &recipients}} {
			if !c.counts.Balanced() {
				return unbalanced("stage %d has %d planned %s and %d with an outcome", s.Number, c.counts.Planned, c.what, outcomes(c.counts))
			}
			c.sum.Planned += c.counts.Planned
			for _, o := range campaign.Outcomes {
				c.sum.Add(o, c.counts.Of(o))
			}
		}
	}
	for _, c := range []struct {
		what      string
		sum, want campaign.Counts
	}{{"requests", requests, r.Requests}, {"recipients", recipients, r.Recipients}} {
		if c.sum != c.want {
			return unbalanced("the stages together have %d %s, %d of them accepted, and the run has %d, %d of them accepted",
				c.sum.Planned, c.what, c.sum.Accepted, c.want.Planned, c.want.Accepted)
		}
	}
	if len(r.Stages) < 2 {
		r.Stages = nil
		return nil
	}
	for _, n := range f.facts.Notes {
		number, why, ok := passedStage(n)
		for i := range r.Stages {
			if s := &r.Stages[i]; ok && s.Number == number {
				s.PassedAt, s.PassedBy, s.Passed = stamp(n.At, r.zone), cut(n.By, maxText), cut(why, maxText)
			}
		}
	}
	return nil
}

// outcomes is the number of those that have one.
func outcomes(c campaign.Counts) (sum int64) {
	for _, o := range campaign.Outcomes {
		sum += c.Of(o)
	}
	return sum
}
