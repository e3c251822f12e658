package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/ledger"
)

// gitTimeout bounds one question to git, which is only asked for the record.
const gitTimeout = 5 * time.Second

// noteCommit records, once a run is planned, which commit of the project's folder
// it was made from. Without git or a checkout there is nothing to record.
func (s *sender) noteCommit(ctx context.Context, run campaign.Run) error {
	inputs, err := s.ledger.Inputs(ctx, run.ID)
	if err != nil {
		return err
	}
	var files []string
	for _, in := range inputs {
		if in.Path != "-" {
			files = append(files, in.Path)
		}
	}
	text := commitOf(ctx, s.dir, files)
	if text == "" || ctx.Err() != nil {
		return nil
	}
	hold, err := s.ledger.Claim(ctx, run.ID, owner(), holdLease)
	if errors.Is(err, ledger.ErrHeld) {
		return nil // who began at the same moment records it
	}
	if err != nil {
		return err
	}
	err = s.ledger.Note(ctx, hold, campaign.Note{At: time.Now(), Kind: campaign.NotePlanned, By: owner(), Text: text})
	return errors.Join(err, s.ledger.Release(context.WithoutCancel(ctx), hold))
}

// commitOf names the commit that a folder has checked out, and says when one of
// the files in it is not as that commit has it. Empty: not known.
func commitOf(ctx context.Context, dir string, files []string) string {
	head, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", "HEAD")
	commit := strings.TrimSpace(string(head))
	if err != nil || len(commit) < 40 || strings.Trim(commit, "0123456789abcdef") != "" {
		return ""
	}
	text := commitPrefix + commit
	status, err := git(ctx, dir, slices.Concat([]string{"--literal-pathspecs", "status", "--porcelain", "-z", "--no-renames",
		"--untracked-files=all", "--ignored", "--ignore-submodules=all", "--"}, files)...)
	if err != nil {
		return text + ", whether the files differ from it is not known"
	}
	if n := bytes.Count(status, []byte{0}); n > 0 {
		return fmt.Sprintf("%s, from which %s", text, differ(n))
	}
	return text
}

func differ(files int) string {
	if files == 1 {
		return "1 file of the run differs"
	}
	return fmt.Sprintf("%d files of the run differ", files)
}

// commitPrefix begins the text of a note with a commit.
const commitPrefix = "commit "

// commitFrom gives what a run's history says of the commit; empty: nothing.
func commitFrom(notes []campaign.Note) string {
	for _, n := range notes {
		if commit, ok := strings.CutPrefix(n.Text, commitPrefix); ok && n.Kind == campaign.NotePlanned {
			return commit
		}
	}
	return ""
}

// git asks git about a folder without changing anything in it, running hooks or
// asking anybody. Commits are as they were made, whatever was put in their place here,
// and a repository that stands among the files of another one, with its own
// configuration, is none.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", slices.Concat([]string{"--no-pager", "-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit"}, args)...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(strings.ToUpper(entry), "GIT_") { // another repository's, in a hook
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_GRAFT_FILE=/dev/null")
	out, err := cmd.Output()
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // not that it was killed for it
	}
	return out, err
}
