package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/spec"
)

// approvalHistory is how an approvals file came to be, entry by entry: lines that a commit
// moved, or wrote beside an approval, are not mistaken for the approval.
type approvalHistory struct {
	*checkout
	file    string
	commits map[string]commit
	read    map[string]approvalsThen // by commit
}

// approvalsThen are the approvals of a commit; none where it does not have the file.
type approvalsThen struct {
	all    []campaign.Approval
	broken bool // the file could not be read: what stood in it is not known
}

func (t *approvalsThen) have(a *campaign.Approval) bool {
	return slices.ContainsFunc(t.all, func(b campaign.Approval) bool { return reflect.DeepEqual(*a, b) })
}

// approver is who committed an approval. before is the last commit until then in which
// somebody else approved the campaign under the same profile, and so saw what it says;
// empty: there is none.
func (c *checkout) approver(ctx context.Context, file string, a *campaign.Approval) (who author, before string, err error) {
	commits, err := c.log(ctx, "--topo-order", "--parents", "HEAD", "--", file)
	if err != nil {
		return who, "", err
	}
	h := &approvalHistory{c, file, map[string]commit{}, map[string]approvalsThen{}}
	for _, one := range commits {
		h.commits[one.id] = one
	}
	if len(commits) == 0 {
		return who, "", fmt.Errorf("%s is in no commit: commit it", file)
	}
	at, err := h.origin(ctx, commits[0], a)
	if err != nil {
		return who, "", err
	}
	if at.written == "" || at.mapped == "" {
		return who, "", fmt.Errorf("git does not say who committed %s", file)
	}
	behind := at.parents
	for _, older := range commits {
		if !slices.Contains(behind, older.id) {
			continue
		}
		behind = append(behind, older.parents...)
		if older.same(at.author) {
			continue
		}
		if approved, err := h.approves(ctx, older, a.Profile); approved || err != nil {
			return at.author, older.id, err
		}
	}
	return at.author, "", nil
}

// origin is the commit that brought an approval, which HEAD has, into the file.
func (h *approvalHistory) origin(ctx context.Context, at commit, a *campaign.Approval) (commit, error) {
	then, err := h.at(ctx, at.id)
	if err != nil {
		return at, err
	}
	if !then.have(a) {
		return at, fmt.Errorf("the commit that is checked out does not have this approval in %s: commit it", h.file)
	}
	for i := 0; i < len(at.parents); i++ {
		then, err := h.at(ctx, at.parents[i])
		switch {
		case err != nil:
			return at, err
		case then.broken:
			return at, fmt.Errorf("who approved it is not known, because %s cannot be read in commit %s: approve it again", h.file, at.parents[i])
		case then.have(a):
			at, i = h.commits[at.parents[i]], -1
		}
	}
	return at, nil
}

// approves reports whether a commit brought an approval under a profile.
func (h *approvalHistory) approves(ctx context.Context, at commit, profile string) (bool, error) {
	now, err := h.at(ctx, at.id)
	if err != nil {
		return false, err
	}
	var before approvalsThen
	for _, id := range at.parents {
		then, err := h.at(ctx, id)
		if then.broken || err != nil {
			return false, err
		}
		before.all = append(before.all, then.all...)
	}
	return slices.ContainsFunc(now.all, func(a campaign.Approval) bool { return a.Profile == profile && !before.have(&a) }), nil
}

// at gives the approvals of a commit.
func (h *approvalHistory) at(ctx context.Context, id string) (approvalsThen, error) {
	if then, ok := h.read[id]; ok {
		return then, nil
	}
	entry, err := h.git(ctx, "ls-tree", "-z", id, "--", h.file)
	if err != nil {
		return approvalsThen{}, err
	}
	var then approvalsThen
	meta, _, _ := strings.Cut(string(entry), "\t")
	if fields := strings.Fields(meta); len(fields) == 3 {
		data, err := h.git(ctx, "cat-file", "blob", fields[2])
		if err != nil {
			return then, err
		}
		var found []campaign.Diagnostic
		then.all, _, found = spec.LoadApprovals(newFrozenFS([]campaign.Input{{Path: h.file, Data: data}}), h.file)
		then.broken = campaign.HasErrors(found)
	}
	h.read[id] = then
	return then, nil
}
