package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/sandbox"
	"campaign/internal/targets/chuanbo"
	"campaign/internal/targets/zqt"
)

// faultRow says what becomes of a fault that the second of three requests meets,
// one request at a time. A cell is what the ledger says of that delivery in the
// end, then how many requests the upstream saw and how many of them it accepted;
// "twice" marks that somebody got it more than once.
type faultRow struct {
	fault    string
	channels string // zqt, chuanbo or both
	batches  string // recipients a request: 1, 4 or both
	// unknown: hold, with 1 attempt and with 3; unknown: resend; hold, with
	// not_accepted: [503].
	hold1, hold3, resend1, resend3, named1, named3 string
}

const (
	both    = "zqt chuanbo"
	anySize = "1 4"
)

// wireFaults is the table. Every verdict and number is written down here; nothing
// of it is computed.
var wireFaults = []faultRow{
	// No connection: certainly nothing was sent. Five in a row stop the account.
	{"refuse", both, anySize, "deferred 1/1", "deferred 1/1", "deferred 1/1", "deferred 1/1", "deferred 1/1", "deferred 1/1"},

	// Lost answers. Whether the upstream took it only its own record knows.
	{"reset-before", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"reset-after", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"stall", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"stall-after", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"stall:for=20ms", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"stall-after:for=20ms", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"truncate", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"truncate:bytes=10000", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"latency:delay=2500ms", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"drip:interval=200ms", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},

	// Answers that come late, and come.
	{"latency:delay=20ms,jitter=20ms", both, anySize, "accepted 3/3", "accepted 3/3", "accepted 3/3", "accepted 3/3", "accepted 3/3", "accepted 3/3"},
	{"drip:interval=1ms,bytes=16", both, anySize, "accepted 3/3", "accepted 3/3", "accepted 3/3", "accepted 3/3", "accepted 3/3", "accepted 3/3"},

	// Answers that no document describes.
	{"garbage", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"garbage:accept=true", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"garbage:body={}", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"garbage:status=400", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"garbage:status=401", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"garbage:status=408,accept=true", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"garbage:status=425", both, anySize, "deferred 3/2", "accepted 4/3", "deferred 3/2", "accepted 4/3", "deferred 3/2", "accepted 4/3"},
	{"garbage:status=504", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"html-502", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"html-502:accept=true", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"500", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"500:accept=true", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},
	{"redirect:to=http://127.0.0.1:1/", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "unknown 3/2", "unknown 3/2"},
	{"redirect:to=http://127.0.0.1:1/,status=302,accept=true", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "unknown 3/3", "unknown 3/3"},

	// Answers that ask to wait. One that lies about it doubles, and so does an owner
	// who says without knowing that a 503 was not accepted.
	{"503", both, anySize, "unknown 3/2", "unknown 3/2", "deferred 3/2", "accepted 4/3", "deferred 3/2", "accepted 4/3"},
	{"503:accept=true", both, anySize, "unknown 3/3", "unknown 3/3", "deferred 3/3", "accepted 4/4 twice", "deferred 3/3", "accepted 4/4 twice"},
	{"503:retry-after=1s", both, anySize, "deferred 3/2", "accepted 4/3", "deferred 3/2", "accepted 4/3", "deferred 3/2", "accepted 4/3"},
	{"503:retry-after=1s,accept=true", both, anySize, "deferred 3/3", "accepted 4/4 twice", "deferred 3/3", "accepted 4/4 twice", "deferred 3/3", "accepted 4/4 twice"},
	{"503:retry-after=1h", both, anySize, "deferred 2/1", "deferred 2/1", "deferred 2/1", "deferred 2/1", "deferred 2/1", "deferred 2/1"},
	{"429:retry-after=1s", both, anySize, "deferred 3/2", "accepted 4/3", "deferred 3/2", "accepted 4/3", "deferred 3/2", "accepted 4/3"},
	{"429:retry-after=1h", both, anySize, "deferred 2/1", "deferred 2/1", "deferred 2/1", "deferred 2/1", "deferred 2/1", "deferred 2/1"},

	// A refused token is renewed, and the same request goes again: that is no retry.
	{"unauthorized", "zqt", anySize, "accepted 4/3", "accepted 4/3", "accepted 4/3", "accepted 4/3", "accepted 4/3", "accepted 4/3"},
	{"expire-tokens", "zqt", anySize, "accepted 4/3", "accepted 4/3", "accepted 4/3", "accepted 4/3", "accepted 4/3", "accepted 4/3"},
	{"expire-tokens", "chuanbo", anySize, "accepted 3/3", "accepted 3/3", "accepted 3/3", "accepted 3/3", "accepted 3/3", "accepted 3/3"},

	// Refusals. A batch of recipients is halved, a list of groups is one push.
	{"status-400", "zqt", "1", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2"},
	{"status-400", "zqt", "4", "accepted 5/4", "accepted 5/4", "accepted 5/4", "accepted 5/4", "accepted 5/4", "accepted 5/4"},
	{"code", "chuanbo", anySize, "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2"},
	{"poison", both, "1", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2"},
	{"poison", "zqt", "4", "rejected, the others accepted 7/4", "rejected, the others accepted 7/4", "rejected, the others accepted 7/4",
		"rejected, the others accepted 7/4", "rejected, the others accepted 7/4", "rejected, the others accepted 7/4"},
	{"poison", "chuanbo", "4", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2", "rejected 3/2"},
}

// channelTypes are the channels of each system.
var channelTypes = map[string][]string{
	"zqt":     {zqt.Channel},
	"chuanbo": {chuanbo.Notification, chuanbo.SMS, chuanbo.Voice},
}

// faultCase is one cell of the table for one channel and one size.
type faultCase struct {
	row         *faultRow
	channel     string
	batch       int
	policy      string
	resend      bool
	attempts    int
	notAccepted []int
	want        string
	got         string
	err         error
}

func faultCases() []*faultCase {
	var cases []*faultCase
	for i := range wireFaults {
		row := &wireFaults[i]
		for _, system := range strings.Fields(row.channels) {
			for _, channel := range channelTypes[system] {
				for _, size := range strings.Fields(row.batches) {
					made := faultCase{row: row, channel: channel, batch: map[string]int{"1": 1, "4": 4}[size]}
					add := func(policy string, resend bool, attempts int, notAccepted []int, want string) {
						c := made
						c.policy, c.resend, c.attempts, c.notAccepted, c.want = policy, resend, attempts, notAccepted, want
						cases = append(cases, &c)
					}
					add("hold", false, 1, nil, row.hold1)
					add("hold", false, 3, nil, row.hold3)
					add("resend", true, 1, nil, row.resend1)
					add("resend", true, 3, nil, row.resend3)
					add("not_accepted 503", false, 1, []int{503}, row.named1)
					add("not_accepted 503", false, 3, []int{503}, row.named3)
				}
			}
		}
	}
	return cases
}

// atOnce is how many cases run together: most of their time is waiting.
const atOnce = 64

// Every fault of the sandbox meets every channel type under every policy: what the
// ledger says in the end, how many requests the upstream saw, how many it accepted.
// With -v it prints the table.
func TestWireFaultMatrix(t *testing.T) {
	for _, kind := range sandbox.FaultKinds() {
		if !slices.ContainsFunc(wireFaults, func(r faultRow) bool { name, _, _ := strings.Cut(r.fault, ":"); return name == kind.Name }) {
			t.Errorf("fault %s has no row", kind.Name)
		}
	}
	cases := faultCases()
	turns := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for _, c := range cases {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			c.got, c.err = c.run(t)
		})
	}
	group.Wait()

	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\tchannel\tbatch\tpolicy\tattempts\tverdict, seen/accepted")
	for _, c := range cases {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%s\n", c.row.fault, c.channel, c.batch, c.policy, c.attempts, c.got)
		if c.err != nil || c.got != c.want {
			t.Errorf("%s, %s, batch of %d, %s, %d attempts: %s, want %s; %v", c.row.fault, c.channel, c.batch, c.policy, c.attempts, c.got, c.want, c.err)
		}
	}
	w.Flush()
	t.Logf("%d cases\n%s", len(cases), table.String())
}

// Three deliveries go out one at a time; the second is the victim.
const (
	faultDeliveries = 3
	faultTimeout    = 1500 * time.Millisecond
)

// run plays the case. The error is about what no cell says: nobody is lost.
func (c *faultCase) run(t *testing.T) (string, error) {
	server, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		return "", err
	}
	defer server.Close()
	b := newBench(t, faultDeliveries, c.batch, nil)
	b.job.Target = openChannel(t, server.URL(), c.channel, c.notAccepted)
	b.job.Secrets = channelSecrets
	b.job.Messages = channelMessages(b.job.Target)
	if err := c.install(server); err != nil {
		return "", err
	}
	w := wire(t, WireOptions{LoopbackOnly: true})
	defer w.Close()
	b.account.Sender = w
	b.account.Limits.Concurrency = 1
	b.account.Tokens = &purse{}
	b.job.Policy.Timeout = faultTimeout
	b.job.Policy.Resend = c.resend
	b.job.Policy.Retry = campaign.Retry{Attempts: c.attempts, Base: 5 * time.Millisecond, Cap: 20 * time.Millisecond}
	s, err := b.start(context.Background())
	if err != nil {
		return "", err
	}
	// An upstream that is slow accepts after we have given up.
	for deadline := time.Now().Add(20 * time.Second); server.Summary().InFlight > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return "", fmt.Errorf("the sandbox is still at work on %d requests", server.Summary().InFlight)
		}
	}
	f, err := tryFold(b.ledger, b.run)
	if err != nil {
		return "", err
	}
	took := acceptedOf(server)
	return c.cell(server, f, took), c.nobodyLost(s, f, took)
}

// victim is the first recipient of the second delivery.
func (c *faultCase) victim() string { return fmt.Sprintf("u%d", c.batch) }

func (c *faultCase) install(server *sandbox.Server) error {
	text := withSelection(c.row.fault, "after=1,times=1")
	if c.row.fault == "poison" {
		text = "poison:recipient=" + upstreamID(c.channel, c.victim())
	}
	fault, err := sandbox.ParseFault(text)
	if err != nil {
		return err
	}
	_, err = server.AddFault(fault)
	return err
}

// cell is what happened, as the table writes it.
func (c *faultCase) cell(server *sandbox.Server, f folded, took map[string]int) string {
	first := f.outcome[c.victim()]
	verdict := first.String()
	for i := 1; i < c.batch; i++ {
		if o := f.outcome[fmt.Sprintf("u%d", c.batch+i)]; o != first {
			verdict = fmt.Sprintf("%s, the others %s", first, o)
		}
	}
	twice := ""
	for _, n := range took {
		if n > 1 {
			twice = " twice"
		}
	}
	return fmt.Sprintf("%s %d/%d%s", verdict, len(server.Arrivals()), len(server.Requests()), twice)
}

// nobodyLost holds ledger and upstream against each other.
func (c *faultCase) nobodyLost(s Summary, f folded, took map[string]int) error {
	if complete := f.recipients.Complete(); complete != (s.Stop == Complete) {
		return fmt.Errorf("ended as %s with %+v", s.Stop, f.recipients)
	}
	if n := int64(faultDeliveries * c.batch); f.recipients.Planned != n || int64(len(f.outcome)) != n {
		return fmt.Errorf("%d of %d recipients", len(f.outcome), n)
	}
	for id, o := range f.outcome {
		n := took[upstreamID(c.channel, id)]
		theirs := strings.Contains(c.row.fault, "accept=true") || c.resend // who may stand as deferred though it was taken
		switch {
		case o == campaign.Accepted && n == 0:
			return fmt.Errorf("%s stands as accepted and was not", id)
		case n > 0 && o != campaign.Accepted && o != campaign.Unknown && !(o == campaign.Deferred && theirs):
			return fmt.Errorf("%s was accepted and stands as %s", id, o)
		case o == campaign.Skipped || o == campaign.Superseded:
			return fmt.Errorf("%s stands as %s", id, o)
		}
	}
	if f.outcome["u0"] != campaign.Accepted {
		return fmt.Errorf("the delivery before the fault stands as %s", f.outcome["u0"])
	}
	return nil
}

// A port that is closed for a while loses nothing, on any channel.
func TestSandboxRefuses(t *testing.T) {
	for _, channels := range channelTypes {
		for _, channel := range channels {
			t.Run(channel, func(t *testing.T) {
				t.Parallel()
				server, err := sandbox.Start(sandbox.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { server.Close() })
				fault, err := sandbox.ParseFault("refuse:for=300ms")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := server.AddFault(fault); err != nil {
					t.Fatal(err)
				}
				b := newBench(t, 6, 1, nil)
				b.account.Sender = wire(t, WireOptions{LoopbackOnly: true})
				b.account.Limits.Concurrency = 2
				b.account.WaitForUpstream = time.Minute
				b.account.Probe = campaign.Retry{Base: 50 * time.Millisecond, Cap: 100 * time.Millisecond}
				b.account.Tokens = &purse{}
				b.job.Target = openChannel(t, server.URL(), channel, nil)
				b.job.Secrets = channelSecrets
				b.job.Policy.Retry = campaign.Retry{Attempts: 100, Base: 10 * time.Millisecond, Cap: 50 * time.Millisecond}
				b.job.Messages = channelMessages(b.job.Target)
				s := b.mustRun(t)
				f := fold(t, b.ledger, b.run)
				if s.Stop != Complete || f.recipients.Accepted != 6 || len(server.Requests()) != 6 || len(server.Arrivals()) != 6 {
					t.Errorf("%+v, %+v, %d arrivals", s, f.recipients, len(server.Arrivals()))
				}
			})
		}
	}
}
