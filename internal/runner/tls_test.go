package runner

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"campaign/internal/campaign"
)

func TestTLS(t *testing.T) {
	var proto atomic.Value
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto)
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "taken")
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	for range 2 {
		answer, trace, err := wire(t, WireOptions{CAFile: ca, LoopbackOnly: true}).Do(t.Context(), post(server.URL), 5*time.Second)
		if err != nil || string(answer.Body) != "taken" || trace.Upstream.IsZero() {
			t.Fatalf("%v, %+v", err, trace)
		}
		if proto.Load() != "HTTP/1.1" {
			t.Errorf("spoke %v", proto.Load())
		}
	}
	proto.Store("")
	_, trace, err := wire(t, WireOptions{}).Do(t.Context(), post(server.URL), 5*time.Second)
	if v := fault(trace, err, 0); v.Outcome != campaign.Deferred || v.Reason != "not-sent: the certificate is not trusted" || proto.Load() != "" {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := NewWire(WireOptions{CAFile: []byte("no certificate")}); err == nil {
		t.Error("took a CA file without a certificate")
	}
}

// Over TLS too, only what the request itself wrote counts.
func TestTLSStaleConnection(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "second") {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.(*tls.Conn).NetConn().Close()
			return
		}
		_, _ = io.WriteString(w, "taken")
	}))
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	w := wire(t, WireOptions{CAFile: ca})
	if _, _, err := w.Do(t.Context(), post(server.URL), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	second := post(server.URL)
	second.Body = []byte("second")
	_, trace, err := w.Do(t.Context(), second, 5*time.Second)
	if v := fault(trace, err, 0); v.Outcome != campaign.Unknown || !trace.Reused {
		t.Errorf("%+v %+v %v", v, trace, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, trace, err := w.Do(cancelled, post(server.URL), time.Second); !trace.NotSent || err == nil {
		t.Errorf("%+v %v", trace, err)
	}
}

func TestProxy(t *testing.T) {
	var seen []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.RequestURI)
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, "taken")
	}))
	defer proxy.Close()
	at, _ := url.Parse(proxy.URL)
	w := wire(t, WireOptions{Proxy: at})
	answer, trace, err := w.Do(t.Context(), post("http://upstream.test/send"), 5*time.Second)
	if err != nil || string(answer.Body) != "taken" || trace.NotSent {
		t.Errorf("%v %+v", err, trace)
	}
	_, trace, err = w.Do(t.Context(), post("https://upstream.test/send"), 5*time.Second)
	if v := fault(trace, err, 0); v.Outcome != campaign.Deferred {
		t.Errorf("the proxy refused the tunnel: %+v, %v", v, err)
	}
	if got := strings.Join(seen, ", "); got != "POST http://upstream.test/send, CONNECT upstream.test:443" {
		t.Errorf("the proxy saw %s", got)
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	server := newRawServer(t, answering(okAnswer))
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	if w := wire(t, WireOptions{}); w.transport.Proxy != nil {
		t.Error("the wire asks the environment for a proxy")
	}
	if _, _, err := wire(t, WireOptions{}).Do(t.Context(), post(server.url), time.Second); err != nil {
		t.Error(err)
	}
}
