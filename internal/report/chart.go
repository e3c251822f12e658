package report

import (
	"fmt"
	"strconv"

	"campaign/internal/campaign"
)

// bar is the counts of recipients side by side, in thousandths of its width.
type bar struct {
	Label string
	Parts []rect
}

// rect is a rectangle of a chart; Class colours it.
type rect struct {
	Class      string
	X, Y, W, H string
}

// chartWidth and chartHeight are the charts' own units; a page scales them.
const (
	chartWidth  = 1000.0
	chartHeight = 160.0
)

func (p *htmlPage) bar() *bar {
	c := p.r.Recipients
	if c.Planned == 0 {
		return nil
	}
	b := &bar{}
	x := 0.0
	for _, o := range campaign.Outcomes {
		n := c.Of(o)
		if n == 0 {
			continue
		}
		w := chartWidth * float64(n) / float64(c.Planned)
		b.Parts = append(b.Parts, rect{Class: o.String(), X: units(x), W: units(max(w, 2))}) // one of a million is seen too
		x += w
		if b.Label != "" {
			b.Label += p.w.comma
		}
		b.Label += fmt.Sprintf(p.w.counted, campaign.Grouped(n), p.w.outcome[o])
	}
	return b
}

// timeView is the timeline as charts and as a table.
type timeView struct {
	How    string
	Charts []chart
	Table  htmlTable
}

type chart struct {
	Caption, Label, Max, From, To string
	Parts                         []rect
}

func (p *htmlPage) time() *timeView {
	t := p.r.Timeline
	if t == nil {
		return nil
	}
	v := &timeView{How: fmt.Sprintf(p.t.TimeHow, span(t.Seconds)), Table: p.timeTable(t)}
	v.Charts = append(v.Charts, p.rates(t))
	if c, known := p.latencies(t); known {
		v.Charts = append(v.Charts, c)
	}
	return v
}

// widest is how wide a column is at most: a short run is no wall.
const widest = chartWidth / 12

// place gives a bucket's column: where it begins and how wide it is. The columns take
// the chart's whole width, so that what stands below its ends is the first and the
// last.
func place(t *Timeline, b Bucket) (x, w float64) {
	first, last := t.Buckets[0].At, t.Buckets[len(t.Buckets)-1].At
	each := chartWidth / (last.Sub(first).Seconds()/float64(t.Seconds) + 1)
	w = min(each, widest)
	return b.At.Sub(first).Seconds()/float64(t.Seconds)*each + (each-w)/2, w
}

func (p *htmlPage) axis(c *chart, t *Timeline) {
	c.From, c.To = clock(t.Buckets[0].At), clock(t.Buckets[len(t.Buckets)-1].At)
}

func (p *htmlPage) rates(t *Timeline) chart {
	most := int64(1)
	for _, b := range t.Buckets {
		most = max(most, b.Answers.Planned)
	}
	c := chart{Caption: p.t.Rate, Max: decimals(rounded(float64(most) / float64(t.Seconds)))}
	p.axis(&c, t)
	c.Label = fmt.Sprintf(p.t.RateLabel, c.Max, c.From, c.To)
	for _, b := range t.Buckets {
		x, w := place(t, b)
		y := chartHeight
		for _, o := range campaign.Outcomes {
			if n := b.Answers.Of(o); n > 0 {
				h := chartHeight * float64(n) / float64(most)
				y -= h
				c.Parts = append(c.Parts, upright(o.String(), x, y, w, h))
			}
		}
	}
	return c
}

// latencies draws how long attempts took; known is false when it is not.
func (p *htmlPage) latencies(t *Timeline) (c chart, known bool) {
	most := 0.0
	for _, b := range t.Buckets {
		most = max(most, b.High)
	}
	if most == 0 {
		return c, false
	}
	c = chart{Caption: p.t.Latency + p.w.colon + p.t.Median + p.w.comma + p.t.High, Max: fmt.Sprintf(p.t.Seconds, decimals(most))}
	p.axis(&c, t)
	c.Label = fmt.Sprintf(p.t.LatencyLabel, c.Max)
	for _, b := range t.Buckets {
		x, w := place(t, b)
		for _, bar := range []struct {
			class string
			v     float64
		}{{"high", b.High}, {"median", b.Median}} {
			if h := chartHeight * bar.v / most; h > 0 {
				c.Parts = append(c.Parts, upright(bar.class, x, chartHeight-h, w, h))
			}
		}
	}
	return c, true
}

func upright(class string, x, y, w, h float64) rect {
	return rect{Class: class, X: units(x), Y: units(y), W: units(w * 0.9), H: units(h)}
}

// units writes a length of a chart.
func units(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func (p *htmlPage) timeTable(t *Timeline) htmlTable {
	table := htmlTable{Name: p.t.Time, Columns: columns(p.t.From, p.t.Answers+":", p.t.Exchanges+":", p.t.Median+":", p.t.High+":", p.t.Longest+":")}
	took := func(b Bucket, v float64) cell {
		if b.Exchanges == 0 {
			return cell{Text: "–", Class: "number"}
		}
		return cell{Text: fmt.Sprintf(p.t.Seconds, decimals(v)), Class: "number"}
	}
	for _, b := range t.Buckets {
		table.Rows = append(table.Rows, []cell{moment(clock(b.At)), num(b.Answers.Planned), num(b.Exchanges), took(b, b.Median), took(b, b.High), took(b, b.Longest)})
	}
	return table
}
