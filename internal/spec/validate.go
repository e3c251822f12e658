package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"campaign/internal/campaign"
	"campaign/schema"
)

// checker is a compiled schema together with its own text: the library tells
// where in the schema a value failed, and the text there says what to tell.
type checker struct {
	text     map[string]any
	accept   *acceptor                 // nil: the schema has something that only the library knows
	compiled func() *jsonschema.Schema // made when it is first needed: most files are right
}

var (
	campaignSchema = sync.OnceValue(func() *checker { return compile("campaign") })
	targetsSchema  = sync.OnceValue(func() *checker { return compile("targets") })
	calendarSchema = sync.OnceValue(func() *checker { return compile("calendar") })
	approvalSchema = sync.OnceValue(func() *checker { return compile("approval") })
	groupsSchema   = sync.OnceValue(func() *checker { return compile("groups") })
)

// compile reads an embedded schema. It panics on a broken one, which no test
// lets through.
func compile(name string) *checker {
	data, err := schema.Bytes(name)
	if err != nil {
		panic(err.Error())
	}
	return compileBytes(data)
}

func compileBytes(data []byte) *checker {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var text map[string]any
	if err := decoder.Decode(&text); err != nil {
		panic(fmt.Sprintf("schema: %v", err))
	}
	c := &checker{text: text, compiled: sync.OnceValue(func() *jsonschema.Schema { return library(text, data) })}
	if accept, err := acceptorOf(text); err == nil {
		c.accept = accept
	}
	return c
}

// library compiles a schema.
func library(text map[string]any, data []byte) *jsonschema.Schema {
	id, _ := text["$id"].(string)
	compiler := jsonschema.NewCompiler()
	compiler.LoadURL = func(u string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("schema %s is not embedded", u)
	}
	if err := compiler.AddResource(id, bytes.NewReader(data)); err != nil {
		panic(fmt.Sprintf("schema: %v", err))
	}
	compiled, err := compiler.Compile(id)
	if err != nil {
		panic(fmt.Sprintf("schema: %v", err))
	}
	return compiled
}

// check gives the problems of a value against the schema.
func (c *checker) check(value any) []campaign.Problem {
	if c.accept != nil {
		if passes, sure := c.accept.accepts(value); passes && sure {
			return nil
		}
	}
	err := c.compiled().Validate(value)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		panic(fmt.Sprintf("schema: %v", err)) // values are plain JSON and the schema has no loops
	}
	var problems []campaign.Problem
	seen := map[campaign.Problem]bool{} // a value may break one rule by two ways through the schema
	templates := map[string]bool{}
	for _, leaf := range leaves(invalid, nil) {
		for _, p := range c.explain(leaf, value) {
			templates[p.Pointer] = templates[p.Pointer] || p.Rule == ruleNoTemplate
			if !seen[p] {
				seen[p] = true
				problems = append(problems, p)
			}
		}
	}
	return slices.DeleteFunc(problems, func(p campaign.Problem) bool { // a template has no length or form of its own
		return templates[p.Pointer] && p.Rule != ruleNoTemplate
	})
}

// leaves lists the errors that have no causes: those that say something.
func leaves(e *jsonschema.ValidationError, to []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return append(to, e)
	}
	for _, cause := range e.Causes {
		to = leaves(cause, to)
	}
	return to
}

// failure is one broken keyword of the schema.
type failure struct {
	keyword string
	rules   map[string]any // the schema that holds the keyword
	pointer string         // of the value
	name    string         // of the value, as messages call it
	value   any
	isKey   bool // the value is a mapping's key
	secret  bool // the value must not be shown
	root    any
}

func (c *checker) explain(e *jsonschema.ValidationError, root any) []campaign.Problem {
	_, at, _ := strings.Cut(e.AbsoluteKeywordLocation, "#")
	at = unescape(at)
	cut := strings.LastIndex(at, "/")
	rules, _ := lookup(c.text, at[:max(cut, 0)]).(map[string]any)
	f := failure{
		keyword: at[cut+1:], rules: rules, root: root,
		pointer: unescape(e.InstanceLocation),
		isKey:   strings.Contains(e.KeywordLocation, "/propertyNames/"),
	}
	f.name, f.secret = name(f.pointer), secret(f.pointer)
	if f.isKey {
		s := segments(f.pointer)
		f.value = s[len(s)-1]
	} else {
		f.value = lookup(root, f.pointer)
	}
	switch f.keyword {
	case "required":
		return c.missing(f)
	case "additionalProperties":
		return c.unknown(f)
	}
	rule, message, hint := f.tell()
	return []campaign.Problem{{Pointer: f.pointer, Key: f.isKey, Rule: rule, Message: message, Hint: hint}}
}

// missing gives a problem for each key that is not there.
func (c *checker) missing(f failure) []campaign.Problem {
	have, _ := f.value.(map[string]any)
	wanted, _ := f.rules["required"].([]any)
	properties, _ := f.rules["properties"].(map[string]any)
	meant := map[string]string{} // keys that are there, but misspelt, by what they are meant as
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, ok := properties[key]; !ok && len(have) <= maxMeant {
			meant[nearest(key, slices.Collect(maps.Keys(properties)))] = key
		}
	}
	var problems []campaign.Problem
	for _, key := range wanted {
		key, _ := key.(string)
		if _, ok := have[key]; ok {
			continue
		}
		if misspelt := meant[key]; misspelt != "" { // what its type does not know is told only where the type is known
			problems = append(problems, f.misspelt(misspelt, key))
			continue
		}
		problems = append(problems, campaign.Problem{
			Pointer: f.pointer, Rule: ruleMissingKey,
			Message: fmt.Sprintf("key %q is missing in %s", key, f.name),
			Hint:    c.description(key, properties[key]),
		})
	}
	return problems
}

// description is what the schema says about a key, as a hint.
func (c *checker) description(key string, rules any) string {
	text := c.annotation(rules, "description")
	if text == "" {
		return ""
	}
	return key + ": " + lowerFirst(strings.TrimSuffix(text, "."))
}

// annotation reads a text of a schema, following a $ref.
func (c *checker) annotation(rules any, keyword string) string {
	m, _ := c.follow(rules).(map[string]any)
	text, _ := m[keyword].(string)
	return text
}

func (c *checker) follow(rules any) any {
	m, _ := rules.(map[string]any)
	if target, ok := m["$ref"].(string); ok {
		return lookup(c.text, strings.TrimPrefix(target, "#"))
	}
	return rules
}

// properties lists a schema's keys, following a $ref.
func (c *checker) properties(rules any) map[string]any {
	m, _ := c.follow(rules).(map[string]any)
	p, _ := m["properties"].(map[string]any)
	return p
}

// variant gives what the schema says about a key of a campaign of one channel type.
func (c *checker) variant(channel, key string) any {
	cases, _ := c.text["allOf"].([]any)
	for i := range cases {
		if lookup(cases[i], "/if/properties/channel/properties/type/const") == channel {
			return lookup(cases[i], join("/then/properties", key))
		}
	}
	return nil
}

// lookup walks a JSON value by a pointer; nil when it leads nowhere.
func lookup(value any, pointer string) any {
	for _, s := range segments(pointer) {
		switch v := value.(type) {
		case map[string]any:
			value = v[s]
		case []any:
			i, err := strconv.Atoi(s)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// unescape undoes the percent-encoding that the library adds to JSON pointers.
func unescape(pointer string) string {
	if plain, err := url.PathUnescape(pointer); err == nil {
		return plain
	}
	return pointer
}

// name calls a value by its key, as messages do.
func name(pointer string) string {
	s := segments(pointer)
	for i := len(s) - 1; i >= 0; i-- {
		if _, err := strconv.Atoi(s[i]); err != nil || i == 0 {
			if i == len(s)-1 {
				return clip(s[i])
			}
			item, _ := strconv.Atoi(s[i+1]) // a number, or the loop had ended there
			return fmt.Sprintf("item %d of %s", item+1, clip(s[i]))
		}
	}
	return "the file"
}
