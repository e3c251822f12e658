package language

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
)

// ofFiles are the schemas that files of a project are held against.
var ofFiles = map[string]bool{"schema/campaign.schema.json": true, "schema/targets.schema.json": true, "schema/calendar.schema.json": true, "schema/approval.schema.json": true}

// schema takes the titles and descriptions that hints are made of: those beside a
// pattern, a constant, a limit or a ban, and those of keys that must be there.
func (c *collection) schema(name string, data []byte) error {
	var root any
	if err := json.Unmarshal(data, &root); err != nil {
		return err
	}
	add := func(text string) {
		c.messages = append(c.messages, message{strings.ReplaceAll(text, "%", "%%"), path.Dir(name), name})
	}
	describe := func(v map[string]any) {
		if text, ok := v["description"].(string); ok {
			add(lowered(strings.TrimSuffix(text, "."), false))
		}
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			if _, pattern := v["pattern"]; pattern {
				if title, ok := v["title"].(string); ok {
					add(lowered(title, true))
				}
				describe(v)
			}
			for _, key := range []string{"const", "minimum", "maximum"} {
				if _, given := v[key]; given {
					describe(v)
				}
			}
			if ban, ok := v["not"].(map[string]any); ok {
				if text, ok := ban["description"].(string); ok {
					add(text)
				}
			}
			required, _ := v["required"].([]any)
			properties, _ := v["properties"].(map[string]any)
			for _, key := range required {
				if key, ok := key.(string); ok {
					describe(followed(root, properties[key]))
				}
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key])
			}
		}
	}
	walk(root)
	return nil
}

// followed is a schema, or the one that it refers to.
func followed(root, v any) map[string]any {
	m, _ := v.(map[string]any)
	target, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	at := root
	for _, key := range strings.Split(strings.TrimPrefix(target, "#/"), "/") {
		parent, _ := at.(map[string]any)
		at = parent[key]
	}
	m, _ = at.(map[string]any)
	return m
}

// lowered is a title or description as hints have it.
func lowered(text string, every bool) string {
	words := strings.Fields(text)
	if !every {
		words = []string{text}
	}
	for i, w := range words {
		if len(w) < 2 || w[1] < 'A' || w[1] > 'Z' {
			words[i] = strings.ToLower(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}
