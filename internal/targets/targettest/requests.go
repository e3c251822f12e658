package targettest

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// secretValues gives each credential a value that occurs nowhere else.
func secretValues(account targets.Account) targets.Secrets {
	secrets := targets.Secrets{}
	for name := range account.Credentials() {
		secrets[name] = campaign.NewSecret("sEcReT-vAlUe-of-" + name)
	}
	return secrets
}

func checkRequests(f Fixture) []error {
	return f.each(func(account targets.Account, target targets.Target, s Sample) []error {
		secrets := secretValues(account)
		first, err := target.Request(s.Message, secrets)
		if err != nil {
			return []error{fmt.Errorf("no request: %w", err)}
		}
		var errs []error
		if first.Method != http.MethodGet && first.Method != http.MethodPost {
			errs = append(errs, fmt.Errorf("method %q", first.Method))
		}
		if !strings.HasPrefix(first.URL, account.BaseURL().String()+"/") {
			errs = append(errs, fmt.Errorf("%s is not under the account's base URL", first.URL))
		}
		if first.Header.Get("Content-Type") == "" || len(first.Body) == 0 {
			errs = append(errs, errors.New("no content type or no body"))
		}
		_, fresh, err := f.open(s)
		if err != nil {
			return append(errs, err)
		}
		if again, err := fresh.Request(s.Message, secrets); err != nil || !reflect.DeepEqual(first, again) {
			errs = append(errs, fmt.Errorf("the same file, message and secrets give another request (%v)", err))
		}
		if err := owned(target, s.Message, secrets); err != nil {
			return append(errs, err) // beside others it would crash
		}
		return append(errs, concurrently(target, s.Message, secrets, first)...)
	})
}

// owned wants a request to be its caller's own: the runner adds to its headers.
func owned(target targets.Target, m targets.Message, secrets targets.Secrets) error {
	first, err := target.Request(m, secrets)
	if err != nil {
		return err
	}
	second, err := target.Request(m, secrets)
	if err != nil {
		return err
	}
	kind, body := second.Header.Get("Content-Type"), string(second.Body)
	first.Header.Set("Content-Type", "changed")
	clear(first.Body)
	if second.Header.Get("Content-Type") != kind || string(second.Body) != body {
		return errors.New("two requests share their headers or their body")
	}
	return nil
}

// concurrently builds the same request many times at once.
func concurrently(target targets.Target, m targets.Message, secrets targets.Secrets, want targets.Request) []error {
	const callers = 8
	errs := make([]error, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for range 20 {
				got, err := target.Request(m, secrets)
				if err != nil || !reflect.DeepEqual(got, want) {
					errs[i] = fmt.Errorf("a request built beside others is another one (%v)", err)
					return
				}
				got.Header.Set("Content-Type", "changed")
				clear(got.Body)
			}
		})
	}
	group.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// checkWrongMessages gives a target what a plan would never give: it answers
// with errors.
func checkWrongMessages(f Fixture) []error {
	return f.each(func(account targets.Account, target targets.Target, s Sample) []error {
		notUTF8 := make([]string, len(s.Message.Texts))
		for i := range notUTF8 {
			notUTF8[i] = "\xff"
		}
		wrong := map[string]targets.Message{
			"no recipients":        {Texts: s.Message.Texts},
			"a text too few":       {Texts: s.Message.Texts[1:], Recipients: s.Message.Recipients},
			"a text too many":      {Texts: append(notUTF8[:len(notUTF8):len(notUTF8)], ""), Recipients: s.Message.Recipients},
			"texts that are bytes": {Texts: notUTF8, Recipients: s.Message.Recipients},
			"an empty recipient":   {Texts: s.Message.Texts, Recipients: []campaign.Recipient{{Row: 2}}},
			"an id of blanks":      {Texts: s.Message.Texts, Recipients: []campaign.Recipient{{Row: 2, Cells: make([]string, len(target.Layout().Fields))}}},
		}
		var errs []error
		for name, message := range wrong {
			if _, err := target.Request(message, secretValues(account)); err == nil {
				errs = append(errs, fmt.Errorf("a message with %s gives a request", name))
			}
		}
		return errs
	})
}

// checkSecrets builds requests with stand-ins: they hold no secret and need none.
func checkSecrets(f Fixture) []error {
	return f.each(func(account targets.Account, target targets.Target, s Sample) []error {
		var errs []error
		request, err := target.Request(s.Message, targets.Placeholders(account))
		if err != nil {
			return []error{fmt.Errorf("no request with stand-ins: %w", err)}
		}
		if strings.Contains(show(request), "sEcReT") {
			errs = append(errs, errors.New("a request with stand-ins holds a secret of another one"))
		}
		secrets := secretValues(account)
		real, err := target.Request(s.Message, secrets)
		if err != nil {
			return append(errs, err)
		}
		for name, secret := range secrets {
			if name == "token" {
				if strings.Contains(show(real), secret.Reveal()) {
					errs = append(errs, errors.New("the request holds the token: only Authorize may add it"))
				}
				continue
			}
			if !strings.Contains(show(real), secret.Reveal()) {
				errs = append(errs, fmt.Errorf("the request does not hold the credential %s", name))
			}
			if _, err := target.Request(s.Message, targets.Secrets{}); err == nil {
				errs = append(errs, fmt.Errorf("a request without the credential %s is built", name))
			} else if strings.Contains(err.Error(), "sEcReT") {
				errs = append(errs, errors.New("an error holds a secret"))
			}
		}
		return errs
	})
}

func show(r targets.Request) string {
	return fmt.Sprint(r.Method, r.URL, r.Header, string(r.Body))
}

// checkTokens holds the credential "token" and Authorizer together.
func checkTokens(f Fixture) []error {
	return f.each(func(account targets.Account, target targets.Target, _ Sample) []error {
		_, hasToken := account.Credentials()["token"]
		authorizer, ok := target.(targets.Authorizer)
		if ok != hasToken {
			return []error{fmt.Errorf("credential token: %t, Authorizer: %t", hasToken, ok)}
		}
		if !ok {
			return nil
		}
		h := http.Header{"X-Other": {"stays"}}
		authorizer.Authorize(h, campaign.NewSecret("old"))
		authorizer.Authorize(h, campaign.NewSecret("new"))
		shown := fmt.Sprint(h)
		if !strings.Contains(shown, "new") || strings.Contains(shown, "old") || h.Get("X-Other") != "stays" || len(h) != 2 {
			return []error{fmt.Errorf("after a second token the headers are %s", shown)}
		}
		return nil
	})
}
