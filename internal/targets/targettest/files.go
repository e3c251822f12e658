package targettest

import (
	"encoding/json"
	"fmt"
	"strings"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// strange are values that take the place of every value of a file, one at a time.
var strange = []string{
	`null`, `true`, `0`, `-1`, `1.5`, `1e400`, `99999999999999999999`, `""`, `" "`, `"\u0000'\"\\"`, `"{{"`,
	`[]`, `[null]`, `[[]]`, `{}`, `{"":null}`, `{"env":"A","file":"B"}`, `{"type":"article"}`,
}

// documents are not even mappings.
var documents = []string{``, `nope`, `null`, `[]`, `"text"`, `{} {}`, `{"a":`, strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200)}

// checkAnyFile decodes accounts, channels and contents in which something is not
// as the schema wants it: no panic, and either a target or a problem with its place.
func checkAnyFile(f Fixture) []error {
	var errs []error
	for _, variant := range variants(f.Account.Raw.Text()) {
		a := f.Account
		a.Raw.JSON = variant
		decoded, problems := f.System.Account(a)
		errs = append(errs, judgeProblems(variant, decoded != nil, problems, a.Raw.Pointer)...)
		if decoded != nil {
			s := f.Samples[0]
			errs = append(errs, decodeCampaign(decoded, *s.Campaign, s, variant)...)
		}
	}
	for _, s := range f.Samples {
		account, _, err := f.open(s)
		if err != nil {
			return append(errs, err)
		}
		for _, variant := range variants(s.Campaign.Channel.Raw.Text()) {
			c := *s.Campaign
			c.Channel.Raw.JSON = variant
			errs = append(errs, decodeCampaign(account, c, s, variant)...)
		}
		for _, variant := range variants(s.Campaign.Content.Raw.Text()) {
			c := *s.Campaign
			c.Content.Raw.JSON = variant
			errs = append(errs, decodeCampaign(account, c, s, variant)...)
		}
	}
	return errs
}

func decodeCampaign(account targets.Account, c campaign.Campaign, s Sample, variant []byte) []error {
	target, problems := account.Target(&c)
	errs := judgeProblems(variant, target != nil, problems, c.Channel.Raw.Pointer, c.Content.Raw.Pointer)
	if target == nil {
		return errs
	}
	texts := make([]string, len(target.Layout().Texts))
	for i := range texts {
		texts[i] = "text"
	}
	secrets := secretValues(account)
	if _, err := target.Request(targets.Message{Texts: texts, Recipients: s.Message.Recipients}, secrets); err != nil {
		errs = append(errs, fmt.Errorf("%s is taken but gives no request: %w", variant, err))
	}
	return errs
}

// judgeProblems wants a value or a problem, and problems that people understand.
func judgeProblems(variant []byte, decoded bool, problems []campaign.Problem, pointers ...string) []error {
	var errs []error
	if decoded == targets.HasErrors(problems) {
		errs = append(errs, fmt.Errorf("%s: decoded is %t, problems are %v", variant, decoded, problems))
	}
	for _, p := range problems {
		inside := false
		for _, pointer := range pointers {
			inside = inside || p.Pointer == pointer || strings.HasPrefix(p.Pointer, pointer+"/")
		}
		if !inside || !kebab.MatchString(p.Rule) || p.Message == "" || strings.HasSuffix(p.Message, ".") {
			errs = append(errs, fmt.Errorf("%s: problem without a place, a rule or a sentence: %+v", variant, p))
		}
		for _, word := range []string{"json:", "map[", "struct", "interface", "float64", "int64", "unmarshal", "<nil>"} {
			if strings.Contains(p.Message+p.Hint, word) {
				errs = append(errs, fmt.Errorf("%s: problem shows %q to people: %+v", variant, word, p))
			}
		}
	}
	return errs
}

// variants gives a document with each of its values replaced by each strange
// one, and with each key left out.
func variants(document []byte) [][]byte {
	var all [][]byte
	for _, d := range documents {
		all = append(all, []byte(d))
	}
	var root any
	if json.Unmarshal(document, &root) != nil {
		return all
	}
	emit := func() {
		if variant, err := json.Marshal(root); err == nil {
			all = append(all, variant)
		}
	}
	var walk func(value any, set func(any))
	walk = func(value any, set func(any)) {
		for _, s := range strange {
			set(json.RawMessage(s))
			emit()
		}
		set(value)
		switch v := value.(type) {
		case map[string]any:
			for key, child := range v {
				delete(v, key)
				emit()
				walk(child, func(x any) { v[key] = x })
			}
		case []any:
			for i, child := range v {
				walk(child, func(x any) { v[i] = x })
			}
		}
	}
	walk(root, func(x any) { root = x })
	return all
}
