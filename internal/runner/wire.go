package runner

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"campaign/internal/targets"
)

// Limits of the wire.
const (
	// BodyLimit is the longest answer that is read, in bytes. A longer one is a
	// lost answer.
	BodyLimit = 1 << 20
	// headerLimit is the longest answer header, in bytes.
	headerLimit = 64 << 10
	// dialTimeout bounds connecting and the TLS handshake together; the request's
	// own timeout may end it earlier.
	dialTimeout = 10 * time.Second
	// idleTimeout ends idle connections before common servers do (the shortest
	// default in use is 5 s): a server that closes one while a request is being
	// written leaves an unknown outcome.
	idleTimeout = 4 * time.Second
	// writeBuffer holds header and body of a usual request, so that it leaves in
	// one write.
	writeBuffer = 8 << 10
)

// errTooLong is an answer beyond BodyLimit.
var errTooLong = errors.New("the answer is longer than 1 MiB")

// errNoBody is a request that net/http might send again by itself.
var errNoBody = errors.New("only a GET may go out without a body")

// errAddress is a request whose URL is none.
var errAddress = errors.New("the request's address is not a URL")

// errEarly is an answer that came before a byte of the request had left: it
// answers something else.
var errEarly = errors.New("the upstream spoke before it was asked")

// Sender carries one request to the upstream and its answer back. Its error
// means that there is no whole answer; the Trace says whether anything was sent.
// The request's header becomes the sender's, who may add to it.
type Sender interface {
	Do(ctx context.Context, r targets.Request, timeout time.Duration) (targets.Answer, Trace, error)
}

// Trace says what happened to a request on the wire.
type Trace struct {
	// NotSent: no connection was got, or certainly not one byte was written on it.
	// Only meaningful with an error.
	NotSent  bool
	Reused   bool      // the connection had carried a request before
	Written  int64     // bytes of the request that left, at least
	Began    time.Time // our clock
	Duration time.Duration
	Upstream time.Time // the upstream's clock (Date header); zero without
}

// WireOptions shape a Wire.
type WireOptions struct {
	CAFile       []byte   // PEM certificates to trust instead of the system's; nil: the system's
	Proxy        *url.URL // http, https or socks5; nil: none (the environment's proxies are never used)
	MaxConns     int      // connections that are kept; at least the concurrency
	LoopbackOnly bool     // refuse to dial anything else
	UserAgent    string   // for requests without one of their own
}

// Wire is the only place that touches the network. It speaks HTTP/1.1, follows
// no redirect, asks for no compression and never sends a request twice.
type Wire struct {
	transport *http.Transport
	dialer    *net.Dialer
	userAgent string
	last      atomic.Pointer[parsedURL]
}

type parsedURL struct {
	text string
	url  *url.URL
}

// NewWire makes a wire.
func NewWire(o WireOptions) (*Wire, error) {
	if o.LoopbackOnly && o.Proxy != nil {
		return nil, errors.New("a wire for loopback takes no proxy: a proxy can reach any host")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(o.CAFile) {
			return nil, errors.New("the CA file holds no PEM certificate")
		}
	}
	dialer := newDialer(o.LoopbackOnly)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if o.LoopbackOnly && !namesLoopback(address) {
			return nil, notLoopback(address)
		}
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: c}, nil
	}
	dialTLS := func(ctx context.Context, network, address string) (net.Conn, error) {
		if o.LoopbackOnly && !namesLoopback(address) {
			return nil, notLoopback(address)
		}
		return dialTLS(ctx, dialer, config, network, address)
	}
	t := &http.Transport{
		DialContext:            dial,
		DialTLSContext:         dialTLS,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true,
		MaxIdleConns:           max(o.MaxConns, 1),
		MaxIdleConnsPerHost:    max(o.MaxConns, 1),
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: headerLimit,
		WriteBufferSize:        writeBuffer,
		Protocols:              new(http.Protocols),
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	t.Protocols.SetHTTP1(true)
	if o.Proxy != nil {
		t.Proxy = http.ProxyURL(o.Proxy)
	}
	return &Wire{transport: t, dialer: dialer, userAgent: o.UserAgent}, nil
}

// Close closes idle connections.
func (w *Wire) Close() { w.transport.CloseIdleConnections() }

// Do sends r once and reads its whole answer, both within timeout.
func (w *Wire) Do(ctx context.Context, r targets.Request, timeout time.Duration) (targets.Answer, Trace, error) {
	trace := Trace{Began: time.Now(), NotSent: true}
	if len(r.Body) == 0 && r.Method != http.MethodGet {
		return targets.Answer{}, trace, errNoBody
	}
	to, err := w.parse(r.URL)
	if err != nil {
		return targets.Answer{}, trace, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got := &connection{ready: readyOf(ctx), cancel: cancel}
	answer, err := w.roundTrip(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: got.gotConn}), r, to)
	trace.Duration = time.Since(trace.Began)
	trace.Reused = got.reused
	if err == nil && got.untouched() {
		err = errEarly
	}
	if err != nil {
		trace.NotSent = got.certainlyNotSent()
		trace.Written = got.sent()
		if got.clean {
			trace.NotSent = true
			return targets.Answer{}, trace, got.refused
		}
		if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return targets.Answer{}, trace, err
	}
	trace.NotSent = false
	trace.Written = got.sent()
	if date := answer.Header.Get("Date"); date == "" {
		// Whoever receives an answer without Date adds one (RFC 9110, section 6.6.1).
		answer.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	} else if at, err := http.ParseTime(date); err == nil {
		trace.Upstream = at
	}
	return answer, trace, nil
}

// connection is what a request learns about the connection that carries it.
type connection struct {
	reused bool
	marks  []mark // one; more if net/http went to another connection
	first  [1]mark
	blind  bool // a connection that does not count: nothing is certain

	ready   ready // nil: at once
	cancel  context.CancelFunc
	refused error // what ready said
	clean   bool  // nothing had been written then
}

func (g *connection) gotConn(info httptrace.GotConnInfo) {
	g.reused = info.Reused
	c := counted(info.Conn)
	if c == nil {
		g.blind = true
		return
	}
	if g.marks == nil {
		g.marks = g.first[:0]
	}
	g.marks = append(g.marks, c.mark())
	if g.ready == nil {
		return
	}
	if err := g.ready(); err != nil {
		g.refused, g.clean = err, g.certainlyNotSent() // which sees to it that it stays so
		g.cancel()
	}
}

// certainlyNotSent reports that not one byte of the request left, and makes sure
// that none will.
func (g *connection) certainlyNotSent() bool {
	none := !g.blind
	for _, m := range g.marks {
		if !m.giveUp() {
			none = false
		}
	}
	return none
}

// untouched reports that nothing was even begun to be written.
func (g *connection) untouched() bool {
	return !g.blind && !slices.ContainsFunc(g.marks, func(m mark) bool { return !m.untouched() })
}

func (g *connection) sent() int64 {
	var n int64
	for _, m := range g.marks {
		n += m.sent()
	}
	return n
}

func (w *Wire) roundTrip(ctx context.Context, r targets.Request, to *url.URL) (targets.Answer, error) {
	header := r.Header
	if header == nil {
		header = http.Header{}
	}
	if w.userAgent != "" && len(header["User-Agent"]) == 0 {
		header["User-Agent"] = []string{w.userAgent}
	}
	req := &http.Request{
		Method: r.Method, URL: to, Host: to.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(r.Body) > 0 {
		// Without GetBody net/http has no means to send the body again.
		req.Body = io.NopCloser(bytes.NewReader(r.Body))
		req.ContentLength = int64(len(r.Body))
	}
	// The transport below the client: no redirect is followed, no cookie kept.
	resp, err := w.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return targets.Answer{}, err
	}
	defer resp.Body.Close()
	body, err := readAll(resp)
	if err != nil {
		return targets.Answer{}, fmt.Errorf("read the answer (HTTP %d): %w", resp.StatusCode, err)
	}
	return targets.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// readAll reads the whole body, which also makes its connection reusable.
func readAll(resp *http.Response) ([]byte, error) {
	if resp.ContentLength > BodyLimit {
		return nil, errTooLong
	}
	if n := resp.ContentLength; n >= 0 {
		body := make([]byte, n)
		if _, err := io.ReadFull(resp.Body, body); err != nil {
			return nil, err
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, BodyLimit+1))
	if err != nil {
		return nil, err
	}
	if len(body) > BodyLimit {
		return nil, errTooLong
	}
	return body, nil
}

// parse keeps the last address: a run sends to one.
func (w *Wire) parse(text string) (*url.URL, error) {
	if last := w.last.Load(); last != nil && last.text == text {
		return last.url, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, errAddress // err would print the address, and what may be in it
	}
	w.last.Store(&parsedURL{text: text, url: u})
	return u, nil
}
