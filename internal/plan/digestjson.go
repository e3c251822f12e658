package plan

import (
	"bytes"
	"encoding/json"
)

// json adds a JSON object independently of the order of its keys; of an account
// without the keys of transport and without secrets, where a reference to a
// secret counts as one.
func (d *digester) json(label string, raw []byte, account bool) error {
	if len(raw) == 0 {
		d.text(label, "")
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	if m, ok := v.(map[string]any); ok && account {
		for _, key := range transport {
			delete(m, key)
		}
		v = withoutSecrets(m)
	}
	out, err := json.Marshal(normalised(v)) // keys sorted
	d.text(label, string(out))
	return err
}

// normalised normalises line endings in every text.
func normalised(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, sub := range v {
			v[k] = normalised(sub)
		}
	case []any:
		for i, sub := range v {
			v[i] = normalised(sub)
		}
	case string:
		return lines(v)
	}
	return v
}

// isSecret recognises a reference to a secret (campaign.Credential) by its key
// and the kind of its value: a sender or a message type may have the same name.
// It takes {file: …} of a suppression list for one too: those are in the digest
// by themselves.
func isSecret(key string, v any) bool {
	switch v := v.(type) {
	case string:
		return key == "env" || key == "file"
	case []any:
		return key == "command"
	case map[string]any:
		return key == "oauth2" && v["token_url"] != nil
	}
	return false
}

// withoutSecrets replaces references to secrets.
func withoutSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, sub := range v {
			if len(v) == 1 && isSecret(k, sub) {
				return "secret"
			}
			v[k] = withoutSecrets(sub)
		}
	case []any:
		for i, sub := range v {
			v[i] = withoutSecrets(sub)
		}
	}
	return v
}
