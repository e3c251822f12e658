package plan

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
	"campaign/internal/targets"
)

// list is an exclusion list: of the campaign, or the account's suppression.
type list struct {
	campaign.Exclusion
	suppress bool
	id       string // instead of a file: one recipient
	source   recipients.Source
	kind     uint8 // which columns its keys are made of: index into screen.kinds
	cells    []int // the list's own columns, in the order of the kind's
}

// lists are the campaign's exclusions, then the account's suppressions: a list's
// number is its place here.
func (p *Plan) lists() []list {
	var all []list
	if p.spec.Layout.Groups {
		return nil
	}
	for _, e := range p.spec.Campaign.Recipients.Exclude {
		all = append(all, list{Exclusion: e})
	}
	for _, e := range p.spec.Account.Suppress {
		all = append(all, list{Exclusion: e, suppress: true})
	}
	return all
}

// listReason is the reason of a skip because of list i.
func (p *Plan) listReason(i int) string {
	if n := len(p.spec.Campaign.Recipients.Exclude); i >= n {
		return skipSuppressed + ": " + p.spec.Account.Suppress[i-n].File
	}
	return skipExcluded + ": " + p.spec.Campaign.Recipients.Exclude[i].File
}

// screen finds duplicates and exclusions: the first pass over the source.
type screen struct {
	plan   *Plan
	table  *table
	kinds  [][]int // columns of the run that a key is made of; the first is the dedupe key
	dedupe bool
	source recipients.Rows
	rows   int64 // that are sent to unless they are left out
}

// screening runs the first pass and finds where the stages end. Both results are
// nil when nothing can leave a row out and no stage asks how many there are. The
// caller closes the screener.
func (p *Plan) screening(ctx context.Context, source recipients.Rows, b *batcher) (recipients.Screener, recipients.Screening, error) {
	s := &screen{plan: p, table: p.table, source: source, kinds: [][]int{p.table.identity}, dedupe: len(p.table.identity) > 0}
	lists, stages := append(p.lists(), p.forbidden()...), p.stages()
	shares := slices.ContainsFunc(stages, func(s campaign.Stage) bool { return s.Upto == 0 })
	if !shares {
		b.edges = campaign.Edges(stages, math.MaxInt64)
	}
	if !s.dedupe && len(lists) == 0 && !shares {
		return nil, nil, nil
	}
	screener := p.newScreener()
	found, err := s.run(ctx, screener, lists)
	if err == nil && shares {
		var total int64
		total, err = s.total(ctx, found)
		b.edges = campaign.Edges(stages, total)
	}
	if err != nil {
		return nil, nil, errors.Join(err, screener.Close())
	}
	return screener, found, nil
}

// total is how many recipients are to be sent to, before any is. It is what the
// second pass finds, unless texts cannot be rendered for some of them: such a plan
// is never sent.
func (s *screen) total(ctx context.Context, found recipients.Screening) (int64, error) {
	n := s.rows
	for _, err := range found.Left(ctx) {
		if err != nil {
			return 0, fmt.Errorf("count the recipients of %s: %w", s.plan.recipientsFile(), err)
		}
		n--
	}
	return n - s.plan.capped.Rows(), nil
}

// stages are the campaign's, unless one delivery carries everybody: groups that
// somebody may be in two of are never split.
func (p *Plan) stages() []campaign.Stage {
	if g := p.spec.Campaign.Recipients.Groups; p.spec.Layout.Groups && (g == nil || !g.Disjoint) {
		return nil
	}
	return p.spec.Campaign.Policy.Stages
}

func (s *screen) run(ctx context.Context, screener recipients.Screener, lists []list) (recipients.Screening, error) {
	for i := range lists {
		if err := s.exclude(ctx, screener, i, &lists[i]); err != nil {
			return nil, fmt.Errorf("read %s: %w", lists[i].File, err)
		}
	}
	err := pass{source: s.source, worker: s.keys, collect: func(c *chunk) (bool, error) {
		s.rows += c.counted
		return true, s.feed(screener, c)
	}}.run(ctx, s.plan.spec.Workers)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.plan.recipientsFile(), err)
	}
	return screener.Finish(ctx)
}

// keys makes the work of the first pass: the rows' keys, one of each kind.
// Workers keep their memory for the cells, which nobody else sees.
func (s *screen) keys() func(*chunk) {
	cells := make([]string, len(s.table.columns))
	return func(c *chunk) {
		c.keys, c.ends, c.counted = c.keys[:0], c.ends[:0], 0
		for i := range c.entries {
			e := &c.entries[i]
			counts := e.from >= 0
			if counts {
				s.plan.recipient(s.table, e, c.raw[e.from:e.to], cells)
				counts = !e.ignored && !e.missing && len(e.problems) == 0 && (s.plan.only == nil || s.plan.only[cells[0]])
			}
			if counts {
				c.counted++
			}
			for _, kind := range s.kinds {
				if counts {
					c.keys = appendKey(c.keys, kind, cells, len(s.plan.spec.Layout.Fields))
				}
				c.ends = append(c.ends, len(c.keys))
			}
		}
	}
}

// appendKey appends the key of the given cells in their plain form, which the
// first cells, those of fields, have; or nothing when all are empty.
func appendKey(dst []byte, at []int, cells []string, fields int) []byte {
	empty := true
	for _, i := range at {
		empty = empty && blank(cells[i])
	}
	if empty {
		return dst
	}
	for _, i := range at {
		v := cells[i]
		if i >= fields {
			v = recipients.Plain(v)
		}
		dst = binary.AppendUvarint(dst, uint64(len(v)))
		dst = append(dst, v...)
	}
	return dst
}

func (s *screen) feed(screener recipients.Screener, c *chunk) error {
	from, n := 0, 0
	for i := range c.entries {
		for kind := range s.kinds {
			to := c.ends[n]
			n++
			if to > from {
				if err := screener.Row(c.entries[i].row, uint8(kind), c.keys[from:to], kind == 0 && s.dedupe); err != nil {
					return err
				}
			}
			from = to
		}
	}
	return nil
}

// exclude feeds one list. Its rows must have every value that its keys are
// made of: an entry that matches nobody would reach somebody who opted out.
func (s *screen) exclude(ctx context.Context, screener recipients.Screener, number int, l *list) error {
	return s.entries(ctx, l, func(_ int64, key []byte) error { return screener.Exclude(number, l.kind, key) })
}

// entries reads a list: the key of each row, and the row.
func (s *screen) entries(ctx context.Context, l *list, do func(row int64, key []byte) error) error {
	if l.id != "" {
		if err := s.setKind(l, []int{0}); err != nil {
			return err
		}
		return do(0, appendKey(nil, []int{0}, []string{l.id}, 1))
	}
	if ok, err := s.open(ctx, l); err != nil || !ok {
		return err
	}
	kind := s.kinds[l.kind]
	values := make([]string, len(s.table.columns))
	var key []byte
	for row, err := range (patient{l.source, l.File}).Rows(ctx) {
		var d campaign.Diagnostic
		if errors.As(err, &d) {
			s.plan.summary.problem(d)
			continue
		}
		if err != nil {
			return err
		}
		if !s.values(l, row, kind, values) {
			continue
		}
		key = appendKey(key[:0], kind, values, len(values)) // values has them plain
		if err := do(row.Row, key); err != nil {
			return err
		}
	}
	return nil
}

// values puts the normal forms of a list's row where a recipient has them.
func (s *screen) values(l *list, row recipients.Row, kind []int, values []string) bool {
	ok := true
	for i, column := range kind {
		v := recipients.Plain(row.Cells[l.cells[i]])
		rule, complaint, hint := "", "", ""
		if v == "" {
			rule, complaint = "empty-required", "is empty"
		} else if f := s.field(column); f != nil && f.Parse != nil {
			normal, err := f.Parse(v)
			if err != nil {
				rule, complaint = "bad-value", err.Error()
			}
			v = normal
		} else if complaint, hint = recipients.Mangled(v); complaint != "" {
			rule = ruleMangled
		}
		if rule != "" {
			line, col := row.Place(l.cells[i])
			s.plan.summary.problem(campaign.Diagnostic{File: l.File, Line: line, Col: col, Rule: rule, Hint: hint,
				Message: fmt.Sprintf("%s: %s %s", row.Where(l.cells[i]), s.table.columns[column], complaint)})
			ok = false
		}
		values[column] = v
	}
	return ok
}

func (s *screen) field(column int) *targets.Field {
	if column < len(s.plan.spec.Layout.Fields) {
		return &s.plan.spec.Layout.Fields[column]
	}
	return nil
}

// open opens a list and finds what its keys are made of: those fields of the
// layout's identity that it has, else those of the dedupe key.
func (s *screen) open(ctx context.Context, l *list) (bool, error) {
	source, err := s.plan.spec.Open(l.File, l.Sheet)
	if err != nil {
		return false, err
	}
	l.source = source
	header, ds, err := source.Columns(ctx)
	if err != nil {
		return false, err
	}
	for _, d := range ds {
		s.plan.summary.problem(d)
	}
	if campaign.HasErrors(ds) {
		return false, nil
	}
	if ds := missingColumns(l, header); len(ds) > 0 {
		for _, d := range ds {
			s.plan.summary.problem(d)
		}
		return false, nil
	}
	var identity []int
	for _, name := range s.plan.spec.Layout.Identity {
		if i := slices.Index(s.table.columns, name); i >= 0 {
			identity = append(identity, i)
		}
	}
	kind, cells := s.have(l, header, identity)
	if len(kind) == 0 {
		kind, cells = s.have(l, header, s.table.identity)
	}
	if len(kind) == 0 {
		s.plan.summary.problem(s.noIdentity(l, append(identity, s.table.identity...)))
		return false, nil
	}
	l.cells = cells
	return true, s.setKind(l, kind)
}

// setKind says which columns a list's keys are made of.
func (s *screen) setKind(l *list, kind []int) error {
	at := slices.IndexFunc(s.kinds, func(k []int) bool { return slices.Equal(k, kind) })
	if at < 0 {
		at = len(s.kinds)
		s.kinds = append(s.kinds, kind)
	}
	if at > 255 {
		return errors.New("too many exclusion lists with different columns")
	}
	l.kind = uint8(at)
	return nil
}

// missingColumns complains about columns that a list is said to have.
func missingColumns(l *list, header []string) (ds []campaign.Diagnostic) {
	for _, name := range slices.Sorted(maps.Keys(l.Columns)) {
		if !slices.Contains(header, l.Columns[name]) {
			ds = append(ds, campaign.Diagnostic{File: l.File, Line: 1, Rule: "missing-column",
				Message: fmt.Sprintf("there is no column %q for %s", l.Columns[name], name), Hint: meantColumn(l.Columns[name], header, slices.Collect(maps.Values(l.Columns)))})
		}
	}
	return ds
}

// have gives those of the wanted columns that a list has, and where.
func (s *screen) have(l *list, header []string, wanted []int) (kind, cells []int) {
	for _, column := range wanted {
		name := s.table.columns[column]
		tries := []string{l.Columns[name]}
		if tries[0] == "" {
			r := &s.plan.spec.Campaign.Recipients
			tries = []string{r.Columns[name], name}
			if r.Lookup != nil {
				tries = []string{r.Columns[name], r.Lookup.Take[name], name}
			}
		}
		for _, h := range tries {
			if i := slices.Index(header, h); i >= 0 && h != "" && !slices.Contains(kind, column) {
				kind, cells = append(kind, column), append(cells, i)
				break
			}
		}
	}
	return kind, cells
}

func (s *screen) noIdentity(l *list, wanted []int) campaign.Diagnostic {
	var names []string
	for _, column := range wanted {
		if name := s.table.columns[column]; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return campaign.Diagnostic{File: l.File, Line: 1, Rule: "missing-column",
		Message: "nothing in this list says who is meant: it has no column " + strings.Join(names, " or "),
		Hint:    fmt.Sprintf("name the column where the list is given: {file: %s, columns: {%s: HEADER}}", l.File, names[0])}
}
