package sandbox

import (
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// control asks a page of the first port.
func control(t *testing.T, s *Server, method, page, body string) reply {
	t.Helper()
	return mustDo(t, newClient(t), request(t.Context(), method, s.URL()+"/_sandbox/"+page, "application/json", body))
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func TestControlLists(t *testing.T) {
	s := start(t, Options{})
	const n = pageSize + 88
	for range n {
		p, problem := decodeZQT([]byte(zqtBodyTo("a&<b>")))
		if problem != nil {
			t.Fatal(problem)
		}
		v := s.record.arrived(send, "zqt", time.Now())
		if _, err := s.record.accept(v, send, p, "", nil); err != nil {
			t.Fatal(err)
		}
		s.record.left(v, p.channel, true)
	}
	sameTime := cmp.Comparer(time.Time.Equal)
	lines := strings.Split(control(t, s, "GET", "requests", "").body, "\n")
	if len(lines) != n+1 || lines[n] != "" || !strings.Contains(lines[0], "a&<b>") {
		t.Fatalf("%d lines, the first %s", len(lines)-1, lines[0])
	}
	if diff := cmp.Diff(s.Requests()[n-1], decode[Request](t, lines[n-1]), sameTime); diff != "" {
		t.Error(diff)
	}
	for query, want := range map[string][]Request{
		"?format=json":                   s.Requests(),
		"?format=json&since=510&limit=5": s.RequestsSince(510, 5),
		"?format=json&since=599":         s.RequestsSince(599, 5),
		"?format=json&since=600":         {},
		"?format=json&limit=0":           {},
	} {
		if diff := cmp.Diff(want, decode[[]Request](t, control(t, s, "GET", "requests"+query, "").body), sameTime); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	arrivals := decode[[]Arrival](t, control(t, s, "GET", "arrivals?format=json&since=1", "").body)
	if diff := cmp.Diff(s.Arrivals()[1:], arrivals, sameTime); diff != "" || arrivals[0].Endpoint != "send" {
		t.Error(diff)
	}
	if got := strings.Count(control(t, s, "GET", "arrivals?limit=520&format=ndjson", "").body, "\n"); got != 520 {
		t.Errorf("%d arrivals", got)
	}
	for _, query := range []string{"?since=x", "?limit=-1", "?format=xml"} {
		if got := control(t, s, "GET", "requests"+query, ""); got.status != 400 || object(t, got.body)["error"] == nil {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	if diff := cmp.Diff(s.Summary(), decode[Summary](t, control(t, s, "GET", "summary", "").body)); diff != "" {
		t.Error(diff)
	}
	if got := decode[Summary](t, control(t, s, "GET", "summary?title=x", "").body); got.Deliveries != 0 || got.Accepted != n {
		t.Errorf("got %+v", got)
	}
	if got := control(t, s, "DELETE", "requests", ""); got.status != 204 || len(s.Requests()) != 0 || s.Summary().Received != 0 {
		t.Errorf("got %d, %+v", got.status, s.Summary())
	}
}

func TestControlFaults(t *testing.T) {
	s := start(t, Options{})
	got := control(t, s, "POST", "faults", `{"kind":"500","times":1}`)
	if got.status != 201 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if got := control(t, s, "POST", "faults", `["503:retry-after=3s", {"kind":"drip","interval":"1us"}]`); got.status != 201 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	var statuses []int
	for range 2 {
		statuses = append(statuses, mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a"))).status)
	}
	if diff := cmp.Diff([]int{500, 503}, statuses); diff != "" {
		t.Error(diff)
	}
	want := []FaultState{
		{ID: 1, Fault: Fault{Kind: "500", Times: 1}, Seen: 2, Fired: 1},
		{ID: 2, Fault: Fault{Kind: "503", RetryAfter: 3 * time.Second}, Seen: 1, Fired: 1},
		{ID: 3, Fault: Fault{Kind: "drip", Interval: time.Microsecond, Bytes: 1}},
	}
	if diff := cmp.Diff(want, decode[[]FaultState](t, control(t, s, "GET", "faults", "").body)); diff != "" {
		t.Error(diff)
	}
	for body, say := range map[string]string{
		"": "not JSON", "{": "not JSON", `{"kind":"x"}`: "unknown fault", `["500","x"]`: "unknown fault", `{"kind":"stall","bytes":1}`: "takes no bytes", "1": "JSON object or a string",
		`"` + strings.Repeat("x", 1<<20) + `"`: "too large",
	} {
		if got := control(t, s, "POST", "faults", body); got.status != 400 || !strings.Contains(got.body, say) || len(s.Faults()) != 3 {
			t.Errorf("%.20s: %d %s, %d faults", body, got.status, got.body, len(s.Faults()))
		}
	}
	if got := control(t, s, "DELETE", "faults", ""); got.status != 204 || len(s.Faults()) != 0 {
		t.Errorf("got %d, %v", got.status, s.Faults())
	}
	if got := mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a"))); got.status != 200 {
		t.Errorf("got %d", got.status)
	}
}

func TestControlTokens(t *testing.T) {
	s := start(t, Options{Tokens: []string{"one"}})
	if sendStatus(t, s, "two") != 401 {
		t.Error("an unknown token is good")
	}
	if got := control(t, s, "POST", "tokens", `{"token":"two"}`); got.status != 204 || sendStatus(t, s, "two") != 200 || sendStatus(t, s, "one") != 200 {
		t.Errorf("got %d", got.status)
	}
	for _, body := range []string{"", "{}", `{"token":""}`, `"x"`} {
		if got := control(t, s, "POST", "tokens", body); got.status != 400 {
			t.Errorf("%s: %d", body, got.status)
		}
	}
}

func TestControlPages(t *testing.T) {
	s := start(t, Options{})
	for _, page := range []string{"", "help"} {
		if got := control(t, s, "GET", page, ""); got.status != 200 || !strings.Contains(got.body, "POST   /_sandbox/faults") {
			t.Errorf("%s: %d %s", page, got.status, got.body)
		}
	}
	if got := control(t, s, "GET", "nothing", ""); got.status != 404 {
		t.Errorf("got %d", got.status)
	}
	if got := control(t, s, "PUT", "faults", ""); got.status != 404 {
		t.Errorf("got %d", got.status)
	}
	// The second port has the control pages only, and they are not counted.
	if got := mustDo(t, newClient(t), request(t.Context(), "POST", s.ControlURL()+zqtPath, "application/json", zqtExample)); got.status != 404 {
		t.Errorf("got %d", got.status)
	}
	if got := mustDo(t, newClient(t), request(t.Context(), "GET", s.ControlURL()+"/_sandbox/summary", "", "")); got.status != 200 || len(s.Arrivals()) != 0 {
		t.Errorf("got %d, %d arrivals", got.status, len(s.Arrivals()))
	}
}

func TestListenOnlyOnLoopback(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1", "", "localhost.example.com:0", "*:0"} {
		for _, s := range []*Server{New(Options{}), New(Options{ControlAddr: "127.0.0.1:0"})} {
			if err := s.Listen(address); err == nil || !strings.Contains(err.Error(), "address") {
				t.Errorf("%q: %v", address, err)
			}
		}
		if address == "" {
			continue // means the default
		}
		if _, err := Start(Options{ControlAddr: address}); err == nil || !strings.Contains(err.Error(), "control port: address") {
			t.Errorf("control %q: %v", address, err)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "127.0.0.2:0"} {
		s := New(Options{ControlAddr: "localhost:0"})
		if err := s.Listen(address); err != nil {
			if address == "127.0.0.2:0" {
				continue // only Linux has the whole of 127.0.0.0/8
			}
			t.Fatal(err)
		}
		for _, url := range []string{s.URL(), s.ControlURL()} {
			host, _, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
			if err != nil || !net.ParseIP(host).IsLoopback() {
				t.Errorf("%s: %s", address, url)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestListenFails(t *testing.T) {
	s := start(t, Options{})
	taken := strings.TrimPrefix(s.URL(), "http://")
	if err := s.Listen("127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "has listened before") {
		t.Errorf("a second time: %v", err)
	}
	mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a"))) // and it goes on
	if err := New(Options{}).Listen(taken); err == nil || !strings.HasPrefix(err.Error(), "listen: ") {
		t.Errorf("a taken port: %v", err)
	}
	if _, err := Start(Options{ControlAddr: taken}); err == nil || !strings.HasPrefix(err.Error(), "open the control port: ") {
		t.Errorf("a taken control port: %v", err)
	}
	if _, err := Start(Options{RecordFile: filepath.Join(t.TempDir(), "no", "file")}); err == nil || !strings.HasPrefix(err.Error(), "open the record: ") {
		t.Errorf("no folder: %v", err)
	}
	if _, err := Start(Options{Faults: []Fault{{Kind: "stall"}, {Kind: "x"}}}); err == nil || !strings.Contains(err.Error(), "unknown fault") {
		t.Errorf("an unknown fault: %v", err)
	}
	closed := New(Options{})
	if err := closed.Close(); err != nil {
		t.Error(err)
	}
	if err := closed.Listen("127.0.0.1:0"); err == nil {
		t.Error("listens after it was closed")
	}
}
