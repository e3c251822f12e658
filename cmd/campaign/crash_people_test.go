package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// halfTheTime kills a command that does not send, half the time.
func (r *crashRound) halfTheTime(p *process) *process {
	if r.random.IntN(2) == 0 {
		p.killAt(r.up, killPoint{delay: r.upTo(r.pace.again)})
	}
	return p
}

// read looks at a run while it goes on.
func (r *crashRound) read(run *crashRun) {
	args := drawOf(r, []string{"report", run.id, "--format", "ndjson"}, []string{"report", run.id}, []string{"runs", "--format", "json"}, []string{"show", run.id})
	time.Sleep(r.upTo(r.pace.again))
	p := r.halfTheTime(startCampaign(r.T, r.dir, args...))
	if p.wait(r.T); p.killed() {
		r.row.others++
		return
	}
	codes := []int{exitDone}
	if run.claims == 0 {
		codes = []int{exitDone, exitUsage, exitGuard} // not there yet, or being planned
	}
	if p.wants(r.T, codes...) == exitDone {
		r.reads(run, args, p.out.String())
	}
}

// reads checks what was read of a run that goes on.
func (r *crashRound) reads(run *crashRun, args []string, text string) {
	counts := func(what string, recipients, requests map[string]int64) {
		if recipients["planned"] > 0 && (!balanced(recipients) || !balanced(requests)) {
			r.Errorf("%v of a run that goes on does not add up: %v %v", args, recipients, requests)
		}
	}
	switch {
	case args[0] == "show":
		if !strings.Contains(text, run.id) {
			r.Errorf("show does not name the run:\n%s", text)
		}
	case len(args) == 4:
		t, err := readTold(text)
		if err != nil {
			r.Errorf("%v: %v", args, err)
			return
		}
		counts("", t.recipients, t.requests)
	case args[0] == "report":
		var one struct{ Recipients, Requests map[string]int64 }
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			r.Errorf("%v: %v", args, err)
		}
		counts("", one.Recipients, one.Requests)
	default:
		var list struct {
			Runs []struct{ Recipients, Requests map[string]int64 }
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			r.Errorf("%v: %v", args, err)
		}
		for _, one := range list.Runs {
			counts("", one.Recipients, one.Requests)
		}
	}
}

// told reads the report of a run on which nobody works.
func (r *crashRound) told(run *crashRun) told {
	r.Helper()
	p := runCampaign(r.T, r.dir, []int{exitDone}, "report", run.id, "--format", "ndjson")
	t, err := readTold(p.out.String())
	if err != nil {
		r.Fatal(err)
	}
	return t
}

// verify holds the report of a run that has ended against the upstream's record.
func (r *crashRound) verify(run *crashRun) {
	r.Helper()
	run.lostAnswers = r.up.fired(r.T)
	run.over = run.state == campaign.Cancelled
	t := r.told(run)
	f := run.check(t, r.up.accepted(r.T))
	r.row.count(t, f)
	r.broken(run, f)
	r.stored(run, t)
}

// stored wants that running again, which sends nothing any more, leaves the report
// of now in its folder: a process may have been killed before it was there.
func (r *crashRound) stored(run *crashRun, now told) {
	r.Helper()
	runCampaign(r.T, r.dir, []int{exitDone, exitProblems, exitUnknown}, "run", run.name+".yaml", "--yes")
	data, err := os.ReadFile(filepath.Join(r.dir, "reports", "default", run.name, run.id, "report.json"))
	if err != nil {
		r.Fatal(err)
	}
	var last struct {
		State                string
		Recipients, Requests map[string]int64
	}
	if err := json.Unmarshal(data, &last); err != nil {
		r.Fatal(err)
	}
	if last.State != now.state || !maps.Equal(last.Recipients, now.recipients) || !maps.Equal(last.Requests, now.requests) {
		r.Errorf("round %d: the report of %s (run %s) says %s %v, and it is %s %v",
			r.n, run.name, run.id, last.State, last.Recipients, now.state, now.recipients)
	}
}

// resolve closes what is unknown, as the upstream's record says. Half of the
// commands are killed, and given again.
func (r *crashRound) resolve(run *crashRun) {
	if !run.found || run.state == campaign.Planning {
		return
	}
	open := 0
	for {
		unknown, _ := r.told(run).unknown()
		if len(unknown) == 0 {
			break
		}
		open = cmp.Or(open, len(unknown))
		p := r.halfTheTime(startCampaign(r.T, r.dir, r.word(run, unknown)...))
		if p.wait(r.T); p.killed() {
			r.row.others++
			continue
		}
		p.wants(r.T, exitDone, exitUnknown, exitUnfinished)
	}
	r.row.closed += open
	run.position = r.look(run)
}

// word is a command that says of unknown requests what the record says.
func (r *crashRound) word(run *crashRun, unknown map[string][]string) []string {
	arrived := map[string]bool{}
	for _, q := range r.up.accepted(r.T) {
		for _, id := range arrivals(q) {
			arrived[id] = true
		}
	}
	words := []string{"resolve", run.id, "--reason", "as the record says"}
	var there []string
	for key, ids := range unknown {
		if arrived[ids[0]] {
			there = append(there, "--delivery", key)
		}
		for _, id := range ids {
			if arrived[id] != arrived[ids[0]] {
				r.Fatalf("request %s arrived in part", key)
			}
		}
	}
	switch {
	case len(there) == 0:
		return append(words, "--all", "--not-accepted")
	case len(there) == 2*len(unknown):
		return append(words, "--all", "--accepted")
	}
	return append(append(words, there...), "--accepted")
}

// cancel gives the rest of a run up. Half of the commands are killed, and given
// again.
func (r *crashRound) cancel(run *crashRun) {
	for !run.position.done() {
		p := r.halfTheTime(startCampaign(r.T, r.dir, "cancel", run.id, "--reason", "no longer true"))
		if p.wait(r.T); p.killed() {
			r.row.others++
		} else {
			p.wants(r.T, exitDone)
		}
		run.position = r.look(run)
	}
}

// everybody closes what is unknown and goes on, until everybody has the message
// exactly once and nothing is in doubt.
func (r *crashRound) everybody() {
	for _, run := range r.runs {
		r.resolve(run)
		for steps := 0; !run.position.done(); steps++ {
			if steps > 20 {
				r.Fatalf("run %s does not come to an end", run.id)
			}
			runCampaign(r.T, r.dir, []int{exitDone, exitUnknown, exitUnfinished}, "run", run.name+".yaml", "--yes")
			r.resolve(run)
		}
		t := r.told(run)
		f := promise{ids: run.ids}.check(t, r.up.accepted(r.T))
		if n := t.recipients["accepted"]; n != int64(len(run.ids)) {
			f.others = append(f.others, fmt.Sprintf("%d of %d stand as accepted though nothing is in doubt", n, len(run.ids)))
		}
		r.broken(run, f)
		r.stored(run, t)
	}
}
