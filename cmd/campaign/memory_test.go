package main

import (
	"runtime/debug"
	"strings"
	"testing"

	"campaign/internal/targets"
)

// The bound of a run leaves room for the texts of its largest block, and goes with
// the run.
func TestMemoryIsBoundWithRoomForTexts(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	block := func(n int) []targets.Message {
		return []targets.Message{{Texts: []string{strings.Repeat("x", n)}}, {Texts: []string{"", strings.Repeat("y", n)}}}
	}
	m := boundMemory(1000, 8)
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
	t.Setenv("GOMEMLIMIT", "1GiB")
	own := boundMemory(1000, 8)
	own.hold(block(1 << 20))
	own.free()
	if got := debug.SetMemoryLimit(-1); own != nil || got != before {
		t.Errorf("GOMEMLIMIT is overruled: %d", got)
	}
}
