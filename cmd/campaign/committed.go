package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/contract"
	"campaign/internal/spec"
)

// checkout is what git says of the project's folder.
type checkout struct {
	dir    string
	prefix string            // of the folder in the repository, with a slash; empty: its top
	state  map[string]string // of files that are not as HEAD has them: the two letters of git status
	plain  map[string]bool   // files that the index has as files, with no word to git to look away
}

// author is the address that git names as that of a commit's author: as written there,
// and as the repository's .mailmap corrects it. Whoever can write a .mailmap must not
// become somebody else by it, so that both count.
type author struct{ written, mapped string }

type commit struct {
	author
	id      string
	parents []string // of those that were asked about, when the log was asked for them
}

func (a author) same(b author) bool {
	for _, one := range []string{a.written, a.mapped} {
		if strings.EqualFold(one, b.written) || strings.EqualFold(one, b.mapped) {
			return true
		}
	}
	return false
}

// committed gives the address of who committed an approval, or says why it cannot be
// relied on: it and all that is sent must be as the commit that is checked out has
// them, and who committed the approval must not have written what it approves. Lists
// of people that are not in git on purpose are as approved when their digest is.
func (s *sender) committed(ctx context.Context, t *todo, a *campaign.Approval, w *contract.Wanted) (by, why string) {
	inputs, err := s.inputs(ctx, t.job)
	if err != nil {
		return "", err.Error()
	}
	file := spec.ApprovalsFile(t.campaign.Name)
	files := []string{file}
	for _, in := range inputs {
		files = append(files, in.Path)
	}
	if slices.Contains(files, "-") {
		return "", "standard input is in no commit"
	}
	c := &checkout{dir: s.dir}
	if err := c.read(ctx, files); err != nil {
		return "", err.Error()
	}
	if why := s.unclean(c, file, inputs, a.Audience == w.Audience); why != "" {
		return "", why
	}
	approver, before, err := c.approver(ctx, file, a)
	if err != nil {
		return "", err.Error()
	}
	for _, in := range inputs {
		if in.Path == spec.TargetsFile || !c.plain[in.Path] {
			continue // an account is no campaign's; and an ignored list has no author
		}
		authors, err := c.authors(ctx, in.Path, before)
		if err != nil {
			return "", err.Error()
		}
		if slices.ContainsFunc(authors, func(c commit) bool { return approver.same(c.author) }) {
			return "", fmt.Sprintf("%s, who committed the approval, also committed changes of %s that it approves: somebody else has to approve it", approver.written, in.Path)
		}
	}
	return approver.written, ""
}

// read asks about files.
func (c *checkout) read(ctx context.Context, files []string) error {
	head, err := c.git(ctx, "rev-parse", "--is-shallow-repository", "--show-prefix", "HEAD")
	if err != nil {
		return fmt.Errorf("this folder is no checkout of one: %w", err)
	}
	lines := strings.Split(string(head), "\n")
	if lines[0] != "false" {
		return errors.New("this checkout does not have all commits, so that git cannot say who wrote what: fetch them (`git fetch --unshallow`, or fetch-depth: 0)")
	}
	if len(lines) > 1 {
		c.prefix = lines[1]
	}
	status, err := c.git(ctx, slices.Concat([]string{"--literal-pathspecs", "status", "--porcelain", "-z", "--no-renames",
		"--untracked-files=all", "--ignored", "--ignore-submodules=all", "--"}, files)...)
	if err != nil {
		return err
	}
	c.state = map[string]string{}
	for entry := range strings.SplitSeq(string(status), "\x00") {
		if len(entry) > 3 {
			c.state[strings.TrimPrefix(entry[3:], c.prefix)] = entry[:2]
		}
	}
	index, err := c.git(ctx, slices.Concat([]string{"--literal-pathspecs", "ls-files", "-z", "-v", "-s", "--"}, files)...)
	if err != nil {
		return err
	}
	c.plain = map[string]bool{}
	for entry := range strings.SplitSeq(string(index), "\x00") {
		meta, name, _ := strings.Cut(entry, "\t")
		c.plain[name] = strings.HasPrefix(meta, "H 100") // an ordinary file; h and S: git was told not to look
	}
	return nil
}

// unclean says which file is not as the commit has it; empty: none.
func (s *sender) unclean(c *checkout, approvals string, inputs []campaign.Input, bound bool) string {
	data, err := fs.ReadFile(s.files, approvals)
	if err != nil {
		return err.Error()
	}
	for _, in := range append(inputs, campaign.Input{Path: approvals, Data: data}) {
		list := in.Data == nil
		switch state := c.state[in.Path]; {
		case state == "!!" && list && bound:
			continue
		case state == "!!" && list:
			return fmt.Sprintf("%s is ignored by git, and other people stand in it than were approved: commit it, or approve them", in.Path)
		case state == "!!", state == "??":
			return fmt.Sprintf("%s is in no commit: commit it", in.Path)
		case state != "":
			return fmt.Sprintf("%s is not as the commit has it that is checked out: commit it, or put it back", in.Path)
		case !c.plain[in.Path]:
			return fmt.Sprintf("%s is no ordinary file of the commit that is checked out, but a link, in a submodule, or one that git was told not to look at", in.Path)
		}
		if data, err := fs.ReadFile(s.root.FS(), in.Path); !list && (err != nil || !bytes.Equal(data, in.Data)) {
			return fmt.Sprintf("%s has changed since it was read", in.Path)
		}
	}
	return ""
}

// authors are those of the last commit that changed a file, and of all since another
// commit; without that one of all.
func (c *checkout) authors(ctx context.Context, file, since string) ([]commit, error) {
	if since == "" {
		return c.log(ctx, "HEAD", "--", file)
	}
	last, err := c.log(ctx, "-1", "HEAD", "--", file)
	if err != nil {
		return nil, err
	}
	all, err := c.log(ctx, since+"..HEAD", "--", file)
	return append(all, last...), err
}

// log lists commits, the newest first.
func (c *checkout) log(ctx context.Context, args ...string) ([]commit, error) {
	out, err := c.git(ctx, slices.Concat([]string{"--literal-pathspecs", "-c", "log.follow=false", "log", "--no-show-signature", "--format=%H%x00%ae%x00%aE%x00%P"}, args)...)
	if err != nil {
		return nil, err
	}
	var all []commit
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(strings.TrimSuffix(line, "\n"), "\x00"); len(fields) == 4 {
			all = append(all, commit{author{fields[1], fields[2]}, fields[0], strings.Fields(fields[3])})
		}
	}
	return all, nil
}

// git asks, and says why there is no answer.
func (c *checkout) git(ctx context.Context, args ...string) ([]byte, error) {
	out, err := git(ctx, c.dir, args...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("git is not on this machine, or not on the PATH")
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("git did not answer within %s", gitTimeout)
	case errors.As(err, &exit):
		first, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		return nil, fmt.Errorf("git says: %s", oneLine(errors.New(first)))
	}
	return nil, fmt.Errorf("git could not be asked: %w", err)
}
