package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// TargetsFile is the file that makes a folder a project.
const TargetsFile = "targets.yaml"

// errNoProject means that no folder with a targets.yaml was found.
var errNoProject = errors.New("no project here")

// Find gives the project's folder (design: campaign-files, The project): dir
// when it is given, else start, its campaigns folder, or the nearest folder
// upwards that holds a targets.yaml.
func Find(start, dir string) (string, error) {
	if dir != "" {
		if !isProject(dir) {
			return "", fmt.Errorf("%w: %s holds no %s", errNoProject, dir, TargetsFile)
		}
		return filepath.Abs(dir)
	}
	start, err := filepath.Abs(start)
	if err != nil {
		return "", fmt.Errorf("find the project: %w", err)
	}
	candidates := []string{start, filepath.Join(start, "campaigns")}
	for up := filepath.Dir(start); ; up = filepath.Dir(up) {
		candidates = append(candidates, up)
		if up == filepath.Dir(up) {
			break
		}
	}
	for _, c := range candidates {
		if isProject(c) {
			return c, nil
		}
	}
	return "", fmt.Errorf("%w: neither %s, its campaigns folder nor a folder above holds %s; make one with campaign init, or name one with --project", errNoProject, start, TargetsFile)
}

func isProject(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, TargetsFile))
	return err == nil && info.Mode().IsRegular()
}

// Folders of a project that hold no campaigns.
var otherFolders = map[string]bool{"content": true, "recipients": true, "calendars": true, approvalsFolder: true, "reports": true}

// Discover lists the campaign files of a project path, sorted: the file itself,
// or every YAML file in the folder, recursively, except targets.yaml,
// *.lock.yaml, *.test.yaml, what begins with a dot, and the sub-folders content,
// recipients, calendars, approvals and reports. Links to folders are not
// followed. The list of a folder may be empty.
func Discover(fsys fs.FS, name string) ([]string, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, errors.New(unreadable(fsys, name, err).message)
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var files []string
	err = fs.WalkDir(fsys, name, func(at string, e fs.DirEntry, err error) error {
		switch base := path.Base(at); {
		case err != nil:
			return err
		case at == name:
			return nil
		case e.IsDir() && (strings.HasPrefix(base, ".") || otherFolders[base]):
			return fs.SkipDir
		case !e.IsDir() && isCampaign(base) && !linkedFolder(fsys, at, e):
			files = append(files, at)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list campaigns in %s: %w", name, err)
	}
	slices.Sort(files)
	return files, nil
}

func isCampaign(base string) bool {
	lower := strings.ToLower(base)
	yaml := strings.HasSuffix(lower, ".yaml") || strings.HasSuffix(lower, ".yml")
	return yaml && base != TargetsFile && !strings.HasPrefix(base, ".") &&
		!strings.HasSuffix(base, ".lock.yaml") && !strings.HasSuffix(base, ".test.yaml")
}

func linkedFolder(fsys fs.FS, name string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return false
	}
	info, err := fs.Stat(fsys, name)
	return err == nil && info.IsDir()
}

// Select gives the profile that a command uses: the one that is named, the only
// one, or test (design: campaign-files, targets.yaml).
func Select(p *campaign.Project, profile string) (campaign.Profile, error) {
	names := slices.Sorted(maps.Keys(p.Profiles))
	if profile != "" {
		chosen, ok := p.Profiles[profile]
		if !ok {
			return campaign.Profile{}, fmt.Errorf("%s has no profile %q: there is %s", p.File, profile, strings.Join(names, ", "))
		}
		return chosen, nil
	}
	if len(names) == 1 {
		return p.Profiles[names[0]], nil
	}
	if test, ok := p.Profiles["test"]; ok {
		return test, nil
	}
	return campaign.Profile{}, fmt.Errorf("%s has several profiles: choose one of %s with --profile", p.File, strings.Join(names, ", "))
}

// Account finds a campaign's account in a profile. The problem points into the
// campaign file.
func Account(c *campaign.Campaign, p campaign.Profile) (campaign.Account, *campaign.Problem) {
	at := join(c.Channel.Raw.Pointer, "target")
	account, ok := p.Targets[c.Channel.Target]
	if !ok {
		names := slices.Sorted(maps.Keys(p.Targets))
		hint := "accounts: " + strings.Join(names, ", ")
		if near := nearest(c.Channel.Target, names); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return account, &campaign.Problem{Pointer: at, Rule: ruleUnknownTarget, Hint: hint,
			Message: fmt.Sprintf("profile %s has no account %q", p.Name, clip(c.Channel.Target))}
	}
	if system, _, _ := strings.Cut(c.Channel.Type, "."); system != account.System {
		return account, &campaign.Problem{Pointer: at, Rule: ruleWrongSystem, Hint: accountsOf(p, system),
			Message: fmt.Sprintf("%s goes through %s, but %s is an account of %s", c.Channel.Type, system, c.Channel.Target, account.System)}
	}
	return account, nil
}

// accountsOf is a hint that names the accounts of a system.
func accountsOf(p campaign.Profile, system string) string {
	var names []string
	for name, a := range p.Targets {
		if a.System == system {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("the profile has no account of %s: add one to targets.yaml, or choose another type", system)
	}
	slices.Sort(names)
	return fmt.Sprintf("accounts of %s: %s", system, strings.Join(names, ", "))
}

// Loaded is a campaign with the document that it came from.
type Loaded struct {
	Campaign *campaign.Campaign
	Document *Document
}

// DuplicateNames reports campaigns whose name another one of the project has.
func DuplicateNames(loaded []Loaded) []campaign.Diagnostic {
	byName := map[string][]Loaded{}
	for _, l := range loaded {
		byName[l.Campaign.Name] = append(byName[l.Campaign.Name], l)
	}
	var out []campaign.Diagnostic
	for _, same := range byName {
		for i, l := range same {
			other := same[(i+1)%len(same)]
			if other.Campaign.File != l.Campaign.File {
				out = append(out, l.Document.Diagnostic(campaign.Problem{
					Pointer: "/name", Rule: ruleDuplicateName,
					Message: fmt.Sprintf("%s has the name %q too", other.Campaign.File, l.Campaign.Name),
					Hint:    "a name identifies a campaign for ever: give each its own",
				}))
			}
		}
	}
	return campaign.SortDiagnostics(out)
}
