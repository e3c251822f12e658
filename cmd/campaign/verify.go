package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"campaign/internal/report"
)

func newVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify REPORT…",
		Short: "Hold reports against the ledger",
		Long: `verify compares the digest that a report carries with the one of what the ledger says of that run now, and the counts where the
format has them (json, ndjson). A run that went on since has other records: then its report is to be made again. html, markdown and junit are
for people: their digest is compared, not each of their words, and the verdict that the ledger gives is printed beside it.

Exit code 0: all of them are of these records. 1: one is not, or its numbers are not the ledger's.`,
		Example: "  campaign verify reports/production/census/5rrc2ktn5n77/report.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code := exitDone
			for _, file := range args {
				c, err := a.verify(cmd.Context(), file)
				if err != nil {
					return err
				}
				code = worst(code, c)
			}
			return quit(code)
		},
	}
}

// verify holds one report against the ledger.
func (a *app) verify(ctx context.Context, file string) (int, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, fail(exitUsage, "%w", err)
	}
	defer f.Close()
	stamp, err := report.ReadStamp(f)
	if err != nil {
		return 0, fail(exitUsage, "%s: %w: give a report.json, report.html, report.md, recipients.ndjson or a junit file", file, err)
	}
	p, led, run, err := a.findRun(ctx, stamp.Run)
	if err != nil {
		return 0, err
	}
	defer led.Close()
	notes, err := led.Notes(ctx, run.ID)
	if err != nil {
		return 0, stateError(err)
	}
	now, err := p.fold(ctx, led, run)
	if err != nil {
		return 0, err
	}
	say := func(format string, args ...any) {
		speak(a.stdout, "%s: %s\n  the ledger says of run %s: %s\n", file, fmt.Sprintf(format, args...), run.ID, spokenVerdict(now))
	}
	where := stamp.Differs(now)
	switch {
	case stamp.Records != now.Records && purgedFrom(notes) == stamp.Records && where == "":
		say("of the run's records as they were before people's data were deleted")
	case stamp.Records != now.Records:
		say("NOT of the run's records as they are now (%s… and %s…): the run went on since, or one of the two was changed; `campaign report %s` makes it again", stamp.Records[:12], now.Records[:12], run.ID)
		return exitProblems, nil
	case where != "":
		say("CHANGED: %s", where)
		return exitProblems, nil
	default:
		say("of the run's records (%s…)", now.Records[:12])
	}
	return exitDone, nil
}
