package sandbox

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRefuseIsARealRefusal(t *testing.T) {
	s := start(t, Options{})
	keepAlive := &http.Client{Transport: &http.Transport{}}
	defer keepAlive.CloseIdleConnections()
	addFault(t, s, "refuse:after=2,system=zqt")
	// Other systems' requests are not counted, two of zqt's are answered.
	mustDo(t, keepAlive, pushRequest(t.Context(), s, with(smsExample, "tag")...))
	for range 2 {
		if got := mustDo(t, keepAlive, zqtRequest(t.Context(), s, zqtBodyTo("a"))); got.status != 200 {
			t.Fatalf("got %d", got.status)
		}
	}
	for _, client := range []*http.Client{keepAlive, newClient(t)} {
		if _, err := do(client, zqtRequest(t.Context(), s, zqtBodyTo("a"))); !isRefused(err) {
			t.Errorf("got %v", err)
		}
	}
	if got := s.Summary(); got.Received != 3 || got.Accepted != 3 || got.Listening {
		t.Errorf("got %+v", got)
	}
	// The control port stays open and ends it.
	if got := mustDo(t, newClient(t), request(t.Context(), "DELETE", s.ControlURL()+"/_sandbox/faults", "", "")); got.status != 204 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if got := mustDo(t, keepAlive, zqtRequest(t.Context(), s, zqtBodyTo("a"))); got.status != 200 || !s.Summary().Listening {
		t.Errorf("got %d", got.status)
	}
}

func TestRefuseEndsByItself(t *testing.T) {
	s := start(t, Options{})
	addFault(t, s, "refuse:for=500ms,times=2")
	if _, err := do(newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a"))); !isRefused(err) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the port is open again", func() bool { return s.Summary().Listening })
	// One request comes in between, then the port closes for the second time.
	if got := mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a"))); got.status != 200 || s.Faults()[0].Fired != 2 {
		t.Errorf("got %d, %+v", got.status, s.Faults())
	}
	eventually(t, "the port is open for good", func() bool { return s.Summary().Listening })
	for range 3 {
		mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a")))
	}
}

func TestRefuseFromTheStart(t *testing.T) {
	s := start(t, Options{Faults: []Fault{{Kind: "refuse"}}})
	if _, err := do(newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a"))); !isRefused(err) {
		t.Errorf("got %v", err)
	}
	if err := s.ClearFaults(); err != nil {
		t.Fatal(err)
	}
	mustDo(t, newClient(t), zqtRequest(t.Context(), s, zqtBodyTo("a")))
}

func TestRefuseLetsTheRequestUnderWayFinish(t *testing.T) {
	s := start(t, Options{})
	body, whole := io.Pipe()
	r := zqtRequest(t.Context(), s, "")
	r.Body, r.ContentLength = body, -1
	done := make(chan reply)
	go func() {
		got, err := do(newClient(t), r)
		if err != nil {
			t.Error(err)
		}
		done <- got
	}()
	text := zqtBodyTo("a")
	if _, err := io.WriteString(whole, text[:20]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request is seen", func() bool { return s.Summary().Received == 1 })
	addFault(t, s, "refuse")
	if _, err := do(newClient(t), zqtRequest(t.Context(), s, text)); !isRefused(err) {
		t.Errorf("got %v", err)
	}
	if _, err := io.WriteString(whole, text[20:]); err != nil {
		t.Fatal(err)
	}
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got.status != 200 || len(s.Requests()) != 1 {
		t.Errorf("got %d, %d recorded", got.status, len(s.Requests()))
	}
}

// TestRefuseWaitsForAPortThatIsTaken has somebody else listen on the closed port.
func TestRefuseWaitsForAPortThatIsTaken(t *testing.T) {
	s := start(t, Options{})
	address := strings.TrimPrefix(s.URL(), "http://")
	addFault(t, s, "refuse")
	other := New(Options{})
	if err := other.Listen(address); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.ClearFaults() }()
	eventually(t, "the faults are cleared", func() bool { return len(s.Faults()) == 0 })
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || !s.Summary().Listening {
		t.Errorf("not open again: %v", err)
	}
}

func TestAPortThatStaysTakenIsReported(t *testing.T) {
	s := start(t, Options{})
	s.gate.within = 30 * time.Millisecond
	addFault(t, s, "refuse")
	other := New(Options{})
	if err := other.Listen(strings.TrimPrefix(s.URL(), "http://")); err != nil {
		t.Fatal(err)
	}
	got := mustDo(t, newClient(t), request(t.Context(), "DELETE", s.ControlURL()+"/_sandbox/faults", "", ""))
	if got.status != 500 || !strings.Contains(got.body, "clear the faults once more") || s.Summary().Listening {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.ClearFaults(); err != nil || !s.Summary().Listening {
		t.Errorf("not open again: %v", err)
	}
}

// TestRefuseForAWhileWaitsForAPortThatIsTaken is the same for a fault that ends by itself.
func TestRefuseForAWhileWaitsForAPortThatIsTaken(t *testing.T) {
	s := start(t, Options{})
	addFault(t, s, "refuse:for=500ms")
	other := New(Options{})
	if err := other.Listen(strings.TrimPrefix(s.URL(), "http://")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the fault ends", func() bool {
		s.gate.mu.Lock()
		defer s.gate.mu.Unlock()
		return len(s.gate.holds) == 0
	})
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the port is open again", func() bool { return s.Summary().Listening })
}
