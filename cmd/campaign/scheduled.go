package main

import (
	"fmt"
	"time"

	"campaign/internal/campaign"
)

// present is what schedules are held against: the machine's clock, but for tests.
var present = time.Now

// unscheduled drops the campaigns that a schedule runs: `run` sends them only under a
// label of their own, or as a trial.
func (s *sender) unscheduled(jobs []*todo, named map[string]bool) ([]*todo, error) {
	labelled := s.flags.occurrence != "" && s.flags.occurrence != campaign.Once
	if labelled || s.flags.to != nil || s.flags.followUp.asked() {
		return jobs, nil
	}
	var once []*todo
	for _, t := range jobs {
		switch {
		case t.table == nil:
			once = append(once, t)
		case named[t.campaign.File]:
			return nil, fail(exitUsage, "%s has a schedule: `campaign serve` and `campaign tick` run it; --occurrence LABEL sends it now, under that label, and --to sends a trial", t.campaign.File)
		default:
			fmt.Fprintf(s.stderr, "%s%s has a schedule and is left to `campaign serve` and `campaign tick`\n", s.tag(), t.campaign.Name)
		}
	}
	return once, nil
}
