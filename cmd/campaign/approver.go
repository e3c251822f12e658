package main

import (
	"context"
	"errors"
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
	read    map[string][]campaign.Approval // by commit
}

// approver is who committed an approval. before is the last commit until then in which
// somebody else approved the campaign under the same profile, and so saw what it says;
// empty: there is none.
func (c *checkout) approver(ctx context.Context, file string, a *campaign.Approval) (who author, before string, err error) {
	commits, err := c.log(ctx, "--topo-order", "--parents", "HEAD", "--", file)
	if err != nil {
		return who, "", err
	}
	h := &approvalHistory{c, file, map[string]commit{}, map[string][]campaign.Approval{}}
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
	all, err := h.at(ctx, at.id)
	if err == nil && !holds(all, a) {
		err = fmt.Errorf("the commit that is checked out does not have this approval in %s: commit it", h.file)
	}
	for err == nil {
		from := slices.IndexFunc(at.parents, func(id string) bool {
			all, failed := h.at(ctx, id)
			err = errors.Join(err, failed)
			return holds(all, a)
		})
		if from < 0 {
			break
		}
		at = h.commits[at.parents[from]]
	}
	return at, err
}

// approves reports whether a commit brought an approval under a profile.
func (h *approvalHistory) approves(ctx context.Context, at commit, profile string) (bool, error) {
	all, err := h.at(ctx, at.id)
	var before []campaign.Approval
	for _, id := range at.parents {
		some, failed := h.at(ctx, id)
		before, err = append(before, some...), errors.Join(err, failed)
	}
	return slices.ContainsFunc(all, func(a campaign.Approval) bool { return a.Profile == profile && !holds(before, &a) }), err
}

func holds(all []campaign.Approval, a *campaign.Approval) bool {
	return slices.ContainsFunc(all, func(b campaign.Approval) bool { return reflect.DeepEqual(*a, b) })
}

// at are the approvals of a commit; none where it does not have the file, or has one
// that cannot be read.
func (h *approvalHistory) at(ctx context.Context, id string) ([]campaign.Approval, error) {
	if all, ok := h.read[id]; ok {
		return all, nil
	}
	entry, err := h.git(ctx, "ls-tree", "-z", id, "--", h.file)
	if err != nil {
		return nil, err
	}
	meta, _, _ := strings.Cut(string(entry), "\t")
	if fields := strings.Fields(meta); len(fields) == 3 && fields[1] == "blob" {
		data, err := h.git(ctx, "cat-file", "blob", fields[2])
		if err != nil {
			return nil, err
		}
		h.read[id], _, _ = spec.LoadApprovals(newFrozenFS([]campaign.Input{{Path: h.file, Data: data}}), h.file)
	} else {
		h.read[id] = nil
	}
	return h.read[id], nil
}
