package sandbox

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Fault is one thing that goes wrong. The package's documentation has its
// semantics, FaultKinds the kinds and which parameters each takes.
type Fault struct {
	Kind string

	// Selection.
	System      string
	Endpoint    string
	Recipients  []string
	Times       int
	After       int
	Every       int
	Probability float64
	Seed        uint64

	// Parameters.
	For        time.Duration
	RetryAfter time.Duration
	Delay      time.Duration
	Jitter     time.Duration
	Interval   time.Duration
	Bytes      int
	Code       int
	Status     int
	Message    string
	Body       string
	To         string
	Accept     bool
}

// FaultKind describes a kind of fault.
type FaultKind struct {
	Name string
	Keys []string // beside those of the selection
	Help string

	family  family
	systems []string // that it can meet
}

type family uint8

const (
	ending family = iota
	modifier
	lever // switches the sandbox between two requests
)

const (
	systemZQT     = "zqt"
	systemChuanbo = "chuanbo"
	systemOAuth   = "oauth"
)

var (
	everywhere = []string{systemZQT, systemChuanbo, systemOAuth}
	upstreams  = []string{systemZQT, systemChuanbo}
)

var faultKinds = []FaultKind{
	{"refuse", []string{"for"}, "the port is closed: connection refused, for= a time or until cleared", lever, everywhere},
	{"reset-before", nil, "the connection is reset before the body is read; not accepted", ending, everywhere},
	{"reset-after", nil, "accepted, then the connection is reset without an answer", ending, everywhere},
	{"stall", []string{"for"}, "never answers (closes after for=); not accepted", ending, everywhere},
	{"stall-after", []string{"for"}, "accepted, then never answers (closes after for=)", ending, everywhere},
	{"truncate", []string{"bytes"}, "accepted, but the answer breaks off after bytes= (half), with a longer Content-Length", ending, everywhere},
	{"garbage", []string{"status", "body", "accept"}, "an answer that is no JSON (status= 200, body=); accept=true accepts first", ending, everywhere},
	{"html-502", []string{"accept"}, "a gateway's HTML page with 502; accept=true accepts first", ending, everywhere},
	{"500", []string{"accept"}, "500; accept=true accepts first", ending, everywhere},
	{"503", []string{"retry-after", "accept"}, "503, with Retry-After when retry-after= is given; accept=true accepts first", ending, everywhere},
	{"429", []string{"retry-after"}, "429 with Retry-After (retry-after= 1s)", ending, everywhere},
	{"unauthorized", nil, "401 for every token", ending, []string{systemZQT, systemOAuth}},
	{"expire-tokens", nil, "every token known so far is refused from now on; tokens issued later are good", lever, everywhere},
	{"code", []string{"code", "message"}, "chuanbo's refusal: code= (1) and message=", ending, []string{systemChuanbo}},
	{"status-400", []string{"message"}, "zqt's refusal, message= is its data", ending, []string{systemZQT}},
	{"poison", []string{"message"}, "the documented refusal for requests that carry recipient=", ending, upstreams},
	{"redirect", []string{"to", "status", "accept"}, "a redirect (status= 307) to=, a URL on loopback; accept=true accepts first", ending, everywhere},
	{"latency", []string{"delay", "jitter"}, "waits delay= (and up to jitter= more) before the request is looked at", modifier, everywhere},
	{"drip", []string{"interval", "bytes"}, "the answer comes bytes= (1) at a time, interval= (100ms) apart", modifier, everywhere},
}

var selectionKeys = []string{"system", "endpoint", "recipient", "after", "every", "times", "probability", "seed"}

// FaultKinds lists the kinds of faults.
func FaultKinds() []FaultKind { return slices.Clone(faultKinds) }

// prepared returns the fault with its defaults, or tells what is wrong with it.
func (f Fault) prepared() (Fault, error) {
	i := slices.IndexFunc(faultKinds, func(k FaultKind) bool { return k.Name == f.Kind })
	if i < 0 {
		names := make([]string, len(faultKinds))
		for i, k := range faultKinds {
			names[i] = k.Name
		}
		return f, fmt.Errorf("unknown fault %q: use one of %s", f.Kind, strings.Join(names, ", "))
	}
	kind := faultKinds[i]
	for _, key := range faultKeys {
		if key.get(&f) != nil && !slices.Contains(selectionKeys, key.name) && !slices.Contains(kind.Keys, key.name) {
			return f, fmt.Errorf("fault %s takes no %s=%s", f.Kind, key.name, takes(kind))
		}
	}
	if err := f.checkSelection(kind); err != nil {
		return f, fmt.Errorf("fault %s: %w", f.Kind, err)
	}
	if err := f.checkParameters(); err != nil {
		return f, fmt.Errorf("fault %s: %w", f.Kind, err)
	}
	return f.withDefaults(kind), nil
}

func takes(kind FaultKind) string {
	if len(kind.Keys) == 0 {
		return ""
	}
	return ": it takes " + strings.Join(kind.Keys, ", ")
}

func (f Fault) checkSelection(kind FaultKind) error {
	if f.System != "" && !slices.Contains(kind.systems, f.System) {
		return fmt.Errorf("system=%s: use one of %s", f.System, strings.Join(kind.systems, ", "))
	}
	if f.Endpoint != "" {
		e, ok := endpointNamed(f.Endpoint)
		if !ok {
			return fmt.Errorf("endpoint=%s: use one of send, group_list, push_create, token", f.Endpoint)
		}
		if f.System != "" && f.System != e.system() || !slices.Contains(kind.systems, e.system()) {
			return fmt.Errorf("endpoint=%s belongs to system %s, which this fault does not meet", f.Endpoint, e.system())
		}
	}
	if f.Times < 0 || f.After < 0 || f.Every < 0 {
		return fmt.Errorf("times, after and every must not be negative")
	}
	if !(f.Probability >= 0 && f.Probability <= 1) {
		return fmt.Errorf("probability=%v: use a number over 0, up to 1", f.Probability)
	}
	return nil
}

func (f Fault) checkParameters() error {
	for _, d := range []time.Duration{f.For, f.RetryAfter, f.Delay, f.Jitter, f.Interval} {
		if d < 0 {
			return fmt.Errorf("%v: a duration must not be negative", d)
		}
	}
	switch {
	case f.RetryAfter%time.Second != 0:
		return fmt.Errorf("retry-after=%v: the header knows whole seconds only", f.RetryAfter)
	case f.Bytes < 0:
		return fmt.Errorf("bytes=%d: must not be negative", f.Bytes)
	case f.Kind == "latency" && f.Delay == 0 && f.Jitter == 0:
		return fmt.Errorf("give delay= or jitter=")
	case f.Kind == "poison" && len(f.Recipients) == 0:
		return fmt.Errorf("give recipient=, an id that is refused")
	case f.Kind == "redirect" && !isLoopbackURL(f.To):
		return fmt.Errorf("to=%s: give an http URL on a loopback address", f.To)
	case f.Kind == "redirect" && f.Status != 0 && (f.Status < 301 || f.Status > 308):
		return fmt.Errorf("status=%d: use 301, 302, 303, 307 or 308", f.Status)
	case f.Kind == "garbage" && f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status=%d: use 200 to 599", f.Status)
	}
	return nil
}

func (f Fault) withDefaults(kind FaultKind) Fault {
	set := func(at *int, value int) {
		if *at == 0 {
			*at = value
		}
	}
	if kind.family == lever {
		set(&f.Times, 1)
	}
	switch f.Kind {
	case "429":
		f.RetryAfter = max(f.RetryAfter, time.Second)
	case "garbage":
		set(&f.Status, 200)
		if f.Body == "" {
			f.Body = "<<<\x00\xff not JSON"
		}
	case "redirect":
		set(&f.Status, 307)
	case "code":
		set(&f.Code, 1)
	case "drip":
		set(&f.Bytes, 1)
		if f.Interval == 0 {
			f.Interval = 100 * time.Millisecond
		}
	}
	if f.Message == "" {
		switch f.Kind {
		case "code":
			f.Message = "系统繁忙"
		case "status-400", "poison":
			f.Message = "缺少必要参数"
		}
	}
	return f
}

func isLoopbackURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// FaultState is an installed fault and what it has done.
type FaultState struct {
	ID    int   `json:"id"`
	Fault Fault `json:"fault"`
	Seen  int   `json:"seen"`  // requests that its selection matched
	Fired int   `json:"fired"` // times that it acted
}

// armed is an installed fault.
type armed struct {
	FaultState
	kind       FaultKind
	recipients map[string]bool
}

func (a *armed) matches(e endpoint, p *parcel) bool {
	f := a.Fault
	switch {
	case f.Endpoint != "" && f.Endpoint != e.String():
		return false
	case f.System != "" && f.System != e.system():
		return false
	case f.System == "" && f.Endpoint == "" && !slices.Contains(upstreams, e.system()):
		return false
	case !slices.Contains(a.kind.systems, e.system()):
		return false
	}
	return a.recipients == nil || p != nil && slices.ContainsFunc(p.to, func(to string) bool {
		userid, _, _ := strings.Cut(to, "/")
		return a.recipients[to] || a.recipients[userid]
	})
}

// due reports whether the nth request is one that the fault acts on.
func (a *armed) due(n int) bool {
	f := a.Fault
	if n <= f.After || f.Every > 1 && (n-f.After-1)%f.Every != 0 || f.Times > 0 && a.Fired >= f.Times {
		return false
	}
	return f.Probability == 0 || chance(f.Seed, n) < f.Probability
}

// chance is a number from 0 up to 1 that depends on its arguments alone.
func chance(seed uint64, n int) float64 {
	return rand.New(rand.NewPCG(seed, uint64(n))).Float64()
}

// choice is what the faults have in store for one request.
type choice struct {
	delay time.Duration
	drip  *Fault
	end   *Fault
	pull  []Fault // levers
}

// faultList holds the installed faults in their order. It is not safe for
// concurrent use.
type faultList struct {
	faults []*armed
	last   int
}

// add installs a prepared fault; act says that it is a lever to be pulled at once.
func (l *faultList) add(f Fault) (id int, act bool) {
	l.last++
	a := &armed{FaultState: FaultState{ID: l.last, Fault: f}}
	a.kind = faultKinds[slices.IndexFunc(faultKinds, func(k FaultKind) bool { return k.Name == f.Kind })]
	if len(f.Recipients) > 0 {
		a.recipients = map[string]bool{}
		for _, id := range f.Recipients {
			a.recipients[id] = true
		}
	}
	l.faults = append(l.faults, a)
	if act = a.kind.family == lever && a.due(1); act {
		a.Fired++
	}
	return a.ID, act
}

// needsRecipients reports whether a choice needs the request's recipients.
func (l *faultList) needsRecipients() bool {
	return slices.ContainsFunc(l.faults, func(a *armed) bool { return a.recipients != nil })
}

// choose passes a request through the faults.
func (l *faultList) choose(e endpoint, p *parcel) choice {
	var c choice
	for _, a := range l.faults {
		if !a.matches(e, p) {
			continue
		}
		a.Seen++
		n := a.Seen
		if a.kind.family == lever {
			n++ // it acts before the next request
		}
		if !a.due(n) {
			continue
		}
		a.Fired++
		f := &a.Fault
		switch {
		case a.kind.family == lever:
			c.pull = append(c.pull, *f)
		case f.Kind == "latency":
			c.delay += f.Delay + time.Duration(chance(^f.Seed, n)*float64(f.Jitter))
		case f.Kind == "drip":
			c.drip = f
		default:
			c.end = f
			return c
		}
	}
	return c
}

func (l *faultList) states() []FaultState {
	states := make([]FaultState, len(l.faults))
	for i, a := range l.faults {
		states[i] = a.FaultState
		states[i].Fault.Recipients = slices.Clone(a.Fault.Recipients)
	}
	return states
}
