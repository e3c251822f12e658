package report

import (
	"strconv"
	"strings"

	"campaign/internal/campaign"
)

func (p *page) table(columns string, rows [][]string) {
	names := strings.Split(columns, "|")
	rule := make([]string, len(names))
	for i, name := range names {
		rule[i] = "---"
		if strings.HasSuffix(name, ":") {
			rule[i], names[i] = "--:", strings.TrimSuffix(name, ":")
		}
	}
	p.printf("\n| %s |\n| %s |\n", strings.Join(names, " | "), strings.Join(rule, " | "))
	for _, row := range rows {
		p.printf("| %s |\n", strings.Join(row, " | "))
	}
}

// countColumns are the columns that countCells fills.
func countColumns() string {
	columns := "planned:"
	for _, o := range campaign.Outcomes {
		columns += "|" + o.String() + ":"
	}
	return columns
}

func countCells(c campaign.Counts) []string {
	cells := []string{campaign.Grouped(c.Planned)}
	for _, o := range campaign.Outcomes {
		cells = append(cells, campaign.Grouped(c.Of(o)))
	}
	return cells
}

func (p *page) counts() {
	row := func(name string, c campaign.Counts) []string { return append([]string{name}, countCells(c)...) }
	p.table("|"+countColumns(), [][]string{row(english.noun(p.r, 2), p.r.Recipients), row("requests", p.r.Requests)})
}

func (p *page) stages() {
	if len(p.r.Stages) == 0 {
		return
	}
	var rows [][]string
	row := func(name, what string, c campaign.Counts, passed string) {
		rows = append(rows, append(append([]string{name, what}, countCells(c)...), passed))
	}
	for _, s := range p.r.Stages {
		name, passed := strconv.Itoa(s.Number), "–"
		if s.Rest {
			name = "the rest"
		}
		if !s.PassedAt.IsZero() {
			passed = clock(s.PassedAt)
			for _, text := range []string{s.Passed, s.PassedBy} {
				if text != "" {
					passed += " " + code(text)
				}
			}
		}
		row(name, english.noun(p.r, 2), s.Recipients, passed)
		row("", "requests", s.Requests, "")
	}
	p.printf("\n## Stages\n")
	p.table("stage||"+countColumns()+"|passed", rows)
}

func (p *page) reasons() {
	var rows [][]string
	for _, reason := range p.r.Reasons {
		if reason.Code == "" && len(reason.Texts) == 0 {
			continue
		}
		var texts []string
		for _, t := range reason.Texts {
			text := code(t.Text)
			if len(reason.Texts) > 1 || reason.More != nil {
				text += " ×" + campaign.Grouped(t.Recipients)
			}
			texts = append(texts, text)
		}
		if reason.More != nil {
			texts = append(texts, "others ×"+campaign.Grouped(reason.More.Recipients))
		}
		name := code(reason.Code)
		if reason.Gathered {
			name = "other reasons"
		}
		rows = append(rows, []string{
			reason.Outcome.String(), name, strings.Join(texts, ", "), campaign.Grouped(reason.Recipients), campaign.Grouped(reason.Requests),
		})
	}
	if len(rows) == 0 {
		return
	}
	p.printf("\n## Reasons\n")
	p.table("outcome|reason|what was said|"+english.noun(p.r, 2)+":|requests:", rows)
}

func (p *page) history() {
	h := p.r.History
	if h == nil {
		return
	}
	var rows [][]string
	for i, n := range h.Notes {
		if h.Omitted != nil && i == h.Omitted.After {
			rows = append(rows, []string{"…", campaign.Grouped(h.Omitted.Count) + " more", "", ""})
		}
		kind, known := english.notes[n.Kind]
		if !known {
			kind = code(n.Kind)
		}
		rows = append(rows, []string{clock(n.At), kind, code(n.Text), code(n.By)})
	}
	p.printf("\n## History\n")
	p.table("when|what|more|by", rows)
}
