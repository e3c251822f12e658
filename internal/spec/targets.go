package spec

import (
	"fmt"
	"io/fs"
	"sync"
	"time"
	_ "time/tzdata" // time zones work on machines without a zone database

	"campaign/internal/campaign"
)

// defaultZone is the time zone of a project that gives none.
const defaultZone = "Asia/Shanghai"

// defaultProfile is the name of the profile of a file that has `targets` at its top level.
const defaultProfile = "default"

// LoadTargets reads targets.yaml. The project is nil when the file does not pass
// the schema; see LoadCampaign for the rest.
func LoadTargets(fsys fs.FS, file string) (*campaign.Project, *Document, []campaign.Diagnostic) {
	doc, root, diags, ok := load(fsys, file, maxFile, targetsSchema(), nil)
	if root == nil {
		return nil, doc, campaign.SortDiagnostics(diags)
	}
	l := &loader{fsys: fsys, doc: doc}
	p := l.project(val{v: root})
	diags = campaign.SortDiagnostics(append(diags, doc.Diagnostics(l.problems)...))
	if !ok {
		return nil, doc, diags
	}
	return p, doc, diags
}

func (l *loader) project(root val) *campaign.Project {
	p := &campaign.Project{
		ID: root.key("project").text(), File: l.doc.file,
		Profiles: map[string]campaign.Profile{},
	}
	p.Zone, p.Location = l.zone(root.key("timezone"))
	p.Notify = l.webhooks(root.key("notify"))
	l.oneOf(root, "profiles", "targets")
	if targets := root.key("targets"); targets.given() {
		p.Profiles[defaultProfile] = l.profile(defaultProfile, targets, root.key("require"))
	} else if require := root.key("require"); require.given() {
		l.keyProblem(require, ruleConflict, "require at the top of the file is for accounts at the top: each profile has its own", "move it into the profile")
	}
	profiles := root.key("profiles")
	for _, name := range profiles.keys() {
		p.Profiles[name] = l.profile(name, profiles.key(name).key("targets"), profiles.key(name).key("require"))
	}
	return p
}

// zone loads a time zone by its IANA name.
func (l *loader) zone(v val) (string, *time.Location) {
	zone := v.text()
	if zone == "" {
		zone = defaultZone
	}
	location, err := loadZone(zone)
	if err != nil || zone == "Local" {
		l.problem(v, ruleTimezone, fmt.Sprintf("there is no time zone %q", clip(zone)), "use a name like Asia/Shanghai, Asia/Tokyo or UTC")
		zone, location = defaultZone, nil
		if location, err = time.LoadLocation(zone); err != nil {
			panic(err.Error()) // embedded
		}
	}
	return zone, location
}

// zones are the time zones that were loaded: each is read from the machine's files.
var zones sync.Map

func loadZone(name string) (*time.Location, error) {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil
	}
	location, err := time.LoadLocation(name)
	if err == nil {
		zones.Store(name, location) // as many as there are names
	}
	return location, err
}

func (l *loader) profile(name string, targets, require val) campaign.Profile {
	p := campaign.Profile{Name: name, Pointer: targets.at(), Targets: map[string]campaign.Account{}, Require: l.require(require)}
	for _, key := range targets.keys() {
		p.Targets[key] = l.account(key, targets.key(key))
	}
	return p
}
