package sandbox

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRateOf(t *testing.T) {
	start := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		at   []time.Duration
		want Rate
	}{
		"none": {nil, Rate{}},
		"one":  {[]time.Duration{5 * time.Second}, Rate{Requests: 1, Most: 1, Seconds: []int{1}}},
		// A window of a second has its beginning and not its end.
		"a second apart": {[]time.Duration{0, time.Second, 2 * time.Second}, Rate{Requests: 3, PerSecond: 1, Most: 1, Seconds: []int{1, 1, 1}}},
		"a moment less":  {[]time.Duration{0, time.Second - 1, time.Second}, Rate{Requests: 3, PerSecond: 2, Most: 2, Seconds: []int{2, 1}}},
		// No clock second holds more than two of these, and a window holds four.
		"over the edge": {
			[]time.Duration{0, 900 * time.Millisecond, 950 * time.Millisecond, 1100 * time.Millisecond, 1800 * time.Millisecond, 3500 * time.Millisecond},
			Rate{Requests: 6, PerSecond: 5 / 3.5, Most: 4, MostAt: start.Add(900 * time.Millisecond), Seconds: []int{3, 2, 0, 1}},
		},
		"together": {[]time.Duration{time.Hour, time.Hour}, Rate{Requests: 2, Most: 2, Seconds: []int{2}}},
		"days":     {[]time.Duration{0, 48 * time.Hour}, Rate{Requests: 2, PerSecond: 1.0 / (48 * 3600), Most: 1, Seconds: []int{1}}},
	} {
		var arrivals []arrival
		for i, at := range c.at {
			arrivals = append(arrivals, arrival{at: at, flying: uint32(10 - i)})
		}
		if n := len(c.at); n > 0 {
			c.want.First, c.want.Last, c.want.MostInFlight = start.Add(c.at[0]), start.Add(c.at[n-1]), 10
			if c.want.MostAt.IsZero() {
				c.want.MostAt = c.want.First
			}
		}
		if diff := cmp.Diff(c.want, rateOf(start, arrivals)); diff != "" {
			t.Errorf("%s: want (-), got (+)\n%s", name, diff)
		}
	}
}

// Requests that are held are in flight, each account's by themselves.
func TestInFlight(t *testing.T) {
	s := start(t, Options{})
	addFault(t, s, "stall:times=2")
	addFault(t, s, "stall:times=1,system=chuanbo,for=1h")
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	var held sync.WaitGroup
	hold := func(r *http.Request, n int) {
		held.Go(func() {
			if _, err := do(newClient(t), r); err == nil {
				t.Error("a stalled request was answered")
			}
		})
		eventually(t, "the request is held", func() bool { return s.Summary().Holding == n })
	}
	hold(zqtRequest(leaving, s, zqtBodyTo("a")), 1)
	other := zqtRequest(leaving, s, zqtBodyTo("b"))
	other.URL.Path = "/YX" + zqtPath
	hold(other, 2)
	hold(pushRequest(leaving, s, with(smsExample, "tag")...), 3)
	mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("c")))
	if got := s.Summary().InFlight; got != 3 {
		t.Errorf("%d in flight", got)
	}
	leave()
	held.Wait()
	eventually(t, "nothing is in flight", func() bool { return s.Summary().InFlight == 0 })
	mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("d")))

	var got []string
	for i, a := range s.Arrivals() {
		got = append(got, fmt.Sprint(a.Account, " ", a.Channel, " ", a.InFlight))
		if at := s.record.start.Add(time.Duration(a.Micros) * time.Microsecond); a.At.Sub(at) < 0 || a.At.Sub(at) >= time.Microsecond {
			t.Errorf("arrival %d at %s, %d µs", i, a.At, a.Micros)
		}
	}
	want := []string{"zqt zqt.message 1", "zqt/YX zqt.message 1", "chuanbo chuanbo.sms 1", "zqt zqt.message 2", "zqt zqt.message 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	rates := s.Rates(0)
	if r := rates.Accounts["zqt"]; r.Requests != 3 || r.MostInFlight != 2 || r.First != s.Arrivals()[0].At || r.Last != s.Arrivals()[4].At {
		t.Errorf("%+v", r)
	}
	if r := s.Rates(4); len(r.Accounts) != 1 || r.Accounts["zqt"].Requests != 1 || len(s.Rates(5).Accounts) != 0 || len(s.Rates(50).Channels) != 0 {
		t.Errorf("%+v", r)
	}
	if q := s.Requests(); len(q) != 2 || q[0].Micros != s.Arrivals()[3].Micros || q[0].InFlight != 2 || q[0].Account != "zqt" {
		t.Errorf("%+v", q)
	}
}

// A client that sends one request after the other never has two in flight,
// however its answers end.
func TestOneAfterTheOther(t *testing.T) {
	s := start(t, Options{})
	for _, f := range []string{"reset-before:", "reset-after:", "truncate:", "drip:interval=1us,bytes=30,", "500:", "garbage:accept=true,"} {
		addFault(t, s, f+"every=7")
	}
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for i := range 200 {
		r := zqtRequest(t.Context(), s, zqtBodyTo("a"))
		if i%2 == 1 {
			r = pushRequest(t.Context(), s, with(voiceExample, "tag")...)
		}
		r.GetBody = nil // no second attempt
		_, _ = do(client, r)
	}
	for name, r := range s.Rates(0).Accounts {
		if r.Requests != 100 || r.MostInFlight != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// The channel of a request is known also when a fault answered it.
func TestChannelsOfArrivals(t *testing.T) {
	s := start(t, Options{})
	push := func(example []pair) { _, _ = do(newClient(t), pushRequest(t.Context(), s, with(example, "tag")...)) }
	for _, example := range [][]pair{notificationExample, smsExample, voiceExample} {
		push(example)
	}
	addFault(t, s, "500:times=1")
	push(voiceExample)
	addFault(t, s, "reset-before:times=1")
	push(voiceExample)
	mustDo(t, newClient(t), request(t.Context(), "GET", s.URL()+"/openapi/chuanbo/group_list?connectNo=1", "", ""))
	mustDo(t, newClient(t), request(t.Context(), "GET", s.URL()+"/nothing", "", ""))
	fetchToken(t, s)
	var got []string
	for _, a := range s.Arrivals() {
		got = append(got, strings.TrimSpace(a.Account+" "+a.Endpoint+" "+a.Channel))
	}
	want := []string{
		"chuanbo push_create chuanbo.notification", "chuanbo push_create chuanbo.sms", "chuanbo push_create chuanbo.voice",
		"chuanbo push_create chuanbo.voice", "chuanbo push_create", "chuanbo group_list", "unknown unknown", "oauth token",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	rates := decode[Rates](t, control(t, s, "GET", "rates?since=1", "").body)
	if diff := cmp.Diff(s.Rates(1), rates, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	if rates.Channels["chuanbo.voice"].Requests != 2 || rates.Channels["chuanbo.sms"].Requests != 1 || len(rates.Channels) != 2 || rates.Accounts["chuanbo"].Requests != 5 {
		t.Errorf("%+v", rates)
	}
	if got := control(t, s, "GET", "rates?since=x", ""); got.status != 400 || !strings.Contains(got.body, "since=x: use a whole number") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// However many prefixes a client invents, the trace stays small; and what was
// under way while it was cleared is in neither half.
func TestTraceIsBounded(t *testing.T) {
	r := newRecord("outbox", false)
	old := r.arrived(pushCreate, "chuanbo", time.Now())
	r.clear()
	fresh := r.arrived(pushCreate, "chuanbo", time.Now())
	r.left(old, chuanboSMS, true)
	if got := r.trace(0, 10); len(got) != 1 || got[0].Channel != "" || got[0].InFlight != 2 || r.summary(Filter{}).InFlight != 1 {
		t.Errorf("%+v", got)
	}
	r.left(fresh, chuanboSMS, true)
	if got := r.trace(0, 10); got[0].Channel != "chuanbo.sms" || r.summary(Filter{}).InFlight != 0 {
		t.Errorf("%+v", got)
	}
	for i := range 2 * maxAccounts {
		r.left(r.arrived(send, fmt.Sprint("zqt/", i), time.Now()), zqtMessage, true)
	}
	rates := r.rates(0)
	if len(rates.Accounts) != maxAccounts || rates.Accounts["others"].Requests < maxAccounts || rates.Channels["zqt.message"].Requests != 2*maxAccounts {
		t.Errorf("%d accounts, %d others", len(rates.Accounts), rates.Accounts["others"].Requests)
	}
}

// Poison refuses exactly the requests that carry its recipients or groups, on every
// channel: what is left of a batch without them is accepted.
func TestPoisonOnEveryChannel(t *testing.T) {
	for channel, example := range map[string][]pair{
		"zqt.message": nil, "chuanbo.notification": notificationExample, "chuanbo.sms": smsExample, "chuanbo.voice": voiceExample,
	} {
		s := start(t, Options{})
		addFault(t, s, "poison:recipient=13|16")
		send := func(ids ...string) bool {
			if example == nil {
				got := mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo(ids...)))
				return got.status == 200
			}
			ok, _ := isPushed(t, s, with(with(example, "tag"), "chuanbo_group", strings.Join(ids, ",")))
			return ok
		}
		// Halving from 8 to the two that are poisoned.
		requests := 0
		var halve func(ids []string) []string
		halve = func(ids []string) []string {
			requests++
			switch {
			case send(ids...):
				return nil
			case len(ids) == 1:
				return ids
			}
			return append(halve(ids[:len(ids)/2]), halve(ids[len(ids)/2:])...)
		}
		if diff := cmp.Diff([]string{"13", "16"}, halve([]string{"11", "12", "13", "14", "15", "16", "17", "18"})); diff != "" || requests != 11 {
			t.Errorf("%s: %d requests, %s", channel, requests, diff)
		}
		took := map[string]int{}
		for _, q := range s.Requests() {
			if q.Channel != channel {
				t.Errorf("%s: recorded as %s", channel, q.Channel)
			}
			for _, id := range append(q.Recipients, q.Groups...) {
				id, _, _ = strings.Cut(id, "/")
				took[id]++
			}
		}
		if diff := cmp.Diff([]string{"11", "12", "14", "15", "17", "18"}, slices.Sorted(maps.Keys(took))); diff != "" || len(s.Arrivals()) != requests {
			t.Errorf("%s accepted %v", channel, took)
		}
	}
}
