package sandbox

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options configures a sandbox. Its zero value is a sandbox that works.
type Options struct {
	Faults        []Fault       // installed before the first request
	Tokens        []string      // zqt's good bearer tokens; empty: any
	ConnectNo     string        // chuanbo's account number; empty: any
	ClientID      string        // of the token endpoint; empty: any
	ClientSecret  string        // likewise
	TokenLifetime time.Duration // of issued tokens; 0: one hour
	Groups        []Group       // what group_list serves; nil: DefaultGroups
	ControlAddr   string        // of the control port; empty: any port of 127.0.0.1
	RecordFile    string        // NDJSON, a Request a line, appended to; empty: none
	KeepBodies    bool          // keeps the bodies of accepted requests in the record
	// RefuseWith200 sends zqt's documented refusal with HTTP status 200 instead of
	// 400; the document does not say which it is.
	RefuseWith200 bool
}

// Server is the emulator. Its methods may be called concurrently.
type Server struct {
	options Options
	record  *record
	gate    *gate
	control *http.Server
	quit    chan struct{} // closed by Close: ends what faults keep waiting
	holding atomic.Int64

	url, controlURL string
	file            *os.File
	background      sync.WaitGroup

	mu      sync.Mutex // of the following, and of the answer to "what happens to this request"
	tokens  *tokens
	faults  faultList
	started bool
	closed  bool
	active  sync.WaitGroup // requests being handled
}

// New returns a sandbox that does not listen yet.
func New(o Options) *Server {
	if o.TokenLifetime == 0 {
		o.TokenLifetime = time.Hour
	}
	if o.Groups == nil {
		o.Groups = DefaultGroups()
	}
	if o.ControlAddr == "" {
		o.ControlAddr = "127.0.0.1:0"
	}
	s := &Server{
		options: o,
		record:  newRecord("outbox-"+rand.Text()[:8], o.KeepBodies),
		tokens:  newTokens(o.Tokens, o.TokenLifetime),
		quit:    make(chan struct{}),
	}
	s.gate = &gate{http: newHTTP(http.HandlerFunc(s.handle)), within: reopenWithin, holds: map[int]*time.Timer{}}
	s.control = newHTTP(http.HandlerFunc(s.handleControl))
	return s
}

func newHTTP(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second}
}

// Start returns a sandbox that listens on a free port of 127.0.0.1.
func Start(o Options) (*Server, error) {
	s := New(o)
	if err := s.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	return s, nil
}

// Listen installs the faults, and opens the record file and the two ports. The
// address must be on loopback: what talks to the sandbox believes that it sends to
// real people. A server listens once in its life.
func (s *Server) Listen(address string) (err error) {
	s.mu.Lock()
	again := s.started || s.closed
	s.started = true
	s.mu.Unlock()
	if again {
		return errors.New("this sandbox has listened before: make a new one")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	address, err = loopback(address)
	if err != nil {
		return err
	}
	controlAddress, err := loopback(s.options.ControlAddr)
	if err != nil {
		return fmt.Errorf("control port: %w", err)
	}
	for _, f := range s.options.Faults {
		if _, err := s.AddFault(f); err != nil {
			return err
		}
	}
	if s.options.RecordFile != "" {
		file, err := os.OpenFile(s.options.RecordFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("open the record: %w", err)
		}
		s.file, s.record.file = file, file
	}
	control, err := net.Listen("tcp", controlAddress)
	if err != nil {
		return fmt.Errorf("open the control port: %w", err)
	}
	s.background.Go(func() { _ = s.control.Serve(control) })
	s.controlURL = "http://" + control.Addr().String()
	if err := s.gate.open(address); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.url = "http://" + s.gate.address
	return nil
}

// loopback returns the address when its host is on loopback. The name localhost
// means 127.0.0.1 and is not looked up.
func loopback(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("address %q: use host:port, such as 127.0.0.1:8080", address)
	}
	if !isLoopback(host) {
		return "", fmt.Errorf("address %q is not on loopback: the sandbox listens on 127.0.0.1, [::1] or localhost only", address)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// URL is where both upstreams and the token endpoint are, without a slash at the end.
func (s *Server) URL() string { return s.url }

// ControlURL is the second port, on which only the control pages are. It stays
// open while a refuse fault keeps the other closed.
func (s *Server) ControlURL() string { return s.controlURL }

// Close ends every connection and waits for the requests under way. The record can
// still be read.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.quit)
	err := errors.Join(s.gate.close(), s.control.Close())
	s.background.Wait()
	s.active.Wait()
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
	}
	return err
}

// AddFault installs a fault behind those that are there and returns its id.
func (s *Server) AddFault(f Fault) (int, error) {
	prepared, err := f.prepared()
	if err != nil {
		return 0, err
	}
	return s.install(prepared), nil
}

func (s *Server) install(prepared Fault) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, act := s.faults.add(prepared)
	if act {
		s.pull(prepared)
	}
	return id
}

// pull makes a lever act; the caller holds mu.
func (s *Server) pull(f Fault) {
	if f.Kind == "refuse" {
		s.gate.shut(f.For)
		return
	}
	s.tokens.expireAll()
}

// Faults lists the installed faults in their order.
func (s *Server) Faults() []FaultState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.states()
}

// ClearFaults removes all faults and opens the port again when one kept it closed.
// Expired tokens stay expired, and requests that are kept waiting stay so.
func (s *Server) ClearFaults() error {
	s.mu.Lock()
	s.faults.faults = nil
	s.mu.Unlock()
	return s.gate.release()
}

// AddToken makes a bearer token a good one. When Options.Tokens was empty, only
// added and issued tokens are good from then on.
func (s *Server) AddToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens.add(token)
}

// Requests returns all accepted requests in the order of acceptance.
func (s *Server) Requests() []Request { return s.record.requests(0, maxInt) }

// RequestsSince returns up to limit accepted requests whose Seq is over since.
func (s *Server) RequestsSince(since uint64, limit int) []Request {
	return s.record.requests(since, limit)
}

// Arrivals returns when each request was seen, in that order.
func (s *Server) Arrivals() []Arrival { return s.record.trace(0, maxInt) }

// Rates says how fast requests came, over the arrivals from the one at index since on.
func (s *Server) Rates(since uint64) Rates { return s.record.rates(int(min(since, maxInt))) }

// Summary counts what was seen and accepted.
func (s *Server) Summary() Summary { return s.SummaryOf(Filter{}) }

// SummaryOf counts recipients and groups over the requests that the filter
// chooses, so that who got two different messages is no duplicate.
func (s *Server) SummaryOf(f Filter) Summary {
	summary := s.record.summary(f)
	summary.Holding = int(s.holding.Load())
	summary.Listening = s.gate.listening()
	return summary
}

// Clear forgets the record and the counts. Seq goes on, the record file stays.
func (s *Server) Clear() { s.record.clear() }
