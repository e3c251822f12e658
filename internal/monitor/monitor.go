// Package monitor shows over HTTP what a process that runs schedules does: health,
// metrics, and pages for people. Nothing on it changes anything, and nothing on it
// shows a secret or a full recipient id. The pages need no script and no network.
package monitor

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"campaign/internal/campaign"
)

// Source tells what is shown. Its methods are called from many goroutines.
type Source interface {
	State() State
	// Occurrences gives the last ones of a campaign, newest first; ok is false when there
	// is no such campaign.
	Occurrences(name string) (all []campaign.Slot, ok bool, err error)
	// Report gives a run's report for people, as Markdown; ok is false when there is none.
	Report(run string) (text []byte, ok bool, err error)
}

// State is what goes on at one moment.
type State struct {
	Version, Project, Profile string
	Sandbox                   bool
	Zone                      *time.Location
	At                        time.Time
	Ready                     bool
	Faults                    []string // what is wrong as a whole
	Files                     []string // problems of files, with their place
	Campaigns                 []Campaign
	Runs                      []Run // in progress
}

// Campaign is a scheduled campaign.
type Campaign struct {
	Name      string
	File      string
	Next      string // label; empty: nothing comes
	NextAt    time.Time
	Last      campaign.Slot // the last one that was decided; zero: none
	Good      time.Time     // when one that went well was due, last
	Due       int           // claimed, and not over
	Running   bool
	Suspended bool
	Stale     bool   // its file is not valid now: the version of before is run
	Problem   string // what people are to know; empty: nothing
}

// Run is a run in progress.
type Run struct {
	ID, Campaign, Occurrence string
	Began                    time.Time
	Requests                 int64 // attempts so far
	InFlight                 int
	Recipients               campaign.Counts // by their last outcome; Planned is the run's
}

// New makes the handler. loopback: it is reached on this machine's own addresses only,
// so that no other name may lead to it.
func New(source Source, metrics *Metrics, loopback bool) http.Handler {
	mux := http.NewServeMux()
	p := &pages{source: source}
	mux.HandleFunc("GET /{$}", p.overview)
	mux.HandleFunc("GET /campaigns/{name}", p.campaign)
	mux.HandleFunc("GET /reports/{run}", p.report)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		s := source.State()
		if s.Ready {
			plain(w, http.StatusOK, "ready\n")
			return
		}
		plain(w, http.StatusServiceUnavailable, "not ready\n"+strings.Join(s.Faults, "\n")+"\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.registry(source), promhttp.HandlerOpts{}))
	return guard(mux, loopback)
}

// guard gives every answer its headers, and refuses requests under names that a
// stranger's page could have made lead here.
func guard(next http.Handler, loopback bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if loopback && !local(r.Host) {
			plain(w, http.StatusMisdirectedRequest, "this page is reached under an address of its own machine only\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// local reports whether a Host header names this machine.
func local(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:i]
	}
	name = strings.Trim(name, "[]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // whoever asked has gone
}
