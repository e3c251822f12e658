package main

import (
	"errors"
	"fmt"
	"slices"

	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

// Exit codes, stable (design: cli).
const (
	exitDone        = 0
	exitProblems    = 1   // problems found, or some deliveries were rejected or expired
	exitUsage       = 2   //
	exitUnknown     = 3   // some outcomes are unknown: a person must look
	exitGuard       = 4   // stopped by a guard
	exitUnfinished  = 5   // not finished, resumable
	exitHeld        = 6   // another process holds the run
	exitState       = 7   // state, disk or clock failed
	exitBug         = 70  //
	exitInterrupted = 130 // SIGINT
	exitTerminated  = 143 // SIGTERM
)

const exitCodesHelp = `Exit codes:
  0    done: everything accepted, nothing was due, or all files are valid
  1    problems found, or the run finished and some deliveries were rejected, or expired
  2    usage error
  3    some outcomes are unknown: a person must look
  4    stopped by a guard: no or foreign state, changed files, no approval, untrusted target, too many recipients, another audience than expected
       or than last time, the same message to the same people again, too many failures, a stage that waits for a person
  5    not finished, resumable: upstream unavailable, token not renewable, window closed, limit reached
  6    another process holds the run
  7    state, disk or clock failed: sending stopped
  70   a bug: the run is resumable
  130  interrupted (SIGINT); 143 (SIGTERM, or the terminal was closed)
With several, the first of 70, 130, 143, 7, 4, 3, 6, 5, 1, 0.`

// exit is an error that says which code the program ends with. An empty message
// means that everything was said already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// fail makes an error that ends the program with a code.
func fail(code int, format string, args ...any) error {
	return &exit{code, fmt.Errorf(format, args...)}
}

// quit ends the program with a code, everything having been said.
func quit(code int) error {
	if code == exitDone {
		return nil
	}
	return &exit{code: code}
}

// exitCode classifies an error: ledger errors by what they mean, anything that
// was not classified is a usage error of the command line parser.
func exitCode(err error) int {
	var e *exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		return e.code
	default:
		return exitUsage
	}
}

func exitMessage(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// precedence orders codes, worst first.
var precedence = []int{exitBug, exitInterrupted, exitTerminated, exitState, exitGuard, exitUnknown, exitHeld, exitUnfinished, exitProblems, exitUsage}

// worst picks the code that a command with several results ends with.
func worst(codes ...int) int {
	for _, code := range precedence {
		if slices.Contains(codes, code) {
			return code
		}
	}
	return exitDone
}

// stateError classifies what a ledger said and adds what to do.
func stateError(err error) error {
	var e *exit
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, ledger.ErrNotFound):
		return fail(exitUsage, "%w: `campaign runs` lists them", err)
	case errors.Is(err, sqlite.ErrExists):
		return fail(exitUsage, "%w", err)
	case errors.Is(err, ledger.ErrNoState):
		return fail(exitGuard, "%w: if this project has never sent, `campaign state init` makes one; if it has, carry its state over with `campaign state export` there and `campaign state import FILE` here", err)
	case errors.Is(err, ledger.ErrForeign), errors.Is(err, ledger.ErrStale), errors.Is(err, ledger.ErrClosed):
		return fail(exitGuard, "%w: sending from it could send again what was sent already; `campaign state import FILE` brings in the right state", err)
	case errors.Is(err, ledger.ErrConflict), errors.Is(err, ledger.ErrState):
		return fail(exitGuard, "%w", err)
	case errors.Is(err, ledger.ErrHeld):
		return fail(exitHeld, "%w", err)
	default:
		return fail(exitState, "%w", err)
	}
}
