package runner

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

// workOf makes a plan of so many requests of 100 recipients in each stage.
func workOf(stages ...int64) (work []campaign.Stretch) {
	for stage, n := range stages {
		work = append(work, campaign.Stretch{Stage: stage, Requests: n, Recipients: 100 * n})
	}
	return work
}

// untilPeriod is when a window of everyPeriod closes.
func untilPeriod(period, from, to time.Duration) func(time.Time) time.Time {
	return func(now time.Time) time.Time {
		start := now.Truncate(period)
		if at := now.Sub(start); at < from || at >= to {
			return now
		}
		return start.Add(to)
	}
}

func rate(n int, per time.Duration) campaign.Rate { return campaign.Rate{N: n, Per: per} }

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// drawnOutlook is any plan under any limits.
func drawnOutlook(t *rapid.T) Outlook {
	drawRate := func(name string) campaign.Rate {
		return rapid.SampledFrom([]campaign.Rate{{}, rate(1, time.Hour), rate(7, time.Hour), rate(1, time.Minute), rate(90, time.Minute),
			rate(1, time.Second), rate(5, time.Second), rate(49, time.Second), rate(333, time.Second), rate(20000, time.Second)}).Draw(t, name)
	}
	o := Outlook{
		Start:   noon.Add(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "start"))),
		Limits:  campaign.Limits{Rate: drawRate("account"), Concurrency: rapid.IntRange(1, 9).Draw(t, "slots")},
		Policy:  campaign.Policy{Rate: drawRate("campaign"), Concurrency: rapid.IntRange(0, 9).Draw(t, "own slots")},
		Latency: rapid.SampledFrom([]time.Duration{0, 0, time.Millisecond, 80 * time.Millisecond, 700 * time.Millisecond, time.Minute}).Draw(t, "latency"),
	}
	if rapid.Bool().Draw(t, "window") {
		from := time.Duration(rapid.IntRange(0, 23*60).Draw(t, "from")) * time.Minute
		to := from + time.Duration(rapid.IntRange(1, 24*60-int(from/time.Minute)).Draw(t, "long"))*time.Minute
		o.Opens, o.Closes = everyPeriod(24*time.Hour, from, to), untilPeriod(24*time.Hour, from, to)
	}
	for stage := range rapid.IntRange(0, 3).Draw(t, "stages") {
		o.Work = append(o.Work, campaign.Stretch{Stage: stage, Requests: rapid.Int64Range(0, 400).Draw(t, "of the stage"), Recipients: 1})
		o.Policy.Stages = append(o.Policy.Stages, rapid.SampledFrom([]campaign.Stage{{Upto: 1, Confirm: true}, {Upto: 1, Wait: time.Second}, {Upto: 1, Wait: 11 * time.Hour}}).Draw(t, "then"))
	}
	o.Work = append(o.Work, campaign.Stretch{Stage: len(o.Policy.Stages), Requests: rapid.Int64Range(0, 4000).Draw(t, "requests"), Recipients: 4000})
	for range rapid.IntRange(0, 2).Draw(t, "limits") {
		o.Until = append(o.Until, o.Start.Add(time.Duration(rapid.Int64Range(0, int64(72*time.Hour)).Draw(t, "until"))))
	}
	return o
}

// Skipping what repeats itself changes nothing.
func TestForecastSkipsExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawnOutlook(t)
		fast := o.Forecast()
		o.stepwise = true
		if diff := cmp.Diff(o.Forecast(), fast); diff != "" {
			t.Fatalf("step by step (-), with skips (+):\n%s", diff)
		}
	})
}

// Slower in any respect never ends earlier.
func TestForecastIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawnOutlook(t)
		before := o.Forecast()
		o.Start = o.Start.Add(time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "later")))
		after := o.Forecast()
		// A start inside the slack of a pace, or in the middle of a distance, moves it.
		slack := max(o.Limits.Rate.Interval(), o.Policy.Rate.Interval()) * 2
		if after.Last.Add(slack + time.Second).Before(before.Last) {
			t.Errorf("begun later it ends at %s, not %s", after.Last, before.Last)
		}
	})
}

// A million requests are not simulated one by one.
func TestForecastOfAMillion(t *testing.T) {
	for name, o := range map[string]Outlook{
		"no limit":    {Limits: campaign.Limits{Concurrency: 1000}},
		"rate":        {Limits: campaign.Limits{Rate: rate(50, time.Second), Concurrency: 16}},
		"two rates":   {Limits: campaign.Limits{Rate: rate(50, time.Second), Concurrency: 16}, Policy: campaign.Policy{Rate: rate(1999, time.Minute)}},
		"latency":     {Limits: campaign.Limits{Rate: rate(50, time.Second), Concurrency: 64}, Latency: 2 * time.Second},
		"window":      {Limits: campaign.Limits{Rate: rate(50, time.Second)}, Opens: everyPeriod(24*time.Hour, 8*time.Hour, 20*time.Hour), Closes: untilPeriod(24*time.Hour, 8*time.Hour, 20*time.Hour)},
		"until":       {Limits: campaign.Limits{Rate: rate(50, time.Second)}, Until: []time.Time{noon.Add(time.Hour), noon.Add(2 * time.Hour)}},
		"many a time": {Limits: campaign.Limits{Rate: rate(100000, time.Second), Concurrency: 100}, Latency: 10 * time.Millisecond},
	} {
		o.Start = noon
		c := newCourse(&o)
		if n := c.send(1_000_000); n != 1_000_000 || c.n != n || c.steps > 40_000 {
			t.Errorf("%s: %d requests, %d of them one by one", name, n, c.steps)
		}
	}
}

func TestForecastSays(t *testing.T) {
	closed := func(time.Time) time.Time { return time.Time{} }
	until9 := func(now time.Time) time.Time {
		if end := noon.Add(9 * time.Second); now.Before(end) {
			return now
		}
		return time.Time{}
	}
	ends9 := func(now time.Time) time.Time { return later(now, noon.Add(9*time.Second)) }
	second := campaign.Limits{Rate: rate(1, time.Second)}
	for name, test := range map[string]struct {
		o    Outlook
		want Forecast
	}{
		"nothing": {Outlook{Limits: second}, Forecast{}},
		"one":     {Outlook{Limits: second, Work: workOf(1), Latency: time.Second}, Forecast{First: noon, Last: noon.Add(time.Second), Total: campaign.Amount{Requests: 1, Recipients: 100}}},
		"a window that never opens": {Outlook{Limits: second, Work: workOf(5), Opens: closed, Closes: closed, Until: []time.Time{noon}},
			Forecast{Total: campaign.Amount{Requests: 5, Recipients: 500}, Never: campaign.Amount{Requests: 5, Recipients: 500}, Late: []campaign.Amount{{Requests: 5, Recipients: 500}}}},
		"a window that closes for good": {Outlook{Limits: second, Work: workOf(20), Opens: until9, Closes: ends9, Until: []time.Time{noon.Add(5 * time.Second), noon.Add(time.Hour)}},
			Forecast{First: noon, Last: noon.Add(8*1020*time.Millisecond - 10*time.Millisecond), Total: campaign.Amount{Requests: 20, Recipients: 2000},
				Never: campaign.Amount{Requests: 11, Recipients: 1100}, Late: []campaign.Amount{{Requests: 15, Recipients: 1500}, {Requests: 11, Recipients: 1100}}}},
		"longer than anybody waits": {Outlook{Limits: campaign.Limits{Rate: rate(1, time.Hour)}, Work: workOf(10_000_000)}, Forecast{First: noon,
			Last:  noon.Add(farthestOutlook / (time.Hour + time.Hour/slackShare) * (time.Hour + time.Hour/slackShare)).Add(-10 * time.Millisecond),
			Total: campaign.Amount{Requests: 10_000_000, Recipients: 1_000_000_000},
			Never: campaign.Amount{Requests: 9_570_588, Recipients: 957_058_800}}},
		"stages": {Outlook{Work: workOf(1, 0, 3), Policy: campaign.Policy{Stages: []campaign.Stage{{Upto: 1, Wait: time.Minute}, {Upto: 2, Confirm: true}}}},
			Forecast{First: noon, Last: noon.Add(time.Minute), Total: campaign.Amount{Requests: 4, Recipients: 400}, Waits: time.Minute, Confirms: 1}},
		"a stage that nothing follows": {Outlook{Work: workOf(1), Policy: campaign.Policy{Stages: []campaign.Stage{{Upto: 1, Wait: time.Minute}}}},
			Forecast{First: noon, Last: noon, Total: campaign.Amount{Requests: 1, Recipients: 100}}},
	} {
		test.o.Start = noon
		if diff := cmp.Diff(test.want, test.o.Forecast()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReach(t *testing.T) {
	work := []campaign.Stretch{{Requests: 3, Recipients: 300}, {Stage: 1, Requests: 3, Recipients: 7}, {}, {Stage: 1, Requests: 1, Recipients: 9}}
	for n, want := range map[int64]campaign.Amount{0: {}, 2: {Requests: 2, Recipients: 200}, 4: {Requests: 4, Recipients: 302}, 6: {Requests: 6, Recipients: 307}, 7: {Requests: 7, Recipients: 316}, 99: {Requests: 7, Recipients: 316}} {
		if got := campaign.Reach(work, n); got != want {
			t.Errorf("%d requests are %+v, want %+v", n, got, want)
		}
	}
}
