package plan

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

// looking is a plan whose recipients are looked up: the list has codes, the
// directory ids.
func looking(list, directory string, change func(*Spec)) Spec {
	spec := base("", "{{ .name }} {{ .phone }}")
	spec.Campaign.Recipients.Lookup = &campaign.Lookup{File: "d.csv", Key: "code",
		Take: map[string]string{"userid": "用户ID", "orgid": "企业ID", "phone": "电话"}}
	fsys := fstest.MapFS{"r.csv": {Data: []byte(list)}, "d.csv": {Data: []byte(directory)}, "out.csv": {Data: []byte("userid\nu-2\n")},
		"codes.csv": {Data: []byte("用户ID,orgid\nu-2,o-2\nu-x,o-1\n")}, "testers.csv": {Data: []byte("用户ID\nu-3\n")}}
	spec.Open = func(name string, sheet campaign.Sheet) (recipients.Source, error) {
		return recipients.Open(fsys, name, sheet)
	}
	if change != nil {
		change(&spec)
	}
	return spec
}

func told(t *testing.T, spec Spec) string {
	t.Helper()
	p, ds := New(spec)
	if p == nil {
		t.Fatal(ds)
	}
	var out bytes.Buffer
	tell(t, &out, p)
	return out.String()
}

func TestLookup(t *testing.T) {
	const directory = "code,用户ID,企业ID,电话\nA,u-1,o-1,1\nB,u-2,o-2,2\nC,u-3,o-3,\nD,,o-4,4\nE,1.38E+10,o-5,5\nF,u-6,o-6,6\nF,u-7,o-6,6\nG,u-1,o-1,7\n"
	for _, test := range []struct {
		name, list string
		change     func(*Spec)
		want       string
	}{
		{"found", "name,code\nx,B\ny,Ａ\n", nil,
			"   row 2: [\"u-2\" \"2\" \"o-2\" \"x\" \"B\" \"2\"]\n   row 3: [\"u-1\" \"2\" \"o-1\" \"y\" \"Ａ\" \"1\"]\n"},
		{"the same person by two codes", "name,code\nx,A\ny,G\n", nil,
			"   row 2: [\"u-1\" \"2\" \"o-1\" \"x\" \"A\" \"1\"]\n   row 3 is left out: duplicate: row 2\n" +
				"   warning r.csv:3:3 [duplicate-recipient] row 3: the same recipient as in row 2\n      the first row of each is sent; the report names all of them\n"},
		{"excluded by what is looked up", "name,code\nx,A\ny,B\n", func(s *Spec) { s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}} },
			"   row 2: [\"u-1\" \"2\" \"o-1\" \"x\" \"A\" \"1\"]\n   row 3 is left out: excluded: out.csv\n"},
		{"excluded by a list with the directory's headers", "name,code\nx,A\ny,B\nz,C\n", func(s *Spec) {
			s.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "codes.csv"}}
			s.Campaign.Recipients.Audience.MustExclude = []campaign.Named{{List: campaign.Exclusion{File: "testers.csv"}}}
			s.Campaign.Recipients.Defaults["phone"] = "3"
		}, "   row 2: [\"u-1\" \"2\" \"o-1\" \"x\" \"A\" \"1\"]\n   row 3 is left out: excluded: codes.csv\n" +
			"   error r.csv:4:3 [must-exclude] row 4: this recipient stands in testers.csv, which must_exclude names\n      take the row out of the list, or leave it out with exclude\n"},
		{"not there", "name,code\nx,A\ny,Z\n", nil, "   row 2: [\"u-1\" \"2\" \"o-1\" \"x\" \"A\" \"1\"]\n" +
			"   error r.csv:3:3 [not-found] row 3: code is not in d.csv\n      correct it or add it there, or say missing: skip to leave such rows out\n"},
		{"not there, skipped", "name,code\nx,Z\ny,A\nz,Z\n", func(s *Spec) { s.Campaign.Recipients.Lookup.Skip = true },
			"   row 3: [\"u-1\" \"2\" \"o-1\" \"y\" \"A\" \"1\"]\n   row 2 is left out: not-found: d.csv\n   row 4 is left out: not-found: d.csv\n"},
		{"ambiguous", "name,code\nx,F\n", nil,
			"   error r.csv:2:3 [ambiguous-key] row 2: code stands in d.csv more than once, with different values: in rows 7 and 8\n      correct the directory: which of them is right cannot be told\n"},
		{"ambiguous in what is not taken", "name,code\nx,F\n", func(s *Spec) {
			s.Campaign.Recipients.Lookup.Take = map[string]string{"orgid": "企业ID", "phone": "电话"}
			s.Campaign.Recipients.Defaults["userid"] = "u"
		}, "   row 2: [\"u\" \"2\" \"o-6\" \"x\" \"F\" \"6\"]\n"},
		{"an empty id there", "name,code\nx,D\n", nil,
			"   error r.csv:2:3 [empty-required] row 2: userid is empty\n      d.csv has none for the row's code: fill the cell there\n"},
		{"a mangled id there", "name,code\nx,E\n", nil,
			"   error r.csv:2:3 [mangled-id] row 2: userid is a number in scientific notation (as 1.38E+10), which a spreadsheet has made of an id\n      format the column as text, then enter or import the ids again: what is in the cell now has lost digits\n"},
		{"an empty variable there", "name,code\nx,C\n", nil,
			"   error r.csv:2:3 [empty-value] row 2: content/t0: .phone is empty\n      fill the cell, or give the template a value for such rows: {{ default \"…\" .phone }}\n"},
		{"no key here", "name,cod\nx,C\n", nil,
			"   error c.yaml:0:0 [missing-column] r.csv has no column \"code\"\n      did you mean \"cod\"?\n"},
		{"no such columns there", "name,code\nx,C\n", func(s *Spec) {
			s.Campaign.Recipients.Lookup.Key = "name"
			s.Campaign.Recipients.Lookup.Take = map[string]string{"userid": "用户"}
		}, "   error c.yaml:0:0 [missing-column] d.csv has no column \"name\"\n      it has none of the columns that are looked for: is its first row the header?\n" +
			"   error c.yaml:0:0 [missing-column] d.csv has no column \"用户\"\n      it has none of the columns that are looked for: is its first row the header?\n"},
		{"the list has it too", "name,code,userid\nx,C,u\n", nil,
			"   error c.yaml:0:0 [duplicate-variable] userid is also a column of r.csv\n      take it under another name, or leave it out: templates could not tell them apart\n"},
		{"the key has another header here", "name,信用代码\nx,A\n", func(s *Spec) { s.Campaign.Recipients.Columns = map[string]string{"code": "信用代码"} },
			"   row 2: [\"u-1\" \"2\" \"o-1\" \"x\" \"A\" \"1\"]\n"},
		{"a trial", "name,code\nx,A\ny,B\nz,Z\n", func(s *Spec) {
			s.To = []string{"u-2"}
			s.Campaign.Recipients.Lookup.Skip = true
		}, "   row 3: [\"u-2\" \"2\" \"o-2\" \"y\" \"B\" \"2\"]\n"},
		{"half of them first", "name,code\nx,A\nz,Z\ny,B\n", func(s *Spec) {
			s.Campaign.Recipients.Lookup.Skip = true
			s.Campaign.Policy.Stages = []campaign.Stage{{Share: 0.5, Confirm: true}}
		}, "   row 2: [\"u-1\" \"2\" \"o-1\" \"x\" \"A\" \"1\"]\n   row 3 is left out: not-found: d.csv\n   row 4: [\"u-2\" \"2\" \"o-2\" \"y\" \"B\" \"2\"]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before string
			for _, workers := range []int{1, 3} {
				spec := looking(test.list, directory, test.change)
				spec.Workers = workers
				got := told(t, spec)
				if before != "" && got != before {
					t.Errorf("%d workers:\n%s", workers, cmp.Diff(before, got))
				}
				before = got
			}
			if diff := cmp.Diff(test.want, before); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestLookupDigest: what is looked up, and how, is in the plan's digest; the
// encoding is not.
func TestLookupDigest(t *testing.T) {
	const list, directory = "name,code\nx,A\n", "code,用户ID,企业ID,电话\nA,u-1,o-1,1\n"
	seen := map[string]string{}
	for name, change := range map[string]func(*Spec){
		"as it is":    nil,
		"another key": func(s *Spec) { s.Campaign.Recipients.Lookup.Key = "name" },
		"take":        func(s *Spec) { delete(s.Campaign.Recipients.Lookup.Take, "phone") },
		"skip":        func(s *Spec) { s.Campaign.Recipients.Lookup.Skip = true },
		"none":        func(s *Spec) { s.Campaign.Recipients.Lookup = nil },
		"header":      func(s *Spec) { s.Campaign.Recipients.Sheet.HeaderRow = 1 },
		"there":       func(s *Spec) { s.Campaign.Recipients.Lookup.Sheet.HeaderRow = 1 },
		"stop":        func(s *Spec) { s.Campaign.Recipients.Sheet.StopAt = "合计" },
		"sheet":       func(s *Spec) { s.Campaign.Recipients.Sheet.Name = "名单" },
		"delimiter":   func(s *Spec) { s.Campaign.Recipients.Sheet.Delimiter = "," },
	} {
		got := digest(t, looking(list, directory, change))
		if other, ok := seen[got]; ok {
			t.Errorf("%s: the digest is that of %s", name, other)
		}
		seen[got] = name
	}
	encoded := looking(list, directory, func(s *Spec) { s.Campaign.Recipients.Sheet.Encoding = "utf-8" })
	if seen[digest(t, encoded)] != "as it is" {
		t.Error("the encoding is in the digest")
	}
	if digest(t, looking(list, strings.Replace(directory, "u-1", "u-2", 1), nil)) == digest(t, looking(list, directory, nil)) {
		t.Error("the directory is not in the digest")
	}
	for _, name := range []string{"r.csv", "d.csv"} {
		broken := looking(list, directory, nil)
		open := broken.Open
		broken.Open = func(file string, sheet campaign.Sheet) (recipients.Source, error) {
			if file == name {
				return nil, fmt.Errorf("%s is gone", name)
			}
			return open(file, sheet)
		}
		p := mustNew(t, broken)
		if _, err := p.Digest(t.Context()); err == nil || !strings.HasSuffix(err.Error(), name+" is gone") {
			t.Errorf("%s: digest: %v", name, err)
		}
		for _, err := range p.Blocks(t.Context()) {
			if err == nil || !strings.HasSuffix(err.Error(), name+" is gone") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
