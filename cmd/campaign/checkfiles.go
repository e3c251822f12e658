package main

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"campaign/internal/campaign"
	"campaign/internal/spec"
	"campaign/internal/targets"
)

// Bounds of checking several campaigns at a time. Each small one takes a few megabytes
// at most; large ones are checked one after the other, each with all processors.
const (
	largeList    = 1 << 20  // of a file of people, in bytes
	keptOfFiles  = 64 << 20 // of the project's files, in bytes; what is beyond is read where it is needed
	memoryOfFile = 64 << 10 // of what is found in a campaign file, and of its garbage

	garbageOfFiles = 1000 // percent of what is kept, which is little: the collector may wait for the bound
)

// checked is what one campaign file comes to.
type checked struct {
	found []campaign.Diagnostic // of the file
	rows  []campaign.Diagnostic // of its recipients, and of other profiles
	err   error                 // its recipients could not be read
	name  string                // empty: the campaign could not be compiled
	used  used
	late  bool // its lists are large, and not read yet
	plain bool // no comment in it ignores warnings
}

// checkAll checks campaign files with so many workers and adds what is found to found,
// which is what is known of the project. An error says what could not be read, where no
// problem does.
func (p *project) checkAll(ctx context.Context, files []string, workers int, o occasion, found []campaign.Diagnostic) ([]campaign.Diagnostic, []checked, error) {
	each := p.checkEach(ctx, files, workers, o)
	for i := range each {
		found = append(found, each[i].found...)
	}
	found = append(found, p.sameNames(files, each)...)
	for i := range each {
		c := &each[i]
		if c.late {
			*c = p.checkOne(ctx, files[i], o)
		}
		// With errors it has been said what cannot be read, unless somebody interrupted it.
		if c.err != nil && (ctx.Err() != nil || !campaign.HasErrors(found)) {
			return nil, nil, fail(exitProblems, "%w", c.err)
		}
		found = append(found, c.rows...)
	}
	return found, each, nil
}

// withComments are the files in which comments may ignore warnings.
func withComments(files []string, each []checked) (with []string) {
	for i := range each {
		if !each[i].plain {
			with = append(with, files[i])
		}
	}
	return with
}

// usesOf is what campaigns use together.
func usesOf(each []checked) *uses {
	all := newUses()
	for i := range each {
		all.add(each[i].used)
	}
	return all
}

// campaignsOf are the files of campaigns by their names; empty: two have the name.
func campaignsOf(files []string, each []checked) map[string]string {
	byName := map[string]string{}
	for i := range each {
		if name := each[i].name; name != "" {
			if _, twice := byName[name]; twice {
				byName[name] = ""
				continue
			}
			byName[name] = files[i]
		}
	}
	return byName
}

// checkEach checks every file, except for the rows of large lists.
func (p *project) checkEach(ctx context.Context, files []string, workers int, o occasion) []checked {
	o.among = len(files) > 1
	workers = min(workers, len(files))
	if o.among {
		defer (&memory{base: keptOfFiles + memoryOfPlan*int64(workers) + memoryOfFile*int64(len(files)), garbage: garbageOfFiles}).bind().free()
	}
	all := make([]checked, len(files))
	var next atomic.Int64
	var crash atomic.Pointer[any]
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			defer func() {
				if bug := recover(); bug != nil {
					crash.Store(&bug)
				}
			}()
			for i := next.Add(1) - 1; i < int64(len(files)); i = next.Add(1) - 1 {
				all[i] = p.checkOne(ctx, files[i], o)
			}
		})
	}
	wg.Wait()
	if bug := crash.Load(); bug != nil {
		panic(*bug) // where the program catches it
	}
	return all
}

// checkOne checks one file. Among others what it was checked with is not kept, and large
// lists are left for later.
func (p *project) checkOne(ctx context.Context, file string, o occasion) (c checked) {
	j, found := p.compile(file, o)
	c.found = found
	if j == nil {
		return c
	}
	c.name, c.used, c.plain = j.campaign.Name, j.used(), !j.doc.MayIgnore()
	if c.late = o.among && p.large(j); c.late {
		return c
	}
	check := j.check
	if o.among {
		check = j.checkAmong
	}
	s, rows, err := check(ctx)
	c.rows, c.err = unsaid(c.found, rows), err
	if err == nil && !campaign.HasErrors(rows) {
		c.rows = append(c.rows, j.untimely(s.Work, o.now)...)
	}
	c.rows = append(c.rows, p.otherProfiles(j)...)
	return c
}

// large reports whether a campaign's lists take more than a small part of the memory
// that there is for all.
func (p *project) large(j *job) bool {
	for _, file := range j.listFiles() {
		if isWorkbook(file) || strings.EqualFold(path.Ext(file), ".gz") {
			return true
		}
		if info, err := fs.Stat(p.files, file); err == nil && info.Size() > largeList {
			return true
		}
	}
	return false
}

// sameNames finds names that are used twice. Files that have one are read again: they
// are few, and of the others nothing needs to be kept.
func (p *project) sameNames(files []string, all []checked) []campaign.Diagnostic {
	first := map[string]int{}
	again := map[int]bool{}
	for i := range all {
		name := all[i].name
		if at, ok := first[name]; ok && name != "" {
			again[at], again[i] = true, true
			continue
		}
		first[name] = i
	}
	var loaded []spec.Loaded
	for i := range all {
		if again[i] {
			c, doc, _ := spec.LoadCampaign(p.files, files[i])
			if c != nil {
				loaded = append(loaded, spec.Loaded{Campaign: c, Document: doc})
			}
		}
	}
	return spec.DuplicateNames(loaded)
}

// memo keeps what is the same for all campaigns of a project: its accounts as their
// systems decoded them, and the lock files of user groups.
type memo struct {
	sync.Mutex
	accounts map[string]decoded // by their place in targets.yaml
	locks    map[string]locked
}

type decoded struct {
	account  targets.Account
	problems []campaign.Problem
}

type locked struct {
	groups []campaign.Group
	found  []campaign.Diagnostic
	there  bool
}

// decode gives an account as its system reads it, once when it is as declared. The problems must not be
// changed.
func (p *project) decode(declared campaign.Account, asDeclared bool) (targets.Account, []campaign.Problem) {
	if !asDeclared || p.known == nil {
		return system(declared.System).Account(declared)
	}
	p.known.Lock()
	defer p.known.Unlock()
	d, ok := p.known.accounts[declared.Raw.Pointer]
	if !ok {
		d.account, d.problems = system(declared.System).Account(declared)
		if p.known.accounts == nil {
			p.known.accounts = map[string]decoded{}
		}
		p.known.accounts[declared.Raw.Pointer] = d
	}
	return d.account, d.problems
}

// lockFile reads a lock file once, and reports whether there is one. What it gives
// must not be changed.
func (p *project) lockFile(file string) ([]campaign.Group, []campaign.Diagnostic, bool) {
	known := p.known
	if known == nil {
		known = &memo{}
	}
	known.Lock()
	defer known.Unlock()
	l, ok := known.locks[file]
	if !ok {
		if _, err := fs.Stat(p.files, file); !errors.Is(err, fs.ErrNotExist) {
			l.there = true
			l.groups, _, l.found = spec.LoadGroups(p.files, file)
		}
		if known.locks == nil {
			known.locks = map[string]locked{}
		}
		known.locks[file] = l
	}
	return l.groups, slices.Clip(l.found), l.there
}
