package chuanbo

import (
	"slices"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Names are the account's message types and signatures.
func (a *account) Names() []string {
	return slices.Concat(targets.NamesUnder("message_types", a.messageTypes), targets.NamesUnder("signatures", a.signatures))
}

// Uses are the message type and the signature that a campaign names.
func (a *account) Uses(c *campaign.Campaign) []string {
	return slices.Concat(targets.UsesOf(c.Channel.Raw, "message_type", "message_types"), targets.UsesOf(c.Content.Raw, "signature", "signatures"))
}
