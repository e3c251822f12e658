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
			fmt.Fprintf(stderr, "campaign: a bug: %v\n%s\n", p, debug.Stack())
			speak(stderr, "Nothing is lost: run the same command again and it goes on where it stood.\n")
			code = exitBug
		}
	}()
	signals := watchSignals(func(code int) { os.Exit(code) })
	defer signals.stop()
	defer keepAsking()()
	out := &output{w: stdout}
	shown := newScreen(stderr)
	shown.words = inWords
	a := &app{stdin: stdin, stdout: out, stderr: shown, signals: signals}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(shown)
	err := root.ExecuteContext(signals.ctx)
	code = exitCode(err)
	if by := signals.code(); by != 0 && code != exitDone {
		code = worst(by, code)
	}
	if message := exitMessage(err); message != "" {
		fmt.Fprintln(shown, "campaign: "+message)
	}
	var classified *exit
	switch {
	case out.err != nil:
		fmt.Fprintf(shown, "campaign: standard output was not written as a whole: %v\n", out.err)
		code = worst(code, exitState)
	case err != nil && !errors.As(err, &classified): // the command line could not be read
		fmt.Fprintln(shown, "campaign: --help shows how each command is used")
	}
	return code
}

// output is standard output. A write that fails is remembered, so that no command
// ends with 0 when its data are lost. When whoever reads it goes away the work
// goes on: a run must not end because of a closed pager.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		return len(p), nil
	}
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// interrupts turns the first SIGINT or SIGTERM into the end of ctx and the
// second into leaving at once (design: delivery, rule 9). A terminal that is
// closed counts as SIGTERM, and a closed pipe is an error of the write only.
type interrupts struct {
	ctx  context.Context
	stop func()
	by   atomic.Int32

	hangup atomic.Pointer[func()] // what SIGHUP does; nil: it ends the program
}

func watchSignals(leave func(code int)) *interrupts {
	ctx, cancel := context.WithCancel(context.Background())
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(arrived, syscall.SIGHUP)
	}
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	i := &interrupts{ctx: ctx}
	i.stop = func() { signal.Stop(arrived); signal.Stop(pipe); close(arrived); cancel() }
	go func() {
		for s := range arrived {
			if f := i.hangup.Load(); f != nil && s == syscall.SIGHUP {
				(*f)()
				continue
			}
			code := exitTerminated
			if s == os.Interrupt {
				code = exitInterrupted
			}
			if i.by.Swap(int32(code)) != 0 {
				leave(code)
			}
			cancel()
		}
	}()
	return i
}

// onHangup lets SIGHUP do something else than end the program.
func (i *interrupts) onHangup(do func()) { i.hangup.Store(&do) }

// code is the exit code of the signal that arrived, or 0.
func (i *interrupts) code() int { return int(i.by.Load()) }
