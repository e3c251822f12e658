package runner

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
)

func TestReachConnectsWithoutARequest(t *testing.T) {
	var requests atomic.Int64
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	plain := httptest.NewServer(handler)
	defer plain.Close()
	unknown := httptest.NewTLSServer(handler) // its certificate is nobody's
	defer unknown.Close()
	gone := httptest.NewServer(handler)
	gone.Close()

	w := wire(t, WireOptions{LoopbackOnly: true})
	for address, good := range map[string]bool{plain.URL: true, unknown.URL: false, gone.URL: false} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Reach(context.Background(), u); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
	away, _ := url.Parse("http://192.0.2.1")
	if err := w.Reach(context.Background(), away); !errors.Is(err, ErrNotLoopback) {
		t.Errorf("an address that is not loopback: %v", err)
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}
