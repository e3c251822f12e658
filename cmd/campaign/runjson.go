package main

import (
	"context"
	"io"

	"campaign/internal/campaign"
	"campaign/internal/report"
)

// ran is what became of one campaign of `run`, for machines.
type ran struct {
	File       string           `json:"file"`
	Campaign   string           `json:"campaign"`
	Run        string           `json:"run"`
	Occurrence string           `json:"occurrence"`
	ExitCode   int              `json:"exit_code"`
	Guard      string           `json:"guard,omitempty"`   // why a guard stopped it before it began, for people
	State      report.State     `json:"state,omitempty"`   // absent: nothing of it was planned
	Verdict    []string         `json:"verdict,omitempty"` // for people
	Requests   *campaign.Counts `json:"requests,omitempty"`
	Recipients *campaign.Counts `json:"recipients,omitempty"`
	Report     string           `json:"report,omitempty"` // the file for people; report.json lies beside it
}

// runJSON is `run --format json`: one document at the end, whatever the end was.
func (a *app) runJSON(ctx context.Context, args []string, f runFlags) error {
	var out io.Writer
	out, a.stdout = a.stdout, a.stderr
	defer func() { a.stdout = out }()
	document := struct {
		FormatVersion int    `json:"format_version"`
		ExitCode      int    `json:"exit_code"`
		Error         string `json:"error,omitempty"`
		Campaigns     []ran  `json:"campaigns"`
	}{FormatVersion: 1, Campaigns: []ran{}}
	s, files, named, err := a.openSender(f, args)
	if err == nil {
		err = s.run(ctx, files, named)
		for _, t := range s.jobs {
			document.Campaigns = append(document.Campaigns, t.ran(err))
		}
		s.close()
	}
	document.ExitCode, document.Error = exitCode(err), exitMessage(err)
	if err := printJSON(out, document); err != nil {
		return fail(exitState, "%w", err)
	}
	return err
}

func (t *todo) ran(err error) ran {
	out := ran{
		File: t.campaign.File, Campaign: t.campaign.Name, Run: t.run.ID, Occurrence: t.spec.Occurrence.Label,
		ExitCode: t.code, Guard: t.guard, Report: t.report,
	}
	if t.code == exitDone && !t.looked { // the end came before its turn
		out.ExitCode = exitCode(err)
	}
	if r := t.counts.Report; r.State != "" {
		out.State, out.Verdict, out.Requests, out.Recipients = r.State, r.Sentences, &r.Requests, &r.Recipients
	}
	return out
}
