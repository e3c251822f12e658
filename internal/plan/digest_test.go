package plan

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
	"campaign/internal/recipients"
)

func digest(t testing.TB, spec Spec) string {
	t.Helper()
	d, err := mustNew(t, spec).Digest(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// full is a plan in which every input of the digest has a value.
func full(newline, mark string) Spec {
	nl := func(s string) string { return mark + strings.ReplaceAll(s, "\n", newline) }
	spec := base("", "a\n{{ .company }}")
	spec.Layout.Texts[0].Source = nl(spec.Layout.Texts[0].Source)
	spec.Open = files{"r.csv": nl(five), "out.csv": nl("userid\na\n"), "never.csv": nl("userid\nb\n")}.open
	spec.Account = campaign.Account{Name: "gov", System: "zqt", Only: []string{"a", "b"}, Suppress: []campaign.Exclusion{{File: "never.csv"}},
		Raw: campaign.Raw{JSON: []byte(`{"system":"zqt","app":{"id":"x"},"token":{"env":"T"},"only":["a","b"],"suppress":[{"file":"never.csv"}],"limits":{"rate":"5/s"},"headers":{"x":"6"}}`)}}
	c := spec.Campaign
	c.Description, c.Labels, c.Vars = "d", map[string]string{"dept": "stats"}, map[string]string{"deadline": "x", "more": "y"}
	c.Channel.Raw.JSON = []byte(`{"type":"zqt.message","from":"统计局"}`)
	c.Content = campaign.Content{Raw: campaign.Raw{JSON: []byte(`{"title":"a","body":{"file":"content/x.html"},"ext":{"env":"prod"},"attachments":[{"name":"附件"}]}`)}, Files: map[string]string{"content/x.html": nl("<p>\n</p>\n")}}
	c.Recipients.Exclude = []campaign.Exclusion{{File: "out.csv", Columns: map[string]string{"userid": "userid"}}}
	return spec
}

func TestDigestIsTheSame(t *testing.T) {
	want := digest(t, full("\n", ""))
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(want) {
		t.Errorf("%q is not lower-case hex", want)
	}
	for name, change := range map[string]func(*Spec){
		"again":           func(*Spec) {},
		"crlf":            func(s *Spec) { *s = full("\r\n", "") },
		"byte order mark": func(s *Spec) { *s = full("\r\n", "\uFEFF") },
		"workers":         func(s *Spec) { s.Workers = 7 },
		"another folder":  func(s *Spec) { s.TempDir = "/elsewhere" },
		"the file's name": func(s *Spec) { s.Campaign.File = "other.yaml" },
		"time of the run": func(s *Spec) { s.Occurrence.Time = s.Occurrence.Time.AddDate(1, 0, 0) },
		"order of keys":   func(s *Spec) { s.Campaign.Channel.Raw.JSON = []byte(`{"from":"统计局","type":"zqt.message"}`) },
		"guards as they are without keys": func(s *Spec) {
			p := &s.Campaign.Policy
			p.Expires, p.Stages = 24*time.Hour, []campaign.Stage{}
			p.Abort = campaign.Abort{Failed: campaign.Threshold{Count: 20, Share: 20.0 / 100}, Unknown: campaign.Threshold{Count: 10, Share: 5.0 / 100}}
		},
		"the schedule":  func(s *Spec) { s.Campaign.Schedule = &campaign.Schedule{Suspended: true} },
		"order of only": func(s *Spec) { s.Account.Only = []string{"b", "a", "b"} },
		"limits, secret's place": func(s *Spec) {
			s.Account.Raw.JSON = []byte(`{"headers":{"x":"6"},"system":"zqt","app":{"id":"x"},"token":{"file":"/run/token"},"only":["a","b"],"suppress":[{"file":"never.csv"}],"timeout":"5s","proxy":"http://127.0.0.1:1","ca_file":"x","not_accepted":[503],"price":{"sms":0.05}}`)
		},
	} {
		spec := full("\n", "")
		change(&spec)
		if got := digest(t, spec); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestDigestDiffers(t *testing.T) {
	seen := map[string]string{digest(t, full("\n", "")): "nothing"}
	c := func(s *Spec) *campaign.Campaign { return s.Campaign }
	for name, change := range map[string]func(*Spec){
		"project":        func(s *Spec) { s.Project = "x" },
		"profile":        func(s *Spec) { s.Profile = "production" },
		"occurrence":     func(s *Spec) { s.Occurrence.Label = "2" },
		"zone":           func(s *Spec) { s.Zone = nil },
		"to":             func(s *Spec) { s.To = []string{"a"} },
		"name":           func(s *Spec) { c(s).Name = "x" },
		"description":    func(s *Spec) { c(s).Description = "x" },
		"labels":         func(s *Spec) { c(s).Labels["dept"] = "x" },
		"channel":        func(s *Spec) { c(s).Channel.Raw.JSON = []byte(`{"from":"x"}`) },
		"content":        func(s *Spec) { c(s).Content.Raw.JSON = []byte(`{"title":"b"}`) },
		"deadline":       func(s *Spec) { c(s).Policy.Deadline.Text = "20:00" },
		"later deadline": func(s *Spec) { c(s).Policy.Deadline.Text = "21:00" },
		"ext env": func(s *Spec) {
			c(s).Content.Raw.JSON = []byte(strings.Replace(string(c(s).Content.Raw.JSON), "prod", "x", 1))
		},
		"content file": func(s *Spec) { c(s).Content.Files["content/x.html"] = "<p>" },
		"vars":         func(s *Spec) { c(s).Vars["deadline"] = "z" },
		"vars moved":   func(s *Spec) { c(s).Vars = map[string]string{"deadline": "xmorey"} },
		"defaults":     func(s *Spec) { c(s).Recipients.Defaults["usertype"] = "政府" },
		"columns":      func(s *Spec) { c(s).Recipients.Columns = map[string]string{"userid": "userid"} },
		"dedupe off":   func(s *Spec) { c(s).Recipients.DedupeDefault = false },
		"dedupe":       func(s *Spec) { c(s).Recipients.DedupeDefault, c(s).Recipients.Dedupe = false, []string{"orgid"} },
		"exclude":      func(s *Spec) { c(s).Recipients.Exclude = nil },
		"exclude as":   func(s *Spec) { c(s).Recipients.Exclude[0].Columns = nil },
		"batch":        func(s *Spec) { c(s).Policy.Batch = 7 },
		"cap":          func(s *Spec) { c(s).Policy.MaxRecipients = 7 },
		"resend":       func(s *Spec) { c(s).Policy.Resend = true },
		"expires":      func(s *Spec) { c(s).Policy.Expires = time.Hour },
		"never":        func(s *Spec) { c(s).Policy.Expires = 0 },
		"window": func(s *Spec) {
			c(s).Policy.Window = &campaign.Window{Open: []campaign.Span{{From: 510, To: 1200}}}
		},
		"window's end": func(s *Spec) {
			c(s).Policy.Window = &campaign.Window{Open: []campaign.Span{{From: 510, To: 1201}}}
		},
		"window's calendar": func(s *Spec) {
			c(s).Policy.Window = &campaign.Window{Open: []campaign.Span{{From: 510, To: 1200}}, Calendar: &campaign.DayRule{Calendar: &campaign.Calendar{Years: map[int]bool{2026: true}}}}
		},
		"window's holidays": func(s *Spec) {
			c(s).Policy.Window = &campaign.Window{Open: []campaign.Span{{From: 510, To: 1200}}, Calendar: &campaign.DayRule{
				Calendar: &campaign.Calendar{Years: map[int]bool{2026: true}, Holidays: map[campaign.Date]bool{{Year: 2026, Month: 10, Day: 1}: true}}}}
		},
		"window on holidays": func(s *Spec) {
			c(s).Policy.Window = &campaign.Window{Open: []campaign.Span{{From: 510, To: 1200}}, Calendar: &campaign.DayRule{Rest: true, Calendar: &campaign.Calendar{Years: map[int]bool{2026: true}}}}
		},
		"window's days": func(s *Spec) {
			c(s).Policy.Window = &campaign.Window{Open: []campaign.Span{{From: 510, To: 1200}}, Days: [7]bool{1: true}}
		},
		"failed count":  func(s *Spec) { c(s).Policy.Abort.Failed.Count++ },
		"failed share":  func(s *Spec) { c(s).Policy.Abort.Failed.Share = 0.21 },
		"unknown count": func(s *Spec) { c(s).Policy.Abort.Unknown.Count++ },
		"unknown share": func(s *Spec) { c(s).Policy.Abort.Unknown.Share = 0.06 },
		"a stage":       func(s *Spec) { c(s).Policy.Stages = []campaign.Stage{{Upto: 20, Confirm: true}} },
		"its end":       func(s *Spec) { c(s).Policy.Stages = []campaign.Stage{{Upto: 21, Confirm: true}} },
		"its share":     func(s *Spec) { c(s).Policy.Stages = []campaign.Stage{{Share: 0.1, Confirm: true}} },
		"its wait":      func(s *Spec) { c(s).Policy.Stages = []campaign.Stage{{Upto: 20, Wait: time.Minute}} },
		"two stages": func(s *Spec) {
			c(s).Policy.Stages = []campaign.Stage{{Upto: 20, Confirm: true}, {Upto: 21, Confirm: true}}
		},
		"account": func(s *Spec) { s.Account.Raw.JSON = []byte(`{"system":"zqt","app":{"id":"y"}}`) },
		"a sender called file": func(s *Spec) {
			s.Account.Raw.JSON = []byte(`{"senders":{"file":{"userid":"a"}}}`)
		},
		"another sender called file": func(s *Spec) {
			s.Account.Raw.JSON = []byte(`{"senders":{"file":{"userid":"b"}}}`)
		},
		"a type called env":          func(s *Spec) { s.Account.Raw.JSON = []byte(`{"message_types":{"env":38}}`) },
		"another type called env":    func(s *Spec) { s.Account.Raw.JSON = []byte(`{"message_types":{"env":39}}`) },
		"a sender called oauth2":     func(s *Spec) { s.Account.Raw.JSON = []byte(`{"senders":{"oauth2":{"userid":"a"}}}`) },
		"another sender like oauth2": func(s *Spec) { s.Account.Raw.JSON = []byte(`{"senders":{"oauth2":{"userid":"b"}}}`) },
		"only":                       func(s *Spec) { s.Account.Only = nil },
		"only nobody":                func(s *Spec) { s.Account.Only = []string{} },
		"suppress":                   func(s *Spec) { s.Account.Suppress = nil },
		"limit":                      func(s *Spec) { s.Layout.Texts[0].Limit = 50 },
		"escape":                     func(s *Spec) { s.Layout.Texts[0].Escape = 1 },
		"text":                       func(s *Spec) { s.Layout.Texts[0].Source = "{{ .company }}" },
		"recipients":                 func(s *Spec) { s.Open = swap(s.Open, "r.csv", five+"z,1,Z\n") },
		"exclusions":                 func(s *Spec) { s.Open = swap(s.Open, "out.csv", "userid\nc\n") },
		"suppressions":               func(s *Spec) { s.Open = swap(s.Open, "never.csv", "userid\nc\n") },
		"inline":                     func(s *Spec) { c(s).Recipients.File, c(s).Recipients.List = "", []map[string]string{{"userid": "a"}} },
		"inline other":               func(s *Spec) { c(s).Recipients.File, c(s).Recipients.List = "", []map[string]string{{"userid": "b"}} },
	} {
		spec := full("\n", "")
		change(&spec)
		got := digest(t, spec)
		if other, ok := seen[got]; ok {
			t.Errorf("%s: the digest is that of %s changed", name, other)
		}
		seen[got] = name
	}
	groups := map[string]func(*Spec){
		"groups":   func(*Spec) {},
		"another":  func(s *Spec) { s.Groups[0].ID = 7 },
		"people":   func(s *Spec) { s.Groups[0].People++ },
		"title":    func(s *Spec) { s.Groups[0].Title = "x" },
		"disjoint": func(s *Spec) { s.Campaign.Recipients.Groups.Disjoint = true },
		"match": func(s *Spec) {
			s.Campaign.Recipients.Groups = &campaign.Groups{Match: &campaign.Match{Title: "x"}}
		},
	}
	for name, change := range groups {
		spec := groupCampaign(144, 145)
		change(&spec)
		got := digest(t, spec)
		if other, ok := seen[got]; ok {
			t.Errorf("%s: the digest is that of %s changed", name, other)
		}
		seen[got] = name
	}
}

// swap gives an opener with one file replaced.
func swap(open func(string, campaign.Sheet) (recipients.Source, error), name, text string) func(string, campaign.Sheet) (recipients.Source, error) {
	return func(path string, sheet campaign.Sheet) (recipients.Source, error) {
		if path == name {
			return memory(text), nil
		}
		return open(path, sheet)
	}
}

func TestDigestErrors(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"channel":      func(s *Spec) { s.Campaign.Channel.Raw.JSON = []byte("{") },
		"content":      func(s *Spec) { s.Campaign.Content.Raw.JSON = []byte("{") },
		"account gov":  func(s *Spec) { s.Account.Raw.JSON = []byte("{") },
		"r.csv":        func(s *Spec) { s.Open = swap(s.Open, "r.csv", "!!") },
		"out.csv":      func(s *Spec) { s.Open = swap(s.Open, "out.csv", "!!") },
		"open out.csv": func(s *Spec) { s.Open = files{"r.csv": five}.open },
		"open rec":     func(s *Spec) { s.Open = files{}.open },
	} {
		spec := full("\n", "")
		change(&spec)
		_, err := mustNew(t, spec).Digest(context.Background())
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
		if strings.HasSuffix(name, ".csv") && !strings.HasPrefix(name, "open") && !errors.Is(err, errBroken) {
			t.Errorf("%s: the cause is lost: %v", name, err)
		}
	}
}
