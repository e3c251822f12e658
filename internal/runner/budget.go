package runner

import "time"

// Budget holds the retries of an account against its other attempts, so that an
// upstream in trouble is not hammered by all deliveries trying again at once. Each
// attempt that is no retry earns 1, a retry costs retryCost. A retry that got an
// answer gives its cost back and earns as well: once the upstream has recovered,
// what had to wait is not slowed down by the time before. With nothing left, one
// retry goes every retryTrickle; none is ever dropped. Budget does no I/O and knows
// no clock. The zero Budget is the one to begin with.
type Budget struct {
	spent int       // of retryStart; below zero: earned beyond it
	next  time.Time // when a retry may go that nothing pays for
}

// What Budget holds.
const (
	retryCost    = 5
	retryStart   = 10 * retryCost // at the beginning
	retryMost    = 100 * retryCost
	retryTrickle = time.Second
)

// Earned is the budget after an attempt that is no retry.
func (b Budget) Earned() Budget { return b.earn(1) }

// Answered is the budget after a retry that got an answer.
func (b Budget) Answered() Budget { return b.earn(retryCost + 1) }

func (b Budget) earn(n int) Budget {
	b.spent = max(b.spent-n, retryStart-retryMost)
	return b
}

// Retry pays for a retry. Else it says how long to wait before asking again.
func (b Budget) Retry(now time.Time) (Budget, time.Duration) {
	if b.spent+retryCost <= retryStart {
		b.spent += retryCost
		return b, 0
	}
	if wait := b.next.Sub(now); wait > 0 {
		return b, wait
	}
	b.next = now.Add(retryTrickle)
	return b, 0
}

// budgetPoll is how often those who wait for the budget look whether others have
// earned something.
const budgetPoll = 100 * time.Millisecond

// owes says how long a task must still wait: for its time, and then, as what waited
// for its time is a retry, for the budget. 0: it may be sent, and is paid for.
func (a *Account) owes(t *task) time.Duration {
	if t.due.IsZero() {
		return 0
	}
	if wait := time.Until(t.due); wait > 0 {
		return wait
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b, wait := a.budget.Retry(time.Now())
	a.budget = b
	if wait > 0 {
		return min(wait, budgetPoll)
	}
	t.due, t.paid = time.Time{}, true // nothing keeps it any more
	return 0
}
