package plan

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"campaign/internal/campaign"
)

// groupCells are what the cells of a user group behind its id may be.
var groupCells = []string{"title", "department", "type", "people"}

// groupColumns are the columns of a group campaign's run: the id and the other
// fields of the layout, then what else is known of a group.
func (p *Plan) groupColumns() []string {
	var columns []string
	for _, f := range p.spec.Layout.Fields {
		columns = append(columns, f.Name)
	}
	for _, name := range groupCells {
		if !slices.Contains(columns, name) {
			columns = append(columns, name)
		}
	}
	return columns
}

// cellsOf gives a group's cells in the order of columns.
func cellsOf(g campaign.Group, columns []string) []string {
	known := map[string]string{
		"title": g.Title, "department": g.Department, "type": g.Type, "people": strconv.FormatInt(g.People, 10),
		columns[0]: strconv.FormatInt(g.ID, 10),
	}
	cells := make([]string, len(columns))
	for i, name := range columns {
		cells[i] = known[name]
	}
	return cells
}

// groups plans a group campaign: one delivery carries all groups, because
// somebody may be in two of them. Only groups that the user states to be
// disjoint are split.
func (p *Plan) groups(b *batcher) error {
	if g := p.spec.Campaign.Recipients.Groups; g == nil || !g.Disjoint {
		b.size = max(len(p.spec.Groups), 1)
	}
	r := p.renderer(p.table)
	seen := map[int64]int64{}
	c := &chunk{}
	for i, g := range p.spec.Groups {
		e := entry{row: int64(i) + 1, cells: cellsOf(g, p.table.columns)}
		e.ignored = p.to != nil && !p.to(e.cells[0])
		p.decide(p.table, r, &e)
		if first := seen[g.ID]; first > 0 && e.skip == "" {
			e.skip = fmt.Sprintf("%s: row %d", skipDuplicate, first)
		} else if first == 0 {
			seen[g.ID] = e.row
		}
		c.entries = append(c.entries, e)
	}
	total := int64(0)
	for i := range c.entries {
		if e := &c.entries[i]; !e.ignored && e.skip == "" && len(e.problems) == 0 {
			total++
			p.summary.groups = append(p.summary.groups, p.spec.Groups[i])
		}
	}
	b.edges = campaign.Edges(p.stages(), total)
	_, err := p.collect(b, c)
	return err
}

// MatchGroups selects the groups of a lock file for which every given condition
// holds, in their order. A title that is no valid pattern, which loading a
// campaign refuses, matches nothing.
func MatchGroups(match campaign.Match, lock []campaign.Group) []campaign.Group {
	var found []campaign.Group
	for _, g := range lock {
		if (match.Title == "" || glob(match.Title, g.Title)) &&
			(match.Department == "" || match.Department == g.Department) &&
			(match.Type == "" || match.Type == g.Type) {
			found = append(found, g)
		}
	}
	return found
}

// glob is path.Match without its special treatment of slashes, which titles
// may have: a private-use character stands in for them.
func glob(pattern, title string) bool {
	const stand = "\uF8FF"
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", stand), strings.ReplaceAll(title, "/", stand))
	return ok && err == nil
}
