package main

import (
	"context"
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"campaign/internal/campaign"
	"campaign/internal/spec"
	"campaign/internal/targets"
)

// groupPage is how many groups are asked for at a time.
const groupPage = 100

func newGroups(a *app) *cobra.Command {
	var target string
	var lock bool
	cmd := &cobra.Command{
		Use:   "groups --target NAME",
		Short: "List the user groups of a 传播通 account, or lock them in a file",
		Long: `groups asks the upstream for the account's user groups. With --lock it writes them to groups.NAME.lock.yaml, which is committed:
campaigns that choose groups by match are planned from that file, offline and reviewable.`,
		Example: `  campaign groups --target media
  campaign groups --target media --lock`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.project()
			if err != nil {
				return err
			}
			if target == "" {
				return fail(exitUsage, "--target NAME is missing: `campaign targets` lists the accounts")
			}
			declared, account, err := p.account(target)
			if err != nil {
				return err
			}
			grouper, ok := account.(targets.Grouper)
			if !ok {
				return fail(exitUsage, "%s is a %s account, which has no user groups to list", target, declared.System)
			}
			groups, err := p.askGroups(cmd.Context(), declared, account, grouper)
			if err != nil {
				return err
			}
			if !lock {
				return a.printGroups(groups)
			}
			name := spec.GroupsFile(target)
			file := filepath.Join(p.dir, filepath.FromSlash(name))
			if err := writeFile(file, append([]byte(p.modeline(name, "groups")), spec.MarshalGroups(target, groups)...)); err != nil {
				return fail(exitState, "%w", err)
			}
			speak(a.stdout, "wrote %s: %s\n", file, count(len(groups), "group"))
			return nil
		},
	}
	cmd.Flags().StringVar(&target, "target", "", "a 传播通 account of targets.yaml")
	cmd.Flags().BoolVar(&lock, "lock", false, "write groups.NAME.lock.yaml")
	return cmd
}

// askGroups lists an account's groups, having checked that it may be reached.
func (p *project) askGroups(ctx context.Context, declared campaign.Account, account targets.Account, grouper targets.Grouper) ([]campaign.Group, error) {
	trust, err := readTrust()
	if err != nil {
		return nil, fail(exitState, "%w", err)
	}
	if err := p.guardTrust(trust, declared, account); err != nil {
		return nil, err
	}
	out, err := p.openOutbound(ctx, declared, account, nil)
	if err != nil {
		return nil, err
	}
	defer out.close()
	groups, err := out.groups(ctx, grouper)
	if err != nil {
		return nil, fail(exitUnfinished, "the groups of %s: %w", declared.Name, err)
	}
	return groups, nil
}

// groups pages through group_list (chuanbo-push 一、获取用户组).
func (o *outbound) groups(ctx context.Context, grouper targets.Grouper) ([]campaign.Group, error) {
	var all []campaign.Group
	seen := map[int64]bool{}
	for page := 1; ; page++ {
		request, err := grouper.GroupPage(page, groupPage, o.secrets)
		if err != nil {
			return nil, err
		}
		answer, err := o.ask(ctx, request)
		if err != nil {
			return nil, err
		}
		groups, total, err := grouper.Groups(answer)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			if seen[g.ID] {
				return nil, fmt.Errorf("group %d stands on two pages: the list changed while it was read, or the upstream ignores the page; try again", g.ID)
			}
			seen[g.ID] = true
		}
		all = append(all, groups...)
		switch {
		case int64(len(all)) == total:
			return all, nil
		case int64(len(all)) > total:
			return nil, fmt.Errorf("the upstream says that there are %d groups and gave %d", total, len(all))
		case len(groups) == 0:
			return nil, fmt.Errorf("the upstream says that there are %d groups and gave %d", total, len(all))
		}
	}
}

func (a *app) printGroups(groups []campaign.Group) error {
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tPEOPLE\tTYPE\tTITLE\tDEPARTMENT")
	for _, g := range groups {
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\n", g.ID, g.People, g.Type, g.Title, g.Department)
	}
	return w.Flush()
}
