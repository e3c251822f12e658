package spec

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"campaign/schema"
)

// agree holds the acceptor against the library.
func agree(t *testing.T, c *checker, value any) (accepted bool) {
	t.Helper()
	want := c.compiled().Validate(value) == nil
	passes, sure := c.accept.accepts(value)
	if sure && passes != want {
		text, _ := json.Marshal(value)
		t.Fatalf("the library says %v, the acceptor %v of %s", want, passes, text)
	}
	return passes && sure
}

// everyChecker are the schemas by name.
func everyChecker(t *testing.T) map[string]*checker {
	t.Helper()
	all := map[string]*checker{"campaign": campaignSchema(), "targets": targetsSchema(), "calendar": calendarSchema(), "groups": groupsSchema(), "approval": approvalSchema()}
	for name, c := range all {
		if c.accept == nil {
			data, _ := schema.Bytes(name)
			var text map[string]any
			decoder := json.NewDecoder(strings.NewReader(string(data)))
			decoder.UseNumber()
			_ = decoder.Decode(&text)
			_, err := acceptorOf(text)
			t.Fatalf("%s has no acceptor: %v", name, err)
		}
	}
	return all
}

// samples are the values of every file that the tests have, as far as they are YAML.
func samples(t *testing.T) []any {
	t.Helper()
	var out []any
	add := func(data []byte) {
		doc, problems := parse("a.yaml", data)
		if len(problems) > 0 {
			return
		}
		for _, free := range [][][]string{freeCampaign, freeCalendar, nil} {
			c := newConverter(doc, free)
			if root := c.value(doc.root); c.left >= 0 {
				out = append(out, root)
			}
		}
	}
	for _, pattern := range []string{"testdata/broken/*.yaml", "testdata/good/*.yaml", "testdata/project/*.yaml", "../../campaigns/*.yaml", "../../campaigns/calendars/*.yaml"} {
		names, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			add(data)
		}
	}
	add([]byte(fullZQT))
	add([]byte(fullTargets))
	return out
}

// odd are values to put where others stand.
var odd = []any{
	nil, true, false, "", "x", " ", "gov", "zqt.message", "chuanbo.sms", "test", "1h", "20/s", "mon-fri", "2026-01-01", "{{ .a }}", strings.Repeat("长", 100), "../x", "a/b~c",
	json.Number("0"), json.Number("1"), json.Number("-1"), json.Number("1.5"), json.Number("1.0"), json.Number("-0"), json.Number("00"), json.Number("9223372036854775807"), json.Number("9223372036854775808"),
	json.Number("123456789012345678901234567890"), []any{}, []any{"a", json.Number("1")}, []any{nil}, map[string]any{}, map[string]any{"file": "x.html"}, map[string]any{"env": "X"}, map[string]any{"": ""},
}

// bend changes one place of a copy of a value.
func bend(r *rand.Rand, value any) any {
	switch v := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		out := make(map[string]any, len(v))
		for key, item := range v {
			keys, out[key] = append(keys, key), item
		}
		slices.Sort(keys)
		if len(keys) == 0 || r.IntN(8) == 0 {
			out[[]string{"x", "type", "version", "file", "list", "groups", "title"}[r.IntN(7)]] = odd[r.IntN(len(odd))]
			return out
		}
		key := keys[r.IntN(len(keys))]
		if r.IntN(8) == 0 {
			delete(out, key)
			return out
		}
		out[key] = bend(r, v[key])
		return out
	case []any:
		if len(v) == 0 || r.IntN(4) == 0 {
			return append(slices.Clone(v), odd[r.IntN(len(odd))])
		}
		out := slices.Clone(v)
		i := r.IntN(len(v))
		out[i] = bend(r, v[i])
		return out
	}
	return odd[r.IntN(len(odd))]
}

// TestAcceptor: what the acceptor is sure of is what the library says, for every file of
// the tests against every schema, and for changes of them. It accepts what is right, else
// it would be of no use.
func TestAcceptor(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	accepted, refused := 0, 0
	for name, c := range everyChecker(t) {
		for _, value := range samples(t) {
			agree(t, c, value)
			for range rounds {
				bent := value
				for range 1 + r.IntN(3) {
					bent = bend(r, bent)
				}
				if agree(t, c, bent) {
					accepted++
				} else {
					refused++
				}
			}
		}
		if accepted == 0 || refused == 0 {
			t.Errorf("%s: %d were accepted, %d refused: nothing was compared", name, accepted, refused)
		}
	}
}

// TestAcceptorReads: a keyword that only the library knows makes no acceptor, and the
// schemas are checked all the same.
func TestAcceptorReads(t *testing.T) {
	for _, text := range []string{
		`{"oneOf": [{"type": "string"}]}`, `{"properties": {"a": {"format": "date"}}}`, `{"minimum": 0.5}`, `{"const": [1]}`, `{"enum": [{}]}`, `{"const": 1, "enum": [2]}`,
		`{"type": "text"}`, `{"$ref": "other.json"}`, `{"$ref": "#/definitions/none"}`, `{"items": [{"type": "string"}]}`, `{"patternProperties": {}}`, `{"not": 1}`,
	} {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var rules map[string]any
		if err := decoder.Decode(&rules); err != nil {
			t.Fatal(err)
		}
		if _, err := acceptorOf(rules); err == nil {
			t.Errorf("%s was read", text)
		}
	}
	c := compileBytes([]byte(`{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://campaign.example/x.json", "oneOf": [{"type": "string"}, {"type": "object"}]}`))
	if c.accept != nil || len(c.check("text")) != 0 || len(c.check(true)) == 0 {
		t.Error("the library does not decide where there is no acceptor")
	}
}
