package sandbox

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Arrival is the moment at which a request was seen: its header was read.
type Arrival struct {
	At       time.Time `json:"at"`
	Micros   int64     `json:"us"` // since the sandbox was made, by a clock that nobody sets
	Endpoint string    `json:"endpoint"`
	Account  string    `json:"account"`           // the system, and what stands before its path: zqt, zqt/YX
	Channel  string    `json:"channel,omitempty"` // when its body came and could be read
	InFlight int       `json:"in_flight"`         // requests of the account under way at that moment, with this one
}

// maxAccounts bounds how many accounts are told apart; the others are one.
const maxAccounts = 1000

// accountOf names whose request it is, as far as a path tells. Two accounts of one
// system are told apart by the prefixes of their addresses.
func accountOf(e endpoint, prefix string) string {
	switch {
	case e == unknown:
		return "unknown"
	case prefix == "":
		return e.system()
	}
	return e.system() + prefix
}

// arrival is an Arrival as memory keeps it.
type arrival struct {
	at       time.Duration // since record.start
	flying   uint32
	account  uint16
	endpoint endpoint
	channel  uint8 // one more than the channel; 0: not known
}

// account is whose requests are traced together.
type account struct {
	name   string
	flying int
}

// visit is a request under way, as the trace knows it.
type visit struct {
	at      time.Duration
	index   int    // of its arrival
	era     uint64 // of the trace: clear begins another
	account int
	flying  int
}

// arrived notes a request that was seen at a time. Every visit ends with left.
func (r *record) arrived(e endpoint, name string, at time.Time) visit {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.account(name)
	a := &r.accounts[n]
	a.flying++
	r.flying++
	v := visit{at: at.Sub(r.start), index: r.seen, era: r.era, account: n, flying: a.flying}
	if r.seen%blockSize == 0 {
		r.arrivals = append(r.arrivals, make([]arrival, 0, blockSize))
	}
	last := &r.arrivals[len(r.arrivals)-1]
	*last = append(*last, arrival{at: v.at, flying: uint32(v.flying), account: uint16(n), endpoint: e})
	r.seen++
	r.counts[e].Received++
	return v
}

// account finds an account or makes it. Accounts outlive a clear: requests under
// way belong to them.
func (r *record) account(name string) int {
	if n, ok := r.named[name]; ok {
		return n
	}
	if len(r.accounts) == maxAccounts {
		return r.account("others") // made with the record
	}
	r.accounts = append(r.accounts, account{name: strings.Clone(name)})
	n := len(r.accounts) - 1
	r.named[r.accounts[n].name] = n
	return n
}

// left notes that a request is no longer under way, and its channel where it has
// become known.
func (r *record) left(v visit, c channel, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accounts[v.account].flying--
	r.flying--
	if known && v.era == r.era {
		r.arrivals[v.index/blockSize][v.index%blockSize].channel = uint8(c) + 1
	}
}

// trace returns up to limit arrivals from the one at index first on.
func (r *record) trace(first, limit int) []Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	first = min(first, r.seen)
	last := first + min(limit, r.seen-first)
	out := make([]Arrival, 0, last-first)
	for i := first; i < last; i++ {
		a := r.arrivals[i/blockSize][i%blockSize]
		made := Arrival{
			At: r.start.Add(a.at), Micros: a.at.Microseconds(), Endpoint: a.endpoint.String(),
			Account: r.accounts[a.account].name, InFlight: int(a.flying),
		}
		if a.channel > 0 {
			made.Channel = channel(a.channel - 1).String()
		}
		out = append(out, made)
	}
	return out
}

// Rates says how fast requests came: for each account, and for each channel of
// those whose body could be read.
type Rates struct {
	Accounts map[string]Rate `json:"accounts"`
	Channels map[string]Rate `json:"channels"`
}

// Rate is how fast the requests of one account or channel came.
type Rate struct {
	Requests  int       `json:"requests"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	PerSecond float64   `json:"per_second"` // from the first to the last; 0 when there is no time between them
	// Most is the largest number of arrivals in any window of one second, its
	// beginning included and its end not; MostAt is where that window begins.
	Most         int       `json:"most"`
	MostAt       time.Time `json:"most_at"`
	MostInFlight int       `json:"most_in_flight"` // of the account, also where the Rate is a channel's
	// Seconds counts arrivals in the first second after First, the next, …, the
	// last included: at most maxSeconds of them.
	Seconds []int `json:"seconds"`
}

// maxSeconds is a day.
const maxSeconds = 24 * 60 * 60

// rateOf folds arrivals, the earliest first, into a Rate.
func rateOf(start time.Time, arrivals []arrival) Rate {
	rate := Rate{Requests: len(arrivals)}
	if len(arrivals) == 0 {
		return rate
	}
	first, last := arrivals[0].at, arrivals[len(arrivals)-1].at
	rate.First, rate.Last = start.Add(first), start.Add(last)
	if span := last - first; span > 0 {
		rate.PerSecond = float64(len(arrivals)-1) / span.Seconds()
	}
	from := 0
	for i, a := range arrivals {
		for a.at-arrivals[from].at >= time.Second {
			from++
		}
		if n := i - from + 1; n > rate.Most {
			rate.Most, rate.MostAt = n, start.Add(arrivals[from].at)
		}
		rate.MostInFlight = max(rate.MostInFlight, int(a.flying))
		second := int((a.at - first) / time.Second)
		if second >= maxSeconds {
			continue
		}
		for len(rate.Seconds) <= second {
			rate.Seconds = append(rate.Seconds, 0)
		}
		rate.Seconds[second]++
	}
	return rate
}

// rates folds the arrivals from the one at index first on.
func (r *record) rates(first int) Rates {
	r.mu.Lock()
	byAccount, byChannel := map[string][]arrival{}, map[string][]arrival{}
	for i := min(first, r.seen); i < r.seen; i++ {
		a := r.arrivals[i/blockSize][i%blockSize]
		name := r.accounts[a.account].name
		byAccount[name] = append(byAccount[name], a)
		if a.channel > 0 {
			name := channel(a.channel - 1).String()
			byChannel[name] = append(byChannel[name], a)
		}
	}
	r.mu.Unlock()
	fold := func(all map[string][]arrival) map[string]Rate {
		out := map[string]Rate{}
		for name, arrivals := range all {
			// They are noted in the order in which they got the lock, which may differ
			// from that of their times by moments.
			slices.SortStableFunc(arrivals, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
			out[name] = rateOf(r.start, arrivals)
		}
		return out
	}
	return Rates{Accounts: fold(byAccount), Channels: fold(byChannel)}
}
