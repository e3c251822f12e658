package main

import (
	"os"
	"runtime/debug"

	"campaign/internal/targets"
)

// What a run needs at once, in bytes, and as much again for what is garbage until
// it is collected.
const (
	memoryOfAll     = 20 << 20
	memoryOfRequest = 2 * 8     // its state in the ledger's fold
	memoryInFlight  = 2 * 16384 // its message, its buffers and its goroutines
	memoryOfTexts   = 4         // times the texts of a block: those at hand, and those in the queue
)

// memory bounds what the process takes while a run goes on.
type memory struct {
	before, base int64
	texts        int64 // of the largest block so far
}

// boundMemory lets the garbage collector work harder instead of letting the process
// grow, until the result is freed. GOMEMLIMIT, where it is set, says otherwise: nil.
func boundMemory(requests int64, concurrency int) *memory {
	if os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	m := &memory{base: memoryOfAll + memoryOfRequest*requests + memoryInFlight*int64(concurrency)}
	m.before = debug.SetMemoryLimit(m.base)
	return m
}

// hold makes room for a block's rendered texts: a bound below what is held would
// keep the collector at work for nothing.
func (m *memory) hold(messages []targets.Message) {
	if m == nil {
		return
	}
	size := int64(0)
	for i := range messages {
		for _, text := range messages[i].Texts {
			size += int64(len(text))
		}
	}
	if size > m.texts {
		m.texts = size
		debug.SetMemoryLimit(m.base + memoryOfTexts*size)
	}
}

func (m *memory) free() {
	if m != nil {
		debug.SetMemoryLimit(m.before)
	}
}
