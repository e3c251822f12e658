package sandbox

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const maxInt = math.MaxInt

// maxBody is the largest body that is read.
const maxBody = 64 << 20

// endpoint is an address of the emulated systems.
type endpoint uint8

const (
	send endpoint = iota
	groupList
	pushCreate
	token
	unknown // anything else: answered with 404
	endpoints
)

var endpointNames = [endpoints]string{"send", "group_list", "push_create", "token", "unknown"}

func (e endpoint) String() string { return endpointNames[e] }

func (e endpoint) system() string {
	switch e {
	case send:
		return systemZQT
	case groupList, pushCreate:
		return systemChuanbo
	case token:
		return systemOAuth
	}
	return ""
}

func (e endpoint) method() string {
	if e == groupList {
		return http.MethodGet
	}
	return http.MethodPost
}

func endpointNamed(name string) (endpoint, bool) {
	for e := range unknown {
		if e.String() == name {
			return e, true
		}
	}
	return unknown, false
}

// route finds the endpoint of a path: an environment's prefix of one element, as
// in /YX, may stand before each, and zqt's /AGCS_zqc may be left out.
func route(path string) (e endpoint, prefix string) {
	for e, suffix := range [...]string{
		send: "/v3_1/msgcenter/send", groupList: "/openapi/chuanbo/group_list", pushCreate: "/openapi/chuanbo/push_create", token: "/oauth/token",
	} {
		prefix, ok := strings.CutSuffix(path, suffix)
		if !ok {
			continue
		}
		if endpoint(e) == send {
			prefix = strings.TrimSuffix(prefix, "/AGCS_zqc")
		}
		if prefix == "" || isEnvironment(prefix) {
			return endpoint(e), prefix
		}
	}
	return unknown, ""
}

func isEnvironment(prefix string) bool {
	name, ok := strings.CutPrefix(prefix, "/")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// answer is what goes back.
type answer struct {
	status int
	kind   string // Content-Type
	header map[string]string
	body   string
}

// call is one request on its way through the sandbox.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	endpoint endpoint
	visit    visit
	gone     bool // no longer in flight
	token    string
	good     bool // the token, when the request came in

	buffer *[]byte
	body   []byte
	read   bool
	failed error

	parsed  bool
	parcel  parcel
	form    form
	problem *problem
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// handle serves the first port: both upstreams, the token endpoint and control.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sandbox/") {
		s.handleControl(w, r)
		return
	}
	arrived := time.Now()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.active.Add(1)
	needsRecipients := s.faults.needsRecipients()
	s.mu.Unlock()
	defer s.active.Done()

	e, prefix := route(r.URL.Path)
	c := &call{w: w, r: r, endpoint: e, token: bearer(r.Header)}
	defer c.free()
	c.visit = s.record.arrived(e, accountOf(e, prefix), arrived)
	defer s.leave(c)
	if needsRecipients {
		c.parse()
	}
	chosen := s.admit(c)
	if chosen.end == nil || chosen.end.Kind != "reset-before" {
		c.readBody()
	}
	if c.failed != nil || !s.wait(chosen.delay) {
		s.incomplete(c)
		return
	}
	s.finish(c, chosen)
}

// leave ends the request's time in flight. Who writes the end of an answer before
// the handler returns calls it first: the client may come back at once.
func (s *Server) leave(c *call) {
	if c.gone {
		return
	}
	c.gone = true
	if c.read && c.endpoint == pushCreate {
		c.parse() // a fault may have spared it
	}
	known := c.endpoint == send || c.parsed && c.problem == nil
	s.record.left(c.visit, c.parcel.channel, known)
}

// admit decides in one step whether the token is good and what the faults do, so
// that concurrent requests see one order of events.
func (s *Server) admit(c *call) choice {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.endpoint == send {
		c.good = s.tokens.good(c.token, time.Now())
	}
	var carried *parcel
	if c.parsed && c.problem == nil {
		carried = &c.parcel
	}
	chosen := s.faults.choose(c.endpoint, carried)
	for _, f := range chosen.pull {
		s.pull(f)
	}
	return chosen
}

// wait lasts d, whether the client stays or not; it is false when the server was
// closed meanwhile.
func (s *Server) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	s.holding.Add(1)
	defer s.holding.Add(-1)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.quit:
		return false
	}
}

// incomplete ends a request whose body did not come whole or was too large, or that
// a closing server found waiting.
func (s *Server) incomplete(c *call) {
	s.record.add(c.endpoint, func(n *Counts) { n.Incomplete++ })
	var large *http.MaxBytesError
	if errors.As(c.failed, &large) {
		http.Error(c.w, "the body is too large", http.StatusRequestEntityTooLarge)
		return
	}
	panic(http.ErrAbortHandler)
}

// readBody reads the whole body into a buffer that is used again after free.
func (c *call) readBody() {
	if c.read {
		return
	}
	c.read = true
	c.buffer = buffers.Get().(*[]byte)
	body := (*c.buffer)[:0]
	if n := c.r.ContentLength; n > int64(cap(body)) && n <= maxBody {
		body = make([]byte, 0, n+1)
	}
	limited := http.MaxBytesReader(c.w, c.r.Body, maxBody)
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err != nil {
			if err != io.EOF {
				c.failed = err
			}
			break
		}
	}
	*c.buffer, c.body = body, body
}

func (c *call) free() {
	if c.buffer != nil && cap(*c.buffer) <= 1<<20 {
		buffers.Put(c.buffer)
	}
}

// parse checks a sending request against its document.
func (c *call) parse() {
	c.readBody()
	if c.parsed || c.failed != nil {
		return
	}
	c.parsed = true
	switch c.endpoint {
	case send:
		c.parcel, c.problem = parseZQT(c.r.Header, c.body)
	case pushCreate:
		c.parcel, c.form, c.problem = parsePush(c.r.Header, c.body)
	}
}

// process does what the upstream does with a whole request and returns its answer.
func (s *Server) process(c *call) answer {
	a, ok := s.attempt(c)
	if !ok {
		s.record.add(c.endpoint, func(n *Counts) { n.Refused++ })
	} else if c.endpoint == groupList || c.endpoint == token {
		s.record.add(c.endpoint, func(n *Counts) { n.Accepted++ })
	}
	return a
}

// attempt tells whether the request was accepted, which the record then knows.
func (s *Server) attempt(c *call) (answer, bool) {
	if c.endpoint == unknown {
		return answer{status: http.StatusNotFound, kind: "text/plain; charset=utf-8", body: "404 page not found\n"}, false
	}
	if c.r.Method != c.endpoint.method() {
		return answer{
			status: http.StatusMethodNotAllowed, kind: "text/plain; charset=utf-8",
			header: map[string]string{"Allow": c.endpoint.method()}, body: "405 method not allowed\n",
		}, false
	}
	switch c.endpoint {
	case send:
		return s.send(c)
	case pushCreate:
		return s.push(c)
	case groupList:
		return s.groupList(c.r, c.body)
	}
	return s.token(c.r, c.body)
}

func (s *Server) send(c *call) (answer, bool) {
	if !c.good {
		return zqtUnauthorized(c.token), false
	}
	if c.parse(); c.problem != nil {
		return s.zqtRefused(c.problem.String()), false
	}
	outbox, err := s.record.accept(c.visit, c.endpoint, c.parcel, c.r.Header.Get("Content-Type"), c.body)
	if err != nil {
		return notRecorded(err), false
	}
	return zqtAccepted(outbox), true
}

func (s *Server) zqtRefused(data string) answer {
	if s.options.RefuseWith200 {
		return zqtRefused(http.StatusOK, data)
	}
	return zqtRefused(http.StatusBadRequest, data)
}

func (s *Server) push(c *call) (answer, bool) {
	if c.parse(); c.problem != nil {
		return chuanboRefused(c.problem), false
	}
	if s.refusedConnectNo(c.form) {
		return chuanboAnswer(codeConnectNo, "connectNo 无效"), false
	}
	if _, err := s.record.accept(c.visit, c.endpoint, c.parcel, c.r.Header.Get("Content-Type"), c.body); err != nil {
		return notRecorded(err), false
	}
	return chuanboAnswer(0, "success"), true
}

// notRecorded answers when the record file cannot be written: nothing is accepted
// that the record does not know.
func notRecorded(err error) answer {
	return answer{status: http.StatusInternalServerError, kind: "text/plain; charset=utf-8", body: "sandbox: " + err.Error() + "\n"}
}

// setHeader sets the header of a that w will send.
func (a answer) setHeader(w http.ResponseWriter) {
	h := w.Header()
	for name, value := range a.header {
		h.Set(name, value)
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
}
