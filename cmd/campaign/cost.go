package main

import (
	"math"
	"math/big"

	"campaign/internal/campaign"
	"campaign/internal/contract"
	"campaign/internal/plan"
)

// cost counts what a plan comes to.
func (j *job) cost(s plan.Summary) *contract.Cost {
	people, bound := s.Totals.Recipients-s.Totals.Skipped-s.Invalid, contract.Exactly
	if j.target.Layout().Groups {
		disjoint := j.campaign.Recipients.Groups != nil && j.campaign.Recipients.Groups.Disjoint
		people, bound = peopleOf(s.Groups, disjoint)
	}
	return j.costOf(people, bound)
}

// costOf counts what is sent to so many people.
func (j *job) costOf(people int64, bound string) *contract.Cost {
	c := &contract.Cost{Bound: bound}
	sum, priced := new(big.Rat), false
	for _, kind := range j.target.Layout().Kinds {
		n := contract.Count{Kind: kind, Count: people}
		if price := j.declared.Price; price != nil {
			each, ok := price.Each[kind]
			if !ok {
				c.Unpriced = append(c.Unpriced, kind)
			} else if priced = true; bound != contract.NotKnown {
				n.Amount = campaign.FormatMoney(each.Times(people))
				sum.Add(sum, each.Times(people))
			}
		}
		c.Counts = append(c.Counts, n)
	}
	if priced {
		c.Currency = j.declared.Price.Currency
		if bound != contract.NotKnown {
			c.Amount = campaign.FormatMoney(sum)
		}
	}
	return c
}

// peopleOf adds up the people of user groups as the lock file knows them. A group of
// none is one of which it is not known: the platform's own example has such.
func peopleOf(groups []campaign.Group, disjoint bool) (people int64, bound string) {
	known, most := 0, int64(0)
	for _, g := range groups {
		if g.People > 0 {
			known++
			most = max(most, g.People)
			people += min(g.People, math.MaxInt64-people)
		}
	}
	switch {
	case known == 0:
		return 0, contract.NotKnown
	case known < len(groups) && disjoint:
		return people, contract.NoFewerThan
	case known < len(groups): // they may all be in the largest
		return most, contract.NoFewerThan
	case known > 1 && !disjoint:
		return people, contract.NoMoreThan
	}
	return people, contract.Exactly
}

// costs is what a run is about to cost, as far as that is known before it.
func (t *todo) costs() string {
	if t.declared.Price == nil {
		return ""
	}
	if !t.known {
		return t.cost(t.summary).Price()
	}
	if t.target.Layout().Groups {
		return "" // which groups are left nobody has counted
	}
	return t.costOf(t.waiting().recipients, contract.Exactly).Price()
}
