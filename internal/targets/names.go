package targets

import (
	"maps"
	"slices"
)

// Namer is an Account that has names of its own for ids of its platform.
type Namer interface {
	// Names are the JSON pointers of all names, sorted, below the account's block:
	// /senders/统计局.
	Names() []string
}

// NameUser is a Target of such an account.
type NameUser interface {
	// Uses are the names that its campaign says, as Namer gives them.
	Uses() []string
}

// NamesUnder are the pointers of names under a key of an account, sorted.
func NamesUnder[V any](key string, names map[string]V) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, pointerOfName(key, name))
	}
	return out
}

// UseOf gives the name that a campaign says, of those under a key of its account; none
// where it gives an id.
func UseOf(key string, said Node) []string {
	if !said.IsText() {
		return nil
	}
	return []string{pointerOfName(key, said.Text())}
}

func pointerOfName(key, name string) string { return "/" + key + "/" + inPointer.Replace(name) }
