package main

import (
	"context"
	"io"
	"strings"
	"testing"
)

// TestWants: only the number itself lets a run begin.
func TestWants(t *testing.T) {
	for typed, want := range map[string]bool{
		"1234\n": true, " 1,234 \r\n": true, "1234": true,
		"": false, "\n": false, "y\n": false, "1233\n": false, "-1234\n": false, "1234 5\n": false, "1\n1234\n": false,
	} {
		s := &sender{app: &app{stdin: strings.NewReader(typed)}}
		err := s.wants(t.Context(), 1234)
		if (err == nil) != want || err != nil && exitCode(err) != exitUsage {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

// TestWantsInterrupted: Ctrl-C ends the question, also when nobody types.
func TestWantsInterrupted(t *testing.T) {
	silent, typist := io.Pipe()
	defer typist.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &sender{app: &app{stdin: silent}}
	if err := s.wants(ctx, 1); err == nil || exitCode(err) != exitUsage {
		t.Errorf("interrupted: %v", err)
	}
}
