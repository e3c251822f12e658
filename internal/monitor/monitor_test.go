package monitor

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// fixed is a source that does not change.
type fixed struct {
	state State
	slots []campaign.Slot
	err   error
}

func (f fixed) State() State { return f.state }

func (f fixed) Occurrences(name string) ([]campaign.Slot, bool, error) {
	return f.slots, name == "digest", f.err
}

func (f fixed) Report(run string) ([]byte, bool, error) {
	return []byte("# report of " + run + "\n"), run == "aaaabbbbcccc", f.err
}

func slot(label string, state campaign.SlotState, reason string) campaign.Slot {
	return campaign.Slot{Profile: "test", Campaign: "digest", Label: label, At: noon.Add(-time.Hour), LastLabel: label, Count: 1, State: state, Reason: reason, Decided: noon}
}

func example() fixed {
	f := fixed{state: State{Version: "1.2", Project: "p-1", Profile: "test", Zone: time.FixedZone("CST", 8*3600), At: noon, Ready: true,
		Campaigns: []Campaign{
			{Name: "digest", File: "digest.yaml", Next: "2026-11-25T09:00 Asia/Shanghai", NextAt: noon.Add(13 * time.Hour), Good: noon.Add(-3 * time.Hour),
				Last: slot("2026-11-24T09:00 Asia/Shanghai", campaign.SlotRan, "")},
			{Name: "late", File: "late.yaml", Last: slot("2026-11-24T10:00 Asia/Shanghai", campaign.SlotSkipped, "missed: <nobody> looked")},
			{Name: "busy", File: "busy.yaml", Running: true, Due: 1, Next: "x", NextAt: noon.Add(30 * time.Second)},
			{Name: "off", File: "off.yaml", Suspended: true, Stale: true, Problem: "<script>alert(1)</script>", Next: "y", NextAt: noon.Add(90 * time.Minute)},
		},
		Runs: []Run{{ID: "aaaabbbbcccc", Campaign: "busy", Occurrence: "2026-11-24T20:00 Asia/Shanghai", Began: noon, Requests: 12, InFlight: 3,
			Recipients: campaign.Counts{Planned: 40, Accepted: 9, Rejected: 1}}},
	}}
	skipped := slot("2026-11-23T09:00 Asia/Shanghai", campaign.SlotSkipped, "overlap: x was still going on")
	skipped.LastLabel, skipped.Count = "2026-11-23T12:00 Asia/Shanghai", 4
	f.slots = []campaign.Slot{slot("2026-11-24T09:00 Asia/Shanghai", campaign.SlotRan, "exit code 3"), skipped, slot("2026-11-22T09:00 Asia/Shanghai", campaign.SlotDue, "")}
	return f
}

func get(t *testing.T, source Source, path string) (int, string, http.Header) {
	t.Helper()
	server := httptest.NewServer(New(source, NewMetrics(), true))
	defer server.Close()
	answer, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

func holds(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in\n%s", w, text)
		}
	}
}

// external finds what a browser would fetch from elsewhere.
var external = regexp.MustCompile(`(?i)<(script|img|iframe|object|embed)\b|(src|href|action)="(https?:)?//|url\(|@import`)

func TestOverview(t *testing.T) {
	status, body, header := get(t, example(), "/")
	if status != 200 || header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Error(status, header)
	}
	holds(t, body, "4 scheduled campaigns", "2 to look at", "2026-11-25T09:00 Asia/Shanghai", "in 13 h 0 min", "in 30 s", "in 1 h 30 min", "suspended", "file not valid",
		"missed", "&lt;nobody&gt;", "&lt;script&gt;alert(1)", "25 % of 40 recipients", "12 (3 in flight)", `href="/campaigns/digest"`,
		`href="/reports/`+campaign.RunID("test", "digest", "2026-11-24T09:00 Asia/Shanghai")+`"`, "nothing comes")
	if external.MatchString(body) {
		t.Errorf("the page fetches something: %q", external.FindString(body))
	}
	if order := regexp.MustCompile(`href="/campaigns/([a-z]+)"`).FindAllStringSubmatch(body, -1); len(order) != 5 || order[1][1] != "late" || order[4][1] != "digest" {
		t.Errorf("what wants a look does not stand first: %v", order)
	}
	holds(t, header.Get("Content-Security-Policy"), "default-src 'none'")
	if header.Get("Cache-Control") != "no-store" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error(header)
	}
}

func TestOverviewOfNothing(t *testing.T) {
	status, body, _ := get(t, fixed{state: State{Faults: []string{"the campaigns are not read yet"}, Files: []string{"a.yaml:3:1: x [y]"}}}, "/")
	if status != 200 {
		t.Error(status)
	}
	holds(t, body, "0 scheduled campaigns", "None.", "not ready", "the campaigns are not read yet", "a.yaml:3:1: x [y]")
}

// Ten thousand campaigns are on pages, and found by a part of their name.
func TestManyCampaigns(t *testing.T) {
	f := example()
	f.state.Campaigns = nil
	for i := range 10_000 {
		f.state.Campaigns = append(f.state.Campaigns, Campaign{Name: fmt.Sprintf("c-%05d", i), NextAt: noon})
	}
	_, body, _ := get(t, f, "/?page=2")
	holds(t, body, "page 2 of 50", "c-00200", "c-00399", "page=1", "page=3")
	if strings.Contains(body, "c-00400<") {
		t.Error("the page does not end")
	}
	_, body, _ = get(t, f, "/?q=c-0123&page=99")
	holds(t, body, "c-01230", "c-01239")
	if strings.Count(body, "<tr>") != 10+1+2 { // the run in progress, and the heads of both tables
		t.Errorf("%d rows", strings.Count(body, "<tr>"))
	}
}

func TestCampaignPage(t *testing.T) {
	status, body, _ := get(t, example(), "/campaigns/digest")
	if status != 200 || external.MatchString(body) {
		t.Error(status)
	}
	holds(t, body, "digest.yaml", "done, with problems", "exit code 3", "2026-11-23T12:00 Asia/Shanghai (4)", `<span class="tag busy">due</span>`, "2026-11-24 20:00:00", "report of run")
	if status, _, _ := get(t, example(), "/campaigns/nobody"); status != 404 {
		t.Error(status)
	}
}

func TestReport(t *testing.T) {
	status, body, header := get(t, example(), "/reports/aaaabbbbcccc")
	if status != 200 || body != "# report of aaaabbbbcccc\n" || header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Error(status, body, header)
	}
	for _, path := range []string{"/reports/zzz", "/reports/..%2f..%2fsecret", "/reports/", "/nosuch"} {
		if status, _, _ := get(t, example(), path); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestLedgerFails(t *testing.T) {
	f := example()
	f.err = errors.New("disk: /secret/place")
	for _, path := range []string{"/campaigns/digest", "/reports/aaaabbbbcccc"} {
		status, body, _ := get(t, f, path)
		if status != 500 || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestHealth(t *testing.T) {
	if status, body, _ := get(t, example(), "/healthz"); status != 200 || body != "ok\n" {
		t.Error(status, body)
	}
	if status, body, _ := get(t, example(), "/readyz"); status != 200 || body != "ready\n" {
		t.Error(status, body)
	}
	f := example()
	f.state.Ready, f.state.Faults = false, []string{"the clock"}
	if status, body, _ := get(t, f, "/readyz"); status != 503 || !strings.Contains(body, "the clock") {
		t.Error(status, body)
	}
	if status, _, _ := get(t, f, "/healthz"); status != 200 {
		t.Error("who is not ready is healthy all the same")
	}
}

func TestMetrics(t *testing.T) {
	m := NewMetrics()
	due := slot("x", campaign.SlotDue, "")
	missed := slot("y", campaign.SlotSkipped, "missed: nobody looked")
	missed.Count = 3
	m.Decided(due, 20*time.Millisecond)
	m.Decided(missed, time.Hour)
	m.Begun(2 * time.Second)
	m.Ended(slot("x", campaign.SlotRan, ""))
	m.Ended(slot("z", campaign.SlotRan, "exit code 3"))
	m.Ended(slot("z", campaign.SlotSkipped, "missed: it could not begin"))
	m.Sent("gov", campaign.Counts{Accepted: 2}, campaign.Counts{Accepted: 200, Rejected: 1})
	m.Answered("gov", 30*time.Millisecond)
	server := httptest.NewServer(New(example(), m, true))
	defer server.Close()
	answer, err := server.Client().Get(server.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	holds(t, string(body),
		`campaign_occurrences_total{campaign="digest",result="ran"} 1`, `campaign_occurrences_total{campaign="digest",result="missed"} 4`,
		`campaign_occurrences_total{campaign="digest",result="ran-with-problems"} 1`,
		`campaign_deliveries_total{outcome="accepted",target="gov"} 2`, `campaign_recipients_total{outcome="rejected",target="gov"} 1`,
		`campaign_request_duration_seconds_count{target="gov"} 1`, `campaign_claim_lateness_seconds_bucket{le="0.05"} 1`, `campaign_lateness_seconds_bucket{le="1"} 0`,
		"campaign_ready 1", "campaign_scheduled_campaigns 4", "campaign_running 1", "campaign_queue 1", "campaign_requests_in_flight 3",
		fmt.Sprintf(`campaign_next_run_timestamp_seconds{campaign="digest"} %g`, float64(noon.Add(13*time.Hour).Unix())),
		fmt.Sprintf(`campaign_last_success_timestamp_seconds{campaign="digest"} %g`, float64(noon.Add(-3*time.Hour).Unix())),
		`campaign_problem{campaign="off"} 1`, `campaign_problem{campaign="digest"} 0`)
}

// Nothing changes anything, and no other name leads here.
func TestReadOnlyAndLocal(t *testing.T) {
	h := New(example(), NewMetrics(), true)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		for _, path := range []string{"/", "/campaigns/digest", "/reports/aaaabbbbcccc", "/metrics", "/healthz", "/readyz"} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(method, path, nil)
			r.Host = "127.0.0.1:9090"
			h.ServeHTTP(w, r)
			if w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	for host, want := range map[string]int{"127.0.0.1:9090": 200, "localhost": 200, "LOCALHOST:1": 200, "[::1]:9090": 200, "evil.example": 421, "127.0.0.1.evil.example:9090": 421, "10.0.0.1": 421, "": 421} {
		for _, loopback := range []bool{true, false} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/healthz", nil)
			r.Host = host
			New(example(), NewMetrics(), loopback).ServeHTTP(w, r)
			if loopback && w.Code != want || !loopback && w.Code != 200 {
				t.Errorf("%q, on loopback %v: %d", host, loopback, w.Code)
			}
		}
	}
}
