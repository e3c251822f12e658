package runner

import (
	"fmt"
	"strconv"

	"campaign/internal/campaign"
)

// tally counts the requests that an invocation settled against its thresholds. A
// request is counted as it comes to its end: one that is tried again after an
// unknown outcome counts twice, one that was split does not count.
type tally struct {
	limits                     campaign.Abort
	settled, rejected, unknown int64
}

// newTally is nil without thresholds.
func newTally(limits campaign.Abort) *tally {
	if limits.Failed.Count <= 0 && limits.Unknown.Count <= 0 {
		return nil
	}
	return &tally{limits: limits}
}

// add counts a settlement, and says why the run ends when it passes a threshold.
func (t *tally) add(o campaign.Outcome) *stopped {
	switch o {
	case campaign.Accepted:
		t.settled++
	case campaign.Rejected:
		t.settled++
		t.rejected++
		return t.over(t.limits.Failed, t.rejected, "were rejected")
	case campaign.Unknown:
		t.settled++
		t.unknown++
		return t.over(t.limits.Unknown, t.unknown, "have an unknown outcome")
	}
	return nil
}

func (t *tally) over(limit campaign.Threshold, n int64, what string) *stopped {
	if !limit.Passed(n, t.settled) {
		return nil
	}
	return &stopped{why: Aborted, detail: fmt.Sprintf("%d of %d requests %s: the threshold is %d and %s",
		n, t.settled, what, limit.Count, percent(limit.Share))}
}

func percent(share float64) string {
	return strconv.FormatFloat(100*share, 'g', 6, 64) + "%"
}
