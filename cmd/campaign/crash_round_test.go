package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
)

// crashRound is one project with a campaign or two, killed until they have ended.
type crashRound struct {
	*testing.T
	n           int
	random      *rand.Rand
	pace        *crashPace
	channel     string
	batch, mode int
	concurrency int
	readers     bool // commands read while the run goes on
	quota       int  // kills
	dir         string
	up          *upstreamProcess
	runs        []*crashRun
	row         crashRow
}

// crashRun is a campaign of the round.
type crashRun struct {
	promise
	name, id string
	requests int // as planned
	position
}

func newCrashRun(name string, batch int, ids []string) *crashRun {
	requests := (len(ids) + batch - 1) / batch
	return &crashRun{promise: promise{ids: ids}, name: name, requests: requests, id: campaign.RunID("default", name, campaign.Once), position: position{left: requests}}
}

// position is where a run stands while nobody works on it.
type position struct {
	found     bool
	state     campaign.RunState
	claims    int
	left      int             // requests that want sending
	unsettled map[string]bool // keys of requests that were in flight when their process died
	files     string          // the ledger's sizes and times
}

// done reports whether the run has ended for good.
func (m position) done() bool {
	return m.found && (m.state == campaign.Cancelled || m.state == campaign.Open && m.left == 0)
}

// look reads where a run stands.
func (r *crashRound) look(run *crashRun) position {
	r.Helper()
	ctx := context.Background()
	m := position{left: run.requests, unsettled: map[string]bool{}}
	state := filepath.Join(r.dir, ".campaign")
	for _, name := range []string{"ledger.db", "ledger.db-wal"} {
		if info, err := os.Stat(filepath.Join(state, name)); err == nil {
			m.files += fmt.Sprintln(info.Size(), info.ModTime())
		}
	}
	led, err := sqlite.OpenReadOnly(ctx, sqlite.Options{Dir: state, Project: "crash-0001"})
	if errors.Is(err, ledger.ErrNoState) {
		return m
	}
	if err != nil {
		r.Fatal(err)
	}
	defer led.Close()
	found, err := led.Run(ctx, run.id)
	if errors.Is(err, ledger.ErrNotFound) {
		return m
	}
	if err != nil {
		r.Fatal(err)
	}
	if m.found, m.state = true, found.State; m.state == campaign.Planning {
		return m
	}
	notes, err := led.Notes(ctx, run.id)
	if err != nil {
		r.Fatal(err)
	}
	for _, n := range notes {
		if n.Kind == campaign.NoteClaimed {
			m.claims++
		}
	}
	m.left = 0
	for block, err := range led.Results(ctx, run.id) {
		if err != nil {
			r.Fatal(err)
		}
		for d, leaf := range leaves(block) {
			if !leaf.Verdict.Outcome.Settled() {
				m.left++
			}
			if leaf.Verdict.Outcome == campaign.Unknown && leaf.Verdict.Reason == ledger.ReasonUnsettled {
				m.unsettled[d.Key(leaf.Part)] = true
			}
		}
	}
	return m
}

// play kills and starts again until every campaign of the round has ended, and
// checks what became of everybody.
func (r *crashRound) play() {
	for steps := 0; !r.done(); steps++ {
		if steps > 50+4*r.quota {
			r.Fatalf("the campaigns do not come to an end: %+v", r.runs[0].position)
		}
		r.step(r.row.kills() < r.quota)
		for _, run := range r.runs {
			switch {
			case r.mode == modeWords && r.random.IntN(3) == 0:
				r.resolve(run)
			case r.mode == modeCancel && r.row.kills() > r.quota/2 && run.found && run.state == campaign.Open:
				r.cancel(run)
			}
		}
	}
	if r.random.IntN(2) == 0 {
		r.step(true) // there is nothing to do
	}
	for _, run := range r.runs {
		r.verify(run)
	}
	if r.mode == modeWords {
		r.everybody()
	}
	runCampaign(r.T, r.dir, []int{exitDone}, "state", "check")
	r.up.stop()
}

func (r *crashRound) done() bool {
	return !slices.ContainsFunc(r.runs, func(run *crashRun) bool { return !run.position.done() })
}

// step starts each campaign's process or processes, kills them if it is told to,
// and looks at what is left.
func (r *crashRound) step(kill bool) {
	type started struct {
		*process
		run *crashRun
	}
	var all []started
	for _, run := range r.runs {
		args := []string{"run", run.name + ".yaml", "--yes"}
		if run.claims > 0 && !run.position.done() && r.random.IntN(4) == 0 {
			args = []string{"resume", run.id, "--yes"}
		}
		processes := 1
		if r.mode == modeSame {
			processes = 2
		}
		for range processes {
			p := startCampaign(r.T, r.dir, args...)
			if kill {
				p.killAt(r.up, r.draw(run))
			}
			all = append(all, started{p, run})
			args = append(args, "--wait")
		}
	}
	if r.readers {
		r.read(drawOf(r, r.runs...))
	}
	killed := map[*crashRun]int{}
	for _, s := range all {
		s.wait(r.T)
		if s.killed() {
			killed[s.run]++
			continue
		}
		codes := []int{exitDone, exitUnknown, exitUnfinished, exitHeld}
		if s.run.refuses {
			codes = append(codes, exitProblems)
		}
		s.wants(r.T, codes...)
		if s.last > 0 {
			learn(&r.pace.rest, s.took-s.last)
		}
	}
	for _, s := range all {
		if s.first > 0 && s.run.claims == 0 {
			learn(&r.pace.first, s.first)
		} else if s.first > 0 {
			learn(&r.pace.again, s.first)
		}
	}
	for _, run := range r.runs {
		r.after(run, killed[run])
	}
	if _, err := reportsAddUp(filepath.Join(r.dir, "reports")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Error(err)
	}
}

// after sees what a step left of a run: n of its processes were killed.
func (r *crashRound) after(run *crashRun, n int) {
	before, now := run.position, r.look(run)
	run.position = now
	r.row.fell[phaseOf(before, now)] += n
	fresh := 0
	for key := range now.unsettled {
		if !before.unsettled[key] {
			fresh++
		}
	}
	if fresh > n*r.concurrency {
		r.Errorf("%d requests were in flight when %d processes were killed, and the account allows %d", fresh, n, r.concurrency)
	}
	for key := range before.unsettled {
		if !now.unsettled[key] {
			r.Errorf("request %s was unknown, and without a person's word it is not any more", key)
		}
	}
	run.inFlight += fresh
	r.row.inFlight += fresh
}

// phaseOf tells where a kill fell.
func phaseOf(before, now position) int {
	switch {
	case before.done():
		return phaseAfter
	case now.state == campaign.Planning && now.files != before.files || now.found && !before.found && now.claims == 0:
		return phasePlanning
	case now.claims == before.claims:
		return phaseStart
	case now.done():
		return phaseReport
	}
	return phaseSending
}

// draw chooses the moment of a kill.
func (r *crashRound) draw(run *crashRun) killPoint {
	toCome := max(r.quota-r.row.kills(), 1) / len(r.runs)
	switch n := r.random.IntN(20); {
	case run.claims == 0 && n < 15: // making the ledger, planning
		return killPoint{delay: r.pace.first/3 + r.upTo(r.pace.first*2/3)}
	case run.position.done() || n < 3: // on the way to the first request
		return killPoint{delay: r.upTo(r.pace.again)}
	case n < 18 || toCome > 3:
		return killPoint{accepted: 1 + r.random.IntN(max(2*run.left/(toCome+1), 1)), delay: r.upTo(3 * time.Millisecond)}
	}
	return killPoint{accepted: run.left, delay: r.upTo(r.pace.rest)}
}
