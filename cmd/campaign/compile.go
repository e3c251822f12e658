package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/plan"
	"campaign/internal/recipients"
	"campaign/internal/schedule"
	"campaign/internal/spec"
	"campaign/internal/targets"
)

// job is a campaign that is ready to be planned and sent.
type job struct {
	campaign *campaign.Campaign
	doc      *spec.Document
	declared campaign.Account
	account  targets.Account
	target   targets.Target
	groups   []campaign.Group
	spec     plan.Spec
	plan     *plan.Plan
	table    *schedule.Timetable // nil: it has no schedule
	deadline schedule.Deadline
	latency  time.Duration // of an answer, as somebody estimates it; for forecasts
}

// occasion is what one invocation adds to the files.
type occasion struct {
	occurrence campaign.Occurrence
	to         []string         // a trial to these only
	chosen     *plan.Chosen     // a follow-up for these only
	endpoint   string           // sends here instead of the account's own address (the sandbox)
	groups     []campaign.Group // the upstream's groups as they are now; nil: those of the lock file
	contents   bool             // deliveries say what they say: it is to be sent
	columns    []string         // of a run that was planned before: its recipients stand in the ledger
	now        time.Time        // against which schedules are checked; zero: the present
	latency    time.Duration    // of an answer, for forecasts
	among      bool             // other campaigns are looked at at the same time
}

// compile reads a campaign file and everything that it names, for one profile. It
// goes as far as it can, so that all problems are found at once: a job comes
// with errors too when it can be planned, and is nil when it cannot.
func (p *project) compile(file string, o occasion) (*job, []campaign.Diagnostic) {
	c, doc, found := spec.LoadCampaign(p.files, file)
	if c == nil {
		return nil, found
	}
	j := &job{campaign: c, doc: doc, latency: o.latency}
	zone, problems := j.when(p.decl.Location, o.now)
	found = append(found, doc.Diagnostics(problems)...)
	var problem *campaign.Problem
	if j.declared, problem = spec.Account(c, p.profile); problem != nil {
		return nil, append(found, doc.Diagnostic(*problem))
	}
	declared := j.declared
	if o.endpoint != "" {
		declared = redirected(declared, o.endpoint)
	}
	if j.account, problems = p.decode(declared, o.endpoint == ""); j.account == nil {
		return nil, append(found, p.doc.Diagnostics(problems)...)
	}
	found = append(found, p.doc.Diagnostics(problems)...)
	j.target, problems = j.account.Target(c)
	if found = append(found, unsaid(found, doc.Diagnostics(problems))...); j.target == nil {
		return nil, found
	}
	if c.Recipients.Groups != nil && o.columns == nil {
		var more []campaign.Diagnostic
		j.groups, more = p.resolveGroups(c, doc, o.groups)
		if found = append(found, more...); campaign.HasErrors(more) {
			return nil, found
		}
	}
	o.occurrence.Time = o.occurrence.Time.In(zone)
	j.spec = plan.Spec{
		Project: p.decl.ID, Profile: p.profile.Name,
		Campaign: c, Account: j.declared, Layout: j.target.Layout(),
		Occurrence: o.occurrence, Zone: zone,
		Groups: j.groups, To: o.to, Chosen: o.chosen, Columns: o.columns, Contents: o.contents,
		Open: func(name string, sheet campaign.Sheet) (recipients.Source, error) {
			return recipients.Open(p.files, name, sheet)
		},
		Locate: doc.Diagnostic,
	}
	if o.among && !p.large(j) {
		j.spec.Workers = 1
	}
	if r := c.Recipients; r.File == "" && r.List == nil && r.Groups == nil {
		return nil, found // who it is for could not be read, and that is said
	}
	var more []campaign.Diagnostic
	j.plan, more = plan.New(j.spec)
	if found = append(found, unsaid(found, more)...); j.plan == nil {
		return nil, found
	}
	return j, found
}

// unsaid leaves out of more what found has said already: a value that one room refuses
// is not judged again by the next, and what is missing beside a key that is unknown is
// most likely what that key was meant to be.
func unsaid(found, more []campaign.Diagnostic) []campaign.Diagnostic {
	unknown := slices.ContainsFunc(found, func(f campaign.Diagnostic) bool { return f.Rule == "unknown-key" })
	return slices.DeleteFunc(more, func(d campaign.Diagnostic) bool {
		return unknown && d.Rule == "required" || d.Line > 0 && slices.ContainsFunc(found, func(f campaign.Diagnostic) bool {
			return !f.Warning && f.File == d.File && f.Line == d.Line && f.Col == d.Col && f.EndCol == d.EndCol
		})
	})
}

// when reads the campaign's schedule and what else depends on the date. It gives the
// campaign's zone.
func (j *job) when(zone *time.Location, now time.Time) (*time.Location, []campaign.Problem) {
	if now.IsZero() {
		now = present()
	}
	var problems []campaign.Problem
	if s := j.campaign.Schedule; s != nil {
		j.table, problems = schedule.New(*s, zone, s.Expires, now)
		if s.Zone != nil {
			zone = s.Zone
		}
	}
	var wrong []campaign.Problem
	j.deadline, wrong = schedule.ReadDeadline(j.campaign.Policy.Deadline, zone)
	problems = append(problems, wrong...)
	if w := j.campaign.Policy.Window; w != nil {
		problems = append(problems, schedule.CheckDays(w.Calendar, zone, now)...)
	}
	return zone, problems
}

// calendars are the files that say on which days the campaign goes out.
func (j *job) calendars() (files []string) {
	var rules []*campaign.DayRule
	if s := j.campaign.Schedule; s != nil {
		rules = append(rules, s.Days)
	}
	if w := j.campaign.Policy.Window; w != nil {
		rules = append(rules, w.Calendar)
	}
	for _, r := range rules {
		if r != nil && r.Calendar != nil {
			files = append(files, r.Calendar.File)
		}
	}
	return files
}

// redirected is the account as declared, but with another address: the sandbox
// stands in for the upstream.
func redirected(declared campaign.Account, endpoint string) campaign.Account {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(declared.Raw.Text(), &raw); err != nil {
		panic(err) // it passed the schema: an object
	}
	delete(raw, "environment")
	raw["base_url"], _ = json.Marshal(endpoint)
	declared.Raw.JSON, _ = json.Marshal(raw)
	declared.Proxy, declared.CAFile = "", ""
	return declared
}

// resolveGroups gives the groups that a campaign goes to, with what the lock
// file knows of them. fresh are the upstream's own, if it was asked.
func (p *project) resolveGroups(c *campaign.Campaign, doc *spec.Document, fresh []campaign.Group) ([]campaign.Group, []campaign.Diagnostic) {
	wanted := c.Recipients.Groups
	lock := spec.GroupsFile(c.Channel.Target)
	known, found, there := p.lockFile(lock)
	if !there {
		if wanted.Match != nil && fresh == nil {
			return nil, []campaign.Diagnostic{doc.Diagnostic(campaign.Problem{
				Pointer: "/recipients/match", Rule: "no-groups-lock",
				Message: "groups by match need " + lock + ", which is not there",
				Hint:    "`campaign groups --target " + c.Channel.Target + " --lock` writes it",
			})}
		}
	}
	if campaign.HasErrors(found) {
		return nil, found
	}
	if fresh != nil {
		known = fresh
	}
	if wanted.Match != nil {
		groups := plan.MatchGroups(*wanted.Match, known)
		if len(groups) == 0 {
			found = append(found, doc.Diagnostic(campaign.Problem{
				Pointer: matchPointer(*wanted.Match), Rule: "no-group-matches",
				Message: fmt.Sprintf("no group of %s matches", lock),
				Hint:    "`campaign groups --target " + c.Channel.Target + "` lists what the account has",
			}))
		}
		return groups, found
	}
	groups := make([]campaign.Group, len(wanted.IDs))
	for i, id := range wanted.IDs {
		groups[i] = campaign.Group{ID: id}
		if at := slices.IndexFunc(known, func(g campaign.Group) bool { return g.ID == id }); at >= 0 {
			groups[i] = known[at]
		}
	}
	return groups, found
}

// matchPointer is the condition of a match that has one only, or the match.
func matchPointer(m campaign.Match) string {
	given := slices.DeleteFunc([][2]string{{"title", m.Title}, {"department", m.Department}, {"type", m.Type}},
		func(c [2]string) bool { return c[1] == "" })
	if len(given) == 1 {
		return "/recipients/match/" + given[0][0]
	}
	return "/recipients/match"
}

// limitMemory bounds what planning takes, until the result is freed.
func (j *job) limitMemory() *memory {
	if slices.ContainsFunc(j.listFiles(), isWorkbook) {
		return boundMemory(memoryOfWorkbook)
	}
	return (&memory{base: memoryOfPlan, garbage: garbageOfPlan}).bind()
}

// listFiles are the files of people that planning reads.
func (j *job) listFiles() (files []string) {
	r := &j.campaign.Recipients
	if r.File != "" {
		files = append(files, r.File)
	}
	if r.Lookup != nil {
		files = append(files, r.Lookup.File)
	}
	for _, e := range slices.Concat(r.Exclude, j.declared.Suppress, r.Audience.Lists()) {
		files = append(files, e.File)
	}
	return files
}

func isWorkbook(file string) bool { return strings.EqualFold(path.Ext(file), ".xlsx") }

// check plans the campaign as a whole and gives every problem of its rows.
func (j *job) check(ctx context.Context) (plan.Summary, []campaign.Diagnostic, error) {
	return j.look(ctx, func(campaign.Digest) {})
}

// checkAmong is check while others are checked as well.
func (j *job) checkAmong(ctx context.Context) (plan.Summary, []campaign.Diagnostic, error) {
	return j.walk(ctx, func(campaign.Digest) {})
}

// look is check, and tells what each delivery says.
func (j *job) look(ctx context.Context, said func(campaign.Digest)) (plan.Summary, []campaign.Diagnostic, error) {
	defer j.limitMemory().free()
	return j.walk(ctx, said)
}

// walk is look in whatever memory there is.
func (j *job) walk(ctx context.Context, said func(campaign.Digest)) (plan.Summary, []campaign.Diagnostic, error) {
	for block, err := range j.plan.Blocks(ctx) {
		if err != nil {
			return plan.Summary{}, nil, fmt.Errorf("%s: %w", j.campaign.File, err)
		}
		for i := range block.Deliveries {
			said(block.Deliveries[i].Content)
		}
	}
	summary := j.plan.Summary()
	return summary, summary.Problems, nil
}

// inputs are the files that a run of the campaign freezes, in the order of their
// paths. Recipients files are there by digest only.
func (p *project) inputs(ctx context.Context, j *job) ([]campaign.Input, error) {
	files := []string{spec.TargetsFile, j.campaign.File}
	for file := range j.campaign.Content.Files {
		files = append(files, file)
	}
	files = append(files, j.calendars()...)
	if j.campaign.Recipients.Groups != nil {
		files = append(files, spec.GroupsFile(j.campaign.Channel.Target))
	}
	if j.declared.CAFile != "" {
		files = append(files, j.declared.CAFile)
	}
	slices.Sort(files)
	var out []campaign.Input
	for _, file := range slices.Compact(files) {
		data, err := fs.ReadFile(p.files, file)
		if errors.Is(err, fs.ErrNotExist) && path.Ext(file) == ".yaml" && file != j.campaign.File {
			continue // groups given by id need no lock file
		}
		if err != nil {
			return nil, fail(exitProblems, "%w", err)
		}
		out = append(out, frozenInput(file, data))
	}
	lists, err := p.lists(ctx, j)
	return append(out, lists...), err
}

// lists are the files of people, each by the digest of all that is read of it: a
// workbook may be there with several sheets.
func (p *project) lists(ctx context.Context, j *job) (out []campaign.Input, err error) {
	type table struct {
		file  string
		sheet campaign.Sheet
	}
	var tables []table
	r := &j.campaign.Recipients
	if r.File != "" {
		tables = append(tables, table{r.File, r.Sheet})
	}
	if r.Lookup != nil {
		tables = append(tables, table{r.Lookup.File, r.Lookup.Sheet})
	}
	for _, e := range slices.Concat(r.Exclude, j.declared.Suppress) {
		tables = append(tables, table{e.File, e.Sheet})
	}
	for _, e := range r.Audience.Lists() {
		tables = append(tables, table{e.File, e.Sheet})
	}
	slices.SortStableFunc(tables, func(a, b table) int { return strings.Compare(a.file, b.file) })
	for i, t := range tables {
		if slices.Contains(tables[:i], t) {
			continue
		}
		source, err := recipients.Open(p.files, t.file, t.sheet)
		if err != nil {
			return nil, fail(exitProblems, "%s: %w", t.file, err)
		}
		digest, err := source.Digest(ctx)
		if err != nil {
			return nil, fail(exitProblems, "%s: %w", t.file, err)
		}
		if last := len(out) - 1; last >= 0 && out[last].Path == t.file {
			sum := sha256.Sum256([]byte(out[last].Digest + digest))
			out[last].Digest = hex.EncodeToString(sum[:])
			continue
		}
		out = append(out, campaign.Input{Path: t.file, Digest: digest})
	}
	return out, nil
}

func frozenInput(file string, data []byte) campaign.Input {
	sum := sha256.Sum256(data)
	return campaign.Input{Path: file, Digest: hex.EncodeToString(sum[:]), Data: data}
}
