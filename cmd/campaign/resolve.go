package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// resolution is a person's word about deliveries of which it is not known what
// became (design: delivery, rule 5).
type resolution struct {
	keys     []string // nil: all that are unknown
	all      bool
	accepted bool
	not      bool
	reason   string
}

func newResolve(a *app) *cobra.Command {
	var r resolution
	var wait bool
	cmd := &cobra.Command{
		Use:   "resolve RUN (--delivery KEY… | --all) (--accepted | --not-accepted) --reason TEXT",
		Short: "Settle unknown deliveries by a person's word",
		Long: `resolve closes deliveries whose outcome is unknown: a person has asked the upstream, or looked at its console, and knows. --accepted: the
upstream took them on. --not-accepted: it certainly did not, and they are sent again when the run goes on. KEY is a request as reports
print it, with the range of a part. It works on cancelled runs too, of which nothing is ever sent again.

The word, who gave it and why stand in the run's history. The exit code is that of the run's numbers afterwards.`,
		Example: `  campaign resolve 5rrc2ktn5n77 --delivery 3-9f0c11aa --accepted --reason "seen in the console, outbox 8814"
  campaign resolve 5rrc2ktn5n77 --all --not-accepted --reason "王工 of the platform: nothing arrived between 10:00 and 10:05"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.check(); err != nil {
				return err
			}
			ctx := cmd.Context()
			s, run, err := a.findForWork(ctx, args[0])
			if err != nil {
				return err
			}
			defer s.close()
			defer s.ledger.Close()
			s.flags.wait = wait
			return s.resolve(ctx, run, r)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&r.keys, "delivery", nil, "a request, as reports print it; repeatable")
	flags.BoolVar(&r.all, "all", false, "everything that is unknown")
	flags.BoolVar(&r.accepted, "accepted", false, "the upstream took them on")
	flags.BoolVar(&r.not, "not-accepted", false, "the upstream certainly did not: they may be sent again")
	flags.StringVar(&r.reason, "reason", "", "how you know, for the report")
	addWait(flags, &wait)
	return cmd
}

func (r *resolution) check() error {
	switch {
	case r.all == (len(r.keys) > 0) || slices.Contains(r.keys, ""):
		return fail(exitUsage, "name requests with --delivery KEY, or give --all")
	case r.accepted == r.not:
		return fail(exitUsage, "say what became of them: --accepted or --not-accepted")
	}
	return checkReason(r.reason)
}

// outcome is what the word makes of a delivery.
func (r *resolution) outcome() campaign.Outcome {
	if r.accepted {
		return campaign.Accepted
	}
	return campaign.Deferred
}

func (s *sender) resolve(ctx context.Context, run campaign.Run, r resolution) error {
	if run.State == campaign.Planning {
		return fail(exitGuard, "run %s was never planned as a whole and nothing of it was sent: there is nothing to resolve", run.ID)
	}
	owner, err := s.ledger.Held(ctx, run.ID)
	if err != nil {
		return stateError(err)
	}
	if owner == "" { // what is refused leaves no trace in the run's history
		if open, err := s.mayResolve(ctx, run, r); !open || err != nil {
			return err
		}
	}
	hold, err := s.claim(ctx, run)
	if err != nil {
		return err
	}
	done, err := s.resolveHeld(ctx, hold, run, r)
	if err = errors.Join(err, stateError(s.ledger.Release(context.WithoutCancel(ctx), hold))); err != nil {
		return err
	}
	if done.requests == 0 { // settled while it was waited for
		_, err := s.mayResolve(ctx, run, r)
		return err
	}
	t := &todo{run: run}
	facts, err := s.facts(ctx, s.ledger, run)
	if err != nil {
		return err
	}
	speak(s.stdout, "%s: %s by your word%s\n", t.title(s), r.text(done, toGroups(run.Channel)), s.next(ctx, run, r))
	reported, err := s.writeReport(t, facts)
	if err != nil {
		return err
	}
	return quit(codeOf(reported))
}

// mayResolve reports whether there is something that the word is about, and says
// so when there is not; the error is the command's end then.
func (s *sender) mayResolve(ctx context.Context, run campaign.Run, r resolution) (bool, error) {
	if !r.all {
		err := s.unknownKeys(ctx, run, r.keys)
		return err == nil, err
	}
	now, err := s.fold(ctx, s.ledger, run)
	if err != nil || now.HasUnknown() {
		return err == nil, err
	}
	t := &todo{run: run, counts: survey{Report: now}}
	speak(s.stdout, "%s: nothing is unknown, so nothing was changed\n", t.title(s))
	if now.Complete() {
		if err := s.lateReport(ctx, t); err != nil {
			return false, err
		}
	}
	return false, quit(codeOf(now))
}

// resolveHeld settles what the word is about. Nothing is changed unless all that
// it names is unknown.
func (s *sender) resolveHeld(ctx context.Context, hold ledger.Hold, run campaign.Run, r resolution) (done wanted, err error) {
	if !r.all {
		if err := s.unknownKeys(ctx, run, r.keys); err != nil {
			return done, err
		}
	}
	verdict := campaign.Verdict{Outcome: r.outcome(), Reason: "resolved: " + r.reason}
	var group []ledger.Settlement
	record := func() error {
		if len(group) == 0 {
			return nil
		}
		err := s.ledger.Record(ctx, hold, group, nil)
		group = group[:0]
		return stateError(err)
	}
	for work, err := range s.ledger.Unknown(ctx, hold) {
		if err != nil {
			return done, stateError(err)
		}
		for d, leaf := range leaves(work) {
			if leaf.Verdict.Outcome != campaign.Unknown || !r.all && !slices.Contains(r.keys, d.Key(leaf.Part)) {
				continue
			}
			group = append(group, ledger.Settlement{Part: leaf.Part, Verdict: verdict, At: time.Now()})
			done.requests++
			done.recipients += int64(len(leaf.Part.Of(d.Recipients)))
			if len(group) == resolveAtOnce {
				if err := record(); err != nil {
					return done, err
				}
			}
		}
	}
	if err := record(); err != nil || done.requests == 0 {
		return done, err
	}
	note := campaign.Note{At: time.Now(), Kind: campaign.NoteResolved, By: person(), Text: r.text(done, toGroups(run.Channel)) + ": " + r.reason}
	return done, stateError(s.ledger.Note(ctx, hold, note))
}

// resolveAtOnce is how many settlements are recorded as one group.
const resolveAtOnce = 256

// text says what was settled, and as what.
func (r *resolution) text(done wanted, groups bool) string {
	unit := "recipient"
	if groups {
		unit = "user group"
	}
	as := "accepted"
	if r.not {
		as = "not accepted"
	}
	return fmt.Sprintf("%s with %s settled as %s", count(done.requests, "request"), count(done.recipients, unit), as)
}

// next says what becomes of what was not accepted.
func (s *sender) next(ctx context.Context, run campaign.Run, r resolution) string {
	if r.accepted {
		return ""
	}
	if run.State == campaign.Cancelled {
		return "; the run is cancelled, so nothing of it is sent again: a new name or --occurrence sends"
	}
	if _, j, err := s.thaw(ctx, s.ledger, run); err == nil {
		if until := j.expires(run); !until.IsZero() && time.Now().After(until) {
			return fmt.Sprintf("; it was to be sent until %s, so it has expired and is not sent again: a new --occurrence sends", at(until, j.spec.Zone))
		}
	}
	if by, err := s.followedUp(ctx, run, campaign.Unknown); err == nil && by != "" {
		return fmt.Sprintf("; run %s was a follow-up for those that were unknown: `campaign cancel %s --reason TEXT` keeps them from getting it twice, `campaign resume %s` sends it to them again", by, run.ID, run.ID)
	}
	return fmt.Sprintf("; `campaign resume %s` sends them again, as does `campaign run %s`", run.ID, run.File)
}

// unknownKeys refuses keys of requests that are not unknown, with what is known
// of them.
func (s *sender) unknownKeys(ctx context.Context, run campaign.Run, keys []string) error {
	left := slices.Compact(slices.Sorted(slices.Values(keys)))
	var problems []string
	parts := map[string][]string{} // of a request that was split
	for block, err := range s.ledger.Results(ctx, run.ID) {
		if err != nil {
			return stateError(err)
		}
		for d, leaf := range leaves(block) {
			key := d.Key(leaf.Part)
			if whole, part, _ := strings.Cut(key, "/"); part != "" && slices.Contains(left, whole) {
				parts[whole] = append(parts[whole], key)
			}
			at, named := slices.BinarySearch(left, key)
			if !named {
				continue
			}
			left = slices.Delete(left, at, at+1)
			if leaf.Verdict.Outcome != campaign.Unknown {
				problems = append(problems, fmt.Sprintf("request %s is not unknown but %s", key, leaf.Verdict.Outcome))
			}
		}
	}
	code := exitGuard
	for _, key := range left {
		if parts[key] != nil {
			problems = append(problems, fmt.Sprintf("request %s was split: name its parts (%s)", key, strings.Join(parts[key], ", ")))
			continue
		}
		code = exitUsage
		problems = append(problems, fmt.Sprintf("run %s has no request %s: reports list those that are unknown", run.ID, key))
	}
	if len(problems) == 0 {
		return nil
	}
	return fail(code, "nothing was changed: %s", strings.Join(problems, "; "))
}

// leaves yields every request of a block, after splits, with its delivery.
func leaves(b campaign.BlockResults) func(yield func(campaign.Delivery, campaign.Result) bool) {
	return func(yield func(campaign.Delivery, campaign.Result) bool) {
		at := 0
		for _, r := range b.Results {
			for at < len(b.Block.Deliveries) && b.Block.Deliveries[at].Seq < r.Part.Seq {
				at++
			}
			if at == len(b.Block.Deliveries) || !yield(b.Block.Deliveries[at], r) {
				return
			}
		}
	}
}

// person names who gives a word: the user and the machine.
func person() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	name := firstOf(os.Getenv("USER"), os.Getenv("USERNAME"), "somebody")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return name + "@" + host
}
