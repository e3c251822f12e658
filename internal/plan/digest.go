package plan

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"campaign/internal/campaign"
)

// Digest is over everything that the plan depends on: decoded values, text with
// line endings normalised, the content of recipients, exclusion and suppression
// files, the account without secrets and without what only says how fast and by
// which way requests go. It is the same on any machine and system: lower-case
// hex of a SHA-256.
func (p *Plan) Digest(ctx context.Context) (string, error) {
	d := &digester{hash: sha256.New()}
	d.number("planner", Version)
	d.text("project", p.spec.Project)
	d.text("profile", p.spec.Profile)
	d.text("occurrence", p.spec.Occurrence.Label)
	d.text("zone", p.spec.Zone.String())
	d.texts("to", slices.Compact(slices.Sorted(slices.Values(p.spec.To))))
	if p.spec.Chosen != nil {
		d.text("chosen", p.spec.Chosen.digest())
	}
	if err := p.digestDeclared(d, p.spec.Campaign); err != nil {
		return "", err
	}
	d.groups(p.spec.Groups)
	if !p.spec.Layout.Groups {
		if err := p.digestSources(ctx, d); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(d.hash.Sum(nil)), nil
}

// StandingDigest is over what stays from one occurrence to the next: what the
// campaign says, by which account and how it goes out, and which files name its
// people, whoever stands in them now. Lower-case hex of a SHA-256.
func (p *Plan) StandingDigest() (string, error) {
	d := &digester{hash: sha256.New()}
	d.text("standing", "")
	d.number("planner", Version)
	d.text("project", p.spec.Project)
	d.text("profile", p.spec.Profile)
	d.text("zone", p.spec.Zone.String())
	c := *p.spec.Campaign
	groups := c.Recipients.Groups
	c.Recipients.List, c.Recipients.Groups = nil, nil
	if groups != nil && groups.Match != nil { // like the name of a file
		c.Recipients.Groups = &campaign.Groups{Match: groups.Match}
	}
	if err := p.digestDeclared(d, &c); err != nil {
		return "", err
	}
	return hex.EncodeToString(d.hash.Sum(nil)), nil
}

// digestDeclared adds what the campaign file and the account say.
func (p *Plan) digestDeclared(d *digester, c *campaign.Campaign) error {
	if err := d.campaign(c); err != nil {
		return err
	}
	if err := d.account(p.spec.Account); err != nil {
		return err
	}
	p.digestLayout(d)
	return nil
}

// digestSources adds the content of the files.
func (p *Plan) digestSources(ctx context.Context, d *digester) error {
	source, err := p.open()
	if err != nil {
		return err
	}
	sum, err := source.Digest(ctx)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.recipientsFile(), err)
	}
	d.text("recipients", sum)
	table := func(label, file string, sheet campaign.Sheet) error {
		source, err := p.spec.Open(file, sheet)
		if err != nil {
			return fmt.Errorf("open %s: %w", file, err)
		}
		sum, err := source.Digest(ctx)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		d.text(label, sum)
		return nil
	}
	if l := p.spec.Campaign.Recipients.Lookup; l != nil {
		if err := table("lookup", l.File, l.Sheet); err != nil {
			return err
		}
	}
	for _, l := range p.lists() {
		if err := table("list", l.File, l.Sheet); err != nil {
			return err
		}
	}
	for _, l := range p.spec.Campaign.Recipients.Audience.Lists() {
		if err := table("named", l.File, l.Sheet); err != nil {
			return err
		}
	}
	return nil
}

func (d *digester) groups(groups []campaign.Group) {
	for _, g := range groups {
		d.number("group", g.ID)
		d.texts("group", []string{g.Title, g.Department, g.Type})
		d.number("people", g.People)
	}
}

func (p *Plan) digestLayout(d *digester) {
	l := &p.spec.Layout
	d.flag("groups", l.Groups)
	for _, f := range l.Fields {
		d.text("field", f.Name)
		d.flag("required", f.Required)
	}
	d.texts("identity", l.Identity)
	for _, t := range l.Texts {
		d.texts("text", []string{t.Pointer, t.File, lines(t.Source)})
		d.number("escape", int64(t.Escape))
		d.number("limit", int64(t.Limit))
		d.flag("required", t.Required)
	}
}

// digester writes labelled values, each with its length, so that two different
// inputs never give the same bytes.
type digester struct {
	hash hash.Hash
	buf  []byte
}

func (d *digester) text(label, v string) {
	d.buf = d.buf[:0]
	for _, s := range [...]string{label, v} {
		d.buf = binary.AppendUvarint(d.buf, uint64(len(s)))
		d.buf = append(d.buf, s...)
	}
	d.hash.Write(d.buf)
}

func (d *digester) number(label string, n int64) { d.text(label, fmt.Sprint(n)) }

func (d *digester) flag(label string, v bool) { d.text(label, fmt.Sprint(v)) }

func (d *digester) texts(label string, vs []string) {
	d.number(label, int64(len(vs)))
	for _, v := range vs {
		d.text(label, v)
	}
}

func (d *digester) mapping(label string, m map[string]string) {
	d.number(label, int64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		d.text(k, lines(m[k]))
	}
}

// lines normalises line endings and drops a byte order mark.
func lines(s string) string {
	s = strings.TrimPrefix(s, "\uFEFF")
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

func (d *digester) campaign(c *campaign.Campaign) error {
	d.texts("campaign", []string{c.Name, c.Description, c.Channel.Type, c.Channel.Target})
	d.mapping("labels", c.Labels)
	if err := d.json("channel", c.Channel.Raw.Text(), false); err != nil {
		return fmt.Errorf("channel: %w", err)
	}
	if err := d.json("content", c.Content.Raw.Text(), false); err != nil {
		return fmt.Errorf("content: %w", err)
	}
	d.mapping("files", c.Content.Files)
	d.mapping("vars", c.Vars)
	r := &c.Recipients
	d.text("recipients", r.File)
	d.number("rows", int64(len(r.List)))
	for _, row := range r.List {
		d.mapping("row", row)
	}
	d.mapping("columns", r.Columns)
	d.mapping("defaults", r.Defaults)
	d.flag("dedupe", r.DedupeDefault)
	d.texts("dedupe", r.Dedupe)
	d.exclusions("exclude", r.Exclude)
	d.sheet(r.Sheet)
	if l := r.Lookup; l != nil {
		d.texts("lookup", []string{l.File, l.Key})
		d.sheet(l.Sheet)
		d.mapping("take", l.Take)
		d.flag("skip", l.Skip)
	}
	d.audience(&r.Audience)
	if g := r.Groups; g != nil {
		d.flag("disjoint", g.Disjoint)
		for _, id := range g.IDs {
			d.number("id", id)
		}
		if m := g.Match; m != nil {
			d.texts("match", []string{m.Title, m.Department, m.Type, fmt.Sprint(m.AcceptChanges)})
		}
	}
	pol := &c.Policy
	for _, n := range []int64{int64(pol.Batch), int64(pol.Rate.N), int64(pol.Rate.Per), int64(pol.Concurrency), int64(pol.Timeout),
		int64(pol.Retry.Attempts), int64(pol.Retry.Base), int64(pol.Retry.Cap), int64(pol.MaxRecipients)} {
		d.number("policy", n)
	}
	d.guards(pol)
	return nil
}

// What a file said by silence when guards came to be: neither value may change
// with the defaults, or runs under way would look like others.
const unsaidExpires = 24 * time.Hour

var unsaidAbort = campaign.Abort{Failed: campaign.Threshold{Count: 20, Share: 0.20}, Unknown: campaign.Threshold{Count: 10, Share: 0.05}}

// days adds what a calendar says, not where it stands.
func (d *digester) days(r *campaign.DayRule) {
	if r == nil || r.Calendar == nil {
		return
	}
	d.flag("rest", r.Rest)
	for _, off := range r.Calendar.Weekend {
		d.flag("weekend", off)
	}
	for _, year := range slices.Sorted(maps.Keys(r.Calendar.Years)) {
		d.number("year", int64(year))
	}
	for _, days := range []map[campaign.Date]bool{r.Calendar.Holidays, r.Calendar.Workdays} {
		sorted := slices.SortedFunc(maps.Keys(days), campaign.Date.Compare)
		d.number("days", int64(len(sorted)))
		for _, day := range sorted {
			d.text("day", day.String())
		}
	}
}

// guards adds the rest of the policy. All of it is in, like the pace and the
// retries above: stages decide which recipients share requests, resend and expiry
// who gets something twice or not at all, window and thresholds when and how far
// it goes out, and all of them are what a reviewer of the file agreed to. A value
// is only written where it is not what a file without the key means, so that runs
// from before there were these keys keep their digests.
func (d *digester) guards(pol *campaign.Policy) {
	if pol.Resend {
		d.flag("resend", true)
	}
	if pol.Expires != unsaidExpires {
		d.number("expires", int64(pol.Expires))
	}
	if w := pol.Window; w != nil {
		d.number("window", int64(len(w.Open)))
		for _, s := range w.Open {
			d.number("from", int64(s.From))
			d.number("to", int64(s.To))
		}
		for _, open := range w.Days {
			d.flag("day", open)
		}
		d.days(w.Calendar)
	}
	if pol.Abort != unsaidAbort {
		for _, t := range []campaign.Threshold{pol.Abort.Failed, pol.Abort.Unknown} {
			d.number("count", t.Count)
			d.share(t.Share)
		}
	}
	if len(pol.Stages) > 0 {
		d.number("stages", int64(len(pol.Stages)))
	}
	if pol.Deadline.Text != "" {
		d.text("deadline", pol.Deadline.Text)
	}
	for _, s := range pol.Stages {
		d.number("upto", s.Upto)
		d.share(s.Share)
		d.number("wait", int64(s.Wait))
		d.flag("confirm", s.Confirm)
	}
}

// audience adds the guards on the audience, as guards does.
func (d *digester) audience(a *campaign.Audience) {
	if e := a.Expect; e != nil {
		d.number("expect min", e.Min)
		d.number("expect max", e.Max)
	}
	if a.MaxChange != nil {
		d.text("max change", "")
		d.share(*a.MaxChange)
	}
	d.named("must include", a.MustInclude)
	d.named("must exclude", a.MustExclude)
}

func (d *digester) named(label string, all []campaign.Named) {
	for _, n := range all {
		d.text(label, n.ID)
		d.exclusions(label, []campaign.Exclusion{n.List})
	}
}

func (d *digester) share(v float64) { d.text("share", strconv.FormatFloat(v, 'g', -1, 64)) }

func (d *digester) exclusions(label string, es []campaign.Exclusion) {
	d.number(label, int64(len(es)))
	for _, e := range es {
		d.text("file", e.File)
		d.mapping("columns", e.Columns)
		d.sheet(e.Sheet)
	}
}

// sheet adds how a file is read, where the campaign says so. The encoding is not
// part of it: what is read is in the digest decoded, so that a file plans the same
// after it was saved in another one.
func (d *digester) sheet(s campaign.Sheet) {
	s.Encoding = ""
	if s == (campaign.Sheet{}) {
		return
	}
	d.texts("sheet", []string{s.Name, s.Delimiter, s.StopAt})
	d.number("header", s.HeaderRow)
}

func (d *digester) account(a campaign.Account) error {
	d.texts("account", []string{a.Name, a.System})
	d.flag("only", a.Only != nil)
	d.texts("only", slices.Compact(slices.Sorted(slices.Values(a.Only))))
	d.exclusions("suppress", a.Suppress)
	if err := d.json("account", a.Raw.Text(), true); err != nil {
		return fmt.Errorf("account %s: %w", a.Name, err)
	}
	return nil
}
