package runner

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// RoundTripper is the way out for what is no delivery: token endpoints.
func (w *Wire) RoundTripper() http.RoundTripper { return w.transport }

// Reach connects to an address, with TLS where it says https, and hangs up
// without a request: neither upstream's document has a harmless one. Through a
// proxy it reaches the proxy.
func (w *Wire) Reach(ctx context.Context, to *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dial := w.transport.DialContext
	if w.transport.Proxy != nil {
		proxy, err := w.transport.Proxy(&http.Request{URL: to})
		if err != nil {
			return err
		}
		to = proxy
	}
	port := to.Port()
	if to.Scheme == "https" {
		dial = w.transport.DialTLSContext
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080"}[to.Scheme]
	}
	c, err := dial(ctx, "tcp", net.JoinHostPort(to.Hostname(), port))
	if err != nil {
		return fmt.Errorf("%s is not reached: %w", to.Host, err)
	}
	return c.Close()
}
