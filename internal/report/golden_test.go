package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	for name, m := range goldenRuns() {
		for _, f := range slices.Concat(Formats, Extra) {
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				var out bytes.Buffer
				r, err := Print(&out, f.Name, m.run, m.facts, m.results())
				if err != nil {
					t.Fatal(err)
				}
				if !r.Balanced() {
					t.Errorf("does not add up: %+v %+v", r.Requests, r.Recipients)
				}
				got := bare(out.Bytes())
				if f.Name == "markdown" {
					got = append(got, fmt.Sprintf("\n<!-- verdict line: %s -->\n", Verdict(r))...)
				}
				if f.Name == "csv" && bytes.Count(got, []byte("\n")) != bytes.Count(got, []byte("\r\n")) {
					t.Error("a line of the table ends otherwise than RFC 4180 says")
				}
				path := filepath.Join("testdata", name+filepath.Ext(f.File))
				if *update {
					if err := os.WriteFile(path, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
				got = bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n"))
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			})
		}
	}
}

// bare is a page without its style and script, which are the same in all.
func bare(page []byte) []byte {
	for _, s := range []string{pageStyle, pageScript} {
		page = bytes.ReplaceAll(page, []byte(s), []byte("…"))
	}
	return page
}

// The page in Chinese, where it says most.
func TestGoldenChinese(t *testing.T) {
	for _, name := range []string{"mixed", "staged", "resend", "groups"} {
		m := goldenRuns()[name]
		m.facts.Language = "zh"
		var out bytes.Buffer
		if _, err := Print(&out, "html", m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".zh.html")
		if *update {
			if err := os.WriteFile(path, bare(out.Bytes()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
		if diff := cmp.Diff(string(want), string(bare(out.Bytes()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func schemas(t *testing.T) (document map[string]any, compile func(fragment string) *jsonschema.Schema) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "schema", "report.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	id := document["$id"].(string)
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	if err := c.AddResource(id, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	return document, func(fragment string) *jsonschema.Schema {
		s, err := c.Compile(id + fragment)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// Everything that is written is as the schema says, and the schema describes
// every key that is written.
func TestOutputMatchesSchema(t *testing.T) {
	document, compile := schemas(t)
	root, head := compile(""), compile("#/definitions/recipients_head")
	line, summary := compile("#/definitions/recipient"), compile("#/definitions/recipients_summary")
	written := map[string]bool{}
	for name, m := range goldenRuns() {
		var doc, stream bytes.Buffer
		if _, err := Print(&doc, "json", m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		if _, err := Print(&stream, "ndjson", m.run, m.facts, m.results()); err != nil {
			t.Fatal(err)
		}
		check := func(s *jsonschema.Schema, fragment map[string]any, at string, data []byte) {
			t.Helper()
			v := decode(t, data)
			if err := s.Validate(v); err != nil {
				t.Errorf("%s: %s: %#v\n%s", name, at, err, data)
			}
			described(t, document, fragment, at, v, written)
		}
		definition := func(name string) map[string]any {
			return document["definitions"].(map[string]any)[name].(map[string]any)
		}
		check(root, document, "report", doc.Bytes())
		lines := bytes.Split(bytes.TrimSuffix(stream.Bytes(), []byte("\n")), []byte("\n"))
		check(head, definition("recipients_head"), "head", lines[0])
		for _, l := range lines[1 : len(lines)-1] {
			check(line, definition("recipient"), "line", l)
		}
		check(summary, definition("recipients_summary"), "summary", lines[len(lines)-1])
	}
	for _, path := range declared(t, document, document, "report") {
		if !written[path] {
			t.Errorf("the schema describes %s, and no test run writes it", path)
		}
	}
}

func decode(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func resolve(document, fragment map[string]any) map[string]any {
	ref, ok := fragment["$ref"].(string)
	if !ok {
		return fragment
	}
	return document["definitions"].(map[string]any)[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any)
}

// described walks a value along its schema: a key that has no schema is an error.
func described(t *testing.T, document, fragment map[string]any, path string, v any, written map[string]bool) {
	t.Helper()
	fragment = resolve(document, fragment)
	switch v := v.(type) {
	case map[string]any:
		properties, _ := fragment["properties"].(map[string]any)
		for key, value := range v {
			child, ok := properties[key].(map[string]any)
			if !ok {
				t.Errorf("the schema has no key %s/%s", path, key)
				continue
			}
			written[path+"/"+key] = true
			described(t, document, child, path+"/"+key, value, written)
		}
	case []any:
		items, ok := fragment["items"].(map[string]any)
		if !ok {
			t.Errorf("the schema has no items for %s", path)
			return
		}
		for _, value := range v {
			described(t, document, items, path+"[]", value, written)
		}
	}
}

// declared lists the paths of a schema and checks that each has words.
func declared(t *testing.T, document, fragment map[string]any, path string) []string {
	var paths []string
	words := func(f map[string]any, path string) {
		for _, word := range []string{"title", "description"} {
			if s, _ := f[word].(string); s == "" {
				t.Errorf("schema: %s has no %s", path, word)
			}
		}
	}
	words(fragment, path)
	target := resolve(document, fragment)
	if properties, ok := target["properties"].(map[string]any); ok {
		for _, key := range slices.Sorted(keys(properties)) {
			paths = append(paths, path+"/"+key)
			paths = append(paths, declared(t, document, properties[key].(map[string]any), path+"/"+key)...)
		}
	}
	if items, ok := target["items"].(map[string]any); ok {
		paths = append(paths, declared(t, document, items, path+"[]")...)
	}
	return paths
}

func keys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestSchemaDescribesLines(t *testing.T) {
	document, _ := schemas(t)
	for name, d := range document["definitions"].(map[string]any) {
		declared(t, document, d.(map[string]any), name)
	}
}

func TestSchemaRefuses(t *testing.T) {
	_, compile := schemas(t)
	m := goldenRuns()["mixed"]
	var out bytes.Buffer
	if _, err := Print(&out, "json", m.run, m.facts, m.results()); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(map[string]any){
		"state":   func(d map[string]any) { d["state"] = "done" },
		"outcome": func(d map[string]any) { d["reasons"].([]any)[0].(map[string]any)["outcome"] = "superseded" },
		"time":    func(d map[string]any) { d["generated_at"] = "yesterday" },
		"count":   func(d map[string]any) { d["recipients"].(map[string]any)["accepted"] = json.Number("-1") },
		"missing": func(d map[string]any) { delete(d["unknown"].(map[string]any), "listed") },
		"version": func(d map[string]any) { d["format_version"] = json.Number("2") },
	} {
		v := decode(t, out.Bytes()).(map[string]any)
		damage(v)
		if err := compile("").Validate(v); err == nil {
			t.Errorf("%s: the schema takes a damaged report", name)
		}
	}
}
