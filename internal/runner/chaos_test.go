package runner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/mem"
)

// chaos is one random history: a plan, a policy, and faults of upstream, wire and
// ledger, kills of every kind and words of persons, all from one seed.
type chaos struct {
	stages             []int // deliveries of each
	batch, concurrency int
	groups             bool // batches are not halved
	trouble            int  // percent of requests that meet a fault
	kills              int  // percent of invocations that are killed, and of those whose ledger fails
	policy             campaign.Policy
	limit              int64
	window             [3]time.Duration // period, from, to; zero: none
	expires            time.Duration    // zero: never
	seed               uint64
}

func drawThreshold(rt *rapid.T, name string) campaign.Threshold {
	return campaign.Threshold{
		Count: rapid.SampledFrom([]int64{0, 1, 3, 8}).Draw(rt, name+" count"),
		Share: rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(rt, name+" share"),
	}
}

func drawChaos(rt *rapid.T) chaos {
	c := chaos{
		stages:      rapid.SliceOfN(rapid.IntRange(0, 20), 1, 4).Draw(rt, "deliveries"),
		batch:       rapid.SampledFrom([]int{1, 1, 2, 7, 16}).Draw(rt, "batch"),
		concurrency: rapid.IntRange(1, 8).Draw(rt, "concurrency"),
		groups:      rapid.IntRange(0, 5).Draw(rt, "groups") == 0,
		trouble:     rapid.IntRange(0, 60).Draw(rt, "trouble"),
		kills:       rapid.SampledFrom([]int{0, 20, 60}).Draw(rt, "kills"),
		limit:       rapid.SampledFrom([]int64{0, 0, 0, 20}).Draw(rt, "limit"),
		seed:        rapid.Uint64().Draw(rt, "seed"),
	}
	c.policy = campaign.Policy{
		Timeout: 5 * time.Second,
		Retry:   campaign.Retry{Attempts: rapid.IntRange(1, 5).Draw(rt, "attempts"), Base: time.Second, Cap: 10 * time.Second},
		Resend:  rapid.Bool().Draw(rt, "resend"),
		Rate:    rapid.SampledFrom([]campaign.Rate{{}, {}, {N: 2, Per: time.Second}}).Draw(rt, "rate"),
	}
	if rapid.Bool().Draw(rt, "abort") {
		c.policy.Abort = campaign.Abort{Failed: drawThreshold(rt, "failed"), Unknown: drawThreshold(rt, "unknown")}
	}
	for range len(c.stages) - 1 {
		s := campaign.Stage{Upto: 1, Confirm: rapid.Bool().Draw(rt, "confirm")}
		if !s.Confirm {
			s.Wait = rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(rt, "wait")
		}
		c.policy.Stages = append(c.policy.Stages, s)
	}
	if rapid.IntRange(0, 2).Draw(rt, "window") == 0 {
		c.window = rapid.SampledFrom([][3]time.Duration{
			{time.Minute, 0, 20 * time.Second},
			{time.Minute, 30 * time.Second, 31 * time.Second},
			{time.Hour, 10 * time.Minute, 20 * time.Minute},
		}).Draw(rt, "span")
	}
	if rapid.IntRange(0, 2).Draw(rt, "expires") == 0 {
		c.expires = rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 5 * time.Minute, 3 * time.Hour}).Draw(rt, "after")
	}
	return c
}

// Random faults of upstream, wire and ledger, random kills and random policies,
// until the run is complete: nobody is lost, nobody gets anything twice that was
// not listed as unknown before, and every guard holds all along.
func TestNobodyIsLostOrDoubled(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawChaos(rt)
		var err error
		synctest.Test(t, func(t *testing.T) { err = c.play(t) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func poisonous(id string) bool { return id[len(id)-1] == '7' && len(id)%2 == 0 }

// upstream answers at random, never with more than it does.
func (c *chaos) upstream(random *rand.Rand) func(call) reply {
	return func(q call) reply {
		r := taken
		if slices.ContainsFunc(q.ids, poisonous) {
			r = refusedIt
		}
		if random.IntN(100) >= c.trouble {
			r.delay = time.Duration(random.IntN(3)) * time.Duration(1+random.IntN(400)) * time.Millisecond
			return r
		}
		faults := []reply{
			refused, refused, refused, lostWhole, tooMany(""), tooMany("2"), tooMany("40"), tooMany("2000"),
			{status: 503, header: tooMany("3").header}, {status: 503},
			{status: 401}, {status: 401}, {status: 500}, {take: r.take, status: 502}, {take: r.take, err: errors.New("reset")},
			{take: r.take, delay: time.Hour},
		}
		return faults[random.IntN(len(faults))]
	}
}

// calmAfter is the invocation from which on nothing goes wrong any more, and a
// person confirms every stage.
const calmAfter = 60

// play runs until the run is complete, and checks the guarantees on the way.
func (c *chaos) play(t *testing.T) error {
	random := rand.New(rand.NewPCG(c.seed, 1))
	b := newBench(t, 1, 1, nil)
	b.ledger = mem.New()
	b.run = staged(b, c.batch, c.stages...)
	b.job.Run, b.job.Policy, b.job.Limit = b.run.ID, c.policy, c.limit
	b.account.Limits.Concurrency = c.concurrency
	b.account.Random = func(n int64) int64 { return n / 2 }
	b.job.Random = b.account.Random
	withTokens(b, &purse{})
	if c.groups {
		b.job.Target = tokenLetter{letter{url: "http://127.0.0.1:1/", groups: true}}
	}
	if c.window[0] > 0 {
		b.job.Opens = everyPeriod(c.window[0], c.window[1], c.window[2])
	}
	if c.expires > 0 {
		b.job.Expires = time.Now().Add(c.expires)
	}
	w, err := newWitness(b.ledger, b.run, &b.job, c.concurrency)
	if err != nil {
		return err
	}
	answer := c.upstream(rand.New(rand.NewPCG(c.seed, 2)))
	b.up.script = func(q call) reply {
		w.call(q)
		return answer(q)
	}
	for round := 0; round < calmAfter+240; round++ {
		if round == calmAfter {
			c.trouble, c.kills = 0, 0
		}
		s, err := c.invocation(b, w, random, round >= calmAfter || random.IntN(3) == 0)
		if err == nil {
			err = w.compare(b, s)
		}
		if err != nil {
			return fmt.Errorf("invocation %d, %s: %w", w.invocation, s.Stop, err)
		}
		if s.Stop == Complete {
			return nil
		}
		if err := between(b, w, random, s); err != nil {
			return err
		}
	}
	return errors.New("not complete after so many invocations")
}

// invocation lets one process work, until it ends or is ended.
func (c *chaos) invocation(b *bench, w *witness, random *rand.Rand, confirmed bool) (Summary, error) {
	process := b.ledger.Fork()
	defer process.Kill()
	l := &watched{Ledger: process, w: w}
	if random.IntN(100) < c.kills {
		left, after := 1+random.IntN(40), random.IntN(2) == 0
		l.fault = func() (bool, bool) {
			left--
			return left == 0 && !after, left == 0 && after
		}
	}
	kill := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Hour)
	defer cancel()
	killed, gone := false, false
	if random.IntN(100) < c.kills {
		soon := time.Duration(random.ExpFloat64() * float64(3*time.Second))
		later := soon + time.Duration(random.IntN(3000))*time.Millisecond
		var timers []*time.Timer
		at := func(d time.Duration, do func()) { timers = append(timers, time.AfterFunc(d, do)) }
		switch random.IntN(4) {
		case 0:
			at(soon, cancel)
		case 1:
			at(soon, func() { close(kill) })
			killed = true
		case 2:
			at(soon, process.Kill)
			gone = true
		case 3: // one signal, then the second
			at(soon, cancel)
			at(later, func() { close(kill) })
			killed = true
		}
		defer func() {
			for _, timer := range timers {
				timer.Stop()
			}
		}()
	}
	b.job.Ledger, b.job.Kill, b.job.Confirmed = l, kill, confirmed
	w.begin(&b.job)
	s, err := b.start(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.broken != nil:
		return s, w.broken
	case b.up.most > c.concurrency:
		return s, fmt.Errorf("%d requests in flight", b.up.most)
	case err != nil && (!errors.Is(err, ErrLedger) || l.fault == nil && !gone):
		return s, err
	case err != nil:
		return s, nil
	}
	return s, w.summary(b, s, killed)
}

// summary checks what an invocation says of itself when the ledger did not fail.
func (w *witness) summary(b *bench, s Summary, killed bool) error {
	deliveries, recipients := w.counts()
	switch {
	case s.Requests != w.begun || s.InFlight != w.flying || s.MaxInFlight > w.most:
		return fmt.Errorf("the summary says %+v, and %d began, %d are in flight", s, w.begun, w.flying)
	case s.InFlight > 0 && !killed:
		return fmt.Errorf("%d are left in flight", s.InFlight)
	case s.Deliveries != deliveries || s.Recipients != recipients:
		return fmt.Errorf("the summary says %+v and %+v, it was %+v and %+v", s.Deliveries, s.Recipients, deliveries, recipients)
	case w.over && slices.Contains([]Stop{Complete, Exhausted, Limit, Interrupted, StageWaits}, s.Stop):
		return errors.New("a threshold was passed, and the invocation ended otherwise")
	case s.Stop == Aborted && !w.over && !strings.HasPrefix(s.Detail, "stage "):
		return fmt.Errorf("no threshold was passed: %s", s.Detail)
	case s.Stop == Closed && b.job.Opens == nil, s.Stop == StageWaits && w.passed >= len(w.policy.Stages):
		return errors.New("there is nothing to stop it so")
	}
	return nil
}

// compare holds ledger, upstream and witness against each other.
func (w *witness) compare(b *bench, s Summary) error {
	f, err := tryFold(b.ledger, b.run) // the law of conservation
	if err != nil {
		return err
	}
	if len(f.leaves) != len(w.parts) || int64(len(f.outcome)) != b.run.Totals.Recipients {
		return fmt.Errorf("%d parts of %d, %d recipients of %d", len(f.leaves), len(w.parts), len(f.outcome), b.run.Totals.Recipients)
	}
	for _, leaf := range f.leaves {
		p := w.parts[leaf.Part]
		if p == nil {
			return fmt.Errorf("part %+v came from nowhere", leaf.Part)
		}
		if leaf.Verdict.Outcome != p.outcome && !(p.open && leaf.Verdict.Outcome == campaign.Unknown) || leaf.Reopened != p.reopened {
			return fmt.Errorf("part %+v stands as %+v, it was %+v", leaf.Part, leaf, *p)
		}
	}
	if s.Stop == Complete && !f.recipients.Complete() {
		return fmt.Errorf("complete with %+v", f.recipients)
	}
	for id, o := range f.outcome {
		took, opened := b.up.accepted[id], w.opened[id]
		switch {
		case took > 1+opened:
			return fmt.Errorf("%s was accepted %d times, and reopened %d times", id, took, opened)
		case took > 0 && o != campaign.Accepted && o != campaign.Unknown && opened == 0:
			return fmt.Errorf("%s was accepted and stands as %s", id, o)
		case took == 0 && o == campaign.Accepted && !w.words[id]:
			return fmt.Errorf("%s was not accepted and stands as %s", id, o)
		case o == campaign.Rejected && !poisonous(id) && !strings.HasPrefix(f.reason[id], "not-isolated") && !b.job.Target.Layout().Groups:
			return fmt.Errorf("%s stands as rejected (%s)", id, f.reason[id])
		}
	}
	return nil
}

// between is what happens between two invocations: time passes, and a person may
// look at what is unknown.
func between(b *bench, w *witness, random *rand.Rand, s Summary) error {
	if !s.NotBefore.IsZero() {
		time.Sleep(time.Until(s.NotBefore))
	}
	if random.IntN(3) == 0 {
		time.Sleep(time.Duration(random.IntN(1200)) * time.Second)
	}
	if random.IntN(4) > 0 {
		return nil
	}
	ctx := context.Background()
	person := b.ledger.Fork()
	defer person.Kill()
	hold, err := person.Claim(ctx, b.run.ID, "a person", 0)
	if err != nil {
		return err
	}
	for work, err := range person.Unknown(ctx, hold) {
		if err != nil {
			return err
		}
		for _, leaf := range work.Results {
			if leaf.Verdict.Outcome != campaign.Unknown || random.IntN(2) == 0 {
				continue
			}
			v := campaign.Verdict{Outcome: campaign.Deferred, Reason: "resolved: by a person"}
			accepted := random.IntN(2) == 0
			if accepted {
				v.Outcome = campaign.Accepted
			}
			at := time.Now()
			if err := person.Record(ctx, hold, []ledger.Settlement{{Part: leaf.Part, Verdict: v, At: at}}, nil); err != nil {
				return err
			}
			w.believe(leaf.Part, accepted, at)
		}
	}
	return person.Release(ctx, hold)
}
