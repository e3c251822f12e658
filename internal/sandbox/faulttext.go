package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// faultKey is a key of a fault's text and JSON forms. get returns nil when the
// fault does not have it.
type faultKey struct {
	name string
	set  func(*Fault, string) error
	get  func(*Fault) any
}

var faultKeys = []faultKey{
	textKey("system", func(f *Fault) *string { return &f.System }),
	textKey("endpoint", func(f *Fault) *string { return &f.Endpoint }),
	{"recipient",
		func(f *Fault, text string) error {
			f.Recipients = append(f.Recipients, strings.Split(text, "|")...)
			if slices.Contains(f.Recipients, "") {
				return fmt.Errorf("an id is empty")
			}
			return nil
		},
		func(f *Fault) any {
			if len(f.Recipients) == 0 {
				return nil
			}
			return strings.Join(f.Recipients, "|")
		}},
	intKey("times", func(f *Fault) *int { return &f.Times }),
	intKey("after", func(f *Fault) *int { return &f.After }),
	intKey("every", func(f *Fault) *int { return &f.Every }),
	{"probability",
		func(f *Fault, text string) (err error) {
			if f.Probability, err = strconv.ParseFloat(text, 64); err != nil || f.Probability == 0 {
				return fmt.Errorf("use a number over 0, up to 1")
			}
			return nil
		},
		func(f *Fault) any { return given(f.Probability) }},
	{"seed",
		func(f *Fault, text string) (err error) {
			if f.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
				return fmt.Errorf("use a whole number")
			}
			return nil
		},
		func(f *Fault) any { return given(f.Seed) }},
	durationKey("for", func(f *Fault) *time.Duration { return &f.For }),
	durationKey("retry-after", func(f *Fault) *time.Duration { return &f.RetryAfter }),
	durationKey("delay", func(f *Fault) *time.Duration { return &f.Delay }),
	durationKey("jitter", func(f *Fault) *time.Duration { return &f.Jitter }),
	durationKey("interval", func(f *Fault) *time.Duration { return &f.Interval }),
	intKey("bytes", func(f *Fault) *int { return &f.Bytes }),
	intKey("code", func(f *Fault) *int { return &f.Code }),
	intKey("status", func(f *Fault) *int { return &f.Status }),
	textKey("message", func(f *Fault) *string { return &f.Message }),
	textKey("body", func(f *Fault) *string { return &f.Body }),
	textKey("to", func(f *Fault) *string { return &f.To }),
	{"accept",
		func(f *Fault, text string) (err error) {
			if f.Accept, err = strconv.ParseBool(text); err != nil {
				return fmt.Errorf("use true or false")
			}
			return nil
		},
		func(f *Fault) any { return given(f.Accept) }},
}

func given[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}

func textKey(name string, at func(*Fault) *string) faultKey {
	return faultKey{name,
		func(f *Fault, text string) error { *at(f) = text; return nil },
		func(f *Fault) any { return given(*at(f)) }}
}

func intKey(name string, at func(*Fault) *int) faultKey {
	return faultKey{name,
		func(f *Fault, text string) (err error) {
			if *at(f), err = strconv.Atoi(text); err != nil {
				return fmt.Errorf("use a whole number")
			}
			return nil
		},
		func(f *Fault) any { return given(*at(f)) }}
}

func durationKey(name string, at func(*Fault) *time.Duration) faultKey {
	return faultKey{name,
		func(f *Fault, text string) (err error) {
			if *at(f), err = time.ParseDuration(text); err != nil {
				return fmt.Errorf("use a duration such as 200ms or 2s")
			}
			return nil
		},
		func(f *Fault) any {
			if *at(f) == 0 {
				return nil
			}
			return at(f).String()
		}}
}

// set gives the fault one key in its text form.
func (f *Fault) set(name, text string) error {
	i := slices.IndexFunc(faultKeys, func(k faultKey) bool { return k.name == name })
	if i < 0 {
		return fmt.Errorf("unknown key %q", name)
	}
	if err := faultKeys[i].set(f, text); err != nil {
		return fmt.Errorf("%s=%s: %w", name, text, err)
	}
	return nil
}

// ParseFault reads a fault such as
//
//	reset-after:times=3,after=10,system=zqt
//
// A value ends at the next comma; JSON has no such limit.
func ParseFault(text string) (Fault, error) {
	kind, rest, keyed := strings.Cut(text, ":")
	f := Fault{Kind: strings.TrimSpace(kind)}
	if keyed {
		seen := map[string]bool{}
		for pair := range strings.SplitSeq(rest, ",") {
			name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
			if !ok {
				return Fault{}, fmt.Errorf("fault %q: %q is not key=value", text, pair)
			}
			if seen[name] {
				return Fault{}, fmt.Errorf("fault %q: %s is given twice", text, name)
			}
			seen[name] = true
			if err := f.set(name, value); err != nil {
				return Fault{}, fmt.Errorf("fault %q: %w", text, err)
			}
		}
	}
	return f.prepared()
}

// MarshalJSON writes the keys that ParseFault reads, and kind.
func (f Fault) MarshalJSON() ([]byte, error) {
	keys := map[string]any{"kind": f.Kind}
	for _, key := range faultKeys {
		if value := key.get(&f); value != nil {
			keys[key.name] = value
		}
	}
	return json.Marshal(keys)
}

// UnmarshalJSON reads an object with kind and the keys that ParseFault reads
// (recipient may be an array), or a string that ParseFault reads.
func (f *Fault) UnmarshalJSON(data []byte) error {
	if text := ""; json.Unmarshal(data, &text) == nil {
		parsed, err := ParseFault(text)
		*f = parsed
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	keys := map[string]any{}
	if err := decoder.Decode(&keys); err != nil {
		return fmt.Errorf("a fault is a JSON object or a string")
	}
	read := Fault{}
	for name, value := range keys {
		if err := read.setJSON(name, value); err != nil {
			return err
		}
	}
	prepared, err := read.prepared()
	*f = prepared
	return err
}

func (f *Fault) setJSON(name string, value any) error {
	switch v := value.(type) {
	case []any:
		if name != "recipient" {
			return fmt.Errorf("%s: only recipient may be an array", name)
		}
		for _, item := range v {
			if err := f.setJSON(name, item); err != nil {
				return err
			}
		}
		return nil
	case string:
		if name == "kind" {
			f.Kind = v
			return nil
		}
		return f.set(name, v)
	case json.Number, bool:
		return f.setJSON(name, fmt.Sprint(v))
	}
	return fmt.Errorf("%s: use a string, a number or a boolean", name)
}

// readFaults reads one fault or an array of them, and prepares them.
func readFaults(r io.Reader) ([]Fault, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read faults: %w", err)
	}
	if !json.Valid(data) {
		return nil, fmt.Errorf("read faults: the body is not JSON")
	}
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("[")) {
		var list []Fault
		err := json.Unmarshal(data, &list)
		return list, err
	}
	var one Fault
	err = json.Unmarshal(data, &one)
	return []Fault{one}, err
}
