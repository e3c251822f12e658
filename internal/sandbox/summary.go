package sandbox

// Counts is what became of the requests to an endpoint. Received is the sum of
// those accepted, refused, faulted without being accepted, and incomplete, once no
// request is under way.
type Counts struct {
	Received   int `json:"received"`   // every request seen
	Accepted   int `json:"accepted"`   // recorded; for group_list and token: answered as asked
	Refused    int `json:"refused"`    // for its own content or authorisation
	Faulted    int `json:"faulted"`    // ended by a fault; those of them that were accepted or refused before count there too
	Incomplete int `json:"incomplete"` // the body never came whole, or the sandbox was closed before
}

func (c *Counts) plus(d Counts) {
	c.Received += d.Received
	c.Accepted += d.Accepted
	c.Refused += d.Refused
	c.Faulted += d.Faulted
	c.Incomplete += d.Incomplete
}

// Summary counts what the sandbox has seen.
type Summary struct {
	Counts                       // of send and push_create
	Endpoints  map[string]Counts `json:"endpoints"`  // each by itself
	Deliveries int               `json:"deliveries"` // recipients of all accepted send requests, repetitions included
	Distinct   int               `json:"distinct"`   // recipients accepted at least once
	// Recipients and groups accepted more than once, with the number of times.
	Duplicates      map[string]int `json:"duplicates"`
	DuplicateGroups map[string]int `json:"duplicate_groups"`
	DistinctGroups  int            `json:"distinct_groups"`
	InFlight        int            `json:"in_flight"` // requests under way; one whose client has left counts until that is noticed
	Holding         int            `json:"holding"`   // requests that a fault keeps waiting
	Listening       bool           `json:"listening"` // false while a refuse fault keeps the port closed, and after Close
}

// Filter chooses accepted requests; an empty field chooses all.
type Filter struct {
	Channel string
	Title   string
}

// summary counts recipients and groups over the chosen requests; the Counts are
// always those of all.
func (r *record) summary(f Filter) Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Summary{Endpoints: map[string]Counts{}, Duplicates: map[string]int{}, DuplicateGroups: map[string]int{}}
	for e := range endpoints {
		s.Endpoints[e.String()] = r.counts[e]
	}
	s.plus(r.counts[send])
	s.plus(r.counts[pushCreate])
	s.InFlight = r.flying
	times := make([]int, len(r.names))
	group := make([]bool, len(r.names))
	for _, block := range r.entries {
		for i := range block {
			e := &block[i]
			if f.Channel != "" && f.Channel != e.channel.String() || f.Title != "" && f.Title != e.title {
				continue
			}
			for _, index := range e.to {
				times[index]++
				group[index] = e.channel != zqtMessage
			}
		}
	}
	for index, n := range times {
		switch {
		case n == 0:
		case group[index]:
			s.DistinctGroups++
			if n > 1 {
				s.DuplicateGroups[r.names[index]] = n
			}
		default:
			s.Distinct++
			s.Deliveries += n
			if n > 1 {
				s.Duplicates[r.names[index]] = n
			}
		}
	}
	return s
}
