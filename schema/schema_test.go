package schema

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// decode gives a schema as plain JSON.
func decode(t *testing.T, name string) map[string]any {
	t.Helper()
	data, err := Bytes(name)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return doc
}

// written are the schemas of files that people write in an editor.
var written = []string{"approval", "calendar", "campaign", "groups", "targets"}

func TestNames(t *testing.T) {
	names := Names()
	for _, want := range written {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %v", want, names)
		}
	}
	if _, err := Bytes("nosuch"); err == nil || !strings.Contains(err.Error(), "campaign") {
		t.Errorf("an unknown name gives %v", err)
	}
}

// Keywords that draft-07 and 2020-12 have with one meaning. A validator ignores
// what it does not know, so a misspelt keyword would check nothing.
var (
	texts    = []string{"$schema", "$id", "$ref", "$comment", "title", "description", "pattern", "format"}
	numbers  = []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
	anything = []string{"type", "enum", "const", "required", "examples", "default"}
	schemas  = []string{"if", "then", "else", "not", "items", "propertyNames", "additionalProperties", "contains"}
	lists    = []string{"allOf", "anyOf", "oneOf"}
	maps     = []string{"properties", "definitions", "$defs"}
)

// walk calls f for every schema in a schema and fails on what is none.
func walk(t *testing.T, at string, node any, f func(at string, rules map[string]any)) {
	t.Helper()
	if _, ok := node.(bool); ok {
		return
	}
	rules, ok := node.(map[string]any)
	if !ok {
		t.Errorf("%s is no schema", at)
		return
	}
	f(at, rules)
	for keyword, value := range rules {
		here := at + "/" + keyword
		_, isText := value.(string)
		_, isNumber := value.(float64)
		switch {
		case slices.Contains(texts, keyword) && isText, slices.Contains(numbers, keyword) && isNumber, slices.Contains(anything, keyword):
		case slices.Contains(schemas, keyword):
			walk(t, here, value, f)
		case slices.Contains(lists, keyword):
			list, _ := value.([]any)
			for i, s := range list {
				walk(t, fmt.Sprintf("%s/%d", here, i), s, f)
			}
		case slices.Contains(maps, keyword):
			m, _ := value.(map[string]any)
			for name, s := range m {
				walk(t, here+"/"+name, s, f)
			}
		default:
			t.Errorf("%s: no such keyword, or a value of the wrong type", here)
		}
	}
}

func TestKeywords(t *testing.T) {
	for _, name := range Names() {
		walk(t, name, decode(t, name), func(at string, rules map[string]any) {
			if _, ref := rules["$ref"]; ref && len(rules) > 1 && slices.Contains(written, name) {
				t.Errorf("%s: draft-07 ignores what stands beside a $ref", at)
			}
		})
	}
}

// follow resolves a $ref inside of a schema.
func follow(t *testing.T, doc, rules map[string]any) map[string]any {
	t.Helper()
	ref, ok := rules["$ref"].(string)
	if !ok {
		return rules
	}
	var node any = doc
	for _, s := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		m, _ := node.(map[string]any)
		node = m[s]
	}
	target, ok := node.(map[string]any)
	if !ok {
		t.Fatalf("%s leads nowhere", ref)
	}
	return target
}

// Editors show title and description of every key. Properties that an `if`
// looks at, or that a `then` narrows by a const alone, have theirs elsewhere.
func TestEveryKeyIsDescribed(t *testing.T) {
	keys := 0
	for _, name := range written {
		doc := decode(t, name)
		walk(t, name, doc, func(at string, rules map[string]any) {
			properties, _ := rules["properties"].(map[string]any)
			if strings.Contains(at, "/if") {
				return
			}
			for key, value := range properties {
				keys++
				node, _ := value.(map[string]any)
				told := follow(t, doc, node)
				title, _ := told["title"].(string)
				description, _ := told["description"].(string)
				if title == "" || !strings.HasSuffix(description, ".") {
					t.Errorf("%s: key %s has title %q and description %q", at, key, title, description)
				}
			}
		})
	}
	if keys < 100 {
		t.Errorf("only %d keys were looked at", keys)
	}
}

// Every definition is used.
func TestDefinitionsAreUsed(t *testing.T) {
	for _, name := range written {
		doc := decode(t, name)
		used := map[string]bool{}
		walk(t, name, doc, func(_ string, rules map[string]any) {
			if ref, ok := rules["$ref"].(string); ok {
				used[ref] = true
			}
		})
		for _, keyword := range []string{"definitions", "$defs"} {
			definitions, _ := doc[keyword].(map[string]any)
			for d := range definitions {
				if !used["#/"+keyword+"/"+d] {
					t.Errorf("%s: %s is never used", name, d)
				}
			}
		}
	}
}

// Syntax that RE2 and ECMAScript do not share, or read differently: groups with
// (?, Perl classes (\s and \d differ on Unicode), \A, \z, \pL.
var notShared = regexp.MustCompile(`\(\?|\\[sSdDwWbBAzZpPQE]|\[\[:`)

func TestPatternsAreShared(t *testing.T) {
	seen := 0
	for _, name := range Names() {
		walk(t, name, decode(t, name), func(at string, rules map[string]any) {
			pattern, ok := rules["pattern"].(string)
			if !ok {
				return
			}
			seen++
			if _, err := regexp.Compile(pattern); err != nil || notShared.MatchString(pattern) {
				t.Errorf("%s: pattern %q (%v)", at, pattern, err)
			}
		})
	}
	if seen < 10 {
		t.Errorf("only %d patterns were looked at", seen)
	}
}

// Examples are valid themselves, and under a documentation or loopback name.
func TestExamples(t *testing.T) {
	for _, name := range written {
		walk(t, name, decode(t, name), func(at string, rules map[string]any) {
			examples, _ := rules["examples"].([]any)
			pattern, _ := rules["pattern"].(string)
			for _, e := range examples {
				text, _ := e.(string)
				if pattern != "" && !regexp.MustCompile(pattern).MatchString(text) {
					t.Errorf("%s: example %q does not match %q", at, text, pattern)
				}
				u, err := url.Parse(text)
				if err == nil && u.Host != "" && u.Hostname() != "127.0.0.1" && !strings.HasSuffix(u.Hostname(), ".example") {
					t.Errorf("%s: example %q names a host", at, text)
				}
			}
		})
	}
}

// compile compiles a schema under a draft; no other resource is ever loaded.
func compile(t *testing.T, name, draft string) *jsonschema.Schema {
	t.Helper()
	doc := decode(t, name)
	doc["$schema"] = draft
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := doc["$id"].(string)
	if u, err := url.Parse(id); err != nil || !u.IsAbs() || u.Host != "" && !strings.HasSuffix(u.Hostname(), ".example") {
		t.Errorf("%s: $id %q is not an absolute name under .example", name, id)
	}
	compiler := jsonschema.NewCompiler()
	compiler.LoadURL = func(u string) (io.ReadCloser, error) { return nil, fmt.Errorf("%s is not embedded", u) }
	if err := compiler.AddResource(id, strings.NewReader(string(data))); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile(id)
	if err != nil {
		t.Fatalf("%s under %s: %v", name, draft, err)
	}
	return s
}

// Editors read one draft or the other: both must say the same.
func TestBothDraftsAgree(t *testing.T) {
	drafts := []string{"http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"}
	for _, name := range Names() {
		for _, draft := range drafts {
			compile(t, name, draft)
		}
	}
	for _, test := range []struct {
		schema, text string
		valid        bool
	}{
		{"campaign", smsCampaign(strings.Repeat("水", 70), ""), true},
		{"campaign", smsCampaign(strings.Repeat("水", 71), ""), false},
		{"campaign", smsCampaign("{{ .a }}"+strings.Repeat("水", 71), ""), true},
		{"campaign", smsCampaign("x", `,"schedule":{"every":"1h"}`), false},
		{"campaign", smsCampaign("x", `,"schedule":{"cron":["0 9 * * *"]}`), true},
		{"calendar", `{"version":1,"years":[{"year":2026}]}`, true},
		{"calendar", `{"version":1,"years":[]}`, false},
		{"campaign", strings.Replace(smsCampaign("x", ""), "chuanbo.sms", "chuanbo.voice", 1), false}, // signature
		{"campaign", strings.Replace(smsCampaign("x", ""), "groups", "list", 1), false},
		{"targets", `{"version":1,"targets":{"a":{"system":"chuanbo","base_url":"http://127.0.0.1:1","connect_no":{"env":"A"}}}}`, true},
		{"targets", `{"version":1,"targets":{"a":{"system":"chuanbo","base_url":"http://127.0.0.1:1","connect_no":"secret"}}}`, false},
		{"targets", `{"version":1,"targets":{"a":{"system":"zqt","environment":"zhuoyi","app":{"id":"a","name":"b"},"token":{"env":"A","file":"b"}}}}`, false},
		{"groups", `{"version":1,"target":"a","groups":[]}`, true},
		{"groups", `{"version":1,"target":"a","groups":[{"id":1}]}`, false},
	} {
		var value any
		decoder := json.NewDecoder(strings.NewReader(test.text))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		for _, draft := range drafts {
			if err := compile(t, test.schema, draft).Validate(value); (err == nil) != test.valid {
				t.Errorf("%s under %s: %s: %v", test.schema, draft, test.text, err)
			}
		}
	}
}

func smsCampaign(text, more string) string {
	return `{"version":1,"name":"a","channel":{"type":"chuanbo.sms","target":"m","message_type":1},` +
		`"content":{"name":"n","signature":1,"text":"` + text + `"},"recipients":{"groups":[1]}` + more + `}`
}
