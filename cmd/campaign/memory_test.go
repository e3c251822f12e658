package main

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"campaign/internal/targets"
)

// The bound of a run leaves room for the texts of its largest block, and goes with
// the run.
func TestMemoryIsBoundWithRoomForTexts(t *testing.T) {
	bounds.beside = 0 // schedules of other tests
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	block := func(n int) []targets.Message {
		return []targets.Message{{Texts: []string{strings.Repeat("x", n)}}, {Texts: []string{"", strings.Repeat("y", n)}}}
	}
	m := boundMemory(memoryOfRun(1000, 8))
	small := debug.SetMemoryLimit(-1)
	m.hold(block(1 << 20))
	m.hold(block(10))
	if got := debug.SetMemoryLimit(-1); small >= 32<<20 || got != small+memoryOfTexts*2<<20 {
		t.Errorf("bound to %d, with 2 MiB of texts to %d", small, got)
	}
	m.free()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("afterwards %d, before %d", got, before)
	}
	debug.SetMemoryLimit(1 << 20) // as GOMEMLIMIT does
	own := boundMemory(memoryOfRun(1000, 8))
	own.hold(block(1 << 20))
	if got := debug.SetMemoryLimit(-1); got != 1<<20 {
		t.Errorf("a lower limit is overruled: %d", got)
	}
	own.free()
	debug.SetMemoryLimit(before)
	percent := debug.SetGCPercent(70)
	defer debug.SetGCPercent(percent)
	list := (&memory{base: memoryOfPlan, garbage: garbageOfPlan}).bind()
	if got := debug.SetGCPercent(garbageOfPlan); got != garbageOfPlan {
		t.Errorf("garbage of %d %%", got)
	}
	list.free()
	if got := debug.SetGCPercent(70); got != 70 {
		t.Errorf("afterwards garbage of %d %%", got)
	}
}

// Several things at once bound nothing, in whatever order they end.
func TestMemoryOfSeveral(t *testing.T) {
	bounds.beside = 0 // schedules of other tests
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		all := []*memory{boundMemory(40 << 20), boundMemory(50 << 20)}
		if got := debug.SetMemoryLimit(-1); got != before {
			t.Errorf("two: %d", got)
		}
		all[order[0]].free()
		if got := debug.SetMemoryLimit(-1); got != all[order[1]].base {
			t.Errorf("one is left: %d", got)
		}
		all[order[1]].free()
		if got := debug.SetMemoryLimit(-1); got != before {
			t.Errorf("none is left: %d", got)
		}
	}
}

// What schedules keep has room beside a bound.
func TestMemoryBesideABound(t *testing.T) {
	defer func() { bounds.beside = 0 }()
	bounds.beside = 0
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	kept := make([]byte, 64<<20)
	runtime.GC()
	keepBeside()
	m := boundMemory(memoryOfRun(1000, 8))
	if got := debug.SetMemoryLimit(-1); got < 2*int64(len(kept))+m.base || got == before {
		t.Errorf("with %d held the bound is %d", len(kept), got)
	}
	m.free()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("afterwards %d, before %d", got, before)
	}
	runtime.KeepAlive(kept)
}
