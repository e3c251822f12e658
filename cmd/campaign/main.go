// Command campaign runs declarative campaigns: it checks campaign files, shows
// what they would send, sends them, and reports what became of every recipient.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run carries out one command line and returns the exit code. A panic ends as
// code 70: the ledger makes the run resumable.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "campaign: a bug: %v\n%s\nNothing is lost: run the same command again and it goes on where it stood.\n", p, debug.Stack())
			code = exitBug
		}
	}()
	signals := watchSignals(func(code int) { os.Exit(code) })
	defer signals.stop()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, signals: signals}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(signals.ctx)
	code = exitCode(err)
	if by := signals.code(); by != 0 && code != exitDone {
		code = worst(by, code)
	}
	if message := exitMessage(err); message != "" {
		fmt.Fprintln(stderr, "campaign: "+message)
	}
	var classified *exit
	if err != nil && !errors.As(err, &classified) { // the command line could not be read
		fmt.Fprintln(stderr, "campaign: --help shows how each command is used")
	}
	return code
}

// interrupts turns the first SIGINT or SIGTERM into the end of ctx and the
// second into leaving at once (design: delivery, rule 9).
type interrupts struct {
	ctx  context.Context
	stop func()
	by   atomic.Int32
}

func watchSignals(leave func(code int)) *interrupts {
	ctx, cancel := context.WithCancel(context.Background())
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, os.Interrupt, syscall.SIGTERM)
	i := &interrupts{ctx: ctx}
	i.stop = func() { signal.Stop(arrived); close(arrived); cancel() }
	go func() {
		for s := range arrived {
			code := exitInterrupted
			if s == syscall.SIGTERM {
				code = exitTerminated
			}
			if i.by.Swap(int32(code)) != 0 {
				leave(code)
			}
			cancel()
		}
	}()
	return i
}

// code is the exit code of the signal that arrived, or 0.
func (i *interrupts) code() int { return int(i.by.Load()) }
