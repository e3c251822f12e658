package plan

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

var update = flag.Bool("update", false, "write what the corpus gives into testdata; look at the difference before keeping it")

// corpus are recipient files as people export them; make.py beside them says how
// they were made.
const corpus = "../recipients/testdata/corpus"

// said are the files of the corpus that a campaign says more about than their
// columns: each is planned in these ways, every other file as it is.
var said = map[string][]campaign.Sheet{
	"title.xlsx":         {{}, {HeaderRow: 3}, {HeaderRow: 3, StopAt: "合计"}, {HeaderRow: 2}, {HeaderRow: 9}, {HeaderRow: 30}},
	"title.csv":          {{}, {HeaderRow: 3, StopAt: "合计"}, {HeaderRow: 8}, {HeaderRow: 30}},
	"merged-header.xlsx": {{}, {HeaderRow: 2}},
	"merged-header.csv":  {{}, {HeaderRow: 2}},
	"second-sheet.xlsx":  {{}, {Name: "名单"}, {Name: "名単"}},
	"stop.csv":           {{}, {StopAt: "合计"}},
	"stop-not-there.csv": {{StopAt: "合计"}},
	"iconv-utf16le.csv":  {{}, {Encoding: "utf-16le"}},
	"iconv-utf16be.csv":  {{}, {Encoding: "utf-16be"}},
	"iconv-gb18030.csv":  {{}, {Encoding: "gb18030"}, {Encoding: "utf-8"}},
	"python-bar.csv":     {{}, {Delimiter: "|"}, {Delimiter: ","}},
	"gb18030-rare.csv":   {{Encoding: "gb18030"}},
}

// TestCorpus plans every file of the corpus and holds what is delivered and what
// is wrong with it against testdata/corpus.txt.
func TestCorpus(t *testing.T) {
	fsys := os.DirFS(corpus)
	entries, err := os.ReadDir(corpus)
	if err != nil || len(entries) < 60 {
		t.Fatalf("%d files (%v), at least 60 are needed", len(entries), err)
	}
	var told bytes.Buffer
	for _, e := range entries {
		if path.Ext(e.Name()) == ".py" {
			continue
		}
		ways := said[e.Name()]
		if ways == nil {
			ways = []campaign.Sheet{{}}
		}
		for _, sheet := range ways {
			spec := base("", "x")
			spec.Campaign.Recipients.File, spec.Campaign.Recipients.Sheet = e.Name(), sheet
			spec.Campaign.Recipients.Columns = map[string]string{"userid": "用户ID", "orgid": "企业ID"}
			if slices.Contains([]string{"nul.csv", "iconv-latin1.csv"}, e.Name()) {
				spec.Campaign.Recipients.Columns = nil
			}
			spec.Open = func(name string, sheet campaign.Sheet) (recipients.Source, error) {
				return recipients.Open(fsys, name, sheet)
			}
			fmt.Fprintf(&told, "== %s%s\n", e.Name(), keys(sheet))
			from := told.Len()
			tell(t, &told, mustNew(t, spec))
			spec.Workers = 4
			var many bytes.Buffer
			if tell(t, &many, mustNew(t, spec)); !bytes.Equal(many.Bytes(), told.Bytes()[from:]) {
				t.Errorf("%s: with 4 workers:\n%s", e.Name(), cmp.Diff(told.String()[from:], many.String()))
			}
		}
	}
	const golden = "testdata/corpus.txt"
	if *update {
		if err := os.WriteFile(golden, told.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), told.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// keys writes the keys that a campaign says about a file.
func keys(s campaign.Sheet) string {
	var out strings.Builder
	for _, k := range []struct{ name, value string }{{"sheet", s.Name}, {"encoding", s.Encoding}, {"delimiter", s.Delimiter}, {"stop_at", s.StopAt}} {
		if k.value != "" {
			fmt.Fprintf(&out, " %s: %s", k.name, k.value)
		}
	}
	if s.HeaderRow > 0 {
		fmt.Fprintf(&out, " header_row: %d", s.HeaderRow)
	}
	return out.String()
}

// tell writes the recipients of a plan, who is skipped, and the problems.
func tell(t *testing.T, to *bytes.Buffer, p *Plan) {
	t.Helper()
	for _, b := range collectBlocks(t, p) {
		for _, d := range b.Deliveries {
			for _, who := range d.Recipients {
				fmt.Fprintf(to, "   row %d: %q\n", who.Row, who.Cells)
			}
		}
		for _, s := range b.Skips {
			fmt.Fprintf(to, "   row %d is left out: %s\n", s.Recipient.Row, s.Reason)
		}
	}
	for _, d := range p.Summary().Problems {
		kind := map[bool]string{true: "warning", false: "error"}[d.Warning]
		fmt.Fprintf(to, "   %s %s:%d:%d [%s] %s\n", kind, d.File, d.Line, d.Col, d.Rule, d.Message)
		if d.Hint != "" {
			fmt.Fprintf(to, "      %s\n", d.Hint)
		}
	}
}
