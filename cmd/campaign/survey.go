package main

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/report"
)

// survey is what a run still wants, beside the numbers of its report.
type survey struct {
	report.Report
	again   wanted            // unknown, and sent once more by `unknown: resend`
	stages  []campaign.Counts // recipients of each stage's requests; the last ones stand behind all stages
	unsure  []wanted          // of them, unknown for the first time
	policy  campaign.Policy   // as frozen; zero when nothing is left to be sent
	waits   int               // the stage, from 0, that a person must let pass before anything is sent; -1: none
	expired time.Time         // what is not sent was to be sent until then, and that is past; zero: it is not
}

// wanted is a number of requests and of their recipients.
type wanted struct{ requests, recipients int64 }

// Complete reports whether nothing is left that wants sending.
func (v *survey) Complete() bool { return v.Report.Complete() && v.again.requests == 0 }

// waiting is how much the run still wants to reach.
func (v *survey) waiting() wanted {
	if !v.expired.IsZero() {
		return wanted{}
	}
	return wanted{
		v.Requests.Pending + v.Requests.Deferred + v.again.requests,
		v.Recipients.Pending + v.Recipients.Deferred + v.again.recipients,
	}
}

// survey reads what a run has become. What it still wants depends on its frozen
// policy; a run that cannot be rendered any more wants what its numbers say.
func (s *sender) survey(ctx context.Context, run campaign.Run) (survey, error) {
	facts := report.Facts{Version: version(), Generated: time.Now(), Sandbox: run.Profile == sandboxProfile, Groups: toGroups(run.Channel)}
	v := survey{waits: -1}
	var err error
	v.Report, err = report.Fold(run, facts, v.tally(s.ledger.Results(ctx, run.ID)))
	if err != nil {
		return v, reportError(err)
	}
	var unsure wanted
	for _, w := range v.unsure {
		unsure.requests += w.requests
		unsure.recipients += w.recipients
	}
	if run.State != campaign.Open || v.Report.Complete() && unsure.requests == 0 {
		return v, nil
	}
	_, j, err := s.thaw(ctx, s.ledger, run)
	if err != nil {
		return v, nil // sending says so
	}
	policy := j.campaign.Policy
	v.policy = policy
	if until := j.expires(run); !until.IsZero() && time.Now().After(until) {
		v.expired = until.In(j.spec.Zone)
	} else if policy.Resend {
		v.again = unsure
	}
	notes, err := s.ledger.Notes(ctx, run.ID)
	if err != nil {
		return v, stateError(err)
	}
	v.waits = v.waitingStage(policy, notes)
	return v, nil
}

// expires is when what is not yet sent of a run is given up: with a schedule that says
// nothing else, when the next occurrence comes; zero: never.
func (j *job) expires(run campaign.Run) time.Time {
	if j.table != nil && j.table.Is(run.Occurrence) {
		if at := j.table.Expiry(run.Occurrence.Time, run.Began); !at.IsZero() {
			return at
		}
	}
	return expiry(run, j.campaign.Policy)
}

// expiry is when what is not yet sent of a run is given up; zero: never.
func expiry(run campaign.Run, policy campaign.Policy) time.Time {
	if policy.Expires <= 0 {
		return time.Time{}
	}
	return run.Occurrence.Time.Add(policy.Expires)
}

// tally counts by stages, and what is unknown for the first time, on the way of
// the results to the report.
func (v *survey) tally(results iter.Seq2[campaign.BlockResults, error]) iter.Seq2[campaign.BlockResults, error] {
	return func(yield func(campaign.BlockResults, error) bool) {
		for b, err := range results {
			if err == nil {
				v.count(b)
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

func (v *survey) count(b campaign.BlockResults) {
	for len(v.stages) <= b.Block.Stage {
		v.stages, v.unsure = append(v.stages, campaign.Counts{}), append(v.unsure, wanted{})
	}
	for d, r := range leaves(b) {
		n := int64(r.Part.To - r.Part.From)
		if r.Part.Whole() {
			n = int64(len(d.Recipients))
		}
		c := &v.stages[b.Block.Stage]
		c.Planned += n
		c.Add(r.Verdict.Outcome, n)
		if r.Verdict.Outcome == campaign.Unknown && !r.Reopened {
			v.unsure[b.Block.Stage].requests++
			v.unsure[b.Block.Stage].recipients += n
		}
	}
}

// waitingStage finds the settled stage that only a person lets the run pass.
func (v *survey) waitingStage(policy campaign.Policy, notes []campaign.Note) int {
	passed := map[int]bool{}
	for _, n := range notes {
		if n.Kind != campaign.NoteStage {
			continue
		}
		number, _, _ := strings.Cut(n.Text, ":")
		if k, err := strconv.Atoi(number); err == nil {
			passed[k-1] = true
		}
	}
	for k, stage := range policy.Stages {
		if k >= len(v.stages)-1 || !v.stages[k].Complete() || policy.Resend && v.unsure[k].requests > 0 {
			return -1
		}
		if !passed[k] {
			if stage.Confirm {
				return k
			}
			return -1
		}
	}
	return -1
}

// settled says how the stage went that waits for a person, and how to go on.
func (v *survey) settled(run campaign.Run) string {
	total := campaign.Counts{}
	for _, c := range v.stages[:v.waits+1] {
		for _, o := range campaign.Outcomes {
			total.Add(o, c.Of(o))
		}
	}
	var parts []string
	for _, o := range campaign.Outcomes {
		if n := total.Of(o); n > 0 || o == campaign.Accepted {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	return fmt.Sprintf("stage %d of %d is settled: %s; `campaign resume %s` lets the next stage begin", v.waits+1, len(v.policy.Stages), strings.Join(parts, ", "), run.ID)
}
