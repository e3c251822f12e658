package zqt

import (
	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Names are the account's senders.
func (a *account) Names() []string { return targets.NamesUnder("senders", a.senders) }

// Uses is the sender that a campaign names.
func (a *account) Uses(c *campaign.Campaign) []string {
	return targets.UsesOf(c.Channel.Raw, "from", "senders")
}
