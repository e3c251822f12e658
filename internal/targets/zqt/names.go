package zqt

import "campaign/internal/targets"

// Names are the account's senders.
func (a *account) Names() []string { return targets.NamesUnder("senders", a.senders) }

// Uses is the sender that the campaign names.
func (t *target) Uses() []string { return t.uses }
