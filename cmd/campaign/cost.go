package main

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/plan"
)

// How sure a number of people is. A list is counted; of groups the lock file knows
// how many people were in each.
const (
	exactly     = ""
	noMoreThan  = "at_most"  // somebody may be in two of the groups
	noFewerThan = "at_least" // of some groups it is not known
	notKnown    = "unknown"  // of no group
)

var boundWords = map[string]string{exactly: "", noMoreThan: "at most ", noFewerThan: "at least "}

// kindWords are one and several of a kind.
var kindWords = map[string][2]string{
	campaign.KindMessage:      {"message", "messages"},
	campaign.KindPush:         {"push", "pushes"},
	campaign.KindSMS:          {"SMS", "SMS"},
	campaign.KindNotification: {"notification", "notifications"},
	campaign.KindVoice:        {"voice call", "voice calls"},
}

// plannedCost is what a campaign asks the platform to send, in kinds, and what that
// costs where the account has a price. Amounts are decimal numbers.
type plannedCost struct {
	Counts   []plannedCount `json:"counts"`
	Amount   string         `json:"amount,omitempty"` // of what has a price; empty: nothing has, or it is not known
	Currency string         `json:"currency,omitempty"`
	Bound    string         `json:"bound,omitempty"`    // of counts and amount: at_most, at_least, unknown
	Unpriced []string       `json:"unpriced,omitempty"` // kinds without a price, where others have one
}

type plannedCount struct {
	Kind   string `json:"kind"`
	Count  int64  `json:"count"`
	Amount string `json:"amount,omitempty"`
}

// cost counts what a plan comes to.
func (j *job) cost(s plan.Summary) *plannedCost {
	people, bound := s.Totals.Recipients-s.Totals.Skipped-s.Invalid, exactly
	if j.target.Layout().Groups {
		disjoint := j.campaign.Recipients.Groups != nil && j.campaign.Recipients.Groups.Disjoint
		people, bound = peopleOf(s.Groups, disjoint)
	}
	return j.costOf(people, bound)
}

// costOf counts what is sent to so many people.
func (j *job) costOf(people int64, bound string) *plannedCost {
	c := &plannedCost{Bound: bound}
	sum, priced := new(big.Rat), false
	for _, kind := range j.target.Layout().Kinds {
		n := plannedCount{Kind: kind, Count: people}
		if price := j.declared.Price; price != nil {
			each, ok := price.Each[kind]
			if !ok {
				c.Unpriced = append(c.Unpriced, kind)
			} else if priced = true; bound != notKnown {
				n.Amount = campaign.FormatMoney(each.Times(people))
				sum.Add(sum, each.Times(people))
			}
		}
		c.Counts = append(c.Counts, n)
	}
	if priced {
		c.Currency = j.declared.Price.Currency
		if bound != notKnown {
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
		return 0, notKnown
	case known < len(groups) && disjoint:
		return people, noFewerThan
	case known < len(groups): // they may all be in the largest
		return most, noFewerThan
	case known > 1 && !disjoint:
		return people, noMoreThan
	}
	return people, exactly
}

// counts says it for people: 400 messages, 400 SMS.
func (c *plannedCost) counts() string {
	var parts []string
	for _, n := range c.Counts {
		words := kindWords[n.Kind]
		switch {
		case c.Bound == notKnown:
			parts = append(parts, words[1])
		case n.Count == 1:
			parts = append(parts, "1 "+words[0])
		default:
			parts = append(parts, grouped(n.Count)+" "+words[1])
		}
	}
	text := strings.Join(parts, ", ")
	if c.Bound == notKnown {
		return text + " to people whose number is not known"
	}
	return boundWords[c.Bound] + text
}

// price says what it costs; empty: nothing has a price.
func (c *plannedCost) price() string {
	if c.Currency == "" {
		return ""
	}
	text := "a price that is not known"
	if c.Bound != notKnown {
		text = fmt.Sprintf("%s%s %s", boundWords[c.Bound], c.Amount, c.Currency)
	}
	if len(c.Unpriced) > 0 {
		text += ", without " + kindList(c.Unpriced)
	}
	return text
}

func kindList(kinds []string) string {
	words := make([]string, len(kinds))
	for i, kind := range kinds {
		words[i] = kindWords[kind][1]
	}
	return strings.Join(words, " and ")
}

// costs is what a run is about to cost, as far as that is known before it.
func (t *todo) costs() string {
	if t.declared.Price == nil {
		return ""
	}
	if !t.known {
		return t.cost(t.summary).price()
	}
	if t.target.Layout().Groups {
		return "" // which groups are left nobody has counted
	}
	return t.costOf(t.waiting().recipients, exactly).price()
}
