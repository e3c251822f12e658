package main

import (
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"

	"campaign/internal/targets"
)

// What the process is to stay below, in bytes: the garbage collector works harder
// near it, so that garbage does not pile up on a busy machine.
const (
	memoryOfPlan     = 32 << 20
	memoryOfWorkbook = 96 << 20 // its texts
	memoryOfChosen   = 24       // for each recipient whom a follow-up is for, while they are looked for
)

// garbageOfPlan is how much garbage there may be, in percent of what is kept. Planning
// a list of text keeps a few megabytes, whatever its length, so that the collector
// may wait for the bound.
const garbageOfPlan = 400

// What a run needs at once, in bytes, and as much again for what is garbage until
// it is collected.
const (
	memoryOfAll     = 14 << 20
	memoryOfRequest = 13        // 8 of them its state in the ledger's fold
	memoryInFlight  = 2 * 16384 // its message, its buffers and its goroutines
	memoryOfTexts   = 4         // times the texts of a block: those at hand, and those in the queue
)

func memoryOfRun(requests int64, concurrency int) int64 {
	return memoryOfAll + memoryOfRequest*requests + memoryInFlight*int64(concurrency)
}

// memory bounds what the process takes while one thing goes on.
type memory struct {
	base    int64
	texts   int64 // of the largest block so far
	garbage int   // percent of what is kept; 0: as usual
}

// bounds are those that hold now. Nothing is bounded while there are several: each
// is made for a process that does nothing else.
var bounds struct {
	sync.Mutex
	all     []*memory
	usual   int64 // without bounds: GOMEMLIMIT, where it is set
	beside  int64 // what the process keeps whatever goes on, and as much again
	garbage int   // as usual: GOGC
}

// keepBeside makes room beside every bound for what is held now: the campaigns that
// schedules have read. Without it the collector would be at work all the time of a run.
func keepBeside() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // after the last collection
	metrics.Read(live)
	bounds.Lock()
	defer bounds.Unlock()
	bounds.beside = 2 * int64(live[0].Value.Uint64())
	if len(bounds.all) > 0 {
		setBound()
	}
}

// keepAlso makes room beside every bound for something that is kept until the process
// ends, and leaves no garbage.
func keepAlso(size int64) {
	bounds.Lock()
	defer bounds.Unlock()
	bounds.beside += size
	if len(bounds.all) > 0 {
		setBound()
	}
}

// boundMemory sets a bound until the result is freed. A lower GOMEMLIMIT stays.
func boundMemory(limit int64) *memory { return (&memory{base: limit}).bind() }

func (m *memory) bind() *memory {
	bounds.Lock()
	defer bounds.Unlock()
	if len(bounds.all) == 0 {
		bounds.usual, bounds.garbage = debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	}
	bounds.all = append(bounds.all, m)
	setBound()
	return m
}

// setBound does what bounds say, which is locked.
func setBound() {
	limit, garbage := bounds.usual, bounds.garbage
	if len(bounds.all) == 1 {
		m := bounds.all[0]
		limit = min(limit, bounds.beside+m.base+memoryOfTexts*m.texts)
		if m.garbage != 0 {
			garbage = m.garbage
		}
	}
	debug.SetMemoryLimit(limit)
	debug.SetGCPercent(garbage)
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
	bounds.Lock()
	defer bounds.Unlock()
	if size > m.texts {
		m.texts = size
		setBound()
	}
}

func (m *memory) free() {
	if m == nil {
		return
	}
	bounds.Lock()
	defer bounds.Unlock()
	bounds.all = slices.DeleteFunc(bounds.all, func(other *memory) bool { return other == m })
	setBound()
}
