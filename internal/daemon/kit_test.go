package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/mem"
	"campaign/internal/schedule"
)

// world is a bubble of synctest with a wall clock that can be set, a ledger, and a
// record of what was carried out. It begins at midnight UTC on 1 January 2000.
type world struct {
	*testing.T
	root   *mem.Ledger
	lock   chan struct{}
	ahead  time.Duration
	takes  time.Duration // an occurrence takes so long
	begun  []string      // "02:00 a v1"
	ended  []string
	answer func(e Entry, slot campaign.Slot, tries int) Outcome // nil: it went well
	tries  map[string]int
}

func in(t *testing.T, run func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		run(&world{T: t, root: mem.New(), lock: make(chan struct{}, 1), tries: map[string]int{}})
	})
}

func (w *world) do(f func()) {
	w.lock <- struct{}{}
	defer func() { <-w.lock }()
	f()
}

func (w *world) now() (t time.Time) {
	w.do(func() { t = time.Now().UTC().Add(w.ahead) })
	return t
}

// set moves the wall clock while no time passes.
func (w *world) set(by time.Duration) { w.do(func() { w.ahead += by }) }

func entry(t testing.TB, name, cron string, change func(*campaign.Schedule)) Entry {
	t.Helper()
	s := campaign.Schedule{Cron: []campaign.Clause{{Text: cron}}, Missed: campaign.DefaultMissed()}
	if change != nil {
		change(&s)
	}
	table, problems := schedule.New(s, time.UTC, s.Expires, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	if table == nil {
		t.Fatal(problems)
	}
	return Entry{Name: name, Version: "v1", Table: table, Rules: cron}
}

func (w *world) carry(ctx context.Context, e Entry, slot campaign.Slot) Outcome {
	what := slot.At.Format("15:04") + " " + e.Name + " " + e.Version
	tries := 0
	w.do(func() {
		w.begun = append(w.begun, what)
		w.tries[slot.Label]++
		tries = w.tries[slot.Label]
	})
	if w.takes > 0 {
		select {
		case <-ctx.Done():
			return Outcome{Code: 5}
		case <-time.After(w.takes):
		}
	}
	out := Outcome{Over: true}
	if w.answer != nil {
		out = w.answer(e, slot, tries)
	}
	if out.Over {
		w.do(func() { w.ended = append(w.ended, what) })
	}
	return out
}

func (w *world) options(l ledger.Slots) Options {
	return Options{Ledger: l, Profile: "test", Owner: "one", Now: w.now, Parallel: 4, Carry: w.carry,
		Orphan: func(context.Context, campaign.Slot) Outcome { return Outcome{Code: 4} }}
}

// process is a running daemon.
type process struct {
	*Daemon
	ledger  *mem.Ledger
	entries chan []Entry
	stop    context.CancelFunc
	err     chan error
}

func (w *world) start(entries ...Entry) *process {
	p := &process{ledger: w.root.Fork(), entries: make(chan []Entry), err: make(chan error, 1)}
	p.Daemon = New(w.options(p.ledger))
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	go func() { p.err <- p.Run(ctx, p.entries) }()
	p.entries <- entries
	return p
}

// end drains a process.
func (w *world) end(p *process) {
	w.Helper()
	p.stop()
	if err := <-p.err; err != nil {
		w.Error(err)
	}
	_ = p.ledger.Close()
}

func (w *world) sleep(d time.Duration) { time.Sleep(d) }

func (w *world) equal(got, want []string) {
	w.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("-want +got:\n%s", diff)
	}
}

// slots writes what the ledger knows as "02:00 ran" and "02:00-04:00 3 missed".
func (w *world) slots() (out []string) {
	w.Helper()
	for s, err := range w.root.Slots(context.Background(), ledger.SlotFilter{}) {
		if err != nil {
			w.Fatal(err)
		}
		text := s.At.Format("15:04")
		if s.Count > 1 {
			text += fmt.Sprintf("-%s %d", s.LastAt.Format("15:04"), s.Count)
		}
		word := s.State.String()
		if s.State == campaign.SlotSkipped {
			word, _, _ = strings.Cut(s.Reason, ":")
		}
		out = append(out, text+" "+word)
	}
	return out
}

func (w *world) did() (begun []string) {
	w.do(func() { begun = slices.Clone(w.begun) })
	return begun
}

// diesInTheMiddle runs the hourly campaign a by a process that dies five minutes into
// its first occurrence, of ten.
func (w *world) diesInTheMiddle() {
	w.takes = 10 * time.Minute
	p := w.start(entry(w, "a", "0 * * * *", nil))
	w.sleep(time.Hour + 5*time.Minute)
	p.ledger.Kill()
	p.stop()
	<-p.err
}
