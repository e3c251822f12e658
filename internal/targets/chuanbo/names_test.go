package chuanbo

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/targets"
)

func TestNames(t *testing.T) {
	if diff := cmp.Diff([]string{"/message_types/应急", "/signatures/宜兴发布"}, openAccount(t, exampleAccount).Names()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	content := `{"name": "停水", "tag": "民生", "signature": "宜兴发布", "text": "停水"}`
	named := openTarget(t, exampleAccount, SMS, `{"type": "chuanbo.sms", "target": "media", "message_type": "应急"}`, content).(targets.NameUser)
	if diff := cmp.Diff([]string{"/message_types/应急", "/signatures/宜兴发布"}, named.Uses()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	numbers := openTarget(t, exampleAccount, SMS, `{"type": "chuanbo.sms", "target": "media", "message_type": 38}`,
		`{"name": "停水", "tag": "民生", "signature": 50, "text": "停水"}`).(targets.NameUser)
	if got := numbers.Uses(); len(got) != 0 {
		t.Errorf("numbers use %v", got)
	}
}
