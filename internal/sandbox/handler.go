package sandbox

import "net/http"

// ServeHTTP answers a request as the first port does, for tests that run under a
// clock of their own, where no port can be opened. What a fault does to the port
// itself (refuse) is not seen here.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handle(w, r) }
