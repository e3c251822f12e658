package plan

import (
	"strings"
	"testing"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// saidBy is what the deliveries of a plan say, by row.
func saidBy(t *testing.T, spec Spec) map[int64]campaign.Digest {
	t.Helper()
	spec.Contents = true
	said := map[int64]campaign.Digest{}
	for _, b := range blocks(t, mustNew(t, spec)) {
		for _, d := range b.Deliveries {
			for _, r := range d.Recipients {
				said[r.Row] = d.Content
			}
		}
	}
	return said
}

// saying is a campaign with a title, a body, a push's name and an extra field.
func saying(csv, title, body, name, ext string) Spec {
	spec := base(csv)
	spec.Layout.Texts = []targets.Text{
		{Pointer: "/content/title", Source: title}, {Pointer: "/content/body", Source: body},
		{Pointer: "/content/name", Source: name}, {Pointer: "/content/ext/batch", Source: ext},
	}
	return spec
}

// The same message has the same digest wherever it comes from; another one has not.
func TestContentIsWhatPeopleRead(t *testing.T) {
	const csv = "userid,orgid,n\na,1,甲\nb,1,乙\n"
	first := saying(csv, "公告 {{ .n }}", "<p>正文</p>", "一", "x")
	want := saidBy(t, first)
	if want[2] == want[3] || want[2] == (campaign.Digest{}) {
		t.Fatalf("two people read different texts: %v", want)
	}
	same := map[string]Spec{
		"the same once more":                              first,
		"another name, extra field, campaign and columns": saying("n,userid,orgid,more\n甲,a,1,\n乙,b,1,\n", "公告 {{ .n }}", "<p>正文</p>\n", "二 {{ .userid }}", "{{ .campaign }}"),
		"a text made in another way":                      saying(csv, `{{ if eq .n "甲" }}公告 甲{{ else }}公告 乙{{ end }}`, " <p>{{ default \"正文\" \"\" }}</p>", "一", "x"),
		"a body that depends on the recipient":            saying(csv, "公告 {{ .n }}", `<p>正{{ if .n }}文{{ end }}</p>`, "一", "x"),
		"another person with the same text":               saying("userid,orgid,n\nx,9,甲\ny,9,乙\n", "公告 {{ .n }}", "<p>正文</p>", "一", "x"),
	}
	same["another name, extra field, campaign and columns"].Campaign.Name = "other"
	for name, spec := range same {
		got := saidBy(t, spec)
		if got[2] != want[2] || got[3] != want[3] {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	different := map[string]Spec{
		"title": saying(csv, "公告： {{ .n }}", "<p>正文</p>", "一", "x"),
		"body":  saying(csv, "公告 {{ .n }}", "<p>正文。</p>", "一", "x"),
		"moved": saying(csv, "<p>正文</p>", "公告 {{ .n }}", "一", "x"),
	}
	channel := saying(csv, "公告 {{ .n }}", "<p>正文</p>", "一", "x")
	channel.Campaign.Channel.Type = "chuanbo.sms"
	different["channel"] = channel
	for name, spec := range different {
		if got := saidBy(t, spec); got[2] == want[2] {
			t.Errorf("another %s says the same", name)
		}
	}
}

// Who does not ask gets no digest, and the same plan.
func TestContentsChangeNoPlan(t *testing.T) {
	spec := saying("userid,orgid,n\na,1,甲\nb,1,乙\n", "{{ .n }}", "x", "y", "z")
	without := blocks(t, mustNew(t, spec))
	spec.Contents = true
	with := blocks(t, mustNew(t, spec))
	for i := range with {
		if with[i].Digest != without[i].Digest || with[i].Sum() != with[i].Digest {
			t.Errorf("block %d differs", i)
		}
		for j, d := range without[i].Deliveries {
			if d.Content != (campaign.Digest{}) || with[i].Deliveries[j].Digest != d.Digest {
				t.Errorf("delivery %d differs or says something", j)
			}
		}
	}
}

func TestContentDigest(t *testing.T) {
	digest := func(raw, file, v string) string {
		c := &campaign.Campaign{Vars: map[string]string{"v": v}}
		c.Content.Raw.JSON = []byte(raw)
		c.Content.Files = map[string]string{"content/a.html": file}
		d, err := ContentDigest(c)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := digest(`{"title":"t","n":1}`, "a\nb", "v")
	if digest(`{"n":1,"title":"t"}`, "a\r\nb", "v") != want {
		t.Error("the order of keys and line ends count")
	}
	for _, other := range []string{digest(`{"title":"T","n":1}`, "a\nb", "v"), digest(`{"title":"t","n":1}`, "a b", "v"), digest(`{"title":"t","n":1}`, "a\nb", "w")} {
		if other == want || len(other) != 64 {
			t.Errorf("got %s", other)
		}
	}
	if _, err := ContentDigest(&campaign.Campaign{Content: campaign.Content{Raw: campaign.Raw{JSON: []byte("{")}}}); err == nil || !strings.HasPrefix(err.Error(), "content: ") {
		t.Errorf("got %v", err)
	}
}
