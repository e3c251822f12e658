package campaign_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"campaign/internal/campaign"
)

func TestMask(t *testing.T) {
	for _, c := range []struct{ id, want string }{
		{"", ""},
		{"1", "…"},
		{"王五", "…"},
		{"欧阳修", "欧…"},
		{"144", "1…"},
		{"宜兴市太平街道", "宜兴…道"},
		{"13800138000", "138…0"},
		{"2fb5c7c3-1d2e-4f5a-8b9c-0d1e2f3a4b5c", "2fb5…5c"},
		{"ab\x1b[2Jcdefghijkl", "ab\uFFFD[…kl"},
		{"\u202eabcdefghijklm", "\uFFFDabc…lm"},
	} {
		if got := campaign.Mask(c.id); got != c.want {
			t.Errorf("Mask(%q) = %q, want %q", c.id, got, c.want)
		}
	}
}

func TestMaskNeverShowsHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringN(1, 80, -1).Draw(t, "id")
		got := campaign.Mask(id)
		shown := utf8.RuneCountInString(got) - 1
		if !strings.Contains(got, "…") || 2*shown > utf8.RuneCountInString(id) || shown > 6 {
			t.Fatalf("Mask(%q) = %q shows %d characters", id, got, shown)
		}
	})
}
