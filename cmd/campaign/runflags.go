package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"campaign/internal/campaign"
	"campaign/internal/contract"
	"campaign/internal/diagnostics"
)

// maxLabel bounds an occurrence's label, in bytes.
const maxLabel = 200

// runFlags are the flags of commands that send.
type runFlags struct {
	occurrence string
	to         []string
	limit      int64
	sandbox    bool
	dryRun     bool
	yes        bool
	upstream   time.Duration // --wait-for-upstream
	window     time.Duration // --wait-for-window
	wait       bool          // for another process that holds the run
	outside    string        // --outside-window: the reason for which the delivery window does not count
	confirmed  bool          // a person lets the run go past the stage that waits (resume)
	format     string
	change     string // why a change above max_change is right
	again      string // why the same may go out again
	progress   string // how it is shown that the run goes on
	planFile   string // of a saved plan, which says what is run
	saved      *contract.Document
	followUp
}

// maxWait is how long an invocation waits for the window by default.
const maxWait = 15 * time.Minute

// add adds the flags that run and resume share.
func (f *runFlags) add(flags *pflag.FlagSet) {
	flags.Int64Var(&f.limit, "limit", 0, "begin at most this many recipients now; running again goes on")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	flags.DurationVar(&f.upstream, "wait-for-upstream", 0, "how long to wait for an upstream in trouble before giving up")
	flags.DurationVar(&f.window, "wait-for-window", maxWait, "how long to wait for the delivery window to open, or for as long as the upstream asks, before giving up")
	flags.StringVar(&f.progress, "progress", progressAuto,
		"how it is shown that the run goes on, on stderr: "+strings.Join(progressModes, ", ")+"; auto: a live block on a terminal, else a line every few seconds; json: lines that begin with {")
	addWait(flags, &f.wait)
}

// addWait adds --wait to a command that works on a run.
func addWait(flags *pflag.FlagSet, wait *bool) {
	flags.BoolVar(wait, "wait", false, "when another process works on the run, wait until it ends")
}

// check refuses flags whose value got lost, as in --to "$IDS" without IDS: a
// trial to nobody must not become a run to everybody, nor a follow-up of no run.
func (f *runFlags) check(cmd *cobra.Command) error {
	given := func(name string) bool { flag := cmd.Flags().Lookup(name); return flag != nil && flag.Changed }
	switch {
	case given("to") && (len(f.to) == 0 || slices.Contains(f.to, "")):
		return fail(exitUsage, "--to names nobody: give the ids of recipients, with commas between them")
	case given("occurrence") && strings.TrimSpace(f.occurrence) == "":
		return fail(exitUsage, "--occurrence is empty: give a label, or leave it out")
	case diagnostics.Inert(f.occurrence) != f.occurrence || len(f.occurrence) > maxLabel:
		return fail(exitUsage, "--occurrence: a label is one line of text, %d bytes at most", maxLabel)
	case given("accept-change") && !reason(f.change), given("again") && !reason(f.again):
		return fail(exitUsage, "--accept-change and --again want a reason: one line of text, for the run's history")
	case given("progress") && !slices.Contains(progressModes, f.progress):
		return fail(exitUsage, "--progress %s: there are %s", f.progress, strings.Join(progressModes, ", "))
	case given("of") && strings.TrimSpace(f.of) == "":
		return fail(exitUsage, "--of names no run: give the id of the run that is followed up")
	case given("plan") && f.planFile == "":
		return fail(exitUsage, "--plan names no file: give the saved plan that is to be run")
	case f.followUp.asked() && f.dryRun:
		return fail(exitUsage, "--only is not for a dry run: `campaign report RUN --format recipients --outcome …` lists whom it is about")
	case f.followUp.check(f.to) != nil:
		return f.followUp.check(f.to)
	case f.window < 0 || f.upstream < 0:
		return fail(exitUsage, "a time to wait is not negative")
	case given("outside-window") && checkReason(f.outside) != nil:
		return fail(exitUsage, "--outside-window: give the reason, one line of text: it stands in the run's history")
	case given("limit") && f.limit < 1:
		return fail(exitUsage, "--limit %d: give a number of recipients, at least 1", f.limit)
	}
	return nil
}

// reason reports whether a text is a line that a report can show.
func reason(text string) bool {
	return strings.TrimSpace(text) != "" && diagnostics.Inert(text) == text
}

// occasion is what the flags add to the files.
func (f *runFlags) occasion() occasion {
	o := occasion{occurrence: campaign.Occurrence{Label: firstOf(f.occurrence, campaign.Once), Time: time.Now()}, to: f.to}
	if f.to != nil {
		o.occurrence.Label = "trial-" + o.occurrence.Time.UTC().Format("20060102T150405.000Z")
	}
	return o
}
