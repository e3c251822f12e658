package plan

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

func TestMessages(t *testing.T) {
	spec := base(five, "hello {{ .company }}", "shared")
	p := mustNew(t, spec)
	b := blocks(t, p)[0]
	ms, err := p.Messages(b)
	if err != nil || len(ms) != 2 {
		t.Fatal(ms, err)
	}
	for i, want := range []targets.Message{
		{Texts: []string{"hello X", "shared"}, Recipients: b.Deliveries[0].Recipients},
		{Texts: []string{"hello Y", "shared"}, Recipients: b.Deliveries[1].Recipients},
	} {
		if diff := cmp.Diff(want, ms[i]); diff != "" {
			t.Error(diff)
		}
	}
	if first := p.Summary().First; first == nil || cmp.Diff(ms[0], *first) != "" {
		t.Errorf("the first message is %+v", first)
	}

	t.Run("resumed", func(t *testing.T) {
		later := spec
		later.Columns = p.Columns()
		later.Open = files{}.open
		again, err := mustNew(t, later).Messages(b)
		if diff := cmp.Diff(ms, again); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	t.Run("not prepared", func(t *testing.T) {
		if _, err := mustNew(t, spec).Messages(b); err == nil || errors.Is(err, ErrDiffers) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("not planned again", func(t *testing.T) {
		later := spec
		later.Columns = p.Columns()
		for _, err := range mustNew(t, later).Blocks(context.Background()) {
			if err == nil {
				t.Error("planned")
			}
		}
	})
}

func TestMessagesRefuse(t *testing.T) {
	spec := base(five, "hello {{ .company }}")
	p := mustNew(t, spec)
	fresh := func() campaign.Block { return blocks(t, mustNew(t, spec))[0] }
	blocks(t, p)
	for name, change := range map[string]func(b *campaign.Block){
		"a cell that is shown": func(b *campaign.Block) { b.Deliveries[0].Recipients[0].Cells[3] = "Q" },
		"a cell of another":    func(b *campaign.Block) { b.Deliveries[0].Recipients[1].Cells[3] = "Q" },
		"an id":                func(b *campaign.Block) { b.Deliveries[0].Recipients[2].Cells[0] = "q" },
		"a row":                func(b *campaign.Block) { b.Deliveries[0].Recipients[0].Row++ },
		"cells moved":          func(b *campaign.Block) { c := b.Deliveries[0].Recipients[0].Cells; c[0], c[1] = c[0]+c[1], "" },
		"an empty cell":        func(b *campaign.Block) { b.Deliveries[0].Recipients[0].Cells[3] = "" },
		"a missing cell":       func(b *campaign.Block) { c := &b.Deliveries[0].Recipients[0].Cells; *c = (*c)[:2] },
		"a recipient more": func(b *campaign.Block) {
			d := &b.Deliveries[0]
			d.Recipients = append(d.Recipients, d.Recipients[0])
			b.Digest = b.Sum()
		},
		"a recipient less":          func(b *campaign.Block) { d := &b.Deliveries[0]; d.Recipients = d.Recipients[1:]; b.Digest = b.Sum() },
		"nobody":                    func(b *campaign.Block) { b.Deliveries[0].Recipients = nil; b.Digest = b.Sum() },
		"the order":                 func(b *campaign.Block) { slices.Reverse(b.Deliveries[0].Recipients); b.Digest = b.Sum() },
		"a digest":                  func(b *campaign.Block) { b.Deliveries[1].Digest[0]++; b.Digest = b.Sum() },
		"the block's digest":        func(b *campaign.Block) { b.Digest[0]++ },
		"a skip":                    func(b *campaign.Block) { b.Skips = nil },
		"deliveries changed places": func(b *campaign.Block) { slices.Reverse(b.Deliveries) },
	} {
		b := fresh()
		if _, err := p.Messages(b); err != nil {
			t.Fatal(err)
		}
		change(&b)
		if _, err := p.Messages(b); !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, change := range map[string]func(*Spec){
		"template":   func(s *Spec) { s.Layout.Texts[0].Source = "Hello {{ .company }}" },
		"literal":    func(s *Spec) { s.Layout.Texts[0].Source = "hello X" },
		"escape":     func(s *Spec) { s.Layout.Texts = append(s.Layout.Texts, targets.Text{Source: "more"}) },
		"occurrence": func(s *Spec) { s.Layout.Texts[0].Source = "hello {{ .company }}{{ .occurrence }}" },
	} {
		later := base(five, "hello {{ .company }}")
		change(&later)
		later.Columns = p.Columns()
		if _, err := mustNew(t, later).Messages(fresh()); !errors.Is(err, ErrDiffers) {
			t.Errorf("changed %s: got %v", name, err)
		}
	}
}
