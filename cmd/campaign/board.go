package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/daemon"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/monitor"
	"campaign/internal/report"
	"campaign/internal/runner"
)

// board collects what `serve` shows of itself.
type board struct {
	project *project
	profile string
	ledger  *sqlite.Ledger
	daemon  *daemon.Daemon
	metrics *monitor.Metrics

	mu    sync.Mutex
	files map[string]string // of each campaign
	stale map[string]bool   // campaigns whose file is not valid now
	found []string          // problems of files
	fault string            // of the project as a whole
	last  map[string]campaign.Slot
	good  map[string]time.Time
	live  map[string]monitor.Run
}

// openBoard begins with what the ledger knows.
func openBoard(ctx context.Context, p *project, c *crew) (*board, error) {
	b := &board{project: p, profile: c.profile, ledger: c.ledger, metrics: monitor.NewMetrics(),
		last: map[string]campaign.Slot{}, good: map[string]time.Time{}, live: map[string]monitor.Run{}}
	for s, err := range c.ledger.Slots(ctx, ledger.SlotFilter{Profile: c.profile, Newest: true}) {
		if err != nil {
			return nil, stateError(err)
		}
		b.last[s.Campaign] = s
	}
	for s, err := range c.ledger.Slots(ctx, ledger.SlotFilter{Profile: c.profile, Well: true, Newest: true}) {
		if err != nil {
			return nil, stateError(err)
		}
		b.good[s.Campaign] = s.At
	}
	return b, nil
}

// event takes the daemon's news.
func (b *board) event(e daemon.Event) {
	switch e.Kind {
	case daemon.Decided:
		b.metrics.Decided(e.Slot, e.Late)
	case daemon.Begun:
		b.metrics.Begun(e.Late)
	case daemon.Ended:
		b.metrics.Ended(e.Slot)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if last := b.last[e.Campaign]; !e.Slot.At.Before(last.At) {
		b.last[e.Campaign] = e.Slot
	}
	if e.Kind == daemon.Ended && e.Slot.State == campaign.SlotRan && e.Slot.Reason == "" {
		b.good[e.Campaign] = e.Slot.At
	}
}

// Progress implements watcher.
func (b *board) Progress(run campaign.Run, before campaign.Counts, s runner.Summary) {
	r := monitor.Run{ID: run.ID, Campaign: run.Campaign, Occurrence: run.Occurrence.Label, Began: run.Began,
		Requests: s.Requests, InFlight: s.InFlight}
	r.Recipients.Planned = before.Planned
	for _, o := range []campaign.Outcome{campaign.Accepted, campaign.Rejected, campaign.Unknown, campaign.Skipped} {
		r.Recipients.Add(o, before.Of(o)+s.Recipients.Of(o))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live[run.ID] = r
}

// Sent implements watcher.
func (b *board) Sent(run campaign.Run, s runner.Summary) {
	b.metrics.Sent(run.Target, s.Deliveries, s.Recipients)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.live, run.ID)
}

// Answered implements watcher.
func (b *board) Answered(target string, took time.Duration) { b.metrics.Answered(target, took) }

// loaded takes what a scan found.
func (b *board) loaded(s *shelf, found []campaign.Diagnostic, err error) {
	files, stale := map[string]string{}, map[string]bool{}
	for file, l := range s.byFile {
		files[l.name] = file
		if s.invalid[file] != nil {
			stale[l.name] = true
		}
	}
	var lines []string
	for _, d := range found {
		if !d.Warning {
			lines = append(lines, d.Error())
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files, b.stale, b.found, b.fault = files, stale, lines, ""
	if err != nil {
		b.fault = err.Error()
	}
}

// State implements monitor.Source.
func (b *board) State() monitor.State {
	all, fault, at := b.daemon.Status()
	now := present()
	s := monitor.State{Version: version(), Project: b.project.decl.ID, Profile: b.profile, Sandbox: b.profile == sandboxProfile,
		Zone: b.project.decl.Location, At: now, Ready: fault == "" && !at.IsZero() && now.Sub(at) < lookedLately}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range []string{fault, b.fault} {
		if text != "" {
			s.Faults = append(s.Faults, text)
		}
	}
	switch {
	case at.IsZero():
		s.Faults = append(s.Faults, "the campaigns are not read yet")
	case now.Sub(at) >= lookedLately:
		s.Faults = append(s.Faults, "nothing looked what is due since "+at.In(s.Zone).Format(timeLayout))
	}
	s.Files = slices.Clone(b.found)
	for _, c := range all {
		one := monitor.Campaign{Name: c.Name, File: b.files[c.Name], NextAt: c.Next, Next: c.NextLabel, Last: b.last[c.Name], Good: b.good[c.Name],
			Due: c.Due, Running: c.Running, Suspended: c.Suspended, Stale: b.stale[c.Name], Problem: c.Problem}
		s.Campaigns = append(s.Campaigns, one)
	}
	for _, r := range b.live {
		s.Runs = append(s.Runs, r)
	}
	slices.SortFunc(s.Runs, func(x, y monitor.Run) int { return strings.Compare(x.Campaign+x.ID, y.Campaign+y.ID) })
	return s
}

// lookedLately is how long ago the schedules were looked at when all is well: it is
// done every half minute.
const lookedLately = 2 * time.Minute

// shownSlots is how many occurrences a campaign's page lists, and shownSince how far
// back.
const (
	shownSlots = 100
	shownSince = 400 * 24 * time.Hour
)

// Occurrences implements monitor.Source.
func (b *board) Occurrences(name string) (all []campaign.Slot, ok bool, err error) {
	filter := ledger.SlotFilter{Profile: b.profile, Campaign: name, From: present().Add(-shownSince)}
	for s, err := range b.ledger.Slots(context.Background(), filter) {
		if err != nil {
			return nil, false, err
		}
		all = append(all, s)
	}
	slices.Reverse(all)
	return all[:min(len(all), shownSlots)], true, nil
}

// Report implements monitor.Source.
func (b *board) Report(id string) ([]byte, bool, error) {
	run, err := b.ledger.Run(context.Background(), id)
	if errors.Is(err, ledger.ErrNotFound) || err == nil && run.ID != id {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	text, err := os.ReadFile(filepath.Join(report.Dir(filepath.Join(b.project.data, "reports"), run), "report.md"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return text, err == nil, err
}
