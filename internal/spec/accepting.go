package spec

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// accepting is one value's way through a schema.
type accepting struct {
	unsure bool // a number is beyond what is compared here
}

// accepts reports whether a value surely passes. sure is false when only the library
// can tell. The value is what converter makes.
func (a *acceptor) accepts(value any) (passes, sure bool) {
	var w accepting
	passes = w.accepts(a, value)
	return passes, !w.unsure
}

func (w *accepting) accepts(a *acceptor, value any) bool {
	if a.never || a.kinds != 0 && a.kinds&w.kindOf(value) == 0 {
		return false
	}
	if a.fixed != nil && !slices.Contains(a.fixed, value) {
		w.kindOf(value) // the same number may be written in another way
		return false
	}
	ok := true
	switch v := value.(type) {
	case string:
		ok = a.text(v)
	case json.Number:
		ok = w.number(a, v)
	case []any:
		ok = w.list(a, v)
	case map[string]any:
		ok = w.mapping(a, v)
	}
	if !ok {
		return false
	}
	for _, part := range a.all {
		if !w.accepts(part, value) {
			return false
		}
	}
	if a.not != nil && w.accepts(a.not, value) {
		return false
	}
	if a.condition == nil {
		return true
	}
	branch := a.or
	if w.accepts(a.condition, value) {
		branch = a.then
	}
	return branch == nil || w.accepts(branch, value)
}

func (w *accepting) kindOf(value any) jsonKind {
	switch v := value.(type) {
	case nil:
		return isNull
	case bool:
		return isBool
	case string:
		return isText
	case []any:
		return isList
	case map[string]any:
		return isMapping
	case json.Number:
		if _, ok := w.whole(v); ok {
			return isWhole
		}
		return isFraction
	}
	w.unsure = true
	return 0
}

// whole gives a number; what is no whole number of 64 bits leaves it to the library.
func (w *accepting) whole(v json.Number) (int64, bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || strings.HasPrefix(string(v), "-0") || strings.HasPrefix(string(v), "+") {
		w.unsure = true
		return 0, false
	}
	return n, true
}

func (w *accepting) number(a *acceptor, v json.Number) bool {
	if a.minimum == nil && a.maximum == nil {
		return true
	}
	n, ok := w.whole(v)
	return ok && (a.minimum == nil || n >= *a.minimum) && (a.maximum == nil || n <= *a.maximum)
}

func (a *acceptor) text(v string) bool {
	if a.minLength > 0 || a.maxLength >= 0 {
		n := utf8.RuneCountInString(v)
		if n < a.minLength || a.maxLength >= 0 && n > a.maxLength {
			return false
		}
	}
	return a.pattern == nil || a.pattern()(v)
}

func (w *accepting) list(a *acceptor, v []any) bool {
	if len(v) < a.minItems || a.maxItems >= 0 && len(v) > a.maxItems {
		return false
	}
	if a.items == nil {
		return true
	}
	for _, item := range v {
		if !w.accepts(a.items, item) {
			return false
		}
	}
	return true
}

func (w *accepting) mapping(a *acceptor, v map[string]any) bool {
	if len(v) < a.minKeys || a.maxKeys >= 0 && len(v) > a.maxKeys {
		return false
	}
	for _, key := range a.required {
		if _, ok := v[key]; !ok {
			return false
		}
	}
	if a.names == nil && a.others == nil { // conditions name few keys
		for _, p := range a.listed {
			if item, ok := v[p.key]; ok && !w.accepts(p.part, item) {
				return false
			}
		}
		return true
	}
	for key, item := range v {
		part, ok := a.properties[key]
		if !ok {
			part = a.others
		}
		if part != nil && !w.accepts(part, item) || a.names != nil && !w.accepts(a.names, key) {
			return false
		}
	}
	return true
}
