package main

import (
	"math"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/contract"
)

func TestPeopleOf(t *testing.T) {
	group := func(people int64) campaign.Group { return campaign.Group{ID: people + 1, People: people} }
	for name, test := range map[string]struct {
		groups   []campaign.Group
		disjoint bool
		people   int64
		bound    string
	}{
		"none":                      {nil, false, 0, contract.NotKnown},
		"one":                       {[]campaign.Group{group(7)}, false, 7, contract.Exactly},
		"two that may overlap":      {[]campaign.Group{group(7), group(5)}, false, 12, contract.NoMoreThan},
		"two that do not":           {[]campaign.Group{group(7), group(5)}, true, 12, contract.Exactly},
		"one of them is not known":  {[]campaign.Group{group(7), group(0), group(5)}, true, 12, contract.NoFewerThan},
		"all may be in the largest": {[]campaign.Group{group(5), group(0), group(7)}, false, 7, contract.NoFewerThan},
		"none is known":             {[]campaign.Group{group(0), group(0)}, true, 0, contract.NotKnown},
		"more than there are":       {[]campaign.Group{group(math.MaxInt64), group(7)}, true, math.MaxInt64, contract.Exactly},
	} {
		if people, bound := peopleOf(test.groups, test.disjoint); people != test.people || bound != test.bound {
			t.Errorf("%s: %d %q, want %d %q", name, people, bound, test.people, test.bound)
		}
	}
}

func TestLeast(t *testing.T) {
	for _, most := range []int{1, 2, 7, 1000} {
		for want := range most + 1 {
			got := least(most, func(n int) bool { return want > 0 && n >= want })
			if got != want {
				t.Errorf("the least of %d is %d, want %d", most, got, want)
			}
		}
	}
}
