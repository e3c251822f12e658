package spec

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
)

// two has more than one recipient, so that a stage can be followed by another.
const two = base + "    - {userid: u-2, orgid: o-1}\n"

func TestDelivery(t *testing.T) {
	always := [7]bool{true, true, true, true, true, true, true}
	for text, change := range map[string]func(*campaign.Policy){
		"{}":                func(*campaign.Policy) {},
		"{unknown: hold}":   func(*campaign.Policy) {},
		"{unknown: resend}": func(p *campaign.Policy) { p.Resend = true },
		"{expires: 1h30m}":  func(p *campaign.Policy) { p.Expires = 90 * time.Minute },
		"{deadline: 20:00}": func(p *campaign.Policy) {
			p.Deadline = campaign.Clause{Text: "20:00", Pointer: "/delivery/deadline"}
		},
		"{deadline: 2026-12-01T20:00:00+08:00}": func(p *campaign.Policy) {
			p.Deadline = campaign.Clause{Text: "2026-12-01T20:00:00+08:00", Pointer: "/delivery/deadline"}
		},
		"{expires: 8760h}": func(p *campaign.Policy) { p.Expires = 365 * 24 * time.Hour },
		"{abort: {failed: {share: 0%}}}": func(p *campaign.Policy) {
			p.Abort.Failed.Share = 0
		},
		"{abort: {unknown: {count: 1, share: 100%}}}": func(p *campaign.Policy) {
			p.Abort.Unknown = campaign.Threshold{Count: 1, Share: 1}
		},
		"{window: {open: 00:00-24:00}}": func(p *campaign.Policy) {
			p.Window = &campaign.Window{Open: []campaign.Span{{From: 0, To: 1440}}, Days: always}
		},
		"{window: {open: [12:00-13:00, 9:00-12:00]}}": func(p *campaign.Policy) {
			p.Window = &campaign.Window{Open: []campaign.Span{{From: 540, To: 720}, {From: 720, To: 780}}, Days: always}
		},
		"{window: {open: 23:59-24:00, days: wed}}": func(p *campaign.Policy) {
			p.Window = &campaign.Window{Open: []campaign.Span{{From: 1439, To: 1440}}, Days: [7]bool{3: true}}
		},
		"{window: {open: 00:00-00:01, days: fri-mon}}": func(p *campaign.Policy) {
			p.Window = &campaign.Window{Open: []campaign.Span{{From: 0, To: 1}}, Days: [7]bool{0: true, 1: true, 5: true, 6: true}}
		},
		"{window: {open: 00:00-00:01, days: [sun-sat]}}": func(p *campaign.Policy) {
			p.Window = &campaign.Window{Open: []campaign.Span{{From: 0, To: 1}}, Days: always}
		},
		"{stages: [{upto: 10%, then: confirm}, {upto: 5, then: 1s}, {upto: 33.3%, then: 2h}]}": func(p *campaign.Policy) {
			p.Stages = []campaign.Stage{{Share: 0.1, Confirm: true}, {Upto: 5, Wait: time.Second}, {Share: 0.333, Wait: 2 * time.Hour}}
		},
		"{expires: 2h, stages: [{upto: 1, then: 1h59m59s}]}": func(p *campaign.Policy) {
			p.Expires, p.Stages = 2*time.Hour, []campaign.Stage{{Upto: 1, Wait: 2*time.Hour - time.Second}}
		},
	} {
		c, _, diags := LoadCampaign(files("a.yaml", two+"delivery: "+text+"\n"), "a.yaml")
		noDiagnostics(t, diags)
		want := campaign.DefaultPolicy()
		change(&want)
		if diff := cmp.Diff(want, c.Policy); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// A percentage is the number that a program writes for it, whatever its digits.
func TestSharesAreExact(t *testing.T) {
	for percent, want := range map[string]float64{
		"7%": 0.07, "29%": 0.29, "57%": 0.57, "58%": 0.58, "0.1%": 0.001, "0.7%": 0.007, "12.34%": 0.1234, "99.9999%": 0.999999, "005%": 0.05,
	} {
		l := &loader{}
		if got, ok := l.share(val{in: "/x", v: percent}); !ok || got != want || l.problems != nil {
			t.Errorf("%s is %v, want %v", percent, got, want)
		}
	}
}

// Stages of user groups work where groups are sent to one after the other.
func TestStagesOfGroups(t *testing.T) {
	const sms = `version: 1
name: sms
channel: {type: chuanbo.sms, target: media, message_type: 38}
content: {name: n, signature: s, text: t}
delivery: {stages: [{upto: 1, then: confirm}]}
recipients: `
	for _, recipients := range []string{"{groups: [1, 2], groups_disjoint: true}", `{match: {title: "*"}, groups_disjoint: true}`} {
		c, _, diags := LoadCampaign(files("a.yaml", sms+recipients+"\n"), "a.yaml")
		noDiagnostics(t, diags)
		if len(c.Policy.Stages) != 1 {
			t.Errorf("%s: stages %v", recipients, c.Policy.Stages)
		}
	}
}

// A last stage that everybody is in says nothing: a warning, and the campaign is
// valid. Its wait is not counted against expires.
func TestIdleStages(t *testing.T) {
	for _, c := range []struct{ delivery, want string }{
		{"{stages: [{upto: 100%, then: confirm}]}", "1:28 nothing comes after stage 1: it goes up to 100%"},
		{"{stages: [{upto: 5, then: 1h}, {upto: 100%, then: 8000h}]}", "1:49 nothing comes after stage 2: it goes up to 100%"},
		{"{max_recipients: 10, stages: [{upto: 10, then: 8000h}]}", "1:48 nothing comes after stage 1: max_recipients allows no more than 10"},
		{"{max_recipients: 10, stages: [{upto: 9, then: 1h}]}", ""},
	} {
		got, valid := "", false
		found, _, diags := LoadCampaign(files("a.yaml", "delivery: "+c.delivery+"\n"+two), "a.yaml")
		valid = found != nil && !campaign.HasErrors(diags)
		for _, d := range diags {
			if !d.Warning || d.Rule != ruleIdleStage || d.Hint == "" {
				t.Errorf("%s: %+v", c.delivery, d)
			}
			got += fmt.Sprintf("%d:%d %s", d.Line, d.Col, d.Message)
		}
		if got != c.want || !valid {
			t.Errorf("%s: valid %v, got %q, want %q", c.delivery, valid, got, c.want)
		}
	}
}

// Several wrong values are told one by one, and not again for what follows of them.
func TestDeliveryProblemsAreToldOnce(t *testing.T) {
	for delivery, want := range map[string]string{
		"{expires: later, stages: [{upto: 1, then: 30h}]}":                      ruleBadFormat,
		"{expires: 1h, stages: [{upto: 150%, then: 2h}]}":                       ruleRange + " " + ruleRange,
		"{window: {open: 25:00-26:00, days: mon-fri}}":                          ruleBadFormat,
		"{window: {open: [08:75-09:00, 20:00-06:00], days: [monday, mon]}}":     ruleBadFormat + " " + ruleSpan + " " + ruleBadFormat,
		"{window: {open: [08:00-18:00, 09:00-10:00, 11:00-12:00]}}":             ruleOverlap + " " + ruleOverlap,
		"{stages: [{upto: 5, then: 0s}, {upto: 5, then: confirm}]}":             ruleRange + " " + ruleStageOrder,
		"{stages: [{upto: 100%, then: confirm}, {upto: 5, then: confirm}]}":     ruleStageOrder,
		"{stages: [{upto: ten, then: confirm}, {upto: 0%, then: confirm}]}":     ruleBadFormat + " " + ruleRange,
		"{abort: {failed: {count: 0, share: 101%}, unknown: {share: 0.05}}}":    ruleRange + " " + ruleRange + " " + ruleWrongType,
		"{stages: [{upto: 1, then: 8760h}, {upto: 2, then: 8760h}]}":            ruleRange,
		"{unknown: {}, expires: [], window: [], abort: [], stages: {upto: 10}}": strings.TrimSpace(strings.Repeat(ruleWrongType+" ", 5)),
	} {
		_, _, diags := LoadCampaign(files("a.yaml", "delivery: "+delivery+"\n"+two), "a.yaml")
		var got []string
		for _, d := range diags {
			got = append(got, d.Rule)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s:\ngot  %v\nwant %s", delivery, diags, want)
		}
	}
}
