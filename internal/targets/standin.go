package targets

import (
	"maps"
	"slices"
	"strings"

	"campaign/internal/campaign"
)

// Placeholders stand in for an account's secrets where nothing is sent: $NAME
// for each, with the environment variable that holds it, or the credential's
// own name in capitals.
func Placeholders(a Account) Secrets {
	credentials := a.Credentials()
	secrets := Secrets{}
	for name, variable := range variables(credentials, nil) {
		secrets[name] = campaign.NewSecret("$" + variable)
	}
	return secrets
}

// variables names a shell variable for each credential and for each header
// that holds a secret (under "header " and its name). No two share one unless
// both come from the same environment variable.
func variables(credentials, headers map[string]campaign.Credential) map[string]string {
	all := maps.Clone(credentials)
	if all == nil {
		all = map[string]campaign.Credential{}
	}
	for name, c := range headers {
		if c.Literal == "" {
			all[headerPrefix+name] = c
		}
	}
	names, taken := map[string]string{}, map[string]bool{}
	for name, c := range all {
		if isVariable(c.Env) {
			names[name] = c.Env
			taken[c.Env] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if names[name] != "" {
			continue
		}
		variable := asVariable(strings.TrimPrefix(name, headerPrefix))
		for taken[variable] {
			variable += "_"
		}
		names[name] = variable
		taken[variable] = true
	}
	return names
}

const headerPrefix = "header "

// isVariable reports whether a POSIX shell can expand the name.
func isVariable(name string) bool { return strings.ToUpper(name) == asVariable(name) }

// asVariable turns a name into one that a POSIX shell can expand.
func asVariable(name string) string {
	variable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
	if variable == "" || variable[0] >= '0' && variable[0] <= '9' {
		return "_" + variable
	}
	return variable
}
