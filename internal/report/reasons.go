package report

import (
	"cmp"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// otherReasons is the code of the entry that gathers what does not fit into the
// table of reasons, one an outcome. Real codes are kebab-case words.
const otherReasons = "(other reasons)"

type reasonKey struct {
	outcome campaign.Outcome
	code    string
}

type reasonCount struct {
	Reason
	raw []string // Texts as they came
}

// reasons counts by outcome and code in bounded memory.
type reasons struct {
	counts map[reasonKey]*reasonCount
	each   [campaign.Superseded]int // reasons of each outcome, gathering ones not counted
	last   *reasonCount             // most requests have the reason of the one before
	key    reasonKey
}

// add counts requests and the recipients they cover. A reason is a code, then
// ": " and a text.
func (rs *reasons) add(o campaign.Outcome, reason string, requests int64, covered []campaign.Recipient, groups bool) {
	code, text, _ := strings.Cut(reason, ": ")
	c := rs.entry(reasonKey{o, code}, covered, groups)
	n := int64(len(covered))
	c.Requests += requests
	c.Recipients += n
	if c.Gathered {
		text = reason
	}
	if text == "" {
		return
	}
	for i, raw := range c.raw {
		if raw == text {
			c.Texts[i].Requests += requests
			c.Texts[i].Recipients += n
			return
		}
	}
	if len(c.raw) < maxTexts {
		c.raw = append(c.raw, text)
		c.Texts = append(c.Texts, Text{Text: quote(text, covered, groups), Requests: requests, Recipients: n})
		return
	}
	if c.More == nil {
		c.More = &Rest{}
	}
	c.More.Requests += requests
	c.More.Recipients += n
}

// entry finds or makes the entry of a key; the gathering one when the table is full.
func (rs *reasons) entry(key reasonKey, covered []campaign.Recipient, groups bool) *reasonCount {
	if rs.last != nil && key == rs.key {
		return rs.last
	}
	if rs.counts == nil {
		rs.counts = make(map[reasonKey]*reasonCount)
	}
	c, found := rs.counts[key]
	if !found {
		gathered := rs.each[key.outcome] == maxReasons
		if gathered {
			key.code = otherReasons
			c, found = rs.counts[key]
		}
		if !found {
			c = &reasonCount{Reason: Reason{Outcome: key.outcome, Code: cut(quote(key.code, covered, groups), maxCode), Texts: []Text{}, Gathered: gathered}}
			rs.counts[key] = c
			if !gathered {
				rs.each[key.outcome]++
			}
		}
	}
	rs.last, rs.key = c, key
	return c
}

// table lists the reasons by outcome, then the most frequent first.
func (rs *reasons) table() []Reason {
	rank := make(map[campaign.Outcome]int)
	for i, o := range campaign.Outcomes {
		rank[o] = i
	}
	table := make([]Reason, 0, len(rs.counts))
	for _, c := range rs.counts {
		table = append(table, c.Reason)
	}
	slices.SortFunc(table, func(a, b Reason) int {
		return cmp.Or(
			cmp.Compare(rank[a.Outcome], rank[b.Outcome]), cmp.Compare(b.Recipients, a.Recipients),
			cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Code, b.Code))
	})
	return table
}
