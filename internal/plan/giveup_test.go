package plan

import (
	"maps"
	"strings"
	"testing"

	"campaign/internal/campaign"
)

// A list of which too many rows are wrong is not read to its end, whatever is wrong with
// them, and nothing is said of what was not read.
func TestTooManyProblems(t *testing.T) {
	usual := mostBad
	mostBad = 100
	t.Cleanup(func() { mostBad = usual })
	for name, test := range map[string]struct {
		rows, excluded, directory string
		want                      map[string]int64
	}{
		"of form":         {rows: strings.Repeat("!\n", 5000), want: map[string]int64{"csv-row": 101, "too-many-problems": 1}},
		"of content":      {rows: strings.Repeat(",1\n", 5000), want: map[string]int64{"empty-required": 101, "too-many-problems": 1}},
		"of an exclusion": {rows: "a,1\n", excluded: strings.Repeat("!\n", 5000), want: map[string]int64{"csv-row": 101, "too-many-problems": 1}},
		"of a directory":  {rows: "a,1\n", directory: strings.Repeat("!\n", 5000), want: map[string]int64{"csv-row": 101, "too-many-problems": 1}},
		"just not yet":    {rows: strings.Repeat("!\n", 100), want: map[string]int64{"csv-row": 100, RuleExpectedRows: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := base("", "x")
			spec.Campaign.Recipients.Audience.Expect = &campaign.Expected{Min: 7, Max: 8}
			spec.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			if test.directory != "" {
				spec.Campaign.Recipients.Lookup = &campaign.Lookup{File: "d.csv", Key: "userid", Take: map[string]string{"n": "name"}, Skip: true}
			}
			spec.Open = files{"r.csv": "userid,orgid\n" + test.rows, "out.csv": "userid\n" + test.excluded, "d.csv": "userid,name\na,x\n" + test.directory}.open
			p := mustNew(t, spec)
			collectBlocks(t, p)
			if got := p.Summary().Counts; !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
