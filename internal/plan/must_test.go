package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// audienceCSV has six rows: a twice, and d left out by out.csv.
const audienceCSV = "userid,orgid,n\na,1,x\nb,1,x\na,1,x\nc,2,x\nd,1,x\ne,3,x\n"

func TestGuardsOnTheAudience(t *testing.T) {
	ids := func(all ...string) (named []campaign.Named) {
		for _, id := range all {
			named = append(named, campaign.Named{ID: id})
		}
		return named
	}
	from := func(file string) campaign.Named { return campaign.Named{List: campaign.Exclusion{File: file}} }
	for _, c := range []struct {
		name   string
		change func(*Spec, *campaign.Audience)
		want   []string
	}{
		{"nothing is asked", func(*Spec, *campaign.Audience) {}, nil},
		{"rows as expected", func(_ *Spec, a *campaign.Audience) { a.Expect = &campaign.Expected{Min: 6, Max: 6} }, nil},
		{"rows in the range", func(_ *Spec, a *campaign.Audience) { a.Expect = &campaign.Expected{Min: 6} }, nil},
		{"other rows", func(_ *Spec, a *campaign.Audience) { a.Expect = &campaign.Expected{Min: 7, Max: 7} },
			[]string{"c.yaml: r.csv has 6 rows, and 7 are expected [expected-rows]"}},
		{"too few", func(_ *Spec, a *campaign.Audience) { a.Expect = &campaign.Expected{Min: 7} },
			[]string{"c.yaml: r.csv has 6 rows, and at least 7 are expected [expected-rows]"}},
		{"too many", func(_ *Spec, a *campaign.Audience) { a.Expect = &campaign.Expected{Max: 5} },
			[]string{"c.yaml: r.csv has 6 rows, and at most 5 are expected [expected-rows]"}},
		{"outside the range", func(_ *Spec, a *campaign.Audience) { a.Expect = &campaign.Expected{Min: 7, Max: 9} },
			[]string{"c.yaml: r.csv has 6 rows, and 7 to 9 are expected [expected-rows]"}},
		{"a trial is not counted", func(s *Spec, a *campaign.Audience) {
			a.Expect, s.To = &campaign.Expected{Min: 7, Max: 7}, []string{"a"}
		}, nil},
		{"everybody is there", func(_ *Spec, a *campaign.Audience) { a.MustInclude = ids("a", "c", "e") }, nil},
		{"nobody has the id", func(_ *Spec, a *campaign.Audience) { a.MustInclude = ids("a", "supervisor") },
			[]string{"c.yaml: sup…r must be sent to, and is not: no row names this recipient, or the row is left out [must-include]"}},
		{"left out by a list", func(_ *Spec, a *campaign.Audience) { a.MustInclude = ids("d") },
			[]string{"c.yaml: … must be sent to, and is not: no row names this recipient, or the row is left out [must-include]"}},
		{"missing from a list", func(_ *Spec, a *campaign.Audience) {
			a.MustInclude = []campaign.Named{{ID: "a"}, from("boss.csv")}
		}, []string{
			"boss.csv: row 3: this recipient must be sent to, and is not: no row of r.csv names it, or the row is left out [must-include]",
			"boss.csv: row 4: this recipient must be sent to, and is not: no row of r.csv names it, or the row is left out [must-include]",
		}},
		{"a list by two columns", func(_ *Spec, a *campaign.Audience) { a.MustInclude = []campaign.Named{from("both.csv")} },
			[]string{"both.csv: row 3: this recipient must be sent to, and is not: no row of r.csv names it, or the row is left out [must-include]"}},
		{"a list of nobody known", func(_ *Spec, a *campaign.Audience) { a.MustInclude = []campaign.Named{from("phones.csv")} },
			[]string{"phones.csv:1:1: nothing in this list says who is meant: it has no column userid or orgid [missing-column]"}},
		{"a trial misses nobody", func(s *Spec, a *campaign.Audience) { a.MustInclude, s.To = ids("d"), []string{"a"} }, nil},
		{"a test account misses nobody", func(s *Spec, a *campaign.Audience) { a.MustInclude, s.Account.Only = ids("d"), []string{"a"} }, nil},
		{"nobody of those", func(_ *Spec, a *campaign.Audience) { a.MustExclude = ids("tester", "d") }, nil},
		{"somebody who must not", func(_ *Spec, a *campaign.Audience) { a.MustExclude = ids("tester", "c") },
			[]string{"r.csv:5:1: row 5: must_exclude names this recipient [must-exclude]"}},
		{"by an id in full-width letters", func(_ *Spec, a *campaign.Audience) {
			a.MustInclude, a.MustExclude = ids("ａ", "e\u00a0"), ids("ｃ")
		}, []string{"r.csv:5:1: row 5: must_exclude names this recipient [must-exclude]"}},
		{"every row of the one", func(_ *Spec, a *campaign.Audience) { a.MustExclude = ids("a") },
			[]string{"r.csv:2:1: row 2: must_exclude names this recipient [must-exclude]", "r.csv:4:1: row 4: must_exclude names this recipient [must-exclude]"}},
		{"somebody of a list", func(_ *Spec, a *campaign.Audience) { a.MustExclude = []campaign.Named{{ID: "x"}, from("both.csv")} },
			[]string{"r.csv:2:1: row 2: this recipient stands in both.csv, which must_exclude names [must-exclude]",
				"r.csv:4:1: row 4: this recipient stands in both.csv, which must_exclude names [must-exclude]"}},
		{"a trial to the one", func(s *Spec, a *campaign.Audience) { a.MustExclude, s.To = ids("c"), []string{"c"} },
			[]string{"r.csv:5:1: row 5: must_exclude names this recipient [must-exclude]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := base(audienceCSV, "{{ .n }}")
			spec.Open = files{"r.csv": audienceCSV, "out.csv": "userid\nd\n", "boss.csv": "userid\na\nz\nd\n",
				"both.csv": "userid,orgid\na,1\nb,2\n", "phones.csv": "phone\n1\n"}.open
			spec.Campaign.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv"}}
			c.change(&spec, &spec.Campaign.Recipients.Audience)
			var got []string
			p := mustNew(t, spec)
			collectBlocks(t, p)
			for _, d := range p.Summary().Problems {
				if d.Warning {
					continue
				}
				got = append(got, d.Error())
				if d.Source != "" || d.Hint == "" {
					t.Errorf("%s: it shows %q and hints %q", d.Error(), d.Source, d.Hint)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What must be there is found in any number of rows and by any number of workers,
// also without deduplication.
func TestMustIncludeAtScale(t *testing.T) {
	var csv, must strings.Builder
	csv.WriteString("userid,orgid\n")
	must.WriteString("userid\n")
	for i := range 20_000 {
		fmt.Fprintf(&csv, "u%d,1\n", i)
		fmt.Fprintf(&must, "u%d\n", i*3)
	}
	for _, workers := range []int{1, 4} {
		spec := base(csv.String(), "x")
		spec.Workers, spec.TempDir = workers, t.TempDir()
		spec.Campaign.Recipients.DedupeDefault = false
		spec.Open = files{"r.csv": csv.String(), "must.csv": must.String()}.open
		spec.Campaign.Recipients.Audience.MustInclude = []campaign.Named{{List: campaign.Exclusion{File: "must.csv"}}}
		p := mustNew(t, spec)
		collectBlocks(t, p)
		if n := p.Summary().Counts[RuleMustInclude]; n != 20_000-6_667 {
			t.Errorf("%d workers: %d are missed, want %d", workers, n, 20_000-6_667)
		}
	}
}

// A file may name many ids by themselves: the last is found, missed and spared like
// the first.
func TestMustIncludeNamesMany(t *testing.T) {
	const many = 99_000 // the values of a campaign file are 100,000 at most
	last := fmt.Sprint("u", many-1)
	spec := base("userid,orgid\n"+last+",1\nother,1\n", "x")
	for i := range many {
		a := &spec.Campaign.Recipients.Audience
		a.MustInclude = append(a.MustInclude, campaign.Named{ID: fmt.Sprint("u", i)})
	}
	p := mustNew(t, spec)
	collectBlocks(t, p)
	if n := p.Summary().Counts[RuleMustInclude]; n != many-1 {
		t.Errorf("%d are missed, want %d", n, many-1)
	}
	capped, err := p.Cap(t.Context(), campaign.Cap{Messages: 1}, got(last, "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer capped.Close()
	if n := capped.Rows(); n != 1 {
		t.Errorf("%d rows are over the cap, want that of other alone", n)
	}
}

func TestMustIncludeNeedsItsLists(t *testing.T) {
	spec := base(audienceCSV, "x")
	spec.Campaign.Recipients.Audience.MustInclude = []campaign.Named{{List: campaign.Exclusion{File: "gone.csv"}}}
	p := mustNew(t, spec)
	if err := failure(p); err == nil || !strings.Contains(err.Error(), "read gone.csv: gone.csv does not exist") {
		t.Errorf("got %v", err)
	}
	spec.Open = files{"r.csv": audienceCSV, "gone.csv": "userid\na\n!!\n"}.open
	if err := failure(mustNew(t, spec)); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

// failure is the error that ends a plan.
func failure(p *Plan) error {
	for _, err := range p.Blocks(context.Background()) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestGuardsAreInTheDigest(t *testing.T) {
	digest := func(change func(*campaign.Audience)) string {
		spec := base(audienceCSV, "x")
		spec.Open = files{"r.csv": audienceCSV, "a.csv": "userid\na\n", "b.csv": "userid\nb\n"}.open
		change(&spec.Campaign.Recipients.Audience)
		d, err := mustNew(t, spec).Digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	share, other := 0.2, 0.0
	seen := map[string]int{}
	for i, change := range []func(*campaign.Audience){
		func(*campaign.Audience) {},
		func(a *campaign.Audience) { a.Expect = &campaign.Expected{Min: 6, Max: 6} },
		func(a *campaign.Audience) { a.Expect = &campaign.Expected{Min: 6} },
		func(a *campaign.Audience) { a.MaxChange = &share },
		func(a *campaign.Audience) { a.MaxChange = &other },
		func(a *campaign.Audience) { a.MustInclude = []campaign.Named{{ID: "a"}} },
		func(a *campaign.Audience) { a.MustExclude = []campaign.Named{{ID: "a"}} },
		func(a *campaign.Audience) {
			a.MustExclude = []campaign.Named{{List: campaign.Exclusion{File: "a.csv"}}}
		},
		func(a *campaign.Audience) {
			a.MustExclude = []campaign.Named{{List: campaign.Exclusion{File: "b.csv"}}}
		},
	} {
		d := digest(change)
		if j, ok := seen[d]; ok {
			t.Errorf("cases %d and %d have the same digest", i, j)
		}
		seen[d] = i
	}
}
