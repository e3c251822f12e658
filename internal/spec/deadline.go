package spec

import (
	"strings"

	"campaign/internal/campaign"
)

// deadline holds a deadline against the schedule: one instant is no deadline for a
// campaign that is due again and again.
func (l *loader) deadline(v val, s *campaign.Schedule) {
	instant := strings.ContainsRune(v.text(), 'T')
	if s != nil && instant && (len(s.Cron) > 0 || len(s.At) > 1) {
		l.problem(v, ruleConflict, "the deadline is one instant, and the campaign is due more than once", `give a time of the day: "20:00" is that of the day on which the campaign is due`)
	}
}
