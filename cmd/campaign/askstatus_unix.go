//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// keepAsking lets nobody's question end the process, also while nothing is sent.
func keepAsking() (stop func()) {
	_, stop = statusAsked()
	return stop
}

// statusAsked tells when a person asks how it goes: SIGUSR1.
func statusAsked() (asked <-chan os.Signal, deaf func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	return c, func() { signal.Stop(c) }
}
