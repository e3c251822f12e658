package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/daemon"
	"campaign/internal/schedule"
	"campaign/internal/spec"
)

// loaded is a scheduled campaign as its files were when they were last valid: what
// was checked is what is sent. Recipients are read when it is run.
type loaded struct {
	file, name string
	target     string
	real       bool                      // it goes beyond this machine
	kept       map[string]campaign.Input // targets.yaml, the campaign, and the small files that it names
	table      *schedule.Timetable
	version    string // over the files
	rules      string // the schedule
	stamps     map[string]stamp
}

// stamp tells whether a file changed.
type stamp struct {
	at   time.Time
	size int64
}

// shelf holds the scheduled campaigns of a project and keeps up with its files.
type shelf struct {
	app     *app
	args    []string           // the PATHs of the command line
	byFile  map[string]*loaded // the last good version of each file
	invalid map[string][]campaign.Diagnostic
	plain   map[string]map[string]stamp // files without a schedule, with what they depend on
}

// scan reads what changed since the last one. With errors of the project as a whole
// everything stays as it was. reread names files that are read in any case.
func (s *shelf) scan(reread func(file string) bool) (found []campaign.Diagnostic, err error) {
	if slices.Contains(s.args, "-") {
		return nil, fail(exitUsage, "schedules need files: standard input is read once")
	}
	if s.byFile == nil {
		s.byFile, s.invalid, s.plain = map[string]*loaded{}, map[string][]campaign.Diagnostic{}, map[string]map[string]stamp{}
	}
	p, found, err := s.app.openProject()
	if err != nil || p == nil {
		return found, err
	}
	defer p.close()
	files, missing, err := s.files(p)
	if err != nil {
		return nil, err
	}
	found = append(found, missing...)
	s.forget(files)
	for _, file := range files {
		if s.fresh(p, file, reread) {
			continue
		}
		j, diags := s.compile(p, file)
		if campaign.HasErrors(diags) {
			s.invalid[file] = campaign.SortDiagnostics(diags)
			continue
		}
		delete(s.invalid, file)
		delete(s.byFile, file)
		if j.table == nil {
			s.plain[file] = p.stamps(j.dependencies())
			continue
		}
		delete(s.plain, file)
		if s.byFile[file], err = p.keep(j); err != nil {
			return nil, err
		}
	}
	return s.problems(found), nil
}

// compile checks a file. A bug that it meets is that file's problem: the others are run.
func (s *shelf) compile(p *project, file string) (j *job, found []campaign.Diagnostic) {
	defer func() {
		if bug := recover(); bug != nil {
			j, found = nil, []campaign.Diagnostic{{File: file, Rule: "bug", Message: fmt.Sprintf("a bug: %v", bug), Hint: "`campaign validate` shows where; please report it"}}
		}
	}()
	return p.compile(file, (&runFlags{}).occasion())
}

// files are those that are campaigns, and problems for each PATH without one. At first
// that is an error: somebody has mistyped it. Later the others are run all the same.
func (s *shelf) files(p *project) (files []string, missing []campaign.Diagnostic, err error) {
	args := s.args
	if len(args) == 0 {
		args = []string{p.dir}
	}
	for _, arg := range args {
		some, _, err := p.campaignFiles(nil, []string{arg})
		switch {
		case err == nil:
			files = append(files, some...)
		case len(s.byFile)+len(s.invalid)+len(s.plain) == 0:
			return nil, nil, err
		default:
			missing = append(missing, campaign.Diagnostic{File: arg, Rule: "no-campaign-file", Message: err.Error(), Hint: "what was run from there is not run any more"})
		}
	}
	slices.Sort(files)
	return slices.Compact(files), missing, nil
}

// forget drops the files that are gone.
func (s *shelf) forget(files []string) {
	there := map[string]bool{}
	for _, file := range files {
		there[file] = true
	}
	gone := func(file string) bool { return !there[file] }
	maps.DeleteFunc(s.byFile, func(file string, _ *loaded) bool { return gone(file) })
	maps.DeleteFunc(s.invalid, func(file string, _ []campaign.Diagnostic) bool { return gone(file) })
	maps.DeleteFunc(s.plain, func(file string, _ map[string]stamp) bool { return gone(file) })
}

// fresh reports whether a file and those that it names are as they were.
func (s *shelf) fresh(p *project, file string, reread func(string) bool) bool {
	if s.invalid[file] != nil {
		return false
	}
	known := s.plain[file]
	if l := s.byFile[file]; l != nil {
		known = l.stamps
	}
	if known == nil {
		return false
	}
	for name, was := range known {
		if reread(name) || p.stamp(name) != was {
			return false
		}
	}
	return true
}

// problems are those of all files, and names that are used twice.
func (s *shelf) problems(found []campaign.Diagnostic) []campaign.Diagnostic {
	for _, diags := range s.invalid {
		found = append(found, diags...)
	}
	names := map[string]string{}
	for _, file := range slices.Sorted(maps.Keys(s.byFile)) {
		l := s.byFile[file]
		if other := names[l.name]; other != "" {
			found = append(found, campaign.Diagnostic{File: file, Rule: "duplicate-name", Message: fmt.Sprintf("%s has the name %q too, and is the one that is run", other, l.name),
				Hint: "a name identifies a campaign for ever: give each its own"})
			continue
		}
		names[l.name] = file
	}
	return campaign.SortDiagnostics(found)
}

// entries are the campaigns as the daemon takes them. Of two of one name it is the
// first file's.
func (s *shelf) entries() (all []daemon.Entry) {
	names := map[string]bool{}
	for _, file := range slices.Sorted(maps.Keys(s.byFile)) {
		l := s.byFile[file]
		if !names[l.name] {
			all = append(all, daemon.Entry{Name: l.name, Version: l.version, Rules: l.rules, Table: l.table, Of: l})
		}
		names[l.name] = true
	}
	return all
}

// real reports whether some campaign goes beyond this machine.
func (s *shelf) real() bool {
	for _, l := range s.byFile {
		if l.real {
			return true
		}
	}
	return false
}

// dependencies are the files that a campaign is made of, recipients apart.
func (j *job) dependencies() []string {
	files := append(j.calendars(), spec.TargetsFile, j.campaign.File)
	for file := range j.campaign.Content.Files {
		files = append(files, file)
	}
	if j.campaign.Recipients.Groups != nil {
		files = append(files, spec.GroupsFile(j.campaign.Channel.Target))
	}
	if j.declared.CAFile != "" {
		files = append(files, j.declared.CAFile)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

func (p *project) stamps(files []string) map[string]stamp {
	out := map[string]stamp{}
	for _, file := range files {
		out[file] = p.stamp(file)
	}
	return out
}

// stamp is zero for a file that is not there.
func (p *project) stamp(file string) stamp {
	info, err := p.root.Stat(file)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// keep takes the bytes along that a campaign was checked with.
func (p *project) keep(j *job) (*loaded, error) {
	l := &loaded{file: j.campaign.File, name: j.campaign.Name, target: j.declared.Name, real: !onLoopback(j.declared, j.account), kept: map[string]campaign.Input{},
		table: j.table, rules: rulesOf(j), stamps: p.stamps(j.dependencies())}
	h := sha256.New()
	for _, file := range j.dependencies() {
		data, err := fs.ReadFile(p.files, file)
		if err != nil {
			continue // groups given by id need no lock file
		}
		l.kept[file] = campaign.Input{Path: file, Data: data}
		fmt.Fprintf(h, "%s %d\n", file, len(data))
		h.Write(data)
	}
	if p.profile.Require.Approval { // it counts as it is when an occurrence is run; what changed is tried again at once
		file := spec.ApprovalsFile(l.name)
		l.stamps[file] = p.stamp(file)
		if data, err := fs.ReadFile(p.files, file); err == nil {
			fmt.Fprintf(h, "%s %d\n", file, len(data))
			h.Write(data)
		}
	}
	l.version = hex.EncodeToString(h.Sum(nil)[:16])
	return l, nil
}

// rulesOf writes a schedule so that two that mean the same are the same.
func rulesOf(j *job) string {
	s := j.campaign.Schedule
	var b strings.Builder
	fmt.Fprintln(&b, s.Cron, s.At, j.table.Zone(), s.Starts, s.Ends, s.Missed, s.Expires, s.Queue, s.Suspended)
	if d := s.Days; d != nil {
		fmt.Fprintln(&b, d.Rest, d.Calendar.Weekend, d.Calendar.Years, d.Calendar.Holidays, d.Calendar.Workdays)
	}
	return b.String()
}

// open makes the project of one occurrence: the files as they were checked, and the
// rest as it is now.
func (l *loaded) open(a *app) (*project, error) {
	p, err := a.openDir()
	if err != nil {
		return nil, err
	}
	p.files = overlay{frozenFS(l.kept), p.files}
	found, err := p.load(firstOf(a.flags.profile, os.Getenv("CAMPAIGN_PROFILE")))
	if err == nil && campaign.HasErrors(found) {
		err = fail(exitProblems, "%s: %s", spec.TargetsFile, found[0].Error()) // it was valid when it was kept
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// overlay shows the kept files in the place of those that are there now.
type overlay struct {
	kept frozenFS
	fs.FS
}

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	if _, ok := o.kept[name]; ok {
		return o.kept.Open(name)
	}
	return o.FS.Open(name)
}

// Stat implements fs.StatFS.
func (o overlay) Stat(name string) (fs.FileInfo, error) {
	if in, ok := o.kept[name]; ok {
		return frozenInfo{in}, nil
	}
	return fs.Stat(o.FS, name)
}
