// Package targettest is the conformance suite of the port targets: what every
// system must do, run by the plain go test of each member.
package targettest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Fixture is a system with samples of what it takes and gets.
type Fixture struct {
	System  targets.System
	Account campaign.Account // valid, with every optional key
	// Samples are valid campaigns, at least one of each channel type, together
	// with every optional key.
	Samples []Sample
	// Successes and Refusals are the answers that the documents call so.
	Successes, Refusals []targets.Answer
	// Decisive are the keys of a success that make it one.
	Decisive []string
}

// Sample is a campaign and a message of it.
type Sample struct {
	Campaign *campaign.Campaign
	Message  targets.Message
}

// Run checks a system. Everything that it finds is reported, not only the first.
func Run(t *testing.T, f Fixture) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			for _, err := range c.check(f) {
				t.Error(err)
			}
		})
	}
}

var checks = []struct {
	name  string
	check func(Fixture) []error
}{
	{"decodes", checkDecodes},
	{"layout", checkLayout},
	{"requests", checkRequests},
	{"wrong messages", checkWrongMessages},
	{"secrets", checkSecrets},
	{"tokens", checkTokens},
	{"any file", checkAnyFile},
	{"documented answers", checkDocumented},
	{"any answer", checkAnyAnswer},
}

// open decodes the account and a sample's campaign.
func (f Fixture) open(s Sample) (targets.Account, targets.Target, error) {
	account, problems := f.System.Account(f.Account)
	if account == nil || targets.HasErrors(problems) {
		return nil, nil, fmt.Errorf("the account is refused: %v", problems)
	}
	target, problems := account.Target(s.Campaign)
	if target == nil || targets.HasErrors(problems) {
		return nil, nil, fmt.Errorf("the campaign %q is refused: %v", s.Campaign.Name, problems)
	}
	return account, target, nil
}

// each runs a check on every sample.
func (f Fixture) each(check func(targets.Account, targets.Target, Sample) []error) []error {
	var errs []error
	for _, s := range f.Samples {
		account, target, err := f.open(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, err := range check(account, target, s) {
			errs = append(errs, fmt.Errorf("%s: %w", s.Campaign.Name, err))
		}
	}
	return errs
}

func checkDecodes(f Fixture) []error {
	var errs []error
	account, problems := f.System.Account(f.Account)
	if account == nil {
		return []error{fmt.Errorf("the account is refused: %v", problems)}
	}
	if f.System.Name() == "" || f.System.Name() != f.Account.System {
		errs = append(errs, fmt.Errorf("the system's name %q is not the account's %q", f.System.Name(), f.Account.System))
	}
	base := account.BaseURL()
	if base == nil || base.Host == "" || strings.HasSuffix(base.String(), "/") {
		return append(errs, fmt.Errorf("base URL %v is not an address without a trailing slash", base))
	}
	base.Host = "changed.invalid"
	if account.BaseURL().Host == base.Host {
		errs = append(errs, errors.New("a caller can change the account's base URL"))
	}
	if len(account.Credentials()) == 0 {
		errs = append(errs, errors.New("the account names no credentials"))
	}
	for _, channel := range f.System.Channels() {
		if !strings.HasPrefix(channel, f.System.Name()+".") {
			errs = append(errs, fmt.Errorf("channel %q does not begin with its system", channel))
		}
		if !slices.ContainsFunc(f.Samples, func(s Sample) bool { return s.Campaign.Channel.Type == channel }) {
			errs = append(errs, fmt.Errorf("there is no sample of channel %q", channel))
		}
	}
	foreign := *f.Samples[0].Campaign
	foreign.Channel.Type = "no.such"
	if target, problems := account.Target(&foreign); target != nil || !targets.HasErrors(problems) {
		errs = append(errs, errors.New("a campaign of another system's channel is taken"))
	}
	return append(errs, f.each(func(targets.Account, targets.Target, Sample) []error { return nil })...)
}

func checkLayout(f Fixture) []error {
	return f.each(func(_ targets.Account, target targets.Target, _ Sample) []error {
		var errs []error
		layout := target.Layout()
		if len(layout.Fields) == 0 || !layout.Fields[0].Required {
			return []error{errors.New("the first field, the id that operators know, must be there and required")}
		}
		names := map[string]bool{}
		for _, field := range layout.Fields {
			if field.Name == "" || names[field.Name] {
				errs = append(errs, fmt.Errorf("field %q has no name of its own", field.Name))
			}
			names[field.Name] = true
		}
		for _, name := range layout.Identity {
			if !names[name] {
				errs = append(errs, fmt.Errorf("identity names %q, which is no field", name))
			}
		}
		pointers := map[string]bool{}
		for _, text := range layout.Texts {
			if !strings.HasPrefix(text.Pointer, "/content/") || pointers[text.Pointer] {
				errs = append(errs, fmt.Errorf("text %q has no place of its own in /content", text.Pointer))
			}
			pointers[text.Pointer] = true
		}
		return errs
	})
}

// kebab is what rule ids look like; code is what reasons begin with.
var (
	kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	code  = regexp.MustCompile(`^[a-z]+(-[a-z]+)*(: .+)?$`)
)
