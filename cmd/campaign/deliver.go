package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
	"campaign/internal/plan"
	"campaign/internal/report"
	"campaign/internal/runner"
	"campaign/internal/targets"
)

// line is an account as this process uses it: every campaign of the invocation
// that goes to it shares its limits, its token and its connections.
type line struct {
	out     *outbound
	account *runner.Account
}

// carryOut plans a campaign into the ledger if that was not done, sends what is
// left, and writes the report. It gives the exit code.
func (s *sender) carryOut(ctx context.Context, t *todo) (int, error) {
	l, err := s.line(ctx, t.declared, t.account)
	if err != nil {
		return exitCode(err), err
	}
	if !t.known {
		err := s.begin(ctx, t)
		if err == nil {
			err = s.noteCommit(ctx, t.run)
		}
		if err != nil {
			err = stateError(err)
			return exitCode(err), err
		}
	}
	if err := s.linkFollowUp(ctx, t.run); err != nil {
		return exitCode(err), err
	}
	// What is sent is rendered from what the ledger holds, also the first time:
	// there is one way to send, and a resumed run takes it too.
	frozen, j, err := s.thaw(ctx, s.ledger, t.run)
	if err != nil {
		return exitCode(err), err
	}
	for {
		code, err := s.send(ctx, l, frozen, j, t)
		if code != exitHeld || !s.flags.wait {
			return code, err
		}
		if err := s.await(ctx, t.run); err != nil {
			return exitCode(err), err
		}
		if err := s.lookAgain(ctx, t); err != nil {
			return exitCode(err), err
		}
		if open, code, err := s.wantsMore(ctx, t); !open || err != nil {
			return worst(code, exitCode(err)), err
		}
	}
}

// line gives an account's way out, opening it the first time.
func (s *sender) line(ctx context.Context, declared campaign.Account, account targets.Account) (*line, error) {
	if l, ok := s.accounts[declared.Name]; ok {
		return l, nil
	}
	if s.crew != nil {
		return s.crew.line(ctx, s, declared, account)
	}
	l, err := s.openLine(ctx, declared, account)
	if err != nil {
		return nil, err
	}
	s.accounts[declared.Name] = l
	return l, nil
}

func (s *sender) openLine(ctx context.Context, declared campaign.Account, account targets.Account) (*line, error) {
	var secrets standIns
	if s.standIn != nil {
		secrets = s.standIn.secrets
	}
	out, err := s.openOutbound(ctx, declared, account, secrets)
	if err != nil {
		return nil, err
	}
	name := s.profile.Name + "/" + declared.Name
	if out.tokens != nil { // before anything is begun
		out.tokens.Share(filepath.Join(s.stateDir(), "tokens"), name, func(err error) {
			fmt.Fprintf(s.stderr, "%s%s: %v\n", s.tag(), declared.Name, err)
		})
		if _, err := out.tokens.Token(ctx); err != nil {
			out.close()
			return nil, fail(exitUnfinished, "the token of %s: %w", declared.Name, err)
		}
	}
	options := runner.AccountOptions{Sender: s.crew.timed(out.wire, declared.Name), Limits: declared.Limits, WaitForUpstream: s.flags.upstream,
		MaxWait: max(s.flags.window, campaign.DefaultPolicy().Retry.Cap), Shared: s.ledger, Name: name}
	if out.tokens != nil {
		options.Tokens = out.tokens
	}
	return &line{out, runner.NewAccount(options)}, nil
}

// blocksAtOnce is how many blocks are added to the ledger in one write.
const blocksAtOnce = 4

// begin plans the campaign into the ledger while no other run of the profile begins,
// so that what guards have counted holds.
func (s *sender) begin(ctx context.Context, t *todo) error {
	if s.flags.to != nil { // a trial counts for no guard
		if err := s.store(ctx, t); err != nil {
			return err
		}
		return s.noteOverrides(ctx, t)
	}
	leave, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	// Somebody may have sent the same since it was looked at.
	if err := s.guardRepeat(ctx, t); err != nil {
		return err
	}
	if t.guard != "" {
		return fail(exitGuard, "%s", t.guard)
	}
	if err := s.storeCapped(ctx, t); err != nil {
		return err
	}
	return s.noteOverrides(ctx, t)
}

// storeCapped is store without those who are over the account's cap now.
func (s *sender) storeCapped(ctx context.Context, t *todo) error {
	if !s.caps(t) {
		return s.store(ctx, t)
	}
	before := t.summary.Skipped[plan.SkipCapped]
	if err := s.countCapped(ctx, t); err != nil {
		return err
	}
	if err := t.without(ctx); err != nil {
		return err
	}
	if n := t.cap.Rows(); n != before {
		fmt.Fprintf(s.stderr, "%s%s: %s over the cap now, %d a moment ago\n", s.tag(), t.campaign.Name, count(n, "recipient"), before)
	}
	t.plan.LeaveOut(t.cap.Capped)
	defer t.plan.LeaveOut(nil)
	t.run.PlanDigest = cappedPlan(t.digest, t.cap.Capped)
	return s.store(ctx, t)
}

// store writes the plan and the frozen inputs into the ledger. Files that
// changed since they were checked are noticed here.
func (s *sender) store(ctx context.Context, t *todo) error {
	defer t.limitMemory().free()
	inputs, err := s.inputs(ctx, t.job)
	if err != nil {
		return err
	}
	run, err := s.ledger.Begin(ctx, t.run, inputs)
	if err != nil {
		return err
	}
	p := t.plan
	if !run.Occurrence.Time.Equal(t.run.Occurrence.Time) {
		// An earlier invocation began to plan this run and did not get far: its
		// occurrence, and so what templates say of it, stays.
		spec := t.spec
		spec.Occurrence = run.Occurrence
		spec.Occurrence.Time = spec.Occurrence.Time.In(spec.Zone)
		again, found := plan.New(spec)
		if campaign.HasErrors(found) {
			return s.invalid(found)
		}
		again.LeaveOut(t.plan.Left())
		p = again
	}
	t.run = run
	var pending []campaign.Block
	for block, err := range p.Blocks(ctx) {
		if err != nil {
			return fmt.Errorf("%s: %w", t.campaign.File, err)
		}
		if pending = append(pending, block); len(pending) == blocksAtOnce {
			if err := s.ledger.Add(ctx, run.ID, pending); err != nil {
				return err
			}
			pending = pending[:0]
		}
	}
	if err := s.ledger.Add(ctx, run.ID, pending); err != nil {
		return err
	}
	digest, err := p.Digest(ctx)
	if err != nil {
		return err
	}
	if now := p.Summary(); digest != t.digest || now.Totals != t.summary.Totals || campaign.HasErrors(now.Problems) {
		return fail(exitGuard, "%s or a file that it names changed while it was being planned: nothing was sent, run again", t.campaign.File)
	}
	t.run.Totals = t.summary.Totals
	return s.ledger.Open(ctx, run.ID, t.summary.Totals)
}

// thaw rebuilds a run's campaign from its frozen inputs.
func (s *sender) thaw(ctx context.Context, led ledger.Reader, run campaign.Run) (*project, *job, error) {
	endpoint := ""
	if s.standIn != nil {
		endpoint = s.standIn.URL()
	}
	return s.project.thaw(ctx, led, run, endpoint)
}

func (p *project) thaw(ctx context.Context, led ledger.Reader, run campaign.Run, endpoint string) (*project, *job, error) {
	inputs, err := led.Inputs(ctx, run.ID)
	if err != nil {
		return nil, nil, stateError(err)
	}
	frozen := &project{dir: p.dir, data: p.data, files: newFrozenFS(inputs)}
	profile := run.Profile
	if profile == sandboxProfile {
		profile = p.base
	}
	found, err := frozen.load(profile)
	if err != nil {
		return nil, nil, err
	}
	var j *job
	if !campaign.HasErrors(found) {
		frozen.profile.Name = run.Profile
		j, found = frozen.compile(run.File, occasion{occurrence: run.Occurrence, endpoint: endpoint, columns: run.Columns, now: run.Began})
	}
	if campaign.HasErrors(found) {
		at := slices.IndexFunc(found, func(d campaign.Diagnostic) bool { return !d.Warning })
		return nil, nil, fail(exitGuard, "run %s cannot be rendered again by this version of the program (%s): what is not sent stays pending", run.ID, found[at].Error())
	}
	return frozen, j, nil
}

// messages renders a block again, and refuses one that differs.
func messages(p *plan.Plan, room *memory) func(context.Context, campaign.Block) ([]targets.Message, error) {
	return func(_ context.Context, block campaign.Block) ([]targets.Message, error) {
		m, err := p.Messages(block)
		room.hold(m)
		if errors.Is(err, plan.ErrDiffers) {
			err = fmt.Errorf("%w: %w", runner.ErrDiffers, err)
		}
		return m, err
	}
}

// send works on an open run until it is complete or stopped, and reports.
func (s *sender) send(ctx context.Context, l *line, frozen *project, j *job, t *todo) (int, error) {
	header := http.Header{}
	var hide []campaign.Secret
	for name, value := range l.out.headers {
		header.Set(name, value.Reveal())
		if j.declared.Headers[name].Literal == "" {
			hide = append(hide, value)
		}
	}
	policy := j.campaign.Policy
	policy.Timeout = j.timeout()
	open := opens(policy, j.spec.Zone)
	if s.flags.outside != "" && open != nil {
		if err := s.noteOutside(ctx, t.run); err != nil {
			return exitCode(err), err
		}
		open = nil
	}
	var room *memory
	if s.standIn == nil { // which keeps all that it received in this process
		room = boundMemory(memoryOfRun(t.run.Totals.Requests, j.declared.Limits.Concurrency))
		defer room.free()
	}
	watch := s.watch(t, j)
	watch.also = s.crew.progress(t)
	began := time.Now()
	limit := s.flags.limit
	if limit > 0 {
		limit -= s.begun
	}
	summary, err := runner.Run(ctx, runner.Job{
		Run: t.run.ID, Owner: owner(), Ledger: s.ledger,
		Account: l.account, Target: j.target, Secrets: l.out.secrets, Header: header, Hide: hide,
		Policy: policy, Messages: messages(j.plan, room),
		Opens: open, Expires: j.expires(t.run), Confirmed: s.flags.confirmed,
		Limit: limit, MaxWait: max(s.flags.window, 1), Progress: watch.event, Log: s.logger(),
	})
	watch.stop()
	s.crew.sent(t.run, summary)
	t.ended = summary
	for _, o := range campaign.Outcomes {
		s.begun += summary.Recipients.Of(o)
	}
	code, reason, err := stopped(summary, t.run, j.spec.Zone, err)
	if code == exitHeld {
		return code, err
	}
	if summary.Stop == runner.StageWaits {
		err = errors.Join(err, s.stageWaits(t))
	}
	facts, factsErr := frozen.factsOf(s.ledger, t.run, j)
	if factsErr != nil {
		return worst(code, exitCode(factsErr)), errors.Join(err, factsErr)
	}
	facts.Invocation = report.Invocation{Began: began, Ended: time.Now(), Reason: reason}
	switch {
	case summary.Stop == runner.Interrupted || summary.Stop == runner.Killed:
		facts.Invocation.Stop = report.Interrupted
	case reason != "":
		facts.Invocation.Stop = report.Stopped
	}
	reported, reportErr := s.writeReport(t, facts)
	if reportErr != nil {
		return worst(code, exitCode(reportErr)), errors.Join(err, reportErr)
	}
	code = worst(code, codeOf(reported))
	s.notifyEnded(t.run, reported, code)
	return code, err
}

// stageWaits says which stage waits for a person, and how it went.
func (s *sender) stageWaits(t *todo) error {
	// Also after an interruption: what is said belongs to the exit code.
	if err := s.lookAgain(context.Background(), t); err != nil {
		return err
	}
	if t.counts.waits < 0 {
		return fail(exitGuard, "a stage is settled and waits for a person: `campaign resume %s` lets the next one begin", t.run.ID)
	}
	return fail(exitGuard, "%s", t.counts.settled(t.run))
}

// writeReport folds and stores the reports of a run and prints the verdict.
func (s *sender) writeReport(t *todo, facts report.Facts) (report.Report, error) {
	// Also after an interruption: a report that is not written helps nobody.
	ctx := context.Background()
	run, err := s.ledger.Run(ctx, t.run.ID)
	if err != nil {
		return report.Report{}, stateError(err)
	}
	root := filepath.Join(s.data, "reports")
	r, err := report.Write(root, run, facts, s.ledger.Results(ctx, run.ID))
	if err != nil {
		return r, reportError(err)
	}
	if err := report.WriteIndex(root, facts.Language, r.Generated); err != nil {
		fmt.Fprintf(s.stderr, "%sthe list of reports is not up to date: %v\n", s.tag(), err)
	}
	t.run, t.counts.Report, t.report = run, r, filepath.Join(report.Dir(root, run), "report.md")
	speak(s.stdout, "%s%s: %s\n%s  report: %s\n", s.tag(), run.Campaign, spokenVerdict(r), s.tag(), t.report)
	return r, nil
}
