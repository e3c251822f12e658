package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"campaign/internal/campaign"
	"campaign/internal/ledger/sqlite"
	"campaign/internal/recipients"
	"campaign/internal/report"
)

// planDiff is how a campaign, as it is planned now, differs from a run.
type planDiff struct {
	Run        string       `json:"run"`
	Campaign   string       `json:"campaign"`
	Began      time.Time    `json:"began_at"`
	Recipients audienceDiff `json:"recipients"`
	Files      []fileDiff   `json:"files"` // those that differ
}

// audienceDiff counts recipients by what identifies them for the upstream. Those that
// are left out do not count.
type audienceDiff struct {
	New     int64 `json:"new"`
	Gone    int64 `json:"gone"`
	Changed int64 `json:"changed"` // they get another text, or another number of messages
	Same    int64 `json:"same"`
}

// fileDiff is a campaign file, or a file of its content, as a unified diff.
type fileDiff struct {
	File string `json:"file"`
	Diff string `json:"diff"`
}

// comparison compares what is planned with a run of the ledger.
type comparison struct {
	project *project
	ledger  *sqlite.Reader
	run     campaign.Run
}

func (a *app) compareWith(ctx context.Context, run string) (*comparison, error) {
	p, led, found, err := a.findRun(ctx, run)
	if err != nil {
		return nil, err
	}
	notes, err := led.Notes(ctx, found.ID)
	switch {
	case err != nil:
		err = stateError(err)
	case found.State == campaign.Planning:
		err = fail(exitProblems, "run %s was never planned as a whole: there is nothing to compare with", found.ID)
	case purgedFrom(notes) != "":
		err = fail(exitProblems, "whom run %s went to and what it said was deleted (campaign purge): there is nothing to compare with", found.ID)
	}
	if err != nil {
		led.Close()
		return nil, err
	}
	return &comparison{project: p, ledger: led, run: found}, nil
}

func (d *comparison) close() { d.ledger.Close() }

// among reports whether the run's campaign is one of those.
func (d *comparison) among(jobs []*job) bool {
	return slices.ContainsFunc(jobs, func(j *job) bool { return j.campaign.Name == d.run.Campaign })
}

// of compares a campaign with the run; nil: the run is another campaign's.
func (d *comparison) of(ctx context.Context, p *project, j *job) (*planDiff, error) {
	if j.campaign.Name != d.run.Campaign {
		return nil, nil
	}
	out := &planDiff{Run: d.run.ID, Campaign: d.run.Campaign, Began: d.run.Began.In(d.project.decl.Location)}
	before, err := d.ledger.Inputs(ctx, d.run.ID)
	if err != nil {
		return nil, stateError(err)
	}
	_, then, err := d.project.thaw(ctx, d.ledger, d.run, "")
	if err != nil {
		return nil, err
	}
	now, err := p.inputs(ctx, j)
	if err != nil {
		return nil, err
	}
	out.Files = diffSources(sentSources(before, then), sentSources(now, j))
	out.Recipients, err = d.audience(ctx, j)
	return out, err
}

// sentence says it for people.
func (d *planDiff) sentence() string {
	text := "the files say the same"
	switch n := len(d.Files); {
	case n == 1:
		text = "1 file changed"
	case n > 1:
		text = fmt.Sprintf("%d files changed", n)
	}
	r := d.Recipients
	return fmt.Sprintf("run %s of %s: %d new, %d gone, %d who get something else, %d as before; %s", d.Run, d.Began.Format(timeLayout), r.New, r.Gone, r.Changed, r.Same, text)
}

// diffSources compares files by their paths, and the campaign files, which come first,
// with each other.
func diffSources(before, now []report.Source) []fileDiff {
	out := []fileDiff{}
	add := func(old, new report.Source) {
		text := diff.Diff(old.Path, []byte(old.Text), new.Path, []byte(new.Text))
		if _, after, ok := bytes.Cut(text, []byte("\n")); ok { // without "diff old new"
			out = append(out, fileDiff{firstOf(new.Path, old.Path), string(after)})
		}
	}
	add(before[0], now[0])
	before, now = before[1:], now[1:]
	for _, n := range now {
		at := slices.IndexFunc(before, func(b report.Source) bool { return b.Path == n.Path })
		if at < 0 {
			add(report.Source{Path: "/dev/null"}, n)
			continue
		}
		add(before[at], n)
		before = slices.Delete(slices.Clone(before), at, at+1)
	}
	for _, gone := range before {
		add(gone, report.Source{Path: "/dev/null"})
	}
	return out
}

// audience compares the recipients and what they read, in bounded memory.
func (d *comparison) audience(ctx context.Context, j *job) (out audienceDiff, err error) {
	keys := recipients.NewKeyed(recipients.Options{})
	defer func() { err = errors.Join(err, keys.Close()) }()
	identity := j.target.Layout().Identity
	key := keysOf(d.run.Columns, identity)
	for block, err := range d.ledger.Results(ctx, d.run.ID) {
		if err != nil {
			return out, stateError(err)
		}
		if err := addReaders(keys, &block.Block, key, then); err != nil {
			return out, err
		}
	}
	key = nil // the columns are known once the first block is
	for block, err := range j.plan.Blocks(ctx) {
		if err != nil {
			return out, fail(exitProblems, "%s: %w", j.campaign.File, err)
		}
		if key == nil {
			key = keysOf(j.plan.Columns(), identity)
		}
		if err := addReaders(keys, &block, key, now); err != nil {
			return out, err
		}
	}
	var one reader
	err = keys.Each(ctx, func(first bool, tag uint64) error {
		if first {
			out.count(&one)
		}
		one.add(tag)
		return nil
	})
	out.count(&one)
	return out, err
}

// When a reader's message is of: the lowest bit of a tag, above which stands what the
// message says.
const then, now = 0, 1

// addReaders adds whom a block reaches, and what they read.
func addReaders(keys *recipients.Keyed, b *campaign.Block, key func(campaign.Recipient) []byte, when uint64) error {
	for _, d := range b.Deliveries {
		tag := binary.BigEndian.Uint64(d.Content[:])&^1 | when
		for _, r := range d.Recipients {
			if err := keys.Add(key(r), tag); err != nil {
				return err
			}
		}
	}
	return nil
}

// reader is what one recipient gets: sums over its messages, whatever their order.
type reader struct {
	messages [2]int64
	says     [2]uint64
}

func (r *reader) add(tag uint64) {
	r.messages[tag&1]++
	r.says[tag&1] += tag >> 1
}

// count counts a recipient, and begins another.
func (d *audienceDiff) count(r *reader) {
	switch {
	case r.messages == [2]int64{}: // before the first
	case r.messages[then] == 0:
		d.New++
	case r.messages[now] == 0:
		d.Gone++
	case r.messages[then] != r.messages[now] || r.says[then] != r.says[now]:
		d.Changed++
	default:
		d.Same++
	}
	*r = reader{}
}
