package main

import (
	"fmt"
	"slices"

	"campaign/internal/campaign"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/plan"
	"campaign/internal/runner"
)

// sender is one invocation that sends.
type sender struct {
	*app
	*project
	flags    runFlags
	begun    int64 // recipients, against flags.limit
	ledger   *sqlite.Ledger
	standIn  *standIn // nil: the accounts' own addresses
	accounts map[string]*line
	jobs     []*todo // of `run`, once they are valid
	crew     *crew   // of a process that runs schedules; nil: this one is alone
	shared   []*sharedLine
}

// todo is a campaign that a run looks at.
type todo struct {
	*job
	named   bool // by itself, not found in a folder
	summary plan.Summary
	digest  string
	run     campaign.Run
	known   bool // the ledger has the run
	counts  survey
	looked  bool   // code says what became of it
	code    int    //
	report  string // the file, once it is written
	guard   string // why one stops it before it begins
	said    contents
	cap     capCount
	capped  string // digest of whom the summary leaves out for the cap
	// overrides say by whose word a guard let the run begin; they go into its history.
	overrides []campaign.Note
	ended     runner.Summary // of this invocation, once it is over
}

// openSender opens the project for sending; with --sandbox under a profile of its
// own.
func (a *app) openSender(f runFlags, args []string) (*sender, []string, map[string]bool, error) {
	p, err := a.project()
	if err != nil {
		return nil, nil, nil, err
	}
	s := &sender{app: a, project: p, flags: f, accounts: map[string]*line{}}
	if f.sandbox || p.profile.Name == sandboxProfile {
		p.profile.Name = sandboxProfile
		if s.standIn, err = p.startStandIn(); err != nil {
			return nil, nil, nil, err
		}
		fmt.Fprintf(a.stderr, "[sandbox] the built-in upstream stands in for every target at %s: nothing leaves this machine\n", s.standIn.URL())
	}
	if f.saved != nil {
		if args, err = p.plannedFiles(f.planFile, f.saved); err != nil {
			err = fail(exitCode(err), "nothing was sent: %w", err)
		}
	}
	var files []string
	var named map[string]bool
	if err == nil {
		files, named, err = p.campaignFiles(a.stdin, args)
	}
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	if f.saved != nil && len(files) > 1 { // nobody named them now
		named = nil
	}
	return s, files, named, nil
}

func (s *sender) close() {
	if s.crew != nil {
		for _, l := range s.shared {
			s.crew.lines.leave(l)
		}
		return
	}
	for _, l := range s.accounts {
		l.out.close()
	}
	if s.standIn != nil {
		s.standIn.Close()
	}
}

// tag begins every line that matters of a run that does not reach real people.
func (s *sender) tag() string {
	if s.standIn != nil {
		return "[sandbox] "
	}
	return ""
}

// guard refuses accounts that nobody on this machine has looked at.
func (s *sender) guard(jobs []*todo) error {
	if s.standIn != nil {
		return nil
	}
	trust, err := readTrust()
	if err != nil {
		return fail(exitState, "%w", err)
	}
	for _, t := range jobs {
		if err := s.guardTrust(trust, t.declared, t.account); err != nil {
			return fail(exitGuard, "%s: %w", t.campaign.File, err)
		}
	}
	return nil
}

// real reports whether a job goes beyond this machine.
func (s *sender) real(jobs []*todo) bool {
	return s.standIn == nil && slices.ContainsFunc(jobs, func(t *todo) bool { return !onLoopback(t.declared, t.account) })
}
