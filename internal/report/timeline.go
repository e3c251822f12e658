package report

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"

	"campaign/internal/campaign"
)

// Bounds of a timeline.
const (
	maxBuckets = 60 // of equal length, a power of two of seconds
	maxSlowest = 10 // exchanges that are listed
)

// Timeline says how a run went over time, in at most maxBuckets stretches of
// equal length. A stretch without anything is left out.
type Timeline struct {
	Seconds int64    `json:"seconds"` // length of each
	Buckets []Bucket `json:"buckets"`
}

// Bucket is one stretch of a timeline.
type Bucket struct {
	At      time.Time       `json:"at"`      // its beginning
	Answers campaign.Counts `json:"answers"` // requests whose last word came then; Planned is their sum
	// Exchanges is how many attempts ended then, and how long they took.
	Exchanges int64   `json:"exchanges"`
	Median    float64 `json:"median_seconds,omitempty"` // within 10 %
	High      float64 `json:"p95_seconds,omitempty"`    // 95 of 100 took no longer; within 10 %
	Longest   float64 `json:"longest_seconds,omitempty"`
}

// Slow is one of the exchanges that took longest.
type Slow struct {
	Delivery string           `json:"delivery"`
	Row      int64            `json:"row"` // of its first recipient
	Seconds  float64          `json:"seconds"`
	Outcome  campaign.Outcome `json:"outcome"`
	Status   int              `json:"status,omitempty"`
	At       time.Time        `json:"ended_at"`
	part     campaign.Part
	who      string
}

// Retries count requests that were tried more than once.
type Retries struct {
	Requests int64 `json:"requests"`
	Attempts int64 `json:"attempts"` // beyond the first of each
	Most     int   `json:"most"`     // attempts of one request
}

func (r *Retries) add(attempts int) {
	if attempts > 1 {
		r.Requests++
		r.Attempts += int64(attempts - 1)
	}
	r.Most = max(r.Most, attempts)
}

// timeline gathers buckets; they get longer as the run does, so that it stays small.
type timeline struct {
	shift   uint // a bucket is 1<<shift seconds
	buckets map[int64]*stretch
	lo, hi  int64
	slow    []Slow // the slowest first
}

type stretch struct {
	answers campaign.Counts
	spread  spread
}

// at gives the bucket of a time.
func (t *timeline) at(when time.Time) *stretch {
	i := when.Unix() >> t.shift
	if len(t.buckets) == 0 {
		t.buckets, t.lo, t.hi = map[int64]*stretch{}, i, i
	}
	t.lo, t.hi = min(t.lo, i), max(t.hi, i)
	for t.hi-t.lo >= maxBuckets {
		t.double()
		i >>= 1
	}
	if t.buckets[i] == nil {
		t.buckets[i] = &stretch{}
	}
	return t.buckets[i]
}

func (t *timeline) double() {
	wider := make(map[int64]*stretch, len(t.buckets))
	for i, b := range t.buckets {
		into := wider[i>>1]
		if into == nil {
			wider[i>>1] = b
			continue
		}
		into.answers.Planned += b.answers.Planned
		for _, o := range campaign.Outcomes {
			into.answers.Add(o, b.answers.Of(o))
		}
		into.spread.merge(&b.spread)
	}
	t.shift++
	t.buckets, t.lo, t.hi = wider, t.lo>>1, t.hi>>1
}

// answer counts a request whose last word came at a time.
func (t *timeline) answer(when time.Time, o campaign.Outcome) {
	b := t.at(when)
	b.answers.Planned++
	b.answers.Add(o, 1)
}

func (t *timeline) exchange(e campaign.Exchange) {
	took := e.Took()
	t.at(e.Ended).spread.add(took)
	s := Slow{Seconds: took.Seconds(), Outcome: e.Outcome, Status: e.Status, At: e.Ended, part: e.Part}
	i, _ := slices.BinarySearchFunc(t.slow, s, func(a, b Slow) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.part.Seq, b.part.Seq), a.At.Compare(b.At))
	})
	if i < maxSlowest {
		t.slow = slices.Insert(t.slow, i, s)
		t.slow = t.slow[:min(len(t.slow), maxSlowest)]
	}
}

// exchanges takes in all attempts; nil: they are not known.
func (t *timeline) exchanges(all iter.Seq2[campaign.Exchange, error]) error {
	if all == nil {
		return nil
	}
	for e, err := range all {
		if err != nil {
			return err
		}
		t.exchange(e)
	}
	return nil
}

// name says which delivery the slow ones of a sequence number are of.
func (t *timeline) name(d *campaign.Delivery, who func(campaign.Recipient) string) {
	for i := range t.slow {
		s := &t.slow[i]
		if s.part.Seq != d.Seq || s.part.To > len(d.Recipients) {
			continue
		}
		covered := s.part.Of(d.Recipients)
		if len(covered) == 0 {
			continue
		}
		s.Delivery, s.Row, s.who = d.Key(s.part), covered[0].Row, who(covered[0])
	}
}

// table gives the timeline; nil when nothing was answered.
func (t *timeline) table(zone *time.Location) *Timeline {
	if len(t.buckets) == 0 {
		return nil
	}
	out := &Timeline{Seconds: 1 << t.shift}
	for i := t.lo; i <= t.hi; i++ {
		b := t.buckets[i]
		if b == nil {
			continue
		}
		out.Buckets = append(out.Buckets, Bucket{
			At: time.Unix(i<<t.shift, 0).In(zone), Answers: b.answers, Exchanges: b.spread.n,
			Median: b.spread.below(0.5), High: b.spread.below(0.95), Longest: milli(b.spread.longest.Seconds()),
		})
	}
	return out
}

// slowest lists the slow exchanges whose delivery was seen.
func (t *timeline) slowest(zone *time.Location) []Slow {
	var out []Slow
	for _, s := range t.slow {
		if s.Delivery != "" {
			s.At, s.Seconds = stamp(s.At, zone), milli(s.Seconds)
			out = append(out, s)
		}
	}
	return out
}

// spread is a histogram of durations: steps of a factor of 2^¼, from a millisecond
// to about twenty minutes.
type spread struct {
	n       int64
	steps   [spreadSteps]uint32
	longest time.Duration
}

const spreadSteps = 80

func (s *spread) add(d time.Duration) {
	step := 0
	if ms := float64(d) / float64(time.Millisecond); ms > 1 {
		step = min(int(math.Ceil(4*math.Log2(ms))), spreadSteps-1)
	}
	s.n++
	s.steps[step]++
	s.longest = max(s.longest, d)
}

func (s *spread) merge(other *spread) {
	s.n += other.n
	for i, n := range other.steps {
		s.steps[i] += n
	}
	s.longest = max(s.longest, other.longest)
}

// below is the duration, in seconds, that a share of all does not exceed: the middle
// of its step, and never more than the longest.
func (s *spread) below(share float64) float64 {
	if s.n == 0 {
		return 0
	}
	rank, seen := int64(math.Ceil(share*float64(s.n))), int64(0)
	for i, n := range s.steps {
		if seen += int64(n); seen >= rank {
			return milli(min(math.Exp2((float64(i)-0.5)/4)/1000, s.longest.Seconds()))
		}
	}
	return milli(s.longest.Seconds())
}

// milli keeps three decimals of a number of seconds.
func milli(s float64) float64 { return math.Round(s*1000) / 1000 }
