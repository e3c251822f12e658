package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is what every command shares: the streams and the flags that all of them
// take.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	signals        *interrupts
	flags          struct {
		project, data, profile string
		verbose                bool
	}
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "campaign",
		Short: "Run campaigns that are declared in files",
		Long: `campaign checks campaign files, shows what they would send, sends them to 政企通 and 传播通, and reports what
became of every recipient. Files are the interface: commit them, review them, run them once or again.

` + exitCodesHelp,
		Example: `  campaign init
  campaign validate
  campaign plan campaigns/census.yaml
  campaign run campaigns/census.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	flags := root.PersistentFlags()
	flags.StringVar(&a.flags.project, "project", "", "the project's folder (default: the nearest that holds targets.yaml)")
	flags.StringVar(&a.flags.data, "data", "", "where .campaign/ and reports/ go (default: $CAMPAIGN_DATA, else the project)")
	flags.StringVar(&a.flags.profile, "profile", "", "the profile of targets.yaml (default: $CAMPAIGN_PROFILE, else test)")
	flags.BoolVarP(&a.flags.verbose, "verbose", "v", false, "log what is done to stderr")
	root.AddCommand(
		newInit(a), newNew(a),
		newValidate(a), newPlan(a), newNext(a),
		newApprove(a), newRun(a), newServe(a), newTick(a), newResume(a), newStop(a), newCancel(a), newResolve(a),
		newRuns(a), newShow(a), newReport(a), newVerify(a), newPurge(a), newExplain(a), newEvidence(a),
		newTargets(a), newGroups(a), newState(a),
		newSandbox(a), newSchema(a), newVersion(a),
	)
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Example = "  source <(campaign completion bash)"
		}
	}
	return root
}

// logger writes what is done to stderr, without secrets and recipients' ids.
func (a *app) logger() *slog.Logger {
	level := slog.LevelWarn
	if a.flags.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(verbatim(a.stderr), &slog.HandlerOptions{Level: level}))
}

// terminal reports whether a stream is a person's terminal.
func terminal(stream any) bool {
	switch s := stream.(type) {
	case *output:
		stream = s.w
	case *screen:
		stream = s.w
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) colour(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal(w)
}
