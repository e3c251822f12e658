package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"campaign/internal/targets"
)

func TestLoopbackOnlyTable(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1:80":              true,
		"127.9.8.7:443":             true,
		"[::1]:80":                  true,
		"[::ffff:127.0.0.1]:80":     true,
		"10.36.12.1:8000":           false,
		"192.168.16.163:8091":       false,
		"2.18.243.11:8000":          false,
		"[::ffff:10.0.0.1]:80":      false,
		"[::ffff:2.18.243.11]:8000": false,
		"[2001:db8::1]:443":         false,
		"[fe80::1%eth0]:80":         false,
		"[::]:80":                   false,
		"0.0.0.0:80":                false,
		"169.254.169.254:80":        false,
		"128.0.0.1:80":              false,
		"localhost:80":              false, // names come here resolved, never as they are
		"":                          false,
		"127.0.0.1":                 false,
	} {
		err := loopbackOnly(t.Context(), "tcp", address, nil)
		if allowed != (err == nil) || err != nil && !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// fence is a second lock for tests: whatever the guard lets through, nothing but
// loopback is dialled.
func fence(d *net.Dialer) {
	guard := d.ControlContext
	d.ControlContext = func(ctx context.Context, network, address string, c syscall.RawConn) error {
		if guard != nil {
			if err := guard(ctx, network, address, c); err != nil {
				return err
			}
		}
		if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
			return fmt.Errorf("the fence stopped %s", address)
		}
		return nil
	}
}

// outside are addresses for documents (RFC 5737, RFC 3849).
var outside = []string{"192.0.2.1", "[::ffff:192.0.2.1]", "[2001:db8::1]"}

func TestLoopbackOnlyDialsNothing(t *testing.T) {
	w := wire(t, WireOptions{LoopbackOnly: true})
	for _, host := range append([]string{"looks-harmless.test", "localhost.test"}, outside...) {
		for _, scheme := range []string{"http", "https"} {
			_, trace, err := w.Do(t.Context(), post(scheme+"://"+host+":9/"), time.Second)
			if !errors.Is(err, ErrNotLoopback) || !trace.NotSent || trace.Written != 0 {
				t.Errorf("%s %s: %v, %+v", scheme, host, err, trace)
			}
		}
	}
}

// Without the option the fence of these tests holds: it is no ornament.
func TestFence(t *testing.T) {
	w := wire(t, WireOptions{})
	for _, host := range outside {
		_, trace, err := w.Do(t.Context(), post("http://"+host+":9/"), time.Second)
		if err == nil || !strings.Contains(err.Error(), "the fence stopped") || !trace.NotSent {
			t.Errorf("%s: %v, %+v", host, err, trace)
		}
	}
}

// A name that may be looked up, localhost, is held to what it resolves to.
func TestLoopbackOnlySeesThroughNames(t *testing.T) {
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Addr().String())
	dialer := newDialer(true)
	fence(dialer)
	dialer.Resolver = nameServer(t, netip.MustParseAddr("192.0.2.1"))
	if _, err := dialer.DialContext(t.Context(), "tcp4", "looks-harmless.test:"+port); !errors.Is(err, ErrNotLoopback) {
		t.Errorf("dialled a name outside: %v", err)
	}
	dialer.Resolver = nameServer(t, netip.MustParseAddr("127.0.0.1"))
	c, err := dialer.DialContext(t.Context(), "tcp4", "looks-harmless.test:"+port)
	if err != nil {
		t.Fatalf("a name of this machine: %v", err)
	}
	c.Close()
}

// nameServer resolves every name to one address.
func nameServer(t *testing.T, to netip.Addr) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Header.Response = true
			m.Additionals = nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
					Body:   &dnsmessage.AResource{A: to.As4()},
				}}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = server.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp4", server.LocalAddr().String())
	}}
}

func TestLoopbackOnlyTakesNoProxy(t *testing.T) {
	proxy, _ := url.Parse("http://127.0.0.1:3128")
	if _, err := NewWire(WireOptions{LoopbackOnly: true, Proxy: proxy}); err == nil {
		t.Error("a proxy can reach any host")
	}
}

// pipe is a connection whose other end reads nothing by itself.
func pipe(t *testing.T) (*conn, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return &conn{Conn: near}, far
}

func TestGiveUpBeforeTheFirstByte(t *testing.T) {
	c, _ := pipe(t)
	m := c.mark()
	if !m.giveUp() || m.sent() != 0 {
		t.Error("nothing was written, and that is not certain?")
	}
	if n, err := c.Write([]byte("late")); n != 0 || !errors.Is(err, errSealed) {
		t.Errorf("a write after giving up: %d, %v", n, err)
	}
	if !c.mark().giveUp() {
		t.Error("a request that got a sealed connection was certainly not sent")
	}
}

func TestGiveUpAfterAByte(t *testing.T) {
	c, far := pipe(t)
	go func() { _, _ = far.Read(make([]byte, 3)) }()
	m := c.mark()
	if _, err := c.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if m.giveUp() || m.sent() != 3 {
		t.Errorf("%d bytes were written", m.sent())
	}
}

func TestGiveUpDuringAWrite(t *testing.T) {
	c, far := pipe(t)
	m := c.mark()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = c.Write([]byte("abc"))
	}()
	_, _ = far.Read(make([]byte, 1)) // the write has begun and cannot end
	if m.giveUp() {
		t.Error("a write is going on: nothing is certain")
	}
	<-done
}

func TestGiveUpAfterAWriteThatFailedWhole(t *testing.T) {
	c, far := pipe(t)
	far.Close()
	m := c.mark()
	if n, err := c.Write([]byte("abc")); n != 0 || err == nil {
		t.Fatalf("%d, %v", n, err)
	}
	if !m.giveUp() {
		t.Error("not one byte was taken")
	}
}

func TestGiveUpAfterAnEarlierRequest(t *testing.T) {
	c, far := pipe(t)
	go func() { _, _ = far.Read(make([]byte, 8)) }()
	if _, err := c.Write([]byte("earlier")); err != nil {
		t.Fatal(err)
	}
	m := c.mark()
	if !m.giveUp() || m.sent() != 0 {
		t.Error("the bytes of an earlier request count for this one")
	}
}

// Whatever the moment, a request is "not sent" or something may have arrived,
// never "not sent" and arrived.
func TestGiveUpRacesWithWrites(t *testing.T) {
	for range 300 {
		c, far := pipe(t)
		got := make(chan int)
		go func() {
			buf, total := make([]byte, 16), 0
			for {
				n, err := far.Read(buf)
				total += n
				if err != nil {
					got <- total
					return
				}
			}
		}()
		m := c.mark()
		go func() { _, _ = c.Write([]byte("request")) }()
		NotSent := m.giveUp()
		if arrived := <-got; NotSent && arrived > 0 {
			t.Fatalf("certainly not sent, and %d bytes arrived", arrived)
		}
	}
}

func post(to string) targets.Request {
	return targets.Request{Method: http.MethodPost, URL: to, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte("hello\nu1")}
}

func wire(t testing.TB, o WireOptions) *Wire {
	t.Helper()
	if o.MaxConns == 0 {
		o.MaxConns = 4
	}
	w, err := NewWire(o)
	if err != nil {
		t.Fatal(err)
	}
	fence(w.dialer)
	t.Cleanup(w.Close)
	return w
}
