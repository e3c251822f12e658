package plan

import (
	"context"
	"errors"
	"fmt"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// Rules of the guards on the audience. Problems of these rules say that a guard
// stops the campaign, not that a file cannot be read.
const (
	RuleMaxRecipients = "max-recipients"
	RuleExpectedRows  = "expected-rows"
	RuleMustInclude   = "must-include"
	RuleMustExclude   = "must-exclude"
)

// expected holds the number of rows against what the file says of it.
func (p *Plan) expected() {
	e := p.spec.Campaign.Recipients.Audience.Expect
	n := p.summary.totals.Recipients
	if e == nil || p.to != nil || p.spec.Layout.Groups || e.Holds(n) {
		return
	}
	want := fmt.Sprintf("%d to %d", e.Min, e.Max)
	switch {
	case e.Min == e.Max:
		want = fmt.Sprint(e.Min)
	case e.Max == 0:
		want = fmt.Sprintf("at least %d", e.Min)
	case e.Min == 0:
		want = fmt.Sprintf("at most %d", e.Max)
	}
	p.summary.problem(p.at(campaign.Problem{Pointer: "/recipients/expect/rows", Rule: RuleExpectedRows,
		Message: fmt.Sprintf("%s has %d rows, and %s are expected", p.recipientsFile(), n, want),
		Hint:    "check that it is the right list, and all of it; then correct what is expected"}))
}

// forbidden are the lists of who must not be sent to. Screening finds their rows as
// it finds exclusions; a row that is left out for another reason is not among them.
func (p *Plan) forbidden() []list {
	if p.spec.Layout.Groups {
		return nil
	}
	return named(p.spec.Campaign.Recipients.Audience.MustExclude)
}

func named(all []campaign.Named) []list {
	var lists []list
	for _, n := range all {
		lists = append(lists, list{Exclusion: n.List, id: recipients.Plain(n.ID)})
	}
	return lists
}

// mustNot is the problem of a row that must not be sent to.
func (p *Plan) mustNot(t *table, e *entry) campaign.Diagnostic {
	n := p.spec.Campaign.Recipients.Audience.MustExclude[e.left.List-p.leaving]
	where := "must_exclude names this recipient"
	if n.ID == "" {
		where = "this recipient stands in " + n.List.File + ", which must_exclude names"
	}
	return p.inRow(t, e, 0, fault{rule: RuleMustExclude, message: where,
		hint: "take the row out of the list, or leave it out with exclude"})
}

// rollCall finds out who of those that must be sent to is not. Nil: nobody must.
type rollCall struct {
	screen *screen
	lists  []list
	keys   *recipients.Keyed // tag: the entry, or present
	key    []byte
	buf    []byte
}

// present is the tag of a recipient who is sent to. It is above all entries.
const present = 1<<64 - 1

// listBits is the room that each list has for its rows' numbers. Below rowTag that
// leaves half a million lists and ids, more than a campaign file can name.
const listBits = 44

// rollCall reads who must be sent to. A trial is for the named alone, and a test
// account reaches nobody but its own: nobody else can be missed there.
func (p *Plan) rollCall(ctx context.Context) (*rollCall, error) {
	must := p.spec.Campaign.Recipients.Audience.MustInclude
	if len(must) == 0 || p.to != nil || p.only != nil {
		return nil, nil
	}
	c := &rollCall{
		screen: &screen{plan: p, table: p.table, kinds: [][]int{p.table.identity}},
		lists:  named(must),
		keys:   recipients.NewKeyed(recipients.Options{TempDir: p.spec.TempDir}),
	}
	for i := range c.lists {
		l := &c.lists[i]
		err := c.screen.entries(ctx, l, func(row int64, key []byte) error {
			return c.add(l.kind, key, uint64(i)<<listBits|uint64(row))
		})
		if err != nil {
			if l.id == "" {
				err = fmt.Errorf("read %s: %w", l.File, err)
			}
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

func (c *rollCall) add(kind uint8, key []byte, tag uint64) error {
	c.buf = append(append(c.buf[:0], kind), key...)
	return c.keys.Add(c.buf, tag)
}

// take takes note of the recipients of a chunk that are sent to.
func (c *rollCall) take(chunk *chunk) error {
	if c == nil {
		return nil
	}
	for i := range chunk.entries {
		e := &chunk.entries[i]
		if e.ignored || len(e.problems) > 0 || e.skip != "" {
			continue
		}
		if err := c.keysOf(e, present); err != nil {
			return err
		}
	}
	return nil
}

// keysOf adds the keys of a row that a list may name it by.
func (c *rollCall) keysOf(e *entry, tag uint64) error {
	for kind, columns := range c.screen.kinds {
		if c.key = appendKey(c.key[:0], columns, e.cells, len(c.screen.plan.spec.Layout.Fields)); len(c.key) == 0 {
			continue
		}
		if err := c.add(uint8(kind), c.key, tag); err != nil {
			return err
		}
	}
	return nil
}

// judge adds the problems of those who are missed.
func (c *rollCall) judge(ctx context.Context) error {
	if c == nil {
		return nil
	}
	missed := recipients.NewNumbers(recipients.Options{TempDir: c.screen.plan.spec.TempDir})
	var waiting []uint64 // entries of the key that is read
	err := c.keys.Each(ctx, func(first bool, tag uint64) error {
		if first {
			if err := addAll(missed, waiting); err != nil {
				return err
			}
			waiting = waiting[:0]
		}
		if tag == present {
			waiting = waiting[:0]
		} else if n := len(waiting); n == 0 || waiting[n-1]>>listBits != tag>>listBits { // of a list once
			waiting = append(waiting, tag)
		}
		return nil
	})
	if err == nil {
		err = addAll(missed, waiting)
	}
	if err == nil {
		for n, e := range missed.All(ctx) {
			if e != nil {
				err = e
				break
			}
			c.missed(int(n>>listBits), n&(1<<listBits-1))
		}
	}
	return errors.Join(err, missed.Close())
}

func addAll(to *recipients.Numbers, tags []uint64) error {
	for _, tag := range tags {
		if err := to.Add(int64(tag)); err != nil {
			return err
		}
	}
	return nil
}

// missed adds the problem of an entry that nobody answers to.
func (c *rollCall) missed(list int, row int64) {
	p, l := c.screen.plan, &c.lists[list]
	problem := campaign.Problem{Pointer: fmt.Sprintf("/recipients/must_include/%d", list), Rule: RuleMustInclude,
		Message: campaign.Mask(l.id) + " must be sent to, and is not: no row names this recipient, or the row is left out",
		Hint:    "add the recipient to the list, or see which list leaves it out: `campaign plan` counts them"}
	if l.id != "" {
		d := p.at(problem)
		d.Source = "" // it shows the id
		p.summary.problem(d)
		return
	}
	p.summary.problem(campaign.Diagnostic{File: l.File, Rule: RuleMustInclude,
		Message: fmt.Sprintf("row %d: this recipient must be sent to, and is not: no row of %s names it, or the row is left out", row, p.recipientsFile()),
		Hint:    problem.Hint})
}

func (c *rollCall) close() error {
	if c == nil {
		return nil
	}
	return c.keys.Close()
}
