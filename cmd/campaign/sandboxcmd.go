package main

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/sandbox"
	"campaign/internal/spec"
	"campaign/internal/targets"
)

// sandboxProfile is the profile of runs against the built-in upstream: they have
// their own state and use nothing up.
const sandboxProfile = "sandbox"

func newSandbox(a *app) *cobra.Command {
	var listen string
	var faults []string
	var o sandbox.Options
	var kinds strings.Builder
	for _, k := range sandbox.FaultKinds() {
		fmt.Fprintf(&kinds, "  %-14s %s\n", k.Name, k.Help)
	}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve both upstreams on loopback, exactly as documented, with faults on demand",
		Long: `sandbox emulates 政企通 and 传播通 on an address of this machine until it is stopped. It refuses what the documents refuse and
keeps a record of every request that it accepted:

  GET  /_sandbox/requests   the record (?format=json, since=, limit=)
  GET  /_sandbox/summary    counts, and recipients that were accepted more than once
  POST /_sandbox/faults     {"kind": "reset-after", "times": 3}; GET lists them, DELETE clears them

Faults are KIND:key=value,key=value with the keys times, after, every, probability, seed, system, endpoint, recipient and those of the kind:

` + kinds.String(),
		Example: `  campaign sandbox --listen 127.0.0.1:8080
  campaign sandbox --fault reset-after:times=3,after=10 --fault 429:every=50,retry-after=2s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, text := range faults {
				f, err := sandbox.ParseFault(text)
				if err != nil {
					return fail(exitUsage, "--fault %s: %w", text, err)
				}
				o.Faults = append(o.Faults, f)
			}
			s := sandbox.New(o)
			if err := s.Listen(listen); err != nil {
				return fail(exitUsage, "%w", err)
			}
			defer s.Close()
			fmt.Fprintf(a.stdout, "sandbox: both upstreams at %s, control at %s (Ctrl-C ends it)\n", s.URL(), s.ControlURL())
			<-cmd.Context().Done()
			summary := s.Summary()
			fmt.Fprintf(a.stdout, "sandbox: accepted %d of %s\n", summary.Accepted, count(summary.Received, "request"))
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", "127.0.0.1:8080", "a loopback address; port 0 takes a free one")
	flags.StringVar(&o.ControlAddr, "control", "", "a second loopback address for /_sandbox, open while a refuse fault closes the first")
	flags.StringArrayVar(&faults, "fault", nil, "a fault, repeatable")
	flags.StringVar(&o.RecordFile, "record", "", "append each accepted request to this file, a JSON line each")
	flags.StringSliceVar(&o.Tokens, "token", nil, "the bearer tokens that are good (default: any)")
	flags.StringVar(&o.ConnectNo, "connect-no", "", "the connectNo that is good (default: any)")
	flags.BoolVar(&o.KeepBodies, "keep-bodies", false, "keep the bodies in the record")
	return cmd
}

// standIn is a sandbox that runs inside this process, with secrets of its own.
type standIn struct {
	*sandbox.Server
	secrets standIns
}

// startStandIn starts a sandbox for the accounts of a profile. It serves the
// groups that the project's lock files record, so that what `match` found is
// there.
func (p *project) startStandIn() (*standIn, error) {
	secrets := standIns{}
	for _, declared := range p.profile.Targets {
		account, problems := system(declared.System).Account(declared)
		if targets.HasErrors(problems) {
			continue // said when a campaign uses it
		}
		for name, c := range account.Credentials() {
			if c.Literal == "" {
				secrets[name] = campaign.NewSecret("sandbox-" + rand.Text())
			}
		}
		for name, c := range declared.Headers {
			if c.Literal == "" {
				secrets[name] = campaign.NewSecret("sandbox-" + rand.Text())
			}
		}
	}
	options := sandbox.Options{ConnectNo: secrets["connect_no"].Reveal(), Groups: p.lockedGroups()}
	if token := secrets["token"]; !token.IsZero() {
		options.Tokens = []string{token.Reveal()}
	}
	server, err := sandbox.Start(options)
	if err != nil {
		return nil, fail(exitState, "the sandbox cannot start: %w", err)
	}
	return &standIn{server, secrets}, nil
}

// lockedGroups are the groups of all lock files; nil without any.
func (p *project) lockedGroups() []sandbox.Group {
	var out []sandbox.Group
	for _, name := range slices.Sorted(maps.Keys(p.profile.Targets)) {
		groups, _, found := spec.LoadGroups(p.files, spec.GroupsFile(name))
		if campaign.HasErrors(found) {
			continue
		}
		for _, g := range groups {
			kind := 1
			if g.Type == "tags" {
				kind = 2
			}
			out = append(out, sandbox.Group{ID: g.ID, Title: g.Title, Type: kind, Department: g.Department, Status: 1,
				OperateTime: "2026-01-05 09:00:00", Operator: "sandbox", People: int(g.People)})
		}
	}
	return out
}
