package plan

import (
	"context"
	"strings"
	"testing"
	"time"

	"campaign/internal/campaign"
)

func standing(t *testing.T, spec Spec) (content, audience string) {
	t.Helper()
	p := mustNew(t, spec)
	content, err := p.StandingDigest()
	if err != nil {
		t.Fatal(err)
	}
	if audience, err = p.AudienceDigest(context.Background()); err != nil {
		t.Fatal(err)
	}
	return content, audience
}

// Whatever changes a plan changes the digest of its content or that of its audience,
// but for the occurrence and who a trial is for.
func TestContentAndAudience(t *testing.T) {
	file := func() Spec { return full("\n", "") }
	groups := func() Spec { return groupCampaign(144, 145) }
	matched := func() Spec {
		s := groups()
		s.Campaign.Recipients.Groups.IDs, s.Campaign.Recipients.Groups.Match = nil, &campaign.Match{Title: "x"}
		return s
	}
	list := func() Spec {
		s := file()
		s.Campaign.Recipients.File, s.Campaign.Recipients.List = "", []map[string]string{{"userid": "a"}}
		return s
	}
	for name, c := range map[string]struct {
		of                func() Spec
		change            func(*Spec)
		content, audience bool // which of them differs then
	}{
		"nothing":         {file, func(*Spec) {}, false, false},
		"line endings":    {file, func(s *Spec) { *s = full("\r\n", "\uFEFF") }, false, false},
		"occurrence":      {file, func(s *Spec) { s.Occurrence.Label = "2" }, false, false},
		"time":            {file, func(s *Spec) { s.Occurrence.Time = s.Occurrence.Time.Add(time.Hour) }, false, false},
		"a trial":         {file, func(s *Spec) { s.To = []string{"a"} }, false, false},
		"the schedule":    {file, func(s *Spec) { s.Campaign.Schedule = &campaign.Schedule{} }, false, false},
		"profile":         {file, func(s *Spec) { s.Profile = "x" }, true, false},
		"project":         {file, func(s *Spec) { s.Project = "x" }, true, false},
		"zone":            {file, func(s *Spec) { s.Zone = nil }, true, false},
		"a text":          {file, func(s *Spec) { s.Layout.Texts[0].Source = "x" }, true, false},
		"a var":           {file, func(s *Spec) { s.Campaign.Vars["deadline"] = "z" }, true, false},
		"account":         {file, func(s *Spec) { s.Account.Name = "x" }, true, false},
		"batch":           {file, func(s *Spec) { s.Campaign.Policy.Batch = 7 }, true, false},
		"another file":    {file, func(s *Spec) { s.Campaign.Recipients.Exclude = nil }, true, true},
		"columns":         {file, func(s *Spec) { s.Campaign.Recipients.Columns = map[string]string{"userid": "userid"} }, true, false},
		"a row":           {file, func(s *Spec) { s.Open = swap(s.Open, "r.csv", five+"z,1,Z\n") }, false, true},
		"an exclusion":    {file, func(s *Spec) { s.Open = swap(s.Open, "out.csv", "userid\nc\n") }, false, true},
		"a suppression":   {file, func(s *Spec) { s.Open = swap(s.Open, "never.csv", "userid\nc\n") }, false, true},
		"a listed person": {list, func(s *Spec) { s.Campaign.Recipients.List[0]["userid"] = "b" }, false, true},
		"one more": {list, func(s *Spec) {
			s.Campaign.Recipients.List = append(s.Campaign.Recipients.List, map[string]string{"userid": "b"})
		}, false, true},
		"a group":         {groups, func(s *Spec) { s.Groups[0].ID = 7 }, false, true},
		"people of one":   {groups, func(s *Spec) { s.Groups[0].People++ }, false, true},
		"disjoint":        {groups, func(s *Spec) { s.Campaign.Recipients.Groups.Disjoint = true }, false, true},
		"match":           {groups, func(s *Spec) { s.Campaign.Recipients.Groups.Match = &campaign.Match{Title: "x"} }, true, true},
		"changes: accept": {matched, func(s *Spec) { s.Campaign.Recipients.Groups.Match.AcceptChanges = true }, true, false},
		"another title":   {matched, func(s *Spec) { s.Campaign.Recipients.Groups.Match.Title = "y" }, true, true},
	} {
		content, audience := standing(t, c.of())
		spec := c.of()
		c.change(&spec)
		nowContent, nowAudience := standing(t, spec)
		if (content != nowContent) != c.content || (audience != nowAudience) != c.audience {
			t.Errorf("%s: content differs: %t, audience differs: %t", name, content != nowContent, audience != nowAudience)
		}
		if content == audience {
			t.Errorf("%s: content and audience have one digest", name)
		}
	}
}

func TestAudienceDigestErrors(t *testing.T) {
	spec := full("\n", "")
	spec.Open = swap(spec.Open, "out.csv", "!!")
	if _, err := mustNew(t, spec).AudienceDigest(context.Background()); err == nil || !strings.Contains(err.Error(), "out.csv") {
		t.Errorf("%v", err)
	}
}
