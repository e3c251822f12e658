package main

import "testing"

// TestWorst checks the order of the exit codes (design: cli) and that a failure,
// of whatever kind, never becomes a success beside one.
func TestWorst(t *testing.T) {
	order := []int{exitBug, exitInterrupted, exitTerminated, exitState, exitGuard, exitUnknown, exitHeld, exitUnfinished, exitProblems, exitUsage, exitDone}
	for i, worse := range order {
		for _, better := range order[i:] {
			if got := worst(better, worse); got != worse {
				t.Errorf("worst(%d, %d) = %d, want %d", better, worse, got, worse)
			}
			if got := worst(worse, better); got != worse {
				t.Errorf("worst(%d, %d) = %d, want %d", worse, better, got, worse)
			}
		}
	}
}
