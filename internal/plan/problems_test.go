package plan

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

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
		`r.csv:4:3: row 4: usertype must be enterprise or government [bad-value]`,
		`r.csv:5:1: row 5: userid (column "用户") is empty [empty-required]`,
		`r.csv:5:2: row 5: usertype must be enterprise or government [bad-value]`,
		`r.csv:6:6: row 6: content/t0: .n is empty [empty-value]`,
		`r.csv:7:1: bad row [csv-row]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.Invalid != 5 || s.Counts["bad-value"] != 2 || s.Counts["csv-row"] != 1 {
		t.Errorf("%d invalid, counts %v", s.Invalid, s.Counts)
	}
}

// Every text that cannot be rendered for a row is told, at the cell that is
// wrong; one cell that is wrong for several texts once.
func TestEveryTextOfARow(t *testing.T) {
	spec := base("userid,名称,n,company\n甲,,x,C\n", "{{ .company }}", "{{ .名称 }}", `{{ col "n" | fixed 2 }}`, "{{ .名称 }}!", "{{ div 1 .n }}{{ .company }}", "{{ .company }}二三四")
	spec.Layout.Identity = nil
	spec.Layout.Texts[5].Limit = 3
	var got []string
	for _, d := range problems(t, spec) {
		got = append(got, d.Error())
	}
	want := []string{
		"r.csv:2:1: row 2: content/t5: the text has 4 characters, 1 more than the 3 that are allowed [too-long]",
		"r.csv:2:3: row 2: content/t1: .名称 is empty [empty-value]",
		`r.csv:2:4: row 2: content/t2: column "n" is not a number [bad-number]`,
		"r.csv:2:4: row 2: content/t4: .n is not a number [bad-number]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsAreCapped(t *testing.T) {
	p := mustNew(t, base("userid,orgid\n"+strings.Repeat(",1\n", 4260), "x"))
	collectBlocks(t, p)
	s := p.Summary()
	if first := s.Problems[0]; first.Line != 0 || first.Stands != 4210 || first.Message != "4,260 problems of this kind: the first 50 are listed, and 4,210 more are not" {
		t.Errorf("the number is not told: %+v", first)
	}
	if len(s.Problems) != problemsPerRule+1 || s.Counts["empty-required"] != 4260 || s.Invalid != 4260 {
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
		{File: "c.yaml", Line: 7, Col: 3, Rule: "empty-required", Message: "/recipients/list/2/userid row 3: userid is empty"},
		{File: "c.yaml", Line: 7, Col: 3, Rule: "empty-value", Message: "/recipients/list/1/company row 2: content/t0: .company is empty"},
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
		{"header of a mapped column", func(s *Spec) {
			s.Open = files{"r.csv": "userid,企业ID\na,1\n"}.open
			s.Campaign.Recipients.Columns = map[string]string{"orgid": "企业ID"}
			s.Layout.Texts[0].Source = "{{ .企业ID }}"
		}, "c.yaml: there is no variable or column .企业ID [unknown-variable]\tuse .orgid: columns maps it"},
		{"required field", func(s *Spec) { s.Campaign.Recipients.Defaults = nil },
			"r.csv:1:1: there is no column for usertype, which each recipient needs [missing-column]\tcolumns: {usertype: HEADER}"},
		{"required field of a list", func(s *Spec) {
			s.Campaign.Recipients = campaign.Recipients{List: []map[string]string{{"userid": "a"}}}
		}, "c.yaml: there is no column for usertype, which each recipient needs [missing-column]\tgive each recipient a key usertype"},
		{"misspelt field", func(s *Spec) {
			s.Campaign.Recipients.Defaults = nil
			s.Campaign.Recipients.Columns = map[string]string{"usertyp": "orgid"}
		}, "c.yaml: there is no column for usertype, which each recipient needs [missing-column]\tdid you mean usertype?"},
		{"misspelt default of a field", func(s *Spec) { s.Campaign.Recipients.Defaults = map[string]string{"usertypes": "1"} },
			"c.yaml: there is no column for usertype, which each recipient needs [missing-column]\tdid you mean usertype?"},
		{"variable of everybody", func(s *Spec) {
			s.Campaign.Vars = map[string]string{"until": "soon"}
			s.Layout.Texts[0].Source = "{{ date \"2006\" .until }}"
		}, "c.yaml: content/t0: .until is not a date [bad-date]\t"},
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
		{"empty list", func(s *Spec) { s.Open = files{"r.csv": "userid,usertype,orgid,company\n"}.open },
			"r.csv: the list has no row: there is nobody to send to [no-recipients]\tfill the list"},
		{"idle exclusion", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "userid\nz\n"}.open
		}, "c.yaml: out.csv leaves nobody out: none of its entries is among the recipients [exclusion-matched-nothing]\tsame values"},
		{"exclusion without identity", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			s.Open = files{"r.csv": five, "out.csv": "phone\nz\n"}.open
		}, "out.csv:1:1: nothing in this list says who is meant: it has no column userid or orgid [missing-column]\t{file: out.csv, columns: {userid: HEADER}}"},
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
		}, "out.csv:3:3: row 3: orgid is empty [empty-required]\t"},
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

func TestDidYouMean(t *testing.T) {
	many := make([]string, 30)
	for i := range many {
		many[i] = fmt.Sprintf("column number %d", i)
	}
	for _, c := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"compny", []string{"userid", "company"}, "did you mean .company?"},
		{"企业", []string{"企业名", "单位"}, "did you mean .企业名?"},
		{"x", nil, ""},
		{"xyz", []string{"userid", "company"}, "there are: userid, company"},
		{"xyz", many, "there are: " + strings.Join(many[:20], ", ") + ", …"},
	} {
		if got := didYouMean(c.name, c.candidates, ".%s"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// Lists that identify people by more different sets of columns than keys have
// kinds for are refused.
func TestTooManyKindsOfLists(t *testing.T) {
	spec := base("", "x")
	header := "userid,orgid"
	project := files{}
	var names []string
	for i := range 9 {
		name := fmt.Sprintf("f%d", i)
		names = append(names, name)
		header += "," + name
		spec.Layout.Fields = append(spec.Layout.Fields, targets.Field{Name: name})
	}
	spec.Layout.Identity = names
	for i := 1; i < 300; i++ {
		var columns []string
		for bit, name := range names {
			if i&(1<<bit) != 0 {
				columns = append(columns, name)
			}
		}
		file := fmt.Sprintf("out%d.csv", i)
		project[file] = strings.Join(columns, ",") + "\n"
		spec.Campaign.Recipients.Exclude = append(spec.Campaign.Recipients.Exclude, campaign.Exclusion{File: file})
	}
	project["r.csv"] = header + "\n"
	spec.Open = project.open
	var got error
	for _, err := range mustNew(t, spec).Blocks(context.Background()) {
		got = err
	}
	if got == nil || !strings.Contains(got.Error(), "too many exclusion lists") {
		t.Errorf("got %v", got)
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
		{"html in a file", "<p>\n{{ .company }}\n<a href='{{ .company }}\n\n", "content/x.html", 3, 24, "not clear"},
		{"html with branches", "<p>\n  {{ if .company }}<a href='{{ end }}x", "content/x.html", 2, 9, "not clear"},
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

// TestFormulaErrors: what a spreadsheet shows of a formula without a result is
// never sent, nor is a function of it; a text of the campaign's own may say it.
func TestFormulaErrors(t *testing.T) {
	for text, want := range map[string]string{
		"{{ .company }}":                     "r.csv:2:3: row 2: content/t0: .company holds the error of a formula, as #N/A [formula-error]",
		"{{ .company | default \"x\" }}":     "r.csv:2:3: row 2: content/t0: .company holds the error of a formula, as #N/A [formula-error]",
		"{{ if .company }}{{ .n }}{{ end }}": "",
		"#N/A {{ .n }}":                      "",
	} {
		var got string
		for _, d := range problems(t, base("userid,company,n\na,#N/A,#1\n", text)) {
			got += d.Error()
		}
		if got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// Rows that repeat others are told before anything is sent: the first, and how many.
// A trial is for the first row of each anyway.
func TestDuplicatesAreTold(t *testing.T) {
	const rows = "userid,orgid\na,1\nb,1\na,1\n ａ,1\na,2\nb,1\n"
	for _, c := range []struct {
		name   string
		change func(*Spec)
		want   string
	}{
		{"some", func(*Spec) {}, "[r.csv:4:1: row 4: the same recipient as in row 2; 3 rows repeat others [duplicate-recipient]]"},
		{"one", func(s *Spec) { s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}} },
			"[r.csv:7:1: row 7: the same recipient as in row 3 [duplicate-recipient]]"},
		{"nobody looks", func(s *Spec) { s.Campaign.Recipients.DedupeDefault = false }, "[]"},
		{"a trial", func(s *Spec) { s.To = []string{"a"} }, "[]"},
	} {
		spec := base(rows, "x")
		spec.Open = files{"r.csv": rows, "out.csv": "userid\na\n"}.open
		c.change(&spec)
		ds := problems(t, spec)
		if got := fmt.Sprint(ds); got != c.want || campaign.HasErrors(ds) {
			t.Errorf("%s: got %s\nwant %s, a warning", c.name, got, c.want)
		}
	}
}
