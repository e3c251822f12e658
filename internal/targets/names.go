package targets

import (
	"maps"
	"slices"

	"campaign/internal/campaign"
)

// Namer is an Account that has names of its own for ids of its platform.
type Namer interface {
	// Names are the JSON pointers of all names, sorted, below the account's block:
	// /senders/统计局.
	Names() []string
	// Uses are those of them that a campaign says, and may be some that there are not.
	Uses(c *campaign.Campaign) []string
}

// NamesUnder are the pointers of names under a key of an account, sorted.
func NamesUnder[V any](key string, names map[string]V) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, "/"+key+"/"+inPointer.Replace(name))
	}
	return out
}

// UsesOf gives the name that a campaign's block says under a key, as one of the names
// under another key of its account; none where it gives an id.
func UsesOf(block campaign.Raw, key, under string) []string {
	var problems []campaign.Problem // somebody else reports them
	n := Read(block, &problems).Get(key)
	if !n.IsText() {
		return nil
	}
	return []string{"/" + under + "/" + inPointer.Replace(n.Text())}
}
