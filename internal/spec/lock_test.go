package spec

import (
	"cmp"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func TestMarshalGroups(t *testing.T) {
	got := string(MarshalGroups("media", []campaign.Group{
		{ID: 145, Title: `a "b"` + "\n", Department: "", Type: "imported", People: 7},
		{ID: 144, Title: "xx选择标签", Department: "xxx", Type: "tags"},
	}))
	const want = `# Written by: campaign groups --target media --lock
version: 1
target: "media"
groups:
  - {id: 144, title: "xx选择标签", department: "xxx", type: tags, people: 0}
  - {id: 145, title: "a \"b\"\n", department: "", type: imported, people: 7}
`
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is written reads back, whatever the upstream's titles hold.
func TestGroupsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 5).Draw(t, "n")
		groups := make([]campaign.Group, n)
		ids := rapid.SliceOfNDistinct(rapid.Int64Range(1, math.MaxInt64), n, n, rapid.ID[int64]).Draw(t, "ids")
		for i := range groups {
			groups[i] = campaign.Group{
				ID: ids[i], Title: rapid.String().Draw(t, "title"), Department: rapid.String().Draw(t, "department"),
				Type: rapid.SampledFrom([]string{"imported", "tags", ""}).Draw(t, "type"), People: rapid.Int64Range(0, math.MaxInt64).Draw(t, "people"),
			}
		}
		data := MarshalGroups("media", groups)
		got, _, diags := LoadGroups(files("groups.media.lock.yaml", string(data)), "groups.media.lock.yaml")
		if len(diags) > 0 {
			t.Fatalf("%v in\n%s", diags, data)
		}
		slices.SortFunc(groups, func(a, b campaign.Group) int { return cmp.Compare(a.ID, b.ID) })
		if diff := gocmp.Diff(groups, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-wrote +read):\n%s", diff)
		}
	})
}

func TestLoadGroupsBroken(t *testing.T) {
	for text, want := range map[string]string{
		"version: 1\ntarget: other\ngroups: []\n": "2:9 wrong-target",
		"version: 1\ntarget: media\ngroups:\n- {id: 1, title: a, department: b, type: tags, people: 1}\n- {id: 1, title: a, department: b, type: tags, people: 1}\n": "5:8 duplicate-item",
		"version: 1\ntarget: media\ngroups:\n- {id: 0, title: a, department: b, type: tag, people: -1}\n":                                                            "4:8 out-of-range, 4:42 bad-value, 4:55 out-of-range",
		"version: 1\ntarget: media\n":               "1:1 missing-key",
		"version: 1\ntarget: media\ngroups: [{}]\n": "3:10 missing-key, 3:10 missing-key, 3:10 missing-key, 3:10 missing-key, 3:10 missing-key",
	} {
		groups, doc, diags := LoadGroups(files(GroupsFile("media"), text), "groups.media.lock.yaml")
		if got := wantLine(diags); got != "# want: "+want+"\n" || groups != nil || doc == nil {
			t.Errorf("%q: got %q, want %q (groups %v)", text, got, want, groups)
		}
	}
}
