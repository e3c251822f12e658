package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
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
		if err := s.store(ctx, t); err != nil {
			err = stateError(err)
			return exitCode(err), err
		}
	}
	// What is sent is rendered from what the ledger holds, also the first time:
	// there is one way to send, and a resumed run takes it too.
	frozen, j, err := s.thaw(ctx, s.ledger, t.run)
	if err != nil {
		return exitCode(err), err
	}
	return s.send(ctx, l, frozen, j, t.run)
}

// line gives an account's way out, opening it the first time.
func (s *sender) line(ctx context.Context, declared campaign.Account, account targets.Account) (*line, error) {
	if l, ok := s.accounts[declared.Name]; ok {
		return l, nil
	}
	var secrets standIns
	if s.standIn != nil {
		secrets = s.standIn.secrets
	}
	out, err := s.openOutbound(ctx, declared, account, secrets)
	if err != nil {
		return nil, err
	}
	options := runner.AccountOptions{Sender: out.wire, Limits: declared.Limits, WaitForUpstream: s.flags.wait}
	if out.tokens != nil {
		options.Tokens = out.tokens
	}
	l := &line{out, runner.NewAccount(options)}
	s.accounts[declared.Name] = l
	return l, nil
}

// blocksAtOnce is how many blocks are added to the ledger in one write.
const blocksAtOnce = 16

// store writes the plan and the frozen inputs into the ledger. Files that
// changed since they were checked are noticed here.
func (s *sender) store(ctx context.Context, t *todo) error {
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
		j, found = frozen.compile(run.File, occasion{occurrence: run.Occurrence, endpoint: endpoint, columns: run.Columns})
	}
	if campaign.HasErrors(found) {
		at := slices.IndexFunc(found, func(d campaign.Diagnostic) bool { return !d.Warning })
		return nil, nil, fail(exitGuard, "run %s cannot be rendered again by this version of the program (%s): what is not sent stays pending", run.ID, found[at].Error())
	}
	return frozen, j, nil
}

// messages renders a block again, and refuses one that differs.
func messages(p *plan.Plan) func(context.Context, campaign.Block) ([]targets.Message, error) {
	return func(_ context.Context, block campaign.Block) ([]targets.Message, error) {
		m, err := p.Messages(block)
		if errors.Is(err, plan.ErrDiffers) {
			err = fmt.Errorf("%w: %w", runner.ErrDiffers, err)
		}
		return m, err
	}
}

// send works on an open run until it is complete or stopped, and reports.
func (s *sender) send(ctx context.Context, l *line, frozen *project, j *job, run campaign.Run) (int, error) {
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
	watch := s.watch(run, j)
	began := time.Now()
	summary, err := runner.Run(ctx, runner.Job{
		Run: run.ID, Owner: owner(), Ledger: s.ledger,
		Account: l.account, Target: j.target, Secrets: l.out.secrets, Header: header, Hide: hide,
		Policy: policy, Messages: messages(j.plan),
		Limit: s.flags.limit, Progress: watch.event, Log: s.logger(),
	})
	watch.stop()
	code, reason, err := stopped(summary, err)
	if code == exitHeld {
		return code, err
	}
	facts, factsErr := frozen.factsOf(s.ledger, run, j)
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
	reported, reportErr := s.writeReport(run, facts)
	if reportErr != nil {
		return worst(code, exitCode(reportErr)), errors.Join(err, reportErr)
	}
	return worst(code, codeOf(reported)), err
}

// writeReport folds and stores the reports of a run and prints the verdict.
func (s *sender) writeReport(run campaign.Run, facts report.Facts) (report.Report, error) {
	// Also after an interruption: a report that is not written helps nobody.
	ctx := context.Background()
	run, err := s.ledger.Run(ctx, run.ID)
	if err != nil {
		return report.Report{}, stateError(err)
	}
	root := filepath.Join(s.data, "reports")
	r, err := report.Write(root, run, facts, s.ledger.Results(ctx, run.ID))
	if err != nil {
		return r, reportError(err)
	}
	fmt.Fprintf(s.stdout, "%s%s: %s\n%s  report: %s\n", s.tag(), run.Campaign, report.Verdict(r), s.tag(), filepath.Join(report.Dir(root, run), "report.md"))
	return r, nil
}

// stopped says what a runner's end means for the exit code, and why it ended
// early in words for the report.
func stopped(summary runner.Summary, err error) (code int, reason string, _ error) {
	switch summary.Stop {
	case runner.Complete:
		return exitDone, "", err
	case runner.Interrupted, runner.Killed:
		return exitUnfinished, "interrupted", err
	case runner.Asked:
		return exitUnfinished, "stopped by campaign stop", err
	case runner.Limit:
		return exitUnfinished, "the limit of this invocation is reached (--limit)", err
	case runner.Exhausted:
		reason = "what is deferred used up its attempts"
		if !summary.NotBefore.IsZero() {
			reason = "the upstream asks to wait until " + summary.NotBefore.Format(time.RFC3339)
		}
		return exitUnfinished, reason, err
	case runner.Unavailable:
		return exitUnfinished, withDetail("the upstream is not available", summary.Detail), err
	case runner.Token:
		return exitUnfinished, withDetail("the token was refused or could not be renewed", summary.Detail), err
	case runner.Differs:
		return exitGuard, "the messages render differently than planned", err
	}
	switch {
	case errors.Is(err, ledger.ErrHeld):
		return exitHeld, "", fail(exitHeld, "another process works on this run: wait for it, or stop it with `campaign stop`")
	case errors.Is(err, ledger.ErrState):
		return exitGuard, "the run is not open", fail(exitGuard, "%w", err)
	case err == nil:
		err = errors.New(withDetail("sending stopped", summary.Detail))
	}
	return exitState, "state, disk or clock failed", fail(exitState, "%w", err)
}

func withDetail(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}

// owner names this process for whoever finds a run held.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("%s, process %d", host, os.Getpid())
}

// watch prints how a run goes on, a line every few seconds, to stderr.
type watch struct {
	last atomic.Pointer[runner.Summary]
	done chan struct{}
	over chan struct{}
	say  func(string)
}

const watchInterval = 5 * time.Second

func (s *sender) watch(run campaign.Run, j *job) *watch {
	w := &watch{done: make(chan struct{}), over: make(chan struct{})}
	w.say = func(text string) { fmt.Fprintf(s.stderr, "%s%s: %s\n", s.tag(), run.Campaign, text) }
	go func() {
		defer close(w.over)
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for {
			select {
			case <-w.done:
				return
			case <-ticker.C:
			}
			if last := w.last.Load(); last != nil {
				w.say(fmt.Sprintf("%d requests so far, %d recipients accepted, %d in flight", last.Requests, last.Recipients.Accepted, last.InFlight))
			}
		}
	}()
	return w
}

// event takes the runner's news.
func (w *watch) event(e runner.Event) {
	switch e.Kind {
	case runner.Progressed:
		w.last.Store(&e.Summary)
	case runner.Troubled:
		w.say(fmt.Sprintf("the upstream is in trouble (%s); it is tried again at %s", e.Detail, e.Until.Format("15:04:05")))
	case runner.Recovered:
		w.say("the upstream answers again")
	case runner.Slowed:
		w.say("the upstream asks to slow down (429)")
	case runner.Renewed:
		w.say("the token was renewed")
	}
}

func (w *watch) stop() {
	close(w.done)
	<-w.over
}

// facts are what a report of a run says beside the ledger's numbers, from the
// run's frozen inputs. A run of another version of the program has fewer.
func (p *project) facts(ctx context.Context, led ledger.Reader, run campaign.Run) (report.Facts, error) {
	frozen, j, err := p.thaw(ctx, led, run, "")
	if err != nil {
		var e *exit
		if errors.As(err, &e) && e.code == exitGuard {
			return report.Facts{Version: version(), Generated: time.Now(), Warnings: []string{err.Error()}}, nil
		}
		return report.Facts{}, err
	}
	return frozen.factsOf(led, run, j)
}

// timeout of one request is the shorter of the campaign's and the account's.
func (j *job) timeout() time.Duration {
	own, account := j.campaign.Policy.Timeout, j.declared.Timeout
	if own > 0 && account > 0 {
		return min(own, account)
	}
	return cmp.Or(own, account, campaign.DefaultTimeout)
}

// toGroups reports whether a channel's recipients are user groups.
func toGroups(channel string) bool { return strings.HasPrefix(channel, "chuanbo.") }

func (p *project) factsOf(led ledger.Reader, run campaign.Run, j *job) (report.Facts, error) {
	f := report.Facts{
		Sandbox: run.Profile == sandboxProfile,
		Version: version(), Generated: time.Now(), Location: p.decl.Location,
		System: j.declared.System, BaseURL: j.account.BaseURL().String(),
		Limits: report.Limits{
			Rate:        runner.Slower(j.campaign.Policy.Rate, j.declared.Limits.Rate),
			Concurrency: max(j.declared.Limits.Concurrency, 1),
			Timeout:     j.timeout(),
		},
		Groups:   j.target.Layout().Groups,
		Loopback: onLoopback(j.declared, j.account),
	}
	if n := j.campaign.Policy.Concurrency; n > 0 {
		f.Limits.Concurrency = min(n, f.Limits.Concurrency)
	}
	for _, pointer := range []string{"/content/title", "/content/name"} { // a push is known by its name
		for _, t := range j.target.Layout().Texts {
			if t.Pointer == pointer {
				f.Title = t.Source
			}
		}
	}
	idle, err := idleLists(led, run, j)
	for _, file := range idle {
		f.Warnings = append(f.Warnings, file+" matched no row: is it for this campaign, and does it name people the same way?")
	}
	return f, err
}

// idleLists are the exclusion lists of a run that left nobody out.
func idleLists(led ledger.Reader, run campaign.Run, j *job) ([]string, error) {
	var files []string
	for _, e := range slices.Concat(j.campaign.Recipients.Exclude, j.declared.Suppress) {
		files = append(files, e.File)
	}
	if len(files) == 0 {
		return nil, nil
	}
	// Also after an interruption: the report is written all the same.
	for block, err := range led.Results(context.Background(), run.ID) {
		if err != nil {
			return nil, stateError(err)
		}
		for _, skip := range block.Block.Skips {
			_, by, _ := strings.Cut(skip.Reason, ": ")
			files = slices.DeleteFunc(files, func(file string) bool { return file == by })
		}
		if len(files) == 0 {
			break
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// fold makes the report of a run without storing it.
func (p *project) fold(ctx context.Context, led ledger.Reader, run campaign.Run) (report.Report, error) {
	facts := report.Facts{Version: version(), Generated: time.Now(), Sandbox: run.Profile == sandboxProfile, Groups: toGroups(run.Channel)}
	r, err := report.Fold(run, facts, led.Results(ctx, run.ID))
	return r, reportError(err)
}

// reportError classifies what a report said: numbers that do not add up are a
// bug that fails the run, a file that cannot be written is a state failure.
func reportError(err error) error {
	var e *exit
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, report.ErrUnbalanced):
		return fail(exitBug, "%w: this is a bug or damage, do not trust the numbers; `campaign state check` looks at the ledger", err)
	case errors.Is(err, report.ErrPlanning):
		return fail(exitGuard, "%w", err)
	case errors.Is(err, report.ErrWrite), errors.Is(err, fs.ErrPermission):
		return fail(exitState, "%w", err)
	}
	return stateError(err)
}
