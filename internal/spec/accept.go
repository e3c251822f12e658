package spec

import (
	"encoding/json"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// acceptor says of a value that passes a schema that it does, many times faster than
// the library, because it need not say why one does not. It is made of the schema's own
// text and knows the keywords of draft-07 that the schemas here have. When it does not
// accept a value, or is not sure, the library decides and gives the reasons. A test
// holds the two against each other.
type acceptor struct {
	never      bool     // the schema false
	kinds      jsonKind // 0: any
	fixed      []any
	pattern    func() func(string) bool // whether a text has it somewhere
	minLength  int
	maxLength  int // these and the other upper bounds: -1: none
	minItems   int
	maxItems   int
	minKeys    int
	maxKeys    int
	minimum    *int64
	maximum    *int64
	required   []string
	properties map[string]*acceptor
	listed     []property // the same
	others     *acceptor  // of keys that are not among properties; nil: anything
	names      *acceptor
	items      *acceptor
	all        []*acceptor
	not        *acceptor
	condition  *acceptor
	then, or   *acceptor
}

type property struct {
	key  string
	part *acceptor
}

// jsonKind is a set of types of JSON values.
type jsonKind uint8

const (
	isNull jsonKind = 1 << iota
	isBool
	isWhole
	isFraction
	isText
	isList
	isMapping
)

var kindsByName = map[string]jsonKind{
	"null": isNull, "boolean": isBool, "integer": isWhole, "number": isWhole | isFraction,
	"string": isText, "array": isList, "object": isMapping,
}

// annotations are keywords that decide nothing.
var annotations = []string{"$schema", "$id", "title", "description", "examples", "default", "definitions", "$comment"}

// acceptorOf reads a schema. It is an error when the schema has something that only the
// library knows.
func acceptorOf(text map[string]any) (*acceptor, error) {
	r := &acceptorReader{text: text, known: map[string]*acceptor{}}
	a := r.schema(text)
	return a, r.err
}

// acceptorReader reads the schemas of one document.
type acceptorReader struct {
	text  map[string]any
	known map[string]*acceptor // by reference: schemas may hold themselves
	err   error
}

func (r *acceptorReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *acceptorReader) schema(v any) *acceptor {
	a := &acceptor{maxLength: -1, maxItems: -1, maxKeys: -1}
	r.into(a, v)
	return a
}

func (r *acceptorReader) into(a *acceptor, v any) {
	rules, ok := v.(map[string]any)
	if !ok {
		b, isBool := v.(bool)
		if a.never = !b; !isBool {
			r.fail("%v is no schema", v)
		}
		return
	}
	if ref, ok := rules["$ref"].(string); ok { // what stands beside it means nothing (draft-07, section 8.3)
		a.all = []*acceptor{r.reference(ref)}
		return
	}
	for keyword, v := range rules {
		if !slices.Contains(annotations, keyword) && !r.scalar(a, keyword, v) && !r.part(a, keyword, v) {
			r.fail("the keyword %s is not known", keyword)
		}
	}
}

func (r *acceptorReader) reference(ref string) *acceptor {
	if a, ok := r.known[ref]; ok {
		return a
	}
	a := &acceptor{maxLength: -1, maxItems: -1, maxKeys: -1}
	r.known[ref] = a
	target, inside := strings.CutPrefix(ref, "#")
	v := lookup(r.text, target)
	if !inside || v == nil {
		r.fail("%s is not in the schema", ref)
		return a
	}
	r.into(a, v)
	return a
}

// scalar reads a keyword that is about the value itself.
func (r *acceptorReader) scalar(a *acceptor, keyword string, v any) bool {
	switch keyword {
	case "type":
		for _, name := range oneOrMore(v) {
			text, _ := name.(string)
			if kindsByName[text] == 0 {
				r.fail("there is no type %v", name)
			}
			a.kinds |= kindsByName[text]
		}
	case "const":
		r.fix(a, []any{v})
	case "enum":
		r.fix(a, oneOrMore(v))
	case "pattern":
		source, _ := v.(string)
		a.pattern = sync.OnceValue(func() func(string) bool { return matcher(source) })
	case "minLength":
		a.minLength = r.count(v)
	case "maxLength":
		a.maxLength = r.count(v)
	case "minItems":
		a.minItems = r.count(v)
	case "maxItems":
		a.maxItems = r.count(v)
	case "minProperties":
		a.minKeys = r.count(v)
	case "maxProperties":
		a.maxKeys = r.count(v)
	case "minimum":
		a.minimum = r.bound(v)
	case "maximum":
		a.maximum = r.bound(v)
	case "required":
		for _, key := range oneOrMore(v) {
			text, _ := key.(string)
			a.required = append(a.required, text)
		}
	default:
		return false
	}
	return true
}

// matcher looks for a pattern in a text. Most patterns are a word or one of several
// characters, which are found without going through states.
func matcher(source string) func(string) bool {
	form, err := syntax.Parse(source, syntax.Perl)
	switch {
	case err == nil && form.Op == syntax.OpLiteral && form.Flags&syntax.FoldCase == 0:
		word := string(form.Rune)
		return func(text string) bool { return strings.Contains(text, word) }
	case err == nil && form.Op == syntax.OpCharClass:
		return func(text string) bool {
			return strings.ContainsFunc(text, func(r rune) bool {
				for i := 0; i < len(form.Rune); i += 2 {
					if form.Rune[i] <= r && r <= form.Rune[i+1] {
						return true
					}
				}
				return false
			})
		}
	}
	return regexp.MustCompile(source).MatchString
}

// part reads a keyword that holds schemas.
func (r *acceptorReader) part(a *acceptor, keyword string, v any) bool {
	switch keyword {
	case "properties":
		properties, _ := v.(map[string]any)
		a.properties = make(map[string]*acceptor, len(properties))
		for key, rules := range properties {
			a.properties[key] = r.schema(rules)
			a.listed = append(a.listed, property{key, a.properties[key]})
		}
	case "additionalProperties":
		a.others = r.schema(v)
	case "propertyNames":
		a.names = r.schema(v)
	case "items":
		a.items = r.schema(v)
	case "allOf":
		for _, rules := range oneOrMore(v) {
			a.all = append(a.all, r.schema(rules))
		}
	case "not":
		a.not = r.schema(v)
	case "if":
		a.condition = r.schema(v)
	case "then":
		a.then = r.schema(v)
	case "else":
		a.or = r.schema(v)
	default:
		return false
	}
	return true
}

func oneOrMore(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// fix takes down the only values that pass, which can be compared as they are.
func (r *acceptorReader) fix(a *acceptor, values []any) {
	if a.fixed != nil {
		r.fail("const stands beside enum")
	}
	a.fixed = values
	for _, v := range values {
		switch v := v.(type) {
		case string, bool, nil:
		case json.Number:
			r.bound(v)
		default:
			r.fail("%v is no scalar", v)
		}
	}
}

func (r *acceptorReader) count(v any) int { return int(*r.bound(v)) }

func (r *acceptorReader) bound(v any) *int64 {
	text, _ := v.(json.Number)
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		r.fail("%v is no whole number", v)
	}
	return &n
}
