package campaign

// Stretch is some consecutive requests of a plan that are of one stage, and the
// recipients of all of them together.
type Stretch struct {
	Stage      int
	Requests   int64
	Recipients int64
}

// Amount is a part of a plan.
type Amount struct {
	Requests   int64 `json:"requests"`
	Recipients int64 `json:"recipients"`
}

// Reach gives what the first n requests of a plan come to. The recipients of a
// stretch that n cuts in two are shared out evenly among its requests, rounded down.
func Reach(work []Stretch, n int64) (sum Amount) {
	for _, s := range work {
		if s.Requests >= n {
			if s.Requests > 0 {
				whole, rest := s.Recipients/s.Requests, s.Recipients%s.Requests
				sum.Recipients += whole*n + rest*n/s.Requests
			}
			sum.Requests += n
			return sum
		}
		n -= s.Requests
		sum.Requests += s.Requests
		sum.Recipients += s.Recipients
	}
	return sum
}
