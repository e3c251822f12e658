//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"campaign/internal/campaign"
)

// SIGUSR1 prints the status at once, and ends nothing.
func TestStatusIsAsked(t *testing.T) {
	defer keepAsking()()
	w := watched(campaign.Rate{})
	told := make(chan *status, 1)
	w.done, w.over = make(chan struct{}), make(chan struct{})
	w.show, w.tell = func(*status) {}, func(s *status) { told <- s }
	ready := make(chan struct{})
	go func() {
		close(ready)
		w.watch(time.Hour, func() {})
	}()
	<-ready
	for {
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-told:
			if s.Run != "abc" {
				t.Errorf("%+v", s)
			}
			w.stop()
			return
		case <-time.After(10 * time.Millisecond): // it may not listen yet
		}
	}
}
