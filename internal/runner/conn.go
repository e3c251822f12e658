package runner

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrNotLoopback is the refusal of a wire with LoopbackOnly to dial anything
// that is not on this machine.
var ErrNotLoopback = errors.New("only loopback addresses may be dialled here")

// errSealed is what a write finds on a connection whose request was given up
// before its first byte.
var errSealed = errors.New("the request was given up before it was sent")

// loopbackOnly refuses every address outside loopback. The dialer calls it with
// addresses after names have been resolved, once for each attempt, before
// anything is sent: no name can trick it.
func loopbackOnly(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return notLoopback(address)
	}
	if !at.Addr().Unmap().IsLoopback() {
		return notLoopback(at.Addr().String())
	}
	return nil
}

// namesLoopback reports whether a host and port may be looked at in loopback
// only: an address of this machine, or localhost. Any other name is refused
// before it is looked up: the question alone would leave this machine.
func namesLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	at, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && at.Unmap().IsLoopback()
}

func notLoopback(address string) error { return fmt.Errorf("dial %s: %w", address, ErrNotLoopback) }

func newDialer(onlyLoopback bool) *net.Dialer {
	d := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	if onlyLoopback {
		d.ControlContext = loopbackOnly
	}
	return d
}

// conn counts what is written, so that a request that failed can be told "not
// sent" or "unknown". At any time at most one request uses it (HTTP/1.1 without
// pipelining).
type conn struct {
	net.Conn

	begun   atomic.Int64 // writes begun; the top bit says sealed
	ended   atomic.Int64 // writes ended
	written atomic.Int64 // bytes that left, or may have left
}

const sealed = int64(-1) << 63

func (c *conn) Write(p []byte) (int, error) {
	if c.begun.Add(1)&sealed != 0 {
		return 0, errSealed
	}
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	c.ended.Add(1)
	return n, err
}

// mark is the state of a connection when a request got it.
type mark struct {
	conn    *conn
	begun   int64
	written int64
}

func (c *conn) mark() mark {
	return mark{conn: c, begun: c.begun.Load() &^ sealed, written: c.written.Load()}
}

// untouched reports that no write was begun since the mark. (The bytes of a write
// are counted when it ends, which may be after the answer came.)
func (m mark) untouched() bool { return m.conn.begun.Load()&^sealed == m.begun }

// sent returns the bytes written since the mark, as far as they are counted.
func (m mark) sent() int64 { return m.conn.written.Load() - m.written }

// giveUp stops any further write and reports whether certainly not one byte was
// written since the mark. A write that is going on at this moment is no certainty.
func (m mark) giveUp() bool {
	before := m.conn.begun.Or(sealed) &^ sealed
	_ = m.conn.Close()
	if before == m.begun {
		return true
	}
	return m.conn.ended.Load() == before && m.sent() == 0
}

// tlsConn counts what the application writes, not what TLS itself says
// (handshake, alerts): those bytes are no part of a request.
type tlsConn struct {
	*tls.Conn
	raw *conn // the connection below
}

func (c *tlsConn) Write(p []byte) (int, error) {
	below := c.raw.written.Load()
	n, err := c.Conn.Write(p)
	if n == 0 && c.raw.written.Load() != below {
		n = 1 // a part of a record left: something was written
	}
	return min(n, len(p)), err
}

// dialTLS connects and shakes hands within the dial timeout.
func dialTLS(ctx context.Context, dialer *net.Dialer, config *tls.Config, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	if host, _, err := net.SplitHostPort(address); err == nil {
		config.ServerName = host
	}
	raw := &conn{Conn: c}
	secure := tls.Client(raw, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return &conn{Conn: &tlsConn{Conn: secure, raw: raw}}, nil
}

// counted finds the counting connection of what net/http gives to GotConn.
func counted(c net.Conn) *conn {
	switch c := c.(type) {
	case *conn:
		return c
	case *tls.Conn: // TLS to the upstream through a proxy
		return counted(c.NetConn())
	}
	return nil
}
