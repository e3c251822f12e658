package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/targets"
	"campaign/internal/targets/zqt"
)

func newTargets(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "targets",
		Short: "Show the accounts of targets.yaml and the documented environments",
		Long: `targets lists the accounts of the chosen profile: where their requests go, where their secrets come from, and whether a person on
this machine has trusted them; and the project's webhooks, of whose addresses it shows the host. With --check it reaches them: connection, TLS and token. Neither upstream's document has a
call without effects besides group_list, so a 政企通 account is reached no further than that.`,
		Example: `  campaign targets
  campaign targets --check --profile production
  campaign targets trust gov`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			if err := p.listTargets(cmd.Context(), a); err != nil {
				return err
			}
			if check {
				return p.checkTargets(cmd.Context(), a)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "reach each account: connection, TLS and token")
	cmd.AddCommand(newTrust(a))
	return cmd
}

// project opens the project for commands that need a valid targets.yaml.
func (a *app) project() (*project, error) {
	p, found, err := a.openProject()
	if err != nil {
		return nil, err
	}
	a.show(a.stderr, found)
	if p == nil {
		return nil, quit(exitProblems)
	}
	return p, nil
}

// account decodes an account of the chosen profile.
func (p *project) account(name string) (campaign.Account, targets.Account, error) {
	declared, ok := p.profile.Targets[name]
	if !ok {
		return declared, nil, fail(exitUsage, "the profile %s has no target %q: it has %s", p.profile.Name, name,
			strings.Join(slices.Sorted(maps.Keys(p.profile.Targets)), ", "))
	}
	account, problems := system(declared.System).Account(declared)
	for _, problem := range problems {
		if !problem.Warning {
			return declared, nil, fail(exitProblems, "%w", p.doc.Diagnostic(problem))
		}
	}
	return declared, account, nil
}

func (p *project) listTargets(ctx context.Context, a *app) error {
	trust, err := readTrust()
	if err != nil {
		return fail(exitState, "%w", err)
	}
	speak(a.stdout, "Profile %s of %s\n\n", p.profile.Name, p.decl.ID)
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "TARGET\tSYSTEM\tADDRESS\tSECRETS\tTRUSTED")
	for _, name := range slices.Sorted(maps.Keys(p.profile.Targets)) {
		declared, account, err := p.account(name)
		if err != nil {
			return err
		}
		state, err := p.trustState(trust, declared, account)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, declared.System, account.BaseURL(), sources(account), state)
	}
	if err := p.listWebhooks(ctx, w, trust); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nENVIRONMENT\t\tADDRESS\tROUTE\tSERVES")
	for _, e := range zqt.Environments {
		fmt.Fprintf(w, "%s\tzqt\t%s\t%s\t%s\n", e.Name, e.BaseURL, firstOf(e.RoutePrefix, "none"), e.Serves)
	}
	return w.Flush()
}

func sources(account targets.Account) string {
	var out []string
	credentials := account.Credentials()
	for _, name := range slices.Sorted(maps.Keys(credentials)) {
		out = append(out, name+" from "+targets.Describe(credentials[name]))
	}
	return strings.Join(out, ", ")
}

func (p *project) trustState(trust trusted, declared campaign.Account, account targets.Account) (string, error) {
	if onLoopback(declared, account) {
		return "loopback", nil
	}
	print, err := fingerprint(declared, account)
	if err != nil {
		return "", err
	}
	return trust.state(trustKey(p.decl.ID, p.profile.Name, declared.Name), print), nil
}

// guardTrust refuses an account that no person on this machine has looked at as
// it is now.
func (p *project) guardTrust(trust trusted, declared campaign.Account, account targets.Account) error {
	state, err := p.trustState(trust, declared, account)
	if err != nil {
		return err
	}
	if state == "yes" || state == "loopback" {
		return nil
	}
	what := "nobody has trusted it on this machine"
	if state != "no" {
		what = "its address or the sources of its secrets have changed since it was trusted"
	}
	return fail(exitGuard, "the account %s at %s is not reached: %s; look at it with `campaign targets` and record that with `campaign targets trust %s --profile %s`",
		declared.Name, account.BaseURL(), what, declared.Name, p.profile.Name)
}

func (p *project) checkTargets(ctx context.Context, a *app) error {
	trust, err := readTrust()
	if err != nil {
		return fail(exitState, "%w", err)
	}
	code := exitDone
	fmt.Fprintln(a.stdout)
	for _, name := range slices.Sorted(maps.Keys(p.profile.Targets)) {
		declared, account, err := p.account(name)
		if err != nil {
			return err
		}
		if err := p.guardTrust(trust, declared, account); err != nil {
			speak(a.stdout, "%s: %v\n", name, err)
			code = worst(code, exitCode(err))
			continue
		}
		said, err := p.reach(ctx, declared, account)
		if err != nil {
			speak(a.stdout, "%s: %v\n", name, err)
			code = worst(code, reachCode(err))
			continue
		}
		speak(a.stdout, "%s: %s\n", name, said)
	}
	return quit(code)
}

// reachCode is the exit code of an account that was not reached: what has no code
// of its own is the upstream's.
func reachCode(err error) int {
	var e *exit
	if errors.As(err, &e) {
		return e.code
	}
	return exitUnfinished
}

// reach goes as far towards an account as goes without an effect upstream.
func (p *project) reach(ctx context.Context, declared campaign.Account, account targets.Account) (string, error) {
	out, err := p.openOutbound(ctx, declared, account, nil)
	if err != nil {
		return "", err
	}
	defer out.close()
	if grouper, ok := account.(targets.Grouper); ok {
		groups, err := out.groups(ctx, grouper)
		if err != nil {
			return "", err
		}
		return "reached, " + count(len(groups), "user group"), nil
	}
	if out.tokens != nil {
		if _, err := out.tokens.Token(ctx); err != nil {
			return "", err
		}
	}
	if err := out.wire.Reach(ctx, account.BaseURL()); err != nil {
		return "", err
	}
	return "connection and token are good; its token was not shown to the upstream", nil
}

func newTrust(a *app) *cobra.Command {
	var webhook string
	cmd := &cobra.Command{
		Use:   "trust NAME | --webhook NAME",
		Short: "Record that a person has looked at an account's address and secret sources",
		Long: `trust records, on this machine and for this user, where an account's requests go and where its secrets come from. A run refuses an
account that is not on loopback and differs from that record: a merge request cannot redirect messages or secrets unseen.

With --webhook it records where a webhook's address comes from and the host that it names. A webhook that is not on loopback and differs
from that record is not told; runs go on.`,
		Example: `  campaign targets trust gov --profile production
  campaign targets trust --webhook wecom`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (webhook != "") {
				return fail(exitUsage, "name an account, or a webhook with --webhook NAME")
			}
			p, err := a.project()
			if err != nil {
				return err
			}
			trust, err := readTrust()
			if err != nil {
				return fail(exitState, "%w", err)
			}
			var seen string
			if webhook != "" {
				seen, err = p.trustWebhook(cmd.Context(), trust, webhook)
			} else {
				seen, err = p.trustAccount(trust, args[0])
			}
			if err != nil {
				return err
			}
			if err := trust.write(); err != nil {
				return fail(exitState, "%w", err)
			}
			speak(a.stdout, "trusted: %s\n", seen)
			return nil
		},
	}
	cmd.Flags().StringVar(&webhook, "webhook", "", "a webhook of targets.yaml instead of an account")
	return cmd
}
