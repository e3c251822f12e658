package runner

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/sandbox"
	"campaign/internal/targets/zqt"
)

// inMemory is a listener whose connections never leave the process: real sockets do
// not know the fake clock.
type inMemory struct {
	dialled chan net.Conn
	closed  chan struct{}
}

func (l *inMemory) Accept() (net.Conn, error) {
	select {
	case c := <-l.dialled:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *inMemory) Close() error {
	close(l.closed)
	return nil
}

func (l *inMemory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (l *inMemory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.dialled <- far:
		return &conn{Conn: near}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// sandboxed lets a bench send to a sandbox that is reached in memory, through the
// real wire, and gives what stops it.
func sandboxed(t *testing.T, b *bench, latency time.Duration) (server *sandbox.Server, stop func()) {
	t.Helper()
	server = sandbox.New(sandbox.Options{})
	if latency > 0 {
		fault, err := sandbox.ParseFault(fmt.Sprintf("latency:delay=%s", latency))
		if err == nil {
			_, err = server.AddFault(fault)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l := &inMemory{make(chan net.Conn), make(chan struct{})}
	http := &http.Server{Handler: server}
	go func() { _ = http.Serve(l) }()
	w, err := NewWire(WireOptions{LoopbackOnly: true, MaxConns: 16})
	if err != nil {
		t.Fatal(err)
	}
	w.transport.DialContext = l.dial
	b.account.Sender, b.account.Tokens = w, &purse{}
	b.job.Target = openChannel(t, "http://127.0.0.1:1", zqt.Channel, nil)
	b.job.Messages = channelMessages(b.job.Target)
	return server, func() {
		w.Close()
		_ = http.Close()
		_ = server.Close()
	}
}

// feasible is a campaign and its limits.
type feasible struct {
	limits    campaign.Limits
	policy    campaign.Policy
	stages    []int // requests of each
	from, to  time.Duration
	windowed  bool
	latency   time.Duration
	expires   time.Duration // after the start; 0: never
	confirmed bool          // stages wait for a person, who is there at once
}

var feasibles = map[string]feasible{
	"no limit":                        {stages: []int{50}},
	"a rate":                          {limits: campaign.Limits{Rate: rate(5, time.Second), Concurrency: 4}, stages: []int{301}},
	"a fast rate":                     {limits: campaign.Limits{Rate: rate(200, time.Second), Concurrency: 8}, stages: []int{900}},
	"a slow rate":                     {limits: campaign.Limits{Rate: rate(7, time.Hour), Concurrency: 3}, stages: []int{40}},
	"a campaign slower than account":  {limits: campaign.Limits{Rate: rate(50, time.Second), Concurrency: 8}, policy: campaign.Policy{Rate: rate(90, time.Minute)}, stages: []int{200}},
	"an account slower than campaign": {limits: campaign.Limits{Rate: rate(3, time.Second), Concurrency: 8}, policy: campaign.Policy{Rate: rate(50, time.Second), Concurrency: 2}, stages: []int{200}},
	"a window between":                {limits: campaign.Limits{Rate: rate(1, time.Second), Concurrency: 4}, stages: []int{4000}, windowed: true, from: 12 * time.Hour, to: 12*time.Hour + 30*time.Minute},
	"a slow rate and a window":        {limits: campaign.Limits{Rate: rate(5, time.Hour), Concurrency: 2}, stages: []int{30}, windowed: true, from: 10 * time.Hour, to: 13 * time.Hour},
	"a campaign's rate and a window":  {limits: campaign.Limits{Concurrency: 2}, policy: campaign.Policy{Rate: rate(1, time.Minute)}, stages: []int{100}, windowed: true, from: 0, to: 13 * time.Hour},
	"a window that opens later":       {limits: campaign.Limits{Rate: rate(2, time.Second)}, stages: []int{100}, windowed: true, from: 15 * time.Hour, to: 16 * time.Hour},
	"stages that wait":                {limits: campaign.Limits{Rate: rate(4, time.Second), Concurrency: 3}, policy: campaign.Policy{Stages: []campaign.Stage{{Upto: 1, Wait: 10 * time.Minute}, {Upto: 2, Wait: time.Hour}}}, stages: []int{10, 60, 200}},
	"stages that wait over a closing": {limits: campaign.Limits{Rate: rate(4, time.Second), Concurrency: 3}, policy: campaign.Policy{Stages: []campaign.Stage{{Upto: 1, Wait: 50 * time.Minute}}}, stages: []int{600, 600}, windowed: true, from: 12 * time.Hour, to: 12*time.Hour + 45*time.Minute},
	"stages that wait for a person":   {limits: campaign.Limits{Rate: rate(4, time.Second), Concurrency: 3}, policy: campaign.Policy{Stages: []campaign.Stage{{Upto: 1, Confirm: true}}}, stages: []int{10, 60}, confirmed: true},
	"one at a time":                   {limits: campaign.Limits{Concurrency: 1}, stages: []int{300}, latency: 700 * time.Millisecond},
	"five at a time":                  {limits: campaign.Limits{Concurrency: 5}, stages: []int{303}, latency: 700 * time.Millisecond},
	"a rate that latency spoils":      {limits: campaign.Limits{Rate: rate(20, time.Second), Concurrency: 2}, stages: []int{300}, latency: 300 * time.Millisecond},
	"a rate that latency leaves":      {limits: campaign.Limits{Rate: rate(20, time.Second), Concurrency: 16}, stages: []int{600}, latency: 300 * time.Millisecond},
	"latency, stages and a window":    {limits: campaign.Limits{Rate: rate(20, time.Second), Concurrency: 2}, policy: campaign.Policy{Stages: []campaign.Stage{{Upto: 1, Wait: 20 * time.Minute}}}, stages: []int{50, 9000}, latency: 300 * time.Millisecond, windowed: true, from: 12 * time.Hour, to: 12*time.Hour + 40*time.Minute},
	"a run that expires":              {limits: campaign.Limits{Rate: rate(5, time.Second), Concurrency: 4}, stages: []int{900}, expires: time.Minute},
	"a run that expires in a pause":   {limits: campaign.Limits{Rate: rate(5, time.Second), Concurrency: 4}, policy: campaign.Policy{Stages: []campaign.Stage{{Upto: 1, Wait: time.Hour}}}, stages: []int{100, 300}, expires: 30 * time.Minute},
}

// A run against the sandbox ends when the forecast said, within one batch.
func TestForecastAgainstTheSandbox(t *testing.T) {
	for name, f := range feasibles {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, f.holds)
		})
	}
}

func (f feasible) holds(t *testing.T) {
	time.Sleep(12*time.Hour - time.Duration(time.Now().UnixNano())%(12*time.Hour)) // to noon or midnight
	if time.Now().UTC().Hour() != 12 {
		time.Sleep(12 * time.Hour)
	}
	b := newBench(t, 1, 1, nil)
	b.run = staged(b, 3, f.stages...)
	server, stop := sandboxed(t, b, f.latency)
	defer stop()
	began := time.Now()
	b.account.Limits, b.account.Shared = f.limits, &alone{} // its pace goes on from one invocation to the next
	b.job.Run, b.job.MaxWait = b.run.ID, 48*time.Hour
	f.policy.Timeout, f.policy.Retry = time.Minute, campaign.DefaultPolicy().Retry
	b.job.Policy = f.policy
	o := Outlook{Start: began, Limits: f.limits, Policy: f.policy, Latency: f.latency}
	for stage, n := range f.stages {
		o.Work = append(o.Work, campaign.Stretch{Stage: stage, Requests: int64(n), Recipients: int64(3 * n)})
	}
	if f.windowed {
		b.job.Opens = everyPeriod(24*time.Hour, f.from, f.to)
		o.Opens, o.Closes = b.job.Opens, untilPeriod(24*time.Hour, f.from, f.to)
	}
	if f.expires > 0 {
		b.job.Expires = began.Add(f.expires)
		o.Until = append(o.Until, b.job.Expires)
	}
	said := o.Forecast()

	s := b.mustRun(t)
	for s.Stop == StageWaits && f.confirmed {
		b.job.Confirmed = true
		s = b.mustRun(t)
	}
	if s.Stop != Complete {
		t.Fatalf("%+v", s)
	}
	batch := max(f.limits.Rate.Interval(), f.policy.Rate.Interval(), f.latency, 20*time.Millisecond)
	calls := server.Arrivals()
	last := time.Duration(0)
	for _, a := range calls {
		last = max(last, a.At.Sub(began))
	}
	if f.expires > 0 {
		late := said.Late[0]
		skipped := fold(t, b.ledger, b.run).deliveries.Skipped
		if diff := late.Requests - skipped; diff < -1 || diff > 1 || late.Recipients != 3*late.Requests {
			t.Errorf("%d requests expired, the forecast said %+v", skipped, late)
		}
		return
	}
	if len(calls) != int(b.run.Totals.Requests) {
		t.Errorf("%d requests came, %d were planned", len(calls), b.run.Totals.Requests)
	}
	if diff := (said.Last.Sub(began) - f.latency - last).Abs(); diff > batch {
		t.Errorf("the last request came after %s, the forecast said %s: more than %s apart", last, said.Last.Sub(began)-f.latency, batch)
	}
	if ended := time.Since(began); (said.Last.Sub(began) - ended).Abs() > batch {
		t.Errorf("the run ended after %s, the forecast said %s", ended, said.Last.Sub(began))
	}
}
