package targets

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
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

// Redact puts [redacted] in the place of every secret in text, also where it
// stands escaped for JSON or a URL. What has none comes back as it is.
func (s Secrets) Redact(text []byte) []byte {
	var forms []string
	for _, secret := range s {
		value := secret.Reveal()
		if value == "" {
			continue
		}
		forms = append(forms, value, url.QueryEscape(value), url.PathEscape(value))
		for _, html := range []bool{false, true} {
			var quoted bytes.Buffer
			encoder := json.NewEncoder(&quoted)
			encoder.SetEscapeHTML(html)
			if encoder.Encode(value) == nil {
				inner := strings.TrimSpace(quoted.String())
				forms = append(forms, inner[1:len(inner)-1])
			}
		}
	}
	// The longest first: a secret may be a part of another one.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	for _, form := range forms {
		if bytes.Contains(text, []byte(form)) {
			text = bytes.ReplaceAll(text, []byte(form), []byte("[redacted]"))
		}
	}
	return text
}
