package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/daemon"
	"campaign/internal/follow"
	"campaign/internal/monitor"
)

const (
	// pollFiles is how often files are looked at in any case, and settleFiles how long a
	// folder is quiet before what changed in it is read.
	pollFiles   = 30 * time.Second
	settleFiles = 300 * time.Millisecond
	// closeListen is how long a page that is being read may still take at the end.
	closeListen = 2 * time.Second
)

func newServe(a *app) *cobra.Command {
	var f scheduleFlags
	var listen string
	cmd := &cobra.Command{
		Use:   "serve [PATH…]",
		Short: "Run schedules until stopped",
		Long: `serve runs the occurrences of scheduled campaigns when they are due. It follows the project's files: a campaign that is edited is
validated before it takes the place of the one before, one that became invalid keeps running as it was and serve says so, and a run that
goes on is never changed. Several serve and tick may work on one ledger: each occurrence is run by one of them.

SIGTERM and Ctrl-C drain: no new requests, those in flight finish, reports are written; a second one leaves at once. SIGHUP reads all
files again. A bug in one campaign stops that campaign, not the others.

--listen serves a page for people on /, /healthz, /readyz and /metrics (Prometheus). Nothing on it changes anything. Without a host it
listens on this machine only; whoever reaches another address can read it.`,
		Example: "  campaign serve --listen :9090\n  campaign serve --profile production campaigns/",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.serve(cmd.Context(), args, f, listen)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&listen, "listen", "", "serve the status page and metrics on this address, as :9090 or 0.0.0.0:9090")
	return cmd
}

func (a *app) serve(ctx context.Context, args []string, f scheduleFlags, listen string) error {
	p, err := a.quietProject()
	if err != nil {
		return err
	}
	defer p.close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	// Before anything is read, so that what changes meanwhile is noticed.
	changes, unwatched := follow.Folder(ctx, p.dir, follow.Options{Poll: pollFiles, Settle: settleFiles, Skip: p.written})
	s := &shelf{app: a, args: args}
	found, err := s.scan(func(string) bool { return false })
	if err != nil {
		return err
	}
	a.show(a.stderr, found)
	c, err := a.openCrew(ctx, f.runFlags, s.real())
	if err != nil {
		return err
	}
	defer c.close()
	c.partial = len(args) > 0
	b, err := openBoard(ctx, p, c)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(verbatim(c.stderr), nil))
	options := c.options(f.parallel, log)
	news := c.missed()
	defer news.close(noticeTimeout)
	options.Observe = func(e daemon.Event) {
		b.event(e)
		news.event(e)
	}
	c.watcher, b.daemon = b, daemon.New(options)
	b.loaded(s, found, nil)
	if listen != "" {
		stop, err := c.listen(listen, b)
		if err != nil {
			return err
		}
		defer stop()
	}
	if unwatched != nil {
		fmt.Fprintf(c.stderr, "%s%v\n", c.tag(), unwatched)
	}
	fmt.Fprintf(c.stderr, "%sserving %s (Ctrl-C ends it)\n", c.tag(), count(len(s.byFile), "scheduled campaign"))
	entries := make(chan []daemon.Entry)
	go c.follow(ctx, s, b, changes, entries)
	if err := b.daemon.Run(ctx, entries); err != nil {
		return daemonError(err)
	}
	fmt.Fprintf(c.stderr, "%sstopped\n", c.tag())
	return nil
}

func (c *crew) tag() string {
	if c.standIn != nil {
		return "[sandbox] "
	}
	return ""
}

// follow hands the campaigns to the daemon, at first and whenever files changed.
func (c *crew) follow(ctx context.Context, s *shelf, b *board, changes <-chan follow.Change, entries chan<- []daemon.Entry) {
	hand := func() bool {
		select {
		case entries <- s.entries():
			return true
		case <-ctx.Done():
			return false
		}
	}
	if !hand() {
		return
	}
	debug.FreeOSMemory() // reading everything took more than keeping it
	keepBeside()
	again := make(chan struct{}, 1)
	if c.signals != nil {
		c.signals.onHangup(func() {
			select {
			case again <- struct{}{}:
			default:
			}
		})
	}
	said := "" // so that what is not mended is said once
	for {
		reread := func(string) bool { return true }
		select {
		case <-ctx.Done():
			return
		case <-again:
			said = ""
			fmt.Fprintf(c.stderr, "%sreading all files again\n", c.tag())
		case change, ok := <-changes:
			if !ok {
				return
			}
			reread = func(file string) bool { return change.Files[file] }
		}
		found, err := s.scan(reread)
		b.loaded(s, found, err)
		keepBeside()
		said = c.tell(found, err, said)
		if err == nil && !hand() {
			return
		}
	}
}

// written reports the folders that runs write: what happens there is no news.
func (p *project) written(dir string) bool {
	return strings.HasPrefix(filepath.Base(dir), ".") || p.dir == p.data && dir == "reports"
}

// tell says what is wrong with the files, unless that was said.
func (c *crew) tell(found []campaign.Diagnostic, err error, said string) string {
	text := ""
	for _, d := range found {
		if !d.Warning {
			text += d.Error() + "\n"
		}
	}
	if err != nil {
		text += err.Error() + "\n"
	}
	switch {
	case text == said:
	case text == "":
		fmt.Fprintf(c.stderr, "%sall files are valid\n", c.tag())
	default:
		c.show(c.stderr, found)
		if err != nil {
			fmt.Fprintf(c.stderr, "campaign: %v\n", err)
		}
		fmt.Fprintf(c.stderr, "%swhere there was a valid version before, that one is run\n", c.tag())
	}
	return text
}

// listen serves the pages until stop is called.
func (c *crew) listen(addr string, b *board) (stop func(), err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fail(exitUsage, "--listen %s: give an address such as :9090 or 0.0.0.0:9090", addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fail(exitUsage, "--listen %s: %w", addr, err)
	}
	local := l.Addr().(*net.TCPAddr).IP.IsLoopback()
	server := &http.Server{Handler: monitor.New(b, b.metrics, local), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(c.stderr, "%sthe status page ended: %v\n", c.tag(), err)
		}
	}()
	fmt.Fprintf(c.stderr, "%sstatus page at http://%s/\n", c.tag(), l.Addr())
	if !local {
		fmt.Fprintf(c.stderr, "%swhoever reaches %s can read it\n", c.tag(), l.Addr())
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeListen)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}, nil
}
