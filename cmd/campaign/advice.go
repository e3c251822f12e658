package main

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/runner"
)

// What advice looks at.
const (
	fasterMost   = 1000               // times the rate
	largestBatch = 10_000             // as the schema allows
	earlierMost  = 7 * 24 * time.Hour // before its beginning
)

// advice says what would keep the deadline, each by itself: another rate, larger
// batches, an earlier beginning, a later expiry. What would not is not named.
func (p *prospect) advice() string {
	var ways []string
	for _, way := range []string{p.faster(), p.larger(), p.earlier(), p.longer()} {
		if way != "" {
			ways = append(ways, way)
		}
	}
	if len(ways) == 0 {
		return "no rate and no batch would do: let it begin earlier, or give a later deadline"
	}
	return "what would do: " + strings.Join(ways, "; or ")
}

// keeps reports whether the deadline is kept when the outlook is changed.
func (p *prospect) keeps(change func(*runner.Outlook)) bool {
	o := p.outlook
	change(&o)
	f := o.Forecast()
	return f.Late[len(f.Late)-1].Requests == 0
}

// least is the smallest number from 1 to most that does; 0: none.
func least(most int, does func(n int) bool) int {
	n := 1 + sort.Search(most, func(i int) bool { return does(i + 1) })
	if n > most {
		return 0
	}
	return n
}

// faster is the rate that would do, and whose it is.
func (p *prospect) faster() string {
	now := p.job.rate()
	if now.N <= 0 {
		return ""
	}
	n := least(fasterMost*now.N, func(n int) bool {
		return p.keeps(func(o *runner.Outlook) {
			o.Policy.Rate, o.Limits.Rate = campaign.Rate{}, campaign.Rate{N: n, Per: now.Per}
		})
	})
	if n <= now.N {
		return ""
	}
	rate := campaign.Rate{N: n, Per: now.Per}
	tooSlow := func(r campaign.Rate) bool { return r.N > 0 && r.Interval() > rate.Interval() }
	switch own, account := tooSlow(p.job.campaign.Policy.Rate), tooSlow(p.job.declared.Limits.Rate); {
	case own && account:
		return fmt.Sprintf("an account that allows %s, with that rate under delivery", shortRate(rate))
	case own:
		return fmt.Sprintf("rate: %s under delivery", shortRate(rate))
	}
	return fmt.Sprintf("an account that allows %s", shortRate(rate))
}

// shortRate writes a rate as files do.
func shortRate(r campaign.Rate) string { return fmt.Sprintf("%d/%.1s", r.N, perSpan(r.Per)) }

// larger is the batch that would do, where all get the same text.
func (p *prospect) larger() string {
	now := p.job.campaign.Policy.Batch
	if p.job.target.Layout().Groups || p.job.plan.Summary().Personalised || now >= largestBatch {
		return ""
	}
	n := least(largestBatch, func(n int) bool {
		return p.keeps(func(o *runner.Outlook) { o.Work = batched(o.Work, int64(n)) })
	})
	if n <= now {
		return ""
	}
	return fmt.Sprintf("batch: %d under delivery", n)
}

// batched is the same plan in requests of so many recipients.
func batched(work []campaign.Stretch, batch int64) (out []campaign.Stretch) {
	for _, w := range work {
		if i := len(out) - 1; i >= 0 && out[i].Stage == w.Stage {
			out[i].Recipients += w.Recipients
		} else {
			out = append(out, campaign.Stretch{Stage: w.Stage, Recipients: w.Recipients})
		}
	}
	for i := range out {
		out[i].Requests = (out[i].Recipients + batch - 1) / batch
	}
	return out
}

// earlier is by when it would have to begin.
func (p *prospect) earlier() string {
	minutes := least(int(earlierMost/time.Minute), func(n int) bool {
		return p.keeps(func(o *runner.Outlook) {
			o.Start = p.before(n)
			o.Until = p.until(p.expiry(o.Start))
		})
	})
	if minutes == 0 {
		return ""
	}
	return "begin it by " + p.clock(p.before(minutes))
}

// longer is the expiry that would do, where nothing else is in the way.
func (p *prospect) longer() string {
	if !p.expiresFirst() || !p.keeps(func(o *runner.Outlook) { o.Until = p.until(time.Time{}) }) {
		return ""
	}
	return "a longer `expires` under delivery"
}

// expiry is when it expires, begun at another time. What it is due at stays where it is
// late already; else it moves with the beginning.
func (p *prospect) expiry(start time.Time) time.Time {
	late := p.job.table != nil && p.job.table.Is(p.occurrence) && !p.occurrence.Time.Equal(p.at)
	if p.expires.IsZero() || late {
		return p.expires
	}
	return p.expires.Add(start.Sub(p.at))
}

// before is a whole minute before the beginning.
func (p *prospect) before(minutes int) time.Time {
	return p.at.Truncate(time.Minute).Add(time.Minute - time.Duration(minutes)*time.Minute)
}
