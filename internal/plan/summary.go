package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Bounds of a summary.
const (
	problemsPerRule = 50     // kept; the others are counted
	maxContents     = 65_536 // contents counted exactly
)

// Summary is what a plan comes to. It is complete once Blocks has ended.
type Summary struct {
	Totals  campaign.Totals
	Invalid int64            // rows with problems, in no delivery and no skip
	Skipped map[string]int64 // rows by the code of their reason
	Lists   []List
	// Personalised: the content depends on the recipient.
	Personalised bool
	// Contents is how many different contents there are; with More there are at
	// least that many.
	Contents int64
	More     bool
	// SharedRequests is how many requests there would be if all recipients got the
	// same content.
	SharedRequests int64
	// Stages says where each of the campaign's stages ends; what follows is up to
	// Totals. Nil: there are none, or one delivery carries all groups.
	Stages []Stage
	// Work are its requests in their order, those of one size together; of very many
	// sizes (above 8192 changes) neighbours are put together.
	Work   []campaign.Stretch
	Groups []campaign.Group // the user groups that are sent to
	// Problems has at most 50 of a rule, sorted, and says how many there were.
	Problems []campaign.Diagnostic
	Counts   map[string]int64
	First    *targets.Message // of the first delivery; nil: there is none
}

// Stage is where a stage ends: what was to be sent by then, earlier stages
// included.
type Stage struct{ Recipients, Requests int64 }

// List is an exclusion list and how many rows it matched. None is suspicious:
// it may be for another campaign, or identify people differently.
type List struct {
	File     string
	Suppress bool // the account's
	Matched  int64
}

type message = targets.Message

// summary counts while blocks are made.
type summary struct {
	totals   campaign.Totals
	stages   []Stage // what each has by itself, and what follows the last; nil: no stages
	work     stretches
	groups   []campaign.Group
	invalid  int64
	skipped  map[string]int64
	lists    []List
	contents map[[8]byte]struct{}
	last     content
	more     bool
	problems []campaign.Diagnostic
	counts   map[string]int64
	found    map[string]bool // ids that a trial names
	chosen   *Tally          // of Spec.Chosen; nil: nobody is chosen
	trial    bool
	first    *message
	repeated *campaign.Diagnostic // the first row that is left out as a duplicate
}

func (p *Plan) newSummary() *summary {
	s := &summary{skipped: map[string]int64{}, contents: map[[8]byte]struct{}{}, counts: map[string]int64{}, found: map[string]bool{}, trial: len(p.spec.To) > 0}
	if p.spec.Chosen != nil {
		s.chosen = p.spec.Chosen.Tally()
	}
	if n := len(p.stages()); n > 0 {
		s.stages = make([]Stage, n+1)
	}
	for _, l := range p.lists() {
		s.lists = append(s.lists, List{File: l.File, Suppress: l.suppress})
	}
	return s
}

// problem keeps a problem, or only counts it.
func (s *summary) problem(d campaign.Diagnostic) {
	s.counts[d.Rule]++
	if s.counts[d.Rule] <= problemsPerRule {
		s.problems = append(s.problems, d)
	}
}

func (s *summary) skip(reason string) {
	s.totals.Skipped++
	code, _, _ := strings.Cut(reason, ":")
	s.skipped[code]++
}

// deliver counts a recipient's content.
func (s *summary) deliver(c content) {
	if c == s.last || s.more {
		return
	}
	s.last = c
	key := [8]byte(c[:8])
	if _, ok := s.contents[key]; ok {
		return
	}
	if len(s.contents) >= maxContents {
		s.more = true
		return
	}
	s.contents[key] = struct{}{}
}

func (s *summary) block(b *campaign.Block) {
	s.totals.Blocks++
	s.totals.Requests += int64(len(b.Deliveries))
	for i := range b.Deliveries {
		s.work.add(b.Stage, int64(len(b.Deliveries[i].Recipients)))
	}
	if s.stages == nil {
		return
	}
	stage := &s.stages[b.Stage]
	stage.Requests += int64(len(b.Deliveries))
	for i := range b.Deliveries {
		stage.Recipients += int64(len(b.Deliveries[i].Recipients))
	}
}

// ends adds up what the stages have.
func (s *summary) ends() []Stage {
	if s.stages == nil {
		return nil
	}
	ends := make([]Stage, len(s.stages)-1)
	var sum Stage
	for i := range ends {
		sum.Recipients += s.stages[i].Recipients
		sum.Requests += s.stages[i].Requests
		ends[i] = sum
	}
	return ends
}

// shared is how many requests of so many recipients there would be if nothing
// but the stages' edges kept recipients apart.
func (s *summary) shared(delivered, batch int64) int64 {
	if s.stages == nil {
		return (delivered + batch - 1) / batch
	}
	n := int64(0)
	for _, stage := range s.stages {
		n += (stage.Recipients + batch - 1) / batch
	}
	return n
}

// unlisted says of how many problems the list has only the first.
func (s *summary) unlisted(file string) (ds []campaign.Diagnostic) {
	for rule, n := range s.counts {
		if n <= problemsPerRule {
			continue
		}
		i := slices.IndexFunc(s.problems, func(d campaign.Diagnostic) bool { return d.Rule == rule })
		more := n - problemsPerRule
		ds = append(ds, campaign.Diagnostic{File: file, Rule: rule, Warning: s.problems[i].Warning, Stands: more,
			Message: fmt.Sprintf("%s problems of this kind: the first %d are listed, and %s more are not", campaign.Grouped(n), problemsPerRule, campaign.Grouped(more))})
	}
	return ds
}

// Summary says what the plan came to when Blocks was last used.
func (p *Plan) Summary() Summary {
	s := p.summary
	delivered := s.totals.Recipients - s.totals.Skipped - s.invalid
	batch := int64(max(p.spec.Campaign.Policy.Batch, 1))
	if g := p.spec.Campaign.Recipients.Groups; p.spec.Layout.Groups && (g == nil || !g.Disjoint) {
		batch = max(delivered, 1)
	}
	return Summary{
		Totals: s.totals, Invalid: s.invalid, Skipped: maps.Clone(s.skipped), Lists: append([]List(nil), s.lists...),
		Personalised: p.table != nil && !p.table.anybody,
		Contents:     int64(len(s.contents)), More: s.more,
		SharedRequests: s.shared(delivered, batch), Stages: s.ends(), Work: slices.Clone(s.work.list), Groups: slices.Clone(s.groups),
		Problems: campaign.SortDiagnostics(append(s.unlisted(p.recipientsFile()), s.problems...)),
		Counts:   maps.Clone(s.counts), First: s.first,
	}
}
