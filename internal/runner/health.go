package runner

// Health counts troubles in a row (design: delivery, rule 7). It is a pure
// value: the zero Health is good.
type Health struct {
	NotConnected int
	Lost         int
}

// The troubles in a row that stop an account.
const (
	connectionFailures = 5
	lostAnswers        = 3
)

// After is the health after one more attempt. An attempt that was given up on our
// side says nothing.
func (h Health) After(k kind) Health {
	switch k {
	case answered:
		return Health{}
	case notConnected:
		h.NotConnected++
	case lost:
		h.Lost++
	}
	return h
}

// Trouble says what is wrong, or "".
func (h Health) Trouble() string {
	switch {
	case h.Lost >= lostAnswers:
		return "the upstream's answers are lost"
	case h.NotConnected >= connectionFailures:
		return "the upstream cannot be reached"
	}
	return ""
}
