package spec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"

	"campaign/internal/campaign"
)

// tell puts a broken keyword into words. The library's own are not shown.
func (f failure) tell() (rule, message, hint string) {
	switch f.keyword {
	case "type":
		return f.wrongType()
	case "enum":
		return f.notListed()
	case "const":
		hint, _ = f.rules["description"].(string)
		if f.value == fmt.Sprint(f.rules["const"]) {
			hint = "write it without quotes"
		}
		return ruleBadValue, fmt.Sprintf("%s must be %v", f.name, f.rules["const"]), lowerFirst(strings.TrimSuffix(hint, "."))
	case "pattern":
		return f.badFormat()
	case "maxLength":
		text, _ := f.value.(string)
		return ruleTooLong, fmt.Sprintf("%s has %d characters, at most %v are allowed", f.name, utf8.RuneCountInString(text), f.rules["maxLength"]), "shorten it"
	case "minItems":
		return ruleEmpty, f.name + " is empty", "give at least one, or leave the key out"
	case "maxItems":
		have, _ := f.value.([]any)
		return ruleTooLong, fmt.Sprintf("%s has %d entries, at most %v are allowed", f.name, len(have), f.rules["maxItems"]), ""
	case "minProperties", "maxProperties":
		if f.rules["maxProperties"] == json.Number("1") {
			return ruleExactlyOne, fmt.Sprintf("%s needs exactly one of %s", f.name, strings.Join(f.keys(), ", ")), "give one of them, and leave the others out"
		}
		return ruleEmpty, f.name + " is empty", "give at least one key, or leave it out"
	case "minimum":
		return ruleRange, fmt.Sprintf("%s must be at least %v", f.name, f.rules["minimum"]), form(f.rules)
	case "maximum":
		return ruleRange, fmt.Sprintf("%s must be at most %v", f.name, f.rules["maximum"]), form(f.rules)
	case "not":
		ban, _ := f.rules["not"].(map[string]any)
		why, _ := ban["description"].(string)
		return ruleNoTemplate, f.name + " cannot hold a template", why
	}
	return ruleBadValue, f.name + " is not valid", ""
}

var typeWords = map[string]string{
	"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
	"object": "a mapping", "array": "a list", "null": "nothing",
}

// kind gives the JSON Schema type of a plain JSON value.
func kind(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case json.Number:
		return "number"
	case bool:
		return "boolean"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	}
	return "null"
}

// types lists the types that a schema allows.
func types(rules map[string]any) []string {
	switch t := rules["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var out []string
		for _, x := range t {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

func (f failure) wrongType() (rule, message, hint string) {
	wanted, got := types(f.rules), kind(f.value)
	if got == "null" {
		return ruleEmpty, f.name + " has no value", "write a value, or leave the key out"
	}
	if f.secret && got != "object" && slices.Equal(wanted, []string{"object"}) {
		return ruleInlineSecret, f.name + " is written out in the file", "refer to it instead: {env: NAME} or {file: PATH}, so that the secret stays out of the project"
	}
	words := make([]string, 0, len(wanted))
	for _, t := range wanted {
		if t == "string" || !slices.Contains(wanted, "string") || !slices.Contains(wanted, "number") { // free text may look like anything
			words = append(words, typeWords[t])
		}
	}
	message = fmt.Sprintf("%s must be %s, not %s", f.name, strings.Join(words, " or "), typeWords[got])
	listed, _ := f.rules["enum"].([]any)
	switch {
	case listed != nil:
		return ruleWrongType, message, "one of " + list(listed)
	case slices.Contains(wanted, "string") && (got == "number" || got == "boolean"):
		shown := fmt.Sprint(f.value)
		text := f.rules
		if other, ok := text["else"].(map[string]any); ok { // what a text must look like beside a list, a mapping or a number
			text = other
		}
		if pattern, ok := text["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(shown) {
			return ruleWrongType, message, form(text)
		}
		if f.secret {
			shown = "this"
		}
		return ruleUnquoted, message, quoted(shown)
	case slices.Contains(wanted, "boolean") && (got == "string" || got == "number"):
		hint = "write true or false, without quotes"
	case slices.Contains(wanted, "integer") && got == "string":
		hint = asNumber(f.value)
	case slices.Equal(wanted, []string{"object"}) && got == "string" && slices.Contains(f.keys(), "file"):
		hint = fmt.Sprintf("write {file: %s}", clip(fmt.Sprint(f.value)))
	case slices.Equal(wanted, []string{"object"}) && len(f.keys()) > 0 && !f.secret:
		hint = "keys here: " + strings.Join(f.keys(), ", ")
	case slices.Equal(wanted, []string{"string"}) && got == "object":
		hint = `a text with a colon and a blank in it, or that begins with {, is quoted: "…"`
		if have, _ := f.value.(map[string]any); have["file"] != nil {
			hint = "here the text itself is wanted, not the name of a file"
		}
	case slices.Equal(wanted, []string{"string"}) && got == "array":
		hint = `only one text can stand here; one that begins with [ or - is quoted: "…"`
	case slices.Equal(wanted, []string{"object"}) && got == "array":
		hint = "a mapping is written as {key: value}, or as lines such as key: value, without -"
	case slices.Contains(wanted, "array") && got != "object":
		hint = "a list is written as [a, b], or as lines that begin with -"
	}
	return ruleWrongType, message, hint
}

// asNumber says how a text is written that is meant as a whole number: quotes,
// separators between digits and the full-width digits of an input method make it text.
func asNumber(v any) string {
	text, _ := v.(string)
	digits := strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case strings.ContainsRune(", _，'’", r) || unicode.IsSpace(r):
			return -1
		}
		return r
	}, text)
	switch {
	case plainNumber.MatchString(text):
		return "write it without quotes"
	case plainNumber.MatchString(digits):
		return fmt.Sprintf("write it with the digits 0 to 9 only: %s", digits)
	}
	return "write it with the digits 0 to 9, without quotes"
}

func (f failure) notListed() (rule, message, hint string) {
	listed, _ := f.rules["enum"].([]any)
	text, _ := f.value.(string)
	hint = "one of " + list(listed)
	if near := nearest(text, texts(listed)); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	if f.secret {
		return ruleBadValue, f.name + " is not a known value", hint
	}
	return ruleBadValue, fmt.Sprintf("%s cannot be %q", f.name, clip(text)), hint
}

func (f failure) badFormat() (rule, message, hint string) {
	text, _ := f.value.(string)
	if strings.TrimSpace(text) == "" {
		return ruleEmpty, f.name + " is empty", cmp.Or(form(f.rules), "write a value, or leave the key out")
	}
	title, _ := f.rules["title"].(string)
	switch {
	case title == "":
		return ruleBadFormat, f.name + " is not valid", form(f.rules)
	case f.secret:
		return ruleBadFormat, "this is not a valid " + lowerTitle(title), form(f.rules)
	}
	return ruleBadFormat, fmt.Sprintf("%q is not a valid %s", clip(redact(text)), lowerTitle(title)), form(f.rules)
}

// form is what a schema says about the form of a value, with examples.
func form(rules map[string]any) string {
	var parts []string
	if description, _ := rules["description"].(string); description != "" {
		parts = append(parts, lowerFirst(strings.TrimSuffix(description, ".")))
	}
	if examples, _ := rules["examples"].([]any); len(examples) > 0 {
		parts = append(parts, "for example "+list(examples))
	}
	return strings.Join(parts, "; ")
}

// lowerTitle writes a title as it stands inside of a sentence: Base URL, base URL.
func lowerTitle(title string) string {
	words := strings.Fields(title)
	for i, w := range words {
		words[i] = lowerFirst(w)
	}
	return strings.Join(words, " ")
}

// lowerFirst lowers the first letter of a text, unless its first word is an abbreviation.
func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	return strings.ToLower(s[:min(1, len(s))]) + s[min(1, len(s)):]
}

// keys lists the keys that a schema knows, sorted.
func (f failure) keys() []string {
	properties, _ := f.rules["properties"].(map[string]any)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// unknown gives a problem for each key that the schema does not know.
func (c *checker) unknown(f failure) []campaign.Problem {
	have, _ := f.value.(map[string]any)
	known := f.keys()
	var problems []campaign.Problem
	for key := range have {
		if slices.Contains(known, key) {
			continue
		}
		if len(have) > maxMeant {
			problems = append(problems, campaign.Problem{Pointer: join(f.pointer, key), Key: true, Rule: ruleUnknownKey,
				Message: fmt.Sprintf("key %q is unknown in %s", clip(key), f.name)})
			continue
		}
		p := campaign.Problem{
			Pointer: join(f.pointer, key), Key: true, Rule: ruleUnknownKey,
			Message: fmt.Sprintf("key %q is unknown in %s", clip(key), f.name),
			Hint:    "keys here: " + strings.Join(known, ", "),
		}
		if near := nearest(key, known); near != "" {
			p = f.misspelt(key, near)
		} else if rule, message := c.otherKind(f, key); rule != "" {
			p.Rule, p.Message = rule, message
		} else if section := c.elsewhere(f, key); section != "" {
			p.Hint = fmt.Sprintf("%s belongs %s", key, section)
		}
		problems = append(problems, p)
	}
	return problems
}

// misspelt is the problem of a key that was meant as another one.
func (f failure) misspelt(key, meant string) campaign.Problem {
	return campaign.Problem{Pointer: join(f.pointer, key), Key: true, Rule: ruleUnknownKey,
		Message: fmt.Sprintf("key %q is unknown in %s", clip(key), f.name), Hint: fmt.Sprintf("did you mean %s?", meant)}
}

// otherKind recognises keys that only make sense for users, given for user
// groups, and the other way round.
func (c *checker) otherKind(f failure, key string) (rule, message string) {
	if f.pointer == "/recipients" {
		channel, _ := lookup(f.root, "/channel/type").(string)
		if _, ok := c.properties(c.variant("zqt.message", "recipients"))[key]; ok {
			return ruleNotForGroups, fmt.Sprintf("%s does not work with %s: it sends to user groups, and who is in one only the platform knows", key, channel)
		}
		if _, ok := c.properties(c.variant("chuanbo.sms", "recipients"))[key]; ok {
			return ruleNotForUsers, fmt.Sprintf("%s does not work with %s: it sends to users, not to user groups", key, channel)
		}
	}
	if (key == "suppress" || key == "cap") && lookup(f.value, "/system") == "chuanbo" {
		return ruleNotForGroups, key + " does not work with chuanbo: it sends to user groups, and who is in one only the platform knows"
	}
	return "", ""
}

// elsewhere tells where in a campaign file a key is known.
func (c *checker) elsewhere(f failure, key string) string {
	channel, _ := lookup(f.root, "/channel/type").(string)
	for _, section := range []string{"channel", "content", "recipients", "delivery"} {
		rules := c.variant(channel, section)
		if rules == nil {
			rules = lookup(c.text, join("/properties", section))
		}
		if _, ok := c.properties(rules)[key]; ok && "/"+section != f.pointer {
			return "under " + section
		}
	}
	if _, ok := c.properties(c.text)[key]; ok && f.pointer != "" {
		return "at the top level"
	}
	return ""
}

// maxMeant is the number of keys up to which a mapping's unknown keys are
// compared with the known ones: a mapping with more was not meant for this place.
const maxMeant = 200

// nearest finds the word that was probably meant; empty when none is close.
func nearest(word string, known []string) string {
	length := utf8.RuneCountInString(word)
	if length > 64 {
		return ""
	}
	best, least := "", max(1, min(2, length/2))+1
	for _, k := range known {
		if fold(k) == fold(word) && k != word || campaign.Swapped(strings.ToLower(k), strings.ToLower(word)) {
			return k
		}
		if d := levenshtein.ComputeDistance(word, k); d < least && d < utf8.RuneCountInString(k) {
			best, least = k, d
		}
	}
	return best
}

// fold makes spellings equal that differ in case, hyphens and underscores only.
func fold(s string) string {
	return separators.Replace(strings.ToLower(s))
}

var separators = strings.NewReplacer("-", "", "_", "", " ", "")

func texts(values []any) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

func list(values []any) string { return strings.Join(texts(values), ", ") }
