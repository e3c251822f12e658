package report

import (
	"fmt"

	"campaign/internal/campaign"
)

// audit holds the results against the plan: nothing is missing, nothing is there
// twice, every leaf has one outcome. What it finds is an error that names both
// numbers.
type audit struct {
	run        campaign.Run
	blocks     int64
	deliveries int64
	covered    int64 // recipients of deliveries
	skipped    int64 // rows that no delivery covers
}

func unbalanced(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnbalanced, fmt.Sprintf(format, args...))
}

// block checks a block's place and content. A block without a digest is taken as
// it is.
func (a *audit) block(b *campaign.Block) error {
	if b.Seq != a.blocks {
		return unbalanced("block %d stands where block %d is expected", b.Seq, a.blocks)
	}
	if b.Digest != ([len(b.Digest)]byte{}) {
		if sum := b.Sum(); sum != b.Digest {
			return unbalanced("block %d was planned with digest %x… and has %x…", b.Seq, b.Digest[:4], sum[:4])
		}
	}
	a.blocks++
	a.skipped += int64(len(b.Skips))
	return nil
}

// delivery checks that the first results are the delivery's leaves and cover it
// exactly, and returns how many they are.
func (a *audit) delivery(d *campaign.Delivery, results []campaign.Result) (int, error) {
	if d.Seq != a.deliveries {
		return 0, unbalanced("delivery %d stands where delivery %d is expected", d.Seq, a.deliveries)
	}
	a.deliveries++
	if len(d.Recipients) == 0 {
		return 0, unbalanced("delivery %d has 0 recipients, at least 1 is expected", d.Seq)
	}
	a.covered += int64(len(d.Recipients))
	n, next := 0, 0
	for n < len(results) && results[n].Part.Seq == d.Seq {
		if err := a.result(d, &results[n]); err != nil {
			return 0, err
		}
		from, to, err := bounds(d, results[n].Part)
		if err != nil {
			return 0, err
		}
		if from != next {
			return 0, unbalanced("delivery %d has a result from recipient %d on where recipient %d is expected", d.Seq, from, next)
		}
		n, next = n+1, to
	}
	if next != len(d.Recipients) {
		return 0, unbalanced("delivery %d has results for %d of %d recipients", d.Seq, next, len(d.Recipients))
	}
	return n, nil
}

// bounds are the recipients that a part covers: at least one, within the delivery.
func bounds(d *campaign.Delivery, p campaign.Part) (from, to int, err error) {
	n := len(d.Recipients)
	if p.Whole() && p.From == 0 {
		return 0, n, nil
	}
	if p.From < 0 || p.To <= p.From || p.To > n {
		return 0, 0, unbalanced("delivery %d of %d recipients has a part of recipients %d to %d", d.Seq, n, p.From, p.To)
	}
	return p.From, p.To, nil
}

func (a *audit) result(d *campaign.Delivery, res *campaign.Result) error {
	o := res.Verdict.Outcome
	if o > campaign.Superseded {
		return unbalanced("delivery %s has the outcome %d, the last known one is %d", d.Key(res.Part), o, campaign.Superseded)
	}
	if o == campaign.Superseded {
		return unbalanced("delivery %s is superseded and has a result of its own: 1 leaf more than there are", d.Key(res.Part))
	}
	if !o.Settled() && a.run.State == campaign.Cancelled {
		return unbalanced("the run is cancelled and delivery %s is %s: 1 open request where 0 are expected", d.Key(res.Part), o)
	}
	return nil
}

// end compares what was seen with the planner's own counts, and the outcomes
// with what was planned.
func (a *audit) end(r *Report) error {
	totals := a.run.Totals
	for _, c := range []struct {
		what          string
		planned, seen int64
	}{
		{"blocks", totals.Blocks, a.blocks},
		{"requests", totals.Requests, a.deliveries},
		{"recipients", totals.Recipients, a.covered + a.skipped},
		{"left-out recipients", totals.Skipped, a.skipped},
	} {
		if c.planned != c.seen {
			return unbalanced("%d %s were planned and %d are there", c.planned, c.what, c.seen)
		}
	}
	for _, c := range []struct {
		what   string
		counts campaign.Counts
	}{{"requests", r.Requests}, {"recipients", r.Recipients}} {
		if c.counts.Balanced() {
			continue
		}
		var sum int64
		for _, o := range campaign.Outcomes {
			sum += c.counts.Of(o)
		}
		return unbalanced("%d %s were planned and %d have an outcome", c.counts.Planned, c.what, sum)
	}
	return nil
}
