package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/plan"
	"campaign/internal/report"
)

// standing finds out what the ledger knows of a campaign's run, and whether there
// is something to do (design: delivery, rule 2).
func (s *sender) standing(ctx context.Context, t *todo, o occasion) (open bool, code int, err error) {
	t.run = s.newRun(t)
	id := t.run.ID
	found, err := s.ledger.Run(ctx, id)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return s.mayBegin(t, t.run)
	case err != nil:
		return false, 0, stateError(err)
	case found.ID != id: // a prefix of another's
		return s.mayBegin(t, t.run)
	case found.State == campaign.Planning:
		return s.mayBegin(t, found)
	}
	t.run, t.known = found, true
	if going, err := s.leftToOther(ctx, t); going || err != nil {
		return false, exitHeld, err
	}
	if err := s.lookAgain(ctx, t); err != nil {
		return false, 0, err
	}
	changed := planOf(t.run.PlanDigest) != t.digest
	if changed {
		if changed, err = s.changedBesideGroups(ctx, t, o); err != nil {
			return false, 0, err
		}
	}
	name := t.title(s)
	switch {
	case t.counts.Complete() && changed && t.run.State == campaign.Open:
		fmt.Fprintf(s.stderr, "%s is done, but its files have changed since: what they say now was not sent. A new name or --occurrence sends again.\n", name)
		if t.named {
			return false, exitGuard, nil
		}
		return false, codeOf(t.counts.Report), nil
	case changed && t.run.State == campaign.Open:
		fmt.Fprintf(s.stderr, "%s was interrupted and its files have changed since it began: it is left alone. Choose:\n"+
			"  campaign resume %s                 sends the rest as it was planned\n"+
			"  campaign cancel %s --reason TEXT   skips the rest; a new name or --occurrence then sends the new text\n", name, id, id)
		return false, exitGuard, nil
	}
	return s.wantsMore(ctx, t)
}

// mayBegin reports whether something of a run that was not sent from could be sent:
// one that would expire before is not begun, since all of it would be left out.
func (s *sender) mayBegin(t *todo, run campaign.Run) (open bool, code int, err error) {
	policy, now := t.campaign.Policy, time.Now()
	ends, opens := t.expires(run), shutUntil(policy, t.spec.Zone, now)
	if s.flags.outside != "" {
		opens = time.Time{}
	}
	switch {
	case ends.IsZero():
		return s.inTime(t, run, now)
	case now.After(ends):
		t.guard = fmt.Sprintf("began to be planned at %s, nothing of it was sent, and it has expired: --occurrence LABEL sends it", at(run.Occurrence.Time, t.spec.Zone))
	case opens.After(ends):
		t.guard = fmt.Sprintf("is not begun: its window opens at %s, and it would expire at %s, before anything is sent. Begin it later, or raise `expires` under delivery.",
			at(opens, t.spec.Zone), at(ends, t.spec.Zone))
	default:
		return s.inTime(t, run, now)
	}
	fmt.Fprintf(s.stderr, "%s %s\n", t.title(s), t.guard)
	return false, exitGuard, nil
}

// inTime reports whether a run that nothing was sent of can be through by its
// deadline: one that cannot is not begun. A trial keeps to none.
func (s *sender) inTime(t *todo, run campaign.Run, now time.Time) (open bool, code int, err error) {
	if t.deadline.IsZero() || s.flags.to != nil {
		return true, exitDone, nil
	}
	p := t.foresee(t.summary.Work, beginning{at: now, occurrence: run.Occurrence, outside: s.flags.outside != ""})
	message, hint := p.missed()
	if message == "" {
		return true, exitDone, nil
	}
	t.guard = "is not begun: " + message
	fmt.Fprintf(s.stderr, "%s %s\n  %s\n", t.title(s), t.guard, hint)
	return false, exitGuard, nil
}

// title names a run in what is said about it.
func (t *todo) title(s *sender) string {
	return fmt.Sprintf("%s%s (run %s)", s.tag(), t.run.Campaign, t.run.ID)
}

// wantsMore reports whether a run has something that may be sent now, and says so
// when it does not.
func (s *sender) wantsMore(ctx context.Context, t *todo) (open bool, code int, err error) {
	switch {
	case t.run.State == campaign.Cancelled:
		speak(s.stdout, "%s was cancelled: nothing is sent. A new name or --occurrence sends again.\n", t.title(s))
		return false, codeOf(t.counts.Report), s.lateReport(ctx, t)
	case t.counts.Complete():
		speak(s.stdout, "%s is done since %s: nothing to do. %s\n", t.title(s), t.run.Began.In(s.decl.Location).Format("2006-01-02 15:04"), spokenVerdict(t.counts.Report))
		return false, codeOf(t.counts.Report), s.lateReport(ctx, t)
	case t.counts.waits >= 0 && !s.flags.confirmed && t.counts.expired.IsZero():
		fmt.Fprintf(s.stderr, "%s waits for a person: %s\n", t.title(s), t.counts.settled(t.run))
		return false, exitGuard, nil
	}
	if s.flags.confirmed { // by a person's word for this very run
		return true, exitDone, nil
	}
	by, err := s.followedUp(ctx, t.run, campaign.Unknown)
	if by != "" {
		t.guard = fmt.Sprintf("was followed up for those that were unknown: who got the message in run %s would get it twice. `campaign cancel %s --reason TEXT` ends this run, `campaign resume %s` sends it to them all the same",
			by, t.run.ID, t.run.ID)
		fmt.Fprintf(s.stderr, "%s %s\n", t.title(s), t.guard)
		return false, exitGuard, err
	}
	return true, exitDone, err
}

// lookAgain reads anew what has become of a run.
func (s *sender) lookAgain(ctx context.Context, t *todo) error {
	run, err := s.ledger.Run(ctx, t.run.ID)
	if err != nil {
		return stateError(err)
	}
	t.run = run
	t.counts, err = s.survey(ctx, run)
	return err
}

// lateReport makes up for the report of a run that has ended, where the process
// that sent, cancelled or took a person's word died, or could not write, before it
// was there.
func (s *sender) lateReport(ctx context.Context, t *todo) error {
	var last struct {
		State                report.State
		Requests, Recipients campaign.Counts
	}
	now := &t.counts.Report
	dir := report.Dir(filepath.Join(s.data, "reports"), t.run)
	data, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err == nil && json.Unmarshal(data, &last) == nil && last.State == now.State && last.Requests == now.Requests && last.Recipients == now.Recipients {
		t.report = filepath.Join(dir, "report.md")
		return nil
	}
	facts, err := s.facts(ctx, s.ledger, t.run)
	if err != nil {
		return err
	}
	_, err = s.writeReport(t, facts)
	return err
}

// A run that leaves out who is over the account's cap has a digest of both: of its
// plan, and behind a hyphen of whom that leaves out. It is another plan for the
// ledger then, and the same files for people.
func planOf(digest string) string {
	files, _, _ := strings.Cut(digest, "-")
	return files
}

func cappedPlan(files string, capped *plan.Capped) string {
	if capped.Digest() == "" {
		return files
	}
	return files + "-" + capped.Digest()
}

// newRun is the run of a campaign that was planned now.
func (s *sender) newRun(t *todo) campaign.Run {
	o := t.spec.Occurrence
	began := o.Time
	if s.crew != nil { // an occurrence may begin late
		began = time.Now()
	}
	return campaign.Run{
		ID:      campaign.RunID(s.profile.Name, t.campaign.Name, o.Label),
		Project: s.decl.ID, Profile: s.profile.Name, Campaign: t.campaign.Name, Occurrence: o, Trial: s.flags.to != nil,
		File: t.campaign.File, Target: t.declared.Name, Channel: t.campaign.Channel.Type, Began: began,
		Planner: plan.Version, PlanDigest: t.digest, Columns: t.plan.Columns(),
	}
}

// changedBesideGroups reports whether a campaign's files changed since its run
// began. A run that accepted other groups than those of the lock file is held
// against the groups that it began with.
func (s *sender) changedBesideGroups(ctx context.Context, t *todo, o occasion) (bool, error) {
	wanted := t.campaign.Recipients.Groups
	if wanted == nil || wanted.Match == nil || !wanted.Match.AcceptChanges {
		return true, nil
	}
	var err error
	if o.groups, err = s.runGroups(ctx, t.run); err != nil {
		return false, err
	}
	began, found := s.compile(t.campaign.File, o)
	if campaign.HasErrors(found) {
		return true, nil
	}
	digest, err := began.plan.Digest(ctx)
	return digest != planOf(t.run.PlanDigest), err
}

// runGroups are the user groups that a run was planned for, in their order.
func (s *sender) runGroups(ctx context.Context, run campaign.Run) ([]campaign.Group, error) {
	var rows []campaign.Recipient
	for block, err := range s.ledger.Results(ctx, run.ID) {
		if err != nil {
			return nil, stateError(err)
		}
		for _, d := range block.Block.Deliveries {
			rows = append(rows, d.Recipients...)
		}
		for _, skip := range block.Block.Skips {
			rows = append(rows, skip.Recipient)
		}
	}
	slices.SortFunc(rows, func(a, b campaign.Recipient) int { return cmp.Compare(a.Row, b.Row) })
	groups := make([]campaign.Group, len(rows))
	for i, row := range rows {
		cell := map[string]string{}
		for at, column := range run.Columns {
			cell[column] = row.Cells[at]
		}
		id, err := strconv.ParseInt(row.ID(), 10, 64)
		if err != nil {
			return nil, fail(exitState, "run %s: row %d is no user group", run.ID, row.Row)
		}
		people, _ := strconv.ParseInt(cell["people"], 10, 64) // 0 when it was not known
		groups[i] = campaign.Group{ID: id, Title: cell["title"], Department: cell["department"], Type: cell["type"], People: people}
	}
	return groups, nil
}

// codeOf is the exit code that a run's numbers stand for.
func codeOf(r report.Report) int {
	switch {
	case r.HasUnknown():
		return exitUnknown
	case !r.Complete():
		return exitUnfinished
	case r.HasRejected(), r.Expired.Requests > 0:
		return exitProblems
	}
	return exitDone
}

// confirm lets a person see the number before anything leaves.
func (s *sender) confirm(ctx context.Context, work []*todo) error {
	if len(work) == 0 {
		return nil
	}
	var total int64
	for _, t := range work {
		fmt.Fprintln(s.stderr, s.tag()+announce(t))
		total += t.waiting().recipients
	}
	if s.flags.limit > 0 && s.flags.limit < total {
		fmt.Fprintf(s.stderr, "%sat most %s now (--limit)\n", s.tag(), count(s.flags.limit, "recipient"))
		total = s.flags.limit
	}
	if s.flags.yes || total == 0 { // all of it has expired: nothing is sent
		return nil
	}
	if !terminal(s.stdin) {
		return fail(exitUsage, "nothing was sent: this is no terminal, so --yes is needed to send to %s", count(total, "recipient"))
	}
	fmt.Fprintf(s.stderr, "Type the number of recipients to send: ")
	return s.wants(ctx, total)
}

// wants reads the number that a person types, and nothing else lets a run begin.
func (s *sender) wants(ctx context.Context, total int64) error {
	if err := s.typed(ctx, total); err != nil {
		return fail(exitUsage, "nothing was sent: %w", err)
	}
	return nil
}

// typed reads a number that a person types, and says when it is another one. The end
// of ctx ends the question.
func (a *app) typed(ctx context.Context, total int64) error {
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() { // goes with the process when nobody answers
		text, err := bufio.NewReader(a.stdin).ReadString('\n')
		typed <- line{strings.TrimSpace(text), err}
	}()
	var answer line
	select {
	case answer = <-typed:
	case <-ctx.Done():
		return errors.New("interrupted")
	}
	if answer.err != nil && !errors.Is(answer.err, io.EOF) {
		return answer.err
	}
	if n, err := strconv.ParseInt(strings.ReplaceAll(answer.text, ",", ""), 10, 64); err != nil || n != total {
		return fmt.Errorf("%q is not %d", answer.text, total)
	}
	return nil
}

// waiting is how much a run still wants to reach.
func (t *todo) waiting() wanted {
	if t.known {
		return t.counts.waiting()
	}
	return wanted{t.summary.Totals.Requests, t.summary.Totals.Recipients - t.summary.Totals.Skipped}
}

// announce says what a campaign is about to do.
func announce(t *todo) string {
	if t.known && !t.counts.expired.IsZero() {
		return fmt.Sprintf("%s: what is not sent has expired (%s): it is left out", t.run.Campaign, t.counts.expired.Format(time.RFC3339))
	}
	text := "%s sends to %s in %s through %s at %s"
	if t.known {
		text = "%s goes on with %s in %s through %s at %s"
	}
	w := t.waiting()
	text = fmt.Sprintf(text, t.campaign.Name, count(w.recipients, t.unit()),
		count(w.requests, "request"), t.declared.Name, t.account.BaseURL())
	if t.known && t.counts.again.requests > 0 {
		text += fmt.Sprintf("; %s of them again, because what became of them is unknown (unknown: resend)", count(t.counts.again.recipients, t.unit()))
	}
	if n := t.summary.Totals.Skipped; n > 0 {
		text += fmt.Sprintf("; %d left out (%s)", n, leftOut(t.summary))
	}
	if price := t.costs(); price != "" {
		text += "; it costs " + price
	}
	return text
}

// count is a number with its noun: 1 request, 2 requests.
func count[N int | int64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// leftOut names the reasons why rows are left out, with their numbers.
func leftOut(s plan.Summary) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(s.Skipped)) {
		parts = append(parts, fmt.Sprintf("%s: %d", reason, s.Skipped[reason]))
	}
	return strings.Join(parts, ", ")
}
