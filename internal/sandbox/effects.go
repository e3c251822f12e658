package sandbox

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// extra is how much longer than the whole answer a truncated one claims to be.
const extra = 16

// finish gives the request its end: the fault's, or the upstream's own answer.
func (s *Server) finish(c *call, chosen choice) {
	f := chosen.end
	if f == nil {
		s.answer(c, s.process(c), chosen.drip)
		return
	}
	s.record.add(c.endpoint, func(n *Counts) { n.Faulted++ })
	switch f.Kind {
	case "reset-before":
		s.leave(c)
		reset(c.w)
	case "reset-after":
		s.process(c)
		s.leave(c)
		reset(c.w)
	case "stall":
		s.hold(c, f.For)
	case "stall-after":
		s.process(c)
		s.hold(c, f.For)
	case "truncate":
		a := s.process(c)
		s.leave(c)
		truncate(c.w, a, f.Bytes)
	default:
		if f.Accept {
			s.process(c)
		}
		s.answer(c, s.madeUp(c, f), chosen.drip)
	}
}

// madeUp is the answer of a fault that answers.
func (s *Server) madeUp(c *call, f *Fault) answer {
	const plain = "text/plain; charset=utf-8"
	after := map[string]string{}
	if f.RetryAfter > 0 {
		after["Retry-After"] = strconv.Itoa(int(f.RetryAfter / time.Second))
	}
	switch f.Kind {
	case "garbage":
		return answer{status: f.Status, kind: "application/json", body: f.Body}
	case "html-502":
		return answer{status: http.StatusBadGateway, kind: "text/html", body: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n" +
			"<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"}
	case "429":
		return answer{status: http.StatusTooManyRequests, kind: plain, header: after, body: "Too Many Requests\n"}
	case "503":
		return answer{status: http.StatusServiceUnavailable, kind: plain, header: after, body: "Service Unavailable\n"}
	case "redirect":
		return answer{status: f.Status, kind: plain, header: map[string]string{"Location": f.To}, body: "see " + f.To + "\n"}
	case "unauthorized":
		if c.endpoint == token {
			return invalidClient()
		}
		return zqtUnauthorized(c.token)
	case "code":
		return chuanboAnswer(f.Code, f.Message)
	case "status-400":
		return s.zqtRefused(f.Message)
	case "poison":
		if c.endpoint == pushCreate {
			return chuanboAnswer(codeParameter, f.Message)
		}
		return s.zqtRefused(f.Message)
	}
	return answer{status: http.StatusInternalServerError, kind: plain, body: "Internal Server Error\n"}
}

// answer writes a, slowly when drip says so. A client that has left is not told.
func (s *Server) answer(c *call, a answer, drip *Fault) {
	a.setHeader(c.w)
	c.w.WriteHeader(a.status)
	if drip == nil {
		_, _ = io.WriteString(c.w, a.body)
		return
	}
	s.holding.Add(1)
	defer s.holding.Add(-1)
	controller := http.NewResponseController(c.w)
	tick := time.NewTicker(drip.Interval)
	defer tick.Stop()
	for rest := a.body; ; {
		n := min(drip.Bytes, len(rest))
		if n == len(rest) {
			s.leave(c)
		}
		if _, err := io.WriteString(c.w, rest[:n]); err != nil {
			return
		}
		if err := controller.Flush(); err != nil {
			return
		}
		if rest = rest[n:]; rest == "" {
			return
		}
		select {
		case <-tick.C:
		case <-c.r.Context().Done():
			return
		case <-s.quit:
			return
		}
	}
}

// hold keeps the request without an answer until the client leaves, the server is
// closed, or, when d is given, d has passed; then the connection is closed.
func (s *Server) hold(c *call, d time.Duration) {
	s.holding.Add(1)
	defer s.holding.Add(-1)
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-c.r.Context().Done():
	case <-s.quit:
	case <-over:
	}
	panic(http.ErrAbortHandler)
}

// reset ends the connection with a TCP reset: closing with a linger time of zero
// discards what is unsent and sends RST instead of FIN.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// truncate sends the first keep bytes of the answer (half of it when keep is 0) with a
// Content-Length that promises more than all of it, and closes the connection.
func truncate(w http.ResponseWriter, a answer, keep int) {
	if keep == 0 {
		keep = len(a.body) / 2
	}
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		a.status, http.StatusText(a.status), a.kind, len(a.body)+extra, a.body[:min(keep, len(a.body))])
	_ = out.Flush()
	_ = conn.Close()
}
