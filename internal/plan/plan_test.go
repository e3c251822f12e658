package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
	"campaign/internal/targets"
)

// shape writes blocks the way the tables below do: deliveries as [rows], skips
// as row:code, blocks separated by |.
func shape(bs []campaign.Block) string {
	var out []string
	for _, b := range bs {
		var parts []string
		for _, d := range b.Deliveries {
			var rows []string
			for _, r := range d.Recipients {
				rows = append(rows, fmt.Sprint(r.Row))
			}
			parts = append(parts, "["+strings.Join(rows, " ")+"]")
		}
		for _, s := range b.Skips {
			parts = append(parts, fmt.Sprintf("%d:%s", s.Recipient.Row, s.Reason))
		}
		out = append(out, strings.Join(parts, " "))
	}
	return strings.Join(out, " | ")
}

const five = "userid,orgid,company\na,1,X\nb,1,Y\nc,1,X\na,1,Z\nd,1,X\n"

func TestBatches(t *testing.T) {
	for _, c := range []struct {
		name   string
		text   string
		change func(*Spec)
		want   string
	}{
		{"shared", "hello", nil, "[2 3 4 6] 5:duplicate: row 2"},
		{"personalised", "hello {{ .company }}", nil, "[2 4 6] [3] 5:duplicate: row 2"},
		{"batch of 2", "hello {{ .company }}", func(s *Spec) { s.Campaign.Policy.Batch = 2 }, "[2 4] [3] [6] 5:duplicate: row 2"},
		{"batch of 0 is 1", "hello", func(s *Spec) { s.Campaign.Policy.Batch = 0 }, "[2] [3] [4] [6] 5:duplicate: row 2"},
		{"same text by another branch", `{{ if eq .company "X" }}hello{{ else }}hello{{ end }}`, nil, "[2 3 4 6] 5:duplicate: row 2"},
		{"only variables of the campaign", "{{ .campaign }}", nil, "[2 3 4 6] 5:duplicate: row 2"},
		{"no deduplication", "hello", func(s *Spec) { s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{} }, "[2 3 4 5 6]"},
		{"by organisation", "hello", func(s *Spec) {
			s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{"orgid"}
		},
			"[2] 3:duplicate: row 2 4:duplicate: row 2 5:duplicate: row 2 6:duplicate: row 2"},
		{"by another column", "hello", func(s *Spec) {
			s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{"company"}
		},
			"[2 3 5] 4:duplicate: row 2 6:duplicate: row 2"},
		{"excluded", "hello", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "userid\na\n d \n"}.open
		}, "[3 4] 2:excluded: out.csv 5:excluded: out.csv 6:excluded: out.csv"},
		{"suppressed", "hello", func(s *Spec) {
			s.Account.Suppress = []campaign.Exclusion{{File: "never.csv", Columns: map[string]string{"userid": "ID"}}}
			s.Open = files{"r.csv": five, "never.csv": "ID,orgid\nb,1\nc,2\n"}.open
		}, "[2 4 6] 3:suppressed: never.csv 5:duplicate: row 2"},
		{"excluded by the dedupe key", "hello", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{"company"}
			s.Open = files{"r.csv": five, "out.csv": "company\nX\n"}.open
		}, "[3 5] 2:excluded: out.csv 4:excluded: out.csv 6:excluded: out.csv"},
		{"excluded by the campaign's column name", "hello", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Campaign.Recipients.Columns = map[string]string{"userid": "用户"}
			s.Open = files{"r.csv": strings.Replace(five, "userid", "用户", 1), "out.csv": "用户\nb\n"}.open
		}, "[2 4 6] 3:excluded: out.csv 5:duplicate: row 2"},
		{"only some", "hello", func(s *Spec) { s.Account.Only = []string{"a", "c"} },
			"[2 4] 3:not-allowed: the account's only list 5:duplicate: row 2 6:not-allowed: the account's only list"},
		{"only nobody", "hello", func(s *Spec) { s.Account.Only = []string{} },
			"2:not-allowed: the account's only list 3:not-allowed: the account's only list 4:not-allowed: the account's only list 5:not-allowed: the account's only list 6:not-allowed: the account's only list"},
		{"a trial", "hello", func(s *Spec) { s.To = []string{"d", "a"} }, "[2 6] 5:duplicate: row 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := base(five, c.text)
			if c.change != nil {
				c.change(&spec)
			}
			p := mustNew(t, spec)
			bs := blocks(t, p)
			if got := shape(bs); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			balanced(t, p.Summary(), bs)
		})
	}
}

// balanced checks a summary against the blocks that it counts.
func balanced(t testing.TB, s Summary, bs []campaign.Block) {
	t.Helper()
	var requests, delivered, skipped int64
	for i, b := range bs {
		if b.Seq != int64(i) || b.Sum() != b.Digest {
			t.Errorf("block %d: seq %d, digest wrong: %v", i, b.Seq, b.Sum() != b.Digest)
		}
		if len(b.Deliveries) > maxDeliveries {
			t.Errorf("block %d has %d deliveries", i, len(b.Deliveries))
		}
		people := len(b.Skips)
		for _, d := range b.Deliveries {
			if d.Seq != requests {
				t.Errorf("delivery %d has seq %d", requests, d.Seq)
			}
			requests++
			delivered += int64(len(d.Recipients))
			people += len(d.Recipients)
		}
		if people > maxPeople && len(b.Deliveries)+len(b.Skips) > 1 {
			t.Errorf("block %d has %d people", i, people)
		}
		skipped += int64(len(b.Skips))
	}
	want := campaign.Totals{Blocks: int64(len(bs)), Requests: requests, Recipients: delivered + skipped + s.Invalid, Skipped: skipped}
	if s.Totals != want {
		t.Errorf("totals %+v, blocks say %+v", s.Totals, want)
	}
	var codes int64
	for _, n := range s.Skipped {
		codes += n
	}
	if codes != skipped {
		t.Errorf("reasons count %d skips of %d", codes, skipped)
	}
}

func TestColumns(t *testing.T) {
	spec := base("用户,备注,企业名称,orgid\nu1,n,X,o1\nu2,,,\n", "{{ .company }} {{ col \"企业名称\" }} {{ col \"用户\" }} {{ .备注 }} {{ .region }}")
	spec.Campaign.Recipients.Columns = map[string]string{"userid": "用户", "company": "企业名称"}
	spec.Campaign.Recipients.Defaults = map[string]string{"usertype": "政府", "备注": "无", "company": "贵公司", "region": "宜兴"}
	p := mustNew(t, spec)
	if p.Columns() != nil {
		t.Error("columns are known before the header is read")
	}
	bs := blocks(t, p)
	if diff := cmp.Diff([]string{"userid", "usertype", "orgid", "备注", "企业名称"}, p.Columns()); diff != "" {
		t.Error(diff)
	}
	var cells [][]string
	for _, d := range bs[0].Deliveries {
		cells = append(cells, d.Recipients[0].Cells)
	}
	if diff := cmp.Diff([][]string{{"u1", "1", "o1", "n", "X"}, {"u2", "1", "", "无", "贵公司"}}, cells); diff != "" {
		t.Error(diff)
	}
	ms, err := p.Messages(bs[0])
	if err != nil || ms[0].Texts[0] != "X X u1 n 宜兴" || ms[1].Texts[0] != "贵公司 贵公司 u2 无 宜兴" {
		t.Errorf("got %+v, %v", ms, err)
	}
}

func TestRowProblems(t *testing.T) {
	const rows = "用户,usertype,orgid,n\n" +
		"a,enterprise,1,1\n" + // row 2
		",enterprise,1,1\n" + // 3: no userid
		"b,nobody,1,1\n" + // 4: bad usertype
		",nobody,1,1\n" + // 5: both
		"c,,1,\n" + // 6: usertype by default, n empty
		"!\n" + // 7: cannot be read
		"d,2,1,1\n" // 8
	spec := base(rows, "{{ .n }}")
	spec.Campaign.Recipients.Columns = map[string]string{"userid": "用户"}
	p := mustNew(t, spec)
	bs := collectBlocks(t, p)
	if got := shape(bs); got != "[2 8]" {
		t.Errorf("got %s", got)
	}
	s := p.Summary()
	balanced(t, s, bs)
	var got []string
	for _, d := range s.Problems {
		got = append(got, d.Error())
		if d.Source != "" {
			t.Errorf("a line of the recipients file is shown: %q", d.Source)
		}
	}
	want := []string{
		`r.csv:3:1: row 3: userid (column "用户") is empty [empty-required]`,
		`r.csv:4:1: row 4: usertype must be enterprise or government [bad-value]`,
		`r.csv:5:1: row 5: usertype must be enterprise or government [bad-value]`,
		`r.csv:5:1: row 5: userid (column "用户") is empty [empty-required]`,
		`r.csv:6:1: row 6: content/t0: .n is empty [empty-value]`,
		`r.csv:7:1: bad row [csv-row]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.Invalid != 5 || s.Counts["bad-value"] != 2 || s.Counts["csv-row"] != 1 {
		t.Errorf("%d invalid, counts %v", s.Invalid, s.Counts)
	}
}

func TestProblemsAreCapped(t *testing.T) {
	p := mustNew(t, base("userid,orgid\n"+strings.Repeat(",1\n", 500), "x"))
	collectBlocks(t, p)
	s := p.Summary()
	if len(s.Problems) != problemsPerRule || s.Counts["empty-required"] != 500 || s.Invalid != 500 {
		t.Errorf("%d kept, %v counted, %d invalid", len(s.Problems), s.Counts, s.Invalid)
	}
}

func TestInlineList(t *testing.T) {
	spec := base("", "{{ .company }}")
	spec.Campaign.Recipients.File = ""
	spec.Campaign.Recipients.List = []map[string]string{{"userid": "a", "company": "X"}, {"userid": "b"}, {"company": "Y"}}
	spec.Locate = func(p campaign.Problem) campaign.Diagnostic {
		return campaign.Diagnostic{File: "c.yaml", Line: 7, Col: 3, Rule: p.Rule, Message: p.Pointer + " " + p.Message, Source: "a person's data"}
	}
	p := mustNew(t, spec)
	bs := collectBlocks(t, p)
	if got := shape(bs); got != "[1]" {
		t.Errorf("got %s", got)
	}
	want := []campaign.Diagnostic{
		{File: "c.yaml", Line: 7, Col: 3, Rule: "empty-required", Message: "/recipients/list/2 row 3: userid is empty"},
		{File: "c.yaml", Line: 7, Col: 3, Rule: "empty-value", Message: "/recipients/list/1 row 2: content/t0: .company is empty"},
	}
	if diff := cmp.Diff(want, p.Summary().Problems); diff != "" {
		t.Error(diff)
	}
}

func TestPlanProblems(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Spec)
		want   string // oneline, a part of the hint after a tab
	}{
		{"mapped column", func(s *Spec) { s.Campaign.Recipients.Columns = map[string]string{"orgid": "orgidd"} },
			"c.yaml: r.csv has no column \"orgidd\" [missing-column]\tdid you mean \"orgid\"?"},
		{"mapped variable", func(s *Spec) { s.Campaign.Recipients.Columns = map[string]string{"x": "公司"} },
			"c.yaml: r.csv has no column \"公司\" [missing-column]\tthere are: userid, orgid, company"},
		{"required field", func(s *Spec) { s.Campaign.Recipients.Defaults = nil },
			"r.csv:1:1: there is no column for usertype, which each recipient needs [missing-column]\tcolumns: {usertype: HEADER}"},
		{"required field of a list", func(s *Spec) {
			s.Campaign.Recipients = campaign.Recipients{List: []map[string]string{{"userid": "a"}}}
		}, "c.yaml: there is no column for usertype, which each recipient needs [missing-column]\tgive each recipient a key usertype"},
		{"bad default", func(s *Spec) { s.Campaign.Recipients.Defaults["usertype"] = "nobody" },
			"c.yaml: usertype must be enterprise or government [bad-value]\t"},
		{"idle default", func(s *Spec) { s.Campaign.Recipients.Defaults["usertyp"] = "1" },
			"c.yaml: nothing reads usertyp: it is no field, column or variable [unknown-variable]\tdid you mean usertype?"},
		{"var and column", func(s *Spec) { s.Campaign.Vars = map[string]string{"company": "X"} },
			"c.yaml: company is also the name of a column or default of the recipients [duplicate-variable]\trename"},
		{"var and field", func(s *Spec) { s.Campaign.Vars = map[string]string{"usertype": "X"} },
			"c.yaml: usertype is also the name of a column or default of the recipients [duplicate-variable]\trename"},
		{"renamed onto another column", func(s *Spec) { s.Campaign.Recipients.Columns = map[string]string{"company": "orgid"} },
			"c.yaml: company is also the name of another column [duplicate-variable]\trename"},
		{"reserved var", func(s *Spec) { s.Campaign.Vars = map[string]string{"campaign": "X"} },
			"c.yaml: .campaign is a variable that every template has [reserved-name]\tanother name"},
		{"reserved column", func(s *Spec) {
			s.Open = files{"r.csv": "userid,timezone\na,UTC\n"}.open
			s.Layout.Texts[0].Source = "{{ .timezone }}"
		}, "c.yaml: .timezone could be the column or the variable that every template has [unknown-variable]\tcolumns: {NAME: timezone}"},
		{"dedupe", func(s *Spec) {
			s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{"userid", "orgidd"}
		},
			"c.yaml: there is no column orgidd to tell recipients apart by [missing-column]\tdid you mean orgid?"},
		{"dedupe by a constant", func(s *Spec) {
			s.Campaign.Vars = map[string]string{"v": "X"}
			s.Campaign.Recipients.DedupeDefault, s.Campaign.Recipients.Dedupe = false, []string{"v"}
		}, "c.yaml: there is no column v to tell recipients apart by [missing-column]\tthere are"},
		{"header", func(s *Spec) { s.Open = files{"r.csv": "!\n"}.open }, "header:1:1: bad header [csv-header]\t"},
		{"too long", func(s *Spec) { s.Layout.Texts[0].Source, s.Layout.Texts[0].Limit = "一二三四", 3 },
			"c.yaml: the text has 4 characters, 1 more than the 3 that are allowed [too-long]\tshorten"},
		{"too long for one", func(s *Spec) { s.Layout.Texts[0].Source, s.Layout.Texts[0].Limit = "{{ .company }}二三四", 3 },
			"r.csv:2:1: row 2: content/t0: the text has 4 characters, 1 more than the 3 that are allowed [too-long]\tshorten"},
		{"empty text", func(s *Spec) { s.Layout.Texts[0].Source, s.Layout.Texts[0].Required = "　 ", true },
			"c.yaml: the text is empty [empty-text]\tmust say"},
		{"empty text for one", func(s *Spec) {
			s.Layout.Texts[0].Source, s.Layout.Texts[0].Required = `{{ if eq .company "Z" }}x{{ end }} `, true
		}, "r.csv:2:1: row 2: content/t0: the text is empty [empty-text]\tmust say"},
		{"max_recipients", func(s *Spec) { s.Campaign.Policy.MaxRecipients = 3 },
			"c.yaml: the campaign is for 4 recipients, more than max_recipients allows: 3 [max-recipients]\traise"},
		{"trial", func(s *Spec) { s.To = []string{"a", "abcdefghijkl"} },
			"r.csv: there is no recipient with the id abcd…kl [unknown-recipient]\tuserid"},
		{"idle exclusion", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "userid\nz\n"}.open
		}, "c.yaml: out.csv leaves nobody out: none of its entries is among the recipients [exclusion-matched-nothing]\tsame values"},
		{"exclusion without identity", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "phone\nz\n"}.open
		}, "out.csv:1:1: nothing in this list says who is left out: it has no column userid or orgid [missing-column]\t{file: out.csv, columns: {userid: HEADER}}"},
		{"exclusion's column", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv", Columns: map[string]string{"userid": "ID"}}}
			s.Open = files{"r.csv": five, "out.csv": "IDs\nz\n"}.open
		}, "out.csv:1:1: there is no column \"ID\" for userid [missing-column]\tdid you mean \"IDs\"?"},
		{"exclusion's header", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "!\n"}.open
		}, "header:1:1: bad header [csv-header]\t"},
		{"exclusion's empty cell", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "userid,orgid\na,1\nb,\n"}.open
		}, "out.csv:3:1: row 3: orgid is empty [empty-required]\t"},
		{"exclusion's bad value", func(s *Spec) {
			s.Layout.Identity = []string{"usertype"}
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "usertype\n企业\nnobody\n"}.open
		}, "out.csv:3:1: row 3: usertype must be enterprise or government [bad-value]\t"},
		{"exclusion's bad row", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "userid\na\n!\n"}.open
		}, "r.csv:3:1: bad row [csv-row]\t"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := base(five, "{{ .campaign }}")
			c.change(&spec)
			ds := problems(t, spec)
			if len(ds) == 0 {
				t.Fatal("no problem")
			}
			line, hint, _ := strings.Cut(c.want, "\t")
			if got := ds[0]; got.Error() != line || !strings.Contains(got.Hint, hint) {
				t.Errorf("got %s\t%s\nwant %s", got.Error(), got.Hint, c.want)
			}
			if warning := ds[0].Rule == "exclusion-matched-nothing"; ds[0].Warning != warning {
				t.Errorf("warning: %v", ds[0].Warning)
			}
		})
	}
}

func TestTemplatePlaces(t *testing.T) {
	locate := func(p campaign.Problem) campaign.Diagnostic {
		return campaign.Diagnostic{File: "c.yaml", Line: 4, Col: 7, EndCol: 25, Source: `  标题: "你好 {{ .compny }}"`, Rule: p.Rule, Message: p.Message}
	}
	for _, c := range []struct {
		name, source, file string
		line, col          int
		says               string
	}{
		{"in a value", "你好 {{ .compny }}", "", 4, 14, ""},
		{"in a block", "a\n{{ .compny }}", "", 4, 7, "(line 2 of the text)"},
		{"in a file", "<p>\n你好 {{ .compny }}\n", "content/x.html", 2, 7, ""},
		{"syntax in a file", "<p>\n你好 {{ if }}\n{{ end }}", "content/x.html", 2, 4, "cannot be read"},
		{"html in a file", "<p>\n{{ .company }}\n<a href='{{ .company }}", "content/x.html", 0, 0, "not clear"},
	} {
		spec := base(five, c.source)
		spec.Locate = locate
		spec.Layout.Texts[0].File = c.file
		if strings.HasPrefix(c.name, "html") {
			spec.Layout.Texts[0].Escape = targets.HTML
		}
		ds := problems(t, spec)
		if len(ds) != 1 {
			t.Errorf("%s: %v", c.name, ds)
			continue
		}
		d := ds[0]
		file := c.file
		if file == "" {
			file = "c.yaml"
		}
		if d.File != file || (c.line > 0 && (d.Line != c.line || d.Col != c.col)) || !strings.Contains(d.Message, c.says) {
			t.Errorf("%s: got %+v", c.name, d)
		}
	}
}

func TestErrorsEndAPlan(t *testing.T) {
	for _, c := range []struct {
		name  string
		files files
		want  string
	}{
		{"no file", files{}, "open recipients: r.csv does not exist"},
		{"header", files{"r.csv": "!!\n"}, "read the header of r.csv: the disk is gone"},
		{"row", files{"r.csv": "userid,orgid\na,1\n!!\n"}, "read r.csv: the disk is gone"},
		{"no list", files{"r.csv": five}, "read out.csv: out.csv does not exist"},
		{"list's header", files{"r.csv": five, "out.csv": "!!\n"}, "read out.csv: the disk is gone"},
		{"list's row", files{"r.csv": five, "out.csv": "userid\n!!\n"}, "read out.csv: the disk is gone"},
	} {
		for _, workers := range []int{1, 3} {
			spec := base("", "x")
			spec.Open, spec.Workers = c.files.open, workers
			if strings.Contains(c.name, "list") {
				spec.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			}
			p := mustNew(t, spec)
			var got error
			for _, err := range p.Blocks(context.Background()) {
				got = err
			}
			if got == nil || got.Error() != c.want {
				t.Errorf("%s, %d workers: got %v, want %s", c.name, workers, got, c.want)
			}
			if strings.Contains(c.want, "disk") && !errors.Is(got, errBroken) {
				t.Errorf("%s: the cause is lost", c.name)
			}
		}
	}
}

// brokenScreener fails in one of its verbs.
type brokenScreener struct {
	recipients.Screener
	verb   string
	closed bool
}

func (b *brokenScreener) fail(verb string, err error) error {
	if b.verb == verb {
		return errBroken
	}
	return err
}

func (b *brokenScreener) Exclude(list int, kind uint8, key []byte) error {
	return b.fail("exclude", b.Screener.Exclude(list, kind, key))
}

func (b *brokenScreener) Row(row int64, kind uint8, key []byte, dedupe bool) error {
	return b.fail("row", b.Screener.Row(row, kind, key, dedupe))
}

func (b *brokenScreener) Finish(ctx context.Context) (recipients.Screening, error) {
	s, err := b.Screener.Finish(ctx)
	return s, b.fail("finish", err)
}

func (b *brokenScreener) Close() error {
	b.closed = true
	return b.fail("close", b.Screener.Close())
}

func TestScreenerFails(t *testing.T) {
	for _, verb := range []string{"exclude", "row", "finish", "close"} {
		spec := base("", "x")
		spec.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
		spec.Open = files{"r.csv": five, "out.csv": "userid\na\n"}.open
		p := mustNew(t, spec)
		b := &brokenScreener{verb: verb}
		p.newScreener = func() recipients.Screener {
			b.Screener = recipients.NewScreener(recipients.Options{TempDir: t.TempDir()})
			return b
		}
		var got error
		for _, err := range p.Blocks(context.Background()) {
			got = errors.Join(got, err)
		}
		if !errors.Is(got, errBroken) || !b.closed {
			t.Errorf("%s: got %v, closed %v", verb, got, b.closed)
		}
	}
}

func TestBlocksStop(t *testing.T) {
	rows := "userid,orgid\n"
	for i := range 20_000 {
		rows += fmt.Sprintf("u%d,1\n", i)
	}
	for _, workers := range []int{1, 4} {
		spec := base(rows, "x")
		spec.Workers = workers
		p := mustNew(t, spec)
		n := 0
		for _, err := range p.Blocks(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 2 {
				break
			}
		}
		if n != 2 {
			t.Errorf("%d workers: %d blocks", workers, n)
		}

		ctx, cancel := context.WithCancel(context.Background())
		var last error
		for _, err := range p.Blocks(ctx) {
			cancel()
			last = err
		}
		cancel()
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%d workers: cancelled, got %v", workers, last)
		}
	}
}

// A panic surfaces in the goroutine that ranges over the blocks.
func TestPanicsSurface(t *testing.T) {
	for name, make := range map[string]func() Spec{
		"worker": func() Spec {
			s := base(five, "x")
			s.Layout.Fields[2].Parse = func(string) (string, error) { panic("field") }
			return s
		},
		"source": func() Spec { return base("userid,orgid\na,1\n!!!\n", "x") },
	} {
		for _, workers := range []int{1, 3} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s, %d workers: no panic", name, workers)
					}
				}()
				spec := make()
				spec.Workers = workers
				for range mustNew(t, spec).Blocks(context.Background()) {
				}
			}()
		}
	}
}

func TestMessages(t *testing.T) {
	spec := base(five, "hello {{ .company }}", "shared")
	p := mustNew(t, spec)
	b := blocks(t, p)[0]
	ms, err := p.Messages(b)
	if err != nil || len(ms) != 2 {
		t.Fatal(ms, err)
	}
	for i, want := range []targets.Message{
		{Texts: []string{"hello X", "shared"}, Recipients: b.Deliveries[0].Recipients},
		{Texts: []string{"hello Y", "shared"}, Recipients: b.Deliveries[1].Recipients},
	} {
		if diff := cmp.Diff(want, ms[i]); diff != "" {
			t.Error(diff)
		}
	}
	if first := p.Summary().First; first == nil || cmp.Diff(ms[0], *first) != "" {
		t.Errorf("the first message is %+v", first)
	}

	t.Run("resumed", func(t *testing.T) {
		later := spec
		later.Columns = p.Columns()
		later.Open = files{}.open
		again, err := mustNew(t, later).Messages(b)
		if diff := cmp.Diff(ms, again); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	t.Run("not prepared", func(t *testing.T) {
		if _, err := mustNew(t, spec).Messages(b); err == nil || errors.Is(err, ErrDiffers) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("not planned again", func(t *testing.T) {
		later := spec
		later.Columns = p.Columns()
		for _, err := range mustNew(t, later).Blocks(context.Background()) {
			if err == nil {
				t.Error("planned")
			}
		}
	})
}

func TestMessagesRefuse(t *testing.T) {
	spec := base(five, "hello {{ .company }}")
	p := mustNew(t, spec)
	fresh := func() campaign.Block { return blocks(t, mustNew(t, spec))[0] }
	blocks(t, p)
	for name, change := range map[string]func(b *campaign.Block){
		"a cell that is shown": func(b *campaign.Block) { b.Deliveries[0].Recipients[0].Cells[3] = "Q" },
		"a cell of another":    func(b *campaign.Block) { b.Deliveries[0].Recipients[1].Cells[3] = "Q" },
		"an id":                func(b *campaign.Block) { b.Deliveries[0].Recipients[2].Cells[0] = "q" },
		"a row":                func(b *campaign.Block) { b.Deliveries[0].Recipients[0].Row++ },
		"cells moved":          func(b *campaign.Block) { c := b.Deliveries[0].Recipients[0].Cells; c[0], c[1] = c[0]+c[1], "" },
		"an empty cell":        func(b *campaign.Block) { b.Deliveries[0].Recipients[0].Cells[3] = "" },
		"a missing cell":       func(b *campaign.Block) { c := &b.Deliveries[0].Recipients[0].Cells; *c = (*c)[:2] },
		"a recipient more": func(b *campaign.Block) {
			d := &b.Deliveries[0]
			d.Recipients = append(d.Recipients, d.Recipients[0])
			b.Digest = b.Sum()
		},
		"a recipient less":          func(b *campaign.Block) { d := &b.Deliveries[0]; d.Recipients = d.Recipients[1:]; b.Digest = b.Sum() },
		"nobody":                    func(b *campaign.Block) { b.Deliveries[0].Recipients = nil; b.Digest = b.Sum() },
		"the order":                 func(b *campaign.Block) { slices.Reverse(b.Deliveries[0].Recipients); b.Digest = b.Sum() },
		"a digest":                  func(b *campaign.Block) { b.Deliveries[1].Digest[0]++; b.Digest = b.Sum() },
		"the block's digest":        func(b *campaign.Block) { b.Digest[0]++ },
		"a skip":                    func(b *campaign.Block) { b.Skips = nil },
		"deliveries changed places": func(b *campaign.Block) { slices.Reverse(b.Deliveries) },
	} {
		b := fresh()
		if _, err := p.Messages(b); err != nil {
			t.Fatal(err)
		}
		change(&b)
		if _, err := p.Messages(b); !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, change := range map[string]func(*Spec){
		"template":   func(s *Spec) { s.Layout.Texts[0].Source = "Hello {{ .company }}" },
		"literal":    func(s *Spec) { s.Layout.Texts[0].Source = "hello X" },
		"escape":     func(s *Spec) { s.Layout.Texts = append(s.Layout.Texts, targets.Text{Source: "more"}) },
		"occurrence": func(s *Spec) { s.Layout.Texts[0].Source = "hello {{ .company }}{{ .occurrence }}" },
	} {
		later := base(five, "hello {{ .company }}")
		change(&later)
		later.Columns = p.Columns()
		if _, err := mustNew(t, later).Messages(fresh()); !errors.Is(err, ErrDiffers) {
			t.Errorf("changed %s: got %v", name, err)
		}
	}
}

func TestSummaryOfContents(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("userid,orgid\n")
	for i := range 250 {
		fmt.Fprintf(&rows, "u%d,1\n", i)
	}
	for _, c := range []struct {
		text             string
		personalised     bool
		contents, shared int64
	}{{"x", false, 1, 3}, {"{{ .userid }}", true, 250, 3}, {"{{ .orgid }}", true, 1, 3}} {
		p := mustNew(t, base(rows.String(), c.text))
		blocks(t, p)
		s := p.Summary()
		if s.Personalised != c.personalised || s.Contents != c.contents || s.More || s.SharedRequests != c.shared {
			t.Errorf("%s: %+v", c.text, s)
		}
	}
	s := mustNew(t, base(five, "x")).newSummary()
	for i := range maxContents + 10 {
		s.deliver(content{byte(i), byte(i >> 8), byte(i >> 16), 1})
	}
	if !s.more || len(s.contents) != maxContents {
		t.Errorf("%d contents, more %v", len(s.contents), s.more)
	}
}

func TestZoneDefaultsToUTC(t *testing.T) {
	spec := base(five, "{{ .timezone }} {{ .occurrence }}")
	spec.Zone, spec.Occurrence.Time = nil, time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	p := mustNew(t, spec)
	blocks(t, p)
	if got := p.Summary().First.Texts[0]; got != "UTC 2026-01-02 03:04" {
		t.Errorf("got %q", got)
	}
}
