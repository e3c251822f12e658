package sandbox

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// reopenEvery is how often an attempt is made to get a closed port back, which
// another process may hold for a moment as the source port of a connection.
const reopenEvery = 10 * time.Millisecond

// reopenWithin is how long ClearFaults waits for the port.
const reopenWithin = 5 * time.Second

// gate opens and closes the upstreams' listening socket. While it is closed the
// operating system refuses connections.
type gate struct {
	http   *http.Server
	within time.Duration // how long release waits for a port that is taken

	mu       sync.Mutex
	address  string       // with the port that was given at first
	listener net.Listener // nil while closed
	holds    map[int]*time.Timer
	next     int
	closed   bool
	serving  sync.WaitGroup
}

// open takes the address and starts accepting, unless something holds the port.
func (g *gate) open(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.address = listener.Addr().String()
	if len(g.holds) > 0 {
		return listener.Close()
	}
	g.serve(listener)
	return nil
}

// serve starts accepting; the caller holds mu.
func (g *gate) serve(listener net.Listener) {
	g.listener = listener
	g.http.SetKeepAlivesEnabled(true)
	g.serving.Go(func() {
		// It ends when the listener is closed, which is how the gate shuts.
		_ = g.http.Serve(listener)
	})
}

// shut closes the port until the hold ends: after d, or, when d is 0, with release.
// Idle connections are closed, busy ones close after the answer to their request.
func (g *gate) shut(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	if g.listener != nil {
		_ = g.listener.Close()
		g.listener = nil
		g.http.SetKeepAlivesEnabled(false)
	}
	id := g.next
	g.next++
	g.holds[id] = nil
	if d > 0 {
		g.holds[id] = time.AfterFunc(d, func() { g.lift(id) })
	}
}

// lift ends one hold and opens the port when it was the last.
func (g *gate) lift(id int) {
	g.mu.Lock()
	delete(g.holds, id)
	g.mu.Unlock()
	for {
		if done, _ := g.reopen(); done {
			return
		}
		time.Sleep(reopenEvery)
	}
}

// release ends all holds and returns when the port is open again.
func (g *gate) release() error {
	g.mu.Lock()
	for id, timer := range g.holds {
		if timer != nil {
			timer.Stop()
		}
		delete(g.holds, id)
	}
	g.mu.Unlock()
	for deadline := time.Now().Add(g.within); ; time.Sleep(reopenEvery) {
		done, err := g.reopen()
		if done {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("open the port again: %w; stop what took it, then clear the faults once more", err)
		}
	}
}

// reopen opens the port unless something holds it; done says that there is nothing
// left to try.
func (g *gate) reopen() (done bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.listener != nil || g.address == "" || len(g.holds) > 0 {
		return true, nil
	}
	listener, err := net.Listen("tcp", g.address)
	if err != nil {
		return false, err
	}
	g.serve(listener)
	return true, nil
}

func (g *gate) listening() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.listener != nil
}

// close ends listening and every connection for good.
func (g *gate) close() error {
	g.mu.Lock()
	g.closed, g.listener = true, nil
	for _, timer := range g.holds {
		if timer != nil {
			timer.Stop()
		}
	}
	g.mu.Unlock()
	err := g.http.Close() // closes the listener, too
	g.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
