package zqt

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"campaign/internal/targets"
)

func TestNames(t *testing.T) {
	a, problems := System{}.Account(testAccount(strings.Replace(exampleAccount, `{"统计局": {`, `{"a/b~c": {"userid": "u", "usertype": "government", "orgid": "o"}, "统计局": {`, 1)))
	if a == nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff([]string{"/senders/a~1b~0c", "/senders/统计局"}, a.(targets.Namer).Names()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	named := openTarget(t, exampleAccount, exampleChannel, exampleContent).(targets.NameUser)
	if diff := cmp.Diff([]string{"/senders/统计局"}, named.Uses()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	written := `{"type": "zqt.message", "target": "gov", "from": {"userid": "u", "usertype": "government", "orgid": "o"}}`
	if got := openTarget(t, exampleAccount, written, exampleContent).(targets.NameUser).Uses(); len(got) != 0 {
		t.Errorf("a sender without a name uses %v", got)
	}
}
