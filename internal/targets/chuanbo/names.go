package chuanbo

import (
	"slices"

	"campaign/internal/targets"
)

// Names are the account's message types and signatures.
func (a *account) Names() []string {
	return slices.Concat(targets.NamesUnder("message_types", a.messageTypes), targets.NamesUnder("signatures", a.signatures))
}

// Uses are the message type and the signature that the campaign names.
func (t *target) Uses() []string { return t.uses }
