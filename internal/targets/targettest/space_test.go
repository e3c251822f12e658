package targettest

import (
	"fmt"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// Every status has exactly one class.
func TestClasses(t *testing.T) {
	next := 0
	for _, c := range Classes {
		if c.From != next || c.To < c.From {
			t.Errorf("the class %d to %d does not follow %d", c.From, c.To, next-1)
		}
		next = c.To + 1
	}
	if next != 1000 {
		t.Errorf("the classes end at %d", next-1)
	}
	for status, want := range map[int]string{
		0: "unknown unknown unknown", 200: "unknown unknown unknown", 302: "unknown unknown unknown", 404: "unknown unknown deferred",
		408: "unknown unknown deferred", 425: "deferred deferred deferred", 429: "deferred deferred deferred",
		500: "unknown unknown deferred", 502: "unknown unknown deferred", 503: "unknown deferred deferred", 504: "unknown unknown deferred",
	} {
		if c := ClassOf(status); fmt.Sprint(c.Alone, " ", c.Waiting, " ", c.Named) != want {
			t.Errorf("HTTP %d: %+v", status, c)
		}
	}
}

// modelBodies are what the model of the suite answers.
var modelBodies = []Body{
	{Name: "done", Text: `{"done":1}`, Accepted: Statuses{{200, 200}}, Contrary: EveryStatus},
	{Name: "refused", Text: `{"done":0}`, Rejected: Statuses{{200, 200}}, Reason: "refused: no"},
	{Name: "token", Text: `{"token":"refused"}`, Refused: Statuses{{401, 401}}},
	{Name: "as text", Text: `{"done":"1"}`},
	{Name: "twice", Text: `{"done":1,"done":1}`},
}

func spaceOf(t *testing.T, defect string) []error {
	t.Helper()
	f := fixture(defect)
	_, errs := space(func(notAccepted []int) targets.Target {
		f.Account.NotAccepted = notAccepted
		_, target, err := f.open(f.Samples[0])
		if err != nil {
			t.Fatal(err)
		}
		return target
	}, modelBodies[:3], modelBodies[3:])
	return errs
}

func TestSpaceNoticesDefects(t *testing.T) {
	if errs := spaceOf(t, ""); len(errs) > 0 {
		t.Errorf("the model without a defect: %v", errs)
	}
	for _, defect := range []string{
		"nothing is success", "nothing is refused", "2xx is success", "any status is success", "text is a number", "a lenient reader",
		"4xx is refused", "5xx is refused", "502 is deferred", "429 is unknown", "every 401 refuses the token", "no patience", "no status",
		"a reason as it came",
	} {
		if errs := spaceOf(t, defect); len(errs) == 0 {
			t.Errorf("%q is not noticed", defect)
		}
	}
}

// tally is a testing.TB that counts what it is told.
type tally struct {
	testing.TB
	errors int
}

func (t *tally) Helper()               {}
func (t *tally) Errorf(string, ...any) { t.errors++ }

func TestCheckVerdict(t *testing.T) {
	a := targets.Answer{Status: 503}
	for _, c := range []struct {
		v    campaign.Verdict
		want bool
	}{
		{campaign.Verdict{Status: 503, Reason: "x: y"}, true},
		{campaign.Verdict{Status: 503, Outcome: campaign.Accepted, Ref: "1"}, true},
		{campaign.Verdict{Status: 503, Outcome: campaign.Deferred, After: 1, Reason: "x"}, true},
		{campaign.Verdict{Status: 502, Reason: "x: y"}, false},
		{campaign.Verdict{Status: 503}, false},
		{campaign.Verdict{Status: 503, Outcome: campaign.Skipped, Reason: "x"}, false},
		{campaign.Verdict{Status: 503, After: 1, Reason: "x"}, false},
		{campaign.Verdict{Status: 503, Outcome: campaign.Deferred, After: -1, Reason: "x"}, false},
		{campaign.Verdict{Status: 503, Outcome: campaign.Deferred, After: longest + 1, Reason: "x"}, false},
		{campaign.Verdict{Status: 503, Outcome: campaign.Rejected, Ref: "1", Reason: "x"}, false},
		{campaign.Verdict{Status: 503, Outcome: campaign.Accepted, Reason: "x"}, false},
		{campaign.Verdict{Status: 503, Reason: "X y"}, false},
		{campaign.Verdict{Status: 503, Reason: "x: a\nb"}, false},
		{campaign.Verdict{Status: 503, Reason: "x: \xff"}, false},
	} {
		told := &tally{TB: t}
		CheckVerdict(told, c.v, a)
		if (told.errors == 0) != c.want {
			t.Errorf("%+v: %d errors", c.v, told.errors)
		}
	}
}
