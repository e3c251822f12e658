package spec

import (
	"maps"
	"regexp"
	"sync"

	"campaign/internal/campaign"
)

// fileRef is the schema's way to say that a value may stand in a file.
const fileRef = "#/definitions/fileReference"

// content reads the files that the message names. Which keys may name one is
// said by the schema of the channel type.
func (l *loader) content(v val, channel string) campaign.Content {
	inFile := mayBeFile(channel)
	given, _ := v.v.(map[string]any)
	resolved := maps.Clone(given)
	files := map[string]string{}
	for _, key := range v.keys() {
		if !inFile[key] {
			continue
		}
		x := v.key(key)
		if text := x.text(); fileName.MatchString(text) {
			l.problem(x, ruleLiteralFile, "this is a text, but it looks like the name of a file", "to send what the file holds, write {file: "+clip(text)+"}")
			continue
		}
		if file := x.key("file"); file.text() != "" {
			if name, ok := l.contentFile(file, files); ok {
				resolved[key] = map[string]any{"file": name}
			}
		}
	}
	return campaign.Content{Raw: val{in: v.at(), v: orEmpty(resolved)}.raw(), Files: files}
}

// filesOf are the keys of a channel type's content that may name a file.
var filesOf sync.Map

func mayBeFile(channel string) map[string]bool {
	if known, ok := filesOf.Load(channel); ok {
		return known.(map[string]bool)
	}
	schema := campaignSchema()
	keys := map[string]bool{}
	for key, rules := range schema.properties(schema.variant(channel, "content")) {
		keys[key] = lookup(rules, "/then/$ref") == fileRef
	}
	if len(keys) > 0 { // a channel type that there is
		filesOf.Store(channel, keys)
	}
	return keys
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// fileName recognises a text that is nothing but the name of a text file.
var fileName = regexp.MustCompile(`(?i)^(?:[^\s<>{}]+\.(?:html?|xhtml|txt|text|md|markdown|tmpl|gohtml|ya?ml|json|csv|docx?)|\.{1,2}/[^\s<>{}]+)$`)

// contentFile reads a file of the message into files.
func (l *loader) contentFile(v val, files map[string]string) (string, bool) {
	name, ok := l.reference(v)
	if !ok {
		return "", false
	}
	text, f := readText(l.fsys, name)
	if f != nil {
		l.problem(v, f.rule, f.message, f.hint)
		return "", false
	}
	files[name] = text
	return name, true
}
