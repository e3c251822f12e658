package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/daemon"
	"campaign/internal/diagnostics"
	"campaign/internal/ledger"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/runner"
	"campaign/internal/schedule"
	"campaign/internal/targets"
)

// crew carries out occurrences: what those share that one process works on.
type crew struct {
	*app
	flags   runFlags
	ledger  *sqlite.Ledger
	standIn *standIn // nil: the accounts' own addresses
	profile string
	since   time.Time // when this process began to look
	partial bool      // of the project's campaigns it has those below some PATHs
	lines   lines
	watcher watcher // nil: nobody looks
}

// slotCheck may leave an occurrence out that is about to be carried out and of which
// nothing was begun: it gives the reason, a code of campaign.Skip… and perhaps ": "
// and a detail; empty: it has nothing against it.
type slotCheck func(ctx context.Context, s *sender, t *todo, slot campaign.Slot) (reason string, err error)

// slotChecks are asked in this order, and the first reason counts.
var slotChecks = []slotCheck{suspendedSlot, approvedSlot, lateSlot, expiredSlot, unchangedSlot}

// suspendedSlot leaves out what was suspended between its claim and its turn.
func suspendedSlot(_ context.Context, _ *sender, t *todo, _ campaign.Slot) (string, error) {
	if t.table.Suspended() {
		return campaign.SkipSuspended, nil
	}
	return "", nil
}

// approvedSlot stops what nobody approved. It is no reason to leave it out: an approval
// may land as long as the occurrence counts as on time, and when none does this is what
// people are told.
func approvedSlot(ctx context.Context, s *sender, t *todo, _ campaign.Slot) (string, error) {
	stops, err := s.guardApproval(ctx, t)
	if stops && err == nil {
		err = fail(exitGuard, "%s", t.guard)
	}
	return "", stateError(err)
}

// lateSlot leaves out what a process claimed that ended before it could begin it, as
// if nobody had claimed it: what is late is missed, unless the schedule has a use for
// it. What waits for its turn in this process is not late.
func lateSlot(_ context.Context, s *sender, t *todo, slot campaign.Slot) (string, error) {
	rules := t.campaign.Schedule
	if rules.Missed.Policy == campaign.CatchNone && !rules.Queue && slot.Decided.Before(s.crew.since) && late(t.table, slot) {
		return campaign.SkipMissed + ": it was claimed in time, and nothing came to begin it", nil
	}
	return "", nil
}

// late reports whether a slot does not count as on time any more. One that is caught
// up with has its time from then on.
func late(table *schedule.Timetable, slot campaign.Slot) bool {
	since := slot.At
	if slot.Decided.After(since) {
		since = slot.Decided
	}
	return present().Sub(since) > table.Within()
}

// expiredSlot leaves out what waited until it was worth nothing any more.
func expiredSlot(_ context.Context, _ *sender, t *todo, slot campaign.Slot) (string, error) {
	if expired(t.table, slot) {
		return campaign.SkipMissed + ": it had expired before its turn came", nil
	}
	return "", nil
}

func expired(table *schedule.Timetable, slot campaign.Slot) bool {
	until := table.Expiry(slot.At, slot.Decided)
	return !until.IsZero() && present().After(until)
}

// carry carries an occurrence out, or goes on with it. A state that failed stops all.
func (c *crew) carry(ctx context.Context, e daemon.Entry, slot campaign.Slot) daemon.Outcome {
	out := c.carryOut(ctx, e, slot)
	if out.Code == exitState {
		out.Fatal = true
		out.Err = fail(exitState, "%s (%s): %w", slot.Campaign, slot.Label, cmp.Or(out.Err, errors.New("state, disk or clock failed")))
	}
	return out
}

// carryOut does so the way that `campaign run` does.
func (c *crew) carryOut(ctx context.Context, e daemon.Entry, slot campaign.Slot) daemon.Outcome {
	l := e.Of.(*loaded)
	s, err := c.sender(l)
	if err != nil {
		return c.notBegun(l, slot, err)
	}
	defer s.project.close()
	defer s.close()
	id := campaign.RunID(slot.Profile, slot.Campaign, slot.Label)
	t, code, skip, err := s.slot(ctx, l.file, slot)
	if skip != "" {
		return daemon.Outcome{Over: true, Skip: skip}
	}
	// Also after an interruption: what is said belongs to what was done.
	run, over, found := s.become(context.WithoutCancel(ctx), id)
	if found == nil && run.ID != "" && !over {
		var left bool
		if left, found = s.leftToPerson(context.WithoutCancel(ctx), id); left {
			return daemon.Outcome{Over: true, Code: worst(code, exitGuard), Err: cmp.Or(err, errLeft(id))}
		}
	}
	switch {
	case found != nil:
		return daemon.Outcome{Code: worst(code, exitCode(found)), Err: errors.Join(err, found)}
	case over:
		return daemon.Outcome{Over: true, Code: code, Err: err}
	case run.ID == "" && ctx.Err() == nil:
		return c.notBegun(l, slot, cmp.Or(err, fail(worst(code, exitUnfinished), "nothing of it was begun (exit code %d)", code)))
	case err == nil && code != exitDone && ctx.Err() == nil:
		err = fmt.Errorf("run %s is not finished (exit code %d): it goes on by itself, or when somebody has looked: `campaign show %s`", id, code, id)
	}
	out := daemon.Outcome{Code: code, Err: err}
	if t != nil {
		out.Back = t.ended.NotBefore
	}
	return out
}

// leftToPerson reports whether a run's last invocation ended so that a person decides
// how it goes on, and not the time that passes.
func (s *sender) leftToPerson(ctx context.Context, id string) (bool, error) {
	notes, err := s.ledger.Notes(ctx, id)
	if err != nil {
		return false, stateError(err)
	}
	left := false
	for _, n := range notes {
		if n.Kind != campaign.NoteEnded {
			continue
		}
		why, _, _ := strings.Cut(n.Text, ":")
		left = slices.Contains([]runner.Stop{runner.Asked, runner.Aborted, runner.Differs}, runner.Stop(why))
	}
	return left, nil
}

func errLeft(id string) error {
	return fmt.Errorf("run %s was stopped: `campaign resume %s` goes on, `campaign cancel %s --reason TEXT` ends it", id, id, id)
}

// sender is what carries one occurrence out.
func (c *crew) sender(l *loaded) (*sender, error) {
	p, err := l.open(c.app)
	if err != nil {
		return nil, err
	}
	if c.standIn != nil {
		p.profile.Name = sandboxProfile
	}
	return &sender{app: c.app, project: p, flags: c.flags, ledger: c.ledger, standIn: c.standIn, accounts: map[string]*line{}, crew: c}, nil
}

// slot is `campaign run` for one occurrence.
func (s *sender) slot(ctx context.Context, file string, slot campaign.Slot) (t *todo, code int, skip string, err error) {
	o := occasion{occurrence: campaign.Occurrence{Label: slot.Label, Time: slot.At}, now: slot.At.Add(-time.Second), contents: true}
	if s.standIn != nil {
		o.endpoint = s.standIn.URL()
	}
	jobs, err := s.prepare(ctx, []string{file}, o)
	if err == nil {
		err = s.guard(jobs)
	}
	if err == nil && s.real(jobs) {
		err = s.remembers()
	}
	if err != nil {
		return nil, exitCode(err), "", err
	}
	t = jobs[0]
	defer func() { err = errors.Join(err, t.cap.Close()) }()
	open, code, err := s.standing(ctx, t, o)
	if err == nil && t.guard != "" {
		err = fail(code, "it %s", t.guard)
	}
	if err != nil || !open {
		return t, worst(code, exitCode(err)), "", err
	}
	if t.known { // it was begun, and goes on
		if left, err := s.leftToPerson(ctx, t.run.ID); left || err != nil {
			return t, worst(exitGuard, exitCode(err)), "", err
		}
	}
	for _, check := range slotChecks {
		if t.known {
			break
		}
		if skip, err = check(ctx, s, t, slot); skip != "" || err != nil {
			return t, exitCode(err), skip, err
		}
	}
	planned := t.digest
	if err := s.refresh(ctx, t, o); err != nil {
		return t, exitCode(err), "", err
	}
	if t.digest != planned { // for other groups than were looked at
		if _, err := approvedSlot(ctx, s, t, slot); err != nil {
			return t, exitCode(err), "", err
		}
	}
	stops, err := s.guardPast(ctx, t)
	if err != nil {
		err = stateError(err)
		return t, exitCode(err), "", err
	}
	if stops {
		return t, exitGuard, "", fail(exitGuard, "%s, with `campaign run %s --occurrence \"%s\"`", t.guard, file, slot.Label)
	}
	code, err = s.carryOut(ctx, t)
	return t, code, "", err
}

// unchangedSlot leaves out what would say the same again, where the schedule forbids it.
func unchangedSlot(ctx context.Context, s *sender, t *todo, _ campaign.Slot) (string, error) {
	if !t.campaign.Schedule.MustChange {
		return "", nil
	}
	same, before, err := s.sameContent(ctx, s.ledger, t.campaign, t.run)
	if err != nil || !before || !same {
		return "", err
	}
	return campaign.SkipUnchanged + ": its content is that of the previous occurrence", nil
}

// become finds what a run has become: none that was begun has no ID, and one is over
// when nothing of it wants sending any more.
func (s *sender) become(ctx context.Context, id string) (run campaign.Run, over bool, err error) {
	run, err = s.ledger.Run(ctx, id)
	switch {
	case errors.Is(err, ledger.ErrNotFound), err == nil && run.ID != id, err == nil && run.State == campaign.Planning:
		return campaign.Run{}, false, nil
	case err != nil:
		return run, false, stateError(err)
	case run.State == campaign.Cancelled:
		return run, true, nil
	}
	v, err := s.survey(ctx, run)
	return run, v.Complete(), err
}

// notBegun is the outcome of an occurrence of which nothing could be begun: it is
// tried again as long as it still counts as on time and has not expired.
func (c *crew) notBegun(l *loaded, slot campaign.Slot, err error) daemon.Outcome {
	out := daemon.Outcome{Code: exitCode(err), Err: err}
	if late(l.table, slot) || expired(l.table, slot) {
		out.Over, out.Skip = true, campaign.SkipMissed+": it could not begin: "+oneLine(err)
	}
	return out
}

// oneLine shortens an error for the ledger.
func oneLine(err error) string {
	const most = 200
	text := []rune(diagnostics.Inert(err.Error()))
	if len(text) > most {
		return string(text[:most-1]) + "…"
	}
	return string(text)
}

// orphanAfter is how long a due occurrence whose file is gone is kept for it.
const orphanAfter = 24 * time.Hour

// orphan looks at an occurrence that is due and whose campaign is not loaded: its file
// was removed, or is not valid.
func (c *crew) orphan(ctx context.Context, slot campaign.Slot) daemon.Outcome {
	p, err := c.app.quietProject()
	if err != nil {
		return daemon.Outcome{Code: exitCode(err), Err: err}
	}
	defer p.close()
	s := &sender{app: c.app, project: p, ledger: c.ledger, accounts: map[string]*line{}, crew: c}
	run, over, err := s.become(ctx, campaign.RunID(slot.Profile, slot.Campaign, slot.Label))
	switch {
	case err != nil:
		return daemon.Outcome{Code: exitCode(err), Err: err}
	case over:
		return daemon.Outcome{Over: true}
	case run.ID != "":
		return daemon.Outcome{Code: exitGuard, Err: fmt.Errorf("it was begun and its file is gone or not valid any more: `campaign resume %s` goes on, `campaign cancel %s --reason TEXT` ends it", run.ID, run.ID)}
	case c.partial && p.schedules(slot.Campaign):
		return daemon.Outcome{} // who has that PATH runs it
	case present().Sub(slot.At) > orphanAfter:
		return daemon.Outcome{Over: true, Skip: campaign.SkipMissed + ": its file was removed, or is not valid", Code: exitProblems}
	}
	return daemon.Outcome{Code: exitGuard, Err: errors.New("its file is gone or not valid: nothing is sent")}
}

// schedules reports whether a valid file of the project is that scheduled campaign.
func (p *project) schedules(name string) bool {
	files, _, err := p.campaignFiles(nil, nil)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(files, func(file string) bool {
		j, found := p.compile(file, (&runFlags{}).occasion())
		return !campaign.HasErrors(found) && j.table != nil && j.campaign.Name == name
	})
}

// line gives a campaign the account as others use it at the same time.
func (c *crew) line(ctx context.Context, s *sender, declared campaign.Account, account targets.Account) (*line, error) {
	key := declared.Name + " " + string(declared.Raw.Text())
	shared, err := c.lines.take(key, func() (*line, error) { return s.openLine(ctx, declared, account) })
	if err != nil {
		return nil, err
	}
	s.accounts[declared.Name] = shared.line
	s.shared = append(s.shared, shared)
	return shared.line, nil
}

// quietProject opens the project and leaves its warnings to who scans the files.
func (a *app) quietProject() (*project, error) {
	p, found, err := a.openProject()
	if err == nil && p == nil {
		a.show(a.stderr, found)
		err = quit(exitProblems)
	}
	return p, err
}

// together makes a stream that several goroutines write whole lines to.
type together struct {
	mu sync.Mutex
	w  io.Writer
}

func (t *together) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.w.Write(p)
}

// openCrew makes ready what runs schedules: the streams, the ledger, and with
// --sandbox the built-in upstream.
func (a *app) openCrew(ctx context.Context, f runFlags, real bool) (*crew, error) {
	p, err := a.quietProject()
	if err != nil {
		return nil, err
	}
	defer p.close()
	several := &app{stdin: a.stdin, stdout: &together{w: a.stdout}, stderr: &together{w: a.stderr}, signals: a.signals, flags: a.flags}
	c := &crew{app: several, flags: f, since: present()}
	if f.sandbox || p.profile.Name == sandboxProfile {
		p.profile.Name = sandboxProfile
		if c.standIn, err = p.startStandIn(); err != nil {
			return nil, err
		}
		real = false
		fmt.Fprintf(c.stderr, "[sandbox] the built-in upstream stands in for every target at %s: nothing leaves this machine\n", c.standIn.URL())
	}
	c.profile = p.profile.Name
	if c.ledger, err = p.openForSending(ctx, real); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *crew) close() {
	if c.standIn != nil {
		c.standIn.Close()
	}
	if c.ledger != nil {
		c.ledger.Close()
	}
}
