package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/diagnostics"
	"campaign/internal/spec"
)

// project is the folder that a command works in.
type project struct {
	dir     string // absolute
	data    string // where .campaign/ and reports/ go; absolute
	files   fs.FS  // the project's files; links that lead outside fail
	decl    *campaign.Project
	doc     *spec.Document
	profile campaign.Profile
	base    string // the profile whose accounts are used; differs from profile's name in the sandbox
	piped   []byte // the campaign file given as "-"
	root    *os.Root
	known   *memo // nil: nothing is kept
}

// openProject finds the project, reads targets.yaml and chooses the profile.
// Problems of targets.yaml are diagnostics: the project is nil with errors.
func (a *app) openProject() (*project, []campaign.Diagnostic, error) {
	return a.openProfile(firstOf(a.flags.profile, os.Getenv("CAMPAIGN_PROFILE")))
}

func (a *app) openProfile(profile string) (*project, []campaign.Diagnostic, error) {
	p, err := a.openDir()
	if err != nil {
		return nil, nil, err
	}
	found, err := p.load(profile)
	if err != nil || campaign.HasErrors(found) {
		return nil, found, err
	}
	return p, found, nil
}

// openDir opens the project's folder, and reads nothing yet.
func (a *app) openDir() (*project, error) {
	dir, err := spec.Find(".", a.flags.project)
	if err != nil {
		return nil, fail(exitUsage, "%w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fail(exitUsage, "%w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fail(exitUsage, "%w", err)
	}
	p := &project{dir: dir, data: dir, files: &snapshot{FS: root.FS()}, root: root, known: &memo{}}
	if data := firstOf(a.flags.data, os.Getenv("CAMPAIGN_DATA")); data != "" {
		if p.data, err = filepath.Abs(data); err != nil {
			return nil, fail(exitUsage, "%w", err)
		}
	}
	return p, nil
}

// close lets the folder go, which ends with the process in any case.
func (p *project) close() { _ = p.root.Close() }

// load reads targets.yaml from the project's files.
func (p *project) load(profile string) ([]campaign.Diagnostic, error) {
	decl, doc, found := spec.LoadTargets(p.files, spec.TargetsFile)
	if campaign.HasErrors(found) {
		return found, nil
	}
	p.decl, p.doc = decl, doc
	if _, taken := decl.Profiles[sandboxProfile]; taken {
		return found, fail(exitUsage, "%s has a profile %q: that is the name of runs to the built-in upstream, choose another", spec.TargetsFile, sandboxProfile)
	}
	sandboxed := profile == sandboxProfile
	if sandboxed {
		profile = ""
	}
	var err error
	if p.profile, err = spec.Select(decl, profile); err != nil {
		return found, fail(exitUsage, "%w", err)
	}
	p.base = p.profile.Name
	if sandboxed {
		p.profile.Name = sandboxProfile
	}
	return found, nil
}

// campaignFiles turns the PATHs of a command line into project paths: files,
// folders (recursive), globs and "-". Named tells which of them were named one
// by one rather than found in a folder.
func (p *project) campaignFiles(stdin io.Reader, args []string) (files []string, named map[string]bool, err error) {
	named = map[string]bool{}
	if len(args) == 0 {
		args = []string{p.dir}
	}
	seen := map[string]bool{}
	add := func(file string) {
		if !seen[file] {
			seen[file] = true
			files = append(files, file)
		}
	}
	others := ""
	for _, arg := range args {
		if arg == "" {
			return nil, nil, fail(exitUsage, "a PATH is empty: name a file or a folder (an unset variable?)")
		}
		if arg == "-" {
			if p.piped, err = io.ReadAll(io.LimitReader(stdin, 4<<20)); err != nil {
				return nil, nil, fail(exitUsage, "standard input: %w", err)
			}
			p.files = withStdin{p.files, p.piped}
			add("-")
			named["-"] = true
			continue
		}
		matches, err := expand(arg)
		if err != nil {
			return nil, nil, fail(exitUsage, "%s: %w", arg, err)
		}
		for _, match := range matches {
			file, err := p.rel(match)
			if err != nil {
				return nil, nil, fail(exitUsage, "%w", err)
			}
			info, err := fs.Stat(p.files, file)
			if err != nil {
				return nil, nil, fail(exitUsage, "%s: %w", match, plainPathError(err))
			}
			if !info.IsDir() && noCampaign(file) {
				others = file // of "*.yaml": read where they are needed
				continue
			}
			if !info.IsDir() {
				add(file)
				named[file] = true
				continue
			}
			below, err := spec.Discover(p.files, file)
			if err != nil {
				return nil, nil, fail(exitUsage, "%s: %w", match, plainPathError(err))
			}
			for _, b := range below {
				add(b)
			}
		}
	}
	if len(files) == 0 && others != "" {
		return nil, nil, fail(exitUsage, "%s is no campaign: name a campaign file or a folder", others)
	}
	if len(files) == 0 {
		return nil, nil, fail(exitUsage, "no campaign file found in %s: `campaign new TYPE` writes one", strings.Join(args, ", "))
	}
	return files, named, nil
}

// noCampaign reports the YAML files of a project that are no campaigns, as folders
// leave them out.
func noCampaign(file string) bool {
	name := path.Base(file)
	return file == spec.TargetsFile || strings.HasSuffix(name, ".lock.yaml") || strings.HasSuffix(name, ".test.yaml")
}

// expand resolves a glob; a path without a match of its own stays as it is, so
// that the error names it.
func expand(arg string) ([]string, error) {
	if _, err := os.Lstat(arg); err == nil || !strings.ContainsAny(arg, "*?[") {
		return []string{arg}, nil
	}
	matches, err := filepath.Glob(arg)
	if err == nil && len(matches) == 0 {
		err = errors.New("nothing matches")
	}
	return matches, err
}

// rel gives the project path of a path on the command line.
func (p *project) rel(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	file, err := filepath.Rel(p.dir, abs)
	if err == nil && filepath.IsLocal(file) {
		return filepath.ToSlash(file), nil
	}
	// The same place may have two names: the working directory may be a link.
	realDir, err1 := filepath.EvalSymlinks(p.dir)
	realAbs, err2 := filepath.EvalSymlinks(abs)
	if err1 == nil && err2 == nil {
		if file, err := filepath.Rel(realDir, realAbs); err == nil && filepath.IsLocal(file) {
			return filepath.ToSlash(file), nil
		}
	}
	return "", fmt.Errorf("%s is outside the project %s: a command works in one project (--project DIR)", name, p.dir)
}

// plainPathError drops the operation and the repeated path of a file error.
func plainPathError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// withStdin shows standard input as the file "-" of a project.
type withStdin struct {
	fs.FS
	data []byte
}

func (w withStdin) Open(name string) (fs.File, error) {
	if name == "-" {
		return newFrozenFS([]campaign.Input{{Path: "-", Data: w.data}}).Open("-")
	}
	return w.FS.Open(name)
}

func (p *project) stateDir() string {
	if p.profile.Name == sandboxProfile {
		return filepath.Join(p.data, ".campaign", sandboxProfile)
	}
	return filepath.Join(p.data, ".campaign")
}

// show prints diagnostics to w as text, and their number.
func (a *app) show(w io.Writer, found []campaign.Diagnostic) {
	if len(found) > 0 {
		diagnostics.Text(verbatim(w), diagnostics.Report{Found: found, Colour: a.colour(w), Say: inWords})
	}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
