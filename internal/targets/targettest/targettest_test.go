package targettest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// model is a small system that keeps the port's rules, except for one defect.
type model struct{ defect string }

func (m model) Name() string { return "model" }

func (m model) Channels() []string {
	if m.defect == "a channel without a sample" {
		return []string{"model.text", "model.other"}
	}
	return []string{"model.text"}
}

func (m model) Account(a campaign.Account) (targets.Account, []campaign.Problem) {
	var problems []campaign.Problem
	n := targets.Read(a.Raw, &problems)
	base := n.Get("base_url").Required().URL(false)
	key := n.Get("key").Required().Credential()
	token := n.Get("token").Required().Credential()
	switch m.defect {
	case "a panic on an odd file":
		_ = n.Value().(map[string]any)["base_url"].(string)
	case "a problem without a place":
		for i := range problems {
			problems[i].Pointer = ""
		}
	case "a problem that shows a Go type":
		for i := range problems {
			problems[i].Message = "json: cannot unmarshal"
		}
	}
	if targets.HasErrors(problems) {
		return nil, problems
	}
	return &modelAccount{m, base, key, token, a.NotAccepted}, problems
}

type modelAccount struct {
	model
	base        *url.URL
	key, token  campaign.Credential
	notAccepted []int
}

func (a *modelAccount) BaseURL() *url.URL {
	if a.defect == "a base URL that callers can change" {
		return a.base
	}
	base := *a.base
	return &base
}

func (a *modelAccount) Credentials() map[string]campaign.Credential {
	return map[string]campaign.Credential{"key": a.key, "token": a.token}
}

func (a *modelAccount) Target(c *campaign.Campaign) (targets.Target, []campaign.Problem) {
	var problems []campaign.Problem
	channel := targets.Read(c.Channel.Raw, &problems)
	text := targets.Read(c.Content.Raw, &problems).Get("text").Required()
	if c.Channel.Type != "model.text" && a.defect != "another system's channel" {
		channel.Report("channel", "is not for this account", "")
	}
	layout := targets.Layout{
		Fields:   []targets.Field{{Name: "id", Required: true}},
		Identity: []string{"id"},
		Texts:    []targets.Text{{Pointer: text.Pointer, Source: text.Text(), Required: true}},
	}
	switch a.defect {
	case "an identity without a field":
		layout.Identity = []string{"orgid"}
	case "a text twice":
		layout.Texts = append(layout.Texts, layout.Texts[0])
	case "an optional id":
		layout.Fields[0].Required = false
	}
	if targets.HasErrors(problems) && a.defect != "a target in spite of problems" {
		return nil, problems
	}
	target := &modelTarget{account: a, layout: layout, header: http.Header{"Content-Type": {"text/plain"}}}
	if a.defect == "no Authorizer" {
		return struct{ targets.Target }{target}, problems
	}
	return target, problems
}

type modelTarget struct {
	account *modelAccount
	layout  targets.Layout
	header  http.Header
	calls   atomic.Int64
}

func (t *modelTarget) Layout() targets.Layout { return t.layout }

func (t *modelTarget) Request(m targets.Message, s targets.Secrets) (targets.Request, error) {
	defect := t.account.defect
	if s["key"].IsZero() && defect != "no error without a secret" {
		return targets.Request{}, errors.New("there is no key")
	}
	if len(m.Texts) != 1 || len(m.Recipients) == 0 && defect != "nobody to send to" {
		return targets.Request{}, errors.New("the message is incomplete")
	}
	ids := ""
	for _, r := range m.Recipients {
		if r.ID() == "" {
			return targets.Request{}, errors.New("a recipient has no id")
		}
		ids += r.ID() + " "
	}
	if m.Texts[0] == "\xff" && defect != "texts that are bytes" {
		return targets.Request{}, errors.New("a text is not valid UTF-8")
	}
	body := m.Texts[0] + "\n" + ids
	address := t.account.base.String() + "/send?key=" + url.QueryEscape(s["key"].Reveal())
	header := t.header.Clone()
	switch defect {
	case "requests that differ":
		body += fmt.Sprint(t.calls.Add(1))
	case "shared headers":
		header = t.header
	case "a token in the request":
		header.Set("Authorization", s["token"].Reveal())
	case "a secret that is left out":
		address = t.account.base.String() + "/send"
	case "another host":
		address = strings.Replace(address, "127.0.0.1", "127.0.0.2", 1)
	}
	return targets.Request{Method: http.MethodPost, URL: address, Header: header, Body: []byte(body)}, nil
}

func (t *modelTarget) Authorize(h http.Header, token campaign.Secret) {
	if t.account.defect == "a second token beside the first" {
		h.Add("Authorization", token.Reveal())
		return
	}
	h.Set("Authorization", token.Reveal())
}

func (t *modelTarget) Unauthorized(a targets.Answer) bool {
	if t.account.defect == "every 401 refuses the token" {
		return a.Status == http.StatusUnauthorized
	}
	return a.Status == http.StatusUnauthorized && string(a.Body) == `{"token":"refused"}`
}

func (t *modelTarget) Judge(a targets.Answer) campaign.Verdict {
	defect := t.account.defect
	body, _ := targets.Object(a.Body)
	if defect == "a lenient reader" {
		_ = json.Unmarshal(a.Body, &body)
	}
	done := string(body["done"])
	switch {
	case defect == "2xx is success" && a.Status/100 == 2,
		defect == "any status is success" && done == "1",
		defect == "text is a number" && a.Status == 200 && strings.Trim(done, `"`) == "1",
		defect != "nothing is success" && a.Status == 200 && done == "1":
		return campaign.Verdict{Outcome: campaign.Accepted, Status: a.Status}
	case done == "1":
		return targets.Unexpected(a)
	case defect == "4xx is refused" && a.Status/100 == 4,
		defect == "5xx is refused" && a.Status/100 == 5 && done == "0",
		defect != "nothing is refused" && a.Status == 200 && done == "0":
		return campaign.Verdict{Outcome: campaign.Rejected, Status: a.Status, Reason: "refused: no"}
	case t.Unauthorized(a):
		return campaign.Verdict{Outcome: campaign.Deferred, Status: a.Status, Reason: "unauthorized"}
	case defect == "502 is deferred" && a.Status == 502:
		return campaign.Verdict{Outcome: campaign.Deferred, Status: a.Status, Reason: "gateway: HTTP 502"}
	}
	v := targets.JudgeStatus(a, t.account.notAccepted)
	switch {
	case defect == "429 is unknown" && a.Status == 429:
		v = targets.Unexpected(a)
	case defect == "no patience":
		v.After = 0
	case defect == "no status":
		v.Status = 0
	case defect == "a reason as it came" && v.Outcome == campaign.Unknown:
		v.Reason = "unexpected-answer: " + a.Header.Get("Content-Type")
	}
	return v
}

func fixture(defect string) Fixture {
	c := &campaign.Campaign{
		Name:    "sample",
		Channel: campaign.Channel{Type: "model.text", Raw: campaign.Raw{Pointer: "/channel", JSON: []byte(`{"type": "model.text"}`)}},
		Content: campaign.Content{Raw: campaign.Raw{Pointer: "/content", JSON: []byte(`{"text": "hello"}`)}},
	}
	return Fixture{
		System: model{defect},
		Account: campaign.Account{System: "model", NotAccepted: []int{529}, Raw: campaign.Raw{Pointer: "/targets/m",
			JSON: []byte(`{"base_url": "http://127.0.0.1:1", "key": {"env": "KEY"}, "token": {"env": "TOKEN"}}`)}},
		Samples:   []Sample{{Campaign: c, Message: targets.Message{Texts: []string{"hello"}, Recipients: []campaign.Recipient{{Row: 2, Cells: []string{"a"}}}}}},
		Successes: []targets.Answer{{Status: 200, Body: []byte(`{"done":1}`)}},
		Refusals:  []targets.Answer{{Status: 200, Body: []byte(`{"done":0}`)}},
		Decisive:  []string{"done"},
	}
}

func TestModelPasses(t *testing.T) { Run(t, fixture("")) }

// The suite notices each defect, in the check that is meant for it.
func TestDefectsAreNoticed(t *testing.T) {
	for defect, check := range map[string]string{
		"a channel without a sample":         "decodes",
		"a base URL that callers can change": "decodes",
		"another system's channel":           "decodes",
		"an identity without a field":        "layout",
		"a text twice":                       "layout",
		"an optional id":                     "layout",
		"requests that differ":               "requests",
		"shared headers":                     "requests",
		"another host":                       "requests",
		"nobody to send to":                  "wrong messages",
		"texts that are bytes":               "wrong messages",
		"a token in the request":             "secrets",
		"a secret that is left out":          "secrets",
		"no error without a secret":          "secrets",
		"no Authorizer":                      "tokens",
		"a second token beside the first":    "tokens",
		"a panic on an odd file":             "any file",
		"a problem without a place":          "any file",
		"a problem that shows a Go type":     "any file",
		"a target in spite of problems":      "any file",
		"nothing is success":                 "documented answers",
		"nothing is refused":                 "documented answers",
		"2xx is success":                     "any answer",
		"any status is success":              "any answer",
		"text is a number":                   "any answer",
		"a lenient reader":                   "any answer",
		"4xx is refused":                     "any answer",
		"5xx is refused":                     "any answer",
		"502 is deferred":                    "any answer",
		"429 is unknown":                     "any answer",
		"every 401 refuses the token":        "any answer",
		"no patience":                        "any answer",
		"no status":                          "any answer",
		"a reason as it came":                "any answer",
	} {
		for _, c := range checks {
			if c.name == check && !noticed(c.check, fixture(defect)) {
				t.Errorf("%q is not noticed by the check %q", defect, check)
			}
		}
	}
}

func noticed(check func(Fixture) []error, f Fixture) (found bool) {
	defer func() {
		if recover() != nil {
			found = strings.HasPrefix(f.System.(model).defect, "a panic") // under Run it fails the test
		}
	}()
	return len(check(f)) > 0
}
