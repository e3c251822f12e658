package targettest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// checkDocumented wants what the documents say.
func checkDocumented(f Fixture) []error {
	return f.each(func(_ targets.Account, target targets.Target, _ Sample) []error {
		var errs []error
		for _, a := range f.Successes {
			if v := target.Judge(a); v.Outcome != campaign.Accepted {
				errs = append(errs, fmt.Errorf("documented success %s is %v", a.Body, v))
			}
		}
		for _, a := range f.Refusals {
			if v := target.Judge(a); v.Outcome != campaign.Rejected || !strings.HasPrefix(v.Reason, "refused: ") {
				errs = append(errs, fmt.Errorf("documented refusal %s is %v", a.Body, v))
			}
		}
		return errs
	})
}

// headers that an answer may come with; the name says which.
var answerHeaders = []struct {
	name   string
	header http.Header
	wait   time.Duration
}{
	{"none", http.Header{}, 0},
	{"html", http.Header{"Content-Type": {"text/html; charset=utf-8"}}, 0},
	{"hostile", http.Header{"Content-Type": {"\x1b[31m;;"}, "Retry-After": {"soon"}}, 0},
	{"wait", http.Header{"Content-Type": {"application/json"}, "Retry-After": {"7"}}, 7 * time.Second},
	{"date", http.Header{"Date": {"Tue, 01 Dec 2026 01:00:00 GMT"}, "Retry-After": {"Tue, 01 Dec 2026 01:01:30 GMT"}}, 90 * time.Second},
}

// telling are the statuses that rules name: they meet every body with every header.
var telling = []int{0, 200, 201, 204, 302, 400, 401, 403, 408, 425, 429, 500, 502, 503, 504}

// enough findings of one kind are reported.
const enough = 20

// checkAnyAnswer judges every status with every kind of body. Headers go round,
// so that each status and each body meets each of them. The first channel gets
// all statuses, the others those that rules name. The account names statuses of
// which nothing was accepted, and then it names none.
func checkAnyAnswer(f Fixture) []error {
	errs := f.anyAnswer()
	f.Account.NotAccepted = nil
	return append(errs, f.anyAnswer()...)
}

func (f Fixture) anyAnswer() []error {
	bodies := f.bodies()
	var seen []string
	return f.each(func(_ targets.Account, target targets.Target, s Sample) []error {
		if slices.Contains(seen, s.Campaign.Channel.Type) {
			return nil
		}
		seen = append(seen, s.Campaign.Channel.Type)
		var errs []error
		for status := range 700 {
			every := slices.Contains(telling, status) || slices.Contains(f.Account.NotAccepted, status)
			if !every && len(seen) > 1 {
				continue
			}
			for i, body := range bodies {
				for j, h := range answerHeaders {
					if !every && (status+i+j)%len(answerHeaders) != 0 {
						continue
					}
					a := targets.Answer{Status: status, Header: h.header, Body: body.text}
					if err := f.judge(target, a, body, h.wait); err != nil {
						errs = append(errs, fmt.Errorf("HTTP %d (%s) with %q: %w", status, h.name, body.text, err))
					}
					if len(errs) == enough {
						return errs
					}
				}
			}
		}
		return errs
	})
}

// body is an answer's body, and which documented statuses make it a success or
// a refusal.
type body struct {
	text               []byte
	accepted, rejected []int
}

// bodies are the documented ones, those that are nearly so, and rubbish.
func (f Fixture) bodies() []body {
	var all []body
	for _, a := range f.Successes {
		all = append(all, body{text: a.Body, accepted: statuses(f.Successes, a.Body)})
		for _, text := range f.damaged(a.Body) {
			all = append(all, body{text: text})
		}
	}
	for _, a := range f.Refusals {
		all = append(all, body{text: a.Body, rejected: statuses(f.Refusals, a.Body)})
		all = append(all, body{text: a.Body[:len(a.Body)-1]})
	}
	for _, text := range []string{"", " ", "ok", "0", "null", "true", "[]", "{}", "\"success\"", "\xff\xfe", "\x00", "<html>502</html>",
		`{"error":"unknown"}`, `{"data":null}`, `{"code":"0","status":"200","oK":"true","msg":"success","message":"success"}`, `{"success":true}`} {
		all = append(all, body{text: []byte(text)})
	}
	return all
}

func statuses(answers []targets.Answer, text []byte) []int {
	var all []int
	for _, a := range answers {
		if bytes.Equal(a.Body, text) {
			all = append(all, a.Status)
		}
	}
	return all
}

// damaged gives texts that look like a success and are none.
func (f Fixture) damaged(success []byte) [][]byte {
	all := [][]byte{
		success[:len(success)-1],
		success[:len(success)/2],
		append(slices.Clone(success), "{}"...),
		append([]byte("\ufeff"), success...),
		append([]byte("["), append(slices.Clone(success), ']')...),
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(success, &object) != nil {
		return all
	}
	for _, key := range f.Decisive {
		value := object[key]
		for _, wrong := range []string{"null", "{}", "[]", "[" + string(value) + "]", quote(value), "1e1000", "false", "-0"} {
			all = append(all, write(object, key, []byte(wrong)))
		}
		if value[0] >= '0' && value[0] <= '9' {
			all = append(all, write(object, key, append(slices.Clone(value), ".0"...)), write(object, key, append(slices.Clone(value), "e0"...)))
		}
		doubled := write(object, key, value)
		doubled = append(doubled[:len(doubled)-1:len(doubled)-1], fmt.Sprintf(`,%q:%s}`, key, value)...)
		all = append(all, doubled, write(object, key, nil))
		renamed := write(object, key, nil)
		renamed = append(renamed[:len(renamed)-1:len(renamed)-1], fmt.Sprintf(`,%q:%s}`, strings.ToUpper(key), value)...)
		all = append(all, renamed)
	}
	return all
}

// quote gives a value as the other kind of scalar: a number for a text, a text
// for anything else.
func quote(value json.RawMessage) string {
	if value[0] == '"' {
		return "0"
	}
	return `"` + string(value) + `"`
}

// write gives an object with one key changed, or left out when value is nil.
func write(object map[string]json.RawMessage, key string, value []byte) []byte {
	text := []byte(`{"_":0`)
	for k, v := range object {
		if k == key {
			v = value
		}
		if v != nil {
			text = append(text, fmt.Sprintf(`,%q:%s`, k, v)...)
		}
	}
	return append(text, '}')
}

// judge wants one verdict to be within the rules.
func (f Fixture) judge(target targets.Target, a targets.Answer, b body, wait time.Duration) error {
	v := target.Judge(a)
	authorizer, hasToken := target.(targets.Authorizer)
	unauthorized := hasToken && authorizer.Unauthorized(a)
	mayDefer := unauthorized || a.Status == 429 || a.Status == 425 || a.Status == 503 && wait > 0 ||
		a.Status >= 400 && slices.Contains(f.Account.NotAccepted, a.Status)
	switch {
	case v.Status != a.Status:
		return fmt.Errorf("the verdict's status is %d", v.Status)
	case v.Outcome == campaign.Accepted && !slices.Contains(b.accepted, a.Status):
		return fmt.Errorf("accepted: %v", v)
	case v.Outcome == campaign.Rejected && (b.rejected == nil || a.Status != 200 && (a.Status < 400 || a.Status > 499)):
		return fmt.Errorf("rejected: %v", v)
	case v.Outcome == campaign.Deferred && !mayDefer:
		return fmt.Errorf("deferred: %v", v)
	case v.Outcome == campaign.Unknown && mayDefer && b.accepted == nil:
		return fmt.Errorf("certainly not accepted, and yet: %v", v)
	case v.Outcome > campaign.Deferred:
		return fmt.Errorf("no outcome of an answer: %v", v)
	case unauthorized && (a.Status != 401 || v.Outcome != campaign.Deferred || v.Reason != "unauthorized"):
		return fmt.Errorf("a refused token gives %v", v)
	case slices.Contains([]int{408, 500, 502, 504}, a.Status) && v.Outcome != campaign.Unknown && !mayDefer:
		return fmt.Errorf("this status says nothing, and yet: %v", v)
	case v.Outcome != campaign.Deferred && v.After != 0:
		return fmt.Errorf("waits without being deferred: %v", v)
	case v.Outcome == campaign.Deferred && !unauthorized && v.After != wait:
		return fmt.Errorf("waits %s where the answer says %s", v.After, wait)
	case v.Outcome == campaign.Accepted:
		return nil
	case !code.MatchString(v.Reason) || utf8.RuneCountInString(v.Reason) > targets.ReasonLimit+50 ||
		!utf8.ValidString(v.Reason) || strings.ContainsFunc(v.Reason, unicode.IsControl):
		return fmt.Errorf("reason %q is not a code and a clean sentence", v.Reason)
	}
	return nil
}
