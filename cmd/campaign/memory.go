package main

import (
	"os"
	"runtime/debug"
)

// What a run needs at once, in bytes, and as much again for what is garbage until
// it is collected.
const (
	memoryOfAll     = 20 << 20
	memoryOfRequest = 2 * 8     // its state in the ledger's fold
	memoryInFlight  = 2 * 16384 // its message, its buffers and its goroutines
)

// boundMemory lets the garbage collector work harder instead of letting the process
// grow, until the result is called. GOMEMLIMIT, where it is set, says otherwise.
func boundMemory(requests int64, concurrency int) (done func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(memoryOfAll + memoryOfRequest*requests + memoryInFlight*int64(concurrency))
	return func() { debug.SetMemoryLimit(before) }
}
