package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// groupCampaign is a plan for user groups.
func groupCampaign(ids ...int64) Spec {
	spec := base("", "停水通知 {{ .campaign }}")
	spec.Layout = targets.Layout{Groups: true, Fields: []targets.Field{{Name: "group", Required: true}, {Name: "title"}}, Texts: spec.Layout.Texts}
	spec.Campaign.Recipients = campaign.Recipients{Groups: &campaign.Groups{IDs: ids}}
	spec.Open = nil
	for _, id := range ids {
		spec.Groups = append(spec.Groups, campaign.Group{ID: id, Title: "太平街道", Department: "d", Type: "tags", People: 10 * id})
	}
	return spec
}

func TestGroups(t *testing.T) {
	for _, c := range []struct {
		name   string
		ids    []int64
		change func(*Spec)
		want   string
	}{
		{"one delivery for all", []int64{144, 145, 146}, func(s *Spec) { s.Campaign.Policy.Batch = 1 }, "[1 2 3]"},
		{"disjoint", []int64{144, 145, 146}, func(s *Spec) {
			s.Campaign.Policy.Batch = 2
			s.Campaign.Recipients.Groups.Disjoint = true
		}, "[1 2] [3]"},
		{"twice", []int64{144, 145, 144}, nil, "[1 2] 3:duplicate: row 1"},
		{"only", []int64{144, 145}, func(s *Spec) { s.Account.Only = []string{"145"} }, "[2] 1:not-allowed: the account's only list"},
		{"a trial", []int64{144, 145}, func(s *Spec) { s.To = []string{"145"} }, "[2]"},
	} {
		spec := groupCampaign(c.ids...)
		if c.change != nil {
			c.change(&spec)
		}
		p := mustNew(t, spec)
		bs := blocks(t, p)
		if got := shape(bs); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		balanced(t, p.Summary(), bs)
		if _, err := p.Messages(bs[0]); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	p := mustNew(t, groupCampaign(144))
	if diff := cmp.Diff([]string{"group", "title", "department", "type", "people"}, p.Columns()); diff != "" {
		t.Error(diff)
	}
	b := blocks(t, p)[0]
	if diff := cmp.Diff([]string{"144", "太平街道", "d", "tags", "1440"}, b.Deliveries[0].Recipients[0].Cells); diff != "" {
		t.Error(diff)
	}
	if s := p.Summary(); s.Personalised || s.SharedRequests != 1 || s.First.Texts[0] != "停水通知 census" {
		t.Errorf("%+v", s)
	}
}

func TestGroupProblems(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*Spec)
	}{
		{"none", "no-groups", func(s *Spec) { s.Groups = nil }},
		{"a column", "unknown-variable", func(s *Spec) { s.Layout.Texts[0].Source = "{{ .title }}" }},
		{"col", "unknown-variable", func(s *Spec) { s.Layout.Texts[0].Source = `{{ col "title" }}` }},
		{"max_recipients", "max-recipients", func(s *Spec) { s.Campaign.Policy.MaxRecipients = 1 }},
		{"a trial", "unknown-recipient", func(s *Spec) { s.To = []string{"7"} }},
	} {
		spec := groupCampaign(144, 145)
		c.change(&spec)
		if ds := problems(t, spec); len(ds) != 1 || ds[0].Rule != c.want {
			t.Errorf("%s: got %v", c.name, ds)
		}
	}
}

func TestMatchGroups(t *testing.T) {
	lock := []campaign.Group{
		{ID: 3, Title: "太平街道一组", Department: "a", Type: "tags"},
		{ID: 1, Title: "太平街道/二组", Department: "b", Type: "tags"},
		{ID: 2, Title: "和桥镇", Department: "a", Type: "imported"},
	}
	for _, c := range []struct {
		match campaign.Match
		want  []int64
	}{
		{campaign.Match{}, []int64{3, 1, 2}},
		{campaign.Match{Title: "太平街道*"}, []int64{3, 1}},
		{campaign.Match{Title: "太平街道/?组"}, []int64{1}},
		{campaign.Match{Title: "[太和]*"}, []int64{3, 1, 2}},
		{campaign.Match{Title: "街道"}, nil},
		{campaign.Match{Title: "[太"}, nil},
		{campaign.Match{Department: "a"}, []int64{3, 2}},
		{campaign.Match{Department: "a", Type: "tags"}, []int64{3}},
		{campaign.Match{Title: "*组", Department: "b", Type: "imported"}, nil},
	} {
		found := MatchGroups(c.match, lock)
		var got []int64
		for _, g := range found {
			got = append(got, g.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v: %s", c.match, diff)
		}
	}
}
