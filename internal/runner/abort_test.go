package runner

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
)

// each answers with r where pick says so, else it takes the request.
func each(pick func(n int) bool, r reply) func(call) reply {
	return func(c call) reply {
		if pick(c.n) {
			return r
		}
		return taken
	}
}

func nth(k int) func(int) bool { return func(n int) bool { return n%k == k-1 } }

func TestAbort(t *testing.T) {
	var none campaign.Threshold
	few := campaign.Threshold{Count: 20, Share: 0.2}
	doubt := campaign.Threshold{Count: 10, Share: 0.05}
	for name, test := range map[string]struct {
		abort  campaign.Abort
		script func(call) reply
		calls  int
		detail string // empty: it goes on to the end
	}{
		"all refused":         {campaign.Abort{Failed: few}, always(refusedIt), 20, "20 of 20 requests were rejected: the threshold is 20 and 20%"},
		"every fourth":        {campaign.Abort{Failed: few}, each(nth(4), refusedIt), 80, "20 of 80 requests were rejected: the threshold is 20 and 20%"},
		"the share is small":  {campaign.Abort{Failed: few}, each(nth(6), refusedIt), 300, ""},
		"the count is small":  {campaign.Abort{Failed: few}, each(func(n int) bool { return n < 19 }, refusedIt), 300, ""},
		"late but enough":     {campaign.Abort{Failed: campaign.Threshold{Count: 3}}, each(nth(100), refusedIt), 300, "3 of 300 requests were rejected: the threshold is 3 and 0%"},
		"unknown":             {campaign.Abort{Unknown: doubt}, each(nth(10), lostAfter), 100, "10 of 100 requests have an unknown outcome: the threshold is 10 and 5%"},
		"unknown, few":        {campaign.Abort{Unknown: doubt}, each(nth(30), lostAfter), 300, ""},
		"rejected is another": {campaign.Abort{Unknown: doubt}, each(nth(2), refusedIt), 300, ""},
		"no thresholds":       {campaign.Abort{Failed: none, Unknown: none}, each(nth(2), refusedIt), 300, ""},
		"a share alone":       {campaign.Abort{Failed: campaign.Threshold{Share: 0.01}}, each(nth(2), refusedIt), 300, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 300, 1, test.script)
				b.account.Limits.Concurrency = 1
				b.job.Policy.Abort = test.abort
				s := b.mustRun(t)
				want := Complete
				if test.detail != "" {
					want = Aborted
				}
				if s.Stop != want || s.Detail != test.detail || len(b.up.calls) != test.calls {
					t.Errorf("%s (%s) after %d calls", s.Stop, s.Detail, len(b.up.calls))
				}
				f := b.fold(t)
				// The intent that shared a group with the last settlement was not sent.
				if want == Aborted && (int(f.recipients.Pending+f.recipients.Deferred) != 300-test.calls || f.recipients.Deferred > 1) {
					t.Errorf("%+v", f.recipients)
				}
			})
		})
	}
}

// Those in flight finish; the next invocation counts anew and goes on.
func TestAbortIsResumable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := refusedIt
		r.delay = time.Second
		b := newBench(t, 120, 1, always(r))
		b.account.Limits.Concurrency = 8
		b.job.Policy.Abort = campaign.DefaultAbort()
		for round := range 4 {
			s := b.mustRun(t)
			f := b.fold(t)
			if s.Stop != Aborted || s.InFlight != 0 || f.recipients.Unknown != 0 {
				t.Fatalf("%+v, %+v", s, f.recipients)
			}
			if n := s.Recipients.Rejected; n < 20 || n > 20+7 || int(f.recipients.Rejected) != len(b.up.calls) {
				t.Fatalf("round %d: %d rejected", round, n)
			}
		}
		b.up.script = always(taken)
		if s := b.mustRun(t); s.Stop != Complete || !b.fold(t).recipients.Complete() {
			t.Errorf("%+v", s)
		}
	})
}

// What was split counts with its leaves only: a poisoned batch is one failure.
func TestAbortCountsLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 5, 64, func(c call) reply {
			if c.has("u17", "u70", "u130", "u200", "u260") {
				return refusedIt
			}
			return taken
		})
		b.job.Policy.Abort.Failed = campaign.Threshold{Count: 6}
		s := b.mustRun(t)
		if s.Stop != Complete || s.Splits < 20 || s.Deliveries.Rejected != 5 || b.fold(t).recipients.Rejected != 5 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTally(t *testing.T) {
	if newTally(campaign.Abort{}) != nil {
		t.Error("nothing is to be counted without thresholds")
	}
	for _, test := range []struct {
		outcomes []campaign.Outcome
		stops    bool
	}{
		{[]campaign.Outcome{campaign.Rejected, campaign.Rejected}, true},
		{[]campaign.Outcome{campaign.Rejected, campaign.Superseded, campaign.Deferred, campaign.Skipped}, false},
		{[]campaign.Outcome{campaign.Accepted, campaign.Accepted, campaign.Accepted, campaign.Rejected, campaign.Rejected}, false},
		{[]campaign.Outcome{campaign.Accepted, campaign.Accepted, campaign.Rejected, campaign.Deferred, campaign.Superseded, campaign.Rejected}, true},
	} {
		tally := newTally(campaign.Abort{Failed: campaign.Threshold{Count: 2, Share: 0.5}})
		var end *stopped
		for _, o := range test.outcomes {
			if e := tally.add(o); end == nil {
				end = e
			}
		}
		if (end != nil) != test.stops {
			t.Errorf("%v: %v", test.outcomes, end)
		}
	}
	for share, want := range map[float64]string{0.07: "7%", 0.05: "5%", 0.125: "12.5%", 1: "100%", 0: "0%"} {
		if got := percent(share); got != want {
			t.Errorf("percent(%v) is %s, want %s", share, got, want)
		}
	}
	if got := fmt.Sprint(&stopped{why: Aborted, detail: "x"}); got != "aborted: x" {
		t.Errorf("got %s", got)
	}
}
