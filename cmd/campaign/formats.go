package main

import (
	"os"
	"path"
	"path/filepath"
	"slices"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
	"campaign/internal/spec"
)

// fromRepository gives files their paths from the top of the repository: a project
// may be a folder of one. Without a repository they stay as they are.
func (a *app) fromRepository(r diagnostics.Report) diagnostics.Report {
	dir, err := spec.Find(".", a.flags.project)
	if err != nil {
		return r
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return r
	}
	_, prefix, ok := repository(dir)
	if !ok {
		return r
	}
	r.Found, r.Files = slices.Clone(r.Found), slices.Clone(r.Files)
	for i := range r.Found {
		r.Found[i].File = below(prefix, r.Found[i].File)
	}
	for i := range r.Files {
		r.Files[i] = below(prefix, r.Files[i])
	}
	return r
}

// repository finds the checkout that a folder is in, and the folder's path from its top.
func repository(dir string) (top, prefix string, ok bool) {
	for top = dir; ; {
		if _, err := os.Lstat(filepath.Join(top, ".git")); err == nil { // a folder, or a file in a worktree
			return top, prefix, true
		}
		parent := filepath.Dir(top)
		if parent == top {
			return "", "", false
		}
		prefix = path.Join(filepath.Base(top), prefix)
		top = parent
	}
}

func below(prefix, file string) string {
	if file == "-" { // standard input
		return file
	}
	return path.Join(prefix, file)
}

// summarize appends to the summary of a GitHub step what its annotations leave out.
// Without a name there is no summary.
func summarize(name string, r diagnostics.Report) error {
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := diagnostics.Summary(f, r); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// heard are the problems of the named campaigns that comments do not ignore, sorted.
// Comments that ignore nothing are validate's to say.
func (p *project) heard(files []string, found []campaign.Diagnostic) []campaign.Diagnostic {
	left, _ := spec.Ignore(p.files, files, found, diagnostics.Known)
	return campaign.SortDiagnostics(left)
}
