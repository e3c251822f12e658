package spec

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// drawnRules draws a schema of draft-07 with the keywords that the acceptor knows, which
// may refer to refs.
func drawnRules(r *rand.Rand, depth int, refs ...any) any {
	part := func() any { return drawnRules(r, depth-1, refs...) }
	pick := func(values ...any) any { return values[r.IntN(len(values))] }
	if depth <= 0 || r.IntN(10) == 0 {
		return pick(true, false, map[string]any{}, map[string]any{"type": "string"}, map[string]any{"type": "integer"}, map[string]any{"const": 1}, map[string]any{"$ref": pick(refs...)})
	}
	draws := map[string]func() any{
		"type": func() any {
			return pick("null", "boolean", "integer", "number", "string", "array", "object", []any{"string", "integer"}, []any{"null", "number", "array"})
		},
		"const":                func() any { return pick(nil, true, "", "a", "1", 0, 1, -1, 9007199254740993) },
		"enum":                 func() any { return pick([]any{"a", nil, 1}, []any{false, 0, "长长"}, []any{10, 100}) },
		"pattern":              func() any { return pick("^a", "a$", "^[0-9]+$", "^.{2}$", `^\S+$`, "", "^(?:长|x){1,2}$") },
		"minLength":            func() any { return r.IntN(3) },
		"maxLength":            func() any { return r.IntN(4) },
		"minItems":             func() any { return r.IntN(3) },
		"maxItems":             func() any { return r.IntN(3) },
		"minProperties":        func() any { return r.IntN(3) },
		"maxProperties":        func() any { return r.IntN(3) },
		"minimum":              func() any { return r.IntN(21) - 10 },
		"maximum":              func() any { return r.IntN(21) - 10 },
		"required":             func() any { return pick([]any{}, []any{"a"}, []any{"a", "b"}, []any{""}) },
		"properties":           func() any { return map[string]any{"a": part(), "b": part(), "": part()} },
		"additionalProperties": part, "propertyNames": part, "items": part, "not": part, "if": part, "then": part, "else": part,
		"allOf":    func() any { return []any{part(), part()} },
		"$ref":     func() any { return pick(refs...) },
		"$comment": func() any { return "x" }, "default": func() any { return 7 }, "examples": func() any { return []any{1} },
	}
	rules := map[string]any{}
	for _, keyword := range slices.Sorted(maps.Keys(draws)) {
		if r.IntN(6) == 0 {
			rules[keyword] = draws[keyword]()
		}
	}
	return rules
}

// drawnValue draws a value as converter makes them, and such as it never does.
func drawnValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(10); {
	case depth > 0 && n < 2:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, drawnValue(r, depth-1))
		}
		return list
	case depth > 0 && n < 5:
		m := map[string]any{}
		for range r.IntN(4) {
			m[[]string{"a", "b", "", "长", "c/~%"}[r.IntN(5)]] = drawnValue(r, depth-1)
		}
		return m
	case n < 7:
		return json.Number([]string{"0", "1", "-1", "10", "100", "1.0", "1e0", "1E2", "10e-1", "0.5", "-0", "-0.0", "9007199254740993", "9007199254740993.0", "9223372036854775808", "1e400", "-5", "-10"}[r.IntN(18)])
	case n < 9:
		return []string{"", "a", "1", "长", "长长", "é", "e\u0301", "👍🏽", "a\n", "ab", "\xff", " x"}[r.IntN(12)]
	}
	return []any{nil, true, false}[r.IntN(3)]
}

// TestAcceptorOfAnySchema: what the acceptor is sure of is what the library says, whatever
// the schema is.
func TestAcceptorOfAnySchema(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	schemas := 3000
	if testing.Short() {
		schemas = 500
	}
	sure, passed := 0, 0
	for range schemas {
		rules, ok := drawnRules(r, 4, "#/definitions/a", "#/definitions/b~1c", "#/definitions/d%25").(map[string]any)
		if !ok {
			continue
		}
		rules["$schema"], rules["$id"] = "http://json-schema.org/draft-07/schema#", "https://campaign.example/x.json"
		rules["definitions"] = map[string]any{"a": drawnRules(r, 2, "#/definitions/b~1c"), "b/c": drawnRules(r, 2, "#/definitions/d%25"), "d%": map[string]any{"maxLength": 1}}
		text, err := json.Marshal(rules)
		if err != nil {
			t.Fatal(err)
		}
		c := compileBytes(text)
		if c.accept == nil {
			continue
		}
		schema := c.compiled()
		for range 30 {
			value := drawnValue(r, 3)
			passes, isSure := c.accept.accepts(value)
			if !isSure {
				continue
			}
			err := schema.Validate(value)
			if sure++; passes {
				passed++
			}
			if passes != (err == nil) {
				t.Fatalf("the library says %v, the acceptor %v of %#v under %s", err, passes, value, text)
			}
		}
	}
	if sure == 0 || passed == 0 || passed == sure {
		t.Errorf("%d were decided, %d of them pass: nothing was compared", sure, passed)
	}
}
