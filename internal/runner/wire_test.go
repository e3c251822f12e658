package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaken"

// rawServer speaks whatever serve says, a goroutine a connection, and counts the
// requests that it read whole.
type rawServer struct {
	url   string
	conns atomic.Int64
	saw   atomic.Int64
}

func newRawServer(t *testing.T, serve func(s *rawServer, c *net.TCPConn, r *bufio.Reader)) *rawServer {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{url: "http://" + l.Addr().String() + "/"}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			t.Cleanup(func() { c.Close() })
			go serve(s, c.(*net.TCPConn), bufio.NewReader(c))
		}
	}()
	return s
}

// read takes one whole request off the connection.
func (s *rawServer) read(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	s.saw.Add(1)
	return true
}

// answering reads a request, says text, and leaves the connection open.
func answering(text string) func(*rawServer, *net.TCPConn, *bufio.Reader) {
	return func(s *rawServer, c *net.TCPConn, r *bufio.Reader) {
		for s.read(r) {
			_, _ = io.WriteString(c, text)
		}
	}
}

// closing reads a request, says text, and closes.
func closing(text string) func(*rawServer, *net.TCPConn, *bufio.Reader) {
	return func(s *rawServer, c *net.TCPConn, r *bufio.Reader) {
		s.read(r)
		_, _ = io.WriteString(c, text)
		c.Close()
	}
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	c.Close()
}

func TestWireFaults(t *testing.T) {
	tests := []struct {
		name    string
		serve   func(*rawServer, *net.TCPConn, *bufio.Reader)
		outcome campaign.Outcome
		reason  string
		saw     int64
	}{
		{"taken", answering(okAnswer), campaign.Accepted, "", 1},
		{"reset after reading", func(s *rawServer, c *net.TCPConn, r *bufio.Reader) {
			s.read(r)
			reset(c)
		}, campaign.Unknown, "answer-lost: connection reset", 1},
		{"reset after half a request", func(_ *rawServer, c *net.TCPConn, r *bufio.Reader) {
			_, _ = r.Peek(10)
			reset(c)
		}, campaign.Unknown, "answer-lost: connection reset", 0},
		{"closed after reading", closing(""), campaign.Unknown, "answer-lost: connection closed", 1},
		{"stall", func(s *rawServer, _ *net.TCPConn, r *bufio.Reader) {
			s.read(r)
		}, campaign.Unknown, "answer-lost: no answer within 200ms", 1},
		{"stall in the header", answering("HTTP/1.1 200 OK\r\nContent-Le"), campaign.Unknown, "answer-lost: no answer within 200ms", 1},
		{"stall in the body", answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntak"), campaign.Unknown, "answer-lost: no answer within 200ms", 1},
		{"drip", func(s *rawServer, c *net.TCPConn, r *bufio.Reader) {
			s.read(r)
			for _, b := range []byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 1000)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		}, campaign.Unknown, "answer-lost: no answer within 200ms", 1},
		{"truncated body", closing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntak"), campaign.Unknown, "answer-lost: the answer was cut off", 1},
		{"truncated chunks", closing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ntaken\r\n"), campaign.Unknown, "answer-lost: the answer was cut off", 1},
		{"garbage", closing("\x00\xff rubbish\r\n\r\n"), campaign.Unknown, "answer-lost: ", 1},
		{"another protocol", closing("SSH-2.0-OpenSSH_9.9\r\n"), campaign.Unknown, "answer-lost: ", 1},
		{"too long, declared", closing(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BodyLimit+1)), campaign.Unknown, "answer-lost: read the answer (HTTP 200): the answer is longer", 1},
		{"too long, chunked", closing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat("x", 0x200000) + "\r\n0\r\n\r\n"), campaign.Unknown, "answer-lost: read the answer (HTTP 200): the answer is longer", 1},
		{"too long a header", closing("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", headerLimit) + "\r\n\r\n"), campaign.Unknown, "answer-lost: ", 1},
		{"redirect", answering("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"), campaign.Unknown, "unexpected-answer", 1},
		{"permanent redirect", answering("HTTP/1.1 308 Permanent Redirect\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"), campaign.Unknown, "unexpected-answer", 1},
		{"page of a proxy", closing("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"), campaign.Unknown, "unexpected-answer", 1},
		{"interim answer first", answering("HTTP/1.1 103 Early Hints\r\n\r\n" + okAnswer), campaign.Accepted, "", 1},
		{"close-delimited", closing("HTTP/1.1 200 OK\r\n\r\ntaken"), campaign.Accepted, "", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newRawServer(t, test.serve)
			w := wire(t, WireOptions{LoopbackOnly: true})
			target := letter{url: server.url}
			timeout := 10 * time.Second
			if strings.HasSuffix(test.reason, "within 200ms") {
				timeout = 200 * time.Millisecond
			}
			answer, trace, err := w.Do(t.Context(), post(server.url), timeout)
			v := target.Judge(answer)
			if err != nil {
				v = fault(trace, err, timeout)
			}
			if v.Outcome != test.outcome || !strings.HasPrefix(v.Reason, test.reason) || test.reason == "" && v.Reason != "" {
				t.Errorf("%s (%s), err %v", v.Outcome, v.Reason, err)
			}
			if trace.NotSent {
				t.Errorf("trace %+v of a request that was sent", trace)
			}
			if saw := server.saw.Load(); saw != test.saw {
				t.Errorf("the server saw %d requests, want %d", saw, test.saw)
			}
			if conns := server.conns.Load(); conns != 1 {
				t.Errorf("%d connections", conns)
			}
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, trace, err := wire(t, WireOptions{}).Do(t.Context(), post("http://"+address+"/"), time.Second)
	v := fault(trace, err, time.Second)
	if v.Outcome != campaign.Deferred || v.Reason != "not-sent: connection refused" || trace.Written != 0 {
		t.Errorf("%+v, %+v", v, trace)
	}
}

func TestHandshakeThatStallsIsNotSent(t *testing.T) {
	server := newRawServer(t, func(_ *rawServer, _ *net.TCPConn, r *bufio.Reader) { _, _ = r.Peek(1) })
	_, trace, err := wire(t, WireOptions{}).Do(t.Context(), post(strings.Replace(server.url, "http:", "https:", 1)), 100*time.Millisecond)
	if v := fault(trace, err, 100*time.Millisecond); v.Outcome != campaign.Deferred || v.Reason != "not-sent: no answer within 100ms" {
		t.Errorf("%+v: %v", v, err)
	}
}

func TestGivenUpBeforeItBegan(t *testing.T) {
	server := newRawServer(t, answering(okAnswer))
	w := wire(t, WireOptions{})
	if _, _, err := w.Do(t.Context(), post(server.url), time.Second); err != nil { // leaves an idle connection
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, trace, err := w.Do(ctx, post(server.url), time.Second)
	if !errors.Is(err, context.Canceled) || !trace.NotSent || server.saw.Load() != 1 {
		t.Errorf("%v, %+v, server saw %d", err, trace, server.saw.Load())
	}
}

func TestConnectionIsUsedAgain(t *testing.T) {
	server := newRawServer(t, answering(okAnswer))
	w := wire(t, WireOptions{})
	for i := range 20 {
		answer, trace, err := w.Do(t.Context(), post(server.url), time.Second)
		if err != nil || string(answer.Body) != "taken" || trace.Reused != (i > 0) {
			t.Fatalf("request %d: %v, %+v", i, err, trace)
		}
	}
	if server.conns.Load() != 1 {
		t.Errorf("%d connections for 20 requests", server.conns.Load())
	}
}

// A server that closes an idle connection just when a request is written on it
// must not make net/http send the request again.
func TestStaleConnection(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn){"closed": func(c *net.TCPConn) { c.Close() }, "reset": reset} {
		for _, header := range []string{"X-Plain", "Idempotency-Key", "X-Idempotency-Key"} {
			t.Run(name+" "+header, func(t *testing.T) {
				server := newRawServer(t, func(s *rawServer, c *net.TCPConn, r *bufio.Reader) {
					if s.read(r) {
						_, _ = io.WriteString(c, okAnswer)
					}
					s.read(r)
					end(c)
				})
				w := wire(t, WireOptions{})
				if _, _, err := w.Do(t.Context(), post(server.url), time.Second); err != nil {
					t.Fatal(err)
				}
				second := post(server.url)
				second.Header.Set(header, "1")
				_, trace, err := w.Do(t.Context(), second, time.Second)
				if v := fault(trace, err, time.Second); v.Outcome != campaign.Unknown || !trace.Reused {
					t.Errorf("%+v, %v", v, err)
				}
				if server.saw.Load() != 2 || server.conns.Load() != 1 {
					t.Errorf("the server saw %d requests on %d connections", server.saw.Load(), server.conns.Load())
				}
			})
		}
	}
}

func TestIdleConnectionThatTheServerClosed(t *testing.T) {
	closed := make(chan struct{}, 2)
	server := newRawServer(t, func(s *rawServer, c *net.TCPConn, r *bufio.Reader) {
		s.read(r)
		_, _ = io.WriteString(c, okAnswer)
		c.Close()
		closed <- struct{}{}
	})
	w := wire(t, WireOptions{})
	for i := range 2 {
		_, trace, err := w.Do(t.Context(), post(server.url), 10*time.Second)
		// Either the close was noticed, and a new connection carried the request, or
		// it was not, and what happened to the request is said truthfully.
		if err != nil && trace.NotSent && server.saw.Load() != int64(i) {
			t.Errorf("not sent, and the server saw it")
		}
		if err == nil && server.saw.Load() != int64(i+1) {
			t.Errorf("request %d answered, server saw %d", i, server.saw.Load())
		}
		if err != nil {
			return
		}
		<-closed
	}
}

func TestUntouched(t *testing.T) {
	c, far := pipe(t)
	g := &connection{marks: []mark{c.mark()}}
	if !g.untouched() {
		t.Error("nothing was written")
	}
	go func() { _, _ = far.Read(make([]byte, 1)) }()
	_, _ = c.Write([]byte("a"))
	if g.untouched() {
		t.Error("a byte was written")
	}
	if (&connection{blind: true}).untouched() {
		t.Error("a connection that does not count is no proof")
	}
}

func TestAnswerBeforeTheRequest(t *testing.T) {
	server := newRawServer(t, func(_ *rawServer, c *net.TCPConn, _ *bufio.Reader) {
		_, _ = io.WriteString(c, okAnswer)
	})
	// The answer is there before the request: whichever comes first, the request is
	// never taken for accepted without a byte of it having left.
	_, trace, err := wire(t, WireOptions{}).Do(t.Context(), post(server.url), time.Second)
	if err == nil {
		return // the answer overtook the last byte of the request, not the first
	}
	if v := fault(trace, err, 0); v.Outcome == campaign.Accepted || trace.Written > 0 && v.Outcome == campaign.Deferred {
		t.Errorf("%+v: %+v, %v", v, trace, err)
	}
}

func TestNoCompressionNoCookiesNoExpectations(t *testing.T) {
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Set-Cookie", "a=b")
		_, _ = io.WriteString(w, "\x1f\x8b not unpacked")
	}))
	defer server.Close()
	w := wire(t, WireOptions{UserAgent: "campaign/test"})
	for range 2 {
		answer, _, err := w.Do(t.Context(), post(server.URL), 5*time.Second)
		if err != nil || string(answer.Body) != "\x1f\x8b not unpacked" {
			t.Fatalf("%q, %v", answer.Body, err)
		}
	}
	for _, name := range []string{"Accept-Encoding", "Cookie", "Expect"} {
		if header.Get(name) != "" {
			t.Errorf("%s: %s", name, header.Get(name))
		}
	}
	if header.Get("User-Agent") != "campaign/test" {
		t.Errorf("user agent %q", header.Get("User-Agent"))
	}
}

func TestBothClocks(t *testing.T) {
	with := newRawServer(t, closing("HTTP/1.1 200 OK\r\nDate: Wed, 01 Jul 2026 09:00:00 GMT\r\nContent-Length: 0\r\n\r\n"))
	_, trace, err := wire(t, WireOptions{}).Do(t.Context(), post(with.url), 5*time.Second)
	if err != nil || !trace.Upstream.Equal(epoch) || trace.Began.IsZero() || trace.Duration <= 0 {
		t.Errorf("%+v %v", trace, err)
	}
	without := newRawServer(t, closing("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	answer, trace, err := wire(t, WireOptions{}).Do(t.Context(), post(without.url), 5*time.Second)
	if err != nil || !trace.Upstream.IsZero() {
		t.Errorf("%+v %v", trace, err)
	}
	if _, err := http.ParseTime(answer.Header.Get("Date")); err != nil {
		t.Errorf("an answer without Date got none from us: %v", err)
	}
}

func TestBodylessPostIsRefused(t *testing.T) {
	server := newRawServer(t, answering(okAnswer))
	r := post(server.url)
	r.Body = nil
	_, trace, err := wire(t, WireOptions{}).Do(t.Context(), r, time.Second)
	if !errors.Is(err, errNoBody) || !trace.NotSent || server.conns.Load() != 0 {
		t.Errorf("%v", err)
	}
	r.Method = http.MethodGet
	if _, _, err := wire(t, WireOptions{}).Do(t.Context(), r, time.Second); err != nil {
		t.Errorf("GET without a body: %v", err)
	}
}

func TestGetWithABody(t *testing.T) {
	var method, body string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		method, body = r.Method, string(b)
	}))
	defer server.Close()
	r := post(server.URL)
	r.Method = http.MethodGet
	if _, _, err := wire(t, WireOptions{}).Do(t.Context(), r, 5*time.Second); err != nil || method != "GET" || body != string(r.Body) {
		t.Errorf("%s %q %v", method, body, err)
	}
}

func TestAddressThatIsNone(t *testing.T) {
	for _, bad := range []string{"", "://", "secret-in-a-path", "http://a b/secret", "/only/a/path"} {
		_, trace, err := wire(t, WireOptions{}).Do(t.Context(), post(bad), time.Second)
		if err == nil || !trace.NotSent || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestWireIsTheLastSender(t *testing.T) {
	var _ Sender = (*Wire)(nil)
	r := targets.Request{Method: "BAD METHOD", URL: "http://127.0.0.1:1/", Body: []byte("x")}
	if _, trace, err := wire(t, WireOptions{}).Do(t.Context(), r, time.Second); err == nil || !trace.NotSent {
		t.Errorf("%v, %+v", err, trace)
	}
}
