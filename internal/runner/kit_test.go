package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/mem"
	"campaign/internal/targets"
)

// letter is a target of its own kind: the body is the text, a line, then the
// recipients' ids with commas between.
type letter struct {
	url    string
	groups bool
}

type tokenLetter struct{ letter }

func (l letter) Layout() targets.Layout { return targets.Layout{Groups: l.groups} }

func (l letter) Request(m targets.Message, _ targets.Secrets) (targets.Request, error) {
	var b bytes.Buffer
	b.WriteString(strings.Join(m.Texts, "\n"))
	b.WriteByte('\n')
	for i, r := range m.Recipients {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.ID())
	}
	return targets.Request{
		Method: http.MethodPost, URL: l.url, Header: http.Header{"Content-Type": {"text/plain"}}, Body: b.Bytes(),
	}, nil
}

func (l letter) Judge(a targets.Answer) campaign.Verdict {
	v := campaign.Verdict{Status: a.Status}
	after, given := targets.RetryAfter(a.Header)
	switch {
	case a.Status == 200 && string(a.Body) == "taken":
		v.Outcome, v.Ref = campaign.Accepted, "ref"
	case a.Status == 400 && string(a.Body) == "no":
		v.Outcome, v.Reason = campaign.Rejected, "refused: no"
	case a.Status == 429 || a.Status == 503 && given:
		v.Outcome, v.After, v.Reason = campaign.Deferred, after, "wait"
	default:
		v.Reason = "unexpected-answer"
	}
	return v
}

func (tokenLetter) Authorize(h http.Header, token campaign.Secret) {
	h.Set("Authorization", "Bearer "+token.Reveal())
}

func (tokenLetter) Unauthorized(a targets.Answer) bool { return a.Status == 401 }

// idsOf reads the recipients of a letter's body.
func idsOf(body []byte) []string {
	return strings.Split(string(body[bytes.LastIndexByte(body, '\n')+1:]), ",")
}

// planned makes an open run of n deliveries with batch recipients each.
func planned(t testing.TB, l ledger.Planner, n, batch, perBlock int) campaign.Run {
	t.Helper()
	run := campaign.Run{
		ID: campaign.RunID("p", t.Name(), campaign.Once), Profile: "p", Campaign: t.Name(),
		Occurrence: campaign.Occurrence{Label: campaign.Once}, PlanDigest: "d", Planner: 1, Columns: []string{"id"},
	}
	ctx := context.Background()
	if _, err := l.Begin(ctx, run, nil); err != nil {
		t.Fatal(err)
	}
	run.Totals = campaign.Totals{Requests: int64(n), Recipients: int64(n * batch)}
	row := int64(2)
	for from := 0; from < n; from += perBlock {
		block := campaign.Block{Seq: run.Totals.Blocks}
		for seq := from; seq < min(from+perBlock, n); seq++ {
			d := campaign.Delivery{Seq: int64(seq), Digest: campaign.Digest{byte(seq), byte(seq >> 8), byte(seq >> 16)}}
			for range batch {
				d.Recipients = append(d.Recipients, campaign.Recipient{Row: row, Cells: []string{fmt.Sprintf("u%d", row-2)}})
				row++
			}
			block.Deliveries = append(block.Deliveries, d)
		}
		block.Digest = block.Sum()
		if err := l.Add(ctx, run.ID, []campaign.Block{block}); err != nil {
			t.Fatal(err)
		}
		run.Totals.Blocks++
	}
	if err := l.Open(ctx, run.ID, run.Totals); err != nil {
		t.Fatal(err)
	}
	return run
}

// rendered gives each delivery of a block the same text.
func rendered(texts ...string) func(context.Context, campaign.Block) ([]targets.Message, error) {
	return func(_ context.Context, b campaign.Block) ([]targets.Message, error) {
		messages := make([]targets.Message, len(b.Deliveries))
		for i, d := range b.Deliveries {
			messages[i] = targets.Message{Texts: texts, Recipients: d.Recipients}
		}
		return messages, nil
	}
}

// folded is what the ledger says in the end, with the law of conservation checked.
type folded struct {
	deliveries, recipients campaign.Counts
	outcome                map[string]campaign.Outcome // by recipient
	reason                 map[string]string
	attempts               map[string]int
	leaves                 []campaign.Result
}

func fold(t testing.TB, l ledger.Reader, run campaign.Run) folded {
	t.Helper()
	f, err := tryFold(l, run)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func tryFold(l ledger.Reader, run campaign.Run) (folded, error) {
	f := folded{outcome: map[string]campaign.Outcome{}, reason: map[string]string{}, attempts: map[string]int{}}
	for b, err := range l.Results(context.Background(), run.ID) {
		if err != nil {
			return f, err
		}
		for _, res := range b.Results {
			d := b.Block.Deliveries[res.Part.Seq-b.Block.Deliveries[0].Seq]
			f.leaves = append(f.leaves, res)
			f.deliveries.Planned++
			f.deliveries.Add(res.Verdict.Outcome, 1)
			for _, r := range res.Part.Of(d.Recipients) {
				if _, twice := f.outcome[r.ID()]; twice {
					return f, fmt.Errorf("recipient %s stands in two leaves", r.ID())
				}
				f.outcome[r.ID()] = res.Verdict.Outcome
				f.reason[r.ID()] = res.Verdict.Reason
				f.attempts[r.ID()] = res.Attempts
				f.recipients.Add(res.Verdict.Outcome, 1)
			}
		}
	}
	f.recipients.Planned = run.Totals.Recipients
	if !f.recipients.Balanced() || !f.deliveries.Balanced() {
		return f, fmt.Errorf("the sums do not add up: %+v %+v", f.recipients, f.deliveries)
	}
	return f, nil
}

// call is one request that came to a fake upstream.
type call struct {
	n     int // from 0
	at    time.Time
	ids   []string
	token string
	body  string
}

// reply is what the fake upstream does with a call.
type reply struct {
	take   bool // it accepts
	status int
	body   string
	header http.Header
	err    error // there is no whole answer
	unsent bool  // nothing was sent
	delay  time.Duration
}

var (
	taken     = reply{take: true, status: 200, body: "taken"}
	refusedIt = reply{status: 400, body: "no"}
	lostAfter = reply{take: true, err: errors.New("connection reset")}
	lostWhole = reply{err: errors.New("connection reset")}
	refused   = reply{unsent: true, err: errors.New("connection refused")}
)

func tooMany(after string) reply {
	return reply{status: 429, header: http.Header{"Retry-After": {after}}}
}

// upstream is a Sender without a network. It keeps its own record.
type upstream struct {
	script func(c call) reply

	mu       sync.Mutex
	calls    []call
	accepted map[string]int // by recipient
	flying   int
	most     int // requests in flight
}

func newUpstream(script func(c call) reply) *upstream {
	return &upstream{script: script, accepted: map[string]int{}}
}

func (u *upstream) Do(ctx context.Context, r targets.Request, timeout time.Duration) (targets.Answer, Trace, error) {
	c, rep := u.enter(r)
	defer u.leave()
	trace := Trace{Began: c.at, NotSent: rep.unsent}
	if rep.delay > 0 {
		short, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if err := sleep(short, rep.delay, nil); err != nil {
			return targets.Answer{}, Trace{Began: c.at}, err
		}
	}
	if rep.err != nil {
		return targets.Answer{}, trace, rep.err
	}
	header := rep.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return targets.Answer{Status: rep.status, Header: header, Body: []byte(rep.body)}, trace, nil
}

func (u *upstream) enter(r targets.Request) (call, reply) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := call{n: len(u.calls), at: time.Now(), ids: idsOf(r.Body), body: string(r.Body)}
	c.token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	u.calls = append(u.calls, c)
	u.flying++
	u.most = max(u.most, u.flying)
	rep := u.script(c)
	if rep.take {
		for _, id := range c.ids {
			u.accepted[id]++
		}
	}
	return c, rep
}

func (u *upstream) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.flying--
}

// bench is a run against a fake upstream, ready to go.
type bench struct {
	ledger  *mem.Ledger
	run     campaign.Run
	up      *upstream
	account AccountOptions
	job     Job
}

func newBench(t testing.TB, n, batch int, script func(c call) reply) *bench {
	t.Helper()
	b := &bench{ledger: mem.New(), up: newUpstream(script)}
	b.run = planned(t, b.ledger, n, batch, 10)
	b.account = AccountOptions{Sender: b.up, Limits: campaign.Limits{Concurrency: 4}}
	b.job = Job{
		Run: b.run.ID, Owner: "test", Ledger: b.ledger, Target: letter{url: "http://127.0.0.1:1/"},
		Policy:   campaign.Policy{Timeout: 5 * time.Second, Retry: campaign.Retry{Attempts: 4, Base: time.Second, Cap: 10 * time.Second}},
		Messages: rendered("hello"),
	}
	return b
}

func (b *bench) start(ctx context.Context) (Summary, error) {
	b.job.Account = NewAccount(b.account)
	return Run(ctx, b.job)
}

// mustRun runs and wants no error.
func (b *bench) mustRun(t testing.TB) Summary {
	t.Helper()
	s, err := b.start(context.Background())
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return s
}

func (b *bench) fold(t testing.TB) folded {
	t.Helper()
	f := fold(t, b.ledger, b.run)
	for id, n := range b.up.accepted {
		if n > 1 {
			t.Errorf("%s was accepted %d times", id, n)
		}
		if o := f.outcome[id]; o != campaign.Accepted && o != campaign.Unknown {
			t.Errorf("%s was accepted and stands as %s", id, o)
		}
	}
	for id, o := range f.outcome {
		if o == campaign.Accepted && b.up.accepted[id] != 1 {
			t.Errorf("%s stands as accepted and was accepted %d times", id, b.up.accepted[id])
		}
	}
	return f
}

func always(r reply) func(call) reply { return func(call) reply { return r } }

// has reports whether a call is for one of the ids.
func (c call) has(ids ...string) bool {
	return slices.ContainsFunc(c.ids, func(id string) bool { return slices.Contains(ids, id) })
}
