package runner

import (
	"math"
	"time"

	"campaign/internal/campaign"
)

// Outlook is what a forecast of a run goes by.
type Outlook struct {
	Start  time.Time          // when the run begins
	Limits campaign.Limits    // the account's
	Policy campaign.Policy    // its Rate, Concurrency and Stages count, as those of a Job
	Work   []campaign.Stretch // what is to be sent, in the order of the plan
	// Opens is that of a Job. Closes gives the earliest time, not before now, at which
	// the window is shut; the zero time: never. Both are nil without a window.
	Opens, Closes func(now time.Time) time.Time
	// Latency is how long the upstream takes for an answer. Nobody knows it before: 0
	// is the forecast that nothing can be faster than.
	Latency time.Duration
	// Until are times for which the forecast says what does not start before them.
	Until []time.Time

	stepwise bool // skips nothing, for tests
}

// Forecast is how a run would go.
type Forecast struct {
	First    time.Time         // when the first request starts; zero: none ever does
	Last     time.Time         // when the last one is answered
	Total    campaign.Amount   // all of it
	Late     []campaign.Amount // for each time of Until, what does not start before
	Never    campaign.Amount   // what never starts: the window does not open again, or not within farthestOutlook
	Openings int               // how often the window is waited for
	Waits    time.Duration     // what stages wait by themselves
	Confirms int               // stages that wait for a person; that is counted as no time
}

// farthestOutlook bounds a forecast.
const farthestOutlook = 50 * 365 * 24 * time.Hour

// Forecast simulates the run with the arithmetic that it is paced with, as if it had
// the account for itself, every request were accepted, a person confirmed a stage at
// once, and somebody went on with the run whenever its window opens: it ends then at
// the earliest. It costs about as much for a million requests as for a thousand
// where their distances repeat.
func (o Outlook) Forecast() Forecast {
	f := Forecast{Total: campaign.Reach(o.Work, math.MaxInt64)}
	c := newCourse(&o)
	started := int64(0)
	passed := 0
	for i := 0; i < len(o.Work); {
		stage, n := o.Work[i].Stage, int64(0)
		for ; i < len(o.Work) && o.Work[i].Stage == stage; i++ {
			n += o.Work[i].Requests
		}
		if n == 0 {
			continue
		}
		if stage = min(stage, len(o.Policy.Stages)); stage > passed {
			f.Confirms += c.pass(o.Policy.Stages[passed:stage])
			passed = stage
		}
		did := c.send(n)
		if started += did; f.First.IsZero() && did > 0 {
			f.First = c.first
		}
		if did < n {
			break
		}
	}
	if started > 0 {
		f.Last = c.last.Add(o.Latency)
	}
	f.Openings, f.Waits = c.openings, c.waited
	f.Never = o.after(f.Total, started)
	for _, n := range c.before {
		f.Late = append(f.Late, o.after(f.Total, n))
	}
	return f
}

// after is what follows the first n requests.
func (o *Outlook) after(total campaign.Amount, n int64) campaign.Amount {
	head := campaign.Reach(o.Work, n)
	return campaign.Amount{Requests: total.Requests - head.Requests, Recipients: total.Recipients - head.Recipients}
}
