package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	crashKills = flag.Int("crash.kills", 32, "how many running campaigns TestCrash kills at least")
	crashSeed  = flag.Uint64("crash.seed", 0, "draws the same campaigns and the same moments again; 0: others each time")
)

// What a round is about, beside kills.
const (
	modePlain  = iota
	modeFaults // answers are lost, refused for a time, or come late
	modePoison // the upstream refuses some, and batches are halved
	modePair   // two campaigns of one account, each in a process of its own
	modeSame   // two processes for one campaign: one waits for the other
	modeWords  // persons close what is unknown, as the upstream's record says
	modeCancel // the rest is given up
	modes
)

var (
	crashModes    = [modes]string{"plain", "faults", "poison", "pair", "same", "words", "cancel"}
	crashChannels = []string{"zqt.message", "chuanbo.notification", "chuanbo.sms", "chuanbo.voice"}
	crashBatches  = []int{1, 7, 50}
)

// TestCrash kills the real binary, with real state, again and again at random
// moments, starts it again until each campaign has ended, and holds the reports
// against what a sandbox in another process recorded (design: delivery, How it is
// proved). `make crash` is the long form.
func TestCrash(t *testing.T) {
	if raceDetector {
		t.Skip("each start of the binary takes too long for it")
	}
	t.Parallel()
	c := &crashes{target: *crashKills, seed: *crashSeed, rows: map[string]*crashRow{}}
	if testing.Short() {
		c.target = min(c.target, 12)
	}
	if c.seed == 0 {
		c.seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-crash.kills %d -crash.seed %d", c.target, c.seed)
	began := time.Now()
	t.Run("lanes", func(t *testing.T) {
		for range min(runtime.NumCPU(), 4) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				c.lane(t)
			})
		}
	})
	total := c.total()
	t.Logf("in %s, seed %d:\n%s", time.Since(began).Round(time.Second), c.seed, c.table())
	if total.kills() < c.target && !t.Failed() {
		t.Errorf("%d kills, want %d", total.kills(), c.target)
	}
	if c.target < 500 {
		return // too few to say where they fell
	}
	for at, n := range total.fell {
		if n == 0 {
			t.Errorf("no kill fell into %s", crashPhases[at])
		}
	}
	if total.fell[phaseSending]*3 < total.kills() || total.inFlight == 0 {
		t.Errorf("%d of %d kills fell into the sending, with %d requests in flight", total.fell[phaseSending], total.kills(), total.inFlight)
	}
}

// crashes is the whole of it: rounds that lanes take one after the other.
type crashes struct {
	target int
	seed   uint64

	mu     sync.Mutex
	rounds int
	rows   map[string]*crashRow // by channel and batch
}

// next hands out the number of the next round, until enough was killed.
func (c *crashes) next() (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kills := 0
	for _, r := range c.rows {
		kills += r.kills()
	}
	c.rounds++
	return c.rounds - 1, kills < c.target
}

func (c *crashes) lane(t *testing.T) {
	pace := &crashPace{first: 80 * time.Millisecond, again: 80 * time.Millisecond, rest: 30 * time.Millisecond}
	for !t.Failed() {
		n, more := c.next()
		if !more {
			return
		}
		c.play(newCrashRound(t, n, c.seed, min(12, max(3, c.target/8)), pace))
	}
}

// play plays a round, and leaves its project where it is when it failed.
func (c *crashes) play(r *crashRound) {
	defer func() {
		c.add(r)
		if r.Failed() {
			r.Logf("round %d: %s, batch %d, %s, in %s", r.n, r.channel, r.batch, crashModes[r.mode], r.dir)
			return
		}
		if err := os.RemoveAll(r.dir); err != nil {
			r.Error(err)
		}
	}()
	r.play()
}

// newCrashRound draws a round: everything about it follows from seed and n, the
// moments of kills as far as the machine's speed allows.
func newCrashRound(t *testing.T, n int, seed uint64, quota int, pace *crashPace) *crashRound {
	r := &crashRound{
		T: t, n: n, quota: quota, random: rand.New(rand.NewPCG(seed, uint64(n))), pace: pace,
		channel: crashChannels[n%len(crashChannels)],
		batch:   crashBatches[n/len(crashChannels)%len(crashBatches)],
		mode:    n % modes,
	}
	r.readers = r.random.IntN(3) == 0
	r.concurrency = []int{1, 2, 4, 8}[r.random.IntN(4)]
	var err error
	if r.dir, err = os.MkdirTemp("", "campaign-crash"); err != nil {
		t.Fatal(err)
	}
	first := 100_000
	names := []string{"one"}
	if r.mode == modePair {
		names = append(names, "two")
	}
	for _, name := range names {
		people := r.batch*(40+r.random.IntN(80)) - r.random.IntN(r.batch)
		run := newCrashRun(name, r.batch, letterTo(t, r.dir, name, r.channel, people, r.batch, first))
		run.refuses = r.mode == modePoison
		r.runs = append(r.runs, run)
		first += people
	}
	r.up = startUpstream(t, r.faults()...)
	limits := fmt.Sprintf("concurrency: %d", r.concurrency)
	if r.random.IntN(4) == 0 {
		limits += fmt.Sprintf(", rate: %d/s", 100+r.random.IntN(400))
	}
	writeProject(t, r.dir, r.up.url, limits)
	return r
}

// faults are what the round's upstream does, beside taking a moment to answer.
func (r *crashRound) faults() []string {
	faults := []string{fmt.Sprintf("latency:delay=500us,jitter=%dms,seed=%d", 2*r.concurrency+1, r.random.Uint32())}
	some := func(kind, more string) {
		faults = append(faults, fmt.Sprintf("%s:after=%d,every=%d,times=%d%s", kind, r.random.IntN(40), 7+r.random.IntN(9), 1+r.random.IntN(3), more))
	}
	switch r.mode {
	case modeFaults:
		for _, lossy := range []string{"reset-after", "reset-before", "truncate", "html-502", "500", "garbage"} {
			more := ""
			if r.random.IntN(2) == 0 && lossy[0] != 'r' && lossy[0] != 't' {
				more = ",accept=true"
			}
			some(lossy, more)
		}
		some("stall-after", ",for=200ms")
		faults = append(faults, "503:after=30,times=1,retry-after=1s")
		if r.quota > 10 { // it slows the account down for long
			faults = append(faults, "429:after=20,times=1,retry-after=1s")
		}
	case modePoison:
		ids := r.runs[0].ids
		for range 3 {
			faults = append(faults, "poison:recipient="+drawOf(r, ids...))
		}
	}
	return faults
}

// Where kills fall.
const (
	phaseStart    = iota // before the process changed anything
	phasePlanning        // the run is not open yet
	phaseSending
	phaseReport // everything is settled, and the report or the end is to come
	phaseAfter  // there is nothing to do any more
	phases
)

var crashPhases = [phases]string{"the start", "planning", "sending", "the report", "the time after"}

// crashRow is what was seen of one channel type and batch.
type crashRow struct {
	campaigns, requests, recipients, accepted int
	fell                                      [phases]int // kills of runs
	others                                    int         // kills of commands that read, resolve or cancel
	inFlight, unknown, byFaults, closed       int         // requests
	lost, twice, unlisted                     int         // recipients
}

// kills counts those of processes that had something to do.
func (r *crashRow) kills() (n int) {
	for _, k := range r.fell[:phaseAfter] {
		n += k
	}
	return n
}

func (r *crashRow) add(o crashRow) {
	for _, f := range []struct {
		to *int
		n  int
	}{
		{&r.campaigns, o.campaigns}, {&r.requests, o.requests}, {&r.recipients, o.recipients}, {&r.accepted, o.accepted}, {&r.others, o.others},
		{&r.inFlight, o.inFlight}, {&r.unknown, o.unknown}, {&r.byFaults, o.byFaults}, {&r.closed, o.closed},
		{&r.lost, o.lost}, {&r.twice, o.twice}, {&r.unlisted, o.unlisted},
	} {
		*f.to += f.n
	}
	for at, n := range o.fell {
		r.fell[at] += n
	}
}

func (c *crashes) add(r *crashRound) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fmt.Sprintf("%s\t%d", r.channel, r.batch)
	if c.rows[key] == nil {
		c.rows[key] = &crashRow{}
	}
	c.rows[key].add(r.row)
}

func (c *crashes) total() crashRow {
	var total crashRow
	for _, r := range c.rows {
		total.add(*r)
	}
	return total
}

func (c *crashes) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "channel\tbatch\tcampaigns\tkills\tstart\tplanning\tsending\treport\tafter the end\tother kills\trequests\trecipients\taccepted\tin flight\tunknown by kills\tby faults\tclosed by word\tlost\ttwice\tunlisted\t")
	line := func(name string, r crashRow) {
		fmt.Fprintf(w, "%s\t%d\t%d\t", name, r.campaigns, r.kills())
		for _, n := range r.fell {
			fmt.Fprintf(w, "%d\t", n)
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", r.others, r.requests, r.recipients, r.accepted,
			r.inFlight, r.unknown, r.byFaults, r.closed, r.lost, r.twice, r.unlisted)
	}
	for _, channel := range crashChannels {
		for _, batch := range crashBatches {
			key := fmt.Sprintf("%s\t%d", channel, batch)
			if r := c.rows[key]; r != nil {
				line(key, *r)
			}
		}
	}
	line("all\t", c.total())
	_ = w.Flush() // to memory
	return strings.TrimRight(b.String(), "\n")
}

// count adds what an ended run's report and the upstream's record say.
func (r *crashRow) count(t told, f findings) {
	unknown, unsettled := t.unknown()
	r.campaigns++
	r.requests += int(t.requests["planned"])
	r.recipients += int(t.recipients["planned"])
	r.accepted += int(t.recipients["accepted"])
	r.unknown += unsettled
	r.byFaults += len(unknown) - unsettled
	r.lost += len(f.lost)
	r.twice += len(f.twice)
	r.unlisted += len(f.unlisted)
}

// crashPace is how long things take on this machine, as far as a lane has seen: it
// keeps most kills inside the run.
type crashPace struct {
	first time.Duration // from the start of a process that plans to its first request
	again time.Duration // from the start of a process that goes on
	rest  time.Duration // from the last accepted request to the end
}

// learn moves an estimate towards what was seen.
func learn(estimate *time.Duration, seen time.Duration) { *estimate += (seen - *estimate) / 4 }

// upTo is a random time up to d.
func (r *crashRound) upTo(d time.Duration) time.Duration {
	return time.Duration(r.random.Int64N(int64(max(d, time.Millisecond))))
}

// broken says which promises a run broke.
func (r *crashRound) broken(run *crashRun, f findings) {
	r.Helper()
	if all := f.all(); len(all) > 0 {
		r.Errorf("round %d: %s (run %s): %d broken promises:\n%s", r.n, run.name, run.id, len(all), strings.Join(all[:min(len(all), 20)], "\n"))
	}
}

// drawOf gives one of some.
func drawOf[T any](r *crashRound, of ...T) T { return of[r.random.IntN(len(of))] }
