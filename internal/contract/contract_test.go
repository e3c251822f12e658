package contract

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func saved() Plan {
	return Plan{
		File: "a.yaml", Campaign: "a", Profile: "test", Occurrence: "once", Run: "r", Digest: "d", Planner: 1,
		Channel: "zqt.message", Target: "gov", Address: "http://127.0.0.1:1", Recipients: 10, Requests: 2, Skipped: map[string]int64{"duplicate": 3},
		Content: "c", Inputs: []Input{{"a.yaml", "1"}, {"list.csv", "2"}}, Sources: []Source{{File: "a.yaml", Text: "name: a\n"}},
	}
}

func document() Document {
	return Document{Made: time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC), Tool: "v1", Project: "p", Profile: "test", Occurrence: "once", Plans: []Plan{saved()}}
}

func TestRoundTrip(t *testing.T) {
	data, err := Encode(document())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	want := document()
	want.Format, want.FormatVersion = Format, FormatVersion
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := got.Plans[0].Reached(); n != 7 {
		t.Errorf("%d are reached, not 7", n)
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole, err := Encode(document())
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(old, new string) string {
		s := strings.Replace(string(whole), old, new, 1)
		if s == string(whole) {
			t.Fatalf("%q is not there", old)
		}
		return s
	}
	double := document()
	double.Plans = append(double.Plans, saved())
	twice, err := Encode(double)
	if err != nil {
		t.Fatal(err)
	}
	for want, data := range map[string]string{
		"no saved plan: unexpected EOF":       string(whole[:40]),
		"no saved plan: EOF":                  "",
		"`campaign plan --out FILE` writes":   `{"format_version": 1, "plans": []}`,
		"format 2":                            replaced(`"format_version": 1`, `"format_version": 2`),
		"something follows":                   string(whole) + "{}",
		"its profile, its occurrence or its":  replaced(`"profile": "test"`, `"profile": ""`),
		"campaign 1 has no file, name":        replaced(`"digest": "d"`, `"digest": ""`),
		"a.yaml is in it twice":               string(twice),
		"cannot unmarshal number -1.5":        replaced(`"requests": 2`, `"requests": -1.5`),
		"cannot unmarshal string into Go str": replaced(`"plans": [`, `"plans": ["x",`),
	} {
		if _, err := Decode([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		change func(now *Plan)
		want   []string
	}{
		"nothing": {func(*Plan) {}, nil},
		// What is no part of the digest may change: another account stands in the file.
		"other account": {func(p *Plan) { p.Inputs = []Input{{"a.yaml", "1"}, {"list.csv", "2"}, {"targets.yaml", "new"}} }, nil},
		"planner":       {func(p *Plan) { p.Planner, p.Digest = 2, "e" }, []string{"version 1 of the planner, and this program has version 2"}},
		"name":          {func(p *Plan) { p.Campaign, p.Digest = "b", "e" }, []string{"the campaign b now, and was a"}},
		"profile":       {func(p *Plan) { p.Profile, p.Digest = "production", "e" }, []string{"for the profile test, and this is production"}},
		"a recipient": {func(p *Plan) { p.Digest, p.Inputs = "e", []Input{{"a.yaml", "1"}, {"list.csv", "3"}} },
			[]string{"list.csv has changed"}},
		"one more": {func(p *Plan) { p.Digest, p.Recipients, p.Inputs = "e", 11, []Input{{"a.yaml", "1"}, {"list.csv", "3"}} },
			[]string{"list.csv has changed", "8 would be sent to now, and 7 in the plan"}},
		"another file": {func(p *Plan) { p.Digest, p.Inputs = "e", []Input{{"a.yaml", "9"}, {"more.csv", "2"}} },
			[]string{"a.yaml has changed", "more.csv is new in it", "list.csv is no part of it any more"}},
		"schedule": {func(p *Plan) { p.Schedule, p.Inputs = "s", []Input{{"a.yaml", "9"}, {"list.csv", "2"}} },
			[]string{"a.yaml has changed", "the schedule has changed"}},
		"another program": {func(p *Plan) { p.Digest = "e" }, []string{"no file of it has changed"}},
		"edited number":   {func(p *Plan) { p.Recipients++ }, []string{"the number of recipients in the plan is not"}},
		"edited skips":    {func(p *Plan) { p.Skipped = nil }, []string{"the number of recipients in the plan is not"}},
		"edited lists":    {func(p *Plan) { p.Lists = []List{{File: "out.csv", Matched: 3}} }, []string{"the number of recipients in the plan is not"}},
		"edited requests": {func(p *Plan) { p.Requests++ }, []string{"the number of requests in the plan"}},
		"edited address":  {func(p *Plan) { p.Address = "http://127.0.0.1:2" }, []string{"the account or its address in the plan"}},
		"edited content":  {func(p *Plan) { p.Sources = []Source{{File: "a.yaml", Text: "name: b\n"}} }, []string{"the content in the plan"}},
		"a comment": {func(p *Plan) {
			p.Sources, p.Inputs = []Source{{File: "a.yaml", Text: "name: a # b\n"}}, []Input{{"a.yaml", "9"}, {"list.csv", "2"}}
		}, []string{"a.yaml has changed"}},
		"line endings": {func(p *Plan) {
			p.Sources, p.Inputs = []Source{{File: "a.yaml", Text: "\uFEFFname: a\r\n"}}, []Input{{"a.yaml", "9"}, {"list.csv", "2"}}
		}, nil},
		"edited standing": {func(p *Plan) { p.Content = "x" }, []string{"the content in the plan"}},
		"edited run":      {func(p *Plan) { p.Run = "q" }, []string{"the run in the plan"}},
	} {
		was, now := saved(), saved()
		c.change(&now)
		got := Changes(&was, &now)
		if len(got) != len(c.want) || !slices.EqualFunc(got, c.want, strings.Contains) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	d, other := document(), saved()
	other.File = "b.yaml"
	if got := d.Changes(&other); len(got) != 1 || got[0] != "b.yaml is not in it" {
		t.Errorf("another file: %q", got)
	}
	if same := saved(); d.Changes(&same) != nil {
		t.Errorf("the same: %q", d.Changes(&same))
	}
}
