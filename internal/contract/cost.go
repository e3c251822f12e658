package contract

import (
	"fmt"
	"strings"

	"campaign/internal/campaign"
)

// How sure a number of people is. A list is counted; of groups the lock file knows
// how many people were in each.
const (
	Exactly     = ""
	NoMoreThan  = "at_most"  // somebody may be in two of the groups
	NoFewerThan = "at_least" // of some groups it is not known
	NotKnown    = "unknown"  // of no group
)

var boundWords = map[string]string{Exactly: "", NoMoreThan: "at most ", NoFewerThan: "at least "}

// kindWords are one and several of a kind.
var kindWords = map[string][2]string{
	campaign.KindMessage:      {"message", "messages"},
	campaign.KindPush:         {"push", "pushes"},
	campaign.KindSMS:          {"SMS", "SMS"},
	campaign.KindNotification: {"notification", "notifications"},
	campaign.KindVoice:        {"voice call", "voice calls"},
}

// Cost is what a campaign asks the platform to send, in kinds, and what that
// costs where the account has a price. Amounts are decimal numbers.
type Cost struct {
	Counts   []Count  `json:"counts"`
	Amount   string   `json:"amount,omitempty"` // of what has a price; empty: nothing has, or it is not known
	Currency string   `json:"currency,omitempty"`
	Bound    string   `json:"bound,omitempty"`    // of counts and amount: at_most, at_least, unknown
	Unpriced []string `json:"unpriced,omitempty"` // kinds without a price, where others have one
}

type Count struct {
	Kind   string `json:"kind"`
	Count  int64  `json:"count"`
	Amount string `json:"amount,omitempty"`
}

// CountsText says it for people: 400 messages, 400 SMS.
func (c *Cost) CountsText() string {
	var parts []string
	for _, n := range c.Counts {
		words := kindWords[n.Kind]
		switch {
		case c.Bound == NotKnown:
			parts = append(parts, words[1])
		case n.Count == 1:
			parts = append(parts, "1 "+words[0])
		default:
			parts = append(parts, campaign.Grouped(n.Count)+" "+words[1])
		}
	}
	text := strings.Join(parts, ", ")
	if c.Bound == NotKnown {
		return text + " to people whose number is not known"
	}
	return boundWords[c.Bound] + text
}

// Price says what it costs; empty: nothing has a price.
func (c *Cost) Price() string {
	if c.Currency == "" {
		return ""
	}
	text := "a price that is not known"
	if c.Bound != NotKnown {
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
