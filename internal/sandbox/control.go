package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// pageSize is how many requests are copied out of the record at a time.
const pageSize = 512

const controlHelp = `GET    /_sandbox/requests?format=ndjson|json&since=SEQ&limit=N   accepted requests
DELETE /_sandbox/requests                                        forget the record and the counts
GET    /_sandbox/summary?channel=C&title=T                       counts, duplicates
GET    /_sandbox/arrivals?format=ndjson|json&since=N&limit=N     when each request was seen, and how many were in flight then
GET    /_sandbox/rates?since=N                                   of those: how many a second for each account and channel, the most in any one-second window
GET    /_sandbox/faults                                          installed faults
POST   /_sandbox/faults                                          {"kind": "...", ...}, "kind:key=value", or an array of them
DELETE /_sandbox/faults                                          remove all faults
POST   /_sandbox/tokens                                          {"token": "..."} makes a bearer token a good one
`

// handleControl serves the pages under /_sandbox/. No fault touches them and they are
// not counted.
func (s *Server) handleControl(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	switch r.Method + " " + r.URL.Path {
	case "GET /_sandbox/", "GET /_sandbox/help":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, controlHelp)
	case "GET /_sandbox/requests":
		list(w, r, func(since uint64, limit int) ([]Request, uint64) {
			page := s.record.requests(since, limit)
			if len(page) > 0 {
				since = page[len(page)-1].Seq
			}
			return page, since
		})
	case "DELETE /_sandbox/requests":
		s.Clear()
		w.WriteHeader(http.StatusNoContent)
	case "GET /_sandbox/summary":
		query := r.URL.Query()
		writeJSON(w, http.StatusOK, s.SummaryOf(Filter{Channel: query.Get("channel"), Title: query.Get("title")}))
	case "GET /_sandbox/arrivals":
		list(w, r, func(since uint64, limit int) ([]Arrival, uint64) {
			page := s.record.trace(int(min(since, maxInt)), limit)
			return page, since + uint64(len(page))
		})
	case "GET /_sandbox/rates":
		since, err := whole(r.URL.Query().Get("since"), 0)
		if err != nil {
			writeError(w, http.StatusBadRequest, fmt.Errorf("since=%w", err))
			return
		}
		writeJSON(w, http.StatusOK, s.Rates(since))
	case "GET /_sandbox/faults":
		writeJSON(w, http.StatusOK, s.Faults())
	case "POST /_sandbox/faults":
		s.postFaults(w, r)
	case "DELETE /_sandbox/faults":
		if err := s.ClearFaults(); err != nil {
			writeError(w, http.StatusInternalServerError, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	case "POST /_sandbox/tokens":
		s.postToken(w, r)
	default:
		writeError(w, http.StatusNotFound, fmt.Errorf("no such control page: GET /_sandbox/ lists them"))
	}
}

// postFaults installs all of the given faults or none.
func (s *Server) postFaults(w http.ResponseWriter, r *http.Request) {
	faults, err := readFaults(r.Body)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	for _, f := range faults {
		s.install(f)
	}
	writeJSON(w, http.StatusCreated, s.Faults())
}

func (s *Server) postToken(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil || given.Token == "" {
		writeError(w, http.StatusBadRequest, fmt.Errorf(`send {"token": "..."}`))
		return
	}
	s.AddToken(given.Token)
	w.WriteHeader(http.StatusNoContent)
}

// whole reads a parameter that is a whole number.
func whole(text string, otherwise uint64) (uint64, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%s: use a whole number", text)
	}
	return n, nil
}

// list writes pages of items as NDJSON, or as one JSON array with format=json.
func list[T any](w http.ResponseWriter, r *http.Request, page func(since uint64, limit int) ([]T, uint64)) {
	query := r.URL.Query()
	since, limit := uint64(0), uint64(maxInt)
	for name, at := range map[string]*uint64{"since": &since, "limit": &limit} {
		n, err := whole(query.Get(name), *at)
		if err != nil {
			writeError(w, http.StatusBadRequest, fmt.Errorf("%s=%w", name, err))
			return
		}
		*at = n
	}
	format := query.Get("format")
	if format != "" && format != "json" && format != "ndjson" {
		writeError(w, http.StatusBadRequest, fmt.Errorf("format=%s: use json or ndjson", format))
		return
	}
	array := format == "json"
	begin, between, end := "", "", ""
	w.Header().Set("Content-Type", "application/x-ndjson")
	if array {
		begin, between, end = "[", ",", "]\n"
		w.Header().Set("Content-Type", "application/json")
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_, _ = io.WriteString(w, begin)
	for written := uint64(0); written < limit; {
		items, next := page(since, int(min(limit-written, pageSize)))
		if len(items) == 0 {
			break
		}
		for i, item := range items {
			if written > 0 || i > 0 {
				_, _ = io.WriteString(w, between)
			}
			if err := encoder.Encode(item); err != nil {
				return // the reader has left
			}
		}
		since, written = next, written+uint64(len(items))
	}
	_, _ = io.WriteString(w, end)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value)
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, struct {
		Error string `json:"error"`
	}{err.Error()})
}
