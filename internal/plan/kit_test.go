package plan

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
	"campaign/internal/targets"
)

// files is the project of a test: recipients files by path, as CSV.
type files map[string]string

func (f files) open(path string, _ campaign.Sheet) (recipients.Source, error) {
	text, ok := f[path]
	if !ok {
		return nil, fmt.Errorf("%s does not exist", path)
	}
	return memory(text), nil
}

// memory is a source in memory, with one line a record. A record of one cell
// "!" cannot be read; one of "!!" breaks the source.
type memory string

func (m memory) records() [][]string {
	text := strings.TrimPrefix(string(m), "\uFEFF")
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil {
		panic(err)
	}
	return all
}

func (m memory) Columns(ctx context.Context) ([]string, []campaign.Diagnostic, error) {
	header := m.records()[0]
	switch header[0] {
	case "!":
		return header, []campaign.Diagnostic{{File: "header", Line: 1, Rule: "csv-header", Message: "bad header"}}, nil
	case "!!":
		return nil, nil, errBroken
	}
	return header, nil, ctx.Err()
}

var errBroken = errors.New("the disk is gone")

func (m memory) Rows(ctx context.Context) iter.Seq2[recipients.Row, error] {
	return func(yield func(recipients.Row, error) bool) {
		source := strings.Split(strings.TrimPrefix(string(m), "\uFEFF"), "\n")
		for i, cells := range m.records()[1:] {
			var err error
			switch cells[0] {
			case "!":
				err = campaign.Diagnostic{File: "r.csv", Line: i + 2, Rule: "csv-row", Message: "bad row"}
			case "!!":
				err = errBroken
			case "!!!":
				panic("source")
			}
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if !yield(recipients.Row{Row: int64(i) + 2, Line: i + 2, Cells: cells, Text: source[i+1], Form: &recipients.Form{Separator: ','}}, err) {
				return
			}
		}
	}
}

func (m memory) Digest(ctx context.Context) (string, error) {
	if strings.HasPrefix(string(m), "!!") {
		return "", errBroken
	}
	sum := sha256.Sum256([]byte(lines(string(m))))
	return hex.EncodeToString(sum[:]), ctx.Err()
}

// base is a valid plan of recipients with userid, orgid and usertype, on which
// tests make their changes.
func base(csv string, texts ...string) Spec {
	layout := targets.Layout{
		Fields: []targets.Field{{Name: "userid", Required: true}, {Name: "usertype", Required: true, Parse: parseType}, {Name: "orgid"}},

		Identity: []string{"userid", "orgid"},
	}
	for i, t := range texts {
		layout.Texts = append(layout.Texts, targets.Text{Pointer: fmt.Sprintf("/content/t%d", i), Source: t})
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return Spec{
		Project: "tjj", Profile: "test", Layout: layout, Zone: zone, Workers: 1,
		Campaign: &campaign.Campaign{
			File: "c.yaml", Name: "census", Channel: campaign.Channel{Type: "zqt.message", Target: "gov"},
			Recipients: campaign.Recipients{File: "r.csv", DedupeDefault: true, Defaults: map[string]string{"usertype": "enterprise"}},
			Policy:     campaign.DefaultPolicy(),
		},
		Account:    campaign.Account{Name: "gov", System: "zqt"},
		Occurrence: campaign.Occurrence{Label: campaign.Once, Time: time.Date(2026, 12, 1, 9, 0, 0, 0, zone)},
		Open:       files{"r.csv": csv}.open,
	}
}

func parseType(s string) (string, error) {
	switch s {
	case "enterprise", "企业", "2":
		return "2", nil
	case "government", "政府", "1":
		return "1", nil
	}
	return "", errors.New("must be enterprise or government")
}

// mustNew is New without problems.
func mustNew(t testing.TB, spec Spec) *Plan {
	t.Helper()
	p, ds := New(spec)
	if len(ds) > 0 {
		t.Fatalf("New: %v", ds)
	}
	return p
}

// blocks plans and gives everything, without problems.
func blocks(t testing.TB, p *Plan) []campaign.Block {
	t.Helper()
	all := collectBlocks(t, p)
	if s := p.Summary(); campaign.HasErrors(s.Problems) {
		t.Fatalf("problems: %v", s.Problems)
	}
	return all
}

func collectBlocks(t testing.TB, p *Plan) (all []campaign.Block) {
	t.Helper()
	for b, err := range p.Blocks(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// rules are the rule ids of diagnostics, in order.
func rules(ds []campaign.Diagnostic) (all []string) {
	for _, d := range ds {
		all = append(all, d.Rule)
	}
	return all
}

// problems plans a spec and gives all its problems, of New or of Blocks.
func problems(t testing.TB, spec Spec) []campaign.Diagnostic {
	t.Helper()
	p, ds := New(spec)
	if p == nil {
		return ds
	}
	collectBlocks(t, p)
	return append(ds, p.Summary().Problems...)
}

// render renders one text for the first recipient of a file.
func render(t testing.TB, escape targets.Escape, source, csv string) (string, []campaign.Diagnostic) {
	t.Helper()
	spec := base(csv, source)
	spec.Layout.Texts[0].Escape = escape
	spec.Campaign.Vars = map[string]string{"deadline": "2026-12-31", "blank": ""}
	p, ds := New(spec)
	if p == nil {
		return "", ds
	}
	collectBlocks(t, p)
	s := p.Summary()
	if s.First == nil {
		return "", s.Problems
	}
	return s.First.Texts[0], s.Problems
}
