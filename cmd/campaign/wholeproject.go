package main

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/spec"
	"campaign/internal/targets"
)

// uses is what campaigns need of the project besides themselves.
type uses struct {
	targets map[string]bool
	names   map[[2]string]bool // target, pointer below its block
	files   map[string]bool
	lists   map[string]bool // the files of people among files
}

func newUses() *uses {
	return &uses{targets: map[string]bool{}, names: map[[2]string]bool{}, files: map[string]bool{}, lists: map[string]bool{}}
}

// used is what one campaign adds to uses. It is small: there are many.
type used struct {
	target       string
	names        []string
	files, lists []string
}

func (j *job) used() used {
	u := used{target: j.campaign.Channel.Target, files: j.dependencies(), lists: j.listFiles()}
	if user, ok := j.target.(targets.NameUser); ok {
		u.names = user.Uses()
	}
	return u
}

func (all *uses) add(u used) {
	all.targets[u.target] = true
	for _, name := range u.names {
		all.names[[2]string{u.target, name}] = true
	}
	all.addFiles(u.files, u.lists)
}

func (all *uses) addFiles(files, lists []string) {
	for _, file := range files {
		all.files[file] = true
	}
	for _, file := range lists {
		all.files[file], all.lists[file] = true, true
	}
}

// wholeProject finds what no campaign of the project uses, and lists that git would
// take. It is for projects without errors: what could not be read may use anything.
func (p *project) wholeProject(all *uses) ([]campaign.Diagnostic, error) {
	found := p.unusedAccounts(all)
	idle, err := p.unusedFiles(all)
	if err != nil {
		return nil, err
	}
	return slices.Concat(found, idle, p.openLists(all)), nil
}

// unusedAccounts finds accounts, and their names, that no campaign uses, and adds to all
// the files that accounts name.
func (p *project) unusedAccounts(all *uses) (found []campaign.Diagnostic) {
	for _, profile := range sortedProfiles(p.decl) {
		for _, name := range slices.Sorted(maps.Keys(profile.Targets)) {
			declared := profile.Targets[name]
			for _, e := range declared.Suppress {
				all.addFiles(nil, []string{e.File})
			}
			all.addFiles([]string{declared.CAFile}, nil)
			if !all.targets[name] {
				found = append(found, p.idle(declared.Raw.Pointer, "unused-target", "no campaign goes to "+name))
				continue
			}
			account, _ := p.decode(declared, true)
			namer, ok := account.(targets.Namer)
			if !ok {
				continue
			}
			for _, pointer := range namer.Names() {
				if !all.names[[2]string{name, pointer}] {
					kind, label := nameOfPointer(pointer)
					found = append(found, p.idle(declared.Raw.Pointer+pointer, "unused-name", fmt.Sprintf("no campaign uses %s of the %s of %s", label, kind, name)))
				}
			}
		}
	}
	return found
}

// idle is a warning about a key of targets.yaml.
func (p *project) idle(pointer, rule, message string) campaign.Diagnostic {
	return p.doc.Diagnostic(campaign.Problem{Pointer: pointer, Key: true, Rule: rule, Message: message, Warning: true,
		Hint: "remove it, or let a comment ignore this until there is a campaign for it"})
}

// nameOfPointer reads /KIND/NAME.
func nameOfPointer(pointer string) (kind, name string) {
	kind, name, _ = strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	return kind, strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}

// shownUnused is how many files that nothing uses are listed.
const shownUnused = 50

// unusedFiles finds files that are there for campaigns, and that none names: those in
// the folders for contents, lists and calendars, and lock files of groups.
func (p *project) unusedFiles(all *uses) (found []campaign.Diagnostic, err error) {
	more := campaign.Diagnostic{File: ".", Rule: "unused-file", Warning: true}
	files := p.files
	if s, ok := files.(*snapshot); ok {
		files = listed{s} // the folders in which campaigns were looked for
	}
	err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case name == ".":
		case strings.HasPrefix(base, "."), e.IsDir() && (base == "reports" || base == "approvals"):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir() || all.files[name] || !forCampaigns(name):
		case len(found) == shownUnused:
			more.Stands++
		default:
			found = append(found, campaign.Diagnostic{File: name, Rule: "unused-file", Warning: true,
				Message: "no campaign uses this file", Hint: "remove it, or keep it in another folder"})
		}
		return nil
	})
	if err != nil {
		return nil, fail(exitUsage, "the project's files cannot be listed: %w", err)
	}
	if more.Stands > 0 {
		more.Message = fmt.Sprintf("no campaign uses %s more", count(int(more.Stands), "file"))
		found = append(found, more)
	}
	return found, nil
}

// forCampaigns reports whether a file has no use but for campaigns. What explains a
// folder to people has.
func forCampaigns(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(strings.ToLower(base), "readme") {
		return false
	}
	if !strings.Contains(name, "/") && strings.HasPrefix(base, spec.GroupsFile("")[:len("groups.")]) && strings.HasSuffix(base, ".lock.yaml") {
		return true
	}
	folders := strings.Split(path.Dir(name), "/")
	return slices.ContainsFunc(folders, func(f string) bool { return f == "content" || f == "recipients" || f == "calendars" })
}

// openLists finds lists of people that git would take, where .gitignore keeps other
// lists out: somebody has decided that they are not for git, and has not thought of
// these. A list that a pattern with ! takes back is meant to be there.
func (p *project) openLists(all *uses) (found []campaign.Diagnostic) {
	top, prefix, ok := repository(p.dir)
	if !ok {
		return nil
	}
	g := gitignore{top: top}
	verdicts := map[string]ignoredBy{}
	keeps := g.look(path.Join(prefix, "recipients/list.csv")) == patternIgnores
	names := slices.Sorted(maps.Keys(all.lists))
	for _, name := range names {
		verdicts[name] = g.look(path.Join(prefix, name))
		keeps = keeps || verdicts[name] == patternIgnores
	}
	for _, name := range names {
		if keeps && verdicts[name] == noPattern {
			found = append(found, campaign.Diagnostic{File: name, Rule: "recipients-not-ignored", Warning: true,
				Message: "git would take this list of people: .gitignore keeps others out, but not this one",
				Hint:    "add it to .gitignore, or !/" + name + " if it is meant to be committed"})
		}
	}
	return found
}
