package runner

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errLate is a request that had its connection after its time was over, and got no
// other: nothing of it was written.
var errLate = errors.New("the request came too late to its connection")

// longestHold bounds how long a connection is kept for a request that has to wait
// for another permit: upstreams close connections on which nothing happens.
const longestHold = time.Second

// ready is asked by the wire when a request has got its connection and before
// anything is written. It returns when the request may be written, or why it must
// not be.
type ready func() error

type readyKey struct{}

// readyOf finds what a request's context asks; nil: nothing. A request whose time
// ran out while it waited is late too.
func readyOf(ctx context.Context) ready {
	f, _ := ctx.Value(readyKey{}).(ready)
	if f == nil {
		return nil
	}
	return func() error {
		if err := f(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w: %w", errLate, err)
		}
		return nil
	}
}

// onTime gives the context for a request that start has let go. The limit counts
// where requests are written (design: delivery, rule 10), and connecting can take
// longer than a permit lives: then the request waits for another one, connection in
// hand. At a rate of less than one request a longestHold it goes at once instead:
// there the distances between requests are far above what connecting takes.
func (a *Account) onTime(wire, sending context.Context, own *lane, p *pass) context.Context {
	if p.until.IsZero() || a.limit.interval > longestHold {
		return wire
	}
	return context.WithValue(wire, readyKey{}, ready(func() error {
		if !time.Now().After(p.until) {
			return nil
		}
		if err := a.start(sending, own, p); err != nil {
			return fmt.Errorf("%w: %w", errLate, err)
		}
		return nil
	}))
}
