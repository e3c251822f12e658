//go:build race

package main

// raceDetector: what the binary takes is not what it would take without it.
const raceDetector = true
