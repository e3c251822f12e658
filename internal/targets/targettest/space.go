package targettest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Body is the body of an answer and what it means under which HTTP statuses.
// Under all others it means what Classes say.
type Body struct {
	Name, Text string
	Accepted   Statuses // with Ref
	Rejected   Statuses // with Reason
	Refused    Statuses // the token is
	Contrary   Statuses // body and status contradict each other: unknown, whatever the headers say
	Ref        string
	Reason     string
}

// Statuses are ranges of HTTP statuses, both ends included.
type Statuses [][2]int

// Have reports whether a status is among them.
func (s Statuses) Have(status int) bool {
	return slices.ContainsFunc(s, func(r [2]int) bool { return r[0] <= status && status <= r[1] })
}

// EveryStatus is where the body of a success contradicts the HTTP status, its own
// excepted.
var EveryStatus = Statuses{{0, 999}}

// Space judges bodies under every status from 100 to 599 and some that no
// upstream should send, with every form of Retry-After, by an account that names
// notAccepted and by one that names none. Documented bodies meet all of it, the
// others each status and each status each form.
func Space(t *testing.T, open func(notAccepted []int) targets.Target, documented, others []Body) {
	t.Helper()
	judged, errs := space(open, documented, others)
	for _, err := range errs {
		t.Error(err)
	}
	t.Logf("%d answers judged: %d bodies, %d forms of Retry-After", judged, len(documented)+len(others), len(Patiences))
}

// space stops at enough errors.
func space(open func(notAccepted []int) targets.Target, documented, others []Body) (judged int, errs []error) {
	statuses := []int{0, 1, 99, 600, 700, 999}
	for status := 100; status <= 599; status++ {
		statuses = append(statuses, status)
	}
	for _, notAccepted := range [][]int{nil, {200, 302, 408, 503, 529}} {
		target := open(notAccepted)
		for i, b := range append(slices.Clone(documented), others...) {
			for _, status := range statuses {
				for j, p := range Patiences {
					if i >= len(documented) && (status+i+j)%len(Patiences) != 0 {
						continue
					}
					judged++
					a := targets.Answer{Status: status, Header: p.Header, Body: []byte(b.Text)}
					if err := b.judge(target, a, p, slices.Contains(notAccepted, status)); err != nil {
						errs = append(errs, fmt.Errorf("%s under HTTP %d, Retry-After %s, not_accepted %v: %w", b.Name, status, p.Name, notAccepted, err))
					}
					if len(errs) == enough {
						return judged, errs
					}
				}
			}
		}
	}
	return judged, errs
}

// CheckVerdict wants what holds for the verdict on any answer of any upstream.
func CheckVerdict(t testing.TB, v campaign.Verdict, a targets.Answer) {
	t.Helper()
	switch {
	case v.Status != a.Status:
		t.Errorf("the verdict's status is %d", v.Status)
	case v.Outcome > campaign.Deferred:
		t.Errorf("no outcome of an answer: %v", v)
	case v.After < 0 || v.After > longest || v.After != 0 && v.Outcome != campaign.Deferred:
		t.Errorf("%v waits %s", v.Outcome, v.After)
	case v.Ref != "" && v.Outcome != campaign.Accepted:
		t.Errorf("%v has the reference %q", v.Outcome, v.Ref)
	case (v.Reason == "") != (v.Outcome == campaign.Accepted):
		t.Errorf("%v has the reason %q", v.Outcome, v.Reason)
	case v.Reason != "" && !code.MatchString(v.Reason):
		t.Errorf("reason %q does not begin with a code", v.Reason)
	}
	for _, text := range []string{v.Reason, v.Ref} {
		if !utf8.ValidString(text) || utf8.RuneCountInString(text) > targets.ReasonLimit+50 || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("%q is not fit for a report", text)
		}
	}
}

func (b Body) judge(target targets.Target, a targets.Answer, p Patience, named bool) error {
	want := Want(a.Status, p, named)
	switch {
	case b.Accepted.Have(a.Status):
		want = campaign.Verdict{Outcome: campaign.Accepted, Status: a.Status, Ref: b.Ref}
	case b.Rejected.Have(a.Status):
		want = campaign.Verdict{Outcome: campaign.Rejected, Status: a.Status, Reason: b.Reason}
	case b.Refused.Have(a.Status):
		want = campaign.Verdict{Outcome: campaign.Deferred, Status: a.Status, Reason: "unauthorized"}
	case b.Contrary.Have(a.Status):
		want = campaign.Verdict{Status: a.Status}
	}
	got := target.Judge(a)
	if got.Outcome == campaign.Unknown && want.Outcome == campaign.Unknown {
		prefix := fmt.Sprintf("unexpected-answer: HTTP %d, ", a.Status)
		if !strings.HasPrefix(got.Reason, prefix) || !strings.HasSuffix(got.Reason, fmt.Sprintf(", %d bytes", len(a.Body))) {
			return fmt.Errorf("reason %q does not say what was seen", got.Reason)
		}
		want.Reason = got.Reason
	}
	if got != want {
		return fmt.Errorf("%+v, want %+v", got, want)
	}
	authorizer, hasToken := target.(targets.Authorizer)
	if refused := hasToken && authorizer.Unauthorized(a); refused != b.Refused.Have(a.Status) {
		return fmt.Errorf("the token is refused: %t", refused)
	}
	return nil
}
