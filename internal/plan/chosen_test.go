package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

// A set of ids is one, whatever the order in which they were added and how often.
func TestChosenIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`u-[0-9]{1,2}`)
		in, others := rapid.SliceOf(id).Draw(t, "in"), rapid.SliceOf(id).Draw(t, "others")
		var c, back Chosen
		for i := range in {
			c.Add(in[i])
			back.Add(in[len(in)-1-i])
		}
		want := set(append([]string{}, in...))
		if c.Seal() != len(want) || c.Len() != len(want) || back.Seal() != len(want) || c.digest() != back.digest() {
			t.Fatalf("%d and %d members of %v", c.Len(), back.Len(), in)
		}
		tally, ticked := c.Tally(), map[string]bool{}
		for _, other := range others {
			if c.Has(other) != want[other] {
				t.Fatalf("Has(%s) is %v", other, c.Has(other))
			}
			if again := tally.Take(other); again != ticked[other] {
				t.Fatalf("Take(%s) says %v", other, again)
			}
			if want[other] {
				ticked[other] = true
			}
		}
		if tally.Left() != len(want)-len(ticked) {
			t.Fatalf("%d are left, want %d", tally.Left(), len(want)-len(ticked))
		}
		more := "u-100"
		back.Add(more)
		if back.Seal(); back.digest() == c.digest() {
			t.Fatal("another set has the same digest")
		}
	})
}

// Ids of any length cost the same.
func TestChosenIsSmall(t *testing.T) {
	var c Chosen
	const n = 100_000
	for i := range n {
		c.Add(fmt.Sprintf("%s-%d", strings.Repeat("long", 20), i))
	}
	if c.Seal() != n || c.Size() > 24*n {
		t.Errorf("%d ids take %d bytes", c.Len(), c.Size())
	}
}

// Somebody who is chosen stands in one row: a second one may be somebody else, unless the
// campaign takes it for the same recipient and leaves it out.
func TestChosenStandsOnce(t *testing.T) {
	chosen := &Chosen{}
	chosen.Add("a")
	chosen.Seal()
	for list, want := range map[string]int{"userid,orgid\na,1\nb,1\nb,2\n": 0, "userid,orgid\na,1\na,1\n": 0, "userid,orgid\na,1\nb,1\na,2\n": 1} {
		s := base(list, "x")
		s.Chosen = chosen
		p := mustNew(t, s)
		for _, err := range p.Blocks(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
		}
		problems := slices.DeleteFunc(p.Summary().Problems, func(d campaign.Diagnostic) bool { return d.Warning })
		if len(problems) != want || want > 0 && !strings.Contains(problems[0].Message, "is that of an earlier row") {
			t.Errorf("%q: %v", list, problems)
		}
	}
}

// A plan for chosen ids has those rows and no others, another digest than one for
// everybody, and a problem when somebody is not there.
func TestPlanForChosen(t *testing.T) {
	pick := func(ids ...string) func(*Spec) {
		return func(s *Spec) {
			s.Chosen = &Chosen{}
			for _, id := range ids {
				s.Chosen.Add(id)
			}
			s.Chosen.Seal()
		}
	}
	deliveries := func(options ...func(*Spec)) (string, *Plan) {
		s := base(five, "x")
		for _, o := range options {
			o(&s)
		}
		p := mustNew(t, s)
		var who []string
		for block, err := range p.Blocks(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range block.Deliveries {
				for _, r := range d.Recipients {
					who = append(who, r.ID())
				}
			}
		}
		return strings.Join(who, " "), p
	}
	all, whole := deliveries()
	ids := strings.Fields(all)
	got, some := deliveries(pick(ids[3], ids[1]))
	if want := ids[1] + " " + ids[3]; got != want || campaign.HasErrors(some.Summary().Problems) {
		t.Errorf("for %s: %s, %v", want, got, some.Summary().Problems)
	}
	_, other := deliveries(pick(ids[1]))
	digests := map[string]bool{}
	for _, p := range []*Plan{whole, some, other} {
		d, err := p.Digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		digests[d] = true
	}
	if len(digests) != 3 {
		t.Errorf("the digests are %v", digests)
	}
	_, missing := deliveries(pick(ids[0], "nobody", "neither"))
	problems := missing.Summary().Problems
	if len(problems) != 1 || problems[0].Rule != "unknown-recipient" || !strings.HasPrefix(problems[0].Message, "2 of the 3 recipients of the earlier run") {
		t.Errorf("%v", problems)
	}
}
